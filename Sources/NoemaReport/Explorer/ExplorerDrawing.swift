extension ExplorerScript {
  /// The plot: marks on a layer that changes seldom, and over it what follows the pointer.
  static let drawing = #"""
    const makeDrawing = (canvas, places, clusters, state) => {
      const pen = canvas.getContext("2d"), layer = make("canvas"), layerPen = layer.getContext("2d");
      const { px, py } = places;
      const radius = places.count > 4000 ? 2.3 : places.count > 1000 ? 3 : 4.2;
      const drawing = { palette: readPalette() };
      let scale = 1, isDirty = true, isWaiting = false;

      const drawLayer = () => {
        layerPen.clearRect(0, 0, layer.width, layer.height);
        // Chosen points come last, above the others.
        for (const pass of state.chosenCount > 0 ? [0, 1] : [0]) {
          layerPen.globalAlpha = state.chosenCount === 0 ? 0.85 : pass === 0 ? 0.2 : 1;
          for (const cluster of clusters) {
            const stamp = makeStamp(cluster.number, radius, scale, drawing.palette), half = stamp.width / 2;
            for (const i of cluster.members) {
              if (state.chosen[i] !== pass || !places.isVisible(i)) continue;
              layerPen.drawImage(stamp, Math.round(px[i] * scale - half), Math.round(py[i] * scale - half));
            }
          }
        }
        layerPen.globalAlpha = 1;
        isDirty = false;
      };

      const drawRing = (i, color, text) => {
        if (!places.isVisible(i)) return;
        pen.strokeStyle = color;
        pen.lineWidth = 2;
        pen.beginPath();
        pen.arc(px[i], py[i], radius + 4, 0, 2 * Math.PI);
        pen.stroke();
        if (!text) return;
        pen.font = "600 12px system-ui, sans-serif";
        pen.lineWidth = 3;
        pen.strokeStyle = drawing.palette.ground;
        pen.strokeText(text, px[i] + radius + 6, py[i] - radius - 2);
        pen.fillStyle = color;
        pen.fillText(text, px[i] + radius + 6, py[i] - radius - 2);
      };

      const drawPath = (path) => {
        const [first, last] = [path[0], path[path.length - 1]];
        pen.strokeStyle = drawing.palette.ink;
        pen.lineWidth = 1.3;
        pen.setLineDash([5, 3]);
        pen.beginPath();
        if (state.isRectangle) {
          pen.rect(first[0], first[1], last[0] - first[0], last[1] - first[1]);
        } else {
          path.forEach(([x, y], index) => index === 0 ? pen.moveTo(x, y) : pen.lineTo(x, y));
          pen.closePath();
        }
        pen.stroke();
        pen.setLineDash([]);
      };

      drawing.draw = () => {
        isWaiting = false;
        if (places.width === 0) return;
        if (isDirty) drawLayer();
        pen.setTransform(1, 0, 0, 1, 0, 0);
        pen.clearRect(0, 0, canvas.width, canvas.height);
        pen.drawImage(layer, 0, 0);
        pen.setTransform(scale, 0, 0, scale, 0, 0);
        state.pins.forEach((i, index) => drawRing(i, drawing.palette.mark, String(index + 1)));
        if (state.hover >= 0) drawRing(state.hover, drawing.palette.ink);
        if (state.path) drawPath(state.path);
      };

      // Draws before the next frame, what follows the pointer only.
      drawing.schedule = () => {
        if (isWaiting) return;
        isWaiting = true;
        requestAnimationFrame(drawing.draw);
      };

      // The same, with the layer.
      drawing.redraw = () => {
        isDirty = true;
        drawing.schedule();
      };

      drawing.resize = () => {
        const box = canvas.getBoundingClientRect();
        if (box.width < 40 || box.height < 40) return;
        scale = Math.min(window.devicePixelRatio || 1, 2);
        for (const surface of [canvas, layer]) {
          surface.width = Math.round(box.width * scale);
          surface.height = Math.round(box.height * scale);
        }
        places.resize(box.width, box.height);
        drawing.redraw();
      };

      drawing.recolour = () => {
        drawing.palette = readPalette();
        drawing.redraw();
      };

      return drawing;
    };
    """#
}
