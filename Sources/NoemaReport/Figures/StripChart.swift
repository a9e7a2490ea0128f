/// One row of ticks for each set of values, on a common axis about zero; a diamond at each mean.
public struct StripChart: Figure {
  /// A name and its values.
  public struct Row: Sendable, Hashable {
    /// The row's name.
    public var name: String
    /// The values; those that are not finite are not drawn.
    public var values: [Double]
    /// False for a row that does not stand for a finding: its mean is drawn hollow.
    public var isSignificant: Bool

    /// Makes a row.
    public init(name: String, values: [Double], isSignificant: Bool = true) {
      self.name = name
      self.values = values
      self.isSignificant = isSignificant
    }
  }

  public var title: String
  public var description: String
  /// Title of the horizontal axis.
  public var valueTitle: String
  /// What one tick stands for, in the legend.
  public var tickName: String
  /// The rows, from the top.
  public var rows: [Row]

  /// Makes a strip chart.
  public init(title: String, description: String = "", valueTitle: String, tickName: String, rows: [Row]) {
    self.title = title
    self.description = description
    self.valueTitle = valueTitle
    self.tickName = tickName
    self.rows = rows
  }

  private static let rowHeight = 30.0

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let width = 570.0
    let names = TextMetrics.fitting(rows.map(\.name), in: 140, size: 12)
    let left = 28 + (names.map { TextMetrics.width(of: $0, size: 12) }.max() ?? 0)
    let right = width - 72
    var top = drawTitle(in: &writer, width: width)
    let legendHeight = legend.draw(in: &writer, x: left, y: top, width: right - left)
    writer.text("mean", x: right + 54, y: top + 12, size: 11.5, anchor: .end, paint: .muted)
    top += max(legendHeight, 24) + 4
    let bottom = top + Self.rowHeight * Double(rows.count)
    let scale = Scale(range, from: left, to: right)
    let ticks = Ticks(in: range)
    for (value, label) in zip(ticks.values, ticks.labels) {
      writer.line(scale(value), top, scale(value), bottom, stroke: .grid)
      writer.text(label, x: scale(value), y: bottom + 17, size: 11.5, anchor: .middle, paint: .muted)
    }
    for (index, row) in rows.enumerated() {
      let middle = top + Self.rowHeight * (Double(index) + 0.5)
      writer.text(names[index], x: left - 12, y: middle + 4, size: 12, anchor: .end, tooltip: row.name)
      draw(row, y: middle, scale: scale, in: &writer)
    }
    writer.line(scale(0), top, scale(0), bottom, stroke: .muted)
    writer.line(left, bottom, right, bottom, stroke: .ink)
    writer.text(valueTitle, x: (left + right) / 2, y: bottom + 36, size: 12, anchor: .middle)
    return writer.finish(width: width, height: bottom + 48, title: title, description: description)
  }

  /// All values and zero, with a little room.
  private var range: ClosedRange<Double> {
    let finite = rows.flatMap(\.values).filter(\.isFinite)
    let low = min(0, finite.min() ?? 0), high = max(0, finite.max() ?? 0)
    let room = (high - low) * 0.03
    return Ticks.usable((low - room)...(high + room))
  }

  private var legend: Legend {
    var legend = Legend()
    legend.entries = [
      (.tick(.series(0)), tickName), (.marker(shape: 3, .highlight, isHollow: false), "mean"),
    ]
    if rows.contains(where: { !$0.isSignificant }) {
      legend.entries.append((.marker(shape: 3, .highlight, isHollow: true), "mean, not significant"))
    }
    return legend
  }

  /// At most 400 of the values, evenly over their ranks and with both ends: more ticks cannot be told apart.
  private func thinned(_ values: [Double]) -> [Double] {
    let most = 400
    guard values.count > most else { return values }
    let sorted = values.sorted()
    return (0..<most).map { sorted[$0 * (sorted.count - 1) / (most - 1)] }
  }

  private func draw(_ row: Row, y: Double, scale: Scale, in writer: inout SVGWriter) {
    let finite = row.values.filter(\.isFinite)
    writer.line(scale.from, y, scale.to, y, stroke: .grid)
    writer.ticks(thinned(finite).map { scale($0) }, from: y - 8, to: y + 8, stroke: .series(0), width: 0.8)
    guard !finite.isEmpty else { return }
    let mean = finite.reduce(0, +) / Double(finite.count)
    let text = NumberText.compact(mean)
    writer.marker(
      3, x: scale(mean), y: y, paint: .highlight, isHollow: !row.isSignificant,
      tooltip: "\(row.name): mean \(text) of \(finite.count)")
    writer.text(text, x: scale.to + 54, y: y + 4, size: 11.5, anchor: .end)
  }
}
