import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

/// Rows of a copula have the examples' marginals, and features are tied as among them.
@Suite struct GaussianCopulaTests {
  private func correlation(_ a: some Collection<Double>, _ b: some Collection<Double>) -> Double {
    let (x, y) = (Array(a), Array(b))
    let (mx, my) = (Statistics.mean(x), Statistics.mean(y))
    let products = zip(x, y).reduce(0) { $0 + ($1.0 - mx) * ($1.1 - my) } / Double(x.count)
    return products / (Statistics.variance(x) * Statistics.variance(y)).squareRoot()
  }

  /// Normal pairs of a correlation, the second one as its third power: ranks stay, the numbers' own correlation falls.
  private func pairs(_ rho: Double, rows: Int, seed: UInt64) throws -> RuleTable {
    var random = RandomNumbers(seed: seed)
    return try RuleTable(
      features: PlantedTables.named(2),
      rows: (0..<rows).map { _ in
        let (a, b) = (random.normal(), random.normal())
        let y = rho * a + (1 - rho * rho).squareRoot() * b
        return [a, y * y * y]
      })
  }

  @Test(arguments: [-0.9, 0.5, 0.8]) func correlationsOfRanksStay(_ rho: Double) throws {
    let queries = try QueryDistribution.copula.draw(8000, like: pairs(rho, rows: 1500, seed: 1), seed: 2)
    // Undo the power: the normal numbers that were tied.
    let found = correlation(queries.column(0), queries.column(1).map { cbrt($0) })
    #expect(abs(found - rho) < 0.05, "\(found)")
  }

  @Test func marginalsStayUnderCorrelation() throws {
    let examples = try pairs(0.8, rows: 1000, seed: 3)
    let queries = try QueryDistribution.copula.draw(20_000, like: examples, seed: 4)
    for feature in 0..<2 {
      let (from, to) = (Array(examples.column(feature)).sorted(), Array(queries.column(feature)).sorted())
      for share in [0.05, 0.25, 0.5, 0.75, 0.95] {
        let wanted = Statistics.quantile(sorted: from, share)
        // Of the share of queries below a quantile of the examples.
        let below = Double(to.count { $0 <= wanted }) / 20_000
        #expect(abs(below - share) < 0.02, "\(feature) \(share): \(below)")
      }
    }
  }

  /// Of independent features the correlations that chance made mostly go; rows are those of the marginals.
  @Test func chanceTiesNothing() throws {
    let examples = try PlantedTables.uniform(200, PlantedTables.named(10), seed: 5)
    let ranks = (0..<10).map { feature -> [Double] in
      let column = Array(examples.column(feature))
      return column.map { value in Double(column.count { $0 < value }) - 99.5 }
    }
    let found = GaussianCopula.correlations(ranks)
    var (before, after) = (0.0, 0.0)
    for i in 0..<10 {
      for j in 0..<i {
        before += abs(correlation(ranks[i], ranks[j]))
        after += abs(found[i * 10 + j])
      }
    }
    #expect(after < 0.5 * before)
    #expect((0..<10).allSatisfy { found[$0 * 11] == 1 })
  }

  @Test func correlationsAreTheFormula() {
    let ranks: [[Double]] = [[-1.5, -0.5, 0.5, 1.5], [-0.5, -1.5, 1.5, 0.5]]
    // Spearman's correlation is 3 / 5.
    let r = 2 * sin(Double.pi * 0.6 / 6)
    let kept = 1 - (1 - r * r) * (1 - r * r) / 3 / (r * r)
    let found = GaussianCopula.correlations(ranks)
    let expected: [Double] = [1, kept * r, kept * r, 1]
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 }, "\(found), expected \(expected)")
    // What is the same but for its sign is tied for certain; constant columns are not tied at all.
    let same = GaussianCopula.correlations([ranks[0], ranks[0].map { -$0 }, [0, 0, 0, 0]])
    // The constant column has chances of its own: 2 · 1 / 3 beside a total of 1.
    let share = 1 - 2.0 / 3
    let wanted: [Double] = [1, -share, 0, -share, 1, 0, 0, 0, 1]
    #expect(zip(same, wanted).allSatisfy { abs($0 - $1) < 1e-12 }, "\(same)")
  }

  @Test func repeatedColumnsRepeat() throws {
    let one = try PlantedTables.uniform(300, PlantedTables.named(1), seed: 6)
    let examples = try RuleTable(
      features: PlantedTables.named(3), rows: (0..<300).map { [one[$0, 0], one[$0, 0], -2 * one[$0, 0]] })
    let queries = try QueryDistribution.copula.draw(2000, like: examples, seed: 7)
    #expect(correlation(queries.column(0), queries.column(1)) > 0.99)
    #expect(correlation(queries.column(0), queries.column(2)) < -0.99)
  }

  /// Levels are tied to numbers, in whichever order they are listed.
  @Test(arguments: [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]])
  func categoriesFollowNumbers(_ levels: [String]) throws {
    var random = RandomNumbers(seed: 8)
    let features = [Feature("group", kind: .categorical(levels: levels)), Feature("x"), Feature("noise")]
    let places: [String: Double] = ["a": -10, "b": 0, "c": 10]
    let examples = try RuleTable(
      features: features,
      rows: (0..<600).map { _ in
        let level = random.index(below: 3)
        return [Double(level), places[levels[level]]! + random.normal(), random.normal()]
      })
    let queries = try QueryDistribution.copula.draw(3000, like: examples, seed: 9)
    let right = (0..<3000).count { row in
      abs(queries[row, 1] - places[levels[Int(queries[row, 0])]]!) < 5
    }
    // Of independent features it is a third.
    #expect(right > 2300, "\(right)")
  }

  @Test func categoriesAloneKeepTheirShares() throws {
    let features = [Feature("c", kind: .categorical(levels: ["p", "q", "r"])), Feature("x")]
    let examples = try RuleTable(
      features: features, rows: (0..<100).map { [$0 < 20 ? 0 : $0 < 90 ? 2 : .nan, .nan] })
    let queries = try QueryDistribution.copula.draw(10_000, like: examples, seed: 10)
    for (value, share) in [(0, 0.2), (1, 0), (2, 0.7)] as [(Double, Double)] {
      #expect(abs(Double(queries.column(0).count { $0 == value }) / 10_000 - share) < 0.02)
    }
    #expect(queries.column(1).allSatisfy { $0.isNaN })
  }
}
