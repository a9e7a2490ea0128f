import NoemaGraph
import Testing

@testable import NoemaRules

/// REM-D, DeepRED and CRED.
@Suite struct SubstitutingExtractorTests {
  /// Substituting the naive way: whole products from the output back, nothing left out but what contradicts itself.
  ///
  /// - Returns: for each class whether its disjunction over the inputs holds, row by row.
  private func naive(_ network: TableNetwork, _ table: RuleTable, _ learner: CART) throws -> [[Bool]] {
    let upper = try network.layers.map { try network.activations(of: table, at: $0) }
    let tables = [table] + upper
    func clauses(_ truth: [Bool], _ table: RuleTable) throws -> [Clause] {
      if Set(truth).count == 1 { return truth[0] ? [.always] : [] }
      let tree = try learner.fit(
        TrainingTable(table, .labels(truth.map { $0 ? 1 : 0 }), classes: ["no", "yes"]))
      return try tree.with(.defaultChild).ruleSet().assumingPresent(in: table).rules
        .filter { $0.conclusion == .label(1) }.map(\.clause)
    }
    let labels = try network.labels(of: table)
    return try network.classes.indices.map { label in
      var current = try clauses(labels.map { $0 == label }, tables[tables.count - 1])
      for layer in network.layers.indices.reversed() {
        var below: [Clause] = []
        for clause in current {
          var products: [Clause] = [.always]
          for term in clause.terms {
            let truth = (0..<table.rowCount).map { term.holds(row: $0, of: tables[layer + 1]) }
            let choices = try clauses(truth, tables[layer])
            products = products.flatMap { partial in choices.map { partial.intersection($0) } }
          }
          below += products.filter { !$0.isContradictory }
        }
        current = below
      }
      return (0..<table.rowCount).map { row in current.contains { $0.holds(row: row, of: table) } }
    }
  }

  @Test(arguments: PlantedLayers.all)
  func classesHoldWhereNaiveSubstitutionSays(_ planted: PlantedLayers) throws {
    let (network, grid) = (try planted.network(), try planted.grid())
    var learner = CART()
    (learner.minimumLeaf, learner.precision) = (3, .double)
    var remD = RemD(minimumCases: 3)
    (remD.learner, remD.minimumCover) = (.cart(learner), 0)
    let found = try #require(remD.extract(from: network, examples: grid).model as? RuleSet)
    let expected = try naive(network, grid, learner)
    for label in network.classes.indices {
      let clauses = found.rules.filter { $0.conclusion == .label(label) }.map(\.clause)
      for row in 0..<grid.rowCount {
        #expect(clauses.contains { $0.holds(row: row, of: grid) } == expected[label][row])
      }
    }
  }

  @Test(arguments: PlantedLayers.all)
  func deferringSubstitutionChangesNothing(_ planted: PlantedLayers) throws {
    let (network, grid) = (try planted.network(), try planted.grid())
    let data = try LayeredExamples(network, grid)
    func substitution() -> LayerwiseSubstitution {
      LayerwiseSubstitution(
        data, .mostProbable,
        SubstitutionLimits(
          clauses: 5000, minimumCover: 1, unimplied: .dropsClause, time: TimeLimit(seconds: nil))
      ) { layer, _ in LayerClassifier(data: layer, learner: .rules(C45()), minimumCases: 2) }
    }
    var (now, later) = (substitution(), substitution())
    let immediate = try now.immediate { $1 }
    let deferred = try later.deferred()
    #expect(immediate.map { $0.members.map(\.clause) } == deferred.map { $0.members.map(\.clause) })
    #expect(immediate.map { $0.members.map(\.confidence) } == deferred.map { $0.members.map(\.confidence) })
  }

  @Test func aProbabilityMayBeTheCondition() throws {
    // With two classes, above one half is the most probable one.
    let planted = PlantedLayers.all[0]
    let (network, grid) = (try planted.network(), try planted.grid())
    let found = try [OutputCondition.mostProbable, .above(nil), .above(0.5)].map { condition in
      var remD = RemD(minimumCases: 1)
      remD.condition = condition
      return try remD.extract(from: network, examples: grid).json
    }
    #expect(found[0] == found[1] && found[1] == found[2])
    // Above 0 is every class, everywhere.
    var always = RemD(minimumCases: 1)
    always.condition = .above(0)
    let rules = try #require(always.extract(from: network, examples: grid).model as? RuleSet)
    #expect(rules.rules.map(\.clause) == [.always, .always])
  }

  @Test func aTermThatNothingImpliesTakesItsClauseAlong() throws {
    // Leaves of half of the examples say of no small box that it ever holds.
    let planted = PlantedLayers.all[1]
    let (network, grid) = (try planted.network(), try planted.grid())
    var deepRed = DeepRed()
    (deepRed.minimumShare, deepRed.learner.prunes) = (0.9, false)
    let strict = try #require(deepRed.extract(from: network, examples: grid).model as? RuleSet)
    deepRed.unimplied = .dropsTerm
    let loose = try #require(deepRed.extract(from: network, examples: grid).model as? RuleSet)
    #expect(strict.rules.count <= loose.rules.count)
    for rule in strict.rules {
      #expect(
        loose.rules.contains { $0.conclusion == rule.conclusion && $0.clause.subsumes(rule.clause) })
    }
  }

  @Test func dominanceEndsGrowth() throws {
    let table = try RuleTable(features: [Feature("x")], rows: (0..<100).map { [Double($0)] })
    let labels = (0..<100).map { $0 >= 97 ? 1 : 0 }
    var classifier = LayerClassifier(data: try LayerData(table), learner: .cart(CART()), minimumCases: 1)
    #expect(try classifier.rules(labels, ["no", "yes"]).count == 2)
    classifier.dominance = 0.97
    let rules = try classifier.rules(labels, ["no", "yes"])
    #expect(rules.map(\.clause) == [.always] && rules[0].conclusion == .label(0))
    classifier.dominance = 0.98
    #expect(try classifier.rules(labels, ["no", "yes"]).count == 2)
  }

  @Test func inputsThatTheNetworkDoesWithoutAreLeftOut() throws {
    for planted in PlantedLayers.all where planted.atLeast == nil {
      let used = Set(planted.boxes.flatMap { $0.terms.map(\.feature) }).sorted()
      let data = try LayeredExamples(planted.network(), planted.grid())
      #expect(try InputPruning(loss: 0).kept(data) == used)
      // At least one stays, whatever it costs.
      #expect(try InputPruning(loss: 0.99).kept(data).count == 1)
      var deepRed = DeepRed()
      deepRed.inputPruning = 0
      let extracted = try deepRed.extract(from: planted.network(), examples: planted.grid())
      let names = used.map { "x\($0)" }.joined(separator: ", ")
      #expect(
        extracted.remarks == ["Of 4 inputs the rules may speak about \(used.count): \(names)."])
    }
  }

  @Test func theWorstClausesGoAfterEachLayer() throws {
    let planted = PlantedLayers.all[0]
    let (network, grid) = (try planted.network(), try planted.grid())
    for score in RuleScore.allCases {
      var remD = RemD(minimumCases: 1)
      remD.learner = .cart(CART())
      remD.score = score
      let all = try #require(remD.extract(from: network, examples: grid).model as? RuleSet)
      remD.dropShare = 0.5
      let some = try #require(remD.extract(from: network, examples: grid).model as? RuleSet)
      #expect(!some.rules.isEmpty && some.rules.count < all.rules.count)
    }
  }
}

@Suite struct RuleScoreTests {
  private func rule(_ cover: Double, _ correct: Double, terms: Int, _ label: Int = 0) -> Rule {
    Rule(
      Clause((0..<terms).map { .above($0, 0) }), .label(label),
      support: Support(cover: cover, correct: correct))
  }

  @Test func valuesAreThoseOfTheFormulas() {
    let some = rule(10, 8, terms: 2)
    #expect(RuleScore.majority.value(some) == 1)
    #expect(RuleScore.accuracy.value(some) == 0.8)
    #expect(RuleScore.confidence.value(some) == 9.0 / 12)
    // (8 − 2)/10 + 8/(2 + 4) + 8/2.
    #expect(abs(RuleScore.hillClimb.value(some) - (0.6 + 8.0 / 6 + 4)) < 1e-12)
    // A rule without conditions counts as one with one, without cover it is worth nothing.
    #expect(RuleScore.hillClimb.value(rule(4, 4, terms: 0)) == 1 + 1 + 4)
    #expect(RuleScore.hillClimb.value(rule(0, 0, terms: 1)) == 0)
    #expect(RuleScore.accuracy.value(rule(0, 0, terms: 1)) == 0)
  }

  @Test func theWorstOfEachClassGo() {
    let rules = [
      rule(10, 9, terms: 1), rule(10, 5, terms: 1), rule(10, 7, terms: 1, 1), rule(10, 8, terms: 1),
      rule(10, 6, terms: 1, 1),
    ]
    #expect(RuleScore.accuracy.dropping(0.4, of: rules) == [0, 2, 3, 4].map { rules[$0] })
    #expect(RuleScore.accuracy.dropping(0.5, of: rules) == [0, 2, 3].map { rules[$0] })
    #expect(RuleScore.accuracy.dropping(0, of: rules) == rules)
    // Of equals the later go first.
    #expect(RuleScore.majority.dropping(0.5, of: rules) == [0, 1, 2].map { rules[$0] })
    #expect(RuleScore.accuracy.keeping(3, of: rules) == [0, 2, 3].map { rules[$0] })
    #expect(RuleScore.accuracy.keeping(nil, of: rules) == rules)
    #expect(RuleScore.majority.keeping(2, of: rules) == [rules[0], rules[1]])
  }
}
