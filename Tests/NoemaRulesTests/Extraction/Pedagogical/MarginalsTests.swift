import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

/// Queries have the moments of the examples' marginals and satisfy what is asked of them.
@Suite struct MarginalsTests {
  /// Four standard errors: none of a few dozen comparisons exceeds them by chance.
  private static let errors = 4.0

  private func shares(_ column: some Collection<Double>, of levels: Int) -> [Double] {
    (0..<levels).map { level in Double(column.count { $0 == Double(level) }) / Double(column.count) }
  }

  @Test func queriesHaveTheMomentsOfTheExamples() throws {
    let examples = try PlantedTables.mixed(500, seed: 1)
    let queries = try Marginals(of: examples).draw(20_000, seed: 2)
    #expect(queries.features == examples.features && queries.rowCount == 20_000)
    for feature in 0..<4 {
      let (from, to) = (Array(examples.column(feature)), Array(queries.column(feature)))
      let missing = Double(from.count(where: \.isNaN)) / 500
      let drawn = Double(to.count(where: \.isNaN)) / 20_000
      let missingError = (missing * (1 - missing) / 20_000).squareRoot()
      #expect(abs(drawn - missing) < MarginalsTests.errors * missingError)
      let (present, made) = (from.filter { !$0.isNaN }, to.filter { !$0.isNaN })
      #expect(made.min()! >= present.min()! && made.max()! <= present.max()!)
      let deviation = Statistics.standardDeviation(present)
      let error = deviation / Double(made.count).squareRoot()
      // The reflection at the ends moves a mean by far less than the kernel's width.
      let width = feature < 2 ? deviation / 500.0.squareRoot() : 0
      let bound = MarginalsTests.errors * error + 0.1 * width
      #expect(abs(Statistics.mean(made) - Statistics.mean(present)) < bound)
      if feature < 2 {
        // A kernel adds its variance; whole numbers are mostly rounded back.
        let expected = deviation * deviation * (feature == 0 ? 1 + 1.0 / 500 : 1)
        #expect(abs(Statistics.variance(made) / expected - 1) < 0.05)
      } else {
        for (a, b) in zip(shares(made, of: 4), shares(present, of: 4)) {
          let error = (b * (1 - b) / Double(made.count)).squareRoot()
          #expect(abs(a - b) < MarginalsTests.errors * error + 1e-12)
        }
      }
    }
    // Integers stay whole.
    #expect(queries.column(1).allSatisfy { $0.isNaN || $0 == $0.rounded() })
  }

  @Test func tiesBetweenFeaturesAreLost() throws {
    let rows: [[Double]] = (0..<300).map { [Double($0), Double(-$0)] }
    let examples = try RuleTable(features: PlantedTables.named(2), rows: rows)
    let queries = try Marginals(of: examples).draw(10_000, seed: 3)
    let (a, b) = (Array(queries.column(0)), Array(queries.column(1)))
    let (ma, mb) = (Statistics.mean(a), Statistics.mean(b))
    let covariance = zip(a, b).reduce(0) { $0 + ($1.0 - ma) * ($1.1 - mb) } / 10_000
    let correlation = covariance / (Statistics.standardDeviation(a) * Statistics.standardDeviation(b))
    #expect(abs(correlation) < 0.05)
  }

  @Test func constantColumnsAndLoneExamplesStay() throws {
    let one = try RuleTable(features: PlantedTables.named(2), rows: [[3, -7]])
    #expect(try Marginals(of: one).draw(5).values == [3, 3, 3, 3, 3, -7, -7, -7, -7, -7])
    let empty = try RuleTable(features: PlantedTables.named(1), rows: [[.nan], [.nan]])
    #expect(try Marginals(of: empty).draw(3).values.allSatisfy { $0.isNaN })
    #expect(try Marginals(of: one).draw(0).rowCount == 0)
    #expect(throws: RuleError(.tooFew(set: "the table of examples", found: 0, needed: 1))) {
      try Marginals(of: one.subset(rows: []))
    }
    #expect(throws: RuleError(.parameters("the number of queries must be 0 or more, found -1"))) {
      try Marginals(of: one).draw(-1)
    }
  }

  // MARK: Conditions

  @Test func conditionsHold() throws {
    let examples = try PlantedTables.mixed(400, seed: 4)
    let marginals = try Marginals(of: examples)
    let clauses: [Clause] = [
      Clause([.above(0, 0.5), .atMost(0, 0.75)]), Clause([.atMost(1, 4), .isIn(2, [0, 1])]),
      Clause([.above(3, 0, orMissing: true), .isMissing(0)]),
      Clause([.isPresent(1), .isIn(2, [2], orMissing: true)]),
      // Between two neighbouring values of the examples.
      Clause([.above(0, 0.5), .atMost(0, 0.5000001)]),
    ]
    for (index, clause) in clauses.enumerated() {
      let queries = try marginals.draw(2000, where: clause, seed: UInt64(index))
      #expect(queries.rowCount == 2000)
      #expect((0..<2000).allSatisfy { clause.holds(row: $0, of: queries) }, "\(clause)")
    }
  }

  /// A condition leaves the shares among what satisfies it as they are.
  @Test func conditionedSharesAreThoseOfTheExamples() throws {
    let examples = try PlantedTables.mixed(1000, seed: 5)
    let clause = Clause([.isIn(2, [0, 2], orMissing: true), .above(3, 0)])
    let queries = try Marginals(of: examples).draw(20_000, where: clause, seed: 6)
    let colour = examples.column(2)
    let missing = Double(colour.count(where: \.isNaN)) / Double(colour.count)
    let drawn = Double(queries.column(2).count(where: \.isNaN)) / 20_000
    #expect(abs(drawn - missing) < 0.01)
    let grades = examples.column(3).filter { $0 > 0 }
    for (a, b) in zip(shares(queries.column(3), of: 4), shares(grades, of: 4)) { #expect(abs(a - b) < 0.015) }
  }

  @Test func otherFeaturesStayAsTheyWere() throws {
    let marginals = try Marginals(of: PlantedTables.mixed(200, seed: 7))
    let plain = try marginals.draw(300, seed: 8)
    let conditioned = try marginals.draw(500, where: Clause([.above(0, 1)]), seed: 8)
    for feature in 1..<4 {
      let (a, b) = (Array(plain.column(feature)), Array(conditioned.column(feature).prefix(300)))
      #expect(zip(a, b).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN })
    }
  }

  @Test func conditionsThatNothingSatisfiesAreRefused() throws {
    let marginals = try Marginals(of: PlantedTables.mixed(50, seed: 9, missing: 0))
    for clause in [
      Clause([.above(0, 1e9)]), Clause([.isMissing(0)]), Clause([.above(0, 1), .atMost(0, 0.5)]),
    ] {
      #expect(
        throws: RuleError(
          .parameters("no value of 'number' near the examples satisfies the clause; drop its condition"))
      ) {
        try marginals.draw(1, where: clause)
      }
    }
    // No example is green, and no integer lies between 2.2 and 2.8.
    #expect(throws: RuleError.self) { try marginals.draw(1, where: Clause([.isIn(2, [1])])) }
    #expect(throws: RuleError.self) {
      try marginals.draw(1, where: Clause([.above(1, 2.2), .atMost(1, 2.8)]))
    }
    #expect(throws: RuleError.self) { try marginals.draw(1, where: Clause([.above(9, 0)])) }
  }

  // MARK: On a way down a tree

  /// Of an M-of-N test alone, the literals that hold are those of the marginals, given that enough of them do.
  @Test(arguments: [1, 2, 3, 4]) func testsOnTheWayAreConditions(_ m: Int) throws {
    let examples = try PlantedTables.booleans(400, 4, seed: 10)
    let marginals = try Marginals(of: examples)
    var path = PathConstraints()
    path.add(MOfN(m, of: (0..<4).map { .above($0, 0.5) }), holds: true, in: examples.features)
    let queries = marginals.draw(6000, on: path, seed: 11)
    #expect(queries.rowCount == 6000)
    let counts = (0..<6000).map { row in queries.row(row).count { $0 > 0.5 } }
    #expect(counts.allSatisfy { $0 >= m })
    let p = (0..<4).map { feature in Double(examples.column(feature).count { $0 > 0.5 }) / 400 }
    // By enumeration of all rows.
    var (total, mean) = (0.0, 0.0)
    for code in 0..<16 {
      let bits = (0..<4).map { code >> $0 & 1 == 1 }
      let chance = bits.indices.reduce(1.0) { $0 * (bits[$1] ? p[$1] : 1 - p[$1]) }
      let count = bits.count { $0 }
      guard count >= m else { continue }
      total += chance
      mean += chance * Double(count)
    }
    #expect(abs(Double(counts.reduce(0, +)) / 6000 - mean / total) < 0.06)
  }

  @Test func severalTestsHoldAtOnce() throws {
    let examples = try PlantedTables.mixed(300, seed: 12)
    let features = examples.features
    let first = MOfN(2, of: [.above(0, 1), .atMost(1, 4), .isIn(2, [0])])
    let second = MOfN(2, of: [.above(0, 0.5), .above(3, 0), .isIn(2, [2])])
    var path = PathConstraints()
    path.add(first, holds: true, in: features)
    path.add(second, holds: false, in: features)
    path.add(MOfN(1, of: [.above(1, 1)]), holds: true, in: features)
    #expect(path.tests.count == 2 && path.clause == Clause([.above(1, 1)]))
    let queries = try Marginals(of: examples).draw(500, on: path, seed: 13)
    #expect(queries.rowCount > 100)
    for row in 0..<queries.rowCount {
      #expect(first.holds(row: row, of: queries) && !second.holds(row: row, of: queries))
      #expect(queries[row, 1] > 1)
    }
  }

  @Test func whatCannotHoldGivesNothing() throws {
    let examples = try PlantedTables.booleans(50, 2, seed: 14)
    var path = PathConstraints()
    path.add(MOfN(1, of: [.above(0, 5), .above(1, 5)]), holds: true, in: examples.features)
    #expect(try Marginals(of: examples).draw(10, on: path, seed: 0).rowCount == 0)
  }

  // MARK: Comparison

  @Test func marginalsAreToldApartByLevelsAndNumbers() throws {
    let examples = try PlantedTables.mixed(2000, seed: 15)
    for feature in 0..<4 {
      let all = Array(examples.column(feature))
      let whole = FeatureMarginal(all, of: examples.features[feature])
      let part = FeatureMarginal(all.prefix(300), of: examples.features[feature])
      #expect(!part.differs(from: whole, significance: 0.001))
      let present = all.filter { !$0.isNaN }.sorted()
      let low = FeatureMarginal(present.prefix(300), of: examples.features[feature])
      #expect(low.differs(from: whole, significance: 0.001))
      let none = FeatureMarginal([Double](repeating: .nan, count: 300), of: examples.features[feature])
      #expect(none.differs(from: whole, significance: 0.001))
    }
  }
}
