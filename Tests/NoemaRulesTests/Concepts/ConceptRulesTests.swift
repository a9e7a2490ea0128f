import NoemaConcepts
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaRules

@Suite struct ConceptRulesTests {
  private func tables(isBinary: Bool = false) throws -> (training: ConceptTable, test: ConceptTable) {
    let network = try ConceptScene.network()
    let literals = try ConceptScene.literals(network, isBinary: isBinary)
    return (
      try ConceptScene.table(network, literals, count: 300, seed: 1),
      try ConceptScene.table(network, literals, count: 200, seed: 11)
    )
  }

  private static let extractors: [(name: String, extractor: any RuleExtractor)] = [
    ("rules", ConceptRules.rules()), ("tree", ConceptRules.tree()), ("list", ConceptRules.list()),
  ]

  /// *Yes* is red above a bound and green up to one, in whatever form.
  @Test func thePlantedRuleComesBack() throws {
    let (training, test) = try tables()
    for (name, extractor) in Self.extractors {
      var extraction = ConceptRules()
      extraction.extractor = extractor
      let result = try extraction(training: training, test: test)
      #expect(result.quality.fidelity.value >= 0.97, "\(name): \(result.quality.fidelity)")
      let rules = try #require(plain(result.rules))
      let affirming = rules.rules.filter { $0.conclusion == .label(1) }
      try #require(affirming.count == 1, "\(name): \(result.rules.text)")
      let red = try #require(result.literals.firstIndex { $0.name == "red" })
      let green = try #require(result.literals.firstIndex { $0.name == "green" })
      let terms = affirming[0].clause.terms
      #expect(terms.count == 2, "\(name): \(result.rules.text)")
      for term in terms {
        let threshold = try #require(term.threshold)
        let planted: Term = term.feature == red ? .above(red, threshold) : .atMost(green, threshold)
        #expect(term == planted, "\(name)")
      }
      #expect(result.completeness.verdict == .complete, "\(name)")
      #expect(result.completeness.blackBox.value >= 0.97)
    }
  }

  /// Presences give exactly the rule, in words.
  @Test func presencesReadAsWords() throws {
    let (training, test) = try tables(isBinary: true)
    let features = training.represented.table.table.features
    let planted = try RuleSet(
      features: features, classes: PlantedConcepts.classes,
      rules: [Rule(Clause([.isIn(0, LevelSet([1])), .isIn(1, LevelSet([0]))]), .label(1))],
      defaultConclusion: .label(0))
    for (name, extractor) in Self.extractors {
      var extraction = ConceptRules()
      extraction.extractor = extractor
      let result = try extraction(training: training, test: test)
      #expect(result.quality.fidelity.value == 1, "\(name)")
      // Presences lack nothing, so a missing one may be answered either way.
      let lines = try RuleTable(features: features, rows: [[0, 0], [0, 1], [1, 0], [1, 1]])
      #expect(try result.rules.model.labels(on: lines) == planted.labels(on: lines), "\(name)")
      if name == "list" {
        #expect(result.rules.text.contains("IF red AND not green THEN yes"), "\(result.rules.text)")
      }
    }
  }

  @Test func conceptsThatAreNotRepresentedAreLeftOut() throws {
    let (training, test) = try tables()
    let result = try ConceptRules()(training: training, test: test)
    #expect(result.literals.map(\.name) == ["red", "green"] && result.leftOut.map(\.name) == ["blue"])
    #expect(result.rules.model.features.map(\.name) == ["red", "green"])
    let quality = try #require(result.leftOut[0].quality)
    #expect(quality.auc.value < 0.65 && quality.auc.lower < 0.5)
    #expect(result.remarks.contains { $0.hasPrefix("'blue' is left out: 'relu' does not represent it") })
    for literal in result.literals {
      let quality = try #require(literal.quality)
      #expect(quality.auc.value > 0.99 && quality.balancedAccuracy.value > 0.95)
      #expect(quality.positiveCount == 40 && quality.negativeCount == 80)
    }
    var all = ConceptRules()
    all.includesUnrepresented = true
    let whole = try all(training: training, test: test)
    #expect(whole.literals.count == 3 && whole.leftOut.isEmpty)
    // Nothing but what is not represented.
    #expect(throws: RuleError.self) {
      try ConceptRules()(training: training.selecting(columns: [2]), test: test.selecting(columns: [2]))
    }
  }

  /// The same bytes for the same seed, from the examples on.
  @Test func equalSeedsGiveEqualRules() throws {
    let (first, second) = (try tables(), try tables())
    #expect(first.training.table.values == second.training.table.values)
    for (_, extractor) in Self.extractors {
      var extraction = ConceptRules()
      extraction.extractor = extractor
      let found = try extraction(training: first.training, test: first.test)
      let again = try extraction(training: second.training, test: second.test)
      #expect(found.rules.json == again.rules.json && found.quality == again.quality)
      #expect(found.completeness == again.completeness && found.remarks == again.remarks)
    }
  }

  /// Too few rules, too few concepts, and both are told apart.
  @Test func completenessTellsRulesFromConcepts() throws {
    let (training, test) = try tables()
    var short = ConceptRules()
    short.extractor = ConceptRules.tree(maximum: 2)
    let simple = try short(training: training, test: test).completeness
    #expect(simple.verdict == .rulesTooSimple && simple.rules.value < 0.9 && simple.blackBox.value > 0.97)
    #expect(
      simple.difference.lower > 0
        && abs(simple.difference.value - (simple.blackBox.value - simple.rules.value)) < 1e-12)
    let redOnly = try ConceptRules()(
      training: training.selecting(columns: [0]), test: test.selecting(columns: [0])
    ).completeness
    #expect(redOnly.verdict == .conceptsDoNotSuffice && redOnly.blackBox.value < 0.9)
    #expect(redOnly.sentences.last == "So the concepts do not suffice.")
    // A constant answer where the concept tells something.
    let constant = try RuleSet(
      features: training.selecting(columns: [1]).table.features, classes: training.classes, rules: [],
      defaultConclusion: .label(1))
    let both = try ConceptCompleteness(
      of: constant, training: training.selecting(columns: [1]), test: test.selecting(columns: [1]))
    #expect(both.verdict == .both)
  }

  @Test func whatCannotBeLearntIsRefused() throws {
    let (training, test) = try tables()
    let affirmed = training.subset(rows: training.labels.indices.filter { training.labels[$0] == 1 })
    #expect(throws: RuleError(.constantLabels("yes"), at: "the network's answers")) {
      try ConceptRules()(training: affirmed, test: test)
    }
    #expect(throws: RuleError(.tooFew(set: "the training examples", found: 0, needed: 2))) {
      try ConceptRules()(training: training.subset(rows: []), test: test)
    }
    // No example has the scores that a query would have.
    var asking = ConceptRules()
    asking.extractor = DistilledTree()
    let error = #expect(throws: RuleError.self) { try asking(training: training, test: test) }
    #expect(error?.category == .unsupported)
    #expect(error?.description.contains("set the number of queries to 0") == true)
  }

  // MARK: Helpers

  private func plain(_ document: RuleDocument) -> RuleSet? {
    switch document {
    case .set(let rules): rules
    case .list(let list): list.ruleSet
    // Ways down a tree meet nowhere; a split that decides nothing leaves two of them side by side.
    case .tree(let tree):
      try? tree.with(.defaultChild).ruleSet().withoutMissing().mergingAdjacentRules(asDisjunction: true)
    }
  }
}

extension RuleSet {
  /// Terms without what they say of missing values, which concept scores never are.
  fileprivate func withoutMissing() throws -> RuleSet {
    try RuleSet(
      features: features, classes: classes,
      rules: rules.map { rule in
        var rule = rule
        rule.clause = Clause(
          conditions: rule.clause.conditions.map { Condition($0.feature, $0.values) })
        return rule
      }, resolution: resolution, defaultConclusion: defaultConclusion)
  }
}
