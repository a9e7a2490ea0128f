/// The smallest eigenvalues of a graph's Laplacian in order, with the largest gap between neighbours marked.
struct SpRAYSpectrum: Figure {
  var title: String
  var description: String {
    "As many eigenvalues are near 0 as there are groups that hang together loosely; a wide gap after them says "
      + "that the groups are distinct. Filled dots lie below the largest gap."
  }
  /// The eigenvalues, ascending.
  var eigenvalues: [Double]
  /// How many lie below the gap; 0 for no gap.
  var clusterCount: Int

  func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let values = eigenvalues.map { $0.isFinite ? $0 : 0 }
    let highest = max(values.max() ?? 0, 1e-3) * 1.06
    let axis = ValueAxis(title: "eigenvalue", range: 0...highest)
    let width = 540.0, left = 16 + axis.width, right = width - 24
    var top = drawTitle(in: &writer, width: width)
    top += legend.draw(in: &writer, x: left, y: top, width: right - left) + 8
    let bottom = top + 230
    let scale = Scale(0...highest, from: bottom, to: top)
    let slot = (right - left) / Double(max(values.count, 1))
    func x(_ index: Int) -> Double { left + slot * (Double(index) + 0.5) }
    axis.draw(in: &writer, scale: scale, left: left, right: right)
    if hasGap {
      let below = values[clusterCount - 1], above = values[clusterCount]
      writer.rectangle(
        x: left, y: scale(above), width: right - left, height: scale(below) - scale(above), fill: .highlight,
        opacity: 0.14)
      let middle = (x(clusterCount - 1) + x(clusterCount)) / 2
      writer.line(middle, top, middle, bottom, stroke: .highlight, width: 1.3, dash: "4 3")
      let isLeft = middle > (left + right) / 2
      writer.text(
        "gap \(NumberText.compact(above - below)) after \(clusterCount)", x: middle + (isLeft ? -7 : 7),
        y: top + 12,
        size: 11.5, anchor: isLeft ? .end : .start, hasHalo: true)
    }
    writer.line(left, bottom, right, bottom, stroke: .ink)
    for (index, value) in values.enumerated() {
      writer.marker(
        0, x: x(index), y: scale(value), radius: min(4.2, slot * 0.4), paint: .series(0),
        isHollow: !(hasGap && index < clusterCount), tooltip: "\(index + 1): \(NumberText.compact(value))")
    }
    // Every number while there is room, then every second, fifth, tenth …
    let step = [1, 2, 5, 10, 20, 50, 100].first { slot * Double($0) >= 24 } ?? 200
    for number in stride(from: step, through: values.count, by: step) {
      writer.text("\(number)", x: x(number - 1), y: bottom + 17, size: 11.5, anchor: .middle, paint: .muted)
    }
    writer.text("number", x: (left + right) / 2, y: bottom + 36, size: 12, anchor: .middle)
    return writer.finish(width: width, height: bottom + 48, title: title, description: description)
  }

  private var hasGap: Bool { (1..<max(1, eigenvalues.count)).contains(clusterCount) }

  private var legend: Legend {
    var legend = Legend()
    if hasGap {
      legend.entries = [
        (.marker(shape: 0, .series(0), isHollow: false), "below the gap"),
        (.marker(shape: 0, .series(0), isHollow: true), "above"),
        (.dash(.highlight), "largest gap"),
      ]
    }
    return legend
  }
}
