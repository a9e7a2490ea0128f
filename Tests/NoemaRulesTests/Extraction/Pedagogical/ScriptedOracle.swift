import NoemaTensor

@testable import NoemaRules

/// An oracle that answers by a formula.
struct ScriptedOracle: TableOracle {
  let features: [Feature]
  let classes: [String]
  /// The class probabilities of a row.
  let answer: @Sendable ([Double]) -> [Double]

  init(_ features: [Feature], classes: [String], _ answer: @escaping @Sendable ([Double]) -> [Double]) {
    (self.features, self.classes, self.answer) = (features, classes, answer)
  }

  /// Answers *no* or *yes* for certain.
  init(_ features: [Feature], holds: @escaping @Sendable ([Double]) -> Bool) {
    self.init(features, classes: ["no", "yes"]) { holds($0) ? [0, 1] : [1, 0] }
  }

  /// Answers as rules do, for certain.
  init(_ rules: some RuleModel) {
    let count = rules.classes.count
    self.init(rules.features, classes: rules.classes) { row in
      (0..<count).map { $0 == rules.conclusion(row).label ? 1 : 0 }
    }
  }

  func probabilities(of table: RuleTable) throws -> [Double] {
    try table.check(matches: features)
    return (0..<table.rowCount).flatMap { answer(table.row($0)) }
  }

  /// The share of a table's rows of which rules say what this says.
  func fidelity(of rules: any RuleModel, on table: RuleTable) throws -> Double {
    Double(zip(try rules.labels(on: table), try labels(of: table)).count { $0 == $1 })
      / Double(table.rowCount)
  }
}

/// Tables of known distributions.
enum PlantedTables {
  static func named(_ count: Int) -> [Feature] { (0..<count).map { Feature("x\($0)") } }

  /// Uniform numbers from 0 to 1.
  static func uniform(_ rows: Int, _ features: [Feature], seed: UInt64) throws -> RuleTable {
    var random = RandomNumbers(seed: seed)
    return try RuleTable(
      features: features, rows: (0..<rows).map { _ in features.map { _ in random.uniform() } })
  }

  /// Zeros and ones.
  static func booleans(_ rows: Int, _ count: Int, seed: UInt64) throws -> RuleTable {
    var random = RandomNumbers(seed: seed)
    return try RuleTable(
      features: (0..<count).map { Feature("b\($0)", kind: .integer) },
      rows: (0..<rows).map { _ in (0..<count).map { _ in Double(random.index(below: 2)) } })
  }

  /// Numbers, integers, levels of both kinds; some values missing.
  static func mixed(_ rows: Int, seed: UInt64, missing: Double = 0.1) throws -> RuleTable {
    let features: [Feature] = [
      Feature("number"), Feature("count", kind: .integer),
      Feature("colour", kind: .categorical(levels: ["red", "green", "blue"])),
      Feature("grade", kind: .ordinal(levels: ["low", "middle", "high", "top"])),
    ]
    var random = RandomNumbers(seed: seed)
    return try RuleTable(
      features: features,
      rows: (0..<rows).map { _ in
        let row: [Double] = [
          random.normal() * 2 + 1, (random.uniform() * 9).rounded(), random.uniform() < 0.7 ? 0 : 2,
          Double(random.index(below: 3)),
        ]
        return row.map { random.uniform() < missing ? .nan : $0 }
      })
  }
}
