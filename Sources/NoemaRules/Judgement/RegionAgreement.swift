/// How the rules agree with the network where one of them decides, and what goes wrong there.
public struct RegionAgreement: Sendable, Hashable, Codable {
  /// The examples that one rule, one leaf or the default decides.
  public struct Region: Sendable, Hashable, Codable {
    /// The index of the rule or of the tree's node; nil of the default.
    public let rule: Int?
    /// The share of the region's examples with the network's class.
    public let fidelity: Estimate
    /// The rows on which they differ.
    public let mistakes: [Int]
  }

  /// Why the rules differ from the network on one example.
  public struct Mistake: Sendable, Hashable, Codable {
    /// The row.
    public let row: Int
    /// The rules' class.
    public let answer: Int
    /// The network's class.
    public let network: Int
    /// The rules that fire, by index.
    public let firing: [Int]
    /// The rule of the network's class that comes nearest to firing, by index: it fails on fewest conditions, and of
    /// these it has the highest confidence. Nil when no rule concludes the class.
    public let nearestRule: Int?
    /// The features on whose conditions the nearest rule fails; empty when it fires and is outvoted.
    public let failingFeatures: [Int]
  }

  /// The regions that hold examples, those with most mistakes first.
  public let regions: [Region]

  /// Divides examples among the rules of a list.
  ///
  /// - Throws: `RuleError` when the table's features are not the rules' or sizes differ.
  public init(_ list: RuleList, on table: RuleTable, network: [Int]) throws(RuleError) {
    let answers = try list.labels(on: table)
    try self.init(regions: try list.decidingRules(on: table), answers, network)
  }

  /// Divides examples among the rules of a set: to the firing rule of the winning conclusion with the highest
  /// confidence, the first of equals; to the default when none fires.
  ///
  /// - Throws: `RuleError` when the table's features are not the rules' or sizes differ.
  public init(_ rules: RuleSet, on table: RuleTable, network: [Int]) throws(RuleError) {
    let answers = try rules.labels(on: table)
    let deciding = zip(try rules.firings(on: table), answers).map { firing, answer in
      let supporters = firing.filter { rules.rules[$0].conclusion == .label(answer) }
      if rules.resolution == .firstMatch { return supporters.first }
      return supporters.min { a, b in
        (rules.rules[b].confidence, a) < (rules.rules[a].confidence, b)
      }
    }
    try self.init(regions: deciding, answers, network)
  }

  /// Divides examples among the leaves of a tree, missing values by default children.
  ///
  /// - Throws: `RuleError` when the table's features are not the tree's or sizes differ.
  public init(_ tree: DecisionTree, on table: RuleTable, network: [Int]) throws(RuleError) {
    let answers = try tree.labels(on: table)
    try self.init(regions: (0..<table.rowCount).map { tree.leaf(row: $0, of: table) }, answers, network)
  }

  private init(regions deciding: [Int?], _ answers: [Int], _ network: [Int]) throws(RuleError) {
    guard network.count == answers.count else {
      throw RuleError(.count(what: "network labels", found: network.count, expected: answers.count))
    }
    var rows: [Int: [Int]] = [:]
    for (row, rule) in deciding.enumerated() { rows[rule ?? -1, default: []].append(row) }
    regions = rows.map { rule, rows in
      let mistakes = rows.filter { answers[$0] != network[$0] }
      return Region(
        rule: rule < 0 ? nil : rule, fidelity: .share(rows.count - mistakes.count, of: rows.count),
        mistakes: mistakes)
    }.sorted { a, b in
      (b.mistakes.count, a.rule ?? Int.max) < (a.mistakes.count, b.rule ?? Int.max)
    }
  }

  /// The examples on which rules and network differ, with the rule that would have been right.
  ///
  /// - Throws: `RuleError` when the table's features are not the rules' or sizes differ.
  public static func mistakes(
    of rules: RuleSet, on table: RuleTable, network: [Int]
  ) throws(RuleError) -> [Mistake] {
    let answers = try rules.labels(on: table)
    guard network.count == answers.count else {
      throw RuleError(.count(what: "network labels", found: network.count, expected: answers.count))
    }
    let firings = try rules.firings(on: table)
    return answers.indices.filter { answers[$0] != network[$0] }.map { row in
      var best: (rule: Int, failing: [Int])?
      for (index, rule) in rules.rules.enumerated() where rule.conclusion == .label(network[row]) {
        let failing = rule.clause.conditions.filter { !$0.admits(table[row, $0.feature]) }.map(\.feature)
        if let best {
          let (old, new) = (rules.rules[best.rule].confidence, rule.confidence)
          if (failing.count, -new) >= (best.failing.count, -old) { continue }
        }
        best = (index, failing)
      }
      return Mistake(
        row: row, answer: answers[row], network: network[row], firing: firings[row],
        nearestRule: best?.rule, failingFeatures: best?.failing ?? [])
    }
  }
}
