extension ExplorerScript {
  /// Which examples are pointed at, pinned and selected, and what the panel says of them.
  static let selection = #"""
    const listLimit = 120, pinLimit = 12;

    const makeSelection = (root, points, places, clusters, cards, drawing, state) => {
      const { px, py, count } = places;
      const part = (name) => root.querySelector("." + name);
      const tip = part("tip");
      // Called after every change of what is selected.
      const selection = { changed: () => {} };

      selection.members = () => {
        const members = [];
        for (let i = 0; i < count; i++) if (state.chosen[i] === 1) members.push(i);
        return members;
      };

      selection.say = (text) => { part("said").textContent = text; };

      selection.showTip = () => {
        const i = state.hover;
        tip.hidden = i < 0 || state.path !== null || !places.isVisible(i);
        if (tip.hidden) return;
        tip.replaceChildren(cards.describe(i, 84));
        const isRight = px[i] > places.width / 2, isLow = py[i] > places.height / 2;
        tip.style.left = isRight ? "" : px[i] + 14 + "px";
        tip.style.right = isRight ? places.width - px[i] + 14 + "px" : "";
        tip.style.top = isLow ? "" : py[i] + 10 + "px";
        tip.style.bottom = isLow ? places.height - py[i] + 10 + "px" : "";
      };

      selection.point = (i) => {
        if (i === state.hover) return;
        state.hover = i;
        selection.showTip();
        drawing.schedule();
      };

      selection.pin = (i) => {
        if (state.pins.includes(i)) state.pins = state.pins.filter((other) => other !== i);
        else state.pins = [...state.pins, i].slice(-pinLimit);
        part("pins").replaceChildren(...state.pins.map((pinned, index) => {
          const card = cards.describe(pinned, 72);
          card.prepend(make("b", "", "Pin " + (index + 1)));
          card.append(makeButton("Unpin", () => selection.pin(pinned)));
          return card;
        }));
        drawing.schedule();
      };

      const makeGrid = (members) => {
        const grid = make("div", "grid");
        for (const i of members.slice(0, listLimit)) {
          const button = makeButton(undefined, () => selection.pin(i));
          button.title = points.name[i];
          button.append(cards.pictures(i, 44));
          button.addEventListener("pointerenter", () => selection.point(i));
          button.addEventListener("focus", () => selection.point(i));
          grid.append(button);
        }
        return grid;
      };

      const showChosen = () => {
        const area = part("chosen");
        area.replaceChildren();
        if (state.chosenCount === 0) return;
        const members = selection.members();
        area.append(make("h4", "", state.chosenCount + " of " + count + " selected"));
        const shares = clusters
          .map((cluster) => [cluster.name, cluster.members.reduce((sum, i) => sum + state.chosen[i], 0)])
          .filter((pair) => pair[1] > 0).map((pair) => pair[0] + ": " + pair[1]);
        area.append(make("p", "", shares.join(", ")));
        if (cards.hasPictures) area.append(makeGrid(members));
        if (cards.hasPictures && members.length > listLimit) {
          area.append(make("p", "lead", "Pictures of the first " + listLimit + "."));
        }
        const list = make("details");
        list.append(make("summary", "", "Names"), make("pre", "", members.map((i) => points.name[i]).join("\n")));
        area.append(list);
      };

      selection.choose = (isWanted, isAdding) => {
        state.chosenCount = 0;
        for (let i = 0; i < count; i++) {
          state.chosen[i] = (isAdding && state.chosen[i] === 1) || isWanted(i) ? 1 : 0;
          state.chosenCount += state.chosen[i];
        }
        selection.say(state.chosenCount === 0 ? "Nothing selected." : state.chosenCount + " examples selected.");
        showChosen();
        selection.changed();
        drawing.redraw();
      };

      selection.chooseCluster = (number, isAdding) =>
        selection.choose((i) => points.cluster[i] === number, isAdding);

      // A path hardly longer than a point is a click.
      selection.choosePath = (path, isAdding) => {
        const xs = path.map((spot) => spot[0]), ys = path.map((spot) => spot[1]);
        const [left, top, right, bottom] = boundsOf(xs, ys);
        const [x0, y0] = path[0], [x1, y1] = path[path.length - 1];
        if (right - left < 5 && bottom - top < 5) {
          const i = places.nearest(x0, y0);
          if (i >= 0) selection.pin(i); else selection.choose(() => false);
          return;
        }
        const isNear = (i) => px[i] >= left && px[i] <= right && py[i] >= top && py[i] <= bottom;
        selection.choose((i) => places.isVisible(i) && (state.isRectangle
          ? (px[i] - x0) * (px[i] - x1) <= 0 && (py[i] - y0) * (py[i] - y1) <= 0
          : isNear(i) && isInside(xs, ys, px[i], py[i])), isAdding);
      };

      return selection;
    };
    """#
}
