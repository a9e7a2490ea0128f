/// Bars in groups, with intervals; what is not significant is hatched and marked.
public struct BarChart: Figure {
  public var title: String
  public var description: String
  /// Title of the vertical axis.
  public var valueTitle: String
  /// Range of the vertical axis; bars grow from its lower end.
  public var range: ClosedRange<Double>
  /// Names of the groups along the horizontal axis.
  public var groups: [String]
  /// The series; each has one value a group.
  public var series: [Series]
  /// A value to compare with.
  public var reference: ReferenceLine?
  /// What a hatched bar means, for the legend.
  public var hatchMeaning: String

  /// Makes a bar chart.
  public init(
    title: String, description: String = "", valueTitle: String, range: ClosedRange<Double> = 0...1,
    groups: [String], series: [Series], reference: ReferenceLine? = nil,
    hatchMeaning: String = "not significant (n.s.)"
  ) {
    self.title = title
    self.description = description
    self.valueTitle = valueTitle
    self.range = range
    self.groups = groups
    self.series = series
    self.reference = reference
    self.hatchMeaning = hatchMeaning
  }

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let axis = ValueAxis(title: valueTitle, range: range)
    let groupCount = Double(max(groups.count, 1)), seriesCount = Double(max(series.count, 1))
    let slot = max(450 / groupCount, seriesCount * 16 + 18)
    let labels = CategoryLabels(groups, slot: slot)
    let left = max(16 + axis.width, labels.overhang + 16)
    let right = left + slot * groupCount
    let width = right + 20
    var top = drawTitle(in: &writer, width: width)
    top += legend.draw(in: &writer, x: left, y: top, width: right - left) + 14
    let bottom = top + 230
    let scale = Scale(range, from: bottom, to: top)
    axis.draw(in: &writer, scale: scale, left: left, right: right)
    if let reference {
      writer.line(
        left, scale(reference.value), right, scale(reference.value), stroke: .muted, width: 1.3, dash: "4 3")
    }
    let barWidth = min(44, slot * 0.74 / seriesCount)
    for (index, series) in series.enumerated() {
      for (group, measurement) in zip(groups.indices, series.values) {
        guard let measurement else { continue }
        let center = left + slot * (Double(group) + 0.5) + barWidth * (Double(index) - (seriesCount - 1) / 2)
        let tooltip = "\(groups[group]), \(series.name): \(measurement.text())"
        draw(
          measurement, paint: .series(index), x: center, width: barWidth, scale: scale, tooltip: tooltip,
          in: &writer)
      }
    }
    writer.line(left, bottom, right, bottom, stroke: .ink)
    labels.draw(in: &writer, axisAt: bottom) { left + slot * (Double($0) + 0.5) }
    return writer.finish(
      width: width, height: bottom + labels.height + 10, title: title, description: description)
  }

  private var legend: Legend {
    var legend = Legend()
    if series.count > 1 {
      legend.entries = series.enumerated().map { (.fill(.series($0.offset)), $0.element.name) }
    }
    if series.contains(where: { $0.values.contains { $0?.isSignificant == false } }) {
      legend.entries.append((.hatch(.muted), hatchMeaning))
    }
    if let reference { legend.entries.append((.dash(.muted), reference.name)) }
    return legend
  }

  private func draw(
    _ measurement: MeasuredValue, paint: Paint, x: Double, width: Double, scale: Scale, tooltip: String,
    in writer: inout SVGWriter
  ) {
    let inner = max(width - 3, 2)
    var top = scale.from
    if measurement.value.isFinite {
      top = scale(measurement.value)
      let left = x - inner / 2, height = max(scale.from - top, 1)
      if measurement.isSignificant {
        writer.rectangle(x: left, y: top, width: inner, height: height, fill: paint, tooltip: tooltip)
      } else {
        writer.hatchedRectangle(x: left, y: top, width: inner, height: height, paint: paint, tooltip: tooltip)
      }
      if let low = measurement.low, let high = measurement.high {
        let cap = min(inner * 0.22, 5)
        // The pale line beneath keeps the interval visible inside a dark bar.
        writer.line(x, scale(low), x, top, stroke: .background, width: 3.4)
        writer.line(x, scale(low), x, scale(high), stroke: .ink, width: 1.2)
        writer.line(x - cap, scale(low), x + cap, scale(low), stroke: .ink, width: 1.2)
        writer.line(x - cap, scale(high), x + cap, scale(high), stroke: .ink, width: 1.2)
        top = min(top, scale(high))
      }
    }
    let mark = measurement.value.isFinite ? measurement.mark : "–"
    let size = width < 19 ? 8.5 : 10.5
    writer.text(mark, x: x, y: top - 5, size: size, anchor: .middle, paint: .muted, hasHalo: true)
  }
}
