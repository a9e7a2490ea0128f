public import NoemaTensor

/// Testing with concept activation vectors: how consistently a small move of hidden activations towards a
/// concept raises a class output, and whether that is more than chance.
///
/// The score alone says little: where the gradients of a class are aligned, any direction scores near 0 or 1.
/// The verdict therefore comes from a permutation test: pseudo-concepts drawn from the random pool go through
/// the same pipeline, and the concept counts as *used* only when its score lies further from ½ than theirs. A
/// concept that is well represented has steadier CAVs than they have, which by itself makes its mean score more
/// extreme; so its mean CAV, as a single direction, must also stand out among theirs.
///
/// - Source: Kim et al., "Interpretability Beyond Feature Attribution: Quantitative Testing with Concept
///   Activation Vectors", ICML 2018.
public struct TCAV: Sendable, Hashable, Codable {
  /// CAVs per concept, each against its own random examples.
  public var runs = 50
  /// Pseudo-concepts of the permutation test; 0 leaves it out. Nil for 199, or up to 1999 where the correction
  /// over the hypotheses of the study could otherwise make none significant.
  public var pseudoConcepts: Int?
  /// Runs per pseudo-concept, and runs of the concept that it is compared with.
  public var nullRuns = 20
  /// The probe whose direction is the CAV.
  public var probe = ProbeKind.meanDifference
  /// The probe whose held-out AUC says whether the concept is represented; nil for the CAV's own, or ridge where
  /// that is the mean difference.
  public var qualityProbe: ProbeKind?
  /// Random examples per run; nil for as many as the concept has.
  public var randomCount: Int?
  /// Whether a concept is contrasted with the other concepts instead of random examples.
  public var isRelative = false
  /// The correction over concepts × layers × classes.
  public var correction = MultipleTesting.holm
  /// The level up to which an adjusted p-value counts.
  public var significance = 0.05
  /// The held-out AUC below which a concept counts as not represented.
  public var minimumAUC = 0.6
  /// Fewer concept examples are too little data.
  public var minimumExamples = 10
  /// Fewer class inputs are too little data.
  public var minimumInputs = 5
  /// Bootstrap samples of the score's interval.
  public var resamples = 1000
  /// The seed of all random choices.
  public var seed: UInt64 = 7

  /// Makes a test with the defaults above.
  public init() {}

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    func check(_ holds: Bool, _ text: String) throws(ConceptError) {
      if !holds { throw ConceptError(.parameters(text)) }
    }
    try check((1...100_000).contains(runs), "runs must be 1 to 100000, found \(runs)")
    try check(
      pseudoConcepts.map { $0 == 0 || (19...100_000).contains($0) } ?? true,
      "pseudo-concepts must be 0 or 19 to 100000 (19 is the least that can reach p = 0.05), "
        + "found \(pseudoConcepts ?? 0)")
    try check(
      (1...10_000).contains(nullRuns), "runs per pseudo-concept must be 1 to 10000, found \(nullRuns)")
    try check(
      (randomCount ?? 2) >= 2, "random examples per run must be at least 2, found \(randomCount ?? 0)")
    try check((0..<1).contains(significance) && significance > 0, "the significance level must lie in (0, 1)")
    try check((0.5...1).contains(minimumAUC), "the least AUC must lie in [0.5, 1], found \(minimumAUC)")
  }

  /// The number of pseudo-concepts for a study of some hypotheses.
  public func pseudoConceptCount(hypotheses: Int) -> Int {
    pseudoConcepts ?? min(1999, max(199, 2 * neededPseudoConcepts(hypotheses: hypotheses)))
  }

  /// How many pseudo-concepts it takes for one of some hypotheses to become significant: the least p is
  /// `1 / (count + 1)`, and the correction multiplies it by the number of hypotheses.
  private func neededPseudoConcepts(hypotheses: Int) -> Int {
    guard correction == .holm || correction == .bonferroni else { return 0 }
    return Int((Double(hypotheses) / significance - 1e-9).rounded(.up)) - 1
  }

  /// The probe that judges whether a concept is represented.
  var judge: ProbeKind { qualityProbe ?? (probe == .meanDifference ? .ridge : probe) }

  /// Corrects the p-values of all hypotheses tested together, and says what each result amounts to.
  public func settle(_ results: inout [TCAVResult]) {
    let permutation = correction.adjusted(results.map(\.pPermutation))
    let runTest = correction.adjusted(results.map(\.pRunTTest))
    let needed = neededPseudoConcepts(hypotheses: results.count { !$0.pPermutation.isNaN })
    for index in results.indices {
      results[index].pPermutationAdjusted = permutation[index]
      results[index].pRunTTestAdjusted = runTest[index]
      results[index].verdict = verdict(results[index])
      // What an earlier correction, over fewer hypotheses, left open no longer holds.
      results[index].diagnostics.warnings.removeAll {
        $0.hasPrefix(Self.steadiness) || $0.contains(Self.hopelessness)
      }
      results[index].diagnostics.warnings += warnings(
        results[index], hypotheses: results.count, needed: needed)
    }
  }

  private static let steadiness = "its score stands out because its CAVs are steadier"
  private static let hopelessness = "pseudo-concepts cannot make any of"

  /// What the corrected p-values leave open.
  private func warnings(_ result: TCAVResult, hypotheses: Int, needed: Int) -> [String] {
    var warnings: [String] = []
    let count = result.diagnostics.nullScores.count
    if count > 0, count < needed {
      warnings.append(
        "\(count) \(Self.hopelessness) \(hypotheses) hypotheses significant after correction; "
          + "raise --pseudo-concepts to \(needed) or more, or test fewer hypotheses")
    }
    if result.verdict == .representedButNotUsed, result.pPermutationAdjusted <= significance {
      warnings.append(
        "\(Self.steadiness) than those of random concepts; its direction alone does not "
          + "(p above \(significance))")
    }
    return warnings
  }

  private func verdict(_ result: TCAVResult) -> TCAVResult.Verdict {
    if result.score.isNaN { return .degenerate }
    let counts = result.diagnostics
    if counts.conceptCount < minimumExamples || counts.inputCount < minimumInputs { return .tooLittleData }
    if result.probe.auc < max(minimumAUC, result.probe.chanceAUC) { return .notRepresented }
    let p = result.pPermutationAdjusted.isNaN ? result.pRunTTestAdjusted : result.pPermutationAdjusted
    let isDirectional = counts.pDirection.isNaN || counts.pDirection <= significance
    if p <= significance { return isDirectional ? .used : .representedButNotUsed }
    // The smallest p there is, and still not significant: only more pseudo-concepts could tell.
    let isUndecided = result.pPermutation * Double(counts.nullScores.count + 1) < 1.5
    return isUndecided ? .tooLittleData : .representedButNotUsed
  }
}

/// The rows of one concept in a pool of activations.
public struct ConceptRows: Sendable, Hashable {
  /// The concept's name.
  public var name: String
  /// Rows of the pool.
  public var rows: [Int]

  /// Names rows.
  public init(name: String, rows: [Int]) {
    self.name = name
    self.rows = rows
  }
}

/// The random examples in a pool of activations.
public enum RandomRows: Sendable, Hashable {
  /// A pool from which each run draws its own.
  case pool([Int])
  /// Fixed sets, one a run.
  case sets([[Int]])

  /// All random rows.
  public var all: [Int] {
    switch self {
    case .pool(let rows): rows
    case .sets(let sets): sets.flatMap { $0 }
    }
  }
}

/// What a test says about one layer, before p-values are corrected over the whole study.
public struct TCAVLayerStudy: Sendable {
  /// One result per target and concept, concepts within targets.
  public var results: [TCAVResult]
  /// The mean of each concept's unit CAVs by its coefficients over the pool, `examples × concepts`.
  public var meanCAVs: Matrix
  /// For each result: the derivative of each class input along the unit CAV, mean over runs.
  public var derivatives: [[Double]]
  /// Cosines between the concepts' mean CAVs, `concepts × concepts`.
  public var cosines: Matrix
}
