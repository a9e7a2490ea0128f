import Testing

@testable import NoemaRules

@Suite struct RuleEquivalenceTests {
  @Test func theTruthTableHasOneLineForEachCell() throws {
    let features = [
      Feature("x"), Feature("n", kind: .integer),
      Feature("c", kind: .categorical(levels: ["a", "b", "c", "d"])),
      Feature("unused"),
    ]
    let rules = try RuleSet(
      features: features, classes: ["no", "yes"],
      rules: [Rule(Clause([.above(0, 1), .atMost(0, 2), .atMost(1, 3.5), .isIn(2, [1, 2])]), .label(1))],
      defaultConclusion: .label(0))
    // Three intervals, two ranges of integers, two groups of levels, each or missing.
    let same = try RuleEquivalence(rules, rules)
    #expect(same.isExact && same.areEqual && same.cellCount == 4 * 3 * 3 && same.checkedCount == 36)
    #expect(same.differingShareBound == 0)
    let present = try RuleEquivalence(rules, rules, includingMissing: false)
    #expect(present.cellCount == 3 * 2 * 2)
    // For integers at most 3.5 is at most 3.
    var moved = rules.rules[0]
    moved.clause = Clause([.above(0, 1), .atMost(0, 2), .atMost(1, 3), .isIn(2, [1, 2])])
    #expect(try RuleEquivalence(rules, rules.with([moved])).areEqual)
    moved.clause = Clause([.above(0, 1), .atMost(0, Double(2).nextUp), .atMost(1, 3), .isIn(2, [1, 2])])
    let different = try RuleEquivalence(rules, rules.with([moved]))
    #expect(different.differingCount == 1)
    #expect(different.difference?.values.prefix(3).map { $0 } == [Double(2).nextUp, 3, 1])
    #expect(different.difference?.first == .label(0) && different.difference?.second == .label(1))
  }

  @Test func longTablesAreSampledAndBounded() throws {
    let features = (0..<40).map { Feature("x\($0)") }
    let rules = { (threshold: Double) in
      try RuleSet(
        features: features, classes: ["no", "yes"],
        rules: (0..<40).map { Rule(Clause([.above($0, threshold)]), .label($0 % 2)) },
        resolution: .firstMatch,
        defaultConclusion: .label(0))
    }
    let same = try RuleEquivalence(rules(0), rules(0), limit: 1_000)
    #expect(!same.isExact && same.areEqual && same.checkedCount == 1_000 && same.cellCount > 1e18)
    // The rule of three.
    #expect(abs(same.differingShareBound - 0.003) < 2e-5)
    let different = try RuleEquivalence(rules(0), rules(1), limit: 1_000)
    #expect(!different.areEqual && different.differingShareBound < 1)
    let difference = try #require(different.difference)
    #expect(try rules(0).conclusion(difference.values) == difference.first)
    #expect(try rules(1).conclusion(difference.values) == difference.second)
  }

  @Test func otherFeaturesAndClassesAreRefused() throws {
    let make = { (name: String, classes: [String]) in
      try RuleSet(features: [Feature(name)], classes: classes, rules: [], defaultConclusion: .label(0))
    }
    #expect(throws: RuleError.self) { try RuleEquivalence(make("x", ["a"]), make("y", ["a"])) }
    #expect(throws: RuleError(.malformed(#"the classes are ["a"] and ["b"]"#))) {
      try RuleEquivalence(make("x", ["a"]), make("x", ["b"]))
    }
    #expect(throws: RuleError(.parameters("the limit is 0; give a positive number of lines"))) {
      try RuleEquivalence(make("x", ["a"]), make("x", ["a"]), limit: 0)
    }
  }
}
