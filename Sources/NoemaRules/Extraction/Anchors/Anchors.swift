internal import NoemaTensor

/// Anchors of many examples as a rule set: each a rule, those that together reach most examples picked one after the
/// other, and a default for the rest.
///
/// A pick takes the anchor that covers most examples of its class that no earlier pick of the class covers, of equals
/// the one with fewer terms, then the first; so the covered number is at least `1 − 1/e` of what as many anchors can
/// reach. Only anchors that reach the precision are picked. The default is the commonest class of the examples left.
/// A rule's support is counted on the examples; where rules meet, the most confident one decides.
///
/// ```swift
/// let rules = try Anchors(examples: 100).extract(from: network, examples: table)
/// ```
///
/// - Source: Ribeiro, Singh and Guestrin, AAAI 2018, section "submodular pick".
public struct Anchors: RuleExtractor, Hashable, Codable {
  /// How an anchor is searched; its seed is that of the choice of examples, too.
  public var search = AnchorSearch()
  /// The bins of a feature, 2 to 255.
  public var bins = 4
  /// How many examples are explained, drawn without replacement; all when there are fewer.
  public var examples = 50
  /// The most rules.
  public var maximumRules = 20
  /// The fewest examples of its class that a rule must add.
  public var minimumGain = 1

  /// Makes an extractor.
  public init(
    search: AnchorSearch = AnchorSearch(), bins: Int = 4, examples: Int = 50, maximumRules: Int = 20
  ) {
    (self.search, self.bins, self.examples, self.maximumRules) = (search, bins, examples, maximumRules)
  }

  /// The anchor of a row of a table.
  public struct RowAnchor: Sendable, Hashable {
    /// The row.
    public let row: Int
    /// When the anchor holds.
    public let clause: Clause
    /// The anchor.
    public let anchor: Anchor
  }

  /// Finds the anchors of some rows; a row's anchor does not depend on the others.
  ///
  /// - Throws: `RuleError` for settings out of range, rows that do not exist and a table that is not the oracle's, and
  ///   what asking throws.
  public func anchors(
    of rows: [Int], in table: RuleTable, from oracle: any TableOracle
  ) throws -> [RowAnchor] {
    try anchors(of: rows, in: table, from: oracle, labels: labels(of: table, from: oracle))
  }

  public func extract(from oracle: any TableOracle, examples table: RuleTable) throws -> ExtractedRules {
    try check()
    let labels = try labels(of: table, from: oracle)
    if Set(labels).count == 1 {
      return ExtractedRules(
        try rules([], default: labels[0], oracle),
        remarks: [ExtractedRules.remark(only: labels[0], of: oracle, rows: table.rowCount)])
    }
    var random = RandomNumbers(seed: search.seed)
    let rows = random.sample(min(examples, table.rowCount), below: table.rowCount).sorted()
    let found = try anchors(of: rows, in: table, from: oracle, labels: labels)
    let pick = AnchorPick(found, on: table, labels: labels)
    let (picked, isFull) = pick(most: maximumRules, minimumGain: minimumGain)
    let covered = Set(picked.flatMap { pick.covers[$0] })
    let rest = table.rowCount > covered.count ? labels.indices.filter { !covered.contains($0) } : []
    let otherwise = Anchors.commonest(rest.isEmpty ? labels : rest.map { labels[$0] }, oracle.classes.count)
    let model = try rules(picked.map { pick.rule($0) }, default: otherwise, oracle)
    return ExtractedRules(
      model, isTruncated: isFull || found.contains { $0.anchor.isLimited && !$0.anchor.isCertain },
      remarks: remarks(found, covered: covered.count, of: table.rowCount))
  }

  private func anchors(
    of rows: [Int], in table: RuleTable, from oracle: any TableOracle, labels: [Int]
  ) throws -> [RowAnchor] {
    try search.check()
    let bins = try AnchorBins(table, count: bins)
    let random = RandomNumbers(seed: search.seed)
    return try rows.map { row in
      guard labels.indices.contains(row) else {
        throw RuleError(.parameters("there is no row \(row) among \(table.rowCount)"))
      }
      let sampler = TableAnchorSampler(oracle, bins, values: table.row(row), label: labels[row])
      let anchor = try search.anchor(of: sampler, using: random.split(row))
      return RowAnchor(row: row, clause: sampler.clause(anchor.predicates), anchor: anchor)
    }
  }

  private func labels(of table: RuleTable, from oracle: any TableOracle) throws -> [Int] {
    try table.checkNotEmpty()
    try table.check(matches: oracle.features)
    return try OracleAnswers(of: oracle, on: table).labels
  }

  private func rules(_ rules: [Rule], default label: Int, _ oracle: any TableOracle) throws -> RuleSet {
    try RuleSet(
      features: oracle.features, classes: oracle.classes, rules: rules, resolution: .singleBest,
      defaultConclusion: .label(label))
  }

  private static func commonest(_ labels: [Int], _ classCount: Int) -> Int {
    var counts = [Int](repeating: 0, count: classCount)
    for label in labels { counts[label] += 1 }
    return counts.indices.reduce(0) { counts[$1] > counts[$0] ? $1 : $0 }
  }

  private func remarks(_ found: [RowAnchor], covered: Int, of count: Int) -> [String] {
    var remarks = ["The rules reach \(covered) of \(count) examples; the default answers for the others."]
    let uncertain = found.count { !$0.anchor.isCertain }
    if uncertain > 0 {
      remarks.append(
        "\(uncertain) of \(found.count) explained examples have no anchor of precision \(search.precision); they gave "
          + "no rule.")
    }
    let limited = found.count { $0.anchor.isLimited }
    if limited > 0 {
      remarks.append(
        "The search of \(limited) of \(found.count) anchors met the limit on samples; anchors that cover more may "
          + "exist.")
    }
    return remarks
  }

  private func check() throws(RuleError) {
    guard examples >= 1, maximumRules >= 1, minimumGain >= 1 else {
      throw RuleError(
        .parameters(
          "examples to explain, rules and the gain of a rule must be 1 or more, found \(examples), \(maximumRules) "
            + "and \(minimumGain)"))
    }
  }
}

/// Anchors from which those that cover most are picked.
struct AnchorPick {
  /// The different anchors that reach the precision.
  private let anchors: [Anchors.RowAnchor]
  /// The examples that each covers.
  let covers: [[Int]]
  private let labels: [Int]

  init(_ anchors: [Anchors.RowAnchor], on table: RuleTable, labels: [Int]) {
    var seen: Set<Rule> = []
    self.anchors = anchors.filter {
      $0.anchor.isCertain && seen.insert(Rule($0.clause, .label($0.anchor.label))).inserted
    }
    covers = self.anchors.map { $0.clause.coveredRows(of: table) }
    self.labels = labels
  }

  /// The picked anchors, and whether the limit left out one that would add enough.
  func callAsFunction(most: Int, minimumGain: Int) -> (picked: [Int], isFull: Bool) {
    var isCovered = [Bool](repeating: false, count: labels.count)
    var picked: [Int] = []
    while true {
      let gains = anchors.indices.map { anchor in
        covers[anchor].count { !isCovered[$0] && labels[$0] == anchors[anchor].anchor.label }
      }
      let best = anchors.indices.min { a, b in
        (gains[b], anchors[a].clause.termCount, a) < (gains[a], anchors[b].clause.termCount, b)
      }
      guard let best, gains[best] >= minimumGain else { return (picked, false) }
      guard picked.count < most else { return (picked, true) }
      picked.append(best)
      for row in covers[best] where labels[row] == anchors[best].anchor.label { isCovered[row] = true }
    }
  }

  /// An anchor with its support among the examples.
  func rule(_ index: Int) -> Rule {
    let label = anchors[index].anchor.label
    return Rule(
      anchors[index].clause, .label(label),
      support: Support(
        cover: Double(covers[index].count), correct: Double(covers[index].count { labels[$0] == label })))
  }
}
