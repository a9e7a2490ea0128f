extension ExplorerScript {
  /// What is said and shown of one example.
  static let cards = #"""
    const makeCards = (points, clusterNames) => {
      const sheets = points.sheets.map((sheet) => ({ ...sheet, image: document.getElementById(sheet.id) }));
      const cards = { hasPictures: sheets.length > 0 };

      cards.pictures = (i, side) => {
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

      cards.lines = (i) => {
        const lines = [clusterNames.get(points.cluster[i])];
        const label = points.words[points.label[i]], prediction = points.words[points.prediction[i]];
        if (label) lines.push("label: " + label);
        if (prediction) lines.push("network: " + prediction);
        if (points.silhouette[i] !== null) lines.push("silhouette " + (points.silhouette[i] / 100).toFixed(2));
        return lines;
      };

      cards.describe = (i, side) => {
        const holder = make("div");
        holder.append(cards.pictures(i, side), make("b", "", points.name[i]));
        for (const line of cards.lines(i)) holder.append(make("div", "", line));
        return holder;
      };

      return cards;
    };
    """#
}
