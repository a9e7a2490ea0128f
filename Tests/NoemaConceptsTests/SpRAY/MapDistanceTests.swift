import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct MapDistanceTests {
  /// float32 maps of which both sides take the same doubles; sums run in another order.
  private let tolerance = 1e-10

  private func noise(_ count: Int, _ grid: MapGrid, seed: UInt64) throws -> PointSet {
    try PlantedPoints.noise(count, grid.count, seed: seed)
  }

  /// One less the structural similarity of two maps, window by window from the definition.
  private func naive(_ x: [Float], _ y: [Float], _ grid: MapGrid, window: Int, range: Double) -> Double {
    let (c1, c2) = (pow(0.01 * range, 2), pow(0.03 * range, 2))
    var similarities: [Double] = []
    for channel in 0..<grid.channels {
      for top in 0...(grid.height - window) {
        for left in 0...(grid.width - window) {
          let places = (0..<window * window).map {
            channel * grid.cells + (top + $0 / window) * grid.width + left + $0 % window
          }
          let a = places.map { Double(x[$0]) }, b = places.map { Double(y[$0]) }
          let (meanA, meanB) = (a.reduce(0, +) / Double(a.count), b.reduce(0, +) / Double(b.count))
          func moment(_ p: [Double], _ q: [Double], _ meanP: Double, _ meanQ: Double) -> Double {
            zip(p, q).reduce(0) { $0 + ($1.0 - meanP) * ($1.1 - meanQ) } / Double(a.count - 1)
          }
          let level = (2 * meanA * meanB + c1) / (meanA * meanA + meanB * meanB + c1)
          let structure =
            (2 * moment(a, b, meanA, meanB) + c2)
            / (moment(a, a, meanA, meanA) + moment(b, b, meanB, meanB) + c2)
          similarities.append(level * structure)
        }
      }
    }
    return 1 - similarities.reduce(0, +) / Double(similarities.count)
  }

  private func map(_ maps: PointSet, _ index: Int) -> [Float] { Array(maps.row(index)) }

  // MARK: Structural similarity

  @Test(arguments: [(1, 9, 12, 7), (2, 6, 5, 3), (3, 7, 7, 7), (1, 2, 8, 2)])
  func structuralDistancesFollowTheDefinition(_ extents: (Int, Int, Int, Int)) throws {
    let grid = try MapGrid(channels: extents.0, sourceHeight: extents.1, sourceWidth: extents.2)
    let (queries, maps) = (try noise(3, grid, seed: 1), try noise(6, grid, seed: 2))
    // A range of its own, and that of the values.
    for range in [0.8, Double(maps.values.max()!) - Double(maps.values.min()!)] {
      let distance = MapDistance.structural(window: extents.3, range: range)
      let found = try distance.distances(from: queries, to: maps, on: grid)
      for i in 0..<3 {
        for j in 0..<6 {
          let expected = naive(map(queries, i), map(maps, j), grid, window: extents.3, range: range)
          #expect(abs(found[i, j] - expected) < tolerance)
        }
      }
    }
  }

  /// The range of the class's maps is what further maps are measured by, whatever their own is.
  @Test func fittingKeepsTheRangeOfTheClass() throws {
    let grid = try MapGrid(sourceHeight: 8, sourceWidth: 8)
    let maps = try noise(12, grid, seed: 3)
    let range = Double(maps.values.max()!) - Double(maps.values.min()!)
    let fitted = MapDistance.structural(window: 5).fitted(to: maps)
    let others = try noise(2, grid, seed: 4)
    #expect(fitted == .structural(window: 5, range: range) && fitted.fitted(to: others) == fitted)
    #expect(MapDistance.structural(window: 5, range: 2).fitted(to: maps) == .structural(window: 5, range: 2))
    #expect(MapDistance.vectors(.cosine).fitted(to: maps) == .vectors(.cosine))
    let strange = try PlantedPoints.mapped(others) { 100 * $0 }
    let found = try fitted.distances(from: strange, to: maps, on: grid)
    #expect(
      abs(found[1, 7] - naive(map(strange, 1), map(maps, 7), grid, window: 5, range: range)) < tolerance)
    #expect(
      abs(found[1, 7] - naive(map(strange, 1), map(maps, 7), grid, window: 5, range: 100 * range)) > 0.01)
  }

  @Test func aMapIsLikeItselfAndLikenessIsMutual() throws {
    let grid = try MapGrid(channels: 2, sourceHeight: 9, sourceWidth: 8)
    let maps = try noise(20, grid, seed: 5)
    let distance = MapDistance.structural().fitted(to: maps)
    let found = try distance.distances(from: maps, to: maps, on: grid)
    for i in 0..<20 {
      #expect(found[i, i] == 0)
      for j in 0..<i { #expect(found[i, j] == found[j, i] && found[i, j] > 0.5 && found[i, j] <= 2) }
    }
    // The opposite of a map is as far as maps can be, where windows have no level.
    let stripes = (0..<grid.count).map { Float($0 % 2 == 0 ? 1 : -1) }
    let pair = try PointSet(stripes + stripes.map { -$0 }, count: 2, dimension: grid.count)
    let opposite = try MapDistance.structural(window: 2).fitted(to: pair).distances(
      from: pair, to: pair, on: grid)
    #expect(opposite[0, 1] > 1.99)
  }

  @Test func neighboursAreTheNearest() throws {
    let grid = try MapGrid(sourceHeight: 8, sourceWidth: 8)
    let maps = try noise(30, grid, seed: 6)
    for distance in [MapDistance.structural(window: 3), .vectors(.euclidean), .vectors(.correlation)] {
      let neighbors = try distance.nearestNeighbors(of: maps, on: grid, k: 4)
      let all = try distance.fitted(to: maps).distances(from: maps, to: maps, on: grid)
      for i in 0..<30 {
        let expected = (0..<30).filter { $0 != i }.sorted { (all[i, $0], $0) < (all[i, $1], $1) }.prefix(4)
        #expect(neighbors.indices(of: i).map { Int($0) } == Array(expected), "\(distance)")
        for (found, j) in zip(neighbors.distances(of: i), expected) { #expect(abs(found - all[i, j]) < 1e-6) }
      }
    }
  }

  // MARK: Vectors

  @Test(arguments: Metric.allCases) func distancesOfVectorsFollowTheirDefinition(_ metric: Metric) throws {
    // More queries than go together.
    let joined = try PlantedPoints.noise(150, 7, seed: 7)
    let (queries, points) = (try joined.selecting(Array(0..<70)), try joined.selecting(Array(70..<150)))
    let found = try MapDistance.vectors(metric).distances(from: queries, to: points, on: nil)
    #expect(found.rowCount == 70 && found.columnCount == 80)
    for i in stride(from: 0, to: 70, by: 3) {
      for j in 0..<80 {
        #expect(abs(found[i, j] - PlantedPoints.distance(joined, i, 70 + j, metric)) < 1e-6)
      }
    }
  }

  // MARK: In an analysis

  @Test func gaussianWeightsFollowStructuralDistances() throws {
    let grid = try MapGrid(sourceHeight: 9, sourceWidth: 9)
    let maps = try noise(25, grid, seed: 8)
    let distance = MapDistance.structural().fitted(to: maps)
    let neighbors = try distance.nearestNeighbors(of: maps, on: grid, k: 5)
    let all = try distance.distances(from: maps, to: maps, on: grid)
    let last = (0..<25).map { neighbors.distances(of: $0).last! }.sorted()
    for (width, sigma) in [(0.4, 0.4), (nil, last[12])] as [(Double?, Double)] {
      let graph = try NeighborGraph(neighbors, weighting: .gaussian(width: width)).weights
      for i in 0..<25 {
        for j in 0..<25 where i != j {
          let isEdge =
            neighbors.indices(of: i).contains(Int32(j)) || neighbors.indices(of: j).contains(Int32(i))
          let expected = isEdge ? exp(-all[i, j] * all[i, j] / (2 * sigma * sigma)) : 0
          #expect(abs(graph[i, j] - expected) < 1e-12)
        }
      }
    }
  }

  @Test(arguments: [NeighborGraph.Weighting.mean, .gaussian()])
  func structuralSimilarityFindsThePlantedTag(_ weighting: NeighborGraph.Weighting) throws {
    let planted = PlantedMaps(tagged: 30, seed: 61)
    let maps = try planted.prepared()
    var spray = PlantedMaps.spray
    // Windows larger than the tag: those of 3 × 3 blocks hold little but noise, which is alike nowhere.
    (spray.distance, spray.weighting) = (.structural(), weighting)
    let found = try spray.analyse(maps)
    let tag = planted.tagCluster(found)
    #expect(tag.precision >= 0.95 && tag.recall >= 0.95)
    // What followed from the maps is kept, and further maps are measured by it.
    #expect(found.distance == spray.distance.fitted(to: maps.points))
    let further = PlantedMaps(60, tagged: 15, seed: 62)
    let assigned = try StrategyAssigner(found, maps: maps).assign(further.prepared())
    #expect(zip(assigned, further.isTagged).count { ($0.label == tag.label) == $1 } >= 57)
    let all = try found.distance.distances(from: further.prepared().points, to: maps.points, on: maps.grid)
    for (row, one) in assigned.enumerated() {
      let nearest = all.row(row).sorted().prefix(found.neighborCount)
      #expect(abs(one.distance - nearest.reduce(0, +) / Double(nearest.count)) < 1e-12)
    }
  }

  @Test func distancesAreWrittenAndRead() throws {
    let all: [MapDistance] = [.vectors(.correlation), .structural(), .structural(window: 3, range: 0.25)]
    for distance in all {
      let data = try JSONEncoder().encode(distance)
      #expect(try JSONDecoder().decode(MapDistance.self, from: data) == distance)
    }
  }

  // MARK: Refusals

  @Test func vectorsHaveNoWindows() throws {
    let points = try PlantedPoints.noise(20, 64, seed: 9)
    let expected = ConceptError.Kind.parameters(
      "structural similarity compares windows of maps, and vectors have none; take maps with rows and columns, or "
        + "another distance")
    let distance = MapDistance.structural()
    #expect(kind { _ = try distance.nearestNeighbors(of: points, on: nil, k: 3) } == expected)
    #expect(kind { _ = try distance.distances(from: points, to: points, on: nil) } == expected)
    var spray = PlantedMaps.spray
    spray.distance = distance
    #expect(kind { _ = try spray.analyse(RelevanceMaps(vectors: points)) } == expected)
  }

  @Test func windowsLargerThanMapsAreNamed() throws {
    let grid = try MapGrid(sourceHeight: 6, sourceWidth: 9)
    let maps = try noise(12, grid, seed: 10)
    let refused = kind { _ = try MapDistance.structural().nearestNeighbors(of: maps, on: grid, k: 3) }
    #expect(
      refused
        == .parameters(
          "structural similarity needs 1 or more channels and windows from 2 to the smaller side of a map, found 1 "
            + "channels of 6 × 9 with windows of 7; take smaller windows, or maps of more positions"))
    let wrong = try MapGrid(sourceHeight: 9, sourceWidth: 9)
    #expect(
      kind { _ = try MapDistance.structural().nearestNeighbors(of: maps, on: wrong, k: 3) }?.name
        == "mismatch")
  }

  @Test func settingsOutOfTheirRangeAreNamed() throws {
    var spray = PlantedMaps.spray
    let bad: [MapDistance] = [
      .structural(window: 1), .structural(window: -3), .structural(range: 0), .structural(range: -1),
      .structural(range: .nan), .structural(range: .infinity),
    ]
    for distance in bad {
      spray.distance = distance
      #expect(kind { try spray.validate() }?.name == "parameters", "\(distance)")
    }
    spray.distance = .structural()
    try spray.validate()
    (spray.layouts, spray.layoutSource) = ([.tsne()], .maps)
    #expect(
      kind { try spray.validate() }
        == .parameters(
          "pictures of the maps need a distance of vectors, which structural similarity is none of; make them of the "
            + "embedding"))
    spray.layoutSource = .embedding
    try spray.validate()
    for width in [0, -1, .nan, .infinity] as [Double] {
      spray.weighting = .gaussian(width: width)
      #expect(kind { try spray.validate() }?.name == "parameters")
    }
  }
}
