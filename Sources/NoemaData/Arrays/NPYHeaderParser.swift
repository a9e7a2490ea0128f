/// Reads the Python dictionary in a `.npy` header: three known keys, strings, truth values and tuples of
/// integers.
struct NPYHeaderParser {
  private let text: [UInt8]
  private let place: String
  private var position = 0
  /// NumPy's own limit on axes.
  private static let maximumRank = 64

  init(text: [UInt8], place: String) {
    self.text = text
    self.place = place
  }

  /// The header that the text describes; its `byteCount` is left zero.
  ///
  /// - Throws: `DataError` when a key is missing, repeated or unknown, or a value is of the wrong kind.
  mutating func header() throws(DataError) -> NPYHeader {
    var element: NPYElement?
    var isFortranOrder: Bool?
    var shape: [Int]?
    try expect("{")
    while !takes("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr" where element == nil: element = try elementDescription()
      case "fortran_order" where isFortranOrder == nil: isFortranOrder = try truthValue()
      case "shape" where shape == nil: shape = try extents()
      default: throw failure("key '\(key)' is unknown or repeated")
      }
      if !takes(",") {
        try expect("}")
        break
      }
    }
    skipSpace()
    guard position == text.count else { throw failure("text follows the dictionary") }
    guard let element, let isFortranOrder, let shape else {
      throw failure("one of 'descr', 'fortran_order' and 'shape' is missing")
    }
    return NPYHeader(element: element, isFortranOrder: isFortranOrder, shape: shape)
  }

  private func failure(_ what: String) -> DataError {
    DataError(.malformed("the .npy header is malformed: \(what)"), at: place)
  }

  private mutating func skipSpace() {
    while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
  }

  private mutating func takes(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < text.count, text[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(DataError) {
    guard takes(character) else { throw failure("'\(character)' expected at byte \(position)") }
  }

  private mutating func string() throws(DataError) -> String {
    let quote: UInt8
    if takes("'") {
      quote = UInt8(ascii: "'")
    } else {
      try expect("\"")
      quote = UInt8(ascii: "\"")
    }
    guard let end = text[position...].firstIndex(of: quote) else { throw failure("a string has no end") }
    defer { position = end + 1 }
    return String(decoding: text[position..<end], as: UTF8.self)
  }

  private mutating func elementDescription() throws(DataError) -> NPYElement {
    if takes("[") {
      throw DataError(
        .unsupported("a structured array; save each field as an array of its own"), at: place)
    }
    let name = try string()
    guard let element = NPYElement(name) else {
      let hint = name.hasSuffix("O") ? "object arrays hold programs, not numbers; " : ""
      throw DataError(
        .unsupported(
          "elements of type '\(name)'; \(hint)convert with array.astype('float32') and save again"),
        at: place)
    }
    return element
  }

  private mutating func truthValue() throws(DataError) -> Bool {
    skipSpace()
    for (word, value) in [("True", true), ("False", false)] where text[position...].starts(with: word.utf8) {
      position += word.utf8.count
      return value
    }
    throw failure("'fortran_order' is neither True nor False")
  }

  private mutating func extents() throws(DataError) -> [Int] {
    try expect("(")
    var result: [Int] = []
    while !takes(")") {
      result.append(try integer())
      guard result.count <= NPYHeaderParser.maximumRank else {
        throw failure("more than \(NPYHeaderParser.maximumRank) axes")
      }
      if !takes(",") {
        try expect(")")
        break
      }
    }
    return result
  }

  private mutating func integer() throws(DataError) -> Int {
    skipSpace()
    let digits = text[position...].prefix { (0x30...0x39).contains($0) }
    guard let value = Int(String(decoding: digits, as: UTF8.self)) else {
      throw failure("an extent at byte \(position) is not a count")
    }
    position += digits.count
    // Python 2 wrote long integers with a suffix.
    if position < text.count, text[position] == UInt8(ascii: "L") { position += 1 }
    return value
  }
}
