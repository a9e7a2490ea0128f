/// Widths of text in the figures' sans-serif font, close enough to lay out labels.
enum TextMetrics {
  /// Fonts of Helvetica's widths first, because the table below holds those.
  static let fontStack =
    "Helvetica, Arial, 'Liberation Sans', 'Nimbus Sans', Roboto, 'DejaVu Sans', sans-serif"

  /// Advance widths of ASCII 32…126 in thousandths of the font size.
  private static let advances: [Int] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
  ]

  /// The width in pixels at a font size.
  static func width(of text: String, size: Double) -> Double {
    var sum = 0
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 32...126: sum += advances[Int(scalar.value) - 32]
      case 0x2E80...0xFFEF, 0x1F000...0x3FFFF: sum += 1000
      default: sum += 600
      }
    }
    return Double(sum) / 1000 * size
  }

  /// The text, its middle replaced by "…" when it is wider than the limit: names differ at their ends.
  static func fitting(_ text: String, in limit: Double, size: Double) -> String {
    let line = String(text.map { $0.isNewline ? " " : $0 }.prefix(400))
    guard width(of: line, size: size) > limit else { return line }
    let characters = Array(line)
    var kept = characters.count - 1
    while kept > 1 {
      let head = (kept + 1) / 2
      let candidate = String(characters.prefix(head)) + "…" + String(characters.suffix(kept - head))
      if width(of: candidate, size: size) <= limit { return candidate }
      kept -= 1
    }
    return "…"
  }

  /// The names, each within the limit and still different from the others where that can be had.
  ///
  /// Names that differ only in their middle, as those of layers do, lose what they share at both ends
  /// instead.
  static func fitting(_ names: [String], in limit: Double, size: Double) -> [String] {
    let cut = names.map { fitting($0, in: limit, size: size) }
    guard Set(cut).count < Set(names).count else { return cut }
    let characters = names.map { Array($0.prefix(400)) }
    let head = sharedCount(characters), tail = sharedCount(characters.map { $0.dropFirst(head).reversed() })
    return characters.map { name in
      let middle = String(name.dropFirst(head).dropLast(tail))
      return fitting((head > 0 ? "…" : "") + middle + (tail > 0 ? "…" : ""), in: limit, size: size)
    }
  }

  /// How many characters all begin with, up to and including the last that separates words.
  private static func sharedCount(_ names: [[Character]]) -> Int {
    guard let first = names.first else { return 0 }
    var count = 0
    for (index, character) in first.enumerated() {
      guard names.allSatisfy({ index < $0.count && $0[index] == character }) else { break }
      if "/._- :".contains(character) { count = index + 1 }
    }
    return count
  }
}
