/// How much there is to read in rules.
public struct RuleSize: Sendable, Hashable, Codable {
  /// The number of rules (clauses); of a tree, of leaves.
  public let rules: Int
  /// The number of terms in all rules; of a tree, on all ways from the root to a leaf.
  public let terms: Int
  /// The number of different terms.
  public let uniqueTerms: Int
  /// The mean number of terms in a rule; of a tree, of questions on the way to a leaf.
  public let meanTerms: Double
  /// The largest number of terms in a rule; of a tree, its depth.
  public let maximumTerms: Int
  /// The number of features that some term reads.
  public let features: Int
  /// For each class, the number of rules that conclude it; empty of numbers.
  public let rulesOfClass: [Int]
  /// For each feature in use, the number of terms that read it, by the feature's index.
  public let termsOfFeature: [Int: Int]

  /// The size of a rule set.
  public init(_ rules: RuleSet) { self.init(rules.rules, rules) }

  /// The size of a rule list, without its last entry.
  public init(_ list: RuleList) { self.init(list.rules, list) }

  private init(_ rules: [Rule], _ model: some RuleModel) {
    self.init(
      lengths: rules.map(\.clause.termCount), conclusions: rules.map(\.conclusion), model)
  }

  /// The size of a tree: questions count on each way down that asks them.
  public init(_ tree: DecisionTree) {
    let depths = tree.depths
    let leaves = tree.nodes.indices.filter { tree.nodes[$0].isLeaf }
    self.init(
      lengths: leaves.map { depths[$0] }, conclusions: leaves.map { tree.conclusion(atNode: $0) }, tree)
  }

  private init(lengths: [Int], conclusions: [Conclusion], _ model: some RuleModel) {
    rules = lengths.count
    terms = lengths.reduce(0, +)
    meanTerms = lengths.isEmpty ? 0 : Double(terms) / Double(lengths.count)
    maximumTerms = lengths.max() ?? 0
    let all = model.terms
    uniqueTerms = Set(all).count
    termsOfFeature = Dictionary(all.map { ($0.feature, 1) }, uniquingKeysWith: +)
    features = termsOfFeature.count
    rulesOfClass = model.classes.indices.map { label in conclusions.count { $0 == .label(label) } }
  }
}
