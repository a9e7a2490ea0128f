import Testing

@testable import NoemaRules

@Suite struct ChangeGridTests {
  private let features = [
    Feature("x"), Feature("n", kind: .integer), Feature("c", kind: .categorical(levels: ["u", "v", "w"])),
    Feature("g", kind: .ordinal(levels: ["low", "middle", "high"])),
  ]

  private func table() throws -> RuleTable {
    try RuleTable(
      features: features,
      rows: (0..<20).map { (row: Int) -> [Double] in
        let values: [Int] = [row, row % 5, row % 2, row % 3]
        return values.map { Double($0) }
      })
  }

  private func grid(
    _ row: [Double], _ terms: [Term], values: Int = 3, mayChange: (Int, Double) -> Bool = { _, _ in true }
  ) throws -> ChangeGrid {
    ChangeGrid(row, terms, try table(), valuesPerCell: values, mayChange: mayChange)
  }

  @Test func valuesAreNearestMiddleAndFarthest() throws {
    let grid = try grid([3, 0, 0, 0], [.atMost(0, 7.5), .above(0, 15.5)])
    // Of 8…15 and 16…19; deviations from the median 9.5 have the median 5.
    #expect(grid.options.map(\.value) == [8, 11, 15, 16, 17, 19])
    #expect(grid.options.map(\.distance) == [5, 8, 12, 13, 14, 16].map { $0 / 5 })
    #expect(
      grid.cells.map(\.condition.values) == [
        .interval(above: 7.5, atMost: 15.5), .interval(above: 15.5, atMost: .infinity),
      ])
    #expect(grid.cells.map(\.range) == [7.5...15.5, 15.5...19])
    #expect(grid.places == [0..<6, 6..<6, 6..<6, 6..<6])
    #expect(try self.grid([3, 0, 0, 0], [.atMost(0, 7.5)], values: 1).options.map(\.value) == [8])
  }

  @Test func featuresWithoutThresholdsStay() throws {
    #expect(try grid([3, 0, 0, 0], []).options.isEmpty)
    #expect(try grid([3, 0, 0, 0], [.isPresent(0)]).options.isEmpty)
    #expect(
      try grid([3, 0, 0, 0], [.atMost(0, 7.5)]) { _, value in value > 18 }.options.map(\.value) == [19])
  }

  @Test func levelsAreApartByOne() throws {
    // The third level is of no example, but can be.
    let grid = try grid([3, 0, 0, 0], [.isIn(2, [0])])
    #expect(grid.options.map(\.value) == [1, 2] && grid.options.allSatisfy { $0.distance == 1 })
    let ranks = try self.grid([3, 0, 0, 0], [.isIn(3, [1])])
    #expect(ranks.options.map(\.value) == [1, 2] && ranks.options.map(\.distance) == [1, 2])
  }

  @Test func wholeNumbersStayWhole() throws {
    let grid = try grid([3, 0, 0, 0], [.atMost(1, 1.5), .above(1, 3)])
    #expect(grid.options.map(\.value) == [2, 3, 4])
    #expect(grid.cells.map(\.range) == [2...3, 4...4])
  }

  @Test func waysAreCounted() throws {
    let grid = try grid([3, 0, 0, 0], [.atMost(0, 7.5), .atMost(1, 1.5), .isIn(2, [0])])
    let sizes = grid.places.map(\.count)
    #expect(sizes == [3, 3, 2, 0])
    #expect((0...4).map { grid.combinationCount($0) } == [1, 8, 9 + 6 + 6, 18, 0])
  }
}
