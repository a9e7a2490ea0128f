/// XML written element by element, indented; every value is escaped.
struct XMLText {
  private(set) var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
  private var open: [String] = []

  /// Opens an element.
  mutating func begin(_ name: String, _ attributes: [(String, String)] = []) {
    write(name, attributes, ">")
    open.append(name)
  }

  /// Closes the element that was opened last.
  mutating func end() {
    guard let name = open.popLast() else { return }
    text += "\(String(repeating: " ", count: min(open.count, 100)))</\(name)>\n"
  }

  /// Writes an element without content.
  mutating func element(_ name: String, _ attributes: [(String, String)] = []) {
    write(name, attributes, "/>")
  }

  /// Writes an element with text.
  mutating func element(_ name: String, _ attributes: [(String, String)], text content: String) {
    write(name, attributes, ">\(XMLText.escaped(content))</\(name)>")
  }

  private mutating func write(_ name: String, _ attributes: [(String, String)], _ end: String) {
    text += String(repeating: " ", count: min(open.count, 100)) + "<\(name)"
    for (key, value) in attributes { text += " \(key)=\"\(XMLText.escaped(value))\"" }
    text += end + "\n"
  }

  /// Text safe in content and in quoted attributes; blanks other than spaces as references, which readers keep.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n", "\r": result += "&#\(scalar.value);"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Whether XML 1.0 can hold the text at all.
  static func isExpressible(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
      switch scalar.value {
      case 0x9, 0xA, 0xD, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
      default: false
      }
    }
  }
}
