extension ExplorerScript {
  /// Where points are on the screen, and which is near another or inside of something.
  static let places = #"""
    const reach = 16, margin = 14;

    // Left, top, right and bottom of some places; spreading thousands into an argument list would fail.
    const boundsOf = (xs, ys) => {
      const least = (values) => values.reduce((a, b) => Math.min(a, b));
      const most = (values) => values.reduce((a, b) => Math.max(a, b));
      return [least(xs), least(ys), most(xs), most(ys)];
    };

    // Whether a place lies inside of the polygon with corners at xs and ys: a ray from it meets an odd number of sides.
    const isInside = (xs, ys, x, y) => {
      let inside = false;
      for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
        if ((ys[i] > y) === (ys[j] > y)) continue;
        if (x < (xs[j] - xs[i]) * (y - ys[i]) / (ys[j] - ys[i]) + xs[i]) inside = !inside;
      }
      return inside;
    };

    const makePlaces = (points) => {
      const count = points.x.length, px = new Float32Array(count), py = new Float32Array(count);
      const whole = boundsOf(points.x, points.y);
      const places = { count, px, py, width: 0, height: 0 };
      let view = whole, columns = 1, rows = 1, starts = new Int32Array(2), order = new Int32Array(0);

      places.isVisible = (i) => px[i] >= 0 && py[i] >= 0 && px[i] <= places.width && py[i] <= places.height;

      // Points by squares of the plane, so that the one under the pointer is found among few.
      const sortIntoCells = () => {
        columns = Math.ceil(places.width / reach) + 1;
        rows = Math.ceil(places.height / reach) + 1;
        starts = new Int32Array(columns * rows + 1);
        order = new Int32Array(count);
        const cell = new Int32Array(count);
        for (let i = 0; i < count; i++) {
          cell[i] = places.isVisible(i) ? Math.floor(py[i] / reach) * columns + Math.floor(px[i] / reach) : -1;
          if (cell[i] >= 0) starts[cell[i] + 1]++;
        }
        for (let k = 0; k < columns * rows; k++) starts[k + 1] += starts[k];
        const next = starts.slice();
        for (let i = 0; i < count; i++) if (cell[i] >= 0) order[next[cell[i]]++] = i;
      };

      const project = () => {
        const { width, height } = places;
        const spanX = Math.max(view[2] - view[0], 1), spanY = Math.max(view[3] - view[1], 1);
        // One unit is as long in both directions, since distances mean something.
        const unit = Math.min((width - 2 * margin) / spanX, (height - 2 * margin) / spanY);
        const left = (width - unit * (view[2] - view[0])) / 2, top = (height - unit * (view[3] - view[1])) / 2;
        for (let i = 0; i < count; i++) {
          px[i] = left + (points.x[i] - view[0]) * unit;
          py[i] = top + (points.y[i] - view[1]) * unit;
        }
        sortIntoCells();
      };

      places.resize = (width, height) => {
        places.width = width;
        places.height = height;
        project();
      };

      places.showAll = () => {
        view = whole;
        project();
      };

      places.show = (members) => {
        view = boundsOf(members.map((i) => points.x[i]), members.map((i) => points.y[i]));
        // A single point would be blown up to nothing around it.
        const least = Math.max(whole[2] - whole[0], whole[3] - whole[1], 1) / 50;
        for (const axis of [0, 1]) {
          const lack = least - (view[axis + 2] - view[axis]);
          if (lack <= 0) continue;
          view[axis] -= lack / 2;
          view[axis + 2] += lack / 2;
        }
        project();
      };

      places.nearest = (x, y) => {
        let best = -1, least = reach * reach;
        const column = Math.floor(x / reach), row = Math.floor(y / reach);
        for (let r = Math.max(row - 1, 0); r <= Math.min(row + 1, rows - 1); r++) {
          for (let c = Math.max(column - 1, 0); c <= Math.min(column + 1, columns - 1); c++) {
            for (let k = starts[r * columns + c]; k < starts[r * columns + c + 1]; k++) {
              const i = order[k], distance = (px[i] - x) ** 2 + (py[i] - y) ** 2;
              if (distance < least) {
                best = i;
                least = distance;
              }
            }
          }
        }
        return best;
      };

      // The next point in a direction, preferring those straight ahead; from none, the one nearest to the middle.
      places.neighbour = (from, dx, dy) => {
        let best = from, least = Infinity;
        for (let i = 0; i < count; i++) {
          if (i === from || !places.isVisible(i)) continue;
          const ax = px[i] - (from < 0 ? places.width / 2 : px[from]);
          const ay = py[i] - (from < 0 ? places.height / 2 : py[from]);
          const along = ax * dx + ay * dy, across = Math.abs(ax * dy) + Math.abs(ay * dx);
          if (from >= 0 && (along < 0.5 || across > along)) continue;
          const cost = from < 0 ? Math.hypot(ax, ay) : along + 2 * across;
          if (cost < least) {
            best = i;
            least = cost;
          }
        }
        return best;
      };

      return places;
    };
    """#
}
