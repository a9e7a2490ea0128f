internal import NoemaGraph

extension MethodDescription {
  private static func lrp(
    _ name: String, _ summary: String, _ paper: String, cost: String = "1 forward, 2 backward",
    needs: String = "", _ composite: @escaping @Sendable (MethodSettings) throws(GraphError) -> Composite
  ) -> MethodDescription {
    MethodDescription("lrp-" + name, .relevance, summary, paper: paper, needs: needs, cost: cost) {
      settings throws(GraphError) in LayerwiseRelevance(try composite(settings))
    }
  }

  static let relevance: [MethodDescription] = [
    MethodDescription(
      "lrp", .relevance, "Relevance by the rules of a file.", paper: "Bach et al. 2015",
      needs: "rules (--composite)",
      cost: "1 forward, 1 to 3 backward", isOnRequest: true
    ) { settings throws(GraphError) in
      guard let composite = settings.composite else {
        throw GraphError(
          .input(
            "lrp follows the rules of a file; give one with --composite, or choose lrp-epsilon-plus-flat"))
      }
      return LayerwiseRelevance(composite)
    },
    lrp("zero", "Relevance by contributions; biases keep their part.", "Bach et al. 2015", cost: onePass) {
      _ in
      .epsilon(0)
    },
    lrp("epsilon", "The same with denominators kept from 0.", "Bach et al. 2015", cost: onePass) {
      .epsilon($0.epsilon)
    },
    lrp("gamma", "Contributions of the output's sign count more.", "Montavon et al. 2019") {
      .gamma($0.gamma)
    },
    lrp("z-plus", "Positive contributions alone.", "Montavon et al. 2017") { _ in .zPlus },
    lrp("epsilon-plus", "z⁺ for convolutions, ε for dense layers.", "Anders et al. 2021") { _ in .epsilonPlus
    },
    lrp("epsilon-plus-flat", "The same, flat for the first layer: the usual choice.", "Anders et al. 2021") {
      _ in
      .epsilonPlusFlat
    },
    lrp(
      "epsilon-alpha2-beta1", "α = 2, β = 1 for convolutions, ε for dense layers.", "Lapuschkin et al. 2019"
    ) { _ in
      .epsilonAlpha2Beta1
    },
    lrp("epsilon-alpha2-beta1-flat", "The same, flat for the first layer.", "Lapuschkin et al. 2019") { _ in
      .epsilonAlpha2Beta1Flat
    },
    lrp(
      "epsilon-gamma-box", "γ for convolutions, ε for dense layers, the box of inputs for the first.",
      "Montavon et al. 2019", needs: "bounds of inputs (--low, --high)"
    ) { settings throws(GraphError) in
      guard !settings.low.isEmpty, !settings.high.isEmpty else {
        throw GraphError(
          .input(
            "epsilon-gamma-box needs the lowest and highest values of inputs; give them with --low and --high"
          ))
      }
      return .epsilonGammaBox(low: settings.low, high: settings.high, gamma: settings.gamma)
    },
    lrp("excitation-backprop", "Winning neurons by positive weights.", "Zhang et al. 2016") { _ in
      .excitationBackprop()
    },
    lrp(
      "epsilon-conserving",
      "Contributions; biases' part spread by magnitude, mostly summing to the output.",
      "Arras et al. 2017"
    ) { _ in .conserving },
    lrp(
      "contribution-propagation", "Contributions without biases, which may explode.",
      "Landecker et al. 2013",
      cost: onePass
    ) { _ in .contributionPropagation },
    lrp(
      "attention", "ε with halves for products, for transformers (AttnLRP).", "Achtibat et al. 2024",
      cost: onePass
    ) {
      _ in .attention
    },
    MethodDescription(
      "concept-relevance", .relevance, "Relevance by way of channels or directions of hidden layers.",
      paper: "Achtibat et al. 2023", needs: "a concept (--concept)", cost: "1 forward, 2 backward",
      isOnRequest: true
    ) { settings throws(GraphError) in
      guard !settings.concepts.isEmpty else {
        throw GraphError(
          .input(
            "concept-relevance needs channels or a direction of a hidden layer; give them with --concept"))
      }
      return ConceptRelevance(
        settings.concepts, composite: settings.composite ?? .epsilonPlusFlat,
        excludesParallel: settings.excludesParallel)
    },
    MethodDescription(
      "channel-relevance", .relevance, "Relevance of each channel of a hidden layer.",
      paper: "Achtibat et al. 2023", needs: "a hidden layer (--layer)", cost: "1 forward, 2 backward",
      isOnRequest: true
    ) { ChannelRelevance(composite: $0.composite ?? .epsilonPlusFlat) },
  ]
}
