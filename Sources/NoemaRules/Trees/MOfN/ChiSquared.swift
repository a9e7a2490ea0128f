internal import Glibc

/// The χ² distribution.
enum ChiSquared {
  /// `P(X ≥ x)` with `degrees` of freedom: the regularised upper incomplete gamma function `Q(degrees/2, x/2)`.
  ///
  /// - Source: Abramowitz and Stegun, *Handbook of Mathematical Functions*, 6.5.29 (series) and 6.5.31 (continued
  ///   fraction).
  static func tail(_ x: Double, degrees: Double) -> Double {
    let (a, z) = (degrees / 2, x / 2)
    guard z > 0 else { return 1 }
    guard z.isFinite else { return 0 }
    let front = exp(a * log(z) - z - lgamma(a))
    if z < a + 1 {
      var term = 1 / a
      var sum = term
      var k = a
      while term > sum * 1e-16 {
        k += 1
        term *= z / k
        sum += term
      }
      return max(0, 1 - front * sum)
    }
    // Lentz's method.
    var b = z + 1 - a
    var c = 1e300
    var d = 1 / b
    var fraction = d
    for step in 1...10_000 {
      let k = Double(step)
      b += 2
      d = 1 / (k * (a - k) * d + b)
      c = b + k * (a - k) / c
      let factor = c * d
      fraction *= factor
      if abs(factor - 1) < 1e-15 { break }
    }
    return min(1, front * fraction)
  }
}
