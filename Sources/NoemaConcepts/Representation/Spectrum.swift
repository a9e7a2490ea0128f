internal import Foundation
public import NoemaTensor

/// The singular values of a layer's activations, and how many dimensions they amount to.
///
/// - Sources: Roy and Vetterli, "The effective rank", 2007, for the effective rank; Halko, Martinsson and Tropp,
///   SIAM Review 2011, for the randomised route.
public struct Spectrum: Sendable, Codable, Hashable {
  /// How the values were found.
  public enum Method: String, Sendable, Codable {
    /// From the inner products of the examples.
    case gram
    /// From the scatter of the features.
    case covariance
    /// From random projections, the leading values only.
    case randomised
  }

  /// How the values were found.
  public let method: Method
  /// The number of examples.
  public let exampleCount: Int
  /// The number of features.
  public let featureCount: Int
  /// Whether the mean was subtracted (principal components) or not.
  public let isCentred: Bool
  /// The singular values of the examples × features matrix in descending order; the leading ones only when
  /// randomised.
  public let singularValues: [Double]
  /// The sum of all squared singular values, also of those not listed.
  public let total: Double
  /// The share of each squared singular value in their total; zeros when nothing varies.
  public let explainedRatio: [Double]
  /// The running sum of the shares.
  public let cumulativeRatio: [Double]
  /// `(Σσ²)² / Σσ⁴`; nil when values are missing or nothing varies.
  public let participationRatio: Double?
  /// `exp(−Σ p log p)` of the shares; nil when values are missing or nothing varies.
  public let effectiveRank: Double?
  /// `Σσ² / σ₁²`; nil when nothing varies.
  public let stableRank: Double?
  /// How many components hold 90 % of the total; nil when more than are listed.
  public let componentsFor90: Int?
  /// How many components hold 95 % of the total; nil when more than are listed.
  public let componentsFor95: Int?
  /// How many components hold 99 % of the total; nil when more than are listed.
  public let componentsFor99: Int?

  /// Derives everything from singular values.
  ///
  /// - Parameters:
  ///   - values: in descending order.
  ///   - total: the sum of all squares if `values` are only the leading ones.
  public init(
    singularValues values: [Double], total: Double? = nil, method: Method, exampleCount: Int,
    featureCount: Int,
    isCentred: Bool
  ) {
    self.method = method
    self.exampleCount = exampleCount
    self.featureCount = featureCount
    self.isCentred = isCentred
    singularValues = values
    let squares = values.map { $0 * $0 }
    let listed = squares.reduce(0, +)
    let sum = max(total ?? listed, listed)
    self.total = sum
    let shares = squares.map { sum > 0 ? $0 / sum : 0 }
    explainedRatio = shares
    var running = 0.0
    let cumulative = shares.map { share in
      running += share
      return min(running, 1)
    }
    cumulativeRatio = cumulative
    // A spectrum is complete when nothing but rounding is left.
    let isComplete = total == nil || listed >= sum * (1 - 1e-9)
    if sum > 0, isComplete {
      participationRatio = 1 / shares.reduce(0) { $0 + $1 * $1 }
      effectiveRank = exp(-shares.reduce(0) { $0 + ($1 > 0 ? $1 * log($1) : 0) })
    } else {
      participationRatio = nil
      effectiveRank = nil
    }
    stableRank = squares.first.flatMap { $0 > 0 ? sum / $0 : nil }
    func count(holding share: Double) -> Int? {
      sum > 0 ? cumulative.firstIndex { $0 >= share - 1e-12 }.map { $0 + 1 } : nil
    }
    componentsFor90 = count(holding: 0.9)
    componentsFor95 = count(holding: 0.95)
    componentsFor99 = count(holding: 0.99)
  }

  /// Measures a layer.
  ///
  /// - Parameters:
  ///   - features: examples × features, streamed.
  ///   - centre: whether the mean is subtracted.
  ///   - route: exact up to 4096 examples or features unless told otherwise.
  /// - Throws: `ConceptError.tooFew` without two examples or one feature, `.notFinite`, `.algebra`, and what
  ///   reading a block throws.
  public init(
    _ features: some FeatureMatrix, centre: Bool = true, route: PrincipalComponents.Route = .automatic
  ) throws {
    self = try PrincipalComponents(features, count: 0, centre: centre, route: route).spectrum
  }
}
