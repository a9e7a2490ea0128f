public import NoemaTensor

/// Points in memory, one a row, in float32: what clusterings, neighbour graphs and embeddings start from.
public struct PointSet: Sendable, Hashable {
  /// The number of points, at least 1.
  public let count: Int
  /// The number of coordinates of each, at least 1.
  public let dimension: Int
  /// The coordinates, `count · dimension` in row-major order, all finite.
  public let values: [Float]

  /// Makes a set of points.
  ///
  /// - Parameters:
  ///   - values: the coordinates in row-major order.
  ///   - count: points, from 1 to 2³¹ − 1.
  ///   - dimension: coordinates of each, at least 1.
  /// - Throws: `ConceptError.mismatch` when the extents do not fit the values, `.notFinite` with row and column.
  public init(_ values: [Float], count: Int, dimension: Int) throws(ConceptError) {
    let (total, overflow) = count.multipliedReportingOverflow(by: dimension)
    guard count >= 1, count <= Int32.max, dimension >= 1, !overflow, total == values.count else {
      throw ConceptError(
        .mismatch(
          "\(values.count) values are not \(count) points of \(dimension) coordinates; both numbers are 1 or more "
            + "and their product is the number of values"))
    }
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw ConceptError(
        .notFinite(
          "the value of example \(index / dimension), feature \(index % dimension) is NaN or infinite"))
    }
    self.count = count
    self.dimension = dimension
    self.values = values
  }

  /// Makes a set of points of the rows of a matrix, rounded to float32.
  ///
  /// - Throws: `ConceptError.mismatch` of an empty matrix, `.notFinite`, also of values beyond float32.
  public init(_ matrix: Matrix) throws(ConceptError) {
    try self.init(matrix.elements.map { Float($0) }, count: matrix.rowCount, dimension: matrix.columnCount)
  }

  /// Reads all rows of a feature matrix into memory.
  ///
  /// - Throws: `ConceptError.mismatch` of an empty matrix, `.notFinite`, and what reading a block throws.
  public init(features: some FeatureMatrix) throws {
    let (rows, columns) = (features.rowCount, features.columnCount)
    let values = try [Float](unsafeUninitializedCapacity: max(1, rows * columns)) { buffer, filled in
      if rows * columns > 0 {
        try features.copyBlock(
          rows: 0..<rows, columns: 0..<columns,
          to: UnsafeMutableBufferPointer(rebasing: buffer[..<(rows * columns)]))
      }
      filled = rows * columns
    }
    try self.init(values, count: rows, dimension: columns)
  }

  /// The coordinates of one point.
  public func row(_ index: Int) -> ArraySlice<Float> {
    values[(index * dimension)..<((index + 1) * dimension)]
  }

  /// Some of the points, in the order of their indices; an index may occur more than once.
  ///
  /// - Throws: `ConceptError.parameters` for an index outside the set, `.mismatch` for no index.
  public func selecting(_ rows: [Int]) throws(ConceptError) -> PointSet {
    if let row = rows.first(where: { $0 < 0 || $0 >= count }) {
      throw ConceptError(.parameters("there is no point \(row) among \(count)"))
    }
    var chosen: [Float] = []
    chosen.reserveCapacity(rows.count * dimension)
    for index in rows { chosen.append(contentsOf: row(index)) }
    return try PointSet(chosen, count: rows.count, dimension: dimension)
  }

  /// The points as a matrix of float64, points × coordinates.
  public var matrix: Matrix {
    Matrix(rowCount: count, columnCount: dimension, elements: values.map { Double($0) })
  }

  /// How many of the points differ, up to a limit; counting ends there.
  func distinctCount(upTo limit: Int) -> Int {
    var seen: Set<ArraySlice<Float>> = []
    for index in 0..<count where seen.count < limit { seen.insert(row(index)) }
    return seen.count
  }
}

extension PointSet: FeatureMatrix {
  public var rowCount: Int { count }
  public var columnCount: Int { dimension }

  public func copyBlock(
    rows: Range<Int>, columns: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>
  ) {
    values.withUnsafeBufferPointer { source in
      for (offset, row) in rows.enumerated() {
        let start = row * dimension + columns.lowerBound
        destination.baseAddress?.advanced(by: offset * columns.count)
          .update(from: source.baseAddress! + start, count: columns.count)
      }
    }
  }
}
