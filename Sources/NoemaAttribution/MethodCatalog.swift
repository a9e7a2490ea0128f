public import NoemaGraph
public import NoemaTensor

/// What methods may be told; each takes what it needs.
public struct MethodSettings: Sendable {
  /// Points of a path.
  public var steps = 50
  /// The rule of quadrature of a path.
  public var rule = IntegratedGradients.Rule.gaussLegendre
  /// The reference input.
  public var baseline = Baseline.zero
  /// A set of reference inputs, one tensor `[k, …]` per attributed value; empty when none was given.
  public var references: [Tensor] = []
  /// Random copies, masks or coalitions; nil for the method's own number.
  public var samples: Int?
  /// The deviation of noise, as a share of an input's range.
  public var noise = 0.15
  /// The seed of random numbers.
  public var seed: UInt64 = 0
  /// The ε of the epsilon rule.
  public var epsilon = 1e-6
  /// The γ of the gamma rule.
  public var gamma = 0.25
  /// The lowest and highest values of inputs, one for all channels or one for each; empty when not known.
  public var low: [Double] = []
  public var high: [Double] = []

  /// Settings as the papers have them.
  public init() {}
}

/// A method by its name, with what a user wants to know before choosing it.
public struct MethodDescription: Sendable {
  /// The family that a method belongs to.
  public enum Family: String, Sendable, CaseIterable {
    case gradients, relevance, differences
  }

  /// The name on the command line.
  public let name: String
  /// The family.
  public let family: Family
  /// What it shows, in a line.
  public let summary: String
  /// Authors and year.
  public let paper: String
  /// What it needs of the network or the user; empty for nothing.
  public let needs: String
  /// What it costs per example, in forward passes or the like.
  public let cost: String
  private let make: @Sendable (MethodSettings) throws(GraphError) -> any AttributionMethod

  /// The method under some settings.
  ///
  /// - Throws: `GraphError.input` for settings that it cannot do without.
  public func method(_ settings: MethodSettings) throws(GraphError) -> any AttributionMethod {
    try make(settings)
  }

  init(
    _ name: String, _ family: Family, _ summary: String, paper: String, needs: String = "", cost: String,
    _ make: @escaping @Sendable (MethodSettings) throws(GraphError) -> any AttributionMethod
  ) {
    self.name = name
    self.family = family
    self.summary = summary
    self.paper = paper
    self.needs = needs
    self.cost = cost
    self.make = make
  }
}

extension MethodDescription {
  /// Every method, family by family.
  public static let all: [MethodDescription] = gradients + relevance + differences

  /// The method of a name.
  ///
  /// - Throws: `GraphError.unknownName` with the nearest names.
  public static func named(_ name: String) throws(GraphError) -> MethodDescription {
    if let found = all.first(where: { $0.name == name }) { return found }
    throw GraphError(
      .unknownName(name, what: "method", suggestions: EditDistance.nearest(name, in: all.map(\.name))))
  }

  private static let onePass = "1 forward, 1 backward"

  private static let gradients: [MethodDescription] = [
    MethodDescription(
      "gradient", .gradients, "Sensitivity of the output to each element.",
      paper: "Simonyan et al. 2013", cost: onePass
    ) { _ in Gradient() },
    MethodDescription(
      "gradient-absolute", .gradients, "Sensitivity without its sign.", paper: "Simonyan et al. 2013",
      cost: onePass
    ) { _ in Gradient(form: .absolute) },
    MethodDescription(
      "gradient-squared", .gradients, "Sensitivity squared.", paper: "Montavon et al. 2018", cost: onePass
    ) { _ in Gradient(form: .squared) },
    MethodDescription(
      "gradient-x-input", .gradients, "First-order share of each element in the output.",
      paper: "Shrikumar et al. 2016", cost: onePass
    ) { _ in GradientTimesInput() },
    MethodDescription(
      "smoothgrad", .gradients, "Mean gradient at noisy copies.", paper: "Smilkov et al. 2017",
      cost: "samples × (1 forward, 1 backward)"
    ) { SmoothGrad(samples: $0.samples ?? 50, noise: $0.noise, seed: $0.seed) },
    MethodDescription(
      "smoothgrad-squared", .gradients, "Mean squared gradient at noisy copies.", paper: "Hooker et al. 2019",
      cost: "samples × (1 forward, 1 backward)"
    ) { SmoothGrad(samples: $0.samples ?? 50, noise: $0.noise, statistic: .meanSquare, seed: $0.seed) },
    MethodDescription(
      "vargrad", .gradients, "Variance of the gradient at noisy copies.", paper: "Adebayo et al. 2018",
      cost: "samples × (1 forward, 1 backward)"
    ) { SmoothGrad(samples: $0.samples ?? 50, noise: $0.noise, statistic: .variance, seed: $0.seed) },
    MethodDescription(
      "integrated-gradients", .gradients, "Gradients summed along the way from a baseline; complete.",
      paper: "Sundararajan et al. 2017", needs: "a baseline", cost: "steps × (1 forward, 1 backward)"
    ) { IntegratedGradients(steps: $0.steps, rule: $0.rule, baseline: $0.baseline) },
    MethodDescription(
      "expected-gradients", .gradients, "Integrated gradients averaged over a reference set.",
      paper: "Erion et al. 2021", needs: "a reference set", cost: "samples × (1 forward, 1 backward)"
    ) { settings throws(GraphError) in
      guard !settings.references.isEmpty else {
        throw GraphError(.input("expected gradients need a reference set; give one with --references"))
      }
      return ExpectedGradients(
        baselines: settings.references, samples: settings.samples ?? 200, seed: settings.seed)
    },
    MethodDescription(
      "guided-backprop", .gradients, "Gradients that rectifiers pass only where positive.",
      paper: "Springenberg et al. 2015", needs: "rectifiers", cost: onePass
    ) { _ in GuidedBackprop() },
    MethodDescription(
      "deconvnet", .gradients, "Gradients whose rectifiers ignore the input.",
      paper: "Zeiler and Fergus 2014",
      needs: "rectifiers", cost: onePass
    ) { _ in Deconvolution() },
  ]

  private static func lrp(
    _ name: String, _ summary: String, _ paper: String, cost: String = "1 forward, 2 backward",
    needs: String = "", _ composite: @escaping @Sendable (MethodSettings) throws(GraphError) -> Composite
  ) -> MethodDescription {
    MethodDescription("lrp-" + name, .relevance, summary, paper: paper, needs: needs, cost: cost) {
      settings throws(GraphError) in LayerwiseRelevance(try composite(settings))
    }
  }

  private static let relevance: [MethodDescription] = [
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
      "Montavon et al. 2019", needs: "lowest and highest inputs"
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
      "contribution-propagation", "Contributions without biases; sums to the output.",
      "Landecker et al. 2013",
      cost: onePass
    ) { _ in .contributionPropagation },
    lrp(
      "attention", "ε with halves for products, for transformers (AttnLRP).", "Achtibat et al. 2024",
      cost: onePass
    ) {
      _ in .attention
    },
  ]

  private static let differences: [MethodDescription] = [
    MethodDescription(
      "deeplift", .differences, "Contributions to the difference from a baseline; complete.",
      paper: "Shrikumar et al. 2017", needs: "a baseline", cost: "2 forward, 1 backward"
    ) { DeepLIFT(baseline: $0.baseline) }
  ]
}
