import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct MethodCatalogTests {
  /// Every method by its name, in the order in which they are listed.
  private static let names: [(family: MethodDescription.Family, names: [String])] = [
    (
      .gradients,
      [
        "gradient", "gradient-absolute", "gradient-squared", "gradient-x-input", "smoothgrad",
        "smoothgrad-squared", "vargrad", "integrated-gradients", "expected-gradients", "guided-backprop",
        "deconvnet", "bias", "bias-complete", "bias-uniform", "bias-contribution", "bias-compensation",
        "bias-signed",
      ]
    ),
    (
      .relevance,
      [
        "lrp", "lrp-zero", "lrp-epsilon", "lrp-gamma", "lrp-z-plus", "lrp-epsilon-plus",
        "lrp-epsilon-plus-flat", "lrp-epsilon-alpha2-beta1", "lrp-epsilon-alpha2-beta1-flat",
        "lrp-epsilon-gamma-box", "lrp-excitation-backprop", "lrp-epsilon-conserving",
        "lrp-contribution-propagation", "lrp-attention", "concept-relevance", "channel-relevance",
      ]
    ),
    (.differences, ["deeplift", "deeplift-reveal-cancel", "deeplift-reveal-cancel-dense", "deep-shap"]),
    (
      .maps,
      [
        "cam", "grad-cam", "grad-cam++", "hires-cam", "xgrad-cam", "layer-cam", "eigen-cam", "eigen-grad-cam",
        "score-cam", "ablation-cam", "full-grad", "full-grad-channels", "full-grad-simple", "full-grad-raw",
        "guided-grad-cam",
      ]
    ),
    (
      .attention,
      [
        "attention", "attention-norm", "attention-rollout", "attention-flow", "attention-x-gradient",
        "attention-relevance", "relevance-rollout",
      ]
    ),
    (
      .perturbation,
      [
        "occlusion", "feature-ablation", "feature-permutation", "rise", "fido-ssr", "fido-sdr",
        "meaningful-perturbation", "extremal-perturbation", "perceptual-ball",
      ]
    ),
    (.surrogates, ["lime-tabular", "lime-image", "lime-groups", "maple"]),
    (.shapley, ["shapley", "shapley-sampling", "kernel-shap", "dasp"]),
  ]

  @Test func familiesStandTogether() {
    #expect(MethodDescription.all.map(\.name) == Self.names.flatMap(\.names))
    for (family, names) in Self.names {
      #expect(MethodDescription.all.filter { $0.family == family }.map(\.name) == names)
    }
    for method in MethodDescription.all {
      #expect(
        method.summary.hasSuffix(".") && !method.paper.isEmpty && !method.cost.isEmpty, "\(method.name)")
    }
  }

  /// One pass, and no more than the settings that have defaults.
  @Test func methodsOfOnePass() throws {
    let names = MethodDescription.all.filter(\.isOnePass).map(\.name)
    #expect(
      names.contains("gradient") && names.contains("lrp-epsilon-gamma-box") && names.contains("deeplift"))
    for name in ["lrp", "concept-relevance", "channel-relevance", "smoothgrad", "deep-shap", "grad-cam"] {
      #expect(!names.contains(name))
    }
  }

  /// Those that take a set of references, or can.
  @Test func methodsThatReadReferences() {
    #expect(
      MethodDescription.all.filter(\.readsReferences).map(\.name) == [
        "expected-gradients", "deep-shap", "lime-tabular", "lime-groups", "maple", "shapley",
        "shapley-sampling", "kernel-shap",
      ])
  }

  private func method(_ name: String, _ change: (inout MethodSettings) -> Void = { _ in }) throws
    -> any AttributionMethod
  {
    var settings = MethodSettings()
    change(&settings)
    return try MethodDescription.named(name).method(settings)
  }

  @Test func settingsReachTheirMethods() throws {
    let concept = ConceptRelevance.Condition("a1", .channels([3]))
    let told = try method("concept-relevance") {
      $0.concepts = [concept]
      $0.excludesParallel = false
      $0.composite = .zPlus
    }
    let expected = ConceptRelevance([concept], composite: .zPlus, excludesParallel: false)
    #expect((told as? ConceptRelevance) == expected)
    let plain = try method("concept-relevance") { $0.concepts = [concept] }
    #expect((plain as? ConceptRelevance) == ConceptRelevance([concept]))
    let channels = try method("channel-relevance"),
      other = try method("channel-relevance") {
        $0.composite = .zPlus
      }
    #expect((channels as? ChannelRelevance) == ChannelRelevance())
    #expect((other as? ChannelRelevance) == ChannelRelevance(composite: .zPlus))
    for mirrors in [true, false] {
      let found = try method("extremal-perturbation") { $0.mirrors = mirrors }
      #expect((found as? ExtremalPerturbation)?.mirrors == mirrors)
    }
  }

  @Test(arguments: AttendingToken.allCases, HeadFusion.allCases)
  func attentionIsReadAsTold(_ attending: AttendingToken, _ heads: HeadFusion) throws {
    func expect<Method: AttributionMethod & Equatable>(
      _ name: String, _ expected: Method, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let found = try method(name) {
        $0.attending = attending
        $0.heads = heads
      }
      #expect((found as? Method) == expected, sourceLocation: sourceLocation)
    }
    try expect("attention", RawAttention(heads: heads, attending: attending))
    try expect("attention-norm", RawAttention(weighsValues: true, attending: attending))
    try expect("attention-rollout", AttentionRollout(heads: heads, attending: attending))
    try expect("attention-flow", AttentionFlow(heads: heads, attending: attending))
    try expect("attention-x-gradient", AttentionTimesGradient(attending: attending))
    try expect("attention-relevance", AttentionRelevance(attending: attending))
    try expect("relevance-rollout", AttentionRelevance(.relevance, attending: attending))
  }

  @Test(arguments: [
    (
      "concept-relevance",
      "concept-relevance needs channels or a direction of a hidden layer; give them with --concept"
    ),
    ("lrp", "lrp follows the rules of a file; give one with --composite, or choose lrp-epsilon-plus-flat"),
    ("deep-shap", "deep-shap needs a reference set; give one with --references"),
  ])
  func missingSettingsAreTold(_ name: String, _ message: String) throws {
    let error = #expect(throws: GraphError.self) { try method(name) }
    #expect(error?.description == message)
  }

  @Test func unknownNamesAreTold() {
    let error = #expect(throws: GraphError.self) { try MethodDescription.named("concept-relevanc") }
    guard case .unknownName(_, what: "method", suggestions: let suggestions)? = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(suggestions.first == "concept-relevance")
  }
}
