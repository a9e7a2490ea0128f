internal import CLAPACKE

/// The eigendecomposition `A = V diag(λ) Vᵀ` of a symmetric matrix.
public struct SymmetricEigen: Sendable {
  /// The eigenvalues in descending order.
  public let values: [Double]
  /// The eigenvectors as columns, in the order of the values.
  public let vectors: Matrix

  /// Decomposes a symmetric matrix by divide and conquer, and by QR iterations should that fail.
  ///
  /// - Throws: `TensorError.shape` unless square, `.solver` when LAPACK does not converge.
  public init(_ matrix: Matrix) throws(TensorError) {
    let n = matrix.rowCount
    guard n == matrix.columnCount else {
      throw TensorError(.shape(found: [n, matrix.columnCount], expected: [n, n]))
    }
    try matrix.checkFinite()
    var work = matrix.elements
    var values = [Double](repeating: 0, count: n)
    if n > 0 {
      // A symmetric matrix is its own transpose, so row-major data needs no copy; rows hold eigenvectors then.
      var info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 86, 85, Int32(n), &work, Int32(n), &values)
      if info > 0 {
        work = matrix.elements
        info = LAPACKE_dsyev(LAPACK_COL_MAJOR, 86, 85, Int32(n), &work, Int32(n), &values)
      }
      guard info == 0 else { throw TensorError(.solver(routine: "dsyevd", info: Int(info))) }
    }
    var vectors = Matrix(rowCount: n, columnCount: n)
    for k in 0..<n { for i in 0..<n { vectors.elements[i * n + (n - 1 - k)] = work[k * n + i] } }
    self.values = values.reversed()
    self.vectors = vectors
  }
}

/// The Cholesky factorisation of a symmetric positive definite matrix.
public struct Cholesky: Sendable {
  private let factor: [Double]
  private let count: Int

  /// Factorises a matrix; one that rounding made indefinite gets a growing jitter on its diagonal, from
  /// 1e-10 of the mean diagonal up to 1e-4.
  ///
  /// - Throws: `TensorError.shape` unless square, `.solver` when the matrix is not positive definite.
  public init(_ matrix: Matrix) throws(TensorError) {
    count = matrix.rowCount
    guard count == matrix.columnCount else {
      throw TensorError(.shape(found: [count, matrix.columnCount], expected: [count, count]))
    }
    try matrix.checkFinite()
    var trace = 0.0
    for i in 0..<count { trace += matrix[i, i] }
    var jitter = 0.0
    while true {
      var work = matrix.elements
      for i in 0..<count { work[i * count + i] += jitter }
      let info = count == 0 ? 0 : LAPACKE_dpotrf(LAPACK_COL_MAJOR, 85, Int32(count), &work, Int32(count))
      if info == 0 {
        factor = work
        return
      }
      jitter = jitter == 0 ? 1e-10 * trace / Double(count) : jitter * 10
      guard info > 0, trace > 0, jitter <= 1e-4 * trace / Double(count) else {
        throw TensorError(.solver(routine: "dpotrf", info: Int(info)))
      }
    }
  }

  /// Solves `A x = b`.
  ///
  /// - Precondition: the right side has as many elements as the matrix rows.
  public func solve(_ right: [Double]) -> [Double] {
    precondition(right.count == count)
    var solution = right
    if count > 0 {
      _ = LAPACKE_dpotrs(LAPACK_COL_MAJOR, 85, Int32(count), 1, factor, Int32(count), &solution, Int32(count))
    }
    return solution
  }

  /// Solves `A X = B` for several right sides, the columns of `B`.
  public func solve(_ right: Matrix) -> Matrix {
    precondition(right.rowCount == count)
    var columns = right.transposed
    if count > 0, right.columnCount > 0 {
      _ = LAPACKE_dpotrs(
        LAPACK_COL_MAJOR, 85, Int32(count), Int32(right.columnCount), factor, Int32(count), &columns.elements,
        Int32(count))
    }
    return columns.transposed
  }
}

/// The thin singular value decomposition `A = U diag(σ) Vᵀ`.
///
/// The largest entry of each right vector is positive, so that the result is reproducible.
public struct SingularValues: Sendable {
  /// Left vectors as columns, `rows × k` with `k = min(rows, columns)`.
  public let left: Matrix
  /// The singular values in descending order.
  public let values: [Double]
  /// Right vectors as columns, `columns × k`.
  public let right: Matrix

  /// Decomposes a matrix by divide and conquer.
  ///
  /// - Throws: `TensorError.solver` when LAPACK does not converge, `.notFinite`.
  public init(_ matrix: Matrix) throws(TensorError) {
    try matrix.checkFinite()
    let (m, n) = (matrix.rowCount, matrix.columnCount)
    let k = min(m, n)
    var work = matrix.elements
    var values = [Double](repeating: 0, count: k)
    var u = Matrix(rowCount: m, columnCount: k)
    var vt = Matrix(rowCount: k, columnCount: n)
    if k > 0 {
      let info = LAPACKE_dgesdd(
        LAPACK_ROW_MAJOR, 83, Int32(m), Int32(n), &work, Int32(n), &values, &u.elements, Int32(k),
        &vt.elements, Int32(n))
      guard info == 0 else { throw TensorError(.solver(routine: "dgesdd", info: Int(info))) }
    }
    for j in 0..<k {
      let row = vt.row(j)
      let extreme = row.max { abs($0) < abs($1) } ?? 0
      if extreme < 0 {
        for i in 0..<n { vt[j, i].negate() }
        for i in 0..<m { u[i, j].negate() }
      }
    }
    left = u
    self.values = values
    right = vt.transposed
  }
}

extension Matrix {
  /// An orthonormal basis of the columns, `rows × columns`, by Householder QR.
  ///
  /// - Throws: `TensorError.shape` when there are more columns than rows.
  public func orthonormalised() throws(TensorError) -> Matrix {
    guard columnCount <= rowCount else {
      throw TensorError(.shape(found: [rowCount, columnCount], expected: [rowCount, rowCount]), in: "QR")
    }
    try checkFinite()
    var work = elements
    var scales = [Double](repeating: 0, count: columnCount)
    guard columnCount > 0 else { return self }
    let (m, n) = (Int32(rowCount), Int32(columnCount))
    var info = LAPACKE_dgeqrf(LAPACK_ROW_MAJOR, m, n, &work, n, &scales)
    if info == 0 { info = LAPACKE_dorgqr(LAPACK_ROW_MAJOR, m, n, n, &work, n, scales) }
    guard info == 0 else { throw TensorError(.solver(routine: "dgeqrf", info: Int(info))) }
    return Matrix(rowCount: rowCount, columnCount: columnCount, elements: work)
  }

  /// Names the first element that is NaN or infinite.
  ///
  /// - Throws: `TensorError.notFinite`.
  public func checkFinite() throws(TensorError) {
    if let index = elements.firstIndex(where: { !$0.isFinite }) {
      throw TensorError(.notFinite(row: index / columnCount, column: index % columnCount))
    }
  }

  /// The sum of the diagonal.
  public var trace: Double { (0..<min(rowCount, columnCount)).reduce(0) { $0 + self[$1, $1] } }
}
