internal import Foundation

/// What the pairs of a layout do to its points: the two parts of the gradient of t-SNE, and what its divergence needs.
///
/// With `q̃ᵢⱼ = 1 / (1 + ‖yᵢ − yⱼ‖²)` the gradient is `4 (attraction − repulsion / Z)`. Entries of `Q` are not
/// floored; where they are tiny so is what they add.
struct LayoutForces: Sendable {
  /// `Σⱼ pᵢⱼ q̃ᵢⱼ (yᵢ − yⱼ)` of each point.
  var attraction: [SIMD2<Double>] = []
  /// `Σⱼ q̃ᵢⱼ² (yᵢ − yⱼ)` of each point.
  var repulsion: [SIMD2<Double>] = []
  /// `Z = Σ q̃ᵢⱼ` over all pairs in both orders.
  var normaliser = 0.0
  /// `−Σ pᵢⱼ log q̃ᵢⱼ`, or 0 when not asked for.
  var stretch = 0.0

  /// Adds the points of the next chunk.
  mutating func append(_ other: LayoutForces) {
    attraction += other.attraction
    repulsion += other.repulsion
    normaliser += other.normaliser
    stretch += other.stretch
  }

  /// The gradient of one point with affinities that are multiplied by a factor.
  func gradient(of point: Int, exaggeration: Double = 1) -> SIMD2<Double> {
    let pull: SIMD2<Double> = attraction[point] * (4 * exaggeration)
    let push: SIMD2<Double> = repulsion[point] * (4 / normaliser)
    return pull - push
  }

  /// `KL(P‖Q)`, given `Σ p log p`.
  func divergence(negativeEntropy: Double) -> Double { negativeEntropy + stretch + log(normaliser) }
}

/// A way of finding the forces, exactly or not.
protocol LayoutForceField: Sendable {
  /// The forces at a layout.
  ///
  /// - Parameter measuring: whether `stretch` is asked for.
  mutating func forces(at layout: [SIMD2<Double>], measuring: Bool) throws(ConceptError) -> LayoutForces
}
