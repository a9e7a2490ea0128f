internal import NoemaGraph
public import NoemaTensor

/// What stands in for absent players.
public enum Background: Sendable {
  /// One reference.
  case baseline(Baseline)
  /// Several examples, over which outputs are averaged: one tensor `[k, …]` per attributed value.
  case rows([Tensor])

  /// Zero for every element.
  public static let zero = Background.baseline(.zero)

  /// The rows, one float32 tensor `[k, …]` per attributed value.
  ///
  /// - Throws: `GraphError.input` for shapes that do not fit and values that are not finite.
  func rows(of shapes: [[Int]], names: [String]) throws(GraphError) -> [Tensor] {
    switch self {
    case .rows(let tensors): return try tensors.references(of: shapes, names: names)
    case .baseline(let baseline):
      return try baseline.examples(of: shapes, names: names).map { $0.reshaped(to: [1] + $0.shape) }
    }
  }
}
