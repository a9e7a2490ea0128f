import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct DBSCANTests {
  /// The algorithm as published: clusters grow one after the other from their first core points.
  private func naive(_ points: PointSet, _ radius: Double, _ minimum: Int, _ metric: Metric) -> [Int] {
    let near = (0..<points.count).map { i in
      (0..<points.count).filter { $0 == i || PlantedPoints.distance(points, i, $0, metric) <= radius }
    }
    var labels = [Int](repeating: -1, count: points.count)
    var cluster = 0
    for start in labels.indices where labels[start] < 0 && near[start].count >= minimum {
      var queue = [start]
      labels[start] = cluster
      while !queue.isEmpty {
        let point = queue.removeFirst()
        guard near[point].count >= minimum else { continue }
        for other in near[point] where labels[other] < 0 {
          labels[other] = cluster
          queue.append(other)
        }
      }
      cluster += 1
    }
    return labels
  }

  @Test(arguments: [
    (2, 0.3, 4, Metric.euclidean), (2, 0.5, 9, Metric.euclidean), (60, 9.0, 3, Metric.euclidean),
    (5, 0.08, 4, Metric.cosine),
  ])
  func clustersEqualThePublishedAlgorithm(_ setting: (Int, Double, Int, Metric)) throws {
    let (dimension, radius, minimum, metric) = setting
    let points = try PlantedPoints.noise(250, dimension, seed: 2)
    let found = try DBSCAN(radius: radius, minimumPoints: minimum, metric: metric).cluster(points)
    let expected = naive(points, radius, minimum, metric)
    #expect(found.labels == expected)
    #expect(found.count == (expected.max() ?? -1) + 1)
    // The case says something: there are clusters, border points or noise.
    #expect(found.count > 0 && expected.contains(-1))
    for i in 0..<250 {
      let count = (0..<250).count { $0 == i || PlantedPoints.distance(points, i, $0, metric) <= radius }
      #expect(found.isCore[i] == (count >= minimum))
    }
  }

  @Test func theRadiusItselfCountsAndBordersGoToTheFirst() throws {
    let steps = try PlantedPoints.line([5, 6, 7, 4, 1, 2, 3])
    let found = try DBSCAN(radius: 1, minimumPoints: 3).cluster(steps)
    #expect(found.labels == Array(repeating: 0, count: 7))
    // The ends have one neighbour only.
    #expect(found.isCore == [true, true, false, true, false, true, true])
    // 4 is at the radius of a core point on either side, and no core itself.
    let border = try DBSCAN(radius: 1, minimumPoints: 4).cluster(
      PlantedPoints.line([5, 5.25, 5.5, 5.75, 4, 2.25, 2.5, 2.75, 3]))
    #expect(border.isCore == [true, true, true, true, false, true, true, true, true])
    #expect(border.labels == [0, 0, 0, 0, 0, 1, 1, 1, 1])
  }

  @Test func duplicatesMakeAPointCore() throws {
    let found = try DBSCAN(radius: 0.1, minimumPoints: 3).cluster(PlantedPoints.line([1, 9, 1, 1, 9, 4]))
    #expect(found.labels == [0, -1, 0, 0, -1, -1] && found.count == 1)
  }

  @Test func permutedPointsHavePermutedClusters() throws {
    let clouds = try PlantedPoints.threeClouds()
    let order = PlantedPoints.order(75, seed: 6)
    let clustering = DBSCAN(radius: 1.5, minimumPoints: 4)
    let (a, b) = (
      try clustering.cluster(clouds.points), try clustering.cluster(clouds.points.selecting(order))
    )
    #expect(a.isCore.contains(true))
    for (place, point) in order.enumerated() {
      #expect(b.isCore[place] == a.isCore[point])
      #expect((b.labels[place] < 0) == (a.labels[point] < 0))
    }
  }

  @Test func badRequestsAreRefused() throws {
    let points = try PlantedPoints.line([1, 2])
    for (radius, minimum) in [(0.0, 3), (-1, 3), (.nan, 3), (.infinity, 3), (1, 0)] as [(Double, Int)] {
      #expect(
        kind { _ = try DBSCAN(radius: radius, minimumPoints: minimum).cluster(points) }?.name == "parameters")
    }
    #expect(try DBSCAN(radius: 1).cluster(points).labels == [-1, -1])
  }
}

@Suite struct HDBSCANTests {
  /// Two close groups, a wide one, and strays; in 64ths, so that float32 holds them.
  private func strayed() throws -> PointSet {
    let values = [
      0, 7, -6, -20, -10, -22, 1, 30, -11, -14, 11, 8, 2, -21, -1, 16, -30, -10, -43, -29, 105, 21, 116, 31,
      144, 22, 92,
      15, 140, 28, 111, 16, 122, 10, 161, 10, -130, 371, -162, 314, -122, 324, -199, 324, -50, 231, -78, 327,
      -165, 435,
      -84, 251, -124, 353, -150, 319, 11, 433, 159, 170, 193, 220, -150, 54,
    ]
    return try PointSet(values.map { Float($0) / 64 }, count: 32, dimension: 2)
  }

  @Test func labelsAndProbabilitiesEqualScikitLearn() throws {
    // HDBSCAN(min_cluster_size=4, min_samples=3) of scikit-learn 1.9.1.
    let wide = [0.803917, 1, 1, 0.778154, 0.383275, 0.725359, 0.418063, 0.502745, 1, 1, 0.248833, 0, 0, 0]
    let second = [1, 1, 0.786641, 1, 0.786641, 1, 0.939642, 0.687897]
    var clustering = HDBSCAN(minimumClusterSize: 4, minimumSamples: 3)
    let mass = try clustering.cluster(strayed())
    #expect(
      mass.labels == Array(repeating: 1, count: 10) + Array(repeating: 2, count: 8)
        + Array(repeating: 0, count: 11)
        + [-1, -1, -1])
    #expect(
      PlantedLayer.distance(mass.probabilities, Array(repeating: 1, count: 9) + [0.702744] + second + wide)
        < 1e-6)
    #expect(mass.count == 3)
    clustering.allowsSingleCluster = true
    #expect(try clustering.cluster(strayed()) == mass)
    clustering.selection = .leaf
    let leaves = try clustering.cluster(strayed())
    #expect(
      leaves.labels == [2, 3, 3, 2, 3, 2, 3, 2, 3, -1] + Array(repeating: 1, count: 8)
        + Array(repeating: 0, count: 11)
        + [-1, -1, -1])
    #expect(
      PlantedLayer.distance(
        leaves.probabilities, Array(repeating: 1, count: 8) + [0.523053, 0] + second + wide) < 1e-6)
  }

  @Test func aSingleClusterKeepsOnlyItsCoreAsInScikitLearn() throws {
    let values = [
      8, -8, 41, 7, -34, 23, 83, 61, -45, -81, -40, 3, -149, -14, -80, -47, -35, -20, 26, 67, -8, 87, -43, 22,
      58, 6, -48,
      -59, -29, 14, -65, -13,
    ]
    let points = try PointSet(values.map { Float($0) / 64 }, count: 16, dimension: 2)
    var clustering = HDBSCAN(minimumClusterSize: 5)
    #expect(try clustering.cluster(points).labels == Array(repeating: -1, count: 16))
    clustering.allowsSingleCluster = true
    let found = try clustering.cluster(points)
    let members = [5, 8, 11, 14, 15]
    #expect(found.labels == (0..<16).map { members.contains($0) ? 0 : -1 })
    #expect(found.probabilities == (0..<16).map { members.contains($0) ? 1 : 0 })
    clustering.selection = .leaf
    #expect(try clustering.cluster(points).count == 0)
  }

  @Test func aLineIsSolvedByHand() throws {
    // Steps of 1 and steps of 2, a gap of 8, and a stray 30 beyond. With one sample the tree is that of single linkage.
    let points = try PlantedPoints.line([0, 1, 2, 10, 12, 14, 44])
    let found = try HDBSCAN(minimumClusterSize: 3, minimumSamples: 1).cluster(points)
    #expect(found.labels == [0, 0, 0, 1, 1, 1, -1])
    #expect(found.probabilities == [1, 1, 1, 1, 1, 1, 0])
    // Born at 1/8; three points leave at 1 and at 1/2.
    #expect(found.stabilities == [3 * (1 - 0.125), 3 * (0.5 - 0.125)])
    #expect(found.dendrogram.merges.map(\.height) == [1, 1, 2, 2, 8, 30])
    // A core of two is the nearest other point, which changes nothing here but the stray's.
    let reach = try HDBSCAN(minimumClusterSize: 3, minimumSamples: 3).cluster(points)
    // The third nearest, itself counted: 2 1 2 4 2 4 32; the stray is reached at its core.
    #expect(reach.dendrogram.merges.map(\.height) == [2, 2, 4, 4, 8, 32])
    #expect(reach.labels == [0, 0, 0, 1, 1, 1, -1])
  }

  @Test func duplicatesStayTogether() throws {
    let points = try PlantedPoints.line([1, 1, 1, 1, 5, 5, 5, 5, 9])
    let found = try HDBSCAN(minimumClusterSize: 3).cluster(points)
    #expect(found.labels == [0, 0, 0, 0, 1, 1, 1, 1, -1])
    #expect(found.probabilities == [1, 1, 1, 1, 1, 1, 1, 1, 0])
    #expect(found.stabilities == [.infinity, .infinity])
    let same = try HDBSCAN(minimumClusterSize: 3).cluster(PlantedPoints.line([2, 2, 2, 2, 2, 2]))
    #expect(same.labels == Array(repeating: -1, count: 6))
  }

  @Test func plantedCloudsAreFoundInAnyOrder() throws {
    let clouds = try PlantedPoints.threeClouds(sizes: [60, 50, 40])
    let order = PlantedPoints.order(150, seed: 3)
    let labels = try HDBSCAN(minimumClusterSize: 15, minimumSamples: 5).cluster(
      clouds.points.selecting(order)
    ).labels
    #expect(Set(labels).subtracting([-1]).count == 3)
    let kept = labels.indices.filter { labels[$0] >= 0 }
    #expect(kept.count > 120)
    #expect(PlantedPoints.agree(kept.map { labels[$0] }, kept.map { clouds.labels[order[$0]] }))
  }

  @Test func badRequestsAreRefused() throws {
    let points = try PlantedPoints.line([1, 2, 4])
    #expect(kind { _ = try HDBSCAN(minimumClusterSize: 1).cluster(points) }?.name == "parameters")
    #expect(
      kind { _ = try HDBSCAN(minimumClusterSize: 2, minimumSamples: 0).cluster(points) }?.name == "parameters"
    )
    #expect(throws: ConceptError(.tooFew(set: "the set of points", found: 3, needed: 5))) {
      try HDBSCAN().cluster(points)
    }
    #expect(throws: ConceptError(.tooFew(set: "the set of points", found: 1, needed: 2))) {
      try HDBSCAN(minimumClusterSize: 2, minimumSamples: 1).cluster(points.selecting([0]))
    }
    // As many samples as points is the most.
    #expect(try HDBSCAN(minimumClusterSize: 2, minimumSamples: 3).cluster(points).labels.count == 3)
  }
}
