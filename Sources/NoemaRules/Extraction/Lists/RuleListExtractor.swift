internal import NoemaTensor

/// An ordered list of rules for a network's classes, learnt by covering one class after the other (RIPPER).
///
/// Classes come from the rarest to the commonest, which is the *else*. The rules of a class tell its rows from those of
/// all later classes (``ClassCovering``), and rows that they cover are not asked about again. A missing value satisfies
/// no comparison and no membership; that a value is missing is a term of its own.
///
/// ```swift
/// let extracted = try RuleListExtractor().extract(from: network, examples: table)
/// ```
///
/// Supports count the rows that a rule decides, conditional on no earlier rule holding. An oracle that names one class
/// throughout gives no rule but the last, and a remark.
///
/// - Source: Cohen, "Fast effective rule induction", 1995.
public struct RuleListExtractor: RuleExtractor, Hashable, Codable {
  /// The classes by name in the order in which they get rules; those not named follow from the rarest to the commonest.
  /// The last class of all is the *else*.
  public var classOrder: [String] = []
  /// How often every rule is put against alternatives.
  public var optimisationRounds = 2
  /// The fewest rows that each term must leave while a rule grows.
  public var minimumCover = 2
  /// The most terms of a rule while it grows.
  public var maximumTerms = 20
  /// The most rules beside the last.
  public var maximumRules = 100
  /// The number of generated queries; nil for 10 an example, but 20,000 at most.
  public var queryCount: Int?
  /// Where queries come from.
  public var distribution = QueryDistribution.copula
  /// The share of queries to judge the rules by, of examples when there are none or they are examples or mixes.
  public var heldOutShare = 0.2
  /// The seed of queries and of the parts to grow and to prune on.
  public var seed: UInt64 = 0

  /// Makes an extractor with the defaults.
  public init() {}

  /// Extracts a list.
  ///
  /// - Throws: `RuleError.parameters` for settings out of range and for a class that the oracle does not have,
  ///   `.tooFew` for no examples, others when examples or answers do not fit the oracle's features and classes; and
  ///   what asking throws.
  /// - Complexity: for `n` rows of `m` features `O(n m log n)` a class, and `O(n m)` for each term that is grown.
  public func extract(from oracle: any TableOracle, examples: RuleTable) throws -> ExtractedRules {
    try check(oracle.classes)
    let data = try DistillationData(
      queryCount, upTo: 20_000, from: distribution, heldOutShare: heldOutShare, seed: seed, oracle, examples)
    if let label = data.onlyLabel {
      let count = Double(data.rowCount)
      let last = Rule(.always, .label(label), support: Support(cover: count, correct: count))
      let list = try RuleList(
        features: oracle.features, classes: oracle.classes, rules: [], otherwise: last, counting: .conditional
      )
      return ExtractedRules(list, remarks: data.remarks)
    }
    let labels = data.trainingAnswers.labels
    let (list, isTruncated) = try learn(data.training, labels, oracle.classes)
    let counted = try list.counted(on: data.training, reference: labels.map { .label($0) })
    var remarks = data.remarks
    if isTruncated {
      remarks.append("The limit of \(maximumRules) rules was reached; more of them may cover more.")
    }
    remarks += try data.agreement(of: counted)
    return ExtractedRules(counted, isTruncated: isTruncated, remarks: remarks)
  }
}

// MARK: Steps
extension RuleListExtractor {
  private func learn(
    _ table: RuleTable, _ labels: [Int], _ classes: [String]
  ) throws(RuleError) -> (list: RuleList, isTruncated: Bool) {
    let order = ordered(classes, labels)
    let random = RandomNumbers(seed: seed)
    var (rules, rest, isTruncated) = ([Rule](), Array(0..<table.rowCount), false)
    for label in order.dropLast() {
      let isPositive = rest.map { labels[$0] == label }
      guard isPositive.contains(true), isPositive.contains(false) else { continue }
      let part = table.subset(rows: rest)
      let covering = ClassCovering(
        CoveringProblem(part, isPositive: isPositive), self, limit: maximumRules - rules.count,
        random: random.split(label))
      isTruncated = isTruncated || covering.isTruncated
      var left = RowSet(rest.count) { _ in true }
      for entry in covering.rules {
        rules.append(Rule(Clause(entry.terms).canonical(in: table.features), .label(label)))
        left.subtract(entry.rows)
      }
      var further: [Int] = []
      left.forEach { further.append(rest[$0]) }
      rest = further
    }
    let list = try RuleList(
      features: table.features, classes: classes, rules: rules,
      otherwise: Rule(.always, .label(order[order.count - 1])), counting: .conditional)
    return (list, isTruncated)
  }

  /// The classes in the order in which they get rules.
  private func ordered(_ classes: [String], _ labels: [Int]) -> [Int] {
    var counts = [Int](repeating: 0, count: classes.count)
    for label in labels { counts[label] += 1 }
    let named = classOrder.compactMap { classes.firstIndex(of: $0) }
    let others = classes.indices.filter { !named.contains($0) }
    return named + others.sorted { (counts[$0], $0) < (counts[$1], $1) }
  }

  private func check(_ classes: [String]) throws(RuleError) {
    for name in classOrder where !classes.contains(name) {
      throw RuleError(
        .parameters(
          "the order names the class '\(name)', which the oracle does not have; its classes are "
            + classes.prefix(8).map { "'\($0)'" }.joined(separator: ", ")))
    }
    try RuleError.require(
      Set(classOrder).count == classOrder.count, "the order names a class twice; name each once")
    try RuleError.require(
      (0...100).contains(optimisationRounds),
      "the rounds of optimisation must be 0 to 100, found \(optimisationRounds)")
    try RuleError.require(
      minimumCover >= 1, "the rows that a term leaves must be 1 or more, found \(minimumCover)")
    try RuleError.require(maximumTerms >= 1, "the terms must be 1 or more, found \(maximumTerms)")
    try RuleError.require(maximumRules >= 1, "the rules must be 1 or more, found \(maximumRules)")
  }
}
