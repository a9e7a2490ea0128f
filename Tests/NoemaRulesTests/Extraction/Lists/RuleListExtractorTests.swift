import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct RuleListExtractorTests {
  /// Three rules in an order that matters: the first two overlap.
  private static let features = PlantedTables.named(4)
  private static let oracle = ScriptedOracle(features, classes: ["run", "check", "stop"]) { row in
    if row[0] > 0.75 && row[1] <= 0.5 { return [0, 0, 1] }
    return row[2] > 0.7 ? [0, 1, 0] : [1, 0, 0]
  }

  private func list(_ extractor: RuleListExtractor, _ oracle: ScriptedOracle, _ examples: RuleTable) throws
    -> RuleList
  {
    try #require(extractor.extract(from: oracle, examples: examples).model as? RuleList)
  }

  @Test func plantedListsComeBack() throws {
    let oracle = RuleListExtractorTests.oracle
    let list = try list(
      RuleListExtractor(), oracle, PlantedTables.uniform(500, RuleListExtractorTests.features, seed: 1))
    #expect(
      try oracle.fidelity(of: list, on: PlantedTables.uniform(5000, RuleListExtractorTests.features, seed: 2))
        > 0.985,
      "\(list.text)")
    // From the rarest class to the commonest.
    let labels = list.rules.map { $0.conclusion.label! }
    #expect(labels == labels.sorted(by: >) && Set(labels) == [1, 2] && list.defaultConclusion == .label(0))
    #expect(list.rules.count <= 6)
    let terms = list.rules[0].clause.terms
    #expect(terms.map { $0.feature } == [0, 1], "\(list.text)")
    #expect(zip(terms, [0.75, 0.5]).allSatisfy { abs(($0.threshold ?? 9) - $1) < 0.02 })
    #expect(!list.terms.contains { $0.feature == 3 })
  }

  /// A rule on whole numbers comes back as it is, and nothing beside it.
  @Test func exactRulesComeBackExactly() throws {
    let examples = try PlantedTables.booleans(300, 5, seed: 3)
    let oracle = ScriptedOracle(examples.features) { $0[0] > 0.5 && $0[3] <= 0.5 }
    let list = try list(RuleListExtractor(), oracle, examples)
    #expect(
      list.rules.map(\.clause) == [
        Clause([.above(0, 0.5), .atMost(3, 0.5)]).canonical(in: examples.features)
      ])
    #expect(list.rules[0].support.precision == 1)
  }

  @Test(arguments: [0, 2]) func supportsCountWhatARuleDecides(_ rounds: Int) throws {
    let features = RuleListExtractorTests.features
    let examples = try PlantedTables.uniform(400, features, seed: 4)
    let noisy = ScriptedOracle(features, classes: ["a", "b", "c"]) { row in
      let noise = (row[3] * 7919).truncatingRemainder(dividingBy: 1)
      let label = noise < 0.1 ? Int(noise * 30) : row[0] > 0.6 ? 2 : row[1] > 0.5 ? 1 : 0
      return (0..<3).map { $0 == label ? 1 : 0 }
    }
    var extractor = RuleListExtractor()
    (extractor.queryCount, extractor.heldOutShare, extractor.optimisationRounds) = (0, 0, rounds)
    let list = try list(extractor, noisy, examples)
    #expect(list.counting == .conditional)
    let labels = try noisy.labels(of: examples)
    var rest = Array(0..<400)
    for rule in list.rules + [list.otherwise] {
      let here = rest.filter { rule.clause.holds(row: $0, of: examples) }
      #expect(rule.support.cover == Double(here.count))
      #expect(rule.support.correct == Double(here.count { .label(labels[$0]) == rule.conclusion }))
      rest.removeAll { rule.clause.holds(row: $0, of: examples) }
    }
    #expect(rest.isEmpty)
    #expect(try noisy.fidelity(of: list, on: examples) > 0.85)
  }

  @Test func classesComeInTheOrderAskedFor() throws {
    let examples = try PlantedTables.uniform(300, RuleListExtractorTests.features, seed: 5)
    var extractor = RuleListExtractor()
    extractor.classOrder = ["run", "stop"]
    let list = try list(extractor, RuleListExtractorTests.oracle, examples)
    let labels = list.rules.map { $0.conclusion.label! }
    #expect(labels == labels.filter { $0 == 0 } + labels.filter { $0 == 2 })
    #expect(labels.contains(0) && list.defaultConclusion == .label(1))
    #expect(
      try RuleListExtractorTests.oracle.fidelity(
        of: list, on: PlantedTables.uniform(3000, RuleListExtractorTests.features, seed: 6)) > 0.95)
  }

  @Test func missingValuesSatisfyNothingButTheirOwnTerm() throws {
    let features = [Feature("x"), Feature("c", kind: .categorical(levels: ["p", "q", "r"]))]
    var random = RandomNumbers(seed: 7)
    let examples = try RuleTable(
      features: features,
      rows: (0..<600).map { _ in
        [
          random.uniform() < 0.2 ? .nan : random.uniform(),
          random.uniform() < 0.1 ? .nan : Double(random.index(below: 3)),
        ]
      })
    let oracle = ScriptedOracle(features) { $0[0].isNaN || $0[1] == 1 && $0[0] > 0.5 }
    var extractor = RuleListExtractor()
    extractor.queryCount = 0
    let list = try list(extractor, oracle, examples)
    #expect(try oracle.fidelity(of: list, on: examples) > 0.99, "\(list.text)")
    #expect(list.rules.contains { $0.clause == Clause([.isMissing(0)]) })
    for rule in list.rules where rule.clause != Clause([.isMissing(0)]) {
      for condition in rule.clause.conditions { #expect(!condition.admits(.nan)) }
    }
  }

  @Test func rulesAreLimited() throws {
    let features = PlantedTables.named(2)
    // A frame of four sides, each of which takes one term.
    let oracle = ScriptedOracle(features) { max(abs($0[0] - 0.5), abs($0[1] - 0.5)) > 0.4 }
    var extractor = RuleListExtractor()
    (extractor.maximumRules, extractor.maximumTerms) = (2, 1)
    let extracted = try extractor.extract(
      from: oracle, examples: PlantedTables.uniform(200, features, seed: 8))
    let list = try #require(extracted.model as? RuleList)
    #expect(list.rules.count == 2 && list.rules.allSatisfy { $0.clause.termCount == 1 })
    #expect(extracted.isTruncated)
    #expect(extracted.remarks.contains("The limit of 2 rules was reached; more of them may cover more."))
  }

  @Test func equalSeedsGiveEqualLists() throws {
    let examples = try PlantedTables.uniform(150, RuleListExtractorTests.features, seed: 9)
    func bytes(_ seed: UInt64) throws -> [UInt8] {
      var extractor = RuleListExtractor()
      extractor.seed = seed
      return try RuleDocument.list(list(extractor, RuleListExtractorTests.oracle, examples)).json
    }
    #expect(try bytes(1) == bytes(1))
    #expect(try bytes(1) != bytes(2))
  }

  @Test func aConstantOracleGivesTheLastRule() throws {
    let features = PlantedTables.named(2)
    let extracted = try RuleListExtractor().extract(
      from: ScriptedOracle(features) { _ in true }, examples: PlantedTables.uniform(10, features, seed: 10))
    let list = try #require(extracted.model as? RuleList)
    #expect(list.rules.isEmpty && list.defaultConclusion == .label(1))
    #expect(list.otherwise.support == Support(cover: 110, correct: 110))
    #expect(extracted.remarks.count == 1)
  }

  @Test func settingsOutOfRangeAreRefused() throws {
    let examples = try PlantedTables.uniform(20, RuleListExtractorTests.features, seed: 11)
    func expect(_ text: String, _ change: (inout RuleListExtractor) -> Void) {
      var extractor = RuleListExtractor()
      change(&extractor)
      #expect(throws: RuleError(.parameters(text))) {
        try extractor.extract(from: RuleListExtractorTests.oracle, examples: examples)
      }
    }
    expect(
      "the order names the class 'halt', which the oracle does not have; its classes are 'run', 'check', 'stop'"
    ) {
      $0.classOrder = ["halt"]
    }
    expect("the order names a class twice; name each once") { $0.classOrder = ["run", "run"] }
    expect("the rounds of optimisation must be 0 to 100, found -1") { $0.optimisationRounds = -1 }
    expect("the rows that a term leaves must be 1 or more, found 0") { $0.minimumCover = 0 }
    expect("the terms must be 1 or more, found 0") { $0.maximumTerms = 0 }
    expect("the rules must be 1 or more, found 0") { $0.maximumRules = 0 }
    expect("the number of queries must be 0 or more, found -3") { $0.queryCount = -3 }
    expect("the held-out share must be from 0 to below 1, found 2.0") { $0.heldOutShare = 2 }
  }
}
