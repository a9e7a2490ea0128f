/// The inner products that every concept method needs, from one streamed pass over features.
///
/// `X` is a pool of examples, `Y` any further rows of the same features (gradients, other activations). Rows of
/// the pool are centred by the pool's mean before they are multiplied, which removes the large common part of
/// rectified activations and with it the loss of digits in float32. Blocks of columns are multiplied in float32
/// and summed in float64, so no more than a block of either is ever in memory.
public struct PoolProducts: Sendable {
  /// `(X − μ)(X − μ)ᵀ`, examples × examples.
  public private(set) var gram: Matrix
  /// `Y (X − μ)ᵀ` for each further matrix.
  public private(set) var cross: [Matrix]
  /// The Euclidean norm of each row of each further matrix.
  public private(set) var norms: [[Double]]
  /// The norm of the mean row of each further matrix.
  public private(set) var meanNorms: [Double]
  /// `μ · y` for each row of each further matrix: what turns a cross product into a centred one.
  public private(set) var meanProducts: [[Double]]
  /// `μ · (x − μ)` for each row of the pool.
  public private(set) var meanAlongPool: [Double]
  /// `‖μ‖²`.
  public private(set) var meanSquare: Double
  /// The number of features.
  public let featureCount: Int

  /// Streams once over all columns.
  ///
  /// - Parameters:
  ///   - pool: the examples.
  ///   - others: further rows of the same features.
  ///   - memory: bytes for the blocks in flight.
  /// - Throws: `TensorError.shape` when the features differ in number, `.notFinite` with row and column.
  public init(pool: some FeatureMatrix, others: [any FeatureMatrix] = [], memory: Int = 256 << 20) throws {
    let width = pool.columnCount
    featureCount = width
    for other in others where other.columnCount != width {
      throw TensorError(
        .shape(found: [other.rowCount, other.columnCount], expected: [other.rowCount, width]))
    }
    let n = pool.rowCount
    let largest = others.map(\.rowCount).max() ?? 0
    let block = max(1, min(width, 4096, memory / (4 * max(1, n + largest))))
    gram = Matrix(rowCount: n, columnCount: n)
    cross = others.map { Matrix(rowCount: $0.rowCount, columnCount: n) }
    norms = others.map { Array(repeating: 0, count: $0.rowCount) }
    meanNorms = others.map { _ in 0 }
    meanProducts = others.map { Array(repeating: 0, count: $0.rowCount) }
    meanAlongPool = Array(repeating: 0, count: n)
    meanSquare = 0
    guard n > 0, width > 0 else { return }

    var rows = [Float](repeating: 0, count: n * block)
    var otherRows = [Float](repeating: 0, count: largest * block)
    var products = [Float](repeating: 0, count: n * max(n, largest))
    for start in stride(from: 0, to: width, by: block) {
      let columns = start..<min(start + block, width)
      let means = try rows.withUnsafeMutableBufferPointer { rows in
        try pool.copyBlock(
          rows: 0..<n, columns: columns,
          to: UnsafeMutableBufferPointer(rebasing: rows[..<(n * columns.count)]))
        return try PoolProducts.centre(rows, count: n, columns: columns)
      }
      meanSquare += means.reduce(0) { $0 + $1 * $1 }
      rows.withUnsafeBufferPointer { rows in
        for row in 0..<n {
          for (column, mean) in means.enumerated() {
            meanAlongPool[row] += mean * Double(rows[row * means.count + column])
          }
        }
        products.withUnsafeMutableBufferPointer { products in
          SinglePrecision.gram(rows, count: n, width: columns.count, into: products)
          gram.addUpperTriangle(products)
        }
      }
      for (index, other) in others.enumerated() where other.rowCount > 0 {
        try otherRows.withUnsafeMutableBufferPointer { block in
          try other.copyBlock(
            rows: 0..<other.rowCount, columns: columns,
            to: UnsafeMutableBufferPointer(rebasing: block[..<(other.rowCount * columns.count)]))
        }
        try otherRows.withUnsafeBufferPointer { block in
          try measure(index, block, count: other.rowCount, columns: columns, means: means)
          rows.withUnsafeBufferPointer { rows in
            products.withUnsafeMutableBufferPointer { products in
              SinglePrecision.product(block, other.rowCount, rows, n, width: columns.count, into: products)
              for i in 0..<other.rowCount * n { cross[index].elements[i] += Double(products[i]) }
            }
          }
        }
      }
    }
    gram.mirrorUpperTriangle()
    norms = norms.map { $0.map { $0.squareRoot() } }
    meanNorms = meanNorms.map { $0.squareRoot() }
  }

  /// The rows of a further matrix centred by the pool's mean: their products with the pool, and their norms.
  public func centred(_ index: Int) -> (products: Matrix, norms: [Double]) {
    var products = cross[index]
    for i in 0..<products.rowCount {
      for j in 0..<products.columnCount { products[i, j] -= meanAlongPool[j] }
    }
    let squares = zip(norms[index], meanProducts[index]).map { max(0, $0 * $0 - 2 * $1 + meanSquare) }
    return (products, squares.map { $0.squareRoot() })
  }

  /// Divides the pool's rows by their root mean square, so that penalties mean the same at every layer.
  ///
  /// - Returns: the scale; 1 when the pool does not vary.
  public mutating func normaliseScale() -> Double {
    let variance = gram.trace / Double(max(1, gram.rowCount * featureCount))
    guard variance > 0, variance.isFinite else { return 1 }
    let scale = variance.squareRoot()
    for i in gram.elements.indices { gram.elements[i] /= variance }
    for index in cross.indices {
      for i in cross[index].elements.indices { cross[index].elements[i] /= scale }
    }
    for i in meanAlongPool.indices { meanAlongPool[i] /= scale }
    return scale
  }

  private static func centre(
    _ rows: UnsafeMutableBufferPointer<Float>, count: Int, columns: Range<Int>
  ) throws(TensorError) -> [Double] {
    let width = columns.count
    var means = [Double](repeating: 0, count: width)
    for row in 0..<count { for column in 0..<width { means[column] += Double(rows[row * width + column]) } }
    for column in 0..<width {
      means[column] /= Double(count)
      if !means[column].isFinite {
        let row = (0..<count).first { !rows[$0 * width + column].isFinite } ?? 0
        throw TensorError(.notFinite(row: row, column: columns.lowerBound + column))
      }
    }
    for row in 0..<count {
      for column in 0..<width {
        rows[row * width + column] = Float(Double(rows[row * width + column]) - means[column])
      }
    }
    return means
  }

  /// Adds up what is known of each row of a further matrix from one block.
  private mutating func measure(
    _ index: Int, _ block: UnsafeBufferPointer<Float>, count: Int, columns: Range<Int>, means: [Double]
  ) throws(TensorError) {
    let width = columns.count
    var sums = [Double](repeating: 0, count: width)
    for row in 0..<count {
      var (square, along) = (0.0, 0.0)
      for column in 0..<width {
        let value = Double(block[row * width + column])
        square += value * value
        along += value * means[column]
        sums[column] += value
      }
      guard square.isFinite else {
        let column = (0..<width).first { !block[row * width + $0].isFinite } ?? 0
        throw TensorError(.notFinite(row: row, column: columns.lowerBound + column))
      }
      norms[index][row] += square
      meanProducts[index][row] += along
    }
    meanNorms[index] += sums.reduce(0) { $0 + ($1 / Double(count)) * ($1 / Double(count)) }
  }
}

extension FeatureMatrix {
  /// `Σᵢ αᵢ xᵢ` for each column α of the coefficients: directions in feature space, one a row, float32.
  ///
  /// - Parameter coefficients: examples × directions.
  /// - Returns: a tensor of directions × features.
  /// - Throws: what reading a block throws.
  public func combined(_ coefficients: Matrix, memory: Int = 256 << 20) throws -> Tensor {
    precondition(coefficients.rowCount == rowCount, "one coefficient per example")
    let directions = coefficients.columnCount
    let block = max(1, min(columnCount, memory / (4 * max(1, rowCount + directions))))
    var rows = [Float](repeating: 0, count: rowCount * block)
    let weights = coefficients.elements.map { Float($0) }
    var products = [Float](repeating: 0, count: directions * block)
    return try Tensor(shape: [directions, columnCount], elementType: .float32) { bytes in
      let result = bytes.bindMemory(to: Float.self)
      guard rowCount > 0, directions > 0 else { return }
      for start in stride(from: 0, to: columnCount, by: block) {
        let columns = start..<min(start + block, columnCount)
        try rows.withUnsafeMutableBufferPointer { rows in
          let part = UnsafeMutableBufferPointer(rebasing: rows[..<(rowCount * columns.count)])
          try copyBlock(rows: 0..<rowCount, columns: columns, to: part)
          weights.withUnsafeBufferPointer { weights in
            products.withUnsafeMutableBufferPointer { products in
              SinglePrecision.transposedProduct(
                weights, left: directions, UnsafeBufferPointer(part), right: columns.count, count: rowCount,
                into: products)
              for direction in 0..<directions {
                for column in 0..<columns.count {
                  result[direction * columnCount + start + column] =
                    products[direction * columns.count + column]
                }
              }
            }
          }
        }
      }
    }
  }
}

extension Matrix {
  /// Adds the upper triangle of a float32 product.
  fileprivate mutating func addUpperTriangle(_ product: UnsafeMutableBufferPointer<Float>) {
    let n = rowCount
    elements.withUnsafeMutableBufferPointer { sum in
      for i in 0..<n { for j in i..<n { sum[i * n + j] += Double(product[i * n + j]) } }
    }
  }

  /// Copies the upper triangle to the lower one.
  fileprivate mutating func mirrorUpperTriangle() {
    let n = rowCount
    elements.withUnsafeMutableBufferPointer { sum in
      for i in 0..<n { for j in 0..<i { sum[i * n + j] = sum[j * n + i] } }
    }
  }
}
