/// What keeps an input plain: penalties on the picture itself, before views of it are taken.
///
/// - Source: Simonyan et al., "Deep Inside Convolutional Networks", 2013 (squares); Mahendran and Vedaldi,
///   "Understanding Deep Image Representations by Inverting Them", CVPR 2015 (total variation).
struct PicturePenalty: Sendable {
  /// The weight of `Σ √(Δ₁² + Δ₂² + ε)` over pixels and channels, with the differences to the next row and column.
  let totalVariation: Double
  /// The weight of `Σ (x − x₀)²`.
  let squares: Double
  /// `x₀`: grey for pictures, 0 for arrays.
  let origin: Double
  /// So that the root has a derivative where nothing varies.
  private static let epsilon = 1e-8

  /// Adds the derivative of the penalty, with the opposite sign, to that of an objective.
  ///
  /// - Parameter width: of the plane; nil where there is none, and nothing to vary.
  /// - Returns: the penalty.
  func subtract(of plane: [Double], width: Int?, from gradient: inout [Double]) -> Double {
    var sum = 0.0
    if squares > 0 {
      for i in plane.indices {
        let difference = plane[i] - origin
        sum += squares * difference * difference
        gradient[i] -= 2 * squares * difference
      }
    }
    guard totalVariation > 0, let width else { return sum }
    for i in plane.indices {
      let down = i + width < plane.count ? plane[i + width] - plane[i] : 0
      let across = (i + 1) % width != 0 ? plane[i + 1] - plane[i] : 0
      let length = (down * down + across * across + Self.epsilon).squareRoot()
      sum += totalVariation * length
      gradient[i] += totalVariation * (down + across) / length
      if i + width < plane.count { gradient[i + width] -= totalVariation * down / length }
      if (i + 1) % width != 0 { gradient[i + 1] -= totalVariation * across / length }
    }
    return sum
  }
}
