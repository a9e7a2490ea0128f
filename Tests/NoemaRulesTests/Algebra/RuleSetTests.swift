import Testing

@testable import NoemaRules

@Suite struct RuleSetTests {
  /// Three rules that all fire at 5, the first alone at −5; none fires when the value is missing.
  private func rules(_ resolution: ConflictResolution) throws -> RuleSet {
    try RuleSet(
      features: [Feature("x")], classes: ["a", "b", "c"],
      rules: [
        Rule(Clause([.atMost(0, 10)]), .label(0), support: Support(cover: 8, correct: 6), confidence: 0.7),
        Rule(Clause([.above(0, 0)]), .label(1), support: Support(cover: 98, correct: 59), confidence: 0.6),
        Rule(
          Clause([.above(0, 2)]), .label(1), support: Support(cover: 3, correct: 2, weight: 0.5),
          confidence: 0.4),
      ], resolution: resolution, defaultConclusion: .label(2))
  }

  @Test(arguments: [
    // 0.7 against 0.6 + 0.5 · 0.4.
    (ConflictResolution.firstMatch, 0), (.singleBest, 0), (.confidenceVote, 1),
    // 1 / 1 against (1 + 0.5) / 1.5: equal sums go to the class named first.
    (.classNormalisedVote, 0),
    // 8 · (log 7/3 − log 1/2) = 12.3 against 98 · (log 60/40 − log 1/2) + …: the large rule wins.
    (.logOddsVote, 1),
  ]) func conflictsAreResolvedAsNamed(_ resolution: ConflictResolution, _ expected: Int) throws {
    let rules = try rules(resolution)
    #expect(rules.conclusion([5]) == .label(expected))
    #expect(rules.conclusion([-5]) == .label(0))
    #expect(rules.conclusion([.nan]) == .label(2))
    #expect(rules.firingRules([5]) == [0, 1, 2] && rules.firingRules([1]) == [0, 1])
  }

  @Test func votesByHand() throws {
    let confidence = try rules(.confidenceVote).scores(firing: [0, 1, 2])
    #expect(confidence == [0.7, 0.6 + 0.2, 0])
    let normalised = try rules(.classNormalisedVote).scores(firing: [0, 2])
    #expect(normalised == [1, 0.5 / 1.5, 0])
    let odds = try rules(.logOddsVote).scores(firing: [0])
    // log(7/3) − log(1/2), times the cover: 8 · 1.5404450409471490.
    #expect(abs(odds[0] - 8 * 1.540445040947149) < 1e-12 && odds[1] == 0)
    let shares = try rules(.confidenceVote).shares(firing: [0, 1])
    #expect(zip(shares, [7.0 / 13, 6.0 / 13, 0]).allSatisfy { abs($0 - $1) < 1e-15 })
    #expect(try rules(.confidenceVote).shares(firing: []) == [0, 0, 1])
  }

  @Test func aRuleNoBetterThanChanceDoesNotVote() throws {
    let rule = Rule(.always, .label(0), support: Support(cover: 10, correct: 5))
    let rules = try RuleSet(
      features: [Feature("x")], classes: ["a", "b"], rules: [rule], resolution: .logOddsVote,
      defaultConclusion: .label(1))
    #expect(rules.conclusion([0]) == .label(1))
    // Among three classes one half is better than chance.
    let three = try RuleSet(
      features: [Feature("x")], classes: ["a", "b", "c"], rules: [rule], resolution: .logOddsVote,
      defaultConclusion: .label(1))
    #expect(three.conclusion([0]) == .label(0))
  }

  @Test func numbersAreMeans() throws {
    let rules = { (resolution: ConflictResolution) in
      try RuleSet(
        features: [Feature("x")], classes: [],
        rules: [
          Rule(.always, .value(1), support: Support(cover: 10, correct: 0), confidence: 0.25),
          Rule(Clause([.above(0, 0)]), .value(4), support: Support(cover: 30, correct: 0), confidence: 0.75),
        ], resolution: resolution, defaultConclusion: .value(-1))
    }
    let expected: [(ConflictResolution, Double)] = [
      (.firstMatch, 1), (.singleBest, 4), (.confidenceVote, 3.25), (.classNormalisedVote, 2.5),
      (.logOddsVote, 3.25),
    ]
    for (resolution, value) in expected {
      #expect(try rules(resolution).conclusion([1]) == .value(value), "\(resolution)")
    }
    #expect(try rules(.confidenceVote).with([]).conclusion([1]) == .value(-1))
  }

  @Test(arguments: ConflictResolution.allCases, [false, true])
  func tablesAndRowsAgree(_ resolution: ConflictResolution, _ numbers: Bool) throws {
    var source = RandomRuleSource(seed: 4)
    let rules = try source.ruleSet(20, resolution, numbers: numbers)
    let table = try source.table(300)
    let answers = try NaiveRules.answers(rules, table)
    #expect(Set(answers).count > 1)
    #expect(try rules.firings(on: table) == (0..<300).map { rules.firingRules(table.row($0)) })
    if numbers {
      #expect(throws: RuleError.self) { try rules.labels(on: table) }
    } else {
      #expect(try rules.labels(on: table) == answers.map { $0.label })
      #expect(
        throws: RuleError(.unsupported("these rules conclude classes, not numbers; ask for labels"))
      ) { try rules.values(on: table) }
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let features = [Feature("x"), Feature("c", kind: .categorical(levels: ["u", "v"]))]
    func make(_ rule: Rule, _ otherwise: Conclusion = .label(0)) throws {
      _ = try RuleSet(features: features, classes: ["a", "b"], rules: [rule], defaultConclusion: otherwise)
    }
    let cases: [(Rule, String)] = [
      (Rule(Clause([.atMost(2, 0)]), .label(0)), "rule 1: it reads feature 2 of 2"),
      (Rule(Clause([.atMost(1, 0)]), .label(0)), "rule 1: 'c' is a category and has no thresholds"),
      (Rule(Clause([.isIn(0, [1])]), .label(0)), "rule 1: 'x' is a number and has no levels"),
      (Rule(Clause([.isIn(1, [2])]), .label(0)), "rule 1: 'c' has 2 levels, none is number 2"),
      (Rule(.always, .label(2)), "rule 1: it concludes class 2 of 2"),
      (Rule(.always, .value(1)), "rule 1: it concludes the number 1.0, but there are classes"),
      (
        Rule(.always, .label(0), confidence: .nan),
        "rule 1: cover, correct and weight must be finite and not negative, the confidence from 0 to 1"
      ),
    ]
    for (rule, message) in cases {
      #expect { try make(rule) } throws: { "\($0)" == message }
    }
    #expect { try make(Rule(.always, .label(0)), .label(9)) } throws: {
      "\($0)" == "the default: it concludes class 9 of 2"
    }
    #expect(throws: RuleError(.duplicatedColumn("x"))) {
      try RuleSet(
        features: [Feature("x"), Feature("x")], classes: [], rules: [], defaultConclusion: .value(0))
    }
    #expect(throws: RuleError(.malformed("two classes share a name; rename one"))) {
      try RuleSet(features: features, classes: ["a", "a"], rules: [], defaultConclusion: .label(0))
    }
  }

  @Test func anotherTableIsRefused() throws {
    let rules = try rules(.firstMatch)
    let other = try RuleTable(features: [Feature("y"), Feature("x")], rows: [[1, 2]])
    #expect(throws: RuleError(.count(what: "features in the table", found: 2, expected: 1))) {
      try rules.labels(on: other)
    }
    let two = try RuleSet(
      features: [Feature("x"), Feature("y")], classes: ["a"], rules: [], defaultConclusion: .label(0))
    #expect {
      try two.labels(on: other)
    } throws: {
      "\($0)"
        == "column 1 is 'y', expected 'x'; 'x' is column 2, so the order differs; "
        + "read the table against the rules' features"
    }
  }
}
