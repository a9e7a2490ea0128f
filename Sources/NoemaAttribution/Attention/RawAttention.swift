internal import NoemaGraph
internal import NoemaTensor

/// The attention weights of a token as they are, heads taken together: what the last layer mixes, not what
/// decides the class. Networks that attend strongly to separators pass little on from them.
///
/// With `weighsValues` it is how long the vectors are that the token takes from the others, `‖Σ_heads α v W‖` with the
/// weight α, the value v and the projection W behind the attention: a large weight of a value of next to nothing, as
/// separators have, is no more than that.
///
/// Attention is read where the subject's layers name weights, all of them when it names none. Attributions
/// are `[n, tokens]`, or for images `[n, height, width]` in patches.
///
/// - Source: Kobayashi et al., "Attention is Not Only a Weight: Analyzing Transformers with Vector Norms", 2020, for
///   lengths of vectors.
public struct RawAttention: AttributionMethod, Hashable, Codable {
  /// Whether the mean over all layers is taken instead of the last layer alone.
  public var averagesLayers: Bool
  /// Whether the lengths of what is taken from each token are read, instead of the weights; heads add up as vectors
  /// then.
  public var weighsValues: Bool
  /// How heads become one, of weights.
  public var heads: HeadFusion
  /// The token whose attention is read.
  public var attending: AttendingToken
  /// How tokens lie on an image.
  public var layout: MapLayout

  /// Makes the method; of weights of the class token in the last layer, with the mean of its heads, unless told
  /// otherwise.
  public init(
    averagesLayers: Bool = false, weighsValues: Bool = false, heads: HeadFusion = .mean,
    attending: AttendingToken = .classToken, layout: MapLayout = .automatic
  ) {
    (self.averagesLayers, self.weighsValues, self.heads) = (averagesLayers, weighsValues, heads)
    (self.attending, self.layout) = (attending, layout)
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    try AttentionAttributor(
      AttentionRunner(subject, last: averagesLayers ? nil : 1, products: weighsValues, layout: layout),
      attending, heads
    ) { attention in
      attention.summedOverLayers(weights: attention.layers.map { _ in 1 / Double(attention.layers.count) })
    }
  }
}

/// `Σ_heads max(A · ∂y/∂A, 0)`: attention that raises the class output.
///
/// - Source: Barkan et al., "Grad-SAM: Explaining Transformers via Gradient Self-Attention Maps", 2021.
public struct AttentionTimesGradient: AttributionMethod, Hashable, Codable {
  /// Whether the sum over all layers is taken instead of the last layer alone.
  public var sumsLayers: Bool
  /// The token whose attention is read.
  public var attending: AttendingToken
  /// How tokens lie on an image.
  public var layout: MapLayout

  /// Makes the method; of the class token in the last layer unless told otherwise.
  public init(
    sumsLayers: Bool = false, attending: AttendingToken = .classToken, layout: MapLayout = .automatic
  ) {
    self.sumsLayers = sumsLayers
    self.attending = attending
    self.layout = layout
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    try AttentionAttributor(
      AttentionRunner(subject, last: sumsLayers ? nil : 1, gradients: true, layout: layout), attending
    ) { attention in
      attention.summedOverLayers(weights: attention.heads.map { Double($0) })
    }
  }
}

extension TokenAttention {
  /// The attending token's row, as a weighted sum over layers.
  fileprivate func summedOverLayers(weights: [Double]) -> [Double] {
    var sum = [Double](repeating: 0, count: tokens.count)
    for (layer, weight) in zip(layers, weights) {
      for (column, value) in layer.advanced(start).enumerated() { sum[column] += weight * value }
    }
    return sum
  }
}
