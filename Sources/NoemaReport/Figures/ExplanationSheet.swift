public import NoemaData

/// Inputs beside their attributions by several methods: a row for each example, a column for each method.
public struct ExplanationSheet: Figure {
  /// One example.
  public struct Row: Sendable {
    /// What the example is called, and what was explained.
    public var name, target: String
    /// The image; nil where there is none.
    public var input: Image?
    /// One map for each method.
    public var maps: [AttributionMap]

    /// Makes a row.
    public init(name: String, target: String, input: Image?, maps: [AttributionMap]) {
      self.name = name
      self.target = target
      self.input = input
      self.maps = maps
    }
  }

  public var title: String
  public var description: String {
    let names = methods.joined(separator: ", ")
    return "Each row shows an input and what its pixels contribute to the output by \(names); red "
      + "speaks for the output, blue against it."
  }
  /// Names of the methods.
  public var methods: [String]
  /// The examples.
  public var rows: [Row]
  /// Whether the rows of a method share a scale of colours; each map has its own otherwise.
  public var sharesScale = false
  /// Whether inputs shine through.
  public var isOverlay = false

  /// Makes a sheet.
  public init(title: String, methods: [String], rows: [Row]) {
    self.title = title
    self.methods = methods
    self.rows = rows
  }

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let cell = 112.0, gap = 8.0, left = 150.0
    let columns = (rows.contains { $0.input != nil } ? ["input"] : []) + methods
    let hasInput = columns.count > methods.count
    let width = max(left + Double(columns.count) * (cell + gap) + 16, 420)
    var y = drawTitle(in: &writer, width: width) + 16
    for (index, column) in columns.enumerated() {
      let short = TextMetrics.fitting(column, in: cell, size: 11.5)
      writer.text(
        short, x: left + Double(index) * (cell + gap) + cell / 2, y: y, size: 11.5, anchor: .middle,
        isBold: true,
        tooltip: column)
    }
    y += 8
    let limits = methods.indices.map { method in rows.map { $0.maps[method].limit }.max() ?? 0 }
    for row in rows {
      writer.text(
        TextMetrics.fitting(row.name, in: left - 26, size: 11.5), x: 16, y: y + cell / 2 - 4, size: 11.5,
        tooltip: row.name)
      writer.text(
        TextMetrics.fitting(row.target, in: left - 26, size: 11.5), x: 16, y: y + cell / 2 + 13, size: 11.5,
        paint: .muted, tooltip: row.target)
      var x = left
      if hasInput {
        if let input = row.input { writer.image(input, x: x, y: y, side: cell, description: row.name) }
        x += cell + gap
      }
      for (method, map) in row.maps.enumerated() {
        let picture = map.image(limit: sharesScale ? limits[method] : nil, over: isOverlay ? row.input : nil)
        writer.image(picture, x: x, y: y, side: cell, description: "\(row.name), \(methods[method])")
        x += cell + gap
      }
      y += cell + gap
    }
    y = drawKey(x: left, y: y + 6, in: &writer)
    return writer.finish(width: width, height: y + 10, title: title, description: description)
  }

  private func drawKey(x: Double, y: Double, in writer: inout SVGWriter) -> Double {
    let steps = 60, step = 3.0
    for index in 0..<steps {
      let color = AttributionMap.color(Float(index) / Float(steps - 1) * 2 - 1)
      writer.swatch(color, x: x + Double(index) * step, y: y, width: step + 0.5, height: 9)
    }
    let end = x + Double(steps) * step
    writer.text("against", x: x, y: y + 22, size: 10.5, paint: .muted)
    writer.text("0", x: (x + end) / 2, y: y + 22, size: 10.5, anchor: .middle, paint: .muted)
    writer.text("for the output", x: end, y: y + 22, size: 10.5, anchor: .end, paint: .muted)
    let scale = sharesScale ? "one scale for each method" : "each map has its own scale"
    writer.text("\(scale), symmetric about 0", x: end + 14, y: y + 9, size: 10.5, paint: .muted)
    return y + 26
  }
}
