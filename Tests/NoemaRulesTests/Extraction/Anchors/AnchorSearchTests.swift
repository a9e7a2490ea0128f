import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct AnchorSearchTests {
  struct Function: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let answer: @Sendable ([Double]) -> Int
  }

  static let functions: [Function] = [
    Function(testDescription: "both") { $0[0] == 1 && $0[2] == 2 ? 1 : 0 },
    Function(testDescription: "either") { $0[1] == 0 || $0[3] == 1 ? 1 : 0 },
    Function(testDescription: "two of three") { row in
      [row[0] == 0, row[1] == 1, row[3] == 2].count { $0 } >= 2 ? 1 : 0
    },
    Function(testDescription: "sum by three") { row in Int(row[0] + row[1] + row[2]) % 3 == 0 ? 1 : 0 },
    Function(testDescription: "a rare exception") { row in
      row == [0, 0, 0, 0] ? 1 : 0
    },
  ]

  @Test(arguments: functions)
  func anchorsAreThoseOfExhaustiveEnumeration(_ function: Function) throws {
    let all = try Combinations(features: 4, levels: 3)
    let oracle = StatedOracle(all.features, function.answer)
    for row in stride(from: 0, to: 81, by: 10) {
      let values = all.table.row(row)
      let sampler = try TableAnchorSampler(oracle, examples: all.table, values: values)
      let anchor = try AnchorSearch(seed: UInt64(row)).anchor(of: sampler)
      // Statement i is the level of feature i.
      let terms: [Term] = (0..<4).map { .isIn($0, LevelSet([Int(values[$0])])) }
      #expect(sampler.terms == terms)
      let truth = all.precision(anchor.predicates, of: values, function.answer)
      // As many alternatives as the beam keeps: nothing is passed over.
      let sizes = { (least: Double) -> Int in
        subsets(below: 4).filter { all.precision($0, of: values, function.answer) >= least }.map(\.count)
          .min() ?? 4
      }
      #expect(anchor.isCertain && truth >= 0.9, "\(values): \(anchor.text) has \(truth)")
      #expect((sizes(0.9)...sizes(0.95)).contains(anchor.predicates.count), "\(values): \(anchor.text)")
      #expect(anchor.freshPrecision.agrees(with: truth))
      #expect(anchor.precision.lower <= truth && truth <= anchor.precision.upper)
      #expect(anchor.coverage.agrees(with: pow(3, -Double(anchor.predicates.count))))
      #expect(anchor.label == function.answer(values))
      #expect(anchor.sampleCount <= 51_000)
    }
  }

  @Test func thePathGoesFromAlwaysToTheAnchor() throws {
    let all = try Combinations(features: 4, levels: 3)
    let oracle = StatedOracle(all.features, Self.functions[3].answer)
    let sampler = try TableAnchorSampler(oracle, examples: all.table, values: [0, 1, 2, 0])
    let anchor = try AnchorSearch().anchor(of: sampler)
    #expect(anchor.predicates == [0, 1, 2])
    #expect(anchor.text == "c0 = l0 AND c1 = l1 AND c2 = l2", "\(anchor.text)")
    #expect(anchor.path.count == 4 && anchor.path.first?.predicates == [])
    #expect(anchor.path.first?.coverage == 1 && anchor.path.last?.predicates == anchor.predicates)
    for (a, b) in zip(anchor.path, anchor.path.dropFirst()) {
      #expect(b.coverage <= a.coverage && Set(a.predicates).isSubset(of: Set(b.predicates)))
    }
  }

  @Test func thresholdsOfAPlantedRuleAreFound() throws {
    var random = RandomNumbers(seed: 12)
    let features = (0..<4).map { Feature("x\($0)") }
    let table = try RuleTable(
      features: features, rows: (0..<1000).map { _ -> [Double] in (0..<4).map { _ in random.uniform() } })
    let bins = try AnchorBins(table, count: 5)
    // At two fifths of one and a fifth of another feature.
    let (first, second) = (bins.thresholds[0][1], bins.thresholds[3][0])
    let oracle = StatedOracle(features) { $0[0] > first && $0[3] <= second ? 1 : 0 }
    func anchor(_ values: [Double]) throws -> (Clause, Anchor) {
      let sampler = try TableAnchorSampler(oracle, examples: table, values: values, bins: 5)
      let anchor = try AnchorSearch().anchor(of: sampler)
      return (sampler.clause(anchor.predicates), anchor)
    }
    let (positive, found) = try anchor([0.9, 0.3, 0.6, 0.05])
    #expect(positive == Clause([.above(0, first), .atMost(3, second)]), "\(found.text)")
    #expect(found.freshPrecision.value == 1 && found.isCertain)
    #expect(abs(found.coverage.value - 0.12) < 0.02)
    // Either of two reasons is enough for the other class; the wider one is named.
    let (negative, other) = try anchor([0.1, 0.3, 0.6, 0.9])
    #expect(negative == Clause([.above(3, second)]), "\(other.text)")
    #expect(abs(other.coverage.value - 0.8) < 0.03)
  }

  @Test func aClassGivenNearlyAlwaysNeedsNoStatement() throws {
    let all = try Combinations(features: 4, levels: 3)
    let oracle = StatedOracle(all.features, Self.functions[4].answer)
    let anchor = try AnchorSearch().anchor(
      of: TableAnchorSampler(oracle, examples: all.table, values: [1, 2, 0, 1]))
    #expect(anchor.text == "always" && anchor.predicates.isEmpty && anchor.isCertain)
    #expect(anchor.coverage.value == 1 && anchor.freshPrecision.agrees(with: 80.0 / 81))
    #expect(anchor.path.count == 1)
  }

  @Test func whatNoStatementSettlesIsSaid() throws {
    // The class hangs on the last digit, statements on the first one.
    let features = [Feature("a"), Feature("b")]
    let table = try RuleTable(
      features: features,
      rows: (0..<400).map { (row: Int) -> [Double] in
        let (first, last) = (Double(row % 20), Double(row / 20))
        return [first + last / 100, Double(row % 20 / 5)]
      })
    let oracle = StatedOracle(features) { Int(($0[0] * 100).rounded()) % 2 }
    var search = AnchorSearch()
    search.maximumSamples = 20_000
    let anchor = try search.anchor(of: TableAnchorSampler(oracle, examples: table, values: table.row(50)))
    #expect(!anchor.isCertain)
    #expect(anchor.freshPrecision.value < 0.9 && anchor.sampleCount <= 21_000)
    search.maximumLength = 0
    let none = try search.anchor(of: TableAnchorSampler(oracle, examples: table, values: table.row(50)))
    #expect(none.predicates.isEmpty && !none.isCertain)
  }

  @Test func samplesMayRunOut() throws {
    let all = try Combinations(features: 4, levels: 3)
    let oracle = StatedOracle(all.features, Self.functions[3].answer)
    var search = AnchorSearch()
    (search.maximumSamples, search.freshSamples) = (300, 0)
    let anchor = try search.anchor(of: TableAnchorSampler(oracle, examples: all.table, values: [0, 1, 2, 0]))
    #expect(anchor.isLimited && !anchor.isCertain && anchor.sampleCount <= 300)
    #expect(anchor.freshPrecision == Estimate(value: 0, lower: 0, upper: 1, count: 0))
  }

  @Test func theSameSeedFindsTheSame() throws {
    let all = try Combinations(features: 4, levels: 3)
    let sampler = try TableAnchorSampler(
      StatedOracle(all.features, Self.functions[2].answer), examples: all.table, values: [0, 1, 0, 1])
    let found = try [3, 3, 4].map { try AnchorSearch(seed: $0).anchor(of: sampler) }
    #expect(found[0] == found[1] && found[0] != found[2])
    #expect(try JSONDecoder().decode(Anchor.self, from: JSONEncoder().encode(found[0])) == found[0])
  }

  @Test func settingsOutOfRangeAreRefused() throws {
    let all = try Combinations(features: 2, levels: 2)
    let sampler = try TableAnchorSampler(
      StatedOracle(all.features) { Int($0[0]) }, examples: all.table, values: [0, 0])
    func message(_ change: (inout AnchorSearch) -> Void) -> String {
      var search = AnchorSearch()
      change(&search)
      do {
        _ = try search.anchor(of: sampler)
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      message { $0.precision = 0 } == "the precision of an anchor must be above 0 and at most 1, found 0.0")
    #expect(message { $0.errorRate = 1 } == "the error rate must lie between 0 and 1, found 1.0")
    #expect(
      message { $0.tolerance = 0 } == "the tolerances must lie between 0 and 1, found 0.0 and 0.05")
    #expect(message { $0.beamWidth = 0 } == "the beam must keep 1 candidate or more, found 0")
    #expect(
      message { $0.maximumLength = -1 } == "the length of an anchor must be 0 or more, found -1")
    #expect(
      message { $0.batchSize = 0 } == "batches and coverage need 1 example or more, found 0 and 10000")
    #expect(
      message { $0.maximumSamples = 99 } == "the most samples must be one batch of 100 or more, found 99")
    #expect(message { $0.freshSamples = -1 } == "the fresh samples must be 0 or more, found -1")
  }
}
