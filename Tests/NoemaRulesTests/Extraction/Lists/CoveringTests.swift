import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

/// The parts of RIPPER against their definitions.
@Suite struct CoveringTests {
  private struct Case {
    let problem: CoveringProblem
    let table: RuleTable
    let isPositive: [Bool]
  }

  private func make(_ seed: UInt64, rows: Int = 90, missing: Double = 0.15) throws -> Case {
    var source = RandomTables(seed: seed)
    let table = try source.table(rows: rows, ordered: 2, categories: 1, missing: missing)
    let isPositive = (0..<rows).map { row in (table[row, 0] > 0) != (source.random.uniform() < 0.25) }
    return Case(problem: CoveringProblem(table, isPositive: isPositive), table: table, isPositive: isPositive)
  }

  /// All terms that tell rows apart, in the order in which ties fall.
  private func candidates(_ table: RuleTable, _ rows: [Int]) -> [Term] {
    table.features.indices.flatMap { feature -> [Term] in
      let present = Set(rows.map { table[$0, feature] }.filter { !$0.isNaN }).sorted()
      let hasMissing = rows.contains { table[$0, feature].isNaN }
      let missing: [Term] = hasMissing && !present.isEmpty ? [.isMissing(feature)] : []
      if table.features[feature].isOrdered {
        let middles = zip(present, present.dropFirst()).map { ($0 + $1) / 2 }
        return middles.map { .atMost(feature, $0) } + middles.map { .above(feature, $0) } + missing
      }
      return present.map { .isIn(feature, [Int($0)]) } + missing
    }
  }

  /// The first term of greatest gain by FOIL's formula; nil when none gains.
  private func best(_ made: Case, _ rows: [Int], cover: Int) -> Term? {
    let positive = rows.count { made.isPositive[$0] }
    var best: (gain: Double, term: Term)?
    for candidate in candidates(made.table, rows) {
      let kept = rows.filter { candidate.holds(row: $0, of: made.table) }
      let p = kept.count { made.isPositive[$0] }
      guard p > 0, kept.count >= cover, kept.count < rows.count else { continue }
      let before = log2(Double(positive) / Double(rows.count))
      let gain = Double(p) * (log2(Double(p) / Double(kept.count)) - before)
      if gain > (best?.gain ?? 0) + 1e-9 { best = (gain, candidate) }
    }
    return best?.term
  }

  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64], [1, 4]) func termsGainMost(_ seed: UInt64, _ cover: Int)
    throws
  {
    let made = try make(seed)
    var search = TermSearch(made.problem, RowSet(90) { _ in true })
    let found = search.grow(minimumCover: cover, limit: 4)
    #expect(!found.isEmpty)
    var rows = Array(0..<90)
    for term in found {
      #expect(term == best(made, rows, cover: cover))
      rows.removeAll { !term.holds(row: $0, of: made.table) }
    }
    // It ends where nothing wrong is left, nothing gains, or there are enough.
    #expect(
      found.count == 4 || rows.allSatisfy { made.isPositive[$0] } || best(made, rows, cover: cover) == nil)
  }

  @Test func nothingGrowsOnOneClass() throws {
    let table = try PlantedTables.uniform(20, PlantedTables.named(2), seed: 6)
    for isPositive in [true, false] {
      let problem = CoveringProblem(table, isPositive: [Bool](repeating: isPositive, count: 20))
      var search = TermSearch(problem, RowSet(20) { _ in true })
      #expect(search.grow(minimumCover: 1, limit: 9) == [])
    }
  }

  /// `log2 k + log2 C(n, k)` a rule, halved, and the exceptions among the rows covered and not.
  @Test(arguments: [1, 2, 3] as [UInt64]) func descriptionsHaveTheirBits(_ seed: UInt64) throws {
    let made = try make(seed)
    func ways(_ n: Int, _ k: Int) -> Double {
      (0..<k).reduce(0) { $0 + log2(Double(n - $1)) - log2(Double($1 + 1)) }
    }
    var possible = 0
    for feature in 0..<3 {
      let present = Set(made.table.column(feature).filter { !$0.isNaN })
      possible += made.table.features[feature].isOrdered ? 2 * (present.count - 1) : 4
      if made.table.hasMissing(feature) { possible += 1 }
    }
    let rules: [[Term]] = [[.above(0, 0)], [.atMost(1, 0.25), .isIn(2, [1])], [.isMissing(1)]]
    for count in 0...3 {
      let chosen = Array(rules.prefix(count))
      let covered = (0..<90).filter { row in
        chosen.contains { $0.allSatisfy { $0.holds(row: row, of: made.table) } }
      }
      let wrong = covered.count { !made.isPositive[$0] }
      let missed = made.isPositive.count { $0 } - (covered.count - wrong)
      let theory = chosen.reduce(0.0) { $0 + log2(Double($1.count)) + ways(possible, $1.count) }
      let expected = ways(covered.count, wrong) + ways(90 - covered.count, missed) + theory / 2
      let found = made.problem.bits(chosen.map { made.problem.rows($0) }, sizes: chosen.map(\.count))
      #expect(abs(found - expected) < 1e-6, "\(count): \(found), \(expected)")
    }
  }

  @Test func rowsAreDividedByClass() throws {
    let made = try make(4, rows: 100)
    var random = RandomNumbers(seed: 5)
    let rows = RowSet(100) { $0 % 10 != 0 }
    let parts = made.problem.divided(rows, using: &random)
    #expect(parts.growing.commonCount(parts.pruning) == 0)
    #expect(parts.growing.count + parts.pruning.count == rows.count)
    let (all, growing) = (made.problem.counts(rows), made.problem.counts(parts.growing))
    #expect(growing.positive == (2 * all.positive + 2) / 3 && growing.negative == (2 * all.negative + 2) / 3)
    #expect(parts.growing.commonCount(rows) == parts.growing.count)
  }

  @Test func rowsOfTermsAreThoseThatSatisfyThem() throws {
    let made = try make(7)
    let terms: [Term] = [.above(0, -0.25), .isIn(2, [0, 3])]
    let found = made.problem.rows(terms)
    #expect(
      (0..<90).allSatisfy { row in
        found.intersection(RowSet(90) { $0 == row }).count
          == (terms.allSatisfy { $0.holds(row: row, of: made.table) } ? 1 : 0)
      })
  }

  @Test(arguments: [1, 2, 3] as [UInt64]) func rulesShortenTheDescription(_ seed: UInt64) throws {
    let made = try make(seed, rows: 200)
    func bits(_ rounds: Int) -> Double {
      var settings = RuleListExtractor()
      settings.optimisationRounds = rounds
      let covering = ClassCovering(made.problem, settings, limit: 100, random: RandomNumbers(seed: seed))
      #expect(
        covering.rules.allSatisfy { rule in
          rule.rows.count == made.problem.rows(rule.terms).intersection(rule.rows).count
            && rule.rows.count > 0
        })
      return made.problem.bits(covering.rules.map(\.rows), sizes: covering.rules.map(\.terms.count))
    }
    // No rules at all are a description as well.
    let none = made.problem.bits([], sizes: [])
    #expect(bits(0) <= none && bits(2) <= none)
  }
}
