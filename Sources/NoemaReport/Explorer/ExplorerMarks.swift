extension ExplorerScript {
  /// Elements, colours, and the marks of strategies.
  static let marks = #"""
    const hueCount = 7, shapeCount = 4;

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
    """#
}
