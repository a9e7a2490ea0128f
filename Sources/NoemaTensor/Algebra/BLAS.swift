internal import COpenBLAS

extension Matrix {
  /// The product with another matrix.
  ///
  /// - Precondition: the inner extents agree.
  public func times(_ other: Matrix) -> Matrix { Matrix.product(self, false, other, false) }

  /// `selfᵀ · other`.
  ///
  /// - Precondition: the row counts agree.
  public func transposedTimes(_ other: Matrix) -> Matrix { Matrix.product(self, true, other, false) }

  /// `self · otherᵀ`.
  ///
  /// - Precondition: the column counts agree.
  public func timesTransposed(_ other: Matrix) -> Matrix { Matrix.product(self, false, other, true) }

  /// The product with a column vector.
  ///
  /// - Precondition: the vector has `columnCount` elements.
  public func times(_ vector: [Double]) -> [Double] {
    precondition(
      vector.count == columnCount, "a vector of \(vector.count) does not fit \(columnCount) columns")
    guard rowCount > 0, columnCount > 0 else { return Array(repeating: 0, count: rowCount) }
    var result = [Double](repeating: 0, count: rowCount)
    OpenBLAS.keepToOneThread()
    cblas_dgemv(
      CblasRowMajor, CblasNoTrans, Int32(rowCount), Int32(columnCount), 1, elements, Int32(columnCount),
      vector, 1, 0,
      &result, 1)
    return result
  }

  /// The rows and columns of the given indices, in their order.
  public func selecting(rows: [Int], columns: [Int]) -> Matrix {
    var result = Matrix(rowCount: rows.count, columnCount: columns.count)
    elements.withUnsafeBufferPointer { source in
      result.elements.withUnsafeMutableBufferPointer { target in
        for (i, row) in rows.enumerated() {
          let from = row * columnCount
          let to = i * columns.count
          for (j, column) in columns.enumerated() { target[to + j] = source[from + column] }
        }
      }
    }
    return result
  }

  private static func product(_ a: Matrix, _ aTransposed: Bool, _ b: Matrix, _ bTransposed: Bool) -> Matrix {
    let (rows, inner) = aTransposed ? (a.columnCount, a.rowCount) : (a.rowCount, a.columnCount)
    let (bInner, columns) = bTransposed ? (b.columnCount, b.rowCount) : (b.rowCount, b.columnCount)
    precondition(inner == bInner, "inner extents \(inner) and \(bInner) do not agree")
    var result = Matrix(rowCount: rows, columnCount: columns)
    guard rows > 0, columns > 0, inner > 0 else { return result }
    a.elements.withUnsafeBufferPointer { left in
      b.elements.withUnsafeBufferPointer { right in
        result.elements.withUnsafeMutableBufferPointer { product in
          ProductTiles(rows: rows, columns: columns, inner: inner).run(left, right, product) {
            tile, left, right, product in
            let (i, j) = (tile.rows.lowerBound, tile.columns.lowerBound)
            cblas_dgemm(
              CblasRowMajor, aTransposed ? CblasTrans : CblasNoTrans, bTransposed ? CblasTrans : CblasNoTrans,
              Int32(tile.rows.count), Int32(tile.columns.count), Int32(inner), 1,
              left + (aTransposed ? i : i * a.columnCount), Int32(a.columnCount),
              right + (bTransposed ? j * b.columnCount : j), Int32(b.columnCount), 0,
              product + i * columns + j, Int32(columns))
          }
        }
      }
    }
    return result
  }
}
