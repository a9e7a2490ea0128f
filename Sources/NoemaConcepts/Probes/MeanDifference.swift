internal import NoemaTensor

/// The difference of the class means: the direction of lowest variance, which points along the shift that the
/// concept causes.
///
/// For two-valued labels it is the pattern CAV (`Cov(x, y) / Var(y)`) exactly. The intercept puts the border
/// half-way between the means.
///
/// - Source: Pahde et al., "Navigating Neural Space", 2022.
public struct MeanDifference: Probe, Hashable {
  /// Makes the probe.
  public init() {}

  public func fit(_ problem: ProbeProblem) throws(ConceptError) -> DualProbe {
    var sums = (positive: 0.0, negative: 0.0)
    for (weight, positive) in zip(problem.weights, problem.isPositive) {
      if positive { sums.positive += weight } else { sums.negative += weight }
    }
    let alpha = zip(problem.weights, problem.isPositive).map { weight, positive in
      positive ? weight / sums.positive : -weight / sums.negative
    }
    // f(μ₊) = −f(μ₋): b = −½ (‖μ₊‖² − ‖μ₋‖²).
    let products = problem.kernel.times(alpha)
    let middle = zip(products, alpha).reduce(0) { $0 + $1.0 * abs($1.1) } / 2
    return DualProbe(alpha: alpha, intercept: -middle)
  }
}

/// The signal direction of any filter: `a = Σₓ w / (wᵀ Σₓ w)`.
///
/// A filter suppresses what distracts from the concept and may point away from it; its pattern points along
/// the change that the concept causes.
///
/// - Source: Haufe et al., "On the interpretation of weight vectors", NeuroImage 2014, equation 6.
public struct HaufePattern: Probe {
  /// The filter.
  public let filter: any Probe

  /// Makes the pattern of a filter.
  public init(of filter: any Probe) { self.filter = filter }

  public func tuned(on problem: ProbeProblem) throws(ConceptError) -> any Probe {
    HaufePattern(of: try filter.tuned(on: problem))
  }

  public func fit(_ problem: ProbeProblem) throws(ConceptError) -> DualProbe {
    let trained = try filter.fit(problem)
    let shares = problem.shares
    // Scores centred by their weighted mean; the intercept drops out.
    var scores = problem.kernel.times(trained.alpha)
    let mean = zip(shares, scores).reduce(0) { $0 + $1.0 * $1.1 }
    for i in scores.indices { scores[i] -= mean }
    let power = zip(shares, scores).reduce(0) { $0 + $1.0 * $1.1 * $1.1 }
    guard power > 0 else { return DualProbe(alpha: Array(repeating: 0, count: scores.count), intercept: 0) }
    var alpha = zip(shares, scores).map { $0 * $1 / power }
    let sum = alpha.reduce(0, +)
    for i in alpha.indices { alpha[i] -= shares[i] * sum }
    // One step along the pattern a raises the filter's score by 1, so from the data's mean its border lies
    // `−(mean + intercept)` steps away, where the new score `a · x` has changed by `‖a‖²` a step.
    let products = problem.kernel.times(alpha)
    let centre = zip(shares, products).reduce(0) { $0 + $1.0 * $1.1 }
    let square = zip(alpha, products).reduce(0) { $0 + $1.0 * $1.1 }
    return DualProbe(alpha: alpha, intercept: (mean + trained.intercept) * square - centre)
  }
}
