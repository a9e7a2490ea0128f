/// Makes text from strangers harmless inside markup and tables.
public enum Escape {
  /// The text with the five special characters of XML and HTML replaced, safe in content and in quoted
  /// attributes.
  ///
  /// Characters that XML forbids and controls that reorder text are replaced by U+FFFD.
  public static func markup(_ text: String) -> String {
    // Most attributes, and all embedded images, are plain.
    if text.utf8.withContiguousStorageIfAvailable({ $0.allSatisfy(isPlain) }) == true { return text }
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(isHarmless(scalar) ? scalar : "\u{FFFD}")
      }
    }
    return result
  }

  /// The text as plain words in a Markdown cell: markup escaped, Markdown's own characters as entities.
  public static func markdown(_ text: String) -> String {
    let flat = String(text.map { $0.isNewline ? " " : $0 })
    var result = ""
    for character in markup(flat) {
      switch character {
      case "\\", "`", "*", "_", "{", "}", "[", "]", "(", ")", "!", "|", "~", "$", "+":
        result += "&#\(character.unicodeScalars.first!.value);"
      default: result.append(character)
      }
    }
    return result
  }

  /// The text as a field of a table of comma-separated values, in quotes where it needs them (RFC 4180).
  public static func csv(_ text: String) -> String {
    let needsQuotes = text.unicodeScalars.contains { [",", "\"", "\n", "\r"].contains($0) }
    return needsQuotes ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
  }

  /// A file name of letters, digits, `-`, `_` and `.` that resembles the text; never empty, at most 60
  /// characters.
  public static func fileName(_ text: String) -> String {
    var result = ""
    for byte in text.utf8.prefix(400) {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        if !result.isEmpty, result.last != "-" { result.append("-") }
      }
    }
    // Ends differ more often than beginnings, as in names of layers.
    var name = result.suffix(60)
    while let first = name.first, first == "." || first == "-" { name.removeFirst() }
    while let last = name.last, last == "." || last == "-" { name.removeLast() }
    return name.isEmpty ? "unnamed" : String(name)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "'"): false
    default: (0x20..<0x7F).contains(byte)
    }
  }

  private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x9, 0xA, 0xD: true
    case 0..<0x20, 0x7F..<0xA0: false
    case 0x202A...0x202E, 0x2066...0x2069: false
    case 0xFFFE, 0xFFFF: false
    default: true
    }
  }
}
