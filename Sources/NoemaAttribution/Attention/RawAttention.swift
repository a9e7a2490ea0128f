internal import NoemaGraph
internal import NoemaTensor

/// The attention weights of a token as they are, heads taken together: what the last layer mixes, not what
/// decides the class. Networks that attend strongly to separators pass little on from them.
///
/// Attention is read where the subject's layers name weights, all of them when it names none. Attributions
/// are `[n, tokens]`, or for images `[n, height, width]` in patches.
public struct RawAttention: AttributionMethod, Hashable, Codable {
  /// Whether the mean over all layers is taken instead of the last layer alone.
  public var averagesLayers: Bool
  /// How heads become one.
  public var heads: HeadFusion
  /// The token whose attention is read.
  public var attending: AttendingToken
  /// How tokens lie on an image.
  public var layout: MapLayout

  /// Makes the method; of the class token in the last layer, with the mean of its heads, unless told
  /// otherwise.
  public init(
    averagesLayers: Bool = false, heads: HeadFusion = .mean, attending: AttendingToken = .classToken,
    layout: MapLayout = .automatic
  ) {
    self.averagesLayers = averagesLayers
    self.heads = heads
    self.attending = attending
    self.layout = layout
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    try AttentionAttributor(
      AttentionRunner(subject, last: averagesLayers ? nil : 1, layout: layout), attending, heads
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
