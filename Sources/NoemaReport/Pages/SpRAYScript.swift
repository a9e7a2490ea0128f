/// Script and style of the plots that answer to pointer and keyboard. Names from data reach the page as text nodes
/// only, and nothing is fetched.
enum SpRAYScript {
  static let style = """
    .explorer { display: grid; gap: 14px 24px; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
    .explorer > .board { position: relative; align-self: start; border: 1px solid var(--rule); border-radius: 8px;
      background: var(--card); }
    .explorer canvas.plot { display: block; width: 100%; height: min(560px, 86vw); border-radius: 8px;
      cursor: crosshair; touch-action: pan-y; }
    .explorer canvas.plot:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    .tip { position: absolute; z-index: 2; pointer-events: none; max-width: 230px; padding: 8px 10px; font-size: 12.5px;
      line-height: 1.35; background: var(--card); border: 1px solid var(--rule); border-radius: 6px;
      box-shadow: 0 3px 14px rgb(0 0 0 / 0.22); }
    .tip[hidden], img.sheet { display: none; }
    .tip b, .pins b { display: block; font-weight: 600; }
    .shots { display: flex; gap: 5px; margin-bottom: 5px; }
    .shots canvas { display: block; border-radius: 3px; background: var(--idle-ground); }
    .shots canvas.coarse { image-rendering: pixelated; }
    .keys, .tools, .grid, .pins { display: flex; flex-wrap: wrap; gap: 6px; margin: 0 0 10px; }
    .explorer button { font: inherit; font-size: 13px; color: var(--ink); background: var(--card); cursor: pointer;
      border: 1px solid var(--rule); border-radius: 6px; padding: 3px 9px; }
    .explorer button:hover:not(:disabled) { border-color: var(--accent); }
    .explorer button:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
    .explorer button:disabled { opacity: 0.45; cursor: default; }
    .explorer button[aria-pressed="true"] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
    .keys button { display: inline-flex; align-items: center; gap: 6px; }
    .explorer .grid { max-height: 300px; overflow-y: auto; gap: 4px; }
    .explorer .grid button { padding: 2px; } .grid .shots { margin: 0; }
    .pins > div { border: 1px solid var(--rule); border-radius: 6px; padding: 7px 9px; font-size: 12.5px; width: 190px;
      line-height: 1.35; }
    .explorer h4 { font-size: 14px; margin: 6px 0; }
    .explorer .said { font-size: 13px; color: var(--muted); min-height: 1.5em; }
    .explorer details { font-size: 13px; } .explorer summary { cursor: pointer; }
    .explorer pre { max-height: 220px; overflow: auto; background: var(--idle-ground); border-radius: 6px;
      padding: 8px 10px; font-size: 12px; margin: 6px 0; white-space: pre-wrap; }
    .ranking td:last-child { min-width: 260px; font-size: 13.5px; }
    .swatch { width: 14px; height: 14px; vertical-align: -2px; margin-right: 7px; }
    @media (max-width: 760px) { .explorer { grid-template-columns: minmax(0, 1fr); } }
    @media print { .explorer { display: block; } .tools, .tip, .said { display: none; } }
    """

  static let script = #"""
    "use strict";
    (() => {
      const reach = 16, listLimit = 120, pinLimit = 12, shapeCount = 4, hueCount = 7;

      const make = (name, className, text) => {
        const element = document.createElement(name);
        if (className) element.className = className;
        if (text !== undefined) element.textContent = text;
        return element;
      };

      const makeButton = (text, action) => {
        const button = make("button", "", text);
        button.type = "button";
        button.addEventListener("click", action);
        return button;
      };

      const readPalette = () => {
        const style = getComputedStyle(document.documentElement);
        const value = (name) => style.getPropertyValue("--fig-" + name).trim();
        const series = Array.from({ length: hueCount }, (_, index) => value("series-" + index));
        const [ink, muted, mark, ground] = ["ink", "muted", "highlight", "background"].map(value);
        return { series, ink, muted, mark, ground };
      };

      // The shapes of the figures, so that strategies differ without their colours.
      const trace = (pen, cluster, x, y, r) => {
        const polygon = (corners) => {
          corners.forEach(([dx, dy], index) => {
            if (index === 0) pen.moveTo(x + dx * r, y + dy * r); else pen.lineTo(x + dx * r, y + dy * r);
          });
          pen.closePath();
        };
        if (cluster < 0) {
          pen.moveTo(x - 0.7 * r, y - 0.7 * r);
          pen.lineTo(x + 0.7 * r, y + 0.7 * r);
          pen.moveTo(x - 0.7 * r, y + 0.7 * r);
          pen.lineTo(x + 0.7 * r, y - 0.7 * r);
          return;
        }
        switch (cluster % shapeCount) {
        case 0: pen.arc(x, y, r, 0, 2 * Math.PI); break;
        case 1: pen.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r); break;
        case 2: polygon([[0, -1.2], [1.15, 0.8], [-1.15, 0.8]]); break;
        default: polygon([[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]]);
        }
      };

      // A mark drawn once, to be stamped many times.
      const makeStamp = (cluster, r, scale, palette) => {
        const stamp = make("canvas"), side = Math.ceil((2.8 * r + 2) * scale), pen = stamp.getContext("2d");
        stamp.width = stamp.height = side;
        pen.setTransform(scale, 0, 0, scale, 0, 0);
        pen.beginPath();
        trace(pen, cluster, side / scale / 2, side / scale / 2, r);
        if (cluster < 0) {
          pen.strokeStyle = palette.muted;
          pen.lineWidth = 1.2;
          pen.stroke();
        } else {
          pen.fillStyle = palette.series[cluster % hueCount];
          pen.fill();
          pen.strokeStyle = palette.ground;
          pen.lineWidth = 0.5;
          pen.stroke();
        }
        return stamp;
      };

      // Left, top, right and bottom of some places; spreading thousands into an argument list would fail.
      const boundsOf = (xs, ys) => {
        const least = (values) => values.reduce((a, b) => Math.min(a, b));
        const most = (values) => values.reduce((a, b) => Math.max(a, b));
        return [least(xs), least(ys), most(xs), most(ys)];
      };

      const isInside = (polygon, x, y) => {
        let inside = false;
        for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
          const [xi, yi] = polygon[i], [xj, yj] = polygon[j];
          if ((yi > y) !== (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi) inside = !inside;
        }
        return inside;
      };

      const explore = (root) => {
        const points = JSON.parse(document.getElementById(root.dataset.points).textContent);
        const count = points.x.length;
        const part = (name) => root.querySelector("." + name);
        const canvas = part("plot"), pen = canvas.getContext("2d"), tip = part("tip"), said = part("said");
        const layer = make("canvas"), layerPen = layer.getContext("2d");
        const sheets = points.sheets.map((sheet) => ({ ...sheet, image: document.getElementById(sheet.id) }));
        const px = new Float32Array(count), py = new Float32Array(count), chosen = new Uint8Array(count);
        const whole = boundsOf(points.x, points.y);
        let chosenCount = 0, hover = -1, pins = [], path = null, isRectangle = false, view = whole;
        let width = 0, height = 0, scale = 1, palette = readPalette(), isDirty = true, isWaiting = false;
        let columns = 1, rows = 1, starts = new Int32Array(2), order = new Int32Array(0);

        const radius = count > 4000 ? 2.3 : count > 1000 ? 3 : 4.2;
        const clusters = points.clusters.map((cluster) => ({ ...cluster, members: [] }));
        const byNumber = new Map(clusters.map((cluster) => [cluster.number, cluster]));
        for (let i = 0; i < count; i++) byNumber.get(points.cluster[i]).members.push(i);
        const isVisible = (i) => px[i] >= 0 && py[i] >= 0 && px[i] <= width && py[i] <= height;

        // MARK: Places

        // Points by squares of the plane, so that the one under the pointer is found among few.
        const sortIntoCells = () => {
          columns = Math.ceil(width / reach) + 1;
          rows = Math.ceil(height / reach) + 1;
          starts = new Int32Array(columns * rows + 1);
          order = new Int32Array(count);
          const cell = new Int32Array(count);
          for (let i = 0; i < count; i++) {
            cell[i] = isVisible(i) ? Math.floor(py[i] / reach) * columns + Math.floor(px[i] / reach) : -1;
            if (cell[i] >= 0) starts[cell[i] + 1]++;
          }
          for (let k = 0; k < columns * rows; k++) starts[k + 1] += starts[k];
          const next = starts.slice();
          for (let i = 0; i < count; i++) if (cell[i] >= 0) order[next[cell[i]]++] = i;
        };

        const nearest = (x, y) => {
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

        // The next point in a direction, preferring those straight ahead.
        const neighbour = (dx, dy) => {
          let best = hover, least = Infinity;
          for (let i = 0; i < count; i++) {
            if (i === hover || !isVisible(i)) continue;
            const ax = hover < 0 ? px[i] - width / 2 : px[i] - px[hover];
            const ay = hover < 0 ? py[i] - height / 2 : py[i] - py[hover];
            const along = ax * dx + ay * dy, across = Math.abs(ax * dy) + Math.abs(ay * dx);
            if (hover >= 0 && (along < 0.5 || across > along)) continue;
            const cost = hover < 0 ? Math.hypot(ax, ay) : along + 2 * across;
            if (cost < least) {
              best = i;
              least = cost;
            }
          }
          return best;
        };

        const place = () => {
          const margin = 14, spanX = Math.max(view[2] - view[0], 1), spanY = Math.max(view[3] - view[1], 1);
          // One unit is as long in both directions, since distances mean something.
          const unit = Math.min((width - 2 * margin) / spanX, (height - 2 * margin) / spanY);
          const left = (width - unit * (view[2] - view[0])) / 2, top = (height - unit * (view[3] - view[1])) / 2;
          for (let i = 0; i < count; i++) {
            px[i] = left + (points.x[i] - view[0]) * unit;
            py[i] = top + (points.y[i] - view[1]) * unit;
          }
          sortIntoCells();
          redraw();
        };

        const layOut = () => {
          const box = canvas.getBoundingClientRect();
          if (box.width < 40 || box.height < 40) return;
          width = box.width;
          height = box.height;
          scale = Math.min(window.devicePixelRatio || 1, 2);
          for (const surface of [canvas, layer]) {
            surface.width = Math.round(width * scale);
            surface.height = Math.round(height * scale);
          }
          place();
          showTip();
        };

        // MARK: Drawing

        const drawLayer = () => {
          layerPen.clearRect(0, 0, layer.width, layer.height);
          // Chosen points come last, above the others.
          for (const pass of chosenCount > 0 ? [0, 1] : [0]) {
            layerPen.globalAlpha = chosenCount === 0 ? 0.85 : pass === 0 ? 0.2 : 1;
            for (const cluster of clusters) {
              const stamp = makeStamp(cluster.number, radius, scale, palette), half = stamp.width / 2;
              for (const i of cluster.members) {
                if (chosen[i] !== pass || !isVisible(i)) continue;
                layerPen.drawImage(stamp, Math.round(px[i] * scale - half), Math.round(py[i] * scale - half));
              }
            }
          }
          layerPen.globalAlpha = 1;
          isDirty = false;
        };

        const drawRing = (i, color, text) => {
          if (!isVisible(i)) return;
          pen.strokeStyle = color;
          pen.lineWidth = 2;
          pen.beginPath();
          pen.arc(px[i], py[i], radius + 4, 0, 2 * Math.PI);
          pen.stroke();
          if (!text) return;
          pen.font = "600 12px system-ui, sans-serif";
          pen.lineWidth = 3;
          pen.strokeStyle = palette.ground;
          pen.strokeText(text, px[i] + radius + 6, py[i] - radius - 2);
          pen.fillStyle = color;
          pen.fillText(text, px[i] + radius + 6, py[i] - radius - 2);
        };

        const drawPath = () => {
          const [first, last] = [path[0], path[path.length - 1]];
          pen.strokeStyle = palette.ink;
          pen.lineWidth = 1.3;
          pen.setLineDash([5, 3]);
          pen.beginPath();
          if (isRectangle) {
            pen.rect(first[0], first[1], last[0] - first[0], last[1] - first[1]);
          } else {
            path.forEach(([x, y], index) => index === 0 ? pen.moveTo(x, y) : pen.lineTo(x, y));
            pen.closePath();
          }
          pen.stroke();
          pen.setLineDash([]);
        };

        const draw = () => {
          isWaiting = false;
          if (width === 0) return;
          if (isDirty) drawLayer();
          pen.setTransform(1, 0, 0, 1, 0, 0);
          pen.clearRect(0, 0, canvas.width, canvas.height);
          pen.drawImage(layer, 0, 0);
          pen.setTransform(scale, 0, 0, scale, 0, 0);
          pins.forEach((i, index) => drawRing(i, palette.mark, String(index + 1)));
          if (hover >= 0) drawRing(hover, palette.ink);
          if (path) drawPath();
        };
        const schedule = () => {
          if (isWaiting) return;
          isWaiting = true;
          requestAnimationFrame(draw);
        };
        const redraw = () => {
          isDirty = true;
          schedule();
        };

        // MARK: Words and pictures

        const makePictures = (i, side) => {
          const holder = make("span", "shots");
          for (const sheet of sheets) {
            const tile = points.tile[i];
            if (tile >= sheet.count) continue;
            const surface = make("canvas", side > sheet.cell ? "coarse" : ""), brush = surface.getContext("2d");
            surface.width = surface.height = sheet.cell;
            surface.style.width = surface.style.height = side + "px";
            surface.setAttribute("role", "img");
            surface.setAttribute("aria-label", sheet.title + " of " + points.name[i]);
            const left = tile % sheet.columns * sheet.cell, top = Math.floor(tile / sheet.columns) * sheet.cell;
            const copy = () =>
              brush.drawImage(sheet.image, left, top, sheet.cell, sheet.cell, 0, 0, sheet.cell, sheet.cell);
            if (sheet.image.complete) copy(); else sheet.image.addEventListener("load", copy, { once: true });
            holder.append(surface);
          }
          return holder;
        };

        const linesAbout = (i) => {
          const lines = [byNumber.get(points.cluster[i]).name];
          const label = points.words[points.label[i]], prediction = points.words[points.prediction[i]];
          if (label) lines.push("label: " + label);
          if (prediction) lines.push("network: " + prediction);
          if (points.silhouette[i] !== null) lines.push("silhouette " + (points.silhouette[i] / 100).toFixed(2));
          return lines;
        };

        const describe = (i, side) => {
          const holder = make("div");
          holder.append(makePictures(i, side), make("b", "", points.name[i]));
          for (const line of linesAbout(i)) holder.append(make("div", "", line));
          return holder;
        };

        const showTip = () => {
          tip.hidden = hover < 0 || path !== null || !isVisible(hover);
          if (tip.hidden) return;
          tip.replaceChildren(describe(hover, 84));
          const isRight = px[hover] > width / 2, isLow = py[hover] > height / 2;
          tip.style.left = isRight ? "" : px[hover] + 14 + "px";
          tip.style.right = isRight ? width - px[hover] + 14 + "px" : "";
          tip.style.top = isLow ? "" : py[hover] + 10 + "px";
          tip.style.bottom = isLow ? height - py[hover] + 10 + "px" : "";
        };

        const point = (i) => {
          if (i === hover) return;
          hover = i;
          showTip();
          schedule();
        };

        const showPins = () => {
          part("pins").replaceChildren(...pins.map((i, index) => {
            const card = describe(i, 72);
            card.prepend(make("b", "", "Pin " + (index + 1)));
            card.append(makeButton("Unpin", () => pin(i)));
            return card;
          }));
        };

        const pin = (i) => {
          if (pins.includes(i)) pins = pins.filter((other) => other !== i);
          else pins = [...pins, i].slice(-pinLimit);
          showPins();
          schedule();
        };

        // MARK: Choosing

        const showChosen = () => {
          const area = part("chosen");
          area.replaceChildren();
          clearButton.disabled = zoomButton.disabled = chosenCount === 0;
          keys.forEach(([button, cluster]) => {
            const isAll = chosenCount === cluster.members.length && cluster.members.every((i) => chosen[i] === 1);
            button.setAttribute("aria-pressed", String(isAll));
          });
          if (chosenCount === 0) return;
          const members = [];
          for (let i = 0; i < count; i++) if (chosen[i] === 1) members.push(i);
          area.append(make("h4", "", chosenCount + " of " + count + " selected"));
          const shares = clusters
            .map((cluster) => [cluster.name, cluster.members.reduce((sum, i) => sum + chosen[i], 0)])
            .filter((pair) => pair[1] > 0).map((pair) => pair[0] + ": " + pair[1]);
          area.append(make("p", "", shares.join(", ")));
          const grid = make("div", "grid");
          for (const i of sheets.length > 0 ? members.slice(0, listLimit) : []) {
            const button = makeButton(undefined, () => pin(i));
            button.title = points.name[i];
            button.append(makePictures(i, 44));
            button.addEventListener("pointerenter", () => point(i));
            button.addEventListener("focus", () => point(i));
            grid.append(button);
          }
          area.append(grid);
          if (sheets.length > 0 && chosenCount > listLimit) {
            area.append(make("p", "lead", "Pictures of the first " + listLimit + "."));
          }
          const list = make("details");
          list.append(make("summary", "", "Names"), make("pre", "", members.map((i) => points.name[i]).join("\n")));
          area.append(list);
        };

        const choose = (isWanted, isAdding) => {
          chosenCount = 0;
          for (let i = 0; i < count; i++) {
            chosen[i] = (isAdding && chosen[i] === 1) || isWanted(i) ? 1 : 0;
            chosenCount += chosen[i];
          }
          said.textContent = chosenCount === 0 ? "Nothing selected." : chosenCount + " examples selected.";
          showChosen();
          redraw();
        };
        const chooseCluster = (number, isAdding) => choose((i) => points.cluster[i] === number, isAdding);

        const finishPath = (drawn, isAdding) => {
          const [left, top, right, bottom] = boundsOf(drawn.map((spot) => spot[0]), drawn.map((spot) => spot[1]));
          const [x0, y0] = drawn[0], [x1, y1] = drawn[drawn.length - 1];
          if (right - left < 5 && bottom - top < 5) {
            const i = nearest(x0, y0);
            if (i >= 0) pin(i); else choose(() => false);
            return;
          }
          choose((i) => isVisible(i) && (isRectangle
            ? (px[i] - x0) * (px[i] - x1) <= 0 && (py[i] - y0) * (py[i] - y1) <= 0
            : isInside(drawn, px[i], py[i])), isAdding);
        };

        const zoom = () => {
          const members = [];
          for (let i = 0; i < count; i++) if (chosen[i] === 1) members.push(i);
          if (members.length === 0) return;
          view = boundsOf(members.map((i) => points.x[i]), members.map((i) => points.y[i]));
          // A single point would be blown up to nothing around it.
          const least = Math.max(whole[2] - whole[0], whole[3] - whole[1], 1) / 50;
          for (const axis of [0, 1]) {
            const lack = least - (view[axis + 2] - view[axis]);
            if (lack <= 0) continue;
            view[axis] -= lack / 2;
            view[axis + 2] += lack / 2;
          }
          place();
        };

        // MARK: Controls

        const clearButton = makeButton("Clear", () => choose(() => false));
        const zoomButton = makeButton("Zoom to selection", zoom);
        const wholeButton = makeButton("Whole plot", () => {
          view = whole;
          place();
        });
        const lassoButton = makeButton("Lasso", () => setTool(false));
        const rectangleButton = makeButton("Rectangle", () => setTool(true));
        const setTool = (isRectangular) => {
          isRectangle = isRectangular;
          lassoButton.setAttribute("aria-pressed", String(!isRectangle));
          rectangleButton.setAttribute("aria-pressed", String(isRectangle));
        };
        setTool(false);
        part("tools").append(lassoButton, rectangleButton, clearButton, zoomButton, wholeButton);

        const keys = clusters.map((cluster) => {
          const button = make("button");
          button.type = "button";
          button.addEventListener("click", (event) => chooseCluster(cluster.number, event.shiftKey));
          return [button, cluster];
        });
        const fillKeys = () => keys.forEach(([button, cluster]) => {
          const swatch = makeStamp(cluster.number, 5, 2, palette);
          swatch.style.width = swatch.style.height = swatch.width / 2 + "px";
          swatch.setAttribute("aria-hidden", "true");
          button.replaceChildren(swatch, make("span", "", cluster.name + ", " + cluster.share));
        });
        fillKeys();
        part("keys").append(...keys.map((pair) => pair[0]));

        const spot = (event) => {
          const box = canvas.getBoundingClientRect();
          return [event.clientX - box.left, event.clientY - box.top];
        };
        canvas.addEventListener("pointerdown", (event) => {
          if (event.button !== 0) return;
          canvas.setPointerCapture(event.pointerId);
          path = [spot(event)];
          showTip();
        });
        canvas.addEventListener("pointermove", (event) => {
          const [x, y] = spot(event);
          if (!path) return point(nearest(x, y));
          const [lastX, lastY] = path[path.length - 1];
          if (Math.hypot(x - lastX, y - lastY) < 3) return;
          path.push([x, y]);
          schedule();
        });
        canvas.addEventListener("pointerup", (event) => {
          if (!path) return;
          const drawn = path;
          path = null;
          finishPath(drawn, event.shiftKey);
          showTip();
          schedule();
        });
        canvas.addEventListener("pointercancel", () => {
          path = null;
          schedule();
        });
        canvas.addEventListener("pointerleave", () => {
          if (!path) point(-1);
        });
        const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
        canvas.addEventListener("keydown", (event) => {
          if (event.ctrlKey || event.metaKey || event.altKey) return;
          if (steps[event.key]) {
            point(neighbour(...steps[event.key]));
            if (hover >= 0) said.textContent = [points.name[hover], ...linesAbout(hover)].join(", ");
          } else if ((event.key === "Enter" || event.key === " ") && hover >= 0) {
            pin(hover);
          } else if (event.key === "Escape") {
            choose(() => false);
          } else if (event.key.toLowerCase() === "c" && hover >= 0) {
            chooseCluster(points.cluster[hover], event.shiftKey);
          } else {
            return;
          }
          event.preventDefault();
        });

        window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
          palette = readPalette();
          fillKeys();
          redraw();
        });
        new ResizeObserver(layOut).observe(canvas);
        showChosen();
        layOut();
      };

      for (const root of document.querySelectorAll(".explorer")) explore(root);
    })();
    """#
}
