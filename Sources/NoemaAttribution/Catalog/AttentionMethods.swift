internal import NoemaGraph

extension MethodDescription {
  private static func attending(
    _ name: String, _ summary: String, _ paper: String, cost: String,
    _ method: @escaping @Sendable (MethodSettings) -> any AttributionMethod
  ) -> MethodDescription {
    MethodDescription(name, .attention, summary, paper: paper, needs: "attention", cost: cost, method)
  }

  static let attention: [MethodDescription] = [
    attending("attention", "What the last layer attends to.", "Jain and Wallace 2019", cost: "1 forward") {
      RawAttention(heads: $0.heads, attending: $0.attending)
    },
    attending(
      "attention-norm", "How much the last layer takes from each token.", "Kobayashi et al. 2020",
      cost: "1 forward"
    ) { RawAttention(weighsValues: true, attending: $0.attending) },
    attending(
      "attention-rollout", "Attention multiplied through the layers.", "Abnar and Zuidema 2020",
      cost: "1 forward"
    ) { AttentionRollout(heads: $0.heads, attending: $0.attending) },
    attending(
      "attention-flow", "The most that can flow through attention.", "Abnar and Zuidema 2020",
      cost: "1 forward, a flow for each token"
    ) { AttentionFlow(heads: $0.heads, attending: $0.attending) },
    attending(
      "attention-x-gradient", "Attention that raises the output.", "Chefer et al. 2021", cost: onePass
    ) {
      AttentionTimesGradient(attending: $0.attending)
    },
    attending(
      "attention-relevance", "Attention that raises the output, through the layers.", "Chefer et al. 2021",
      cost: onePass
    ) { AttentionRelevance(attending: $0.attending) },
    attending(
      "relevance-rollout", "Relevance of attention, weighted by its derivative, through all layers.",
      "Chefer et al. 2021", cost: "1 forward, 3 backward"
    ) { AttentionRelevance(.relevance, attending: $0.attending) },
  ]
}
