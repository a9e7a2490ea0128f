public import NoemaTensor

/// A table of text with a header line: `.csv` with commas, semicolons or tabs.
///
/// Quotes, quotes within quotes, line breaks within quotes, every line end and a byte order mark are
/// understood; the delimiter is the one most frequent in the header line. Blank lines are skipped. Fields
/// stay as bytes until they are asked for, so numbers cost one pass each.
///
/// ```swift
/// let table = try CSVTable(path: "patients.csv")
/// let labels = try table.labels(inColumn: "outcome")
/// let inputs = try table.tensor(excluding: ["outcome"])   // [rows, columns], float32
/// ```
///
/// - Source: RFC 4180.
public struct CSVTable: Sendable {
  /// The header; a column without a name is called `column 1` for the first, and so on.
  public let columnNames: [String]
  /// The number of rows below the header.
  public let rowCount: Int
  /// The path, or what the caller named as the place.
  public let place: String
  private let bytes: [UInt8]
  /// Row after row, without the header.
  private let fields: [CSVField]

  /// Reads a file.
  ///
  /// - Throws: `DataError` when the file is missing, or as ``init(bytes:at:)``.
  public init(path: String) throws(DataError) {
    try self.init(
      bytes: ReadableFile.contents(of: path, limit: CSVField.maximumFileByteCount), at: path)
  }

  /// Reads a table in memory.
  ///
  /// - Parameter place: What errors name as the place.
  /// - Throws: `DataError` with the line when the header is missing or names a column twice, a quote is
  ///   misplaced or a row has too few or too many fields.
  public init(bytes: [UInt8], at place: String = "") throws(DataError) {
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      throw DataError(.unsupported("the table is UTF-16 text; save it as UTF-8"), at: place)
    }
    let parts = try bytes.withUnsafeBufferPointer { buffer in
      Result { () throws(DataError) in try CSVTable.split(buffer, place) }
    }.get()
    self.bytes = bytes
    self.place = place
    columnNames = parts.names
    fields = parts.fields
    rowCount = parts.fields.count / parts.names.count
  }

  private static func split(
    _ bytes: UnsafeBufferPointer<UInt8>, _ place: String
  ) throws(DataError) -> (names: [String], fields: [CSVField]) {
    var position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    skipBlankLines(bytes, &position)
    guard position < bytes.count else { throw DataError(.empty("the table"), at: place) }
    let scanner = CSVScanner(
      bytes: bytes, delimiter: CSVScanner.delimiter(of: bytes, from: position), place: place)
    var header: [CSVField] = []
    try scanner.scanRecord(&position, into: &header)
    let names = try columnNames(header.map { text($0, in: bytes) }, place)
    var fields: [CSVField] = []
    while true {
      // In a table of one column a blank line is a missing value, except at the end.
      let blank = position
      skipBlankLines(bytes, &position)
      guard position < bytes.count else { break }
      if names.count == 1 { position = blank }
      let (start, before) = (position, fields.count)
      try scanner.scanRecord(&position, into: &fields)
      guard fields.count - before == names.count else {
        let line = CSVScanner.line(of: start, in: bytes)
        throw DataError(
          .malformed("line \(line): \(fields.count - before) fields, the header has \(names.count)"),
          at: place)
      }
    }
    return (names, fields)
  }

  private static func skipBlankLines(_ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int) {
    while position < bytes.count, bytes[position] == 0x0A || bytes[position] == 0x0D { position += 1 }
  }

  private static func columnNames(_ header: [String], _ place: String) throws(DataError) -> [String] {
    let names = header.enumerated().map { index, name in
      let trimmed = String(name.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
      return trimmed.isEmpty ? "column \(index + 1)" : trimmed
    }
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted {
      throw DataError(.malformed("two columns are named '\(name)'; rename one"), at: place)
    }
    return names
  }

  private static func text(_ field: CSVField, in bytes: UnsafeBufferPointer<UInt8>) -> String {
    let text = String(decoding: bytes[field.range], as: UTF8.self)
    guard field.isQuoted, text.utf8.contains(0x22) else { return text }
    return text.split(separator: "\"\"", omittingEmptySubsequences: false).joined(separator: "\"")
  }

  /// The position of a column.
  ///
  /// - Throws: `DataError.unknownName` with near names.
  public func index(ofColumn name: String) throws(DataError) -> Int {
    guard let index = columnNames.firstIndex(of: name) else {
      throw DataError(
        .unknownName(name, what: "column", suggestions: EditDistance.nearest(name, in: columnNames)),
        at: place)
    }
    return index
  }

  /// The fields of a column as text, quotes removed.
  ///
  /// - Throws: `DataError.unknownName`.
  public func text(inColumn name: String) throws(DataError) -> [String] {
    let column = try index(ofColumn: name)
    return bytes.withUnsafeBufferPointer { buffer in
      (0..<rowCount).map { CSVTable.text(fields[$0 * columnNames.count + column], in: buffer) }
    }
  }

  /// The columns whose every field is a finite number or missing, and that hold at least one number.
  public var numericColumnNames: [String] {
    bytes.withUnsafeBufferPointer { buffer in
      columnNames.indices.filter { column in
        var hasNumber = false
        for row in 0..<rowCount {
          switch DecimalNumber.read(UnsafeBufferPointer(rebasing: buffer[field(row, column).range])) {
          case .number: hasNumber = true
          case .missing: continue
          case .notFinite, .notNumber: return false
          }
        }
        return hasNumber
      }.map { columnNames[$0] }
    }
  }

  /// The classes that a column names.
  ///
  /// - Throws: `DataError` when the column does not exist or a label is missing, with its line.
  public func labels(inColumn name: String) throws(DataError) -> CSVLabels {
    let column = try index(ofColumn: name)
    let texts = try text(inColumn: name)
    if let row = texts.firstIndex(where: { $0.allSatisfy(\.isWhitespace) }) {
      throw DataError(.malformed("\(position(row, column)): the label is missing"), at: place)
    }
    return CSVLabels(texts)
  }

  /// Columns of numbers as a matrix, `[rows, columns]` in the order asked for.
  ///
  /// - Parameters:
  ///   - columns: The columns; all when nil.
  ///   - excluded: Columns left out, such as the label.
  /// - Throws: `DataError` naming line and column of the first field that is missing, not finite or no
  ///   number, and when there are no rows or no columns.
  public func matrix(
    columns: [String]? = nil, excluding excluded: [String] = []
  ) throws(DataError) -> Matrix {
    let indices = try indices(columns, excluded)
    var elements: [Double] = []
    elements.reserveCapacity(rowCount * indices.count)
    try read(indices) { elements.append($0) }
    return Matrix(rowCount: rowCount, columnCount: indices.count, elements: elements)
  }

  /// Columns of numbers as a float32 tensor, `[rows, columns]` in the order asked for.
  ///
  /// - Parameters:
  ///   - columns: The columns; all when nil.
  ///   - excluded: Columns left out, such as the label.
  /// - Throws: `DataError` as ``matrix(columns:excluding:)``, and for numbers beyond the range of float32.
  public func tensor(
    columns: [String]? = nil, excluding excluded: [String] = []
  ) throws(DataError) -> Tensor {
    let indices = try indices(columns, excluded)
    var elements: [Float] = []
    elements.reserveCapacity(rowCount * indices.count)
    try read(indices) { elements.append(Float($0)) }
    if let offset = elements.firstIndex(where: { !$0.isFinite }) {
      let cell = position(offset / indices.count, indices[offset % indices.count])
      throw DataError(
        .notFinite("\(cell): the number is beyond the range of float32; rescale the column"), at: place)
    }
    return Tensor(shape: [rowCount, indices.count], elements)
  }

  private func indices(_ columns: [String]?, _ excluded: [String]) throws(DataError) -> [Int] {
    var left: Set<Int> = []
    for name in excluded { left.insert(try index(ofColumn: name)) }
    var result: [Int] = []
    for name in columns ?? columnNames {
      let index = try index(ofColumn: name)
      if !left.contains(index) { result.append(index) }
    }
    guard rowCount > 0 else { throw DataError(.empty("the table below its header"), at: place) }
    guard !result.isEmpty else { throw DataError(.empty("the choice of columns"), at: place) }
    return result
  }

  private func read(_ columns: [Int], _ take: (Double) -> Void) throws(DataError) {
    let problem = bytes.withUnsafeBufferPointer { buffer -> (Int, Int, DecimalNumber.Reading)? in
      for row in 0..<rowCount {
        for column in columns {
          let reading = DecimalNumber.read(UnsafeBufferPointer(rebasing: buffer[field(row, column).range]))
          guard case .number(let value) = reading else { return (row, column, reading) }
          take(value)
        }
      }
      return nil
    }
    guard let (row, column, reading) = problem else { return }
    throw failure(row, column, reading)
  }

  private func field(_ row: Int, _ column: Int) -> CSVField { fields[row * columnNames.count + column] }

  private func position(_ row: Int, _ column: Int) -> String {
    let line = bytes.withUnsafeBufferPointer {
      CSVScanner.line(of: field(row, column).range.lowerBound, in: $0)
    }
    return "line \(line), column '\(columnNames[column])'"
  }

  private func failure(_ row: Int, _ column: Int, _ reading: DecimalNumber.Reading) -> DataError {
    let cell = position(row, column)
    let text = String(bytes.withUnsafeBufferPointer { CSVTable.text(field(row, column), in: $0) }.prefix(40))
    switch reading {
    case .missing:
      let shown = text.allSatisfy(\.isWhitespace) ? "" : " ('\(text)')"
      return DataError(
        .malformed("\(cell): the value is missing\(shown); fill it in or drop the row"), at: place)
    case .notFinite:
      return DataError(.notFinite("\(cell): '\(text)' is not a finite number"), at: place)
    default:
      return DataError(.malformed("\(cell): '\(text)' is not a number"), at: place)
    }
  }
}

/// Class labels: a list of names, and for each row the position of its name.
public struct CSVLabels: Sendable, Hashable {
  /// The different labels: in numeric order when all are integers, else in the order of their bytes.
  public let classNames: [String]
  /// For each row, the index of its class.
  public let indices: [Int]

  init(_ texts: [String]) {
    let distinct = Set(texts)
    let numbers = distinct.compactMap { text in Int(text).map { ($0, text) } }
    let names =
      numbers.count == distinct.count
      ? numbers.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.1)
      : distinct.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let positions = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    classNames = names
    indices = texts.map { positions[$0] ?? 0 }
  }
}
