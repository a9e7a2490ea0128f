import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct QueryDistributionTests {
  private static let all: [QueryDistribution] = [
    .examples, .copula, .marginals, .box, .mixes(), .mixes(neighbours: 1),
  ]

  @Test(arguments: all) func queriesAreRowsOfTheTable(_ distribution: QueryDistribution) throws {
    let examples = try PlantedTables.mixed(150, seed: 1)
    let queries = try distribution.draw(1000, like: examples, seed: 2)
    #expect(queries.features == examples.features && queries.rowCount == 1000)
    // Every value fits its feature and lies within the range of the examples.
    _ = try RuleTable(features: queries.features, rowCount: 1000, values: queries.values)
    for feature in 0..<2 {
      let present = examples.column(feature).filter { !$0.isNaN }
      #expect(
        queries.column(feature).allSatisfy { $0.isNaN || $0 >= present.min()! && $0 <= present.max()! })
    }
    let missing = Double(examples.values.count(where: \.isNaN)) / 600
    #expect(abs(Double(queries.values.count(where: \.isNaN)) / 4000 - missing) < 0.03)
  }

  @Test(arguments: all) func equalSeedsDrawEqualBytes(_ distribution: QueryDistribution) throws {
    let examples = try PlantedTables.mixed(80, seed: 3)
    func bits(_ seed: UInt64) throws -> [UInt64] {
      try distribution.draw(400, like: examples, seed: seed).values.map(\.bitPattern)
    }
    #expect(try bits(5) == bits(5))
    #expect(try bits(5) != bits(6))
  }

  @Test(arguments: all) func nothingToDrawFromIsRefused(_ distribution: QueryDistribution) throws {
    let examples = try PlantedTables.mixed(4, seed: 4)
    #expect(throws: RuleError(.tooFew(set: "the table of examples", found: 0, needed: 1))) {
      try distribution.draw(3, like: examples.subset(rows: []))
    }
    #expect(throws: RuleError(.parameters("the number of queries must be 0 or more, found -2"))) {
      try distribution.draw(-2, like: examples)
    }
    #expect(try distribution.draw(0, like: examples).rowCount == 0)
  }

  @Test func examplesAreDrawnWhole() throws {
    let examples = try PlantedTables.uniform(20, PlantedTables.named(3), seed: 5)
    let rows = Set((0..<20).map { examples.row($0) })
    let queries = try QueryDistribution.examples.draw(2000, like: examples, seed: 6)
    #expect((0..<2000).allSatisfy { rows.contains(queries.row($0)) })
    // All of them, about equally often.
    #expect(Set((0..<2000).map { queries.row($0) }).count == 20)
  }

  @Test func theBoxIsFilledEvenly() throws {
    let features: [Feature] = [
      Feature("x"), Feature("n", kind: .integer), Feature("c", kind: .categorical(levels: ["p", "q", "r"])),
    ]
    // Two examples span the box; the third level is listed and not seen.
    let examples = try RuleTable(features: features, rows: [[-1, 2, 0], [3, 6, 1]])
    let queries = try QueryDistribution.box.draw(20_000, like: examples, seed: 7)
    func share(_ feature: Int, _ holds: (Double) -> Bool) -> Double {
      Double(queries.column(feature).count(where: holds)) / 20_000
    }
    #expect(share(0) { $0 >= -1 && $0 <= 3 } == 1)
    for low in [-1, 0, 1, 2] as [Double] {
      #expect(abs(share(0) { $0 > low && $0 <= low + 1 } - 0.25) < 0.015)
    }
    for value in [2, 3, 4, 5, 6] as [Double] { #expect(abs(share(1) { $0 == value } - 0.2) < 0.015) }
    for level in [0, 1, 2] as [Double] { #expect(abs(share(2) { $0 == level } - 1.0 / 3) < 0.015) }
  }

  /// On a line through ten features every mix lies on the line.
  @Test func mixesLieBetweenNeighbours() throws {
    let squares = (0..<60).map { Double($0 * $0) }
    let slopes = (0..<10).map { Double($0 - 4) }
    let examples = try RuleTable(
      features: PlantedTables.named(10), rows: squares.map { square in slopes.map { square * $0 + 1 } })
    let queries = try QueryDistribution.mixes(neighbours: 2).draw(3000, like: examples, seed: 8)
    for row in 0..<3000 {
      let place = queries[row, 5] - 1
      let slack = 1e-9 * (1 + 6 * abs(place))
      for (feature, slope) in slopes.enumerated() {
        let distance = abs(queries[row, feature] - (place * slope + 1))
        #expect(distance < slack)
      }
      #expect(place >= -slack && place <= squares[59] + slack)
    }
    // They are new rows.
    #expect(Set((0..<3000).map { queries[$0, 5] }).count > 2900)
  }

  /// Two groups far apart: with neighbours from the own group alone nothing lies between them.
  @Test func mixesKeepGroupsApart() throws {
    var random = RandomNumbers(seed: 9)
    let features = PlantedTables.named(2) + [Feature("group", kind: .categorical(levels: ["left", "right"]))]
    let examples = try RuleTable(
      features: features,
      rows: (0..<100).map { row in
        let side = Double(row % 2)
        return [side * 100 + random.normal(), side * -50 + random.normal(), side]
      })
    let queries = try QueryDistribution.mixes().draw(2000, like: examples, seed: 10)
    for row in 0..<2000 {
      let isRight = queries[row, 2] == 1
      #expect((queries[row, 0] > 50) == isRight && (queries[row, 1] < -25) == isRight)
    }
    // The same rows without their ties.
    let loose = try QueryDistribution.marginals.draw(2000, like: examples, seed: 10)
    #expect((0..<2000).count { (loose[$0, 0] > 50) != (loose[$0, 2] == 1) } > 800)
  }

  @Test func aLoneExampleIsMixedWithItself() throws {
    let examples = try PlantedTables.uniform(1, PlantedTables.named(2), seed: 11)
    let queries = try QueryDistribution.mixes().draw(3, like: examples, seed: 0)
    #expect((0..<3).allSatisfy { queries.row($0) == examples.row(0) })
    #expect(throws: RuleError(.parameters("mixes need 1 neighbour or more, found 0"))) {
      try QueryDistribution.mixes(neighbours: 0).draw(3, like: examples)
    }
  }

  @Test func namesAreWords() {
    #expect(
      QueryDistributionTests.all.prefix(5).map(\.name) == [
        "the examples, with replacement", "the examples' marginals and correlations",
        "the examples' marginals", "the box of the examples",
        "mixes of an example and one of its 5 nearest",
      ])
  }
}
