import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct NearestNeighborsTests {
  /// The first k others in the order of (distance, index).
  private func naive(_ points: PointSet, _ k: Int, _ metric: Metric) -> [(distance: Double, index: Int32)] {
    (0..<points.count).flatMap { i in
      let others = (0..<points.count).filter { $0 != i }.map {
        (distance: PlantedPoints.distance(points, i, $0, metric), index: Int32($0))
      }
      return others.sorted { ($0.distance, $0.index) < ($1.distance, $1.index) }.prefix(k)
    }
  }

  private func expectExact(_ points: PointSet, _ k: Int, _ metric: Metric = .euclidean) throws {
    let found = try NearestNeighbors.find(points, k: k, metric: metric)
    let expected = naive(points, k, metric)
    #expect(found.count == points.count && found.k == k)
    #expect(found.indices == expected.map { $0.index })
    let scale = expected.reduce(1e-300) { max($0, $1.distance) }
    let error = zip(found.distances, expected).reduce(0) { max($0, abs($1.0 - $1.1.distance)) }
    #expect(error < 1e-12 * scale, "\(error)")
  }

  @Test(arguments: Metric.allCases, [(60, 3, 7), (150, 70, 12), (300, 600, 5), (2, 4, 1)])
  func neighboursEqualTheDefinition(_ metric: Metric, _ extents: (Int, Int, Int)) throws {
    let (n, d, k) = extents
    try expectExact(PlantedPoints.noise(n, d, seed: UInt64(n)), k, metric)
  }

  @Test func blocksOfColumnsAreJoined() throws {
    // More points than a block of columns and of queries.
    let points = try PlantedPoints.noise(1500, 2, seed: 4)
    let found = try NearestNeighbors.find(points, k: 4)
    for i in stride(from: 0, to: 1500, by: 97) {
      let others = (0..<1500).filter { $0 != i }.sorted {
        (PlantedPoints.distance(points, i, $0), $0) < (PlantedPoints.distance(points, i, $1), $1)
      }
      #expect(found.indices(of: i).map { Int($0) } == Array(others.prefix(4)))
    }
  }

  @Test func tiesGoToTheFirst() throws {
    for offset in [Float(0), 4096] {
      try expectExact(PlantedPoints.lattice(12, offset: offset), 10)
    }
  }

  @Test func aPointIsNotItsOwnNeighbourAmongDuplicates() throws {
    let values: [Float] = [7, 1, 7, 7, 2, 7, 7]
    let found = try NearestNeighbors.find(PlantedPoints.line(values), k: 3)
    #expect(found.indices(of: 0) == [2, 3, 5])
    #expect(found.indices(of: 3) == [0, 2, 5])
    #expect(found.indices(of: 6) == [0, 2, 3])
    #expect(Array(found.distances(of: 6)) == [0, 0, 0])
    // All the same, and away from the origin.
    let same = try PlantedPoints.mapped(PlantedPoints.noise(100, 3, seed: 1)) { _ in 0.3 }
    let all = try NearestNeighbors.find(same, k: 2)
    #expect(all.indices(of: 0) == [1, 2] && all.indices(of: 1) == [0, 2] && all.indices(of: 99) == [0, 1])
    #expect(all.distances.allSatisfy { $0 == 0 })
  }

  @Test func duplicatesOfManyCoordinatesTieExactly() throws {
    let base = try PlantedPoints.noise(20, 90, seed: 5)
    let points = try base.selecting((0..<80).map { $0 % 20 })
    for metric in Metric.allCases {
      let found = try NearestNeighbors.find(points, k: 3, metric: metric)
      for i in 0..<80 {
        let copies = (0..<80).filter { $0 != i && $0 % 20 == i % 20 }
        #expect(found.indices(of: i).map { Int($0) } == copies)
        #expect(found.distances(of: i).allSatisfy { $0 == 0 })
      }
    }
  }

  @Test func anOffsetAndAnOutlierCostNoDigits() throws {
    let close = try PlantedPoints.mapped(PlantedPoints.noise(80, 5, seed: 6)) { 1000 + $0 / 64 }
    try expectExact(close, 6)
    var values = try PlantedPoints.mapped(PlantedPoints.noise(80, 5, seed: 7)) { $0 / 1024 }.values
    values[0] = 1e6
    try expectExact(try PointSet(values, count: 80, dimension: 5), 6)
  }

  @Test func theScaleOfTheDataDoesNotMatter() throws {
    let points = try PlantedPoints.noise(90, 40, seed: 8)
    let found = try NearestNeighbors.find(points, k: 5)
    for exponent in [-100, 100] {
      let factor = Float(sign: .plus, exponent: exponent, significand: 1)
      let scaled = try NearestNeighbors.find(PlantedPoints.mapped(points) { $0 * factor }, k: 5)
      #expect(scaled.indices == found.indices)
      #expect(zip(scaled.distances, found.distances).allSatisfy { $0 == $1 * Double(factor) })
    }
  }

  @Test func permutedPointsHavePermutedNeighbours() throws {
    let points = try PlantedPoints.noise(120, 9, seed: 9)
    let order = PlantedPoints.order(120, seed: 10)
    let (found, moved) = (
      try NearestNeighbors.find(points, k: 8), try NearestNeighbors.find(points.selecting(order), k: 8)
    )
    for (place, point) in order.enumerated() {
      #expect(moved.indices(of: place).map { order[Int($0)] } == found.indices(of: point).map { Int($0) })
      #expect(Array(moved.distances(of: place)) == Array(found.distances(of: point)))
    }
  }

  @Test func partsOfAListAreTheListsOfAPart() throws {
    let points = try PlantedPoints.noise(60, 3, seed: 11)
    let rows = Array(stride(from: 0, to: 60, by: 2))
    let part = try NearestNeighbors.find(points.selecting(rows), k: 4)
    #expect(try NearestNeighbors.find(points, k: 30).restricted(to: rows, k: 4) == part)
    #expect(try NearestNeighbors.find(points, k: 4).restricted(to: rows, k: 4) == nil)
  }

  @Test func badRequestsAreRefused() throws {
    let points = try PlantedPoints.noise(5, 3, seed: 1)
    for k in [0, -1, 5, 9] {
      #expect(
        throws: ConceptError(
          .parameters("found k = \(k), but each of 5 points has 4 others; give k from 1 to 4"))
      ) { try NearestNeighbors.find(points, k: k) }
    }
    #expect(throws: ConceptError(.parameters("a single point has no neighbours; give 2 points or more"))) {
      try NearestNeighbors.find(points.selecting([0]), k: 1)
    }
    let zero = try PointSet([1, 2, 0, 0, 3, 3], count: 3, dimension: 2)
    #expect(
      throws: ConceptError(
        .parameters(
          "example 1 is zero, so it has no cosine distance; leave it out or take euclidean distances"))
    ) { try NearestNeighbors.find(zero, k: 1, metric: .cosine) }
    let constant = try PointSet([1, 2, 2, 0, 3, 3], count: 3, dimension: 2)
    #expect(
      throws: ConceptError(
        .parameters(
          "example 2 is constant, so it has no correlation; leave it out or take euclidean distances"))
    ) { try NearestNeighbors.find(constant, k: 1, metric: .correlation) }
  }
}
