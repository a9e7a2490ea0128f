/// A tree that is grown on what a network says: of the examples, and of many more that are generated, because its
/// answers cost nothing but time.
///
/// The tree is grown on the examples and most of the queries, and pruned to the size of its cost-complexity sequence
/// that agrees best with the network on the other queries.
///
/// ```swift
/// var distillation = DistilledTree()
/// distillation.maximumLeaves = 20
/// let extracted = try distillation.extract(from: network, examples: table)
/// ```
///
/// An oracle that names one class throughout gives a tree of one leaf, and a remark.
///
/// - Source: Craven and Shavlik, "Using sampling and queries to extract rules from trained neural networks", 1994, for
///   queries; Bucilă, Caruana and Niculescu-Mizil, "Model compression", 2006, for learning from a model's answers.
public struct DistilledTree: RuleExtractor, Hashable, Codable {
  /// What grows the tree.
  public enum Learner: Sendable, Hashable, Codable {
    /// Binary splits by impurity.
    case cart(CART)
    /// Gain ratios and pessimistic pruning, which is then pruned further.
    case c45(C45)
  }

  /// What the tree learns.
  public enum Target: String, Sendable, Hashable, Codable {
    /// The network's most probable class.
    case labels
    /// The network's class probabilities, which also say how near a boundary is. They must add to 1.
    case probabilities
  }

  /// What grows the tree, by default CART with 15 examples or queries in a leaf.
  public var learner = Learner.cart(CART(minimumLeaf: 15))
  /// What the tree learns.
  public var target = Target.probabilities
  /// The number of generated queries; nil for 10 an example, but a million at most.
  public var queryCount: Int?
  /// Where queries come from.
  public var distribution = QueryDistribution.copula
  /// The share of queries that the tree is not grown on but pruned by, from 0 to below 1; of examples when there are no
  /// queries, or they are examples or mixes of them. With 0 it is not pruned.
  public var heldOutShare = 0.2
  /// The smallest tree is taken whose fidelity on held-out rows is lower than the best by no more than so many standard
  /// errors.
  public var standardErrors = 0.0
  /// The most leaves; nil for no limit.
  public var maximumLeaves: Int?
  /// The seed of queries and of what is held out.
  public var seed: UInt64 = 0

  /// Makes an extractor with the defaults.
  public init() {}

  /// Extracts a tree.
  ///
  /// - Throws: `RuleError.parameters` for settings out of range, `.tooFew` for no examples, others when examples or
  ///   answers do not fit the oracle's features and classes; and what asking throws.
  /// - Complexity: one answer for each example and query, and what the learner takes for as many rows.
  public func extract(from oracle: any TableOracle, examples: RuleTable) throws -> ExtractedRules {
    let distilled = try distilled(from: oracle, examples: examples)
    return ExtractedRules(
      distilled.tree, isTruncated: distilled.isTruncated, remarks: distilled.data.remarks + distilled.remarks)
  }
}

// MARK: Steps
extension DistilledTree {
  /// A tree and what it was made from.
  struct Distilled {
    let data: DistillationData
    let tree: DecisionTree
    let isTruncated: Bool
    /// About the tree.
    let remarks: [String]
  }

  func distilled(from oracle: any TableOracle, examples: RuleTable) throws -> Distilled {
    try check()
    let data = try DistillationData(self, oracle, examples)
    if let label = data.onlyLabel {
      let shares = oracle.classes.indices.map { $0 == label ? Double(data.rowCount) : 0 }
      let leaf = DecisionTree.Node(distribution: shares, weight: Double(data.rowCount))
      let tree = try DecisionTree(features: oracle.features, classes: oracle.classes, nodes: [leaf])
      return Distilled(data: data, tree: tree, isTruncated: false, remarks: [])
    }
    let path = CostComplexity(of: try fit(data.examples(target, oracle.classes)))
    let agreement = HeldOutAgreement(path, data.heldOut, data.heldOutAnswers.labels)
    let best = agreement.steps(maximumLeaves: nil, standardErrors: standardErrors)
    let chosen = agreement.steps(maximumLeaves: maximumLeaves, standardErrors: standardErrors)
    var remarks: [String] = []
    if agreement.rowCount > 0 {
      remarks.append(
        ExtractedRules.remark(
          fidelity: agreement.hits[chosen], of: agreement.rowCount,
          rows: data.heldOutName))
    }
    return Distilled(
      data: data, tree: path.pruned(steps: chosen), isTruncated: chosen != best, remarks: remarks)
  }

  private func fit(_ examples: TrainingTable) throws(RuleError) -> DecisionTree {
    switch learner {
    case .cart(let learner): try learner.fit(examples)
    case .c45(let learner): try learner.fit(examples)
    }
  }

  private func check() throws(RuleError) {
    func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(RuleError) {
      guard condition else { throw RuleError(.parameters(text())) }
    }
    try require(
      (queryCount ?? 0) >= 0, "the number of queries must be 0 or more, found \(queryCount ?? 0)")
    try require(
      heldOutShare >= 0 && heldOutShare < 1,
      "the held-out share must be from 0 to below 1, found \(heldOutShare)")
    try require(
      standardErrors >= 0 && standardErrors.isFinite,
      "the standard errors must be 0 or more, found \(standardErrors)")
    try require((maximumLeaves ?? 1) >= 1, "the leaves must be 1 or more, found \(maximumLeaves ?? 0)")
    try distribution.check()
  }
}
