import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

/// Maps that are moved to a common middle before they are compared.
@Suite struct AlignedMapsTests {
  /// Bars with a bump in their middle, lying or standing, somewhere on a map.
  private struct Bars {
    static let side = 25
    let relevance: Tensor
    let isStanding: [Bool]
    /// The middle of each. Noise is faint, because what is everywhere draws the mean position to the middle.
    let places: [(row: Int, column: Int)]

    init(_ count: Int, seed: UInt64, noise: Double = 0.0005) {
      var random = RandomNumbers(seed: seed)
      var values: [Float] = [], places: [(row: Int, column: Int)] = []
      for example in 0..<count {
        let place = (row: 4 + random.index(below: 17), column: 4 + random.index(below: 17))
        places.append(place)
        for cell in 0..<Self.side * Self.side {
          let (y, x) = (cell / Self.side - place.row, cell % Self.side - place.column)
          let (along, across) = example % 2 == 0 ? (x, y) : (y, x)
          let bar: Double = abs(along) <= 4 && abs(across) <= 1 ? (abs(along) <= 1 ? 3 : 1) : 0
          values.append(Float(bar + noise * random.normal()))
        }
      }
      relevance = Tensor(shape: [count, 1, Self.side, Self.side], values)
      isStanding = (0..<count).map { $0 % 2 == 1 }
      self.places = places
    }

    func prepared(_ alignment: MapAlignment, side: Int? = nil) throws -> RelevanceMaps {
      var preprocessing = RelevancePreprocessing()
      (preprocessing.alignment, preprocessing.longestSide) = (alignment, side)
      var collector = try RelevanceCollector(preprocessing)
      try collector.append(relevance, of: PlantedMaps.examples(isStanding.count))
      return try collector.finish()
    }

    /// The share of examples whose cluster is that of their kind, of two clusters.
    func agreement(_ labels: [Int]) -> Double {
      let hits = zip(labels, isStanding).count { ($0 == 1) == $1 }
      return Double(max(hits, labels.count - hits)) / Double(labels.count)
    }
  }

  private let aligned: [MapAlignment] = [.centre, .peak]

  // MARK: Moves

  @Test func plantedShiftsAreUndoneExactly() throws {
    let bars = Bars(30, seed: 1, noise: 0)
    let still = try bars.prepared(.none)
    #expect(still.offsets.isEmpty && still.grid?.isAligned == false)
    for alignment in aligned {
      let maps = try bars.prepared(alignment)
      #expect(maps.grid?.alignment == alignment && maps.offsets.count == 30)
      for (index, place) in bars.places.enumerated() {
        // All of a kind are the same to the last digit, wherever they were.
        #expect(maps.points.row(index).elementsEqual(maps.points.row(index % 2)))
        #expect(maps.offsets[index] == MapOffset(rows: 12 - place.row, columns: 12 - place.column))
        // And come back.
        #expect(maps.values(of: index) == Array(still.points.row(index)))
      }
    }
  }

  /// Blocks are laid over moved maps, so that bars which lie across their edges are alike too.
  @Test func mapsAreMovedBeforeBlocksAreSummed() throws {
    let bars = Bars(30, seed: 2, noise: 0)
    for alignment in aligned {
      let maps = try bars.prepared(alignment, side: 9)
      let grid = try #require(maps.grid)
      #expect(grid.block == 3 && grid.count == 81)
      // By as many positions as without blocks.
      #expect(try maps.offsets == bars.prepared(alignment).offsets)
      for index in 2..<30 {
        #expect(maps.points.row(index).elementsEqual(maps.points.row(index % 2)))
      }
    }
  }

  /// What was moved by whole blocks comes back exactly.
  @Test func blocksAreMovedBack() throws {
    for (row, column) in [(0, 0), (2, 8), (10, 4), (6, 6)] {
      var map = [Float](repeating: 0, count: 144)
      for (place, value) in [(0, 4), (1, 2), (12, -1), (13, 1)] as [(Int, Float)] {
        map[row * 12 + column + place] = value
      }
      func prepared(_ alignment: MapAlignment) throws -> RelevanceMaps {
        var preprocessing = RelevancePreprocessing()
        (preprocessing.alignment, preprocessing.longestSide) = (alignment, 6)
        var collector = try RelevanceCollector(preprocessing)
        try collector.append(Tensor(shape: [1, 12, 12], map), of: PlantedMaps.examples(1))
        return try collector.finish()
      }
      let maps = try prepared(.peak)
      #expect(maps.offsets == [MapOffset(rows: 6 - row, columns: 6 - column)])
      #expect(maps.points.values.firstIndex { $0 != 0 } == 3 * 6 + 3)
      #expect(try maps.values(of: 0) == prepared(.none).points.values)
    }
  }

  /// Each pixel of an image lies in the block that its position was moved to.
  @Test func pixelsFindTheirBlocks() throws {
    let bars = Bars(8, seed: 3)
    for alignment in aligned {
      let (maps, still) = (try bars.prepared(alignment), try bars.prepared(.none))
      let grid = try #require(maps.grid)
      for index in 0..<8 {
        let (map, before) = (Array(maps.points.row(index)), Array(still.points.row(index)))
        let cells = grid.cells(height: 25, width: 25, movedBy: maps.offsets[index])
        #expect(cells.map { map[$0] } == before)
        // An image of twice the resolution shows each position four times.
        let fine = grid.cells(height: 50, width: 50, movedBy: maps.offsets[index])
        #expect((0..<2500).allSatisfy { map[fine[$0]] == before[$0 / 100 * 25 + $0 % 50 / 2] })
      }
    }
  }

  @Test func channelsMoveTogether() throws {
    var preprocessing = RelevancePreprocessing()
    (preprocessing.channels, preprocessing.alignment, preprocessing.longestSide) = (.none, .centre, nil)
    preprocessing.normalisation = .none
    // The first channel is what lies aside; the second goes with it.
    var values = [Float](repeating: 0, count: 2 * 49)
    values[0 * 7 + 1] = 4
    values[49 + 2 * 7 + 1] = -4
    var collector = try RelevanceCollector(preprocessing)
    try collector.append(Tensor(shape: [1, 2, 7, 7], values), of: PlantedMaps.examples(1))
    let maps = try collector.finish()
    #expect(maps.offsets == [MapOffset(rows: 2, columns: 2)])
    let found = Array(maps.points.row(0))
    #expect(found[2 * 7 + 3] == 4 && found[49 + 4 * 7 + 3] == -4 && found.count { $0 != 0 } == 2)
  }

  // MARK: Strategies

  @Test func alignedClustersAreFoundThatUnalignedOnesMiss() throws {
    let bars = Bars(120, seed: 4)
    var spray = PlantedMaps.spray
    let free = try spray.analyse(bars.prepared(.none))
    // Where a bar lies says more than how.
    #expect(free.clusters.count != 2 || bars.agreement(free.labels) < 0.8)
    for alignment in aligned {
      let found = try spray.analyse(bars.prepared(alignment))
      #expect(found.clusters.count == 2 && bars.agreement(found.labels) == 1, "\(alignment)")
      #expect(found.grid?.alignment == alignment)
      #expect(try found.members.map { $0.offset } == bars.prepared(alignment).offsets)
    }
    spray.count = .fixed(2)
    #expect(bars.agreement(try spray.analyse(bars.prepared(.none)).labels) < 0.8)
  }

  @Test func furtherMapsAreAssignedWhereverTheyLie() throws {
    let bars = Bars(120, seed: 5), further = Bars(40, seed: 6)
    let maps = try bars.prepared(.centre)
    let found = try PlantedMaps.spray.analyse(maps)
    let assigner = try StrategyAssigner(found, maps: maps)
    #expect(further.agreement(try assigner.assign(further.prepared(.centre)).map { $0.label }) == 1)
    // Maps that were moved otherwise are others, even where they have as many values.
    for other in [MapAlignment.none, .peak] {
      #expect(kind { _ = try assigner.assign(further.prepared(other)) }?.name == "mismatch")
    }
  }

  /// A region of aligned maps has no name, and lies on each image where its own map was.
  @Test func regionsMoveWithTheirMaps() throws {
    let bars = Bars(60, seed: 7)
    for alignment in aligned {
      let maps = try bars.prepared(alignment)
      let found = try PlantedMaps.spray.analyse(maps)
      let grid = try #require(found.grid)
      for cluster in found.clusters {
        // As large as a bar.
        let region = try MapRegion(of: cluster.mean, on: grid, area: 27.0 / 625)
        #expect(region.place == nil && region.phrase == "in a place that moves with the map")
        for member in cluster.members {
          let mask = region.mask(height: 25, width: 25, movedBy: found.members[member].offset)
          let place = bars.places[member]
          for cell in mask.indices {
            let (y, x) = (abs(cell / 25 - place.row), abs(cell % 25 - place.column))
            let (along, across) = bars.isStanding[member] ? (y, x) : (x, y)
            #expect(mask[cell] == (along <= 4 && across <= 1))
          }
        }
      }
    }
  }

  // MARK: Refusals

  @Test func whatHasNoPlacesCannotBeAligned() throws {
    for alignment in aligned {
      var preprocessing = RelevancePreprocessing()
      (preprocessing.alignment, preprocessing.channels) = (alignment, .positions)
      #expect(
        kind { _ = try RelevanceCollector(preprocessing) }
          == .parameters(
            "maps of which positions are summed do not depend on places, so they cannot be aligned; leave out one of "
              + "the two"))
      preprocessing = .histogram
      preprocessing.alignment = alignment
      #expect(
        kind { try preprocessing.validate() }
          == .parameters(
            "maps of which values are counted do not depend on places, so they cannot be aligned; leave out one of "
              + "the two"))
      preprocessing = RelevancePreprocessing()
      preprocessing.alignment = alignment
      var collector = try RelevanceCollector(preprocessing)
      #expect(
        kind {
          try collector.append(Tensor(shape: [1, 9], repeating: Float(1)), of: PlantedMaps.examples(1))
        }
          == .mismatch(
            "relevance of shape [9] for one example has no rows and columns along which it could be moved; do not "
              + "align it"))
    }
  }

  @Test func offsetsBelongToAlignedMaps() throws {
    let points = try PlantedPoints.noise(2, 9, seed: 1)
    let examples = PlantedMaps.examples(2)
    let still = try MapGrid(sourceHeight: 3, sourceWidth: 3)
    let moved = try MapGrid(sourceHeight: 3, sourceWidth: 3, alignment: .peak)
    #expect(still != moved && !still.isAligned && moved.isAligned)
    let offsets = [MapOffset(rows: 1, columns: 0), .zero]
    let maps = try RelevanceMaps(points, examples: examples, grid: moved, offsets: offsets)
    #expect(maps.offset(of: 0) == offsets[0])
    for (grid, offsets) in [(moved, []), (moved, [.zero]), (still, offsets), (nil, offsets)]
      as [(MapGrid?, [MapOffset])]
    {
      #expect(
        kind { _ = try RelevanceMaps(points, examples: examples, grid: grid, offsets: offsets) }
          == .mismatch(
            "found \(offsets.count) offsets of 2 relevance maps; aligned ones have one each, others none"))
    }
  }

  /// A map without values, or one that is not finite, is no map, aligned or not.
  @Test func flawedMapsAreNamedBeforeTheyAreMoved() throws {
    var preprocessing = RelevancePreprocessing()
    preprocessing.alignment = .centre
    preprocessing.excludesFlawed = true
    let rows: [[Float]] = [[0, 0, 0, 0], [1, 2, 3, -4], [.nan, 1, 2, 3]]
    var collector = try RelevanceCollector(preprocessing)
    try collector.append(Tensor(shape: [3, 2, 2], rows.flatMap { $0 }), of: PlantedMaps.examples(3))
    let maps = try collector.finish()
    #expect(maps.examples.map { $0.index } == [1] && maps.offsets.count == 1)
    #expect(maps.flawed.map { $0.flaw } == [.zero, .notFinite])
  }
}
