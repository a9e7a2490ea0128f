import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct RuleSimplificationTests {
  /// Every step that claims to change no answer, on every kind of resolution, held against all cells.
  @Test(arguments: ConflictResolution.allCases, [false, true])
  func logicalStepsChangeNoAnswer(_ resolution: ConflictResolution, _ numbers: Bool) throws {
    var source = RandomRuleSource(seed: 1)
    var shorter = 0
    for _ in 0..<12 {
      let rules = try source.ruleSet(14, resolution, numbers: numbers)
      var steps = [
        ("canonical", rules.canonical()), ("duplicates", rules.removingDuplicates()),
        ("subsumed", rules.removingSubsumedRules()), ("adjacent", rules.mergingAdjacentRules()),
        (
          "flattened then merged",
          try rules.with(Array(rules.rules.prefix(5))).flattened().mergingAdjacentRules()
        ),
      ]
      // Fewer rules count for a class.
      if resolution != .classNormalisedVote {
        steps.append(("unsatisfiable", rules.removingUnsatisfiableRules()))
      }
      for (name, result) in steps {
        let before = name.hasPrefix("flattened") ? rules.with(Array(rules.rules.prefix(5))) : rules
        let equivalence = try RuleEquivalence(before, result)
        #expect(equivalence.isExact)
        // Sums of votes in another order may break a tie, and means differ, by their last digit.
        #expect(
          equivalence.areEqual || name == "duplicates" && isTied(before, equivalence),
          "\(name): \(before.text)")
        if result.rules.count < before.rules.count { shorter += 1 }
      }
    }
    #expect(shorter > 5)
  }

  private func isTied(_ rules: RuleSet, _ equivalence: RuleEquivalence) -> Bool {
    guard let difference = equivalence.difference, !rules.resolution.isOrdered else { return false }
    if let a = difference.first.value, let b = difference.second.value { return abs(a - b) < 1e-12 }
    let scores = rules.scores(firing: rules.firingRules(difference.values)).sorted(by: >)
    return abs(scores[0] - scores[1]) < 1e-12
  }

  @Test func asADisjunctionEachClassCoversTheSame() throws {
    var source = RandomRuleSource(seed: 2)
    for _ in 0..<30 {
      let rules = try source.ruleSet(12, .confidenceVote)
      let table = try source.table(300)
      for result in [
        rules.removingSubsumedRules(asDisjunction: true), rules.mergingAdjacentRules(asDisjunction: true),
      ] {
        let covered = { (rules: RuleSet) in
          try rules.firings(on: table).map { firing in Set(firing.map { rules.rules[$0].conclusion }) }
        }
        #expect(try covered(result) == covered(rules))
      }
    }
  }

  @Test func aChainOfIntervalsBecomesOne() throws {
    let pieces = [3, 0, 4, 1, 2].map { (start: Int) in
      Rule(
        Clause([.above(0, Double(start)), .atMost(0, Double(start + 1)), .isPresent(1)]), .label(0),
        support: Support(cover: 10, correct: 8))
    }
    let rules = try RuleSet(
      features: [Feature("x"), Feature("y")], classes: ["a", "b"], rules: pieces, resolution: .firstMatch,
      defaultConclusion: .label(1))
    let merged = rules.mergingAdjacentRules().rules
    #expect(merged.map(\.clause.terms) == [[.above(0, 0), .atMost(0, 5), .isPresent(1)]])
    #expect(merged[0].support.cover == 50 && merged[0].support.correct == 40)
  }

  @Test func aRuleOfAnotherClassBetweenKeepsNeighboursApart() throws {
    let rules = { (middle: Clause) in
      try RuleSet(
        features: [Feature("x")], classes: ["a", "b"],
        rules: [
          Rule(Clause([.atMost(0, 1)]), .label(0)), Rule(middle, .label(1)),
          Rule(Clause([.above(0, 1), .atMost(0, 2)]), .label(0)),
        ], resolution: .firstMatch, defaultConclusion: .label(1)
      ).mergingAdjacentRules().rules.count
    }
    // It meets both: neither may move past it.
    #expect(try rules(Clause([.above(0, 0.5), .atMost(0, 1.5)])) == 3)
    #expect(try rules(Clause([.above(0, 1.5)])) == 2)
    #expect(try rules(Clause([.above(0, 5)])) == 2)
  }

  @Test func wholeReductionKeepsFidelityAndSaysWhatItDid() throws {
    var source = RandomRuleSource(seed: 3)
    for resolution in ConflictResolution.allCases {
      let rules = try source.ruleSet(25, resolution)
      let table = try source.table(400)
      // The network is another rule set, so that fidelity starts well below one.
      let network = try source.ruleSet(6, .firstMatch).conclusions(on: table)
      let result = try RuleSimplification().simplify(rules, on: table, reference: network)
      let fidelity = { (rules: RuleSet) in
        try Double(zip(rules.conclusions(on: table), network).count { $0 == $1 }) / 400
      }
      #expect(try fidelity(result.rules) >= fidelity(rules) - 1e-9, "\(resolution)")
      #expect(result.rules.rules.count < rules.rules.count && result.rules.terms.count < rules.terms.count)
      #expect(result.trace.count == 9 + 6)
      #expect(
        result.trace.first?.ruleCount.first == 25
          && result.trace.last?.ruleCount.last == result.rules.rules.count)
      #expect(try abs(result.trace.last!.fidelity[1] - fidelity(result.rules)) < 1e-12)
      for trace in result.trace where [.canonical, .presence, .thresholds].contains(trace.step) {
        #expect(trace.changedAnswers == 0, "\(resolution): \(trace)")
      }
      // The same bytes for the same input.
      #expect(try RuleSimplification().simplify(rules, on: table, reference: network).rules == result.rules)
    }
  }

  @Test func plantedRulesComeBackFromClutter() throws {
    let features = [Feature("x"), Feature("y")]
    var random = RandomNumbers(seed: 4)
    let table = try RuleTable(
      features: features, rows: (0..<600).map { _ in [random.uniform(), random.uniform()] })
    let truth = { (row: [Double]) in Conclusion.label(row[0] > 0.5 && row[1] <= 0.3 ? 1 : 0) }
    // Correct pieces, useless terms, a duplicate, an impossible rule and a rule without any row.
    let rules = try RuleSet(
      features: features, classes: ["no", "yes"],
      rules: [
        Rule(Clause([.above(0, 0.5), .atMost(0, 0.8), .atMost(1, 0.3)]), .label(1)),
        Rule(Clause([.above(0, 0.8), .atMost(1, 0.3), .above(1, -5)]), .label(1)),
        Rule(Clause([.above(0, 0.8), .atMost(1, 0.3), .above(1, -5)]), .label(1)),
        Rule(Clause([.above(0, 0.9), .atMost(0, 0.2)]), .label(0)), Rule(Clause([.above(0, 7)]), .label(1)),
        Rule(Clause([.atMost(0, 0.5), .atMost(1, 0.9)]), .label(0)),
      ], defaultConclusion: .label(0))
    let result = try RuleSimplification().simplify(
      rules, on: table, reference: (0..<600).map { truth(table.row($0)) })
    #expect(result.rules.rules.map(\.conclusion) == [.label(1)])
    let terms = result.rules.rules[0].clause.terms
    #expect(terms.map(\.feature) == [0, 1])
    #expect(abs((terms[0].threshold ?? 0) - 0.5) < 0.01 && abs((terms[1].threshold ?? 0) - 0.3) < 0.01)
    #expect(try result.rules.conclusions(on: table) == (0..<600).map { truth(table.row($0)) })
  }

  @Test func aToleranceBuysShorterRules() throws {
    var source = RandomRuleSource(seed: 5)
    let rules = try source.ruleSet(30, .confidenceVote)
    let table = try source.table(400)
    let network = try rules.conclusions(on: table)
    var simplification = RuleSimplification()
    let exact = try simplification.simplify(rules, on: table, reference: network)
    #expect(try exact.rules.conclusions(on: table) == network)
    simplification.tolerance = 0.1
    let rough = try simplification.simplify(rules, on: table, reference: network)
    #expect(rough.rules.terms.count < exact.rules.terms.count)
    #expect(rough.trace.allSatisfy { $0.fidelity[1] >= 0.9 - 1e-9 })
    simplification.tolerance = 2
    #expect(throws: RuleError(.parameters("the tolerance is 2.0; give a share from 0 to 1"))) {
      try simplification.simplify(rules, on: table, reference: network)
    }
  }

  @Test func numbersAreSimplifiedByTheirSquaredError() throws {
    var source = RandomRuleSource(seed: 6)
    let rules = try source.ruleSet(20, .confidenceVote, numbers: true)
    let table = try source.table(300)
    let network = try rules.conclusions(on: table)
    let result = try RuleSimplification().simplify(rules, on: table, reference: network)
    #expect(result.rules.rules.count < 20)
    for (a, b) in zip(try result.rules.values(on: table), network) {
      #expect(abs(a - (b.value ?? .nan)) < 1e-4)
    }
  }
}
