extension ExplorerScript {
  /// Buttons, pointer and keyboard of a plot, and when plots are made.
  static let controls = #"""
    const addButtons = (root, clusters, places, drawing, selection, state) => {
      const clearButton = makeButton("Clear", () => selection.choose(() => false));
      const zoomButton = makeButton("Zoom to selection", () => {
        places.show(selection.members());
        drawing.redraw();
      });
      const wholeButton = makeButton("Whole plot", () => {
        places.showAll();
        drawing.redraw();
      });
      const lassoButton = makeButton("Lasso", () => setTool(false));
      const rectangleButton = makeButton("Rectangle", () => setTool(true));
      const setTool = (isRectangle) => {
        state.isRectangle = isRectangle;
        lassoButton.setAttribute("aria-pressed", String(!isRectangle));
        rectangleButton.setAttribute("aria-pressed", String(isRectangle));
      };
      setTool(false);
      root.querySelector(".tools").append(lassoButton, rectangleButton, clearButton, zoomButton, wholeButton);

      const keys = clusters.map((cluster) =>
        [makeButton(undefined, (event) => selection.chooseCluster(cluster.number, event.shiftKey)), cluster]);
      const fillKeys = () => keys.forEach(([button, cluster]) => {
        const swatch = makeStamp(cluster.number, 5, 2, drawing.palette);
        swatch.style.width = swatch.style.height = swatch.width / 2 + "px";
        swatch.setAttribute("aria-hidden", "true");
        button.replaceChildren(swatch, make("span", "", cluster.name + ", " + cluster.share));
      });
      fillKeys();
      root.querySelector(".keys").append(...keys.map((pair) => pair[0]));

      selection.changed = () => {
        clearButton.disabled = zoomButton.disabled = state.chosenCount === 0;
        keys.forEach(([button, cluster]) => {
          const isAll = state.chosenCount > 0 && state.chosenCount === cluster.members.length
            && cluster.members.every((i) => state.chosen[i] === 1);
          button.setAttribute("aria-pressed", String(isAll));
        });
      };
      selection.changed();
      return fillKeys;
    };

    const followPointer = (canvas, places, drawing, selection, state) => {
      const spot = (event) => {
        const box = canvas.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
      };
      canvas.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        canvas.setPointerCapture(event.pointerId);
        state.path = [spot(event)];
        selection.showTip();
      });
      canvas.addEventListener("pointermove", (event) => {
        const [x, y] = spot(event);
        if (!state.path) return selection.point(places.nearest(x, y));
        const [lastX, lastY] = state.path[state.path.length - 1];
        if (Math.hypot(x - lastX, y - lastY) < 3) return;
        state.path.push([x, y]);
        drawing.schedule();
      });
      canvas.addEventListener("pointerup", (event) => {
        if (!state.path) return;
        const drawn = state.path;
        state.path = null;
        selection.choosePath(drawn, event.shiftKey);
        selection.showTip();
        drawing.schedule();
      });
      canvas.addEventListener("pointercancel", () => {
        state.path = null;
        drawing.schedule();
      });
      canvas.addEventListener("pointerleave", () => {
        if (!state.path) selection.point(-1);
      });
    };

    const followKeyboard = (canvas, points, places, cards, selection, state) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      canvas.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const i = state.hover;
        if (steps[event.key]) {
          selection.point(places.neighbour(i, ...steps[event.key]));
          if (state.hover >= 0) {
            selection.say([points.name[state.hover], ...cards.lines(state.hover)].join(", "));
          }
        } else if ((event.key === "Enter" || event.key === " ") && i >= 0) {
          selection.pin(i);
          selection.say(points.name[i] + (state.pins.includes(i) ? " pinned." : " unpinned."));
        } else if (event.key === "Escape") {
          selection.choose(() => false);
        } else if (event.key.toLowerCase() === "c" && i >= 0) {
          selection.chooseCluster(points.cluster[i], event.shiftKey);
        } else {
          return;
        }
        event.preventDefault();
      });
    };

    const explore = (root) => {
      const points = JSON.parse(document.getElementById(root.dataset.points).textContent);
      const canvas = root.querySelector(".plot"), places = makePlaces(points);
      const clusters = points.clusters.map((cluster) => ({ ...cluster, members: [] }));
      const byNumber = new Map(clusters.map((cluster) => [cluster.number, cluster]));
      points.cluster.forEach((number, i) => byNumber.get(number).members.push(i));
      const state = {
        chosen: new Uint8Array(places.count), chosenCount: 0, hover: -1, pins: [], path: null, isRectangle: false,
      };
      const drawing = makeDrawing(canvas, places, clusters, state);
      const cards = makeCards(points, new Map(clusters.map((cluster) => [cluster.number, cluster.name])));
      const selection = makeSelection(root, points, places, clusters, cards, drawing, state);
      const fillKeys = addButtons(root, clusters, places, drawing, selection, state);
      followPointer(canvas, places, drawing, selection, state);
      followKeyboard(canvas, points, places, cards, selection, state);
      window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
        drawing.recolour();
        fillKeys();
      });
      const layOut = () => {
        drawing.resize();
        selection.showTip();
      };
      new ResizeObserver(layOut).observe(canvas);
      layOut();
      return drawing;
    };

    // Plots are made when they come near the screen: a page may have a thousand, and each takes some megabytes.
    const explorers = new Map();
    const begin = (root) => {
      if (!explorers.has(root)) explorers.set(root, explore(root));
    };
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watch.unobserve(entry.target);
        begin(entry.target);
      }
    }, { rootMargin: "600px" });
    const roots = document.querySelectorAll(".explorer");
    for (const root of roots) watch.observe(root);
    // Paper has no screen to come near to, and no frame to wait for.
    window.addEventListener("beforeprint", () => {
      for (const root of roots) begin(root);
      for (const drawing of explorers.values()) drawing.draw();
    });
    """#
}
