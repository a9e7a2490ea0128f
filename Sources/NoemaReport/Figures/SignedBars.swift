/// Signed values as horizontal bars from a line of zero, the greatest first: attributions of a row of a table.
public struct SignedBars: Figure {
  public var title: String
  public var description: String
  /// Names of the bars.
  public var names: [String]
  /// One measurement for each.
  public var values: [MeasuredValue]
  /// The most bars that are drawn; the rest is summed in one.
  public var limit = 20

  /// Makes a chart.
  public init(title: String, description: String = "", names: [String], values: [MeasuredValue]) {
    self.title = title
    self.description = description
    self.names = names
    self.values = values
  }

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    var bars = values.indices.sorted { abs(values[$0].value) > abs(values[$1].value) }
      .map { (name: names.indices.contains($0) ? names[$0] : String($0), value: values[$0]) }
    if bars.count > limit {
      let rest = bars[(limit - 1)...]
      bars = Array(bars[..<(limit - 1)])
      bars.append(("\(rest.count) others", MeasuredValue(rest.reduce(0) { $0 + $1.value.value })))
    }
    let labels = TextMetrics.fitting(bars.map(\.name), in: 200, size: 11.5)
    let left = 24 + (labels.map { TextMetrics.width(of: $0, size: 11.5) }.max() ?? 0), right = left + 380
    let width = right + 70
    var y = drawTitle(in: &writer, width: width) + 10
    let ends = bars.flatMap { [$0.value.value, $0.value.low ?? 0, $0.value.high ?? 0, 0] }.filter(\.isFinite)
    let scale = Scale((ends.min() ?? 0)...(ends.max() ?? 1), from: left + 40, to: right - 40)
    let top = y
    for (bar, label) in zip(bars, labels) {
      writer.text(label, x: left - 8, y: y + 12, size: 11.5, anchor: .end, tooltip: bar.name)
      draw(bar.value, name: bar.name, y: y, scale: scale, in: &writer)
      y += 20
    }
    writer.line(scale(0), top - 4, scale(0), y + 2, stroke: .ink)
    return writer.finish(width: width, height: y + 12, title: title, description: description)
  }

  private func draw(
    _ value: MeasuredValue, name: String, y: Double, scale: Scale, in writer: inout SVGWriter
  ) {
    guard value.value.isFinite else { return }
    let zero = scale(0), end = scale(value.value)
    writer.rectangle(
      x: min(zero, end), y: y + 1, width: abs(end - zero), height: 15,
      fill: value.value < 0 ? .positive : .negative, tooltip: "\(name): \(value.text(digits: 4))")
    if let low = value.low, let high = value.high {
      writer.line(scale(low), y + 8.5, scale(high), y + 8.5, stroke: .ink, width: 1.2)
    }
    let isLeft = value.value < 0
    let tip = isLeft ? min(end, scale(value.low ?? value.value)) : max(end, scale(value.high ?? value.value))
    writer.text(
      NumberText.compact(value.value), x: tip + (isLeft ? -5 : 5), y: y + 12.5, size: 10.5,
      anchor: isLeft ? .end : .start, paint: .muted)
  }
}
