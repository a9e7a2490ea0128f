/// Where rules cut their features: a line from the least to the greatest value of each, and a mark at each threshold.
public struct ThresholdChart: Figure {
  /// A feature.
  public struct Row: Sendable, Hashable {
    /// The name, with the unit if there is one.
    public var name: String
    /// The least and the greatest value of the data.
    public var range: ClosedRange<Double>
    /// The thresholds, in any order, each as often as a rule asks it.
    public var thresholds: [Double]

    /// Makes a row.
    public init(name: String, range: ClosedRange<Double>, thresholds: [Double]) {
      self.name = name
      self.range = range
      self.thresholds = thresholds
    }
  }

  public var title: String
  public var description: String
  /// The rows, from the top.
  public var rows: [Row]

  /// Makes a chart.
  public init(title: String, description: String = "", rows: [Row]) {
    self.title = title
    self.description = description
    self.rows = rows
  }

  private static let rowHeight = 42.0, labelSize = 10.0

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let width = 620.0
    let names = TextMetrics.fitting(rows.map(\.name), in: 190, size: 12)
    let left = 34 + (names.map { TextMetrics.width(of: $0, size: 12) }.max() ?? 0)
    let right = width - 34
    let top = drawTitle(in: &writer, width: width) + 6
    for (index, row) in rows.enumerated() {
      let y = top + Self.rowHeight * (Double(index) + 0.5)
      writer.text(names[index], x: left - 14, y: y + 4, size: 12, anchor: .end, tooltip: row.name)
      draw(row, y: y, scale: Scale(row.range, from: left, to: right), in: &writer)
    }
    return writer.finish(
      width: width, height: top + Self.rowHeight * Double(rows.count) + 8, title: title,
      description: description)
  }

  private func draw(_ row: Row, y: Double, scale: Scale, in writer: inout SVGWriter) {
    writer.line(scale.from, y, scale.to, y, stroke: .grid, width: 5)
    for (value, x, anchor) in [
      (row.range.lowerBound, scale.from, SVGWriter.Anchor.start),
      (row.range.upperBound, scale.to, SVGWriter.Anchor.end),
    ] {
      writer.text(
        NumberText.compact(value), x: x, y: y + 17, size: Self.labelSize, anchor: anchor, paint: .faint)
    }
    var end = -Double.infinity
    let counts = Dictionary(row.thresholds.filter(\.isFinite).map { ($0, 1) }, uniquingKeysWith: +)
    for (value, count) in counts.sorted(by: { $0.key < $1.key }) {
      let (x, label) = (scale(value), NumberText.compact(value))
      writer.line(x, y - 6, x, y + 6, stroke: .series(0), width: 1.5 + min(4, Double(count - 1)))
      // Labels that would lie over the last one are left out; the mark stays.
      let half = TextMetrics.width(of: label, size: Self.labelSize) / 2
      guard x - half > end + 4 else { continue }
      let times = count == 1 ? "once" : "\(count) times"
      writer.text(
        label, x: x, y: y - 10, size: Self.labelSize, anchor: .middle, hasHalo: true,
        tooltip: "\(row.name), \(label): \(times)")
      end = x + half
    }
  }
}
