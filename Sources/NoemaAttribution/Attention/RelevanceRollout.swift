internal import NoemaGraph
internal import NoemaTensor

/// Relevance of tokens for the class, from the relevance of attention weights and their derivatives: the token's row of
/// `Ā_L … Ā_1`, less what it starts with, with `Ā = I + mean_heads max(∂y/∂A · R_A, 0)`.
///
/// `R_A` is the relevance that reaches the weights by `BackwardRules.transformerAttribution`, starting with 1 at the
/// class. Of the two methods by these authors it is the first one; `AttentionRelevance` has the weights themselves in
/// the place of their relevance.
///
/// - Source: Chefer et al., "Transformer Interpretability Beyond Attention Visualization", 2021, equations 13 and 14.
public struct RelevanceRollout: AttributionMethod, Hashable, Codable {
  /// The token whose row is read.
  public var attending: AttendingToken
  /// How tokens lie on an image.
  public var layout: MapLayout

  /// Makes the method; of the class token unless told otherwise.
  public init(attending: AttendingToken = .classToken, layout: MapLayout = .automatic) {
    self.attending = attending
    self.layout = layout
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard subject.scale == .logit else {
      throw GraphError(
        .unsupported(
          "relevance starts at the raw output, the logit, where contributions add up; found another scale"))
    }
    var relevance = BackwardPass()
    relevance.quantity = "relevance"
    relevance.rules = { graph, explained, _ throws(GraphError) in
      try BackwardRules.transformerAttribution(for: graph, from: explained)
    }
    let runner = try AttentionRunner(subject, gradients: true, relevance: relevance, layout: layout)
    return try AttentionAttributor(runner, attending) { attention in
      let row = attention.layers.reversed().reduce(attention.start) { row, layer in
        zip(row, layer.advanced(row)).map { $0 + $1 }
      }
      return zip(row, attention.start).map { $0 - $1 }
    }
  }
}
