public import NoemaTensor

/// A `.npy` file of any size, read by blocks of rows; the elements stay on disk.
///
/// Blocks are read by offset, so several threads may read at once. As a ``FeatureMatrix`` its later axes are
/// flattened and its elements become float32.
public struct MappedNPY: Sendable, FeatureMatrix {
  /// The extent of each axis; the first counts rows.
  public let shape: [Int]
  /// The type that blocks have; narrower stored types are widened as by ``NPYFile``.
  public var elementType: ElementType { header.element.elementType }
  /// The path of the file.
  public var path: String { source.place }
  private let header: NPYHeader
  private let source: ByteSource

  /// Opens a file and reads its header.
  ///
  /// - Throws: `DataError` as ``NPYFile/read(_:)``, and `unsupported` for a scalar or an array in Fortran
  ///   order.
  public init(path: String) throws(DataError) {
    source = ByteSource(try ReadableFile(path: path))
    header = try NPYHeader(reading: source)
    shape = header.shape
    guard !shape.isEmpty else {
      throw DataError(
        .unsupported("a scalar has no rows to read; save an array with at least one axis"), at: path)
    }
    guard !header.isFortranOrder || shape.count == 1 else {
      throw DataError(
        .unsupported("rows of an array in Fortran order; save numpy.ascontiguousarray(array)"), at: path)
    }
  }

  /// The number of rows.
  public var rowCount: Int { shape[0] }
  /// The elements of a row.
  public var columnCount: Int { shape.dropFirst().reduce(1, *) }

  /// A block of rows, of shape `[range.count] + shape.dropFirst()`.
  ///
  /// - Precondition: The range lies within the rows.
  /// - Throws: `DataError` when the block cannot be read.
  public func rows(_ range: Range<Int>) throws(DataError) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= rowCount, "rows \(range) of \(rowCount)")
    let offset = header.byteCount + range.lowerBound * columnCount * header.element.byteCount
    return try makeTensor(
      shape: [range.count] + shape.dropFirst(), elementType: elementType, place: path
    ) { destination throws(DataError) in
      try NPYFile.readElements(source, at: offset, header.element, into: destination)
    }
  }

  public func copyBlock(
    rows: Range<Int>, columns: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows \(rows) of \(rowCount)")
    precondition(
      columns.lowerBound >= 0 && columns.upperBound <= columnCount, "columns \(columns) of \(columnCount)")
    if header.element == NPYElement(.float32) {
      let block = RowMajorBlock(
        source: source, offset: header.byteCount, columnCount: columnCount, rows: rows, columns: columns)
      return try block.read(into: destination)
    }
    let width = columnCount
    let rowsAtOnce = max(1, (1 << 18) / max(width, 1))
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: rowsAtOnce) {
      let end = min(start + rowsAtOnce, rows.upperBound)
      let part = try self.rows(start..<end).converted(to: .float32)
      TensorFeatures.copy(
        part.reshaped(to: [end - start, width]), columns: columns,
        to: UnsafeMutableBufferPointer(
          rebasing: destination[
            (start - rows.lowerBound) * columns.count..<(end - rows.lowerBound) * columns.count]))
    }
  }
}

extension TensorFeatures {
  /// Copies some columns of every row of a float32 matrix.
  fileprivate static func copy(
    _ matrix: Tensor, columns: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>
  ) {
    // A float32 tensor with two axes is a feature matrix; the initialiser does not fail.
    guard !columns.isEmpty, let features = try? TensorFeatures(matrix) else { return }
    features.copyBlock(rows: 0..<features.rowCount, columns: columns, to: destination)
  }
}
