/// A line over counts from 0, beside the band in which others lie and their mean.
public struct BandChart: Figure {
  /// What others do: the ends of a band, and what lies between.
  public struct Band: Sendable, Hashable {
    /// The name in the legend.
    public var name: String
    /// The mean, and the ends, one for each count.
    public var mean, lower, upper: [Double]

    /// Makes a band.
    public init(name: String, mean: [Double], lower: [Double], upper: [Double]) {
      (self.name, self.mean, self.lower, self.upper) = (name, mean, lower, upper)
    }
  }

  public var title: String
  public var description: String
  /// Titles of the axes.
  public var countTitle, valueTitle: String
  /// Range of the vertical axis.
  public var range: ClosedRange<Double>
  /// The line's name in the legend, and its value at each count.
  public var name: String
  public var values: [Double]
  /// What the line is held against; the first is filled, others are drawn by their means.
  public var bands: [Band]
  /// What else is to be said below a count, such as the share of the input that is covered; empty for nothing.
  public var notes: [String]
  /// Title of the notes.
  public var noteTitle: String

  /// Makes a chart.
  public init(
    title: String, description: String = "", countTitle: String, valueTitle: String,
    range: ClosedRange<Double> = 0...1, name: String, values: [Double], bands: [Band] = [],
    notes: [String] = [], noteTitle: String = ""
  ) {
    (self.title, self.description) = (title, description)
    (self.countTitle, self.valueTitle, self.range) = (countTitle, valueTitle, range)
    (self.name, self.values, self.bands) = (name, values, bands)
    (self.notes, self.noteTitle) = (notes, noteTitle)
  }

  /// Room for the notes below a count.
  private static let slot = 44.0

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let axis = ValueAxis(title: valueTitle, range: range)
    let left = 16 + axis.width, width = left + 470, right = width - 24
    var top = drawTitle(in: &writer, width: width)
    top += legend.draw(in: &writer, x: left, y: top, width: right - left) + 10
    let bottom = top + 240
    let scale = Scale(range, from: bottom, to: top)
    let xs = values.indices.map { left + (right - left) * Double($0) / Double(max(1, values.count - 1)) }
    if let band = bands.first {
      writer.band(
        xs, from: band.lower.map { scale($0) }, to: band.upper.map { scale($0) }, fill: .faint, opacity: 0.5)
    }
    axis.draw(in: &writer, scale: scale, left: left, right: right)
    for (index, band) in bands.enumerated() {
      let points = zip(xs, band.mean.map { scale($0) }).map { ($0, $1) }
      for (start, end) in zip(points, points.dropFirst()) {
        writer.line(
          start.0, start.1, end.0, end.1, stroke: index == 0 ? .muted : .series(1), width: 1.3, dash: "4 3")
      }
    }
    writer.polyline(zip(xs, values).map { (x: $0, y: scale($1)) }, stroke: .series(0), width: 2)
    for (count, value) in values.enumerated() where value.isFinite {
      writer.marker(
        0, x: xs[count], y: scale(value), radius: 3.2, paint: .series(0), tooltip: tooltip(count))
    }
    writer.line(left, bottom, right, bottom, stroke: .ink)
    drawCounts(xs, bottom, in: &writer)
    let foot = bottom + (notes.isEmpty ? 20 : 34)
    let words = notes.isEmpty || noteTitle.isEmpty ? countTitle : "\(countTitle), \(noteTitle)"
    writer.text(words, x: (left + right) / 2, y: foot + 16, size: 12, anchor: .middle)
    return writer.finish(width: width, height: foot + 28, title: title, description: description)
  }

  private func tooltip(_ count: Int) -> String {
    var text = "\(count): \(NumberText.fixed(values[count], 3))"
    if let band = bands.first, band.lower.indices.contains(count), band.upper.indices.contains(count) {
      text +=
        "; \(band.name) \(NumberText.fixed(band.lower[count], 3)) to \(NumberText.fixed(band.upper[count], 3))"
    }
    return notes.indices.contains(count) ? "\(text); \(notes[count])" : text
  }

  private func drawCounts(_ xs: [Double], _ bottom: Double, in writer: inout SVGWriter) {
    let step = xs.count > 1 ? max(1, Int((Self.slot / (xs[1] - xs[0])).rounded(.up))) : 1
    for count in stride(from: 0, to: xs.count, by: step) {
      writer.text("\(count)", x: xs[count], y: bottom + 17, size: 11.5, anchor: .middle, paint: .muted)
      guard notes.indices.contains(count) else { continue }
      writer.text(notes[count], x: xs[count], y: bottom + 31, size: 10.5, anchor: .middle, paint: .muted)
    }
  }

  private var legend: Legend {
    var legend = Legend()
    legend.entries = [(.marker(shape: 0, .series(0), isHollow: false), name)]
    for (index, band) in bands.enumerated() {
      if index == 0 {
        legend.entries.append((.fill(.faint), "\(band.name): band and mean"))
      } else {
        legend.entries.append((.dash(.series(1)), "\(band.name): mean"))
      }
    }
    return legend
  }
}
