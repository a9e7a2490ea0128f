public import NoemaTensor

/// Some rows of a feature matrix, in the order of their indices.
public struct FeatureRows: FeatureMatrix {
  private let base: any FeatureMatrix
  private let indices: [Int]

  /// Selects rows.
  ///
  /// - Precondition: every index is a row of the matrix.
  public init(_ base: any FeatureMatrix, rows indices: [Int]) {
    precondition(indices.allSatisfy { $0 >= 0 && $0 < base.rowCount }, "a row index lies outside the matrix")
    self.base = base
    self.indices = indices
  }

  public var rowCount: Int { indices.count }
  public var columnCount: Int { base.columnCount }

  public func copyBlock(
    rows: Range<Int>, columns: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    // Runs of neighbouring rows are read at once.
    var start = rows.lowerBound
    while start < rows.upperBound {
      var end = start + 1
      while end < rows.upperBound, indices[end] == indices[end - 1] + 1 { end += 1 }
      let offset = (start - rows.lowerBound) * columns.count
      let count = (end - start) * columns.count
      try base.copyBlock(
        rows: indices[start]..<(indices[end - 1] + 1), columns: columns,
        to: UnsafeMutableBufferPointer(rebasing: destination[offset..<(offset + count)]))
      start = end
    }
  }
}

extension FeatureMatrix {
  /// A block in float64.
  ///
  /// - Throws: `ConceptError.notFinite` with row and column, and what reading a block throws.
  func block(rows: Range<Int>, columns: Range<Int>) throws -> Matrix {
    let count = rows.count * columns.count
    let values = try [Float](unsafeUninitializedCapacity: max(1, count)) { buffer, filled in
      if count > 0 {
        try copyBlock(
          rows: rows, columns: columns, to: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      }
      filled = count
    }
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      let (row, column) = (
        rows.lowerBound + index / columns.count, columns.lowerBound + index % columns.count
      )
      throw ConceptError(.notFinite("the value of example \(row), feature \(column) is NaN or infinite"))
    }
    return Matrix(rowCount: rows.count, columnCount: columns.count, elements: values.map { Double($0) })
  }

  /// Calls `body` with consecutive blocks of all columns, each of at most `memory` bytes.
  func forEachRowBlock(memory: Int = 64 << 20, _ body: (Range<Int>, Matrix) throws -> Void) throws {
    let size = Swift.max(1, Swift.min(4096, memory / (12 * Swift.max(1, columnCount))))
    for start in stride(from: 0, to: rowCount, by: size) {
      let rows = start..<Swift.min(start + size, rowCount)
      try body(rows, try block(rows: rows, columns: 0..<columnCount))
    }
  }

  /// Calls `body` with consecutive blocks of all rows, each of at most `memory` bytes.
  func forEachColumnBlock(memory: Int = 64 << 20, _ body: (Range<Int>, Matrix) throws -> Void) throws {
    let size = Swift.max(1, Swift.min(4096, memory / (12 * Swift.max(1, rowCount))))
    for start in stride(from: 0, to: columnCount, by: size) {
      let columns = start..<Swift.min(start + size, columnCount)
      try body(columns, try block(rows: 0..<rowCount, columns: columns))
    }
  }

  /// `(X − μ)(X − μ)ᵀ`, or `X Xᵀ` when not centred, from one pass over blocks of columns.
  ///
  /// Small problems are multiplied in float64. Large ones go through `PoolProducts`, in float32 blocks summed in
  /// float64; eigenvalues below 1e-7 of the largest are rounding then.
  func gram(centre: Bool = true) throws -> Matrix {
    let n = rowCount
    guard Double(n) * Double(n) * Double(columnCount) > 2e10 else {
      var sum = Matrix(rowCount: n, columnCount: n)
      try forEachColumnBlock { _, block in
        var block = block
        if centre { block.subtractColumnMeans() }
        sum.add(block.timesTransposed(block))
      }
      return sum
    }
    let products: PoolProducts
    do { products = try PoolProducts(pool: self) } catch let error as TensorError {
      guard case .notFinite(let row, let column) = error.kind else { throw error }
      throw ConceptError(.notFinite("the value of example \(row), feature \(column) is NaN or infinite"))
    }
    var gram = products.gram
    if !centre {
      let along = products.meanAlongPool
      for i in 0..<n { for j in 0..<n { gram[i, j] += along[i] + along[j] + products.meanSquare } }
    }
    return gram
  }
}

extension Matrix {
  /// The mean of each column.
  var columnMeans: [Double] {
    var means = [Double](repeating: 0, count: columnCount)
    guard rowCount > 0 else { return means }
    elements.withUnsafeBufferPointer { elements in
      for i in 0..<rowCount { for j in 0..<columnCount { means[j] += elements[i * columnCount + j] } }
    }
    for j in 0..<columnCount { means[j] /= Double(rowCount) }
    return means
  }

  /// Subtracts a row from every row.
  mutating func subtractFromRows(_ row: [Double]) {
    let (n, width) = (rowCount, columnCount)
    elements.withUnsafeMutableBufferPointer { elements in
      for i in 0..<n { for j in 0..<width { elements[i * width + j] -= row[j] } }
    }
  }

  /// Centres the columns.
  mutating func subtractColumnMeans() { subtractFromRows(columnMeans) }

  /// Multiplies each column by a factor.
  mutating func scaleColumns(_ factors: [Double]) {
    let (n, width) = (rowCount, columnCount)
    elements.withUnsafeMutableBufferPointer { elements in
      for i in 0..<n { for j in 0..<width { elements[i * width + j] *= factors[j] } }
    }
  }

  /// Adds another matrix, times a factor.
  mutating func add(_ other: Matrix, times factor: Double = 1) {
    precondition(elements.count == other.elements.count, "the extents of sums agree")
    elements.withUnsafeMutableBufferPointer { sum in
      other.elements.withUnsafeBufferPointer { terms in
        for i in sum.indices { sum[i] += factor * terms[i] }
      }
    }
  }

  /// The first columns.
  func firstColumns(_ count: Int) -> Matrix {
    count == columnCount ? self : selecting(rows: Array(0..<rowCount), columns: Array(0..<count))
  }

  /// The sum of the products of equal elements of two matrices.
  func dot(_ other: Matrix) -> Double {
    elements.withUnsafeBufferPointer { a in
      other.elements.withUnsafeBufferPointer { b in
        var sum = 0.0
        for i in a.indices { sum += a[i] * b[i] }
        return sum
      }
    }
  }
}
