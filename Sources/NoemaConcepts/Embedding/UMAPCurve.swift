internal import Foundation

/// How much two places of a UMAP layout belong together: `1 / (1 + a x^{2b})` at distance x.
///
/// a and b bring the curve, in least squares over 300 distances from 0 to 3 · spread, near 1 below the least distance
/// and `exp(−(x − distance) / spread)` beyond it.
///
/// - Source: McInnes, Healy and Melville, "UMAP", 2018, definition 11.
public struct UMAPCurve: Sendable, Hashable, Codable {
  /// The factor of the distance's power.
  public private(set) var a = 1.0
  /// Half the power of the distance.
  public private(set) var b = 1.0

  /// Fits a curve.
  ///
  /// - Parameters:
  ///   - minimumDistance: from 0 to `spread`.
  ///   - spread: above 0.
  /// - Throws: `ConceptError.parameters` outside these, or for a spread whose power float64 does not hold.
  public init(minimumDistance: Double = 0.1, spread: Double = 1) throws(ConceptError) {
    guard spread > 0, spread.isFinite, minimumDistance >= 0, minimumDistance <= spread else {
      throw ConceptError(
        .parameters(
          "the spread must be above 0 and the least distance from 0 to the spread, found \(spread) and "
            + "\(minimumDistance)"))
    }
    fit(minimumDistance / spread)
    // So far distances were in units of the spread.
    a /= pow(spread, 2 * b)
    guard a > 0, a.isFinite else {
      throw ConceptError(.parameters("a spread of \(spread) is too small or too large; give one near 1"))
    }
  }

  /// Fits both to a curve of spread 1.
  private mutating func fit(_ minimumDistance: Double) {
    let points = (1..<300).map { i -> (x: Double, target: Double) in
      let x = 3 * Double(i) / 299
      return (x: x, target: x < minimumDistance ? 1 : exp(-(x - minimumDistance)))
    }
    var (best, damping) = (Normals(points, a, b), 1e-3)
    // Levenberg–Marquardt.
    while damping < 1e12 {
      let move = best.solution(damping)
      let (nextA, nextB) = (a + move.a, b + move.b)
      let next = Normals(points, nextA, nextB)
      guard nextA > 0, nextB > 0, next.error < best.error else {
        damping *= 10
        continue
      }
      let isDone = abs(move.a) <= 1e-10 * nextA && abs(move.b) <= 1e-10 * nextB
      (a, b, best) = (nextA, nextB, next)
      damping = max(damping / 10, 1e-12)
      if isDone { return }
    }
  }

  /// The normal equations of one step, and the error that it starts from.
  private struct Normals {
    var error = 0.0
    private var (aa, ab, bb) = (0.0, 0.0, 0.0)
    private var (ra, rb) = (0.0, 0.0)

    /// The curve is 1 at distance 0 whatever its parameters, so distances are positive.
    init(_ points: [(x: Double, target: Double)], _ a: Double, _ b: Double) {
      for point in points {
        let power = pow(point.x, 2 * b)
        let value = 1 / (1 + a * power)
        let slopeA = -power * value * value
        let slopeB = 2 * log(point.x) * a * slopeA
        let rest = point.target - value
        error += rest * rest
        aa += slopeA * slopeA
        ab += slopeA * slopeB
        bb += slopeB * slopeB
        ra += slopeA * rest
        rb += slopeB * rest
      }
    }

    func solution(_ damping: Double) -> (a: Double, b: Double) {
      let (p, q) = (aa * (1 + damping), bb * (1 + damping))
      let determinant = p * q - ab * ab
      return ((q * ra - ab * rb) / determinant, (p * rb - ab * ra) / determinant)
    }
  }
}
