import Testing

@testable import NoemaRules

@Suite struct RuleQualityTests {
  private let features = [Feature("x")]

  /// Class 1 above 4 (and above 6 again), class 0 up to 2, nothing between.
  private func rules() throws -> RuleSet {
    try RuleSet(
      features: features, classes: ["a", "b", "c"],
      rules: [
        Rule(Clause([.atMost(0, 2)]), .label(0)), Rule(Clause([.above(0, 4)]), .label(1)),
        Rule(Clause([.above(0, 6)]), .label(1)), Rule(Clause([.above(0, 9)]), .label(0)),
      ], resolution: .firstMatch, defaultConclusion: .label(0))
  }

  @Test func figuresByHand() throws {
    let table = try RuleTable(features: features, rows: (1...10).map { [Double($0)] })
    // Rules: a a a a b b b b b b.
    let network = [0, 0, 1, 0, 1, 1, 1, 1, 0, 1]
    let truth = [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    let quality = try RuleQuality(of: rules(), on: table, network: network, truth: truth)
    #expect(quality.fidelity == .share(8, of: 10) && quality.majorityFidelity == 0.6)
    #expect(quality.accuracy == .share(8, of: 10) && quality.networkAccuracy == .share(8, of: 10))
    #expect(quality.confusion == [[3, 1, 0], [1, 5, 0], [0, 0, 0]])
    #expect(abs(quality.balancedFidelity.value - (3.0 / 4 + 5.0 / 6) / 2) < 1e-12)
    // Agreement 0.8, chance 0.4 · 0.4 + 0.6 · 0.6.
    #expect(abs(quality.kappa.value - (0.8 - 0.52) / 0.48) < 1e-12)
    #expect(quality.kappa.lower < quality.kappa.value && quality.kappa.value < quality.kappa.upper)
    #expect(quality.perClass.map(\.name) == ["a", "b"])
    #expect(
      quality.perClass[0].fidelity == .share(3, of: 4) && quality.perClass[1].precision == .share(5, of: 6))
    let firing = try #require(quality.firing)
    #expect(firing.coverage == .share(8, of: 10) && firing.conflictRate == .share(1, of: 10))
    // 2 + 6 + 4 + 1 firings.
    #expect(abs(firing.overlap.value - 1.3) < 1e-12)
    #expect(try RuleQuality(of: rules(), on: table, network: network, truth: truth) == quality)
  }

  @Test func aConstantNetworkIsNoEvidence() throws {
    let table = try RuleTable(features: features, rows: (0..<50).map { _ in [1] })
    let quality = try RuleQuality(of: rules(), on: table, network: [Int](repeating: 0, count: 50))
    #expect(quality.fidelity.value == 1 && quality.majorityFidelity == 1 && quality.kappa.value == 1)
    #expect(quality.accuracy == nil && quality.balancedFidelity.value == 1)
  }

  @Test func badInputIsRefused() throws {
    let table = try RuleTable(features: features, rows: [[1], [2]])
    #expect(throws: RuleError(.count(what: "network labels", found: 1, expected: 2))) {
      try RuleQuality(of: rules(), on: table, network: [0])
    }
    #expect(throws: RuleError(.unknownClass("3", row: 2, known: ["a", "b", "c"]))) {
      try RuleQuality(of: rules(), on: table, network: [0, 3])
    }
    #expect(throws: RuleError(.tooFew(set: "the test table", found: 0, needed: 1))) {
      try RuleQuality(of: rules(), on: table.subset(rows: []), network: [])
    }
  }

  @Test func numbersAreJudgedByVariance() throws {
    let tree = try DecisionTree(
      features: features, classes: [],
      nodes: [
        .init(split: .term(.atMost(0, 1.5)), children: [1, 2], distribution: [2], weight: 4),
        .init(distribution: [1], weight: 2), .init(distribution: [3], weight: 2),
      ])
    let table = try RuleTable(features: features, rows: [[1], [1], [2], [2]])
    let quality = try RegressionQuality(of: tree, on: table, network: [0, 2, 3, 3], truth: [1, 1, 3, 3])
    // Squared errors 1, 1, 0, 0; the network's variance about 2 sums to 6.
    #expect(abs(quality.determination.value - (1 - 2.0 / 6)) < 1e-12 && quality.meanSquare.value == 0.5)
    #expect(quality.truthDetermination?.value == 1 && quality.firing == nil)
    #expect(RegressionQuality.determination([1, 1], [1, 1], counts: [1, 1]) == 1)
    #expect(RegressionQuality.determination([1, 2], [1, 1], counts: [1, 1]) == 0)
  }

  @Test func softFidelityIsADivergence() throws {
    let exact = try SoftFidelity(
      shares: [[0.5, 0.5], [0.25, 0.75]], network: [[0.5, 0.5], [0.25, 0.75]])
    #expect(abs(exact.divergence.value) < 1e-12)
    let one = try SoftFidelity(shares: [[0.25, 0.75], [0.75, 0.25]], network: [[1, 0], [0, 1]])
    // log2 4 bits for each, and 1 bit from the mean (½, ½).
    #expect(abs(one.divergence.value - 2) < 1e-12 && abs(one.baselineDivergence - 1) < 1e-12)
    #expect(try SoftFidelity(shares: [[0, 1]], network: [[1, 0]]).divergence.value.isFinite)
    #expect(throws: RuleError.self) { try SoftFidelity(shares: [[1]], network: [[0.5, 0.5]]) }
  }

  @Test func sizesAreCounted() throws {
    let size = RuleSize(try rules())
    #expect(size.rules == 4 && size.terms == 4 && size.uniqueTerms == 4 && size.meanTerms == 1)
    #expect(size.rulesOfClass == [2, 2, 0] && size.termsOfFeature == [0: 4] && size.features == 1)
    let tree = try DecisionTree(
      features: features, classes: ["a", "b"],
      nodes: [
        .init(split: .term(.atMost(0, 2)), children: [1, 2], distribution: [1, 1], weight: 2),
        .init(distribution: [1, 0], weight: 1),
        .init(split: .term(.atMost(0, 5)), children: [3, 4], distribution: [0, 1], weight: 1),
        .init(distribution: [0, 1], weight: 1), .init(distribution: [1, 0], weight: 1),
      ])
    let other = RuleSize(tree)
    #expect(other.rules == 3 && other.maximumTerms == 2 && abs(other.meanTerms - 5.0 / 3) < 1e-12)
    #expect(other.rulesOfClass == [2, 1] && other.uniqueTerms == 2)
  }
}
