/// One row for each observed value: the histogram of its null distribution, the value marked, its p beside
/// it.
public struct NullChart: Figure {
  /// An observed value and what random repetitions of the experiment gave.
  public struct Row: Sendable, Hashable {
    /// The row's name.
    public var name: String
    /// The value that was observed; not finite when there is none.
    public var observed: Double
    /// The values under the null hypothesis.
    public var null: [Double]
    /// The p-value, and after correction.
    public var p, pAdjusted: Double

    /// Makes a row.
    public init(name: String, observed: Double, null: [Double], p: Double, pAdjusted: Double) {
      self.name = name
      self.observed = observed
      self.null = null
      self.p = p
      self.pAdjusted = pAdjusted
    }
  }

  public var title: String
  public var description: String
  /// Title of the horizontal axis.
  public var valueTitle: String
  /// Range of the horizontal axis.
  public var range: ClosedRange<Double>
  /// The rows, from the top.
  public var rows: [Row]
  /// Largest p that counts as significant.
  public var significance: Double

  /// Makes a chart of null distributions.
  public init(
    title: String, description: String = "", valueTitle: String, range: ClosedRange<Double> = 0...1,
    rows: [Row],
    significance: Double = 0.05
  ) {
    self.title = title
    self.description = description
    self.valueTitle = valueTitle
    self.range = range
    self.rows = rows
    self.significance = significance
  }

  private static let binCount = 25
  private static let rowHeight = 52.0

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let width = 570.0
    let names = TextMetrics.fitting(rows.map(\.name), in: 140, size: 12)
    let left = 28 + (names.map { TextMetrics.width(of: $0, size: 12) }.max() ?? 0)
    let right = width - 158
    var top = drawTitle(in: &writer, width: width)
    var legend = Legend()
    legend.entries = [
      (.fill(.faint), "random concepts"), (.marker(shape: 3, .highlight, isHollow: false), "observed"),
      (.marker(shape: 3, .highlight, isHollow: true), "observed, not significant"),
    ]
    let legendHeight = legend.draw(in: &writer, x: left, y: top, width: right - left + 8)
    for (text, x) in [("score", right + 46), ("p", right + 92), ("p adj.", right + 142)] {
      writer.text(text, x: x, y: top + 12, size: 11.5, anchor: .end, paint: .muted)
    }
    top += max(legendHeight, 24) + 6
    let bottom = top + Self.rowHeight * Double(rows.count)
    let scale = Scale(range, from: left, to: right)
    let ticks = Ticks(in: range)
    for (value, label) in zip(ticks.values, ticks.labels) {
      writer.line(scale(value), top, scale(value), bottom, stroke: .grid)
      writer.text(label, x: scale(value), y: bottom + 17, size: 11.5, anchor: .middle, paint: .muted)
    }
    for (index, row) in rows.enumerated() {
      let base = top + Self.rowHeight * Double(index + 1)
      writer.text(names[index], x: left - 12, y: base - 14, size: 12, anchor: .end, tooltip: row.name)
      draw(row, base: base, scale: scale, right: right, in: &writer)
    }
    writer.text(valueTitle, x: (left + right) / 2, y: bottom + 36, size: 12, anchor: .middle)
    return writer.finish(width: width, height: bottom + 48, title: title, description: description)
  }

  private func draw(_ row: Row, base: Double, scale: Scale, right: Double, in writer: inout SVGWriter) {
    let counts = binCounts(row.null)
    let largest = Double(max(counts.max() ?? 0, 1))
    let step = (right - scale.from) / Double(Self.binCount)
    for (bin, count) in counts.enumerated() where count > 0 {
      let height = max(Double(count) / largest * (Self.rowHeight - 16), 1)
      writer.rectangle(
        x: scale.from + step * Double(bin) + 0.5, y: base - height, width: step - 1, height: height,
        fill: .faint,
        tooltip: "\(count) of \(row.null.count) random concepts")
    }
    writer.line(scale.from, base, right, base, stroke: .muted)
    if row.observed.isFinite {
      let x = scale(row.observed)
      writer.line(x, base, x, base - Self.rowHeight + 14, stroke: .highlight, width: 1.6)
      writer.marker(
        3, x: x, y: base - Self.rowHeight + 14, paint: .highlight, isHollow: !(row.pAdjusted <= significance),
        tooltip: "\(row.name): \(NumberText.fixed(row.observed, 3))")
    }
    let texts = [
      NumberText.fixed(row.observed, 2), NumberText.pValue(row.p), NumberText.pValue(row.pAdjusted),
    ]
    for (text, offset) in zip(texts, [46.0, 92, 142]) {
      let isBold = offset == 142 && row.pAdjusted <= significance
      writer.text(text, x: right + offset, y: base - 14, size: 11.5, anchor: .end, isBold: isBold)
    }
  }

  private func binCounts(_ values: [Double]) -> [Int] {
    var counts = [Int](repeating: 0, count: Self.binCount)
    let unit = Scale(range, from: 0, to: Double(Self.binCount))
    for value in values where value.isFinite { counts[min(Int(unit(value)), Self.binCount - 1)] += 1 }
    return counts
  }
}
