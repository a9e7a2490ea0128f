import Testing

@testable import NoemaRules

@Suite struct RuleStabilityTests {
  private func rules(_ terms: [[Term]]) throws -> RuleSet {
    try RuleSet(
      features: [Feature("x"), Feature("y")], classes: ["a", "b"],
      rules: terms.map { Rule(Clause($0), .label(1)) },
      resolution: .firstMatch, defaultConclusion: .label(0))
  }

  @Test func figuresByHand() throws {
    let table = try RuleTable(
      features: [Feature("x"), Feature("y")], rows: (0..<100).map { [Double($0), Double($0 % 10)] })
    let models: [any RuleModel] = [
      try rules([[.above(0, 49.5), .atMost(1, 4.5)]]), try rules([[.above(0, 52.5)]]),
      try rules([[.above(0, 49.5), .atMost(1, 4.5)]]),
    ]
    let stability = try RuleStability(models, on: table)
    #expect(stability.pairs.map { [$0.first, $0.second] } == [[0, 1], [0, 2], [1, 2]])
    let (pair, same) = (stability.pairs[0], stability.pairs[1])
    #expect(same.agreement.value == 1 && same.behaviour == 1 && same.terms == 1 && same.features == 1)
    // Class b: 25 rows of 50…99 against the 47 of 53…99; both name 22 of them.
    let differ = 25 - 22 + 47 - 22
    #expect(pair.agreement == .share(100 - differ, of: 100))
    let (both, either) = (22.0 / 50, Double(100 - differ - 22) / Double(100 - 22))
    #expect(abs(pair.behaviour - (both + either) / 2) < 1e-12)
    // The thresholds are three hundredths of the data apart; the term on y has no partner.
    #expect(pair.terms == 0.5 && pair.features == 0.5)
    #expect(try RuleStability(models, on: table, tolerance: 0.02).pairs[0].terms == 0)
    let means = try #require(stability.means)
    #expect(abs(means.terms - 2.0 / 3) < 1e-12)
    #expect(try RuleStability([], on: table).means == nil)
  }

  @Test func otherClassesAreRefused() throws {
    let other = try RuleSet(
      features: [Feature("x"), Feature("y")], classes: ["a"], rules: [], defaultConclusion: .label(0))
    let table = try RuleTable(features: other.features, rows: [[1, 2]])
    #expect(throws: RuleError(.malformed(#"rule set 1 has the classes ["a"], not ["a", "b"]"#))) {
      try RuleStability([rules([]), other], on: table)
    }
  }
}
