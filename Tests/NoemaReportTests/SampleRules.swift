@testable import NoemaReport
import NoemaRules

/// Small rules of every form over one table, for the tests of their report.
enum SampleRules {
  static let features = [
    Feature("length", unit: "cm"), Feature("colour", kind: .categorical(levels: ["blue", "red"])),
    Feature("age", kind: .integer),
  ]
  static let classes = ["no", "yes"]

  /// Sixty rows; every tenth lacks its length.
  static func table(_ features: [Feature] = features) throws -> RuleTable {
    let rows = (0..<60).map { (row: Int) -> [Double] in
      let length: Double = row % 10 == 9 ? .nan : Double(row) / 10
      return [length, Double(row % 2), Double(row % 7)]
    }
    return try RuleTable(features: features, rows: rows)
  }

  /// What the network says: *yes* of lengths above 3.05, and of the missing ones.
  static let network = (0..<60).map { $0 % 10 == 9 || $0 > 30 ? 1 : 0 }
  /// The truth differs from the network on the first three rows.
  static let truth = (0..<60).map { $0 < 3 ? 1 : network[$0] }

  /// Length at most 3, missing ones elsewhere; else red ones above age 5 are *no*, which is wrong.
  static func tree(_ features: [Feature] = features, classes: [String] = classes) throws -> DecisionTree {
    try DecisionTree(
      features: features, classes: classes,
      nodes: [
        .init(
          split: .term(.atMost(0, 3)), children: [1, 2], defaultChild: 1, distribution: [30, 30], weight: 60),
        .init(distribution: [30, 2], weight: 32),
        .init(
          split: .mOfN(MOfN(2, of: [.isIn(1, [1]), .above(2, 5)])), children: [3, 4], distribution: [1, 27],
          weight: 28),
        .init(distribution: [3, 1], weight: 4), .init(distribution: [0, 24], weight: 24),
      ])
  }

  static func list() throws -> RuleList {
    try RuleList(
      features: features, classes: classes,
      rules: [
        Rule(Clause([.above(0, 3, orMissing: true)]), .label(1), support: Support(cover: 34, correct: 33)),
        Rule(Clause([.isIn(1, [1]), .atMost(2, 4)]), .label(0), support: Support(cover: 10, correct: 9)),
      ],
      otherwise: Rule(.always, .label(0), support: Support(cover: 16, correct: 16)))
  }

  static func set() throws -> RuleSet {
    try RuleSet(
      features: features, classes: classes,
      rules: [
        Rule(Clause([.above(0, 3.05)]), .label(1), support: Support(cover: 29, correct: 29)),
        Rule(Clause([.isMissing(0)]), .label(1), support: Support(cover: 6, correct: 6)),
        Rule(Clause([.atMost(2, 1)]), .label(0), support: Support(cover: 17, correct: 9)),
      ], defaultConclusion: .label(0))
  }

  static func documents() throws -> [RuleDocument] {
    [.tree(try tree()), .list(try list()), .set(try set())]
  }

  static func record(_ document: RuleDocument) throws -> RulesRecord {
    var record = try RulesRecord(
      method: "tree", document, on: try table(document.model.features), network: network,
      probabilities: network.flatMap { $0 == 1 ? [0.1, 0.9] : [0.8, 0.2] }, truth: truth)
    record.curve = FidelitySizeCurve(
      [(2, 40), (4, 52), (9, 55)].map { size, hits in
        .init(name: "at most \(size)", size: size, fidelity: .share(hits, of: 60))
      })
    record.remarks = ["Sixty examples were asked about."]
    return record
  }

  static func report(_ document: RuleDocument) throws -> RulesReport {
    RulesReport(
      title: "Sample", record: try record(document), document: document,
      table: try table(document.model.features), network: network, truth: truth)
  }
}
