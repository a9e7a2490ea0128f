/// Rules over the inputs by trees of C4.5 between neighbouring layers, substituted at the end.
///
/// As ``RemD``, but the terms of all layers are learnt first, by trees whose growth ends early: a node with less than a
/// share of the examples, or in which the term almost always or never holds, is a leaf.
///
/// - Sources: Zilke, Loza Mencía and Janssen, "DeepRED – rule extraction from deep neural networks", 2016; for the
///   pruning of inputs Augasta and Kathirvalavakumar, "Reverse engineering the neural networks for rule extraction in
///   classification problems", 2012, where an input that is taken away is 0.
public struct DeepRed: LayeredRuleExtractor, Hashable, Codable {
  /// The trees; the fewest cases come from ``minimumShare``.
  public var learner = C45()
  /// A node with less than this share of the examples is a leaf.
  public var minimumShare = 0.02
  /// A node in which one answer has this share is a leaf.
  public var dominance = 0.99
  /// How far the agreement with the network may fall while inputs are left out; nil for all inputs.
  ///
  /// An input that is left out stands at its mean, a category or a rank at its most frequent level. Inputs go in the
  /// order of what each costs alone.
  public var inputPruning: Double?
  /// The only hidden layers to look at; all when nil.
  public var layers: [String]?
  /// When a class is the answer.
  public var condition = OutputCondition.mostProbable
  /// What becomes of clauses with a term that is never implied.
  public var unimplied = UnimpliedTerm.dropsClause
  /// The fewest examples that a clause must cover; 0 keeps all that something may satisfy.
  public var minimumCover = 1
  /// How rules come to one answer.
  public var resolution = ConflictResolution.confidenceVote
  /// The most clauses of a class; more are left out, and the result truncated.
  public var clauseLimit = 5000
  /// Seconds after which what was found is returned, truncated; nil for no limit. What is then returned depends on the
  /// machine.
  public var timeLimit: Double?

  /// Makes an extractor with the defaults.
  public init() {}

  /// Extracts rules.
  ///
  /// - Throws: `RuleError.parameters` for settings out of range and unknown layers, `.unsupported` for a network
  ///   without hidden layers, others for examples that do not fit; and what asking throws.
  public func extract(from oracle: any LayeredOracle, examples: RuleTable) throws -> ExtractedRules {
    try check()
    let limits = SubstitutionLimits(
      clauses: clauseLimit, minimumCover: minimumCover, unimplied: unimplied,
      time: TimeLimit(seconds: timeLimit))
    let data = try LayeredExamples(oracle, examples, layers: chosenLayers(oracle))
    if let constant = try data.constant(resolution) { return constant }
    let kept = try inputPruning.map { try InputPruning(loss: $0).kept(data) }
    // A leaf is what has less than twice the fewest cases of a branch.
    let cases = max(1, minimumShare * Double(data.rowCount) / 2)
    var substitution = LayerwiseSubstitution(data, condition, limits) { layer, isInput in
      LayerClassifier(
        data: layer, learner: .c45(learner), minimumCases: cases, dominance: dominance,
        allowed: isInput ? kept : nil)
    }
    let rules = try substitution.deferred()
    var remarks = substitution.remarks
    if let kept, kept.count < oracle.features.count {
      let names = kept.map { oracle.features[$0].name }.joined(separator: ", ")
      remarks.append("Of \(oracle.features.count) inputs the rules may speak about \(kept.count): \(names).")
    }
    return ExtractedRules(
      try substitution.ruleSet(rules, resolution), isTruncated: substitution.isTruncated, remarks: remarks)
  }

  /// The layers to look at, from input to output; unknown ones last.
  private func chosenLayers(_ oracle: any LayeredOracle) -> [String]? {
    layers.map { names in
      oracle.layers.filter(names.contains) + names.filter { !oracle.layers.contains($0) }
    }
  }

  private func check() throws(RuleError) {
    try RuleError.require(
      minimumShare >= 0 && minimumShare < 1,
      "the share of a node must be from 0 to below 1, found \(minimumShare)")
    try RuleError.require(
      dominance > 0.5 && dominance <= 1, "the dominance must be above 0.5 and at most 1, found \(dominance)")
    try RuleError.require(
      inputPruning.map { $0 >= 0 && $0 < 1 } ?? true,
      "the loss of agreement must be from 0 to below 1, found \(inputPruning ?? 0)")
    try SubstitutionLimits.check(condition, clauseLimit, minimumCover, timeLimit)
  }
}

/// Rules by way of one hidden layer: trees from the layer to the classes and from the inputs to the terms of those.
///
/// For networks of several hidden layers one is chosen, and the others are passed over.
///
/// - Source: Sato and Tsukimoto, "Rule extraction from neural networks via decision tree induction", 2001.
public struct CRED: LayeredRuleExtractor, Hashable, Codable {
  /// The hidden layer; nil for the only one.
  public var layer: String?
  /// The trees and the limits; its layers are not used.
  public var settings = DeepRed()

  /// Makes an extractor.
  public init(layer: String? = nil) { self.layer = layer }

  /// Extracts rules.
  ///
  /// - Throws: `RuleError.parameters` when no layer is named and there are several; others as ``DeepRed``.
  public func extract(from oracle: any LayeredOracle, examples: RuleTable) throws -> ExtractedRules {
    var extractor = settings
    if let layer {
      extractor.layers = [layer]
    } else {
      try RuleError.require(
        oracle.layers.count <= 1, "one hidden layer is looked at; name one of \(oracle.layers)")
      extractor.layers = nil
    }
    return try extractor.extract(from: oracle, examples: examples)
  }
}
