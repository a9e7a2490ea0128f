import NoemaGraph
import Testing

@testable import NoemaRules

@Suite struct EclaireTests {
  /// The algorithm told a second time: a rule learner twice a layer, without sharing anything.
  private func naive(_ network: TableNetwork, _ table: RuleTable, cases: Double) throws -> [RuleKey: Double] {
    func learn(_ table: RuleTable, _ labels: [Int], _ classes: [String]) throws -> [Rule] {
      let examples = try TrainingTable(table, .labels(labels), classes: classes)
      let found = try C45(minimumCases: cases).fitRules(examples)
      return found.rules.isEmpty
        ? [examples.rule(always: found.defaultConclusion.label ?? 0)] : found.rules
    }
    var result: [RuleKey: Double] = [:]
    let labels = try network.labels(of: table)
    for layer in network.layers {
      let hidden = try network.activations(of: table, at: layer)
      for rule in try learn(hidden, labels, network.classes) {
        let truth = (0..<table.rowCount).map { rule.clause.holds(row: $0, of: hidden) ? 1 : 0 }
        let found =
          Set(truth).count > 1
          ? try learn(table, truth, ["no", "yes"])
          : [
            Rule(
              .always, .label(truth[0]),
              support: Support(cover: Double(truth.count), correct: Double(truth.count)))
          ]
        for inner in found where inner.conclusion == .label(1) {
          let key = RuleKey(clause: inner.clause.canonical(in: table.features), conclusion: rule.conclusion)
          result[key] = max(result[key] ?? 0, inner.confidence * rule.confidence)
        }
      }
    }
    return result
  }

  @Test(arguments: PlantedLayers.all)
  func rulesAreThoseOfTheDefinition(_ planted: PlantedLayers) throws {
    let (network, grid) = (try planted.network(), try planted.grid())
    let found = try #require(
      Eclaire(minimumCases: 2).extract(from: network, examples: grid).model as? RuleSet)
    try expectSame(found, naive(network, grid, cases: 2))
  }

  @Test func rulesOfATrainedNetworkAreThoseOfTheDefinition() throws {
    let plant = try TrainedTable.plant()
    let part = plant.training.table.subset(rows: Array(0..<600))
    let found = try #require(
      Eclaire(minimumCases: 10).extract(from: plant.network, examples: part).model as? RuleSet)
    try expectSame(found, naive(plant.network, part, cases: 10))
  }

  private func expectSame(_ found: RuleSet, _ naive: [RuleKey: Double]) throws {
    #expect(found.rules.count == naive.count)
    for rule in found.rules {
      let confidence = try #require(naive[RuleKey(clause: rule.clause, conclusion: rule.conclusion)])
      #expect(abs(rule.confidence - confidence) < 1e-12)
    }
  }

  @Test func itSaysHowManyClausesThereWere() throws {
    // One step: its unit is below or above a half, each of which one rule over the input says.
    let planted = PlantedLayers(
      name: "a step", activation: .sigmoid, sizes: [6, 3],
      boxes: [.init(label: 1, terms: [.above(0, 2.5)])], atLeast: 1)
    let extracted = try Eclaire(minimumCases: 1).extract(from: planted.network(), examples: planted.grid())
    #expect(
      extracted.remarks == [
        "1 hidden layer gave 2 clauses over activations; 2 of them cover different rows, and became 2 rules over the "
          + "inputs."
      ])
    let found = try #require(extracted.model as? RuleSet)
    #expect(
      found.rules.sorted { $0.conclusion.label! < $1.conclusion.label! }.map(\.clause)
        == [Clause([.atMost(0, 2.5)]), Clause([.above(0, 2.5)])])
    // (9 + 1)/(9 + 2) for the clause over the unit and for that over the input.
    for rule in found.rules { #expect(abs(rule.confidence - 100.0 / 121) < 1e-12) }
    #expect(found.rules.allSatisfy { $0.support == Support(cover: 9, correct: 9) })
  }

  @Test func clausesOverActivationsMayBeFew() throws {
    let planted = PlantedLayers.all[0]
    let (network, grid) = (try planted.network(), try planted.grid())
    func clauses(_ change: (inout Eclaire) -> Void) throws -> Int {
      var eclaire = Eclaire(minimumCases: 1)
      eclaire.layerLearner = .cart(CART())
      change(&eclaire)
      let words = try eclaire.extract(from: network, examples: grid).remarks[0].split(separator: " ")
      return try #require(Int(words[4]))
    }
    let all = try clauses { _ in }
    #expect(try clauses { $0.blockSize = 2 } < all)
    #expect(try clauses { $0.maximumLayerRules = 2 } == 4)
    #expect(try clauses { $0.dropShare = 0.5 } < all)
    #expect(try clauses { $0.minimumConfidence = 0.99 } < all)
    #expect(try clauses { $0.minimumConfidence = 1 } == 0)
    #expect(try clauses { $0.layerLearner = .bagged(CART(), trees: 3) } >= all)
  }

  @Test func casesRunFromTheFirstLayerToTheLast() throws {
    // Leaves of 400 of the 420 examples forbid any split, of 1 none.
    let planted = PlantedLayers.all[4]
    let (network, grid) = (try planted.network(), try planted.grid())
    func rules(_ first: Double?, _ last: Double?) throws -> Set<RuleKey> {
      var eclaire = Eclaire(minimumCases: 1)
      (eclaire.firstLayerCases, eclaire.lastLayerCases) = (first, last)
      let found = try #require(eclaire.extract(from: network, examples: grid).model as? RuleSet)
      return Set(found.rules.map { RuleKey(clause: $0.clause, conclusion: $0.conclusion) })
    }
    let both = try rules(nil, nil)
    #expect(try rules(1, 1) == both)
    // Without a split a layer's only rule is that of the commoner class, which says it always holds.
    let always = try rules(400, 400)
    #expect(always == [RuleKey(clause: .always, conclusion: .label(0))])
    // What one layer gives stands beside that, and the two together are what both give.
    let (last, first) = (try rules(400, nil), try rules(nil, 0.95))
    #expect(last.isSuperset(of: always) && first.isSuperset(of: always))
    #expect(last.union(first).subtracting(always) == both && last.count > 1 && first.count > 1)
  }

  @Test func winnowingLeavesOutWhatDoesNotHelp() throws {
    let planted = PlantedLayers.all[0]
    var eclaire = Eclaire(minimumCases: 1)
    // Trees grown to the last case ask about the feature that means nothing only if they may.
    (eclaire.inputLearner, eclaire.winnowsInputs) = (.cart(CART()), true)
    let found = try eclaire.extract(from: planted.network(), examples: planted.grid()).model
    #expect(!found.terms.contains { $0.feature == 3 } && !found.terms.isEmpty)
  }

  @Test func eclecticRulesAreAdded() throws {
    let planted = PlantedLayers.all[0]
    let (network, grid) = (try planted.network(), try planted.grid())
    var eclaire = Eclaire(minimumCases: 1)
    let plain = try #require(eclaire.extract(from: network, examples: grid).model as? RuleSet)
    eclaire.isEclectic = true
    let eclectic = try #require(eclaire.extract(from: network, examples: grid).model as? RuleSet)
    let own = try C45(minimumCases: 1).fitRules(
      TrainingTable(grid, .labels(network.labels(of: grid)), classes: network.classes))
    let keys = { (rules: RuleSet) in
      Set(rules.rules.map { RuleKey(clause: $0.clause, conclusion: $0.conclusion) })
    }
    #expect(keys(eclectic) == keys(plain).union(keys(own)))
  }
}
