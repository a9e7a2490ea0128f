import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct MOfNSearchTests {
  /// All corners of a cube, and labels by a formula over them.
  private func cube(_ width: Int, extra: Int = 0, _ label: ([Bool]) -> Bool) throws -> TrainingTable {
    let rows = (0..<(1 << (width + extra))).map { code in (0..<(width + extra)).map { code >> $0 & 1 == 1 } }
    let table = try RuleTable(
      features: (0..<(width + extra)).map { Feature("b\($0)") }, rows: rows.map { $0.map { $0 ? 1 : 0 } })
    return try TrainingTable(
      table, .labels(rows.map { label(Array($0.prefix(width))) ? 1 : 0 }), classes: ["no", "yes"])
  }

  private func expectDecides(_ found: MOfNSearch.Found?, _ examples: TrainingTable, m: Int, n: Int) throws {
    guard case .labels(let labels) = examples.target, case .mOfN(let test)? = found?.split else {
      Issue.record("no test of several literals: \(String(describing: found))")
      return
    }
    let holds = (0..<labels.count).map { test.holds(row: $0, of: examples.table) }
    // The test or its opposite is the formula.
    #expect(holds == labels.map { $0 == 1 } || holds == labels.map { $0 == 0 })
    #expect(test.literals.count == n)
    #expect(test.m == m || test.m == n - m + 1)
  }

  @Test func fiveOfNineIsOneQuestion() throws {
    let examples = try cube(9) { $0.count { $0 } >= 5 }
    try expectDecides(try MOfNSearch().best(examples), examples, m: 5, n: 9)
    // A tree of single questions needs at least a hundred leaves.
    #expect(try CART().fit(examples).leafCount >= 100)
  }

  @Test func literalsMayBeNegated() throws {
    let examples = try cube(5, extra: 3) { b in [b[0], !b[1], b[2], !b[3], b[4]].count { $0 } >= 3 }
    try expectDecides(try MOfNSearch().best(examples), examples, m: 3, n: 5)
  }

  @Test(arguments: [true, false]) func andAndOrAreSpecialCases(_ all: Bool) throws {
    let examples = try cube(3, extra: 3) { b in all ? b.allSatisfy { $0 } : b.contains(true) }
    let found = try #require(try MOfNSearch().best(examples))
    try expectDecides(found, examples, m: all ? 3 : 1, n: 3)
    let share = 1.0 / 8
    #expect(abs(found.gain - -(share * log2(share) + (1 - share) * log2(1 - share))) < 1e-12)
  }

  @Test func oneLiteralIsATerm() throws {
    var source = RandomTables(seed: 3)
    let table = try source.table(rows: 400, ordered: 4, categories: 1, values: 0)
    let labels = (0..<400).map { table[$0, 2] > 0.4 ? 1 : 0 }
    let examples = try TrainingTable(table, .labels(labels), classes: ["no", "yes"])
    guard case .term(let term)? = try MOfNSearch().best(examples)?.split else {
      Issue.record("noise was taken up")
      return
    }
    #expect(term.feature == 2 && abs((term.threshold ?? 9) - 0.4) < 0.05)
  }

  @Test func categoriesAndNumbersMix() throws {
    var source = RandomTables(seed: 14)
    let table = try source.table(rows: 1500, ordered: 4, categories: 3, levels: 3, values: 0)
    func literals(_ row: Int) -> [Bool] {
      [table[row, 0] > 0, table[row, 4] == 1, table[row, 5] != 2, table[row, 1] <= 0.2]
    }
    let labels = (0..<1500).map { row in literals(row).count { $0 } >= 3 ? 1 : 0 }
    let examples = try TrainingTable(table, .labels(labels), classes: ["no", "yes"])
    let found = try #require(try MOfNSearch().best(examples))
    guard case .mOfN(let test) = found.split else {
      Issue.record("\(found)")
      return
    }
    #expect(Set(test.literals.map(\.feature)).isSubset(of: [0, 1, 4, 5]))
    #expect(test.literals.count >= 3)
    let right = (0..<1500).count { test.holds(row: $0, of: table) == (labels[$0] == 1) }
    #expect(max(right, 1500 - right) > 1300)
    // It tells more than the best single question.
    let single = try CART(criterion: .entropy, maximumDepth: 1).fit(examples)
    let gain =
      single.nodes[0].impurity
      - [1, 2].reduce(0) { $0 + single.nodes[$1].weight / 1500 * single.nodes[$1].impurity }
    #expect(found.gain > 1.5 * gain)
  }

  @Test func weightsAreRepeatedRowsAndSharesAreWeights() throws {
    let plain = try cube(4) { $0.count { $0 } >= 3 }
    guard case .labels(let labels) = plain.target else { return }
    let rows = (0..<16).flatMap { [Int](repeating: $0, count: 1 + $0 % 3) }
    let weighted = try TrainingTable(
      plain.table, .labels(labels), classes: plain.classes, weights: (0..<16).map { Double(1 + $0 % 3) })
    let a = try MOfNSearch().best(weighted)
    let b = try MOfNSearch().best(plain.subset(rows: rows))
    #expect(a?.split == b?.split)
    let soft = try TrainingTable(
      plain.table, .probabilities(labels.flatMap { $0 == 1 ? [0, 1] : [1, 0] }), classes: plain.classes)
    #expect(try MOfNSearch().best(soft) == MOfNSearch().best(plain))
  }

  @Test func nothingToTellIsNoTest() throws {
    let table = try RuleTable(features: [Feature("x")], rows: [[1], [1]])
    #expect(try MOfNSearch().best(TrainingTable(table, .labels([0, 1]), classes: ["a", "b"])) == nil)
    let pure = try RuleTable(features: [Feature("x")], rows: [[1], [2]])
    #expect(try MOfNSearch().best(TrainingTable(pure, .labels([1, 1]), classes: ["a", "b"])) == nil)
    #expect(throws: RuleError.self) { try MOfNSearch().best(TrainingTable(pure, .values([1, 1]))) }
    var search = MOfNSearch()
    search.beamWidth = 0
    #expect(throws: RuleError.self) {
      try search.best(TrainingTable(pure, .labels([0, 1]), classes: ["a", "b"]))
    }
  }

  @Test(arguments: [0.01, 0.5, 2, 7.3, 40, 300]) func chiSquaredTailsAreClosedForms(_ x: Double) {
    func close(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-12 + 1e-10 * b }
    // Of one, two and four degrees of freedom.
    #expect(close(ChiSquared.tail(x, degrees: 1), erfc((x / 2).squareRoot())))
    #expect(close(ChiSquared.tail(x, degrees: 2), exp(-x / 2)))
    #expect(close(ChiSquared.tail(x, degrees: 4), exp(-x / 2) * (1 + x / 2)))
    #expect(ChiSquared.tail(0, degrees: 3) == 1)
  }
}
