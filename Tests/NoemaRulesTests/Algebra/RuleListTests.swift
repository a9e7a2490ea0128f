import Testing

@testable import NoemaRules

@Suite struct RuleListTests {
  @Test(arguments: [ConflictResolution.firstMatch, .singleBest])
  func orderedSetsAreLists(_ resolution: ConflictResolution) throws {
    var source = RandomRuleSource(seed: 1)
    for _ in 0..<30 {
      let rules = try source.ruleSet(15, resolution)
      let list = try #require(rules.list)
      let table = try source.table(200)
      #expect(try NaiveRules.answers(list, table) == rules.conclusions(on: table))
      #expect(try list.ruleSet.conclusions(on: table) == rules.conclusions(on: table))
    }
    #expect(try source.ruleSet(3, .confidenceVote).list == nil)
  }

  @Test(arguments: ConflictResolution.allCases, [false, true])
  func flatRulesAnswerAlikeAndNeverMeet(_ resolution: ConflictResolution, _ numbers: Bool) throws {
    var source = RandomRuleSource(seed: 2)
    for _ in 0..<15 {
      let rules = try source.ruleSet(6, resolution, numbers: numbers)
      let flat = try rules.flattened()
      let equivalence = try RuleEquivalence(rules, flat)
      #expect(equivalence.isExact && equivalence.areEqual, "\(rules.text)")
      let table = try source.table(200)
      #expect(try flat.firings(on: table).allSatisfy { $0.count == 1 })
    }
    let many = try source.ruleSet(30, .confidenceVote)
    #expect(throws: RuleError.self) { try many.flattened(limit: 20) }
  }

  @Test func orderingGoesByPriorityPrecisionAndCover() throws {
    let features = [Feature("x")]
    let rules = try RuleSet(
      features: features, classes: ["a", "b"],
      rules: [
        Rule(Clause([.atMost(0, 4)]), .label(0)), Rule(Clause([.above(0, 7)]), .label(1)),
        Rule(Clause([.atMost(0, 2)]), .label(0)),
      ], defaultConclusion: .label(0))
    let table = try RuleTable(features: features, rows: (1...9).map { [Double($0)] })
    let truth = [0, 0, 0, 1, 1, 1, 1, 1, 1].map { Conclusion.label($0) }
    let list = try RuleList(ordering: rules, on: table, reference: truth)
    // Precisions 3/4, 1 and 1, covers 4, 2 and 2; equals keep their order.
    #expect(list.rules.map(\.clause.terms) == [[.above(0, 7)], [.atMost(0, 2)], [.atMost(0, 4)]])
    #expect(list.counting == .conditional && list.rules.map(\.support.cover) == [2, 2, 2])
    #expect(list.rules.map(\.support.correct) == [2, 2, 1])
    #expect(list.defaultConclusion == .label(1) && list.otherwise.support.cover == 3)
    let other = try RuleList(ordering: rules, on: table, reference: truth, classPriority: [0, 1])
    #expect(other.rules.map(\.clause.terms) == [[.atMost(0, 2)], [.atMost(0, 4)], [.above(0, 7)]])
  }

  @Test func tablesShowConflictsAndGaps() throws {
    let features = [Feature("x"), Feature("c", kind: .categorical(levels: ["u", "v"]))]
    let list = try RuleList(
      features: features, classes: ["a", "b"],
      rules: [
        Rule(Clause([.atMost(0, 4), .isIn(1, [0])]), .label(0)), Rule(Clause([.above(0, 2)]), .label(1)),
        Rule(Clause([.isIn(1, [1])]), .label(1)),
      ], otherwise: Rule(.always, .label(0)))
    let table = DecisionTable(list)
    #expect(
      table.columns == [0, 1]
        && table.rows.map { $0.cells.map { $0 != nil } } == [[true, true], [true, false], [false, true]])
    #expect(table.conflicts.map { [$0.first, $0.second] } == [[0, 1]])
    for row in [[3, 0], [1, 0], [1, 1], [.nan, 0], [.nan, 1], [1, .nan], [5, .nan]] {
      let matched = list.rules.contains { $0.clause.holds(row) }
      #expect(try table.gaps().count { $0.holds(row) } == (matched ? 0 : 1), "\(row)")
    }
    #expect(
      table.text == """
        x     c  conclusion  cover  correct
        <= 4  u  a           0      0
        > 2   –  b           0      0
        –     v  b           0      0
        –     –  a

        """)
    #expect(table.csv.split(separator: "\n")[1] == "<= 4,u,a,0,0")
  }

  @Test func aTableOfVotesIsCompleteAndWithoutConflicts() throws {
    var source = RandomRuleSource(seed: 5)
    let rules = try source.ruleSet(5, .confidenceVote)
    let table = try DecisionTable(rules)
    #expect(try table.gaps().isEmpty && table.conflicts.isEmpty)
    // Without a row something is open.
    let list = try #require(try rules.flattened().list)
    let less = try RuleList(
      features: list.features, classes: list.classes, rules: Array(list.rules.dropFirst()),
      otherwise: list.otherwise)
    #expect(try !DecisionTable(less).gaps().isEmpty)
  }
}
