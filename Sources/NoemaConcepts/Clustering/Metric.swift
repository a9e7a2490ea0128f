/// How far two points are from each other.
public enum Metric: String, Sendable, Hashable, Codable, CaseIterable {
  /// `‖x − y‖`.
  case euclidean
  /// `1 − xᵀy / (‖x‖ ‖y‖)`, in [0, 2]. A point at the origin has none.
  case cosine
  /// `1 − r` with Pearson's correlation of the coordinates, in [0, 2]. A point of equal coordinates has none.
  case correlation

  /// The distance of two points whose changed rows (`DistanceRows`) are `√square` apart.
  ///
  /// Half the squared distance of unit vectors is one minus their product, and loses no digits when they are alike.
  func distance(square: Double) -> Double { self == .euclidean ? square.squareRoot() : square / 2 }

  /// The squared distance of the changed rows of two points that are `distance` apart.
  func square(distance: Double) -> Double { self == .euclidean ? distance * distance : 2 * distance }
}
