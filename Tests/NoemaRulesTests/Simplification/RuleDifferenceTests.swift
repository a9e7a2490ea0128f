import Testing

@testable import NoemaRules

@Suite struct RuleDifferenceTests {
  private func rules(_ rules: [Rule]) throws -> RuleSet {
    try RuleSet(
      features: [Feature("x"), Feature("y")], classes: ["a", "b"], rules: rules, resolution: .firstMatch,
      defaultConclusion: .label(0))
  }

  @Test func rulesArePairedByWhatTheySay() throws {
    let first = try rules([
      Rule(Clause([.atMost(0, 1)]), .label(0)), Rule(Clause([.above(0, 1), .atMost(1, 5)]), .label(1)),
      Rule(Clause([.above(1, 9)]), .label(0)), Rule(Clause([.isMissing(1)]), .label(0)),
    ])
    let second = try rules([
      Rule(Clause([.above(0, 1), .atMost(1, 6)]), .label(1)), Rule(Clause([.atMost(0, 1)]), .label(0)),
      Rule(Clause([.above(1, 9)]), .label(1)), Rule(Clause([.above(0, 3), .atMost(0, 4)]), .label(1)),
    ])
    let table = try RuleTable(features: first.features, rows: [[2, 5.5], [2, 5], [0, 0], [2, 10]])
    let difference = try RuleDifference(first, second, on: table)
    #expect(difference.common == [.init(first: 0, second: 1)])
    #expect(
      difference.changed == [
        .init(pair: .init(first: 2, second: 2), kind: .conclusion),
        .init(pair: .init(first: 1, second: 0), kind: .conditions([1])),
      ])
    #expect(difference.removed == [3] && difference.added == [3])
    #expect(!difference.equivalence.areEqual && difference.differingRows == [0, 3])
    #expect(difference.agreement?.value == 0.5 && difference.confusion == [[1, 2], [0, 1]])
  }

  @Test func nothingDiffersFromItself() throws {
    var source = RandomRuleSource(seed: 1)
    for resolution in ConflictResolution.allCases {
      let rules = try source.ruleSet(20, resolution)
      let difference = try RuleDifference(rules, rules.with(rules.rules.reversed()), on: source.table(50))
      #expect(difference.common.count == 20 && difference.changed.isEmpty)
      #expect(difference.removed.isEmpty && difference.added.isEmpty)
      let same = try RuleDifference(rules, rules)
      #expect(same.equivalence.areEqual && same.agreement == nil && same.confusion.isEmpty)
    }
  }
}
