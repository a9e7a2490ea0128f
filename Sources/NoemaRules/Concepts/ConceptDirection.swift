public import NoemaAttribution
public import NoemaConcepts
internal import Foundation
internal import NoemaTensor

/// A direction in a layer's activations that a concept is read along: `s = w·x + b`, on a scale for people.
public struct ConceptDirection: Sendable, Hashable {
  /// What becomes of `s`.
  public enum Scale: Sendable, Hashable {
    /// Nothing.
    case raw
    /// `1 / (1 + exp(−(slope · s + offset)))`: the probability of the concept where both sides are as likely.
    case probability(slope: Double, offset: Double)
    /// `(s − mean) / deviation`.
    case standard(mean: Double, deviation: Double)
  }

  /// The weights `w`, flattened in row-major order.
  public var weights: [Float]
  /// The intercept `b`.
  public var intercept: Double
  /// How positions are brought together before.
  public var pooling: Pooling
  /// The scale of the score.
  public var scale: Scale
  /// The study's CAV that the weights are, and which network it belongs to; nil of others.
  let saved: SavedCAV?

  /// Makes a direction.
  public init(_ weights: [Float], intercept: Double = 0, pooling: Pooling = .none, scale: Scale = .raw) {
    (self.weights, self.intercept, self.pooling, self.scale) = (weights, intercept, pooling, scale)
    saved = nil
  }

  /// The direction of a concept study's CAV; its scores say nothing in themselves, so
  /// ``ConceptTable/standardising(by:)`` them.
  public init(_ cav: SavedCAV, scale: Scale = .raw) {
    (weights, intercept, pooling, self.scale) = (cav.direction, 0, cav.pooling, scale)
    saved = cav
  }

  /// The score on its scale.
  func scaled(_ score: Double) -> Double {
    switch scale {
    case .raw: score
    case .probability(let slope, let offset): 1 / (1 + exp(-(slope * score + offset)))
    case .standard(let mean, let deviation): deviation > 0 ? (score - mean) / deviation : 0
    }
  }
}
