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
  /// A composite of one's own; nil when none was given.
  public var composite: Composite?
  /// Extents and strides of occluding windows, over the last axes; empty for an eighth of the image and half of that.
  public var window: [Int] = []
  public var stride: [Int] = []
  /// The number of each element's group, one tensor per attributed value; nil for elements by themselves.
  public var groups: [Tensor]?
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
    case gradients, relevance, differences, maps, attention, perturbation, surrogates, shapley
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

  /// Whether it is a backward pass through the network that needs no file or set of references.
  public var isOnePass: Bool {
    [.gradients, .relevance, .differences].contains(family) && !cost.contains("×")
      && !needs.contains("composite")
  }

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
  public static let all: [MethodDescription] =
    gradients + relevance + differences + maps + attention + perturbation + surrogates + shapley

  /// The method of a name.
  ///
  /// - Throws: `GraphError.unknownName` with the nearest names.
  public static func named(_ name: String) throws(GraphError) -> MethodDescription {
    if let found = all.first(where: { $0.name == name }) { return found }
    throw GraphError(
      .unknownName(name, what: "method", suggestions: EditDistance.nearest(name, in: all.map(\.name))))
  }

  private static let onePass = "1 forward, 1 backward"
  private static let biasPass = "1 forward, 2 backward"

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
    MethodDescription(
      "bias", .gradients,
      "Share of each element in what biases contribute; the other half of gradient-x-input.",
      paper: "Wang et al. 2019", cost: biasPass
    ) { _ in BiasAttribution() },
    MethodDescription(
      "bias-complete", .gradients, "The same and gradient times input: sums to the output.",
      paper: "Wang et al. 2019", cost: biasPass
    ) { _ in BiasAttribution(includesGradient: true) },
    MethodDescription(
      "bias-uniform", .gradients, "Biases in equal parts to all inputs of a unit.", paper: "Wang et al. 2019",
      cost: biasPass
    ) { _ in BiasAttribution(.uniform) },
    MethodDescription(
      "bias-contribution", .gradients, "Biases by a softmax to inputs that contribute much.",
      paper: "Wang et al. 2019", cost: biasPass + ", products × 1 exponential"
    ) { _ in BiasAttribution(.contribution()) },
    MethodDescription(
      "bias-compensation", .gradients, "Biases by a softmax to inputs that contribute little.",
      paper: "Wang et al. 2019", cost: biasPass + ", products × 1 exponential"
    ) { _ in BiasAttribution(.compensation()) },
    MethodDescription(
      "bias-signed", .gradients, "Biases by a softmax to inputs that pull their way.",
      paper: "Wang et al. 2019", cost: biasPass + ", products × 1 exponential"
    ) { _ in BiasAttribution(.signed()) },
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
    MethodDescription(
      "lrp", .relevance, "Relevance by the rules of a file.", paper: "Bach et al. 2015", needs: "a composite",
      cost: "1 forward, 1 to 3 backward"
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
  ]

  private static let differences: [MethodDescription] = [
    MethodDescription(
      "deeplift", .differences, "Contributions to the difference from a baseline; complete.",
      paper: "Shrikumar et al. 2017", needs: "a baseline", cost: "2 forward, 1 backward"
    ) { DeepLIFT(baseline: $0.baseline) },
    MethodDescription(
      "deeplift-reveal-cancel", .differences, "The same; parts that cancel within a unit both count.",
      paper: "Shrikumar et al. 2017", needs: "a baseline", cost: "3 forward, 2 backward"
    ) { DeepLIFT(baseline: $0.baseline, rule: .revealCancel) },
    MethodDescription(
      "deeplift-reveal-cancel-dense", .differences,
      "The same behind dense layers, secants behind convolutions.", paper: "Shrikumar et al. 2017",
      needs: "a baseline", cost: "2 forward, 1 backward"
    ) { DeepLIFT(baseline: $0.baseline, rule: .revealCancelDense) },
    MethodDescription(
      "deep-shap", .differences, "Mean of DeepLIFT over a reference set; complete.",
      paper: "Lundberg and Lee 2017", needs: "a reference set", cost: "references × (2 forward, 1 backward)"
    ) { settings throws(GraphError) in
      guard !settings.references.isEmpty else {
        throw GraphError(.input("deep-shap needs a reference set; give one with --references"))
      }
      return DeepSHAP(baselines: settings.references)
    },
  ]

  private static func map(
    _ name: String, _ summary: String, _ paper: String, needs: String = "", cost: String = onePass,
    _ method: any AttributionMethod
  ) -> MethodDescription {
    MethodDescription(name, .maps, summary, paper: paper, needs: needs, cost: cost) { _ in method }
  }

  private static let maps: [MethodDescription] = [
    map(
      "cam", "Evidence of each position where the network averages them.", "Zhou et al. 2016",
      needs: "average pooling before one dense layer", cost: "1 forward", ClassActivationMap()),
    map("grad-cam", "Positions by channels that raise the output.", "Selvaraju et al. 2017", GradCAM()),
    map(
      "grad-cam++", "The same, weighting positions of a channel.", "Chattopadhay et al. 2018",
      GradCAM(.plusPlus)),
    map(
      "hires-cam", "Gradient times activation at each position.", "Draelos and Carin 2020", GradCAM(.hiRes)),
    map("xgrad-cam", "Channels weighted by gradient times activation.", "Fu et al. 2020", GradCAM(.xGrad)),
    map("layer-cam", "Positive gradients weight each position.", "Jiang et al. 2021", GradCAM(.layer)),
    map(
      "eigen-cam", "The strongest pattern of a layer, whatever the class.", "Muhammad and Yeasin 2020",
      cost: "1 forward", EigenCAM()),
    map(
      "eigen-grad-cam", "The strongest pattern of gradient times activation.", "Muhammad and Yeasin 2020",
      EigenCAM(usesGradients: true)),
    map(
      "score-cam", "Channels weighted by the output that they let through.", "Wang et al. 2020",
      cost: "channels × 1 forward", ScoreCAM()),
    map(
      "ablation-cam", "Channels weighted by what their absence costs.", "Desai and Ramaswamy 2020",
      cost: "channels × 1 forward from the layer", AblationCAM()),
    map(
      "full-grad", "Gradient times input and every bias, where its layer holds it.",
      "Srinivas and Fleuret 2019",
      needs: "images", FullGrad()),
    map(
      "full-grad-channels", "The same, each channel scaled by itself.", "Srinivas and Fleuret 2019",
      needs: "images", FullGrad(.perChannel)),
    map(
      "full-grad-simple", "The same without scaling.", "Srinivas and Fleuret 2019", needs: "images",
      FullGrad(.simple)),
    map(
      "full-grad-raw", "Signed terms, which sum to the output less the biases of dense layers.",
      "Srinivas and Fleuret 2019", needs: "images", FullGrad(.raw)),
    map(
      "guided-grad-cam", "Guided backprop within Grad-CAM.", "Selvaraju et al. 2017", needs: "rectifiers",
      cost: "2 forward, 2 backward", GuidedGradCAM()),
  ]

  private static func attending(
    _ name: String, _ summary: String, _ paper: String, cost: String, _ method: any AttributionMethod
  ) -> MethodDescription {
    MethodDescription(name, .attention, summary, paper: paper, needs: "attention", cost: cost) { _ in method }
  }

  private static let attention: [MethodDescription] = [
    attending(
      "attention", "What the last layer attends to.", "Jain and Wallace 2019", cost: "1 forward",
      RawAttention()),
    attending(
      "attention-rollout", "Attention multiplied through the layers.", "Abnar and Zuidema 2020",
      cost: "1 forward",
      AttentionRollout()),
    attending(
      "attention-flow", "The most that can flow through attention.", "Abnar and Zuidema 2020",
      cost: "1 forward, a flow for each token", AttentionFlow()),
    attending(
      "attention-x-gradient", "Attention that raises the output.", "Chefer et al. 2021", cost: onePass,
      AttentionTimesGradient()),
    attending(
      "attention-relevance", "Attention that raises the output, through the layers.", "Chefer et al. 2021",
      cost: onePass, AttentionRelevance()),
    attending(
      "relevance-rollout", "Relevance of attention, weighted by its derivative, through all layers.",
      "Chefer et al. 2021", cost: "1 forward, 3 backward", RelevanceRollout()),
  ]

  private static func ablationGroups(_ settings: MethodSettings) -> FeatureAblation.Groups {
    settings.groups.map { .masks($0) } ?? .elements
  }

  private static let perturbation: [MethodDescription] = [
    MethodDescription(
      "occlusion", .perturbation, "What hiding a window costs.", paper: "Zeiler and Fergus 2014",
      needs: "a baseline",
      cost: "windows × 1 forward"
    ) { Occlusion(window: $0.window, stride: $0.stride, baseline: $0.baseline) },
    MethodDescription(
      "feature-ablation", .perturbation, "What the absence of an element or a group costs.",
      paper: "Li et al. 2016",
      needs: "a baseline", cost: "groups × 1 forward"
    ) { FeatureAblation(groups: ablationGroups($0), baseline: $0.baseline) },
    MethodDescription(
      "feature-permutation", .perturbation, "What values of other examples cost.",
      paper: "Fisher et al. 2019",
      needs: "several examples", cost: "groups × samples × 1 forward"
    ) { FeaturePermutation(groups: ablationGroups($0), samples: $0.samples ?? 10, seed: $0.seed) },
    MethodDescription(
      "rise", .perturbation, "The mean output over random masks that keep a pixel.",
      paper: "Petsiuk et al. 2018",
      needs: "images", cost: "4000 × 1 forward"
    ) { RISE(samples: $0.samples ?? 4_000, baseline: $0.baseline, seed: $0.seed) },
    MethodDescription(
      "fido-ssr", .perturbation, "The smallest region that suffices.", paper: "Chang et al. 2019",
      needs: "images",
      cost: "2400 × (1 forward, 1 backward)"
    ) { FIDO(region: .sufficient, samples: $0.samples ?? 8, seed: $0.seed) },
    MethodDescription(
      "fido-sdr", .perturbation, "The smallest region whose loss destroys the output.",
      paper: "Chang et al. 2019",
      needs: "images", cost: "2400 × (1 forward, 1 backward)"
    ) { FIDO(region: .destroying, samples: $0.samples ?? 8, seed: $0.seed) },
    MethodDescription(
      "meaningful-perturbation", .perturbation, "A smooth mask that deletes the evidence.",
      paper: "Fong and Vedaldi 2017", needs: "images", cost: "300 × (1 forward, 1 backward)"
    ) { MeaningfulPerturbation(seed: $0.seed) },
    MethodDescription(
      "extremal-perturbation", .perturbation, "The mask of a given area that keeps most.",
      paper: "Fong et al. 2019",
      needs: "images", cost: "800 × (1 forward, 1 backward)"
    ) { _ in ExtremalPerturbation() },
    MethodDescription(
      "perceptual-ball", .perturbation,
      "The smallest change that alters the decision, near in hidden layers too.",
      paper: "Elliott et al. 2021", needs: "images", cost: "about 200 × (1 forward, 1 backward)"
    ) { _ in PerceptualBall() },
  ]

  private static func background(_ settings: MethodSettings) -> Background {
    settings.references.isEmpty ? .baseline(settings.baseline) : .rows(settings.references)
  }

  private static func game(_ settings: MethodSettings) -> CoalitionGame {
    CoalitionGame(groups: FeatureGroups(masks: settings.groups), background: background(settings))
  }

  private static let surrogates: [MethodDescription] = [
    MethodDescription(
      "lime-tabular", .surrogates, "A sparse linear model around a row.", paper: "Ribeiro et al. 2016",
      needs: "training rows (--references)", cost: "5000 × 1 forward"
    ) { settings throws(GraphError) in
      guard !settings.references.isEmpty else {
        throw GraphError(.input("lime-tabular needs training rows; give them with --references"))
      }
      return LIMETabular(
        training: settings.references, samples: settings.samples ?? 5_000, seed: settings.seed)
    },
    MethodDescription(
      "lime-image", .surrogates, "A linear model of which superpixels are there.",
      paper: "Ribeiro et al. 2016",
      needs: "images", cost: "1000 × 1 forward"
    ) { LIMEImage(samples: $0.samples ?? 1_000, seed: $0.seed) },
    MethodDescription(
      "lime-groups", .surrogates, "A linear model of which groups are there.", paper: "Ribeiro et al. 2016",
      needs: "groups (--groups)", cost: "5000 × 1 forward"
    ) {
      LIMEGroups(
        groups: FeatureGroups(masks: $0.groups), background: background($0), samples: $0.samples ?? 5_000,
        seed: $0.seed)
    },
    MethodDescription(
      "maple", .surrogates, "A linear model on the neighbours that a forest finds.",
      paper: "Plumb et al. 2018",
      needs: "training rows (--references)", cost: "1 forward for each training row, once"
    ) { settings throws(GraphError) in
      guard !settings.references.isEmpty else {
        throw GraphError(.input("maple needs training rows; give them with --references"))
      }
      return MAPLE(training: settings.references, seed: settings.seed)
    },
  ]

  private static let shapley: [MethodDescription] = [
    MethodDescription(
      "shapley", .shapley, "Exact Shapley values of few features.",
      paper: "Shapley 1953; Štrumbelj and Kononenko 2014",
      needs: "a baseline or --references", cost: "2^features × references × 1 forward"
    ) { ExactShapley(game($0)) },
    MethodDescription(
      "shapley-sampling", .shapley, "Shapley values from drawn orders, with their errors.",
      paper: "Castro et al. 2009; Mitchell et al. 2022", needs: "a baseline or --references",
      cost: "128 × features × 1 forward"
    ) { ShapleySampling(game($0), permutations: $0.samples ?? 64, seed: $0.seed) },
    MethodDescription(
      "kernel-shap", .shapley, "Shapley values by weighted least squares.", paper: "Lundberg and Lee 2017",
      needs: "a baseline or --references", cost: "(2 features + 2048) × references × 1 forward"
    ) { KernelSHAP(game($0), samples: $0.samples, seed: $0.seed) },
    MethodDescription(
      "dasp", .shapley, "Shapley values by moments carried through the layers.", paper: "Ancona et al. 2019",
      needs: "a baseline; rectifiers, pooling and linear layers",
      cost: "features × coalition sizes × 1 forward of moments"
    ) { DASP(groups: FeatureGroups(masks: $0.groups), baseline: $0.baseline) },
  ]
}
