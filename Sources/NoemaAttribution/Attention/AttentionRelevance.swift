internal import NoemaGraph
internal import NoemaTensor

/// Relevance of tokens for the class, from attention weights and their derivatives: the token's row of `R`, less what
/// it starts with, where `R = I` grows by `Ā R` from layer to layer with `Ā = mean_heads max(F · ∂y/∂A, 0)`, and `F`
/// the weights themselves or their relevance.
public struct AttentionRelevance: AttributionMethod, Hashable, Codable {
  /// What derivatives are multiplied with.
  public enum Factor: String, Sendable, Hashable, Codable, CaseIterable {
    /// The weights.
    ///
    /// - Source: Chefer et al., "Generic Attention-Model Explainability for Interpreting Bi-Modal and Encoder-Decoder
    ///   Transformers", 2021, equations 5 and 6: the rule for self-attention.
    case weights
    /// The relevance that reaches the weights by `BackwardRules.transformerAttribution`, starting with 1 at the class.
    ///
    /// - Source: Chefer et al., "Transformer Interpretability Beyond Attention Visualization", 2021, equations 13 and
    ///   14.
    case relevance
  }

  /// What derivatives are multiplied with.
  public var factor: Factor
  /// The token whose row is read.
  public var attending: AttendingToken
  /// How tokens lie on an image.
  public var layout: MapLayout

  /// Makes the method; with the weights themselves, and of the class token, unless told otherwise.
  public init(
    _ factor: Factor = .weights, attending: AttendingToken = .classToken, layout: MapLayout = .automatic
  ) {
    (self.factor, self.attending, self.layout) = (factor, attending, layout)
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    let runner = try AttentionRunner(
      subject, gradients: true, relevance: try relevance(for: subject), layout: layout)
    return try AttentionAttributor(runner, attending) { attention in
      let row = attention.layers.reversed().reduce(attention.start) { row, layer in
        zip(row, layer.advanced(row)).map { $0 + $1 }
      }
      return zip(row, attention.start).map { $0 - $1 }
    }
  }

  /// The pass that brings relevance to the weights; nil where it does not count.
  private func relevance(for subject: Subject) throws(GraphError) -> BackwardPass? {
    guard factor == .relevance else { return nil }
    try subject.requireLogit()
    var pass = BackwardPass()
    pass.quantity = "relevance"
    pass.rules = { graph, explained, _ throws(GraphError) in
      try BackwardRules.transformerAttribution(for: graph, from: explained)
    }
    return pass
  }
}
