/// Where one field of a table is: an offset, a length and whether it is quoted, packed into eight bytes.
struct CSVField: Sendable {
  private let bits: UInt64
  /// The longest field; a quote that is never closed runs into this or the end of the file.
  static let maximumByteCount = 1 << 23 - 1
  /// The largest file, so that every offset fits.
  static let maximumFileByteCount = 1 << 39

  init(start: Int, end: Int, isQuoted: Bool) {
    bits = UInt64(start) << 24 | UInt64(end - start) << 1 | (isQuoted ? 1 : 0)
  }

  /// The bytes of the field, without the quotes around it.
  var range: Range<Int> {
    let start = Int(bits >> 24)
    return start..<start + Int(bits >> 1 & 0x7F_FFFF)
  }
  /// Whether quotes surround the field, so that two quotes inside stand for one.
  var isQuoted: Bool { bits & 1 != 0 }
}

/// Splits the bytes of a table into records of fields.
///
/// - Source: RFC 4180, with three delimiters, bare line feeds and quotes inside unquoted fields allowed.
struct CSVScanner {
  let bytes: UnsafeBufferPointer<UInt8>
  let delimiter: UInt8
  let place: String

  private static let quote = UInt8(ascii: "\""), lineFeed: UInt8 = 0x0A, carriageReturn: UInt8 = 0x0D

  /// The delimiter that occurs most often outside quotes in the first line; a comma when none does.
  static func delimiter(of bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> UInt8 {
    var counts: [UInt8: Int] = [:]
    var isInQuotes = false
    for byte in bytes[start...] {
      if byte == quote { isInQuotes.toggle() }
      if isInQuotes { continue }
      if byte == lineFeed || byte == carriageReturn { break }
      if byte == 0x2C || byte == 0x3B || byte == 0x09 { counts[byte, default: 0] += 1 }
    }
    var best: UInt8 = 0x2C
    for candidate: UInt8 in [0x09, 0x3B] where counts[candidate, default: 0] > counts[best, default: 0] {
      best = candidate
    }
    return best
  }

  /// The line, from one, that holds a byte.
  static func line(of offset: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var line = 1
    for index in 0..<min(offset, bytes.count) {
      let isBareReturn =
        bytes[index] == carriageReturn && (index + 1 == bytes.count || bytes[index + 1] != lineFeed)
      if bytes[index] == lineFeed || isBareReturn { line += 1 }
    }
    return line
  }

  /// Appends the fields of the record at `position` and moves `position` behind its line end.
  ///
  /// - Throws: `DataError` for text after a closing quote, a quote never closed, or a field too long.
  func scanRecord(_ position: inout Int, into fields: inout [CSVField]) throws(DataError) {
    while true {
      let isQuoted = position < bytes.count && bytes[position] == CSVScanner.quote
      let field = isQuoted ? try quotedField(&position) : plainField(&position)
      guard field.upperBound - field.lowerBound <= CSVField.maximumByteCount else {
        throw failure(
          "a field has more than \(CSVField.maximumByteCount) bytes; is a quote not closed?", field.lowerBound
        )
      }
      fields.append(CSVField(start: field.lowerBound, end: field.upperBound, isQuoted: isQuoted))
      guard position < bytes.count else { return }
      let byte = bytes[position]
      position += 1
      if byte == delimiter { continue }
      if byte == CSVScanner.carriageReturn, position < bytes.count, bytes[position] == CSVScanner.lineFeed {
        position += 1
      }
      return
    }
  }

  private func plainField(_ position: inout Int) -> Range<Int> {
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == delimiter || byte == CSVScanner.lineFeed || byte == CSVScanner.carriageReturn { break }
      position += 1
    }
    return start..<position
  }

  private func quotedField(_ position: inout Int) throws(DataError) -> Range<Int> {
    let start = position + 1
    position = start
    while position < bytes.count {
      guard bytes[position] == CSVScanner.quote else {
        position += 1
        continue
      }
      if position + 1 < bytes.count, bytes[position + 1] == CSVScanner.quote {
        position += 2
        continue
      }
      let end = position
      position += 1
      if position < bytes.count {
        let byte = bytes[position]
        guard byte == delimiter || byte == CSVScanner.lineFeed || byte == CSVScanner.carriageReturn else {
          throw failure("text follows a closing quote; write a quote inside a field twice", position)
        }
      }
      return start..<end
    }
    throw failure("a quote is never closed", start - 1)
  }

  private func failure(_ what: String, _ offset: Int) -> DataError {
    DataError(.malformed("line \(CSVScanner.line(of: offset, in: bytes)): \(what)"), at: place)
  }
}
