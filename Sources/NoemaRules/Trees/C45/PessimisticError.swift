internal import Glibc
internal import NoemaTensor

/// How many errors to expect on new cases where some were counted on the cases that a leaf or a rule was made from:
/// the upper confidence limit of a binomial share.
///
/// Case counts may be sums of weights.
///
/// ```swift
/// PessimisticError().errors(cases: 16, errors: 1)   // 2.5069: one error in 16 is taken for two and a half
/// ```
///
/// - Source: Quinlan, *C4.5: Programs for Machine Learning*, 1993, section 4.2.
public struct PessimisticError: Sendable, Hashable, Codable {
  /// The chance that the true share lies above the limit; smaller is more pessimistic.
  public var confidence: Double

  /// Makes an estimate.
  ///
  /// - Parameter confidence: in (0, 1).
  public init(confidence: Double = 0.25) { self.confidence = confidence }

  /// The expected errors by C4.5's own arithmetic: exact without errors, the normal approximation with a continuity
  /// correction from one error on, and a straight line between.
  public func errors(cases: Double, errors: Double) -> Double {
    guard cases > 0 else { return 0 }
    return errors + max(0, extra(cases, errors))
  }

  /// The same as a share of the cases; 1 of none.
  public func rate(cases: Double, errors: Double) -> Double {
    cases > 0 ? min(1, self.errors(cases: cases, errors: errors) / cases) : 1
  }

  /// The upper limit itself: the share under which so few errors have the probability ``confidence``.
  ///
  /// The `1 − confidence` quantile of the beta distribution with parameters `errors + 1` and `cases − errors`.
  public func exactRate(cases: Double, errors: Double) -> Double {
    guard cases > errors else { return 1 }
    var (low, high) = (0.0, 1.0)
    for _ in 0..<100 {
      let middle = (low + high) / 2
      if Distributions.incompleteBeta(middle, a: errors + 1, b: cases - errors) < 1 - confidence {
        low = middle
      } else {
        high = middle
      }
    }
    return (low + high) / 2
  }

  private func extra(_ cases: Double, _ errors: Double) -> Double {
    if errors < 0.9999 {
      let none = cases * (1 - pow(confidence, 1 / cases))
      return errors < 1e-6 ? none : none + errors * (extra(cases, 1) - none)
    }
    if errors + 0.5 >= cases { return 0.67 * (cases - errors) }
    let square = deviate * deviate
    let half = errors + 0.5
    let root = (square * (half * (1 - half / cases) + square / 4)).squareRoot()
    return cases * ((half + square / 2 + root) / (cases + square)) - errors
  }

  /// The one-sided normal deviate of the confidence, between the values that C4.5 lists.
  private var deviate: Double {
    let confidences = [0, 0.001, 0.005, 0.01, 0.05, 0.10, 0.20, 0.40, 1]
    let deviates = [4.0, 3.09, 2.58, 2.33, 1.65, 1.28, 0.84, 0.25, 0]
    let upper = confidences.indices.dropFirst().first { confidence <= confidences[$0] } ?? 8
    let share = (confidence - confidences[upper - 1]) / (confidences[upper] - confidences[upper - 1])
    return deviates[upper - 1] + share * (deviates[upper] - deviates[upper - 1])
  }
}
