/// Rules that vote, made from a tree that is grown on what a network says, and simplified.
///
/// The ways to the leaves of a ``DistilledTree`` lose what does not matter and are chosen by their description length
/// (``TreeRules``); what is left is made shorter as far as the held-out rows lose no fidelity (``RuleSimplification``).
///
/// ```swift
/// var distillation = DistilledRules()
/// distillation.maximumRules = 12
/// let extracted = try distillation.extract(from: network, examples: table)
/// ```
///
/// An oracle that names one class throughout gives no rule but the default, and a remark.
public struct DistilledRules: RuleExtractor, Hashable, Codable {
  /// How the tree is grown and pruned.
  public var tree = DistilledTree()
  /// How rules are made of it.
  public var conversion = TreeRules()
  /// How they are made shorter; without held-out rows, by the steps alone that no data decide.
  public var simplification = RuleSimplification()
  /// The most rules beside the default, and so the most leaves of the tree; nil for no limit.
  public var maximumRules: Int?

  /// Makes an extractor with the defaults.
  public init() {}

  /// Extracts rules.
  ///
  /// - Throws: `RuleError` as ``DistilledTree/extract(from:examples:)``, and for settings of the conversion or the
  ///   simplification out of range.
  public func extract(from oracle: any TableOracle, examples: RuleTable) throws -> ExtractedRules {
    guard (maximumRules ?? 1) >= 1 else {
      throw RuleError(.parameters("the rules must be 1 or more, found \(maximumRules ?? 0)"))
    }
    var tree = tree
    if let maximumRules { tree.maximumLeaves = min(maximumRules, tree.maximumLeaves ?? maximumRules) }
    let distilled = try tree.distilled(from: oracle, examples: examples)
    let data = distilled.data
    if let label = data.onlyLabel {
      let rules = try RuleSet(
        features: oracle.features, classes: oracle.classes, rules: [], defaultConclusion: .label(label))
      return ExtractedRules(rules, remarks: data.remarks)
    }
    // Supports count whole rows, whatever the tree was grown on.
    let made = try conversion.ruleSet(distilled.tree, data.examples(.labels, oracle.classes))
    let rules = try simplified(made, data)
    var remarks = data.remarks
    if data.heldOut.rowCount > 0 {
      let hits = zip(try rules.labels(on: data.heldOut), data.heldOutAnswers.labels).count { $0 == $1 }
      remarks.append(
        ExtractedRules.remark(
          fidelity: hits, of: data.heldOut.rowCount, rows: data.heldOutName))
    }
    return ExtractedRules(rules, isTruncated: distilled.isTruncated, remarks: remarks)
  }

  private func simplified(_ rules: RuleSet, _ data: DistillationData) throws(RuleError) -> RuleSet {
    var simplification = simplification
    var (table, answers) = (data.heldOut, data.heldOutAnswers)
    if table.rowCount == 0 {
      simplification.steps.removeAll(where: \.goesByData)
      (table, answers) = (data.training, data.trainingAnswers)
    }
    let reference = answers.labels.map { Conclusion.label($0) }
    return try simplification.simplify(rules, on: table, reference: reference).rules
  }
}
