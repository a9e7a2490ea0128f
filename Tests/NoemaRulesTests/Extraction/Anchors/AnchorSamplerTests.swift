import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct TableAnchorSamplerTests {
  private static let features = [
    Feature("a"), Feature("b"), Feature("n", kind: .integer),
    Feature("c", kind: .categorical(levels: ["red", "blue", "green"])),
  ]

  /// Values of a row hang together: b is a + 100.
  private func table() throws -> RuleTable {
    try RuleTable(
      features: Self.features,
      rows: (0..<40).map { (row: Int) -> [Double] in
        let values: [Int] = [row + 1, row + 101, row % 8, row % 3]
        return values.map { Double($0) }
      })
  }

  @Test func thresholdsDivideIntoEqualParts() throws {
    let bins = try AnchorBins(table(), count: 4)
    // Midway between values of numbers, on the last value of whole numbers.
    #expect(bins.thresholds == [[10.5, 20.5, 30.5], [110.5, 120.5, 130.5], [1, 3, 5], []])
    #expect(bins.hasMissing == [false, false, false, false])
    #expect(
      bins.terms(of: [20.5, 500, 3, 2]) == [
        .above(0, 10.5), .atMost(0, 20.5), .atMost(0, 30.5), .above(1, 110.5), .above(1, 120.5),
        .above(1, 130.5),
        .above(2, 1), .atMost(2, 3), .atMost(2, 5), .isIn(3, [2]),
      ])
    // A value of which there are many takes several bins, and a constant has no threshold.
    let many = try RuleTable(
      features: [Feature("x"), Feature("y")], rows: [[1, 5], [1, 5], [1, 5], [2, 5], [3, 5]])
    #expect(try AnchorBins(many, count: 4).thresholds == [[1.5, 2.5], []])
    #expect(try AnchorBins(many, count: 2).thresholds == [[1.5], []])
  }

  @Test func missingValuesAreStatements() throws {
    let table = try RuleTable(
      features: [Feature("x"), Feature("y")], rows: [[1, 1], [2, 2], [.nan, 3], [4, 4]])
    let bins = try AnchorBins(table, count: 2)
    #expect(bins.hasMissing == [true, false])
    #expect(bins.terms(of: [.nan, 1]) == [.isMissing(0), .atMost(1, 2.5)])
    #expect(bins.terms(of: [4, 1]) == [.isPresent(0), .above(0, 3), .atMost(1, 2.5)])
    // `x > 3` says that x is there.
    let oracle = StatedOracle(table.features) { $0[0].isNaN ? 1 : 0 }
    let sampler = try TableAnchorSampler(oracle, examples: table, values: [4, 1], bins: 2)
    #expect(sampler.consequences(of: 1) == [0] && sampler.consequences(of: 0) == [])
    let missing = try TableAnchorSampler(oracle, examples: table, values: [.nan, 1], bins: 2)
    let anchor = try AnchorSearch().anchor(of: missing)
    #expect(anchor.text == "x is missing" && anchor.coverage.agrees(with: 0.25))
    var random = RandomNumbers(seed: 3)
    #expect(missing.draw(50, fixing: [0], using: &random).allSatisfy { $0[0].isNaN })
    #expect(sampler.draw(50, fixing: [0], using: &random).allSatisfy { !$0[0].isNaN })
  }

  @Test func drawnRowsKeepWhatIsFixed() throws {
    let table = try table()
    let oracle = StatedOracle(Self.features) { $0[0] > 20 ? 1 : 0 }
    let sampler = try TableAnchorSampler(oracle, examples: table, values: table.row(25))
    #expect(sampler.label == 1 && sampler.predicateCount == 10)
    var random = RandomNumbers(seed: 7)
    for fixed in [[], [0], [1, 2], [5], [2, 6, 9], [9]] {
      let clause = sampler.clause(fixed)
      let free = (0..<4).filter { feature in clause.condition(on: feature) == nil }
      var counts = [Double](repeating: 0, count: 40)
      let rows = sampler.draw(4000, fixing: fixed, using: &random)
      #expect(rows.count == 4000)
      for row in rows {
        #expect(clause.holds(row) && fixed.allSatisfy { sampler.holds($0, of: row) })
        // Features that are not fixed are those of one example.
        let sources = (0..<40).filter { source in free.allSatisfy { table[source, $0] == row[$0] } }
        #expect(!sources.isEmpty)
        counts[Int(row[0]) - 1] += 1
      }
      // The first feature is spread evenly over what it may be.
      let allowed = (0..<40).filter { clause.condition(on: 0)?.admits(table[$0, 0]) ?? true }
      for value in 0..<40 {
        let mean = allowed.contains(value) ? 4000 / Double(allowed.count) : 0
        #expect(abs(counts[value] - mean) <= 5 * mean.squareRoot())
      }
    }
  }

  @Test func whatFollowsIsNotSaidTwice() throws {
    let table = try table()
    let sampler = try TableAnchorSampler(
      StatedOracle(Self.features) { _ in 0 }, examples: table, values: table.row(25))
    // Row 25 lies above 10.5 and 20.5 and at most 30.5.
    #expect(sampler.consequences(of: 1) == [0] && sampler.consequences(of: 0) == [])
    #expect(sampler.consequences(of: 2) == [])
    #expect(sampler.text(1) == "a > 20.5")
    #expect(sampler.text(9) == "c = blue", "\(sampler.text(9))")
  }

  @Test func rowsThatDoNotFitAreRefused() throws {
    let table = try table()
    let oracle = StatedOracle(Self.features) { _ in 0 }
    #expect(throws: RuleError(.parameters("features have 2 to 255 bins, found 1"))) {
      try TableAnchorSampler(oracle, examples: table, values: table.row(0), bins: 1)
    }
    #expect(throws: RuleError.self) { try TableAnchorSampler(oracle, examples: table, values: [1]) }
    #expect(throws: RuleError.self) {
      try TableAnchorSampler(oracle, examples: table.subset(rows: []), values: table.row(0))
    }
  }
}

@Suite struct TextAnchorSamplerTests {
  private static let tokens = ["this", "is", "not", "bad", "at", "all"]

  /// The share of changed texts with some tokens that keep the class, over all ways to change the others.
  private func precision(
    _ fixed: [Int], chance: Double, _ tokens: [String], _ answer: ([String]) -> Int
  ) -> Double {
    let label = answer(tokens)
    return subsets(below: tokens.count).filter { Set(fixed).isSubset(of: Set($0)) }.reduce(0) { sum, stays in
      let text = tokens.indices.map { stays.contains($0) ? tokens[$0] : "UNK" }
      let weight = tokens.indices.filter { !fixed.contains($0) }.reduce(1.0) {
        $0 * (stays.contains($1) ? 1 - chance : chance)
      }
      return sum + (answer(text) == label ? weight : 0)
    }
  }

  @Test(arguments: [0.5, 0.3])
  func bothWordsOfANegationAreTheAnchor(_ chance: Double) throws {
    let sampler = try TextAnchorSampler(Self.tokens, chance: chance) { texts in
      texts.map { $0.contains("not") && $0.contains("bad") ? 1 : 0 }
    }
    #expect(sampler.label == 1)
    let anchor = try AnchorSearch().anchor(of: sampler)
    #expect(anchor.text == "'not' at 3 AND 'bad' at 4")
    #expect(anchor.freshPrecision.value == 1 && anchor.coverage.agrees(with: (1 - chance) * (1 - chance)))
  }

  @Test func precisionsAreThoseOfAllChangedTexts() throws {
    let tokens = ["good", "plot", "good", "cast", "good", "end"]
    let answer: @Sendable ([String]) -> Int = { text in text.count { $0 == "good" } >= 2 ? 1 : 0 }
    let sampler = try TextAnchorSampler(tokens) { $0.map(answer) }
    let anchor = try AnchorSearch().anchor(of: sampler)
    #expect(precision([0], chance: 0.5, tokens, answer) == 0.75)
    #expect(precision([], chance: 0.5, tokens, answer) == 0.5)
    #expect(anchor.predicates.count == 2 && precision(anchor.predicates, chance: 0.5, tokens, answer) == 1)
    var random = RandomNumbers(seed: 4)
    for fixed in subsets(below: 6) {
      let labels = try sampler.labels(of: sampler.draw(2000, fixing: fixed, using: &random))
      let share = Estimate.share(labels.count { $0 == 1 }, of: 2000)
      #expect(share.agrees(with: precision(fixed, chance: 0.5, tokens, answer)))
    }
  }

  @Test func tokensGiveWayToTheUnknownOne() throws {
    let sampler = try TextAnchorSampler(["a", "b"], unknown: "?") { texts in
      texts.map { $0 == ["a", "b"] ? 3 : $0 == ["a", "?"] ? 2 : $0 == ["?", "b"] ? 1 : 0 }
    }
    #expect(
      try sampler.labels(of: [[true, true], [true, false], [false, true], [false, false]]) == [3, 2, 1, 0])
    #expect(sampler.holds(0, of: [true, false]) && !sampler.holds(1, of: [true, false]))
    #expect(throws: RuleError(.tooFew(set: "the text's tokens", found: 0, needed: 1))) {
      try TextAnchorSampler([]) { $0.map { _ in 0 } }
    }
    #expect(
      throws: RuleError(.parameters("the chance that a token goes must lie between 0 and 1, found 1.0"))
    ) { try TextAnchorSampler(["a"], chance: 1) { $0.map { _ in 0 } } }
    #expect(throws: RuleError(.count(what: "labels of the text", found: 0, expected: 1))) {
      try TextAnchorSampler(["a"]) { _ in [] }
    }
  }
}
