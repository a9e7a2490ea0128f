/// A dense matrix of `Double` in row-major order: the type of statistics, Gram matrices and solvers.
public struct Matrix: Sendable, Hashable {
  /// The number of rows.
  public let rowCount: Int
  /// The number of columns.
  public let columnCount: Int
  /// The elements, row by row.
  public var elements: [Double]

  /// Makes a matrix of the given elements in row-major order.
  ///
  /// - Precondition: `elements.count == rowCount * columnCount`.
  public init(rowCount: Int, columnCount: Int, elements: [Double]) {
    precondition(elements.count == rowCount * columnCount)
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.elements = elements
  }

  /// Makes a matrix of zeros.
  public init(rowCount: Int, columnCount: Int) {
    self.init(
      rowCount: rowCount, columnCount: columnCount,
      elements: Array(repeating: 0, count: rowCount * columnCount))
  }

  /// Makes a matrix of a rank-2 tensor of floats.
  ///
  /// - Throws: `TensorError.shape` unless the tensor has two axes.
  public init(_ tensor: Tensor) throws(TensorError) {
    guard tensor.rank == 2 else { throw TensorError(.shape(found: tensor.shape, expected: [-1, -1])) }
    self.init(
      rowCount: tensor.shape[0], columnCount: tensor.shape[1],
      elements: tensor.converted(to: .float64).elements(as: Double.self))
  }

  /// The element in a row and a column.
  @inlinable
  public subscript(row: Int, column: Int) -> Double {
    get { elements[row * columnCount + column] }
    set { elements[row * columnCount + column] = newValue }
  }

  /// One row.
  public func row(_ index: Int) -> ArraySlice<Double> {
    elements[index * columnCount..<(index + 1) * columnCount]
  }

  /// The transpose.
  public var transposed: Matrix {
    var result = Matrix(rowCount: columnCount, columnCount: rowCount)
    for row in 0..<rowCount { for column in 0..<columnCount { result[column, row] = self[row, column] } }
    return result
  }

  /// The matrix as a rank-2 tensor of float64.
  public var tensor: Tensor { Tensor(shape: [rowCount, columnCount], elements) }
}
