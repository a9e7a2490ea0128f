/// A table of values in -1 … 1 as coloured cells: blue above zero, vermilion below.
public struct HeatMap: Figure {
  public var title: String
  public var description: String
  /// What the colours measure.
  public var valueTitle: String
  /// Names of rows and columns.
  public var rows, columns: [String]
  /// `rows.count` × `columns.count` values, nil or not finite where there is none.
  public var values: [[Double?]]

  /// Makes a heat map.
  public init(
    title: String, description: String = "", valueTitle: String, rows: [String], columns: [String],
    values: [[Double?]]
  ) {
    self.title = title
    self.description = description
    self.valueTitle = valueTitle
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let cell = min(64, max(18, 440 / Double(max(columns.count, 1))))
    let height = min(cell, 44)
    let labels = CategoryLabels(columns, slot: cell)
    let names = TextMetrics.fitting(rows, in: 180, size: 12)
    let left = max(28 + (names.map { TextMetrics.width(of: $0, size: 12) }.max() ?? 0), labels.overhang + 16)
    let right = left + cell * Double(columns.count)
    let width = max(right + 120, 400)
    let top = drawTitle(in: &writer, width: width) + 6
    let bottom = top + height * Double(rows.count)
    for (row, name) in names.enumerated() {
      let y = top + height * Double(row)
      writer.text(name, x: left - 10, y: y + height / 2 + 4, size: 12, anchor: .end, tooltip: rows[row])
      for column in columns.indices {
        let value = row < values.count && column < values[row].count ? values[row][column] : nil
        let tooltip = "\(rows[row]) – \(columns[column]): \(NumberText.fixed(value ?? .nan, 3))"
        draw(
          value, x: left + cell * Double(column), y: y, width: cell, height: height, tooltip: tooltip,
          in: &writer)
      }
    }
    labels.draw(in: &writer, axisAt: bottom) { left + cell * (Double($0) + 0.5) }
    let barBottom = drawColorBar(x: right + 26, top: top, height: max(bottom - top, 110), in: &writer)
    let foot = max(bottom + labels.height, barBottom) + 12
    return writer.finish(width: width, height: foot, title: title, description: description)
  }

  private func draw(
    _ value: Double?, x: Double, y: Double, width: Double, height: Double, tooltip: String,
    in writer: inout SVGWriter
  ) {
    guard let value, value.isFinite else {
      writer.rectangle(
        x: x + 1, y: y + 1, width: width - 2, height: height - 2, fill: .grid, tooltip: tooltip)
      return
    }
    let strength = min(abs(value), 1)
    let paint: Paint = value < 0 ? .negative : .positive
    writer.rectangle(x: x + 1, y: y + 1, width: width - 2, height: height - 2, fill: .grid, opacity: 0.5)
    writer.rectangle(
      x: x + 1, y: y + 1, width: width - 2, height: height - 2, fill: paint, opacity: strength,
      tooltip: tooltip)
    guard width >= 30 else { return }
    writer.text(
      NumberText.fixed(value, 2), x: x + width / 2, y: y + height / 2 + 4, size: width < 40 ? 10 : 11.5,
      anchor: .middle, paint: strength > 0.55 ? .white : .ink)
  }

  /// Draws the key of the colours; returns its lower end.
  private func drawColorBar(x: Double, top: Double, height: Double, in writer: inout SVGWriter) -> Double {
    let scale = Scale(-1...1, from: top + height, to: top)
    writer.gradientRectangle(
      x: x, y: top, width: 12, height: height / 2, stops: [(.positive, 0), (.positive, 1)], name: "positive")
    writer.gradientRectangle(
      x: x, y: top + height / 2, width: 12, height: height / 2, stops: [(.negative, 1), (.negative, 0)],
      name: "negative")
    for (value, label) in [(-1.0, "−1"), (-0.5, "−0.5"), (0.0, "0"), (0.5, "0.5"), (1.0, "1")] {
      writer.line(x + 12, scale(value), x + 16, scale(value), stroke: .muted)
      writer.text(label, x: x + 20, y: scale(value) + 4, size: 11, paint: .muted)
    }
    let text = TextMetrics.fitting(valueTitle, in: height + 30, size: 11.5)
    writer.text(
      text, x: x + 62, y: top + height / 2, size: 11.5, anchor: .middle, rotation: -90, tooltip: valueTitle)
    return top + height + 6
  }
}
