/// Rules from the true labels, without a network: what the rules of a network are to be held against.
///
/// - Source: Shams et al., "REM: an integrative rule extraction methodology for explainable data analysis in
///   healthcare", 2021, REM-T.
public struct RemT: Sendable, Hashable, Codable {
  /// What makes rules.
  public var learner = LayerLearner.rules(C45())
  /// The fewest cases of a leaf; below 1 a share of the rows, rounded up.
  public var minimumCases: Double
  /// Whether features that do not help on held-out rows are left out first.
  public var winnows = false
  /// How rules come to one answer.
  public var resolution = ConflictResolution.confidenceVote
  /// The seed of samples.
  public var seed: UInt64 = 0

  /// Makes a learner.
  public init(minimumCases: Double = 15) { self.minimumCases = minimumCases }

  /// Learns rules; the default is the most frequent class, the first of equals.
  ///
  /// - Throws: `RuleError` for settings out of range and a table without rows.
  public func fit(_ labeled: LabeledTable) throws(RuleError) -> ExtractedRules {
    try CaseCount.check(minimumCases)
    try learner.check()
    try labeled.table.checkNotEmpty()
    let classifier = LayerClassifier(
      data: try LayerData(labeled.table), learner: learner,
      minimumCases: CaseCount.count(minimumCases, of: labeled.table.rowCount), winnows: winnows, seed: seed)
    var counts = labeled.classes.map { _ in 0.0 }
    for label in labeled.labels { counts[label] += 1 }
    let rules = try RuleSet(
      features: labeled.table.features, classes: labeled.classes,
      rules: classifier.rules(labeled.labels, labeled.classes), resolution: resolution,
      defaultConclusion: .label(DecisionTree.largest(counts)))
    return ExtractedRules(rules, remarks: ["The rules were learnt from the labels, without a network."])
  }
}
