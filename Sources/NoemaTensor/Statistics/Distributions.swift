internal import Foundation

/// Distribution functions that tests need.
public enum Distributions {
  /// The regularised incomplete beta function `I_x(a, b)`, by Lentz's continued fraction.
  ///
  /// - Parameters: `x` in [0, 1], `a` and `b` positive.
  /// - Source: DiDonato and Morris, ACM TOMS 708, 1992, for the symmetry that keeps the fraction short.
  public static func incompleteBeta(_ x: Double, a: Double, b: Double) -> Double {
    guard x > 0 else { return 0 }
    guard x < 1 else { return 1 }
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, a: b, b: a) }
    let front = exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b)) / a
    let tiny = 1e-300
    func away(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
    var c = 1.0
    var d = 1 / away(1 - (a + b) * x / (a + 1))
    var fraction = d
    for m in 1...10_000 {
      let k = Double(m)
      let even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
      d = 1 / away(1 + even * d)
      c = away(1 + even / c)
      fraction *= d * c
      let odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
      d = 1 / away(1 + odd * d)
      c = away(1 + odd / c)
      let step = d * c
      fraction *= step
      if abs(step - 1) < 1e-15 { break }
    }
    return front * fraction
  }

  /// The two-sided tail of Student's t: `P(|T| ≥ |t|)` with `degrees` of freedom.
  public static func studentTwoSided(_ t: Double, degrees: Double) -> Double {
    if t.isInfinite { return 0 }
    return incompleteBeta(degrees / (degrees + t * t), a: degrees / 2, b: 0.5)
  }

  /// The distribution function of the standard normal.
  public static func normal(_ z: Double) -> Double { 0.5 * erfc(-z / 2.0.squareRoot()) }

  /// The tail `P(D ≥ d)` of the Kolmogorov-Smirnov statistic of `count` uniform numbers (Stephens' form of the
  /// asymptotic series, good to three digits from 5 numbers on).
  public static func kolmogorovTail(_ distance: Double, count: Int) -> Double {
    let root = Double(count).squareRoot()
    let x = (root + 0.12 + 0.11 / root) * distance
    guard x > 0.2 else { return 1 }
    var sum = 0.0
    for k in 1...100 {
      let term = exp(-2 * Double(k * k) * x * x)
      sum += k % 2 == 1 ? term : -term
      if term < 1e-16 { break }
    }
    return min(1, max(0, 2 * sum))
  }
}
