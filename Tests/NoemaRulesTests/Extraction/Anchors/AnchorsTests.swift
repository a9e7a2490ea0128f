import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct AnchorsTests {
  private static let answer: @Sendable ([Double]) -> Int = { row in
    row[0] == 1 && row[2] == 2 ? 1 : row[1] == 0 ? 2 : 0
  }

  private func scene() throws -> (all: Combinations, oracle: StatedOracle) {
    let all = try Combinations(features: 4, levels: 3)
    return (all, StatedOracle(all.features, classes: ["a", "b", "c"], Self.answer))
  }

  @Test func rulesAreAnchorsWithTheirSupport() throws {
    let (all, oracle) = try scene()
    let labels = try oracle.labels(of: all.table)
    let extracted = try Anchors(examples: 81).extract(from: oracle, examples: all.table)
    let rules = try #require(extracted.model as? RuleSet)
    #expect(rules.resolution == .singleBest && !rules.rules.isEmpty)
    for rule in rules.rules {
      let rows = rule.clause.coveredRows(of: all.table)
      let right = rows.count { labels[$0] == rule.conclusion.label }
      #expect(rule.support == Support(cover: Double(rows.count), correct: Double(right)))
      #expect(Double(right) >= 0.9 * Double(rows.count))
    }
    // Every example has an anchor, so that the rules say all.
    #expect(try rules.labels(on: all.table) == labels)
    #expect(extracted.remarks[0] == "The rules reach 81 of 81 examples; the default answers for the others.")
    #expect(extracted.remarks.count <= 2)
  }

  @Test func aRowsAnchorDoesNotDependOnOthers() throws {
    let (all, oracle) = try scene()
    let together = try Anchors().anchors(of: [3, 40, 71], in: all.table, from: oracle)
    let alone = try Anchors().anchors(of: [40], in: all.table, from: oracle)
    #expect(together[1] == alone[0] && alone[0].row == 40)
    #expect(alone[0].clause.holds(all.table.row(40)))
    #expect(throws: RuleError(.parameters("there is no row 81 among 81"))) {
      try Anchors().anchors(of: [81], in: all.table, from: oracle)
    }
  }

  @Test func theSameSeedGivesTheSameBytes() throws {
    let (all, oracle) = try scene()
    let found = try (0..<2).map { _ in
      try Anchors(search: AnchorSearch(seed: 6), examples: 12).extract(from: oracle, examples: all.table)
    }
    #expect(found[0].json == found[1].json && found[0].remarks == found[1].remarks)
    let settings = Anchors(search: AnchorSearch(seed: 6), bins: 8, examples: 12, maximumRules: 3)
    #expect(try JSONDecoder().decode(Anchors.self, from: JSONEncoder().encode(settings)) == settings)
  }

  @Test func anOracleOfOneClassGivesThatClass() throws {
    let all = try Combinations(features: 2, levels: 3)
    let oracle = StatedOracle(all.features) { _ in 1 }
    let extracted = try Anchors().extract(from: oracle, examples: all.table)
    let rules = try #require(extracted.model as? RuleSet)
    #expect(rules.rules.isEmpty && rules.defaultConclusion == .label(1) && !extracted.isTruncated)
    #expect(extracted.remarks.count == 1)
  }

  @Test func fewRulesAreSaidToBeFew() throws {
    let (all, oracle) = try scene()
    var anchors = Anchors(examples: 81, maximumRules: 1)
    let extracted = try anchors.extract(from: oracle, examples: all.table)
    #expect(extracted.isTruncated)
    #expect(try #require(extracted.model as? RuleSet).rules.count == 1)
    anchors.minimumGain = 0
    #expect(
      throws: RuleError(
        .parameters("examples to explain, rules and the gain of a rule must be 1 or more, found 81, 1 and 0"))
    ) { try anchors.extract(from: oracle, examples: all.table) }
  }

  // MARK: Picking

  /// Certain anchors of random clauses.
  private func anchors(_ count: Int, _ random: inout RandomNumbers, _ labels: Int) -> [Anchors.RowAnchor] {
    (0..<count).map { index in
      let terms = (0..<(1 + random.index(below: 2))).map { _ in
        Term.isIn(random.index(below: 4), LevelSet([random.index(below: 3)]))
      }
      let share = Estimate.share(1, of: 1)
      let anchor = Anchor(
        label: random.index(below: labels), predicates: [], texts: [], precision: share,
        freshPrecision: share,
        coverage: share, sampleCount: 0, isCertain: random.uniform() < 0.9, isLimited: false, path: [])
      return Anchors.RowAnchor(row: index, clause: Clause(terms), anchor: anchor)
    }
  }

  @Test func picksCoverWithinTheBoundOfTheBest() throws {
    let all = try Combinations(features: 4, levels: 3)
    var random = RandomNumbers(seed: 31)
    for _ in 0..<20 {
      let anchors = anchors(9, &random, 2)
      let labels = (0..<81).map { _ in random.index(below: 2) }
      let pick = AnchorPick(anchors, on: all.table, labels: labels)
      var seen: Set<RuleKey> = []
      let certain = anchors.filter {
        $0.anchor.isCertain
          && seen.insert(RuleKey(clause: $0.clause, conclusion: .label($0.anchor.label))).inserted
      }
      let rows = certain.map { item in
        RowSet(81) { item.clause.holds(row: $0, of: all.table) && item.anchor.label == labels[$0] }
      }
      func covered(_ chosen: [Int]) -> Int {
        var all = RowSet(81) { _ in false }
        for anchor in chosen { all.formUnion(rows[anchor]) }
        return all.count
      }
      for most in 1...4 {
        let (picked, isFull) = pick(most: most, minimumGain: 1)
        #expect(picked.count <= most && Set(picked).count == picked.count)
        // One after the other, each the one that adds most.
        for place in picked.indices {
          let before = Array(picked[..<place])
          let gain = covered(before + [picked[place]]) - covered(before)
          #expect(gain >= 1)
          for other in certain.indices { #expect(covered(before + [other]) - covered(before) <= gain) }
        }
        let best = subsets(below: certain.count).filter { $0.count <= most }.map(covered).max() ?? 0
        #expect(Double(covered(picked)) >= (1 - exp(-1)) * Double(best))
        #expect(isFull == certain.indices.contains { covered(picked + [$0]) > covered(picked) })
      }
    }
  }
}
