/// Relevance of parts, such as the channels of a layer or what a concept has in each input: a table with small bars,
/// and maps of the strongest parts.
public struct ExplanationShares: Sendable {
  /// One part.
  public struct Part: Sendable, Hashable {
    /// The name.
    public var name: String
    /// The relevance, below 0 where the part speaks against the output; not finite where it is not known.
    public var relevance: Double
    /// Its standard error, where there is one.
    public var standardError: Double?
    /// Its share of a whole of its own; nil for that of the sum of all magnitudes.
    public var share: Double?

    /// Makes a part.
    public init(_ name: String, relevance: Double, standardError: Double? = nil, share: Double? = nil) {
      (self.name, self.relevance) = (name, relevance)
      (self.standardError, self.share) = (standardError, share)
    }
  }

  /// What the table is about, as a heading; how it is to be read, in a sentence or two.
  public var title, guide: String
  /// What a part is: `channel`, `input`.
  public var noun: String
  /// What the shares are of.
  public var whole: String
  /// The parts, in any order.
  public var parts: [Part]
  /// The most rows; of the other parts their number is told.
  public var limit = 20
  /// Inputs that show what the strongest parts stand for, a row for each part.
  public var examples: [ExplanationThumbnails] = []
  /// Maps of the strongest parts, a row for each input.
  public var maps: [ExplanationThumbnails] = []

  /// Makes a table.
  public init(title: String, guide: String, noun: String, whole: String, parts: [Part]) {
    (self.title, self.guide, self.noun, self.whole, self.parts) = (title, guide, noun, whole, parts)
  }

  /// The parts by falling magnitude, those that are not known last; the first of a tie comes first.
  var sorted: [Part] {
    func size(_ part: Part) -> Double { part.relevance.isFinite ? abs(part.relevance) : -1 }
    return parts.enumerated().sorted {
      (size($1.element), $0.offset) < (size($0.element), $1.offset)
    }.map(\.element)
  }

  /// The table.
  var table: HTML {
    let shown = sorted.prefix(max(0, limit)), hidden = parts.count - shown.count
    let hasErrors = parts.contains { $0.standardError != nil }
    let total = parts.map { abs($0.relevance) }.filter(\.isFinite).reduce(0, +)
    let scale = Self.scale(shown)
    var rows = shown.map { part -> HTML in
      let share = part.share ?? (total > 0 ? part.relevance / total : .nan)
      var cells: [HTML] = [.element("th", ["scope": "row"], text: part.name)]
      cells.append(number(NumberText.compact(part.relevance)))
      if hasErrors { cells.append(number(part.standardError.map { "± " + NumberText.compact($0) } ?? "–")) }
      cells.append(number(share.isFinite ? NumberText.fixed(100 * share, 1) + " %" : "–"))
      cells.append(.element("td", [:], [Self.bar(part, scale)]))
      return .element("tr", [:], cells)
    }
    if hidden > 0 {
      let text = "and \(hidden) more of smaller magnitude"
      rows.append(.element("tr", [:], [.element("td", ["colspan": hasErrors ? "5" : "4"], text: text)]))
    }
    let errorHead = hasErrors ? ["standard error"] : []
    let heads = [noun, "relevance"] + errorHead + ["share of \(whole)", "drawn"]
    let head = heads.enumerated().map { index, text -> HTML in
      let isNumber = index > 0 && index < heads.count - 1
      return .element("th", ["scope": "col", "class": isNumber ? "number" : ""], text: text)
    }
    return .element(
      "div", ["class": "scroll shares", "tabindex": "0", "role": "region", "aria-label": title],
      [
        .element(
          "table", [:],
          [
            .element("caption", text: "\(title), by magnitude."),
            .element("thead", [:], [.element("tr", [:], head)]), .element("tbody", [:], rows),
          ])
      ])
  }

  private func number(_ text: String) -> HTML { .element("td", ["class": "number"], text: text) }

  // MARK: Bars

  /// From the least to the greatest end of bars and errors, 0 included.
  private static func scale(_ parts: some Sequence<Part>) -> Scale {
    let ends = parts.flatMap { part -> [Double] in
      let error = part.standardError.flatMap { $0.isFinite ? $0 : nil } ?? 0
      return [part.relevance - error, part.relevance + error]
    }.filter(\.isFinite)
    return Scale(min(0, ends.min() ?? 0)...max(0, ends.max() ?? 1), from: 4, to: 146)
  }

  /// A bar from 0, red for what speaks for the output; the numbers beside it say the same.
  private static func bar(_ part: Part, _ scale: Scale) -> HTML {
    func x(_ value: Double) -> String { NumberText.coordinate(scale(value)) }
    func line(_ from: Double, _ to: Double, _ y1: Int, _ y2: Int) -> String {
      "<line x1=\"\(x(from))\" y1=\"\(y1)\" x2=\"\(x(to))\" y2=\"\(y2)\" "
        + "style=\"stroke:\(Paint.ink.value(in: .inline));stroke-width:1.2\"/>"
    }
    var drawing = ""
    if part.relevance.isFinite {
      let paint: Paint = part.relevance < 0 ? .positive : .negative
      let width = NumberText.coordinate(abs(scale(part.relevance) - scale(0)))
      drawing +=
        "<rect x=\"\(x(min(0, part.relevance)))\" y=\"4\" width=\"\(width)\" height=\"12\" "
        + "style=\"fill:\(paint.value(in: .inline))\"/>"
      if let error = part.standardError, error.isFinite {
        drawing += line(part.relevance - error, part.relevance + error, 10, 10)
      }
    }
    drawing += line(0, 0, 1, 19)
    return HTML(trusted: "<svg class=\"range\" viewBox=\"0 0 150 20\" aria-hidden=\"true\">\(drawing)</svg>")
  }

  /// Rules of pages that have such tables.
  static let style = """
    .shares caption { text-align: left; color: var(--muted); font-size: 13.5px; padding-bottom: 4px; }
    .shares tbody th { color: var(--ink); font-size: 14.5px; font-weight: 400; vertical-align: middle;
      border-bottom: 1px solid var(--rule); }
    .shares tbody tr:last-child th { border-bottom: 0; }
    .shares .range { margin: 0; }
    h3 small { color: var(--muted); font-weight: 400; }
    """
}
