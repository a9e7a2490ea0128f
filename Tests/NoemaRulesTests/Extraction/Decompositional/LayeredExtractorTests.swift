import Foundation
import NoemaGraph
import NoemaTensor
import Testing

@testable import NoemaRules

/// What holds of all extractors that look at hidden layers.
@Suite struct LayeredExtractorTests {
  /// Extractors with settings that use all that is random, or left to chance elsewhere.
  private static let seeded: [LayeredWay] = {
    var eclaire = Eclaire(minimumCases: 0.02)
    (eclaire.layerLearner, eclaire.maximumExamples) = (.bagged(CART(), trees: 3), 0.7)
    (eclaire.winnowsInputs, eclaire.winnowsLayers, eclaire.isEclectic) = (true, true, true)
    eclaire.seed = 5
    var remD = RemD(minimumCases: 4)
    (remD.maximumExamples, remD.winnows, remD.dropShare, remD.seed) = (200, true, 0.1, 5)
    var deepRed = DeepRed()
    deepRed.inputPruning = 0.02
    return [
      LayeredWay("ECLAIRE", eclaire), LayeredWay("REM-D", remD), LayeredWay("DeepRED", deepRed),
      LayeredWay("CRED", CRED(layer: "boxes")),
    ] + LayeredWay.exact
  }()

  @Test(arguments: seeded)
  func theSameSeedGivesTheSameBytes(_ way: LayeredWay) throws {
    let planted = PlantedLayers.all[4]
    let grid = try planted.grid()
    let first = try way.extractor.extract(from: planted.network(), examples: grid)
    let second = try way.extractor.extract(from: planted.network(), examples: grid)
    #expect(first.json == second.json && first.json.count > 100)
    #expect(first.remarks == second.remarks)
  }

  @Test func learningFromLabelsGivesTheSameBytes() throws {
    let planted = PlantedLayers.all[0]
    let labeled = try LabeledTable(
      planted.grid(), classes: planted.classes, labels: planted.rules().labels(on: planted.grid()))
    var learner = RemT(minimumCases: 2)
    learner.winnows = true
    let found = try (0..<2).map { _ in try learner.fit(labeled) }
    #expect(found[0].json == found[1].json)
    #expect(found[0].remarks == ["The rules were learnt from the labels, without a network."])
    learner.winnows = false
    let rules = try #require(learner.fit(labeled).model as? RuleSet)
    #expect(try RuleEquivalence(rules, planted.rules(), includingMissing: false).areEqual)
  }

  @Test func anotherSeedDrawsOtherExamples() throws {
    let planted = PlantedLayers.all[0]
    let (network, grid) = (try planted.network(), try planted.grid())
    let rows = try [1, 2].map { seed in
      try LayeredExamples(network, grid, maximum: 50, seed: UInt64(seed)).inputs.table.values
    }
    #expect(rows[0] != rows[1])
    // As much of each class, the share of both rounded.
    let labels = try network.labels(of: grid)
    let part = try LayeredExamples(network, grid, maximum: 0.25, seed: 1)
    for label in 0..<2 {
      let share = (0.25 * Double(labels.count { $0 == label })).rounded()
      #expect(Double(part.answers.labels.count { $0 == label }) == share)
    }
  }

  @Test func aNetworkOfOneClassGivesThatClass() throws {
    let planted = PlantedLayers.all[0]
    let grid = try planted.grid()
    let rows = try planted.network().labels(of: grid).enumerated().filter { $1 == 0 }.map(\.offset)
    for way in LayeredWay.exact {
      let extracted = try way.extractor.extract(from: planted.network(), examples: grid.subset(rows: rows))
      let found = try #require(extracted.model as? RuleSet)
      #expect(found.rules.isEmpty && found.defaultConclusion == .label(0))
      #expect(
        extracted.remarks == [
          "The oracle gives each of the \(rows.count) rows that it was asked about the class 'k0', so that class is "
            + "all the rules say; look at the examples, or ask about others."
        ])
    }
  }

  @Test func limitsAreReported() throws {
    let planted = PlantedLayers.all[0]
    let (network, grid) = (try planted.network(), try planted.grid())
    var eclaire = Eclaire(minimumCases: 1)
    eclaire.ruleLimit = 2
    let few = try eclaire.extract(from: network, examples: grid)
    #expect(few.isTruncated)
    #expect(try #require(few.model as? RuleSet).rules.count == 2)
    var remD = RemD(minimumCases: 1)
    remD.clauseLimit = 1
    let cut = try remD.extract(from: network, examples: grid)
    #expect(cut.isTruncated)
    #expect(
      cut.remarks == [
        "A limit on clauses or time cut the substitution short, so some ways to a class are missing; ask for more "
          + "cases in a leaf, or use Eclaire."
      ])
    // Time that is over at once leaves a default, not an error.
    (eclaire.ruleLimit, eclaire.timeLimit, remD.timeLimit) = (100, 1e-9, 1e-9)
    var deepRed = DeepRed()
    deepRed.timeLimit = 1e-9
    let ways: [any LayeredRuleExtractor] = [eclaire, remD, deepRed]
    for way in ways {
      let late = try way.extract(from: network, examples: grid)
      #expect(late.isTruncated)
      #expect(try #require(late.model as? RuleSet).rules.isEmpty)
    }
  }

  @Test func settingsAreKept() throws {
    var eclaire = Eclaire(minimumCases: 3)
    (eclaire.layerLearner, eclaire.firstLayerCases, eclaire.seed) = (.bagged(CART(), trees: 4), 2, 9)
    #expect(try copy(eclaire) == eclaire)
    var remD = RemD(minimumCases: 0.1)
    (remD.condition, remD.unimplied) = (.above(0.4), .dropsTerm)
    #expect(try copy(remD) == remD)
    var cred = CRED(layer: "a")
    cred.settings.inputPruning = 0.1
    #expect(try copy(cred) == cred)
    #expect(try copy(RemT(minimumCases: 4)) == RemT(minimumCases: 4))
  }

  private func copy<Value: Codable>(_ value: Value) throws -> Value {
    try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
  }

  // MARK: Errors

  private func error(_ extractor: any LayeredRuleExtractor) throws -> RuleError? {
    let planted = PlantedLayers.all[0]
    let (network, grid) = (try planted.network(), try planted.grid())
    return #expect(throws: RuleError.self) { try extractor.extract(from: network, examples: grid) }
  }

  @Test func settingsOutOfRangeAreRefused() throws {
    var deepRed = DeepRed()
    deepRed.layers = ["boxes", "hidden"]
    #expect(
      try error(deepRed)
        == RuleError(.parameters(#"no hidden layer named 'hidden'; the layers are ["steps", "boxes"]"#)))
    #expect(
      try error(CRED())
        == RuleError(.parameters(#"one hidden layer is looked at; name one of ["steps", "boxes"]"#)))
    #expect(
      try error(Eclaire(minimumCases: 0))
        == RuleError(
          .parameters(
            "the fewest cases must be 1 or more, or a share of the rows above 0 and below 1, found 0.0")))
    var eclaire = Eclaire()
    eclaire.dropShare = 1
    #expect(
      try error(eclaire)
        == RuleError(.parameters("the share to drop must be from 0 to below 1, found 1.0")))
    (eclaire.dropShare, eclaire.blockSize) = (0, 0)
    #expect(try error(eclaire) == RuleError(.parameters("the block size must be 1 or more, found 0")))
    (eclaire.blockSize, eclaire.inputLearner) = (1, .bagged(CART(), trees: 0))
    #expect(try error(eclaire) == RuleError(.parameters("the trees must be 1 or more, found 0")))
    (eclaire.inputLearner, eclaire.maximumExamples) = (.cart(CART()), -1)
    #expect(
      try error(eclaire) == RuleError(.parameters("the most examples must be above 0, found -1.0")))
    var remD = RemD()
    remD.condition = .above(1)
    #expect(
      try error(remD)
        == RuleError(.parameters("the probability must be from 0 to below 1, found 1.0")))
    (remD.condition, remD.clauseLimit) = (.mostProbable, 0)
    #expect(try error(remD) == RuleError(.parameters("the clauses must be 1 or more, found 0")))
    deepRed = DeepRed()
    deepRed.dominance = 0.5
    #expect(
      try error(deepRed)
        == RuleError(.parameters("the dominance must be above 0.5 and at most 1, found 0.5")))
  }

  @Test func examplesMustFit() throws {
    let network = try PlantedLayers.all[0].network()
    let other = try RuleTable(features: [Feature("y")], rows: [[1], [2]])
    for way in LayeredWay.exact {
      #expect(throws: RuleError.self) { try way.extractor.extract(from: network, examples: other) }
      #expect(throws: RuleError.self) {
        try way.extractor.extract(
          from: network, examples: PlantedLayers.all[0].grid().subset(rows: []))
      }
    }
  }

  @Test func aNetworkWithoutHiddenLayersIsRefused() throws {
    struct Flat: LayeredOracle {
      let features = [Feature("x")]
      let classes = ["no", "yes"]
      let layers: [String] = []
      func probabilities(of table: RuleTable) -> [Double] {
        table.column(0).flatMap { [1 - $0, $0] }
      }
      func activations(of table: RuleTable, at layer: String) throws -> RuleTable { table }
    }
    let table = try RuleTable(features: [Feature("x")], rows: [[0], [1]])
    for way in LayeredWay.exact {
      let error = #expect(throws: RuleError.self) {
        try way.extractor.extract(from: Flat(), examples: table)
      }
      #expect(
        error
          == RuleError(
            .unsupported(
              "the network has no hidden layers to look at; name some, or use an extractor that asks for answers alone"
            )))
    }
  }
}
