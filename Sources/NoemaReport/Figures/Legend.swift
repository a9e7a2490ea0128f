/// A row, or as many as are needed, of swatches with names.
struct Legend {
  enum Swatch: Hashable {
    case fill(Paint), hatch(Paint), dash(Paint), tick(Paint)
    case marker(shape: Int, Paint, isHollow: Bool)
  }

  var entries: [(swatch: Swatch, name: String)] = []

  /// Draws the legend with its top at `y`; returns the height taken.
  func draw(in writer: inout SVGWriter, x left: Double, y top: Double, width: Double) -> Double {
    guard !entries.isEmpty else { return 0 }
    var x = left, y = top
    for entry in entries {
      let name = TextMetrics.fitting(entry.name, in: min(240, width - 24), size: 11.5)
      let needed = 20 + TextMetrics.width(of: name, size: 11.5)
      if x > left, x + needed > left + width {
        x = left
        y += 19
      }
      draw(entry.swatch, in: &writer, x: x, y: y + 8)
      writer.text(name, x: x + 19, y: y + 12, size: 11.5, paint: .muted, tooltip: entry.name)
      x += needed + 18
    }
    return y - top + 26
  }

  private func draw(_ swatch: Swatch, in writer: inout SVGWriter, x: Double, y: Double) {
    switch swatch {
    case .fill(let paint): writer.rectangle(x: x, y: y - 5, width: 13, height: 10, fill: paint)
    case .hatch(let paint): writer.hatchedRectangle(x: x, y: y - 5, width: 13, height: 10, paint: paint)
    case .dash(let paint): writer.line(x - 1, y, x + 14, y, stroke: paint, width: 1.3, dash: "4 3")
    case .tick(let paint): writer.line(x + 6.5, y - 6, x + 6.5, y + 6, stroke: paint)
    case .marker(let shape, let paint, let isHollow):
      writer.marker(shape, x: x + 6.5, y: y, paint: paint, isHollow: isHollow)
    }
  }
}

/// Names along a horizontal axis: on up to three lines, or slanted when that is not enough.
struct CategoryLabels {
  private static let size = 12.0
  private static let longest = 170.0
  let slot: Double
  private let names: [String]
  /// The names as they fit on a slant.
  private let cut: [String]
  /// The lines of each name, or nil when the names are slanted.
  private let lines: [[String]]?

  init(_ names: [String], slot: Double) {
    self.names = names
    self.slot = slot
    cut = TextMetrics.fitting(names, in: Self.longest, size: Self.size)
    let broken = names.map { Self.lines(of: $0, in: slot - 8) }
    lines = broken.contains { $0 == nil } ? nil : broken.compactMap { $0 }
  }

  /// The height taken below the axis.
  var height: Double {
    if let lines { return 10 + 14 * Double(lines.map(\.count).max() ?? 1) }
    // The sine of 40°, the slant; labels end under their tick and begin lower left.
    return 18 + 0.643 * (cut.map { TextMetrics.width(of: $0, size: Self.size) }.max() ?? 0)
  }

  /// The room that the first label needs to the left of the plot.
  var overhang: Double {
    guard lines == nil, let first = cut.first else { return 0 }
    return 0.766 * TextMetrics.width(of: first, size: Self.size) - slot / 2 + 8
  }

  func draw(in writer: inout SVGWriter, axisAt y: Double, position: (Int) -> Double) {
    for (index, name) in names.enumerated() {
      let x = position(index)
      if let lines {
        for (row, line) in lines[index].enumerated() {
          writer.text(line, x: x, y: y + 18 + 14 * Double(row), size: Self.size, anchor: .middle)
        }
      } else {
        writer.text(
          cut[index], x: x + 4, y: y + 16, size: Self.size, anchor: .end, rotation: -40, tooltip: name)
      }
    }
  }

  /// The name broken at spaces into at most three lines; nil when it does not fit so.
  private static func lines(of name: String, in limit: Double) -> [String]? {
    func fits(_ text: some StringProtocol) -> Bool {
      TextMetrics.width(of: String(text), size: size) <= limit
    }
    guard name.utf8.count <= 200 else { return nil }
    if fits(name) { return [name] }
    var lines: [String] = []
    for word in name.split(separator: " ") {
      guard fits(word) else { return nil }
      if let last = lines.last, fits("\(last) \(word)") {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines.count <= 3 ? lines : nil
  }
}

/// The vertical axis of a chart: title, grid, tick labels.
struct ValueAxis {
  let title: String
  let ticks: Ticks

  init(title: String, range: ClosedRange<Double>) {
    self.title = title
    ticks = Ticks(in: range)
  }

  /// The width taken to the left of the plot.
  var width: Double {
    34 + (ticks.labels.map { TextMetrics.width(of: $0, size: 11.5) }.max() ?? 0)
  }

  func draw(in writer: inout SVGWriter, scale: Scale, left: Double, right: Double) {
    for (value, label) in zip(ticks.values, ticks.labels) {
      writer.line(left, scale(value), right, scale(value), stroke: .grid)
      writer.text(label, x: left - 8, y: scale(value) + 4, size: 11.5, anchor: .end, paint: .muted)
    }
    let middle = (scale.from + scale.to) / 2
    let text = TextMetrics.fitting(title, in: abs(scale.from - scale.to) + 20, size: 12)
    let x = left - width + 18
    writer.text(text, x: x, y: middle, size: 12, anchor: .middle, rotation: -90, tooltip: title)
  }
}
