public import NoemaData

/// The words of one example, each on a ground of its attribution's colour, a line for each method: red for what speaks
/// for the output, blue for what speaks against it. A token's number shows when one points at it.
public struct ColouredTokens: Sendable, Hashable {
  /// What one method says.
  public struct Line: Sendable, Hashable {
    /// The method's name.
    public var method: String
    /// One attribution per token.
    public var values: [Double]
    /// What the darkest colours stand for; the largest magnitude of the line when nil.
    public var limit: Double?

    /// Makes a line.
    public init(method: String, values: [Double], limit: Double? = nil) {
      (self.method, self.values, self.limit) = (method, values, limit)
    }
  }

  /// What the example is called, and what was explained.
  public var name, target: String
  /// The tokens.
  public var tokens: [Vocabulary.Piece]
  /// The methods, each with a value for every token.
  public var lines: [Line]

  /// Makes the words of an example.
  public init(name: String, target: String, tokens: [Vocabulary.Piece], lines: [Line]) {
    (self.name, self.target, self.tokens, self.lines) = (name, target, tokens, lines)
  }

  /// One number per token of an array of attributions.
  ///
  /// Features of a token are summed. Where all features of each token have one number, as in methods that take whole
  /// tokens away, that number is the token's.
  ///
  /// - Parameters:
  ///   - elements: the elements of one example, row-major.
  ///   - shape: `[tokens]` or `[tokens, features]`.
  ///   - count: the number of tokens.
  /// - Returns: nil for other shapes.
  public static func values(_ elements: [Float], shape: [Int], tokens count: Int) -> [Double]? {
    guard (1...2).contains(shape.count), shape[0] == count, elements.count == shape.reduce(1, *),
      !elements.isEmpty
    else { return nil }
    let width = elements.count / count
    let rows = (0..<count).map { elements[$0 * width..<($0 + 1) * width] }
    if rows.allSatisfy({ row in row.allSatisfy { $0 == row.first } }) {
      return rows.map { Double($0.first ?? 0) }
    }
    return rows.map { $0.reduce(0) { $0 + Double($1) } }
  }

  /// The words, line by line.
  public var html: HTML {
    let heading = HTML.element("h3", [:], [.text("\(name) "), .element("small", text: target)])
    return .element("div", ["class": "words"], [heading] + lines.map(line))
  }

  /// What the colours mean.
  static var key: HTML {
    let words: [HTML] = [
      word("against", -1, 1), .text(" "), word("0", 0, 1), .text(" "), word("for the output", 1, 1),
    ]
    return .element("div", ["class": "words"], [.element("p", [:], words)])
  }

  private func line(_ line: Line) -> HTML {
    let limit = line.limit ?? line.values.map(abs).filter(\.isFinite).max() ?? 0
    let scale = HTML.element("small", text: "\(line.method), ±\(NumberText.compact(limit))")
    var words = [scale, HTML.element("br")]
    for (index, shown) in folded(line.values).enumerated() {
      if index > 0, shown.piece.startsWord { words.append(.text(" ")) }
      words.append(Self.word(shown.piece.text, shown.value, limit))
    }
    return .element("p", [:], words)
  }

  /// The tokens with their values; equal ones at the end, which pad a text, are one with their sum.
  private func folded(_ values: [Double]) -> [(piece: Vocabulary.Piece, value: Double)] {
    var shown = zip(tokens, values).map { (piece: $0, value: $1) }
    guard let last = shown.last?.piece, let other = shown.lastIndex(where: { $0.piece != last }) else {
      return shown
    }
    let padding = shown[(other + 1)...]
    guard padding.count > 2 else { return shown }
    let sum = padding.reduce(0) { $0 + $1.value }
    let piece = Vocabulary.Piece("\(last.text) × \(padding.count)", startsWord: true)
    shown.replaceSubrange((other + 1)..., with: [(piece: piece, value: sum)])
    return shown
  }

  private static func word(_ text: String, _ value: Double, _ limit: Double) -> HTML {
    let strength = limit > 0 && value.isFinite ? max(-1, min(1, value / limit)) : 0
    let color = AttributionMap.color(Float(strength)).map { String(Int($0.rounded())) }
    // Dark letters on light grounds, light ones on dark grounds.
    let ink = abs(strength) > 0.8 ? "#ffffff" : "#1d232b"
    return .element(
      "span",
      [
        "title": NumberText.compact(value),
        "style": "background:rgb(\(color.joined(separator: ",")));color:\(ink)",
      ], text: text)
  }
}
