import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct AdditiveRulesTests {
  private static let features: [Feature] = [
    Feature("x"), Feature("n", kind: .integer), Feature("c", kind: .categorical(levels: ["p", "q", "r"])),
    Feature("g", kind: .ordinal(levels: ["low", "high", "top"])),
  ]

  private static func sums(
    scale: AdditiveRules.Scale = .logit, lines: Bool = true
  ) -> AdditiveRules {
    AdditiveRules(
      features: features, classes: ["a", "b", "c"], scale: scale, intercepts: [0.25, -0.5, 0.125],
      rules: [
        .init(clause: Clause([.above(0, 0.5), .atMost(1, 3)]), coefficients: [1, -0.5, 0], share: 0.25),
        .init(clause: Clause([.isIn(2, [1])]), coefficients: [0, 0.75, -1.5], share: 0.5),
        .init(clause: Clause([.above(3, 0, orMissing: true)]), coefficients: [-0.25, 0, 0.5], share: 0.9),
      ],
      linearTerms: lines
        ? [
          .init(feature: 0, lower: -1, upper: 2, centre: 0.4, deviation: 0.8, coefficients: [0.5, 0, -0.25]),
          .init(feature: 1, lower: 0, upper: 8, centre: 4, deviation: 2, coefficients: [0, 0.125, 0]),
        ] : [])
  }

  private func table(_ rows: Int, seed: UInt64) throws -> RuleTable {
    var random = RandomNumbers(seed: seed)
    return try RuleTable(
      features: AdditiveRulesTests.features,
      rows: (0..<rows).map { _ in
        let row: [Double] = [
          random.normal() * 2, Double(random.index(below: 12)) - 2, Double(random.index(below: 3)),
          Double(random.index(below: 3)),
        ]
        return row.map { random.uniform() < 0.1 ? .nan : $0 }
      })
  }

  /// Scores told a second time, term by term.
  private func scores(_ row: [Double]) -> [Double] {
    var result = [0.25, -0.5, 0.125]
    func add(_ values: [Double]) { for label in 0..<3 { result[label] += values[label] } }
    if row[0] > 0.5, row[1] <= 3 { add([1, -0.5, 0]) }
    if row[2] == 1 { add([0, 0.75, -1.5]) }
    if row[3].isNaN || row[3] > 0 { add([-0.25, 0, 0.5]) }
    let x = row[0].isNaN ? 0 : min(2, max(-1, row[0])) - 0.4
    add([0.5 * x, 0, -0.25 * x])
    let n = row[1].isNaN ? 0 : min(8, max(0, row[1])) - 4
    add([0, 0.125 * n, 0])
    return result
  }

  @Test func scoresAreSums() throws {
    let (sums, table) = (AdditiveRulesTests.sums(), try table(300, seed: 1))
    let (all, probabilities) = (try sums.scores(on: table), try sums.probabilities(on: table))
    for row in 0..<300 {
      let expected = scores(table.row(row))
      let found = sums.scores(table.row(row))
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 })
      #expect(Array(all[(3 * row)..<(3 * row + 3)]) == found)
      let total = expected.reduce(0) { $0 + exp($1) }
      let shares = expected.map { exp($0) / total }
      #expect(zip(probabilities[(3 * row)...], shares).allSatisfy { abs($0 - $1) < 1e-12 })
      #expect(sums.probabilities(table.row(row)) == Array(probabilities[(3 * row)..<(3 * row + 3)]))
      let best = expected.indices.max { expected[$0] < expected[$1] }
      #expect(sums.conclusion(table.row(row)) == .label(best!))
    }
    #expect(try sums.labels(on: table) == (0..<300).map { sums.conclusion(table.row($0)).label! })
    #expect(sums.terms == sums.rules.flatMap { $0.clause.terms })
  }

  @Test func probabilitiesStayWithinTheirRange() {
    let sums = AdditiveRulesTests.sums(scale: .probability, lines: false)
    // -0.5 counts as 0.
    let found = sums.probabilities([0, 9, 0, 0])
    #expect(zip(found, [0.25 / 0.375, 0, 0.125 / 0.375]).allSatisfy { abs($0 - $1) < 1e-12 })
    let none = AdditiveRules(
      features: AdditiveRulesTests.features, classes: ["a", "b"], scale: .probability, intercepts: [-1, -2],
      rules: [], linearTerms: [])
    #expect(none.probabilities([0, 0, 0, 0]) == [0.5, 0.5])
  }

  // MARK: Importance

  @Test func importancesAreTheFormulas() {
    let sums = AdditiveRulesTests.sums()
    let rules = sums.ruleImportances(ofClass: 0)
    #expect(
      zip(rules, [(0.25 * 0.75).squareRoot(), 0, 0.25 * (0.9 * 0.1).squareRoot()]).allSatisfy {
        abs($0 - $1) < 1e-12
      })
    #expect(zip(sums.linearImportances(ofClass: 2), [0.25 * 0.8, 0]).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(abs(sums.ruleImportances()[1] - 0.75 * 0.5) < 1e-12)
    // A rule about two features is shared between them.
    let features = sums.featureImportances(ofClass: 0)
    let half = (0.25 * 0.75).squareRoot() / 2
    let expected: [Double] = [half + 0.5 * 0.8, half, 0, 0.25 * 0.3]
    #expect(zip(features, expected).allSatisfy { abs($0 - $1) < 1e-12 })
    let total = (sums.ruleImportances() + sums.linearImportances()).reduce(0, +)
    #expect(abs(sums.featureImportances().reduce(0, +) - total) < 1e-12)
    #expect(sums.ruleImportances(ofClass: 7) == [0, 0, 0])
  }

  // MARK: As rules that vote

  @Test func withoutLinesVotesAnswerAlike() throws {
    let sums = AdditiveRulesTests.sums(lines: false)
    let rules = try sums.ruleSet()
    let comparison = try RuleEquivalence(sums, rules)
    #expect(comparison.isExact && comparison.areEqual, "\(String(describing: comparison.difference))")
    #expect(rules.rules.allSatisfy { $0.confidence == 1 && $0.support.weight > 0 })
    // A coefficient less the least of its rule's: two votes a rule and for the intercepts.
    #expect(rules.rules.map(\.support.weight) == [0.75, 0.625, 1.5, 0.5, 1.5, 2.25, 0.25, 0.75])
  }

  /// Votes differ from scores by at most half a step of each line, beside what all classes gain alike.
  @Test(arguments: [2, 5, 20]) func linesAreStairs(_ steps: Int) throws {
    let (sums, table) = (AdditiveRulesTests.sums(), try table(500, seed: 2))
    let rules = try sums.ruleSet(steps: steps)
    // Half a step of each line, times how far the coefficients of two classes differ.
    let bound = 0.75 * (3.0 / Double(steps)) / 2 + 0.125 * (8.0 / Double(steps)) / 2
    for row in 0..<500 {
      let values = table.row(row)
      let (exact, votes) = (sums.scores(values), rules.scores(firing: rules.firingRules(values)))
      for label in 1..<3 {
        #expect(abs((votes[label] - votes[0]) - (exact[label] - exact[0])) <= bound + 1e-9)
      }
    }
    #expect(throws: RuleError(.parameters("a straight line needs 2 steps or more, found 1"))) {
      try sums.ruleSet(steps: 1)
    }
  }
}
