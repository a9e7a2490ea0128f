/// Series over ordered categories such as layers, with intervals; hollow markers are not significant.
public struct LineChart: Figure {
  public var title: String
  public var description: String
  /// Titles of the axes.
  public var categoryTitle, valueTitle: String
  /// Range of the vertical axis.
  public var range: ClosedRange<Double>
  /// Names along the horizontal axis, in order.
  public var categories: [String]
  /// The series; each has one value a category.
  public var series: [Series]
  /// A value to compare with.
  public var reference: ReferenceLine?

  /// Makes a line chart.
  public init(
    title: String, description: String = "", categoryTitle: String, valueTitle: String,
    range: ClosedRange<Double> = 0...1, categories: [String], series: [Series],
    reference: ReferenceLine? = nil
  ) {
    self.title = title
    self.description = description
    self.categoryTitle = categoryTitle
    self.valueTitle = valueTitle
    self.range = range
    self.categories = categories
    self.series = series
    self.reference = reference
  }

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let axis = ValueAxis(title: valueTitle, range: range)
    // Series stand beside each other, so that intervals do not hide one another.
    let step = min(9, 44 / Double(max(series.count, 1)))
    let slot = max(450 / Double(max(categories.count, 1)), step * Double(series.count) + 12)
    let labels = CategoryLabels(categories, slot: slot)
    let left = max(16 + axis.width, labels.overhang + 16)
    let right = left + slot * Double(max(categories.count, 1))
    let width = right + 20
    var top = drawTitle(in: &writer, width: width)
    top += legend.draw(in: &writer, x: left, y: top, width: right - left) + 10
    let bottom = top + 250
    let scale = Scale(range, from: bottom, to: top)
    axis.draw(in: &writer, scale: scale, left: left, right: right)
    if let reference {
      writer.line(
        left, scale(reference.value), right, scale(reference.value), stroke: .muted, width: 1.3, dash: "4 3")
    }
    writer.line(left, bottom, right, bottom, stroke: .ink)
    for (index, series) in series.enumerated() {
      let shift = step * (Double(index) - Double(self.series.count - 1) / 2)
      draw(series, index: index, scale: scale, in: &writer) { left + slot * (Double($0) + 0.5) + shift }
    }
    labels.draw(in: &writer, axisAt: bottom) { left + slot * (Double($0) + 0.5) }
    let foot = bottom + labels.height
    writer.text(categoryTitle, x: (left + right) / 2, y: foot + 14, size: 12, anchor: .middle)
    return writer.finish(width: width, height: foot + 26, title: title, description: description)
  }

  private var legend: Legend {
    var legend = Legend()
    legend.entries = series.enumerated().map {
      (.marker(shape: $0.offset, .series($0.offset), isHollow: false), $0.element.name)
    }
    if series.contains(where: { $0.values.contains { $0?.isSignificant == false } }) {
      legend.entries.append((.marker(shape: 0, .muted, isHollow: true), "hollow: not significant"))
    }
    if let reference { legend.entries.append((.dash(.muted), reference.name)) }
    return legend
  }

  private func draw(
    _ series: Series, index: Int, scale: Scale, in writer: inout SVGWriter, position: (Int) -> Double
  ) {
    let paint = Paint.series(index)
    let points = zip(categories.indices, series.values).filter { $0.1?.value.isFinite == true }
    // A gap stays a gap: the line is broken where a value is missing.
    var run: [(x: Double, y: Double)] = []
    var last = -1
    for (category, measurement) in points {
      if category != last + 1 {
        writer.polyline(run, stroke: paint)
        run = []
      }
      run.append((position(category), scale(measurement?.value ?? 0)))
      last = category
    }
    writer.polyline(run, stroke: paint)
    for (category, measurement) in points {
      guard let measurement else { continue }
      let x = position(category)
      if let low = measurement.low, let high = measurement.high {
        writer.line(x, scale(low), x, scale(high), stroke: paint, width: 1.3)
      }
      let tooltip = "\(series.name), \(categories[category]): \(measurement.text())"
      writer.marker(
        index, x: x, y: scale(measurement.value), paint: paint, isHollow: !measurement.isSignificant,
        tooltip: tooltip)
    }
  }
}
