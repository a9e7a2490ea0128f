internal import Foundation

/// Probabilities of scores: `1 / (1 + exp(−(slope · s + offset)))`, fitted by maximum likelihood to smoothed labels.
///
/// Both sides count alike, whatever their sizes, so that ½ is *as likely as not*. Labels are smoothed to
/// `(n₊ + 1)/(n₊ + 2)` and `1/(n₋ + 2)`, without which separable scores would have no finite slope.
///
/// - Source: Platt, "Probabilistic outputs for support vector machines", 1999; Newton's method as in Lin, Lin and Weng,
///   *Machine Learning* 2007.
struct PlattScaling: Hashable {
  let slope: Double
  let offset: Double

  /// Fits scores that the examples themselves had no part in.
  init(_ scores: [Double], _ isPositive: [Bool]) {
    let positives = Double(isPositive.count { $0 })
    let negatives = Double(isPositive.count) - positives
    let targets = isPositive.map { $0 ? (positives + 1) / (positives + 2) : 1 / (negatives + 2) }
    let weights = isPositive.map { 0.5 / ($0 ? positives : negatives) }
    // In deviations, so that the ridge of the Hessian means the same for all scales.
    let mean = scores.reduce(0, +) / Double(scores.count)
    let spread = (scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(scores.count)).squareRoot()
    guard spread > 0 else {
      (slope, offset) = (0, 0)
      return
    }
    let values = scores.map { ($0 - mean) / spread }

    func loss(_ a: Double, _ b: Double) -> Double {
      var sum = 0.0
      for row in values.indices {
        let f = a * values[row] + b
        sum += weights[row] * (max(f, 0) + log1p(exp(-abs(f))) - targets[row] * f)
      }
      return sum
    }
    var (a, b) = (0.0, 0.0)
    var current = loss(a, b)
    for _ in 0..<100 {
      var (gradientA, gradientB, aa, ab, bb) = (0.0, 0.0, 1e-12, 0.0, 1e-12)
      for row in values.indices {
        let p = 1 / (1 + exp(-(a * values[row] + b)))
        let (residual, curvature) = (weights[row] * (p - targets[row]), weights[row] * p * (1 - p))
        gradientA += residual * values[row]
        gradientB += residual
        aa += curvature * values[row] * values[row]
        ab += curvature * values[row]
        bb += curvature
      }
      guard abs(gradientA) > 1e-10 || abs(gradientB) > 1e-10 else { break }
      let determinant = aa * bb - ab * ab
      let (stepA, stepB) = (
        (bb * gradientA - ab * gradientB) / determinant, (aa * gradientB - ab * gradientA) / determinant
      )
      var step = 1.0
      while step > 1e-10, !(loss(a - step * stepA, b - step * stepB) <= current) { step /= 2 }
      guard step > 1e-10 else { break }
      (a, b) = (a - step * stepA, b - step * stepB)
      current = loss(a, b)
    }
    (slope, offset) = (a / spread, b - a * mean / spread)
  }
}
