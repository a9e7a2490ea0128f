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
  private let spread: Spread
  /// `ln det Σ`.
  private let logDeterminant: Double

  /// The covariance made ready.
  private enum Spread {
    /// The standard deviations.
    case diagonal([Double])
    case full(Cholesky)
  }

  /// Factorises a covariance.
  ///
  /// - Throws: `ConceptError.algebra` unless it is positive definite.
  init(mean: [Double], _ covariance: Covariance) throws(ConceptError) {
    self.mean = mean
    switch covariance {
    case .diagonal(let variances):
      guard variances.allSatisfy({ $0 > 0 }) else { throw Self.degenerate(mean.count) }
      spread = .diagonal(variances.map { $0.squareRoot() })
      logDeterminant = variances.reduce(0) { $0 + log($1) }
    case .full(let matrix):
      do throws(TensorError) {
        let factor = try Cholesky(matrix, jitterLimit: 0)
        spread = .full(factor)
        logDeterminant = factor.logDeterminant
      } catch { throw Self.degenerate(mean.count) }
    }
  }

  private static func degenerate(_ dimension: Int) -> ConceptError {
    ConceptError(
      .algebra(
        "a covariance of \(dimension) dimensions is not positive definite; raise the ridge, or take fewer dimensions"
      ))
  }

  /// The squared Mahalanobis distance of each row to the mean.
  func squares(_ rows: Matrix) -> [Double] {
    let (n, d) = (rows.rowCount, rows.columnCount)
    var centred = rows
    centred.subtractFromRows(mean)
    switch spread {
    case .diagonal(let deviations): centred.scaleColumns(deviations.map { 1 / $0 })
    case .full(let factor): centred = factor.whitening(centred)
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
