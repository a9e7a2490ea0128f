internal import COpenBLAS
internal import Synchronization

/// The one place that decides how many threads OpenBLAS uses.
public enum BLASThreads {
  /// Runs work with OpenBLAS on one thread, so that many small problems can run side by side.
  ///
  /// The setting is the process's: it holds from the first such work to the end of the last, from whatever threads.
  public static func single<Result>(_ body: () throws -> Result) rethrows -> Result {
    state.withLock { state in
      if state.works == 0 {
        state.before = openblas_get_num_threads()
        openblas_set_num_threads(1)
      }
      state.works += 1
    }
    defer {
      state.withLock { state in
        state.works -= 1
        if state.works == 0 { openblas_set_num_threads(state.before) }
      }
    }
    return try body()
  }

  /// How many works run, and the number of threads before the first.
  private static let state = Mutex((works: 0, before: Int32(1)))
}

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
    cblas_dgemm(
      CblasRowMajor, aTransposed ? CblasTrans : CblasNoTrans, bTransposed ? CblasTrans : CblasNoTrans,
      Int32(rows),
      Int32(columns), Int32(inner), 1, a.elements, Int32(a.columnCount), b.elements, Int32(b.columnCount), 0,
      &result.elements, Int32(columns))
    return result
  }
}
