internal import CLAPACKE
internal import COpenBLAS
internal import Foundation
internal import NoemaTensor

/// A normal distribution of some dimensions, made ready for densities.
struct Gaussian: Sendable {
  /// The spread about the mean.
  enum Covariance: Sendable {
    /// The variances of independent coordinates.
    case diagonal([Double])
    /// A symmetric positive definite matrix.
    case full(Matrix)
  }

  private let mean: [Double]
  /// The lower Cholesky factor, row-major, or the standard deviations.
  private let factor: [Double]
  private let isDiagonal: Bool
  /// `ln det Σ`.
  private let logDeterminant: Double

  /// Factorises a covariance.
  ///
  /// - Throws: `ConceptError.algebra` unless it is positive definite.
  init(mean: [Double], _ covariance: Covariance) throws(ConceptError) {
    let d = mean.count
    let isPositive: Bool
    switch covariance {
    case .diagonal(let variances):
      factor = variances.map { $0.squareRoot() }
      isPositive = variances.allSatisfy { $0 > 0 }
      logDeterminant = variances.reduce(0) { $0 + log($1) }
      isDiagonal = true
    case .full(let matrix):
      var work = matrix.elements
      // 76 is 'L': the lower triangle.
      isPositive = LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 76, Int32(d), &work, Int32(d)) == 0
      let diagonal = (0..<d).map { work[$0 * d + $0] }
      factor = work
      logDeterminant = isPositive ? 2 * diagonal.reduce(0) { $0 + log($1) } : 0
      isDiagonal = false
    }
    self.mean = mean
    guard isPositive else {
      throw ConceptError(
        .algebra(
          "a covariance of \(d) dimensions is not positive definite; raise the ridge, or take fewer dimensions"
        ))
    }
  }

  /// The squared Mahalanobis distance of each row to the mean.
  func squares(_ rows: Matrix) -> [Double] {
    let (n, d) = (rows.rowCount, rows.columnCount)
    var centred = rows
    centred.subtractFromRows(mean)
    if isDiagonal {
      centred.scaleColumns(factor.map { 1 / $0 })
    } else {
      cblas_dtrsm(
        CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, Int32(n), Int32(d), 1, factor,
        Int32(d), &centred.elements, Int32(d))
    }
    return centred.elements.withUnsafeBufferPointer { values in
      (0..<n).map { i in sum(d) { values[i * d + $0] * values[i * d + $0] } }
    }
  }

  /// The logarithm of the density at each row.
  func logDensities(_ rows: Matrix) -> [Double] {
    let constant = Double(mean.count) * log(2 * Double.pi) + logDeterminant
    return squares(rows).map { -0.5 * (constant + $0) }
  }
}
