public import NoemaTensor

/// Writes a `.npy` file row block by row block, when the final shape is known but not the elements.
///
/// The file appears under its name when ``finish()`` succeeds; dropping the writer before leaves no file.
///
/// ```swift
/// var writer = try NPYWriter(path: "relevance.npy", shape: [1000, 512], elementType: .float32)
/// while let batch = try next() { try writer.append(batch) }   // batch: [n, 512]
/// try writer.finish()
/// ```
public struct NPYWriter: ~Copyable {
  /// The shape of the finished array; its first axis counts rows.
  public let shape: [Int]
  /// The type of the elements.
  public let elementType: ElementType
  /// The rows appended so far.
  public private(set) var rowCount = 0
  private let file: AtomicFile

  /// Creates the file and writes its header.
  ///
  /// - Throws: `DataError` when the shape has no axis or is too large, or the file cannot be created.
  public init(path: String, shape: [Int], elementType: ElementType) throws(DataError) {
    file = try NPYWriter.begin(path: path, shape: shape, elementType: elementType)
    self.shape = shape
    self.elementType = elementType
  }

  private static func begin(
    path: String, shape: [Int], elementType: ElementType
  ) throws(DataError) -> AtomicFile {
    guard !shape.isEmpty else {
      throw DataError(.parameters("an array written by rows needs at least one axis"), at: path)
    }
    do {
      _ = try Tensor.byteCount(shape: shape, elementType: elementType)
    } catch {
      throw DataError(.tooLarge("shape \(shape) is negative or too large to hold"), at: path)
    }
    let file = try AtomicFile(path: path)
    try file.write(NPYHeader(element: NPYElement(elementType), shape: shape).bytes)
    return file
  }

  /// Appends rows: a tensor whose later axes are those of the array.
  ///
  /// - Throws: `DataError` when the shape or the element type differs, there are more rows than announced, or
  ///   writing fails.
  public mutating func append(_ rows: Tensor) throws(DataError) {
    guard rows.elementType == elementType else {
      throw DataError(
        .parameters("rows of \(rows.elementType) appended to an array of \(elementType); convert them"),
        at: file.path)
    }
    guard rows.rank == shape.count, rows.shape.dropFirst() == shape.dropFirst(),
      rows.shape[0] <= shape[0] - rowCount
    else {
      throw DataError(
        .shape(found: rows.shape, expected: [shape[0] - rowCount] + shape.dropFirst()), at: file.path)
    }
    try file.write(rows)
    rowCount += rows.shape[0]
  }

  /// Gives the file its name.
  ///
  /// - Throws: `DataError` when rows are missing or the system refuses; there is then no new file.
  public consuming func finish() throws(DataError) {
    guard rowCount == shape[0] else {
      throw DataError(.shape(found: [rowCount] + shape.dropFirst(), expected: shape), at: file.path)
    }
    try file.commit()
  }
}
