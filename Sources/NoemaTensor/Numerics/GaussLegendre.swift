internal import Glibc

/// Gauss-Legendre quadrature on [0, 1]: exact for polynomials of degree `2 count − 1`.
public struct GaussLegendre: Sendable {
  /// The nodes, ascending.
  public let nodes: [Double]
  /// The weights; they sum to 1.
  public let weights: [Double]

  /// Computes nodes and weights by Newton's method on the Legendre polynomial.
  public init(count: Int) {
    var nodes = [Double](repeating: 0, count: count), weights = nodes
    for index in 0..<count {
      var x = cos(Double.pi * (Double(index) + 0.75) / (Double(count) + 0.5))
      var slope = 0.0
      for _ in 0..<100 {
        var (previous, value) = (1.0, x)
        if count == 1 { (previous, value) = (1, x) }
        for degree in 1..<max(count, 1) where count > 1 {
          (previous, value) = (
            value, (Double(2 * degree + 1) * x * value - Double(degree) * previous) / Double(degree + 1)
          )
        }
        slope = Double(count) * (x * value - previous) / (x * x - 1)
        let step = value / slope
        x -= step
        if abs(step) < 1e-16 { break }
      }
      nodes[count - 1 - index] = (1 + x) / 2
      weights[count - 1 - index] = 1 / ((1 - x * x) * slope * slope)
    }
    self.nodes = nodes
    self.weights = weights
  }
}
