import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

/// Points that lie nearer to each other than float32 copies can tell, and pieces that run on several threads.
@Suite struct CrowdedPointsTests {
  private func naive(_ points: PointSet, _ k: Int, _ metric: Metric, of i: Int) -> [Int] {
    let others = (0..<points.count).filter { $0 != i }
    return Array(
      others.sorted {
        (PlantedPoints.distance(points, i, $0, metric), $0) < (
          PlantedPoints.distance(points, i, $1, metric), $1
        )
      }.prefix(k))
  }

  @Test func oneFarPointHidesNoNeighbours() throws {
    // A far point makes the unit so large that all others fall on one place of the copy.
    var values = try PlantedPoints.noise(400, 3, seed: 1).values
    for index in 0..<3 { values[index] = 1e9 }
    let points = try PointSet(values, count: 400, dimension: 3)
    let found = try NearestNeighbors.find(points, k: 6)
    for i in [0, 1, 57, 200, 399] {
      #expect(found.indices(of: i).map { Int($0) } == naive(points, 6, .euclidean, of: i))
    }
  }

  @Test func crowdsAndDuplicatesTieByIndex() throws {
    // Steps of a lattice that the copy does not resolve, each point three times.
    let lattice = try PlantedPoints.lattice(9).values.map { $0 / 1024 }
    let values = lattice + lattice + lattice + [1e8, 1e8]
    let points = try PointSet(values, count: 244, dimension: 2)
    for k in [1, 2, 30] {
      let found = try NearestNeighbors.find(points, k: k)
      for i in stride(from: 0, to: 243, by: 11) {
        #expect(found.indices(of: i).map { Int($0) } == naive(points, k, .euclidean, of: i))
      }
    }
  }

  @Test func manyIdenticalPointsHaveTheFirstForNeighbours() throws {
    let points = try PointSet([Float](repeating: 0.7, count: 9000), count: 3000, dimension: 3)
    let found = try NearestNeighbors.find(points, k: 4)
    for i in [0, 2, 4, 5, 1500, 2999] {
      #expect(found.indices(of: i).map { Int($0) } == (0..<5).filter { $0 != i }.prefix(4).map { $0 })
    }
    #expect(found.distances.allSatisfy { $0 == 0 })
  }

  @Test(arguments: [1, 2, 3, 40, 131])
  func pairsStandWhereTheyAreLookedFor(_ n: Int) throws {
    let points = try PlantedPoints.noise(n, 4, seed: 2)
    let rows = try DistanceRows(points, .euclidean)
    let plain = try CondensedDistances(rows, squared: false)
    let squares = try CondensedDistances(rows, squared: true)
    #expect(plain.values.count == n * (n - 1) / 2)
    for i in 0..<n {
      for j in 0..<n where i != j {
        let distance = PlantedPoints.distance(points, i, j)
        #expect(abs(plain[i, j] - distance) < 1e-12 && abs(squares[i, j] - distance * distance) < 1e-11)
      }
    }
  }

  @Test func threadsDoNotChangeTheSpanningTree() throws {
    // Coordinates of zero change no distance to the last digit, and make steps worth two threads.
    let plain = try PlantedPoints.noise(560, 3, seed: 3)
    var values = [Float](repeating: 0, count: 560 * 1024)
    for i in 0..<560 { for j in 0..<3 { values[i * 1024 + j] = plain.values[i * 3 + j] } }
    let wide = try PointSet(values, count: 560, dimension: 1024)
    var random = RandomNumbers(seed: 4)
    for cores in [[Double](repeating: 0, count: 560), (0..<560).map { _ in random.uniform() }] {
      let narrowTree = MinimumSpanningTree(try DistanceRows(plain, .euclidean), cores: cores)
      let wideTree = MinimumSpanningTree(try DistanceRows(wide, .euclidean), cores: cores)
      #expect(narrowTree.edges.map(\.length) == wideTree.edges.map(\.length))
      #expect(narrowTree.edges.map(\.from) == wideTree.edges.map(\.from))
      #expect(narrowTree.edges.map(\.to) == wideTree.edges.map(\.to))
    }
  }

  @Test func clustersInsideClustersCountForTheSelectedOne() throws {
    // Pairs that split off one after the other make a deep tree; one wide split stands above all.
    let left = (0..<40).map { index -> Float in
      let (pair, second) = (Float(index / 2), Float(index % 2))
      return 1.5 * pair + 0.25 * second + 0.001 * Float(index * index)
    }
    let right = left.map { $0 + 4000 }
    let clustering = HDBSCAN(minimumClusterSize: 2, minimumSamples: 1)
    let found = try clustering.cluster(PlantedPoints.line(left + right))
    // Every point of a cluster's side belongs to clusters of that side only.
    #expect(Set(found.labels[..<40]).intersection(found.labels[40...]).subtracting([-1]).isEmpty)
    #expect(found.count == Set(found.labels.filter { $0 >= 0 }).count)
    #expect(zip(found.labels, found.probabilities).allSatisfy { ($0 < 0) == ($1 == 0) })
    var single = HDBSCAN(minimumClusterSize: 30, minimumSamples: 1)
    single.selection = .leaf
    #expect(
      try single.cluster(PlantedPoints.line(left + right)).labels
        == Array(repeating: 0, count: 40) + Array(repeating: 1, count: 40))
  }
}
