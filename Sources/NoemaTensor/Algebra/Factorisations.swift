internal import CLAPACKE
internal import COpenBLAS
internal import Glibc

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
      OpenBLAS.keepToOneThread()
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

  /// The smallest eigenvalues of a symmetric matrix, ascending, and their vectors, by relatively robust
  /// representations: for few of many it takes half the time of a whole decomposition.
  ///
  /// - Parameter count: how many, from 0 to the number of rows.
  /// - Returns: the values, and the unit vectors one a row.
  /// - Throws: `TensorError.shape` unless square, `.argument` for more values than rows or more rows than LAPACK
  ///   addresses, `.notFinite`, `.solver` when LAPACK does not converge.
  /// - Source: Dhillon and Parlett, Linear Algebra and its Applications 2004.
  public static func smallest(
    _ count: Int, of matrix: Matrix
  ) throws(TensorError) -> (values: [Double], vectors: Matrix) {
    let n = matrix.rowCount
    guard n == matrix.columnCount else {
      throw TensorError(.shape(found: [n, matrix.columnCount], expected: [n, n]))
    }
    // The library multiplies extents in 32 bits.
    guard count >= 0, count <= n, n <= 46_340 else {
      throw TensorError(
        .argument("found \(count) eigenvalues of \(n) rows; give from 0 to all of 46340 or fewer"))
    }
    try matrix.checkFinite()
    var vectors = Matrix(rowCount: count, columnCount: n)
    guard count > 0 else { return ([], vectors) }
    var work = matrix.elements
    var found: Int32 = 0
    var values = [Double](repeating: 0, count: n)
    var supports = [Int32](repeating: 0, count: 2 * n)
    // 86, 73 and 85 are 'V', 'I' and 'U': vectors too, by index, the upper triangle. A symmetric matrix is its own
    // transpose, and vectors that LAPACK takes for columns are rows here.
    OpenBLAS.keepToOneThread()
    let info = LAPACKE_dsyevr(
      LAPACK_COL_MAJOR, 86, 73, 85, Int32(n), &work, Int32(n), 0, 0, 1, Int32(count), 0, &found, &values,
      &vectors.elements, Int32(n), &supports)
    guard info == 0, Int(found) == count else {
      throw TensorError(.solver(routine: "dsyevr", info: Int(info)))
    }
    return (Array(values.prefix(count)), vectors)
  }
}

/// The Cholesky factorisation `A = L Lᵀ` of a symmetric positive definite matrix.
public struct Cholesky: Sendable {
  /// `L` row by row; what lies above its diagonal is the matrix's.
  private let factor: [Double]
  private let count: Int

  /// Factorises a matrix; one that rounding made indefinite gets a growing jitter on its diagonal, from
  /// 1e-10 of the mean diagonal.
  ///
  /// - Parameters:
  ///   - matrix: symmetric.
  ///   - jitterLimit: the most jitter as a share of the mean diagonal; 0 for none.
  /// - Throws: `TensorError.shape` unless square, `.solver` when the matrix is not positive definite.
  public init(_ matrix: Matrix, jitterLimit: Double = 1e-4) throws(TensorError) {
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
      OpenBLAS.keepToOneThread()
      let info = count == 0 ? 0 : LAPACKE_dpotrf(LAPACK_COL_MAJOR, 85, Int32(count), &work, Int32(count))
      if info == 0 {
        factor = work
        return
      }
      jitter = jitter == 0 ? 1e-10 * trace / Double(count) : jitter * 10
      guard info > 0, trace > 0, jitter <= jitterLimit * trace / Double(count) else {
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
      OpenBLAS.keepToOneThread()
      _ = LAPACKE_dpotrs(LAPACK_COL_MAJOR, 85, Int32(count), 1, factor, Int32(count), &solution, Int32(count))
    }
    return solution
  }

  /// Solves `A X = B` for several right sides, the columns of `B`.
  public func solve(_ right: Matrix) -> Matrix {
    precondition(right.rowCount == count)
    var columns = right.transposed
    if count > 0, right.columnCount > 0 {
      OpenBLAS.keepToOneThread()
      _ = LAPACKE_dpotrs(
        LAPACK_COL_MAJOR, 85, Int32(count), Int32(right.columnCount), factor, Int32(count), &columns.elements,
        Int32(count))
    }
    return columns.transposed
  }

  /// `ln det A`.
  public var logDeterminant: Double { (0..<count).reduce(0) { $0 + 2 * log(factor[$1 * count + $1]) } }

  /// `X L⁻ᵀ`: rows of covariance `A` become rows whose covariance is the identity, and the square of a row's length
  /// what `xᵀ A⁻¹ x` was.
  ///
  /// - Precondition: rows have as many elements as the matrix has rows.
  public func whitening(_ rows: Matrix) -> Matrix {
    precondition(rows.columnCount == count, "rows of \(rows.columnCount) elements, expected \(count)")
    var result = rows
    guard count > 0, rows.rowCount > 0 else { return result }
    OpenBLAS.keepToOneThread()
    cblas_dtrsm(
      CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, Int32(rows.rowCount), Int32(count), 1,
      factor, Int32(count), &result.elements, Int32(count))
    return result
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
      OpenBLAS.keepToOneThread()
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
    OpenBLAS.keepToOneThread()
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
