/// Rules over the inputs by substitution from the output back, layer by layer, after each of which the rules of a class
/// are made one disjunction.
///
/// 1. For each class, rules over the last hidden layer say where it is the network's answer.
/// 2. For each term in them, rules over the layer before say where it holds, and where not.
/// 3. Each term is replaced by the clauses that imply it; of the product of these, what nothing satisfies, what covers
///    no example and what another clause makes redundant goes.
/// 4. So on to the inputs.
///
/// A clause of `q` terms with `r` clauses each becomes up to `r^q`: with few cases in a leaf, or many layers,
/// ``clauseLimit`` cuts the product short. Ask for more cases then, or take ``Eclaire``.
///
/// ```swift
/// var extractor = RemD(minimumCases: 0.03)
/// extractor.timeLimit = 60
/// let extracted = try extractor.extract(from: network, examples: table)
/// ```
///
/// - Source: Shams et al., "REM: an integrative rule extraction methodology for explainable data analysis in
///   healthcare", 2021, REM-D.
public struct RemD: LayeredRuleExtractor, Hashable, Codable {
  /// What learns from activations and inputs.
  public var learner = LayerLearner.rules(C45())
  /// The fewest cases of a leaf; below 1 a share of the rows, rounded up.
  public var minimumCases: Double
  /// When a class is the answer.
  public var condition = OutputCondition.mostProbable
  /// What becomes of clauses with a term that is never implied.
  public var unimplied = UnimpliedTerm.dropsClause
  /// The fewest examples that a clause must cover; 0 keeps all that something may satisfy.
  public var minimumCover = 1
  /// The share of clauses of each class that are left out as the worst after each layer.
  public var dropShare = 0.0
  /// What makes clauses worse. Supports count the network's class.
  public var score = RuleScore.confidence
  /// Whether features that do not help on held-out rows are left out before rules are learnt.
  public var winnows = false
  /// The most examples that are used, below 1 a share, with as much of each class; all when nil.
  public var maximumExamples: Double?
  /// How rules come to one answer.
  public var resolution = ConflictResolution.confidenceVote
  /// The most clauses of a class; more are left out, and the result truncated.
  public var clauseLimit = 5000
  /// Seconds after which what was found is returned, truncated; nil for no limit. What is then returned depends on the
  /// machine.
  public var timeLimit: Double?
  /// The seed of samples.
  public var seed: UInt64 = 0

  /// Makes an extractor.
  ///
  /// - Parameter minimumCases: the fewest cases of a leaf; a share of the rows by default, because clauses multiply.
  public init(minimumCases: Double = 0.03) { self.minimumCases = minimumCases }

  /// Extracts rules.
  ///
  /// - Throws: `RuleError.parameters` for settings out of range, `.unsupported` for a network without hidden layers,
  ///   others for examples that do not fit; and what asking throws.
  public func extract(from oracle: any LayeredOracle, examples: RuleTable) throws -> ExtractedRules {
    try check()
    let limits = SubstitutionLimits(
      clauses: clauseLimit, minimumCover: minimumCover, unimplied: unimplied,
      time: TimeLimit(seconds: timeLimit))
    let data = try LayeredExamples(oracle, examples, maximum: maximumExamples, seed: seed)
    if let constant = try data.constant(resolution) { return constant }
    let cases = CaseCount.count(minimumCases, of: data.rowCount)
    var substitution = LayerwiseSubstitution(data, condition, limits) { layer, _ in
      LayerClassifier(data: layer, learner: learner, minimumCases: cases, winnows: winnows, seed: seed)
    }
    let rules = try substitution.immediate { dropping($1, of: $0, data) }
    return ExtractedRules(
      try substitution.ruleSet(rules, resolution), isTruncated: substitution.isTruncated,
      remarks: substitution.remarks)
  }

  private func dropping(_ rules: Disjunction, of label: Int, _ data: LayeredExamples) -> Disjunction {
    guard dropShare > 0 else { return rules }
    let members = data.inputs.rows(data.answers.labels, are: label)
    let scored = rules.members.map { member in
      let support = Support(
        cover: Double(member.rows.count), correct: Double(members.commonCount(member.rows)))
      return Rule(member.clause, .label(label), support: support, confidence: member.confidence)
    }
    let kept = Set(score.dropping(dropShare, of: scored).map(\.clause))
    return Disjunction(rules.members.filter { kept.contains($0.clause) })
  }

  private func check() throws(RuleError) {
    try CaseCount.check(minimumCases)
    try learner.check()
    try RuleError.require(
      dropShare >= 0 && dropShare < 1, "the share to drop must be from 0 to below 1, found \(dropShare)")
    try SubstitutionLimits.check(condition, clauseLimit, minimumCover, timeLimit)
  }
}

extension SubstitutionLimits {
  static func check(
    _ condition: OutputCondition, _ clauses: Int, _ cover: Int, _ seconds: Double?
  ) throws(RuleError) {
    if case .above(let threshold?) = condition {
      try RuleError.require(
        threshold >= 0 && threshold < 1, "the probability must be from 0 to below 1, found \(threshold)")
    }
    try RuleError.require(clauses >= 1, "the clauses must be 1 or more, found \(clauses)")
    try RuleError.require(cover >= 0, "the examples of a clause must be 0 or more, found \(cover)")
    try TimeLimit.check(seconds)
  }
}

extension LayerwiseSubstitution {
  /// What a reader should know.
  var remarks: [String] {
    guard isTruncated else { return [] }
    return [
      "A limit on clauses or time cut the substitution short, so some ways to a class are missing; "
        + "ask for more cases in a leaf, or use Eclaire."
    ]
  }
}
