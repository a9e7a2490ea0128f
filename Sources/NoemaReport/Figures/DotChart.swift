/// Rows in sections, a dot for each measure, a tick where chance lies.
public struct DotChart: Figure {
  /// A name with one value for each measure.
  public struct Row: Sendable, Hashable {
    /// The row's name.
    public var name: String
    /// One value for each measure, nil or not finite where there is none.
    public var values: [Double?]
    /// The level reached by chance.
    public var chance: Double?

    /// Makes a row.
    public init(name: String, values: [Double?], chance: Double? = nil) {
      self.name = name
      self.values = values
      self.chance = chance
    }
  }

  /// Rows under a heading.
  public struct Section: Sendable, Hashable {
    /// The heading; may be empty.
    public var name: String
    /// The rows, from the top.
    public var rows: [Row]

    /// Makes a section.
    public init(name: String, rows: [Row]) {
      self.name = name
      self.rows = rows
    }
  }

  public var title: String
  public var description: String
  /// Title of the horizontal axis.
  public var valueTitle: String
  /// Range of the horizontal axis.
  public var range: ClosedRange<Double>
  /// Names of the measures, in the order of the values.
  public var measures: [String]
  /// The sections, from the top.
  public var sections: [Section]
  /// What the tick of each row is called in the legend.
  public var chanceName: String

  /// Makes a dot chart.
  public init(
    title: String, description: String = "", valueTitle: String, range: ClosedRange<Double>,
    measures: [String], sections: [Section], chanceName: String = "chance"
  ) {
    self.title = title
    self.description = description
    self.valueTitle = valueTitle
    self.range = range
    self.measures = measures
    self.sections = sections
    self.chanceName = chanceName
  }

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let width = 570.0, rowHeight = 25.0
    let names = sections.flatMap(\.rows).map { TextMetrics.fitting($0.name, in: 180, size: 12) }
    let left = 32 + (names.map { TextMetrics.width(of: $0, size: 12) }.max() ?? 0)
    let right = width - 60
    var y = drawTitle(in: &writer, width: width)
    y += legend.draw(in: &writer, x: left, y: y, width: right - left) + 4
    let top = y
    let headed = sections.filter { !$0.name.isEmpty }.count
    let bottom = top + rowHeight * Double(names.count) + 27 * Double(headed) + 6
    let scale = Scale(range, from: left, to: right)
    let ticks = Ticks(in: range, count: 6)
    for (value, label) in zip(ticks.values, ticks.labels) {
      writer.line(scale(value), top, scale(value), bottom, stroke: .grid)
      writer.text(label, x: scale(value), y: bottom + 17, size: 11.5, anchor: .middle, paint: .muted)
    }
    for section in sections {
      if !section.name.isEmpty {
        let heading = TextMetrics.fitting(section.name, in: width - 32, size: 11.5)
        // The ground hides the grid behind the heading.
        let ground = TextMetrics.width(of: heading, size: 11.5) * 1.1 + 8
        writer.rectangle(x: 14, y: y + 5, width: ground, height: 18, fill: .background)
        writer.text(heading, x: 16, y: y + 18, size: 11.5, paint: .muted, isBold: true, tooltip: section.name)
        y += 27
      }
      for row in section.rows {
        draw(row, y: y + rowHeight / 2, scale: scale, in: &writer)
        y += rowHeight
      }
    }
    writer.line(left, bottom, right, bottom, stroke: .ink)
    writer.text(valueTitle, x: (left + right) / 2, y: bottom + 36, size: 12, anchor: .middle)
    return writer.finish(width: width, height: bottom + 48, title: title, description: description)
  }

  private var legend: Legend {
    var legend = Legend()
    legend.entries = measures.enumerated().map {
      (.marker(shape: shape($0.offset), .series($0.offset), isHollow: $0.offset > 0), $0.element)
    }
    if sections.contains(where: { $0.rows.contains { $0.chance != nil } }) {
      legend.entries.append((.dash(.highlight), chanceName))
    }
    return legend
  }

  private func shape(_ measure: Int) -> Int { [0, 3, 1, 2][measure % 4] }

  private func draw(_ row: Row, y: Double, scale: Scale, in writer: inout SVGWriter) {
    let name = TextMetrics.fitting(row.name, in: 180, size: 12)
    writer.text(name, x: scale.from - 12, y: y + 4, size: 12, anchor: .end, tooltip: row.name)
    writer.line(scale.from, y, scale.to, y, stroke: .grid)
    if let chance = row.chance, chance.isFinite {
      writer.line(scale(chance), y - 9, scale(chance), y + 9, stroke: .highlight, width: 1.5, dash: "3 2")
      if let first = row.values.first ?? nil, first.isFinite {
        writer.line(scale(chance), y, scale(first), y, stroke: .faint, width: 2)
      }
    }
    for (measure, value) in row.values.enumerated().reversed() {
      guard let value, value.isFinite else { continue }
      let name = measure < measures.count ? measures[measure] : ""
      writer.marker(
        shape(measure), x: scale(value), y: y, radius: 4.6, paint: .series(measure), isHollow: measure > 0,
        tooltip: "\(row.name), \(name): \(NumberText.fixed(value, 3))")
    }
    let first = (row.values.first ?? nil) ?? .nan
    writer.text(NumberText.fixed(first, 2), x: scale.to + 14, y: y + 4, size: 11.5)
  }
}
