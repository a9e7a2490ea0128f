import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct ClusterQualityTests {
  /// The silhouette of one point, from the definition.
  private func silhouette(_ points: PointSet, _ labels: [Int], _ i: Int, _ metric: Metric) -> Double {
    func mean(_ label: Int) -> Double {
      let others = labels.indices.filter { labels[$0] == label && $0 != i }
      return others.reduce(0) { $0 + PlantedPoints.distance(points, i, $1, metric) } / Double(others.count)
    }
    if labels.count(where: { $0 == labels[i] }) == 1 { return 0 }
    let inside = mean(labels[i])
    let outside = Set(labels).filter { $0 >= 0 && $0 != labels[i] }.map(mean).min()!
    return (outside - inside) / max(inside, outside)
  }

  @Test(arguments: Metric.allCases, [3, 50])
  func silhouettesEqualTheirDefinition(_ metric: Metric, _ dimension: Int) throws {
    let points = try PlantedPoints.noise(700, dimension, seed: 1)
    // Labels with gaps, noise, and a cluster of one point.
    let labels = (0..<700).map { $0 == 5 ? 9 : [4, 0, 7, 0, -1][$0 % 5] }
    let found = try ClusterQuality.silhouettes(points, labels: labels, metric: metric)
    #expect(found.values.count == 700)
    for i in stride(from: 0, to: 700, by: 3) {
      if labels[i] < 0 {
        #expect(found.values[i].isNaN)
      } else {
        #expect(abs(found.values[i] - silhouette(points, labels, i, metric)) < 1e-9)
      }
    }
    #expect(found.values[5] == 0)
    let clustered = labels.indices.filter { labels[$0] >= 0 }
    #expect(abs(found.mean - Statistics.mean(clustered.map { found.values[$0] })) < 1e-12)
    for (place, label) in [0, 4, 7, 9].enumerated() {
      let members = labels.indices.filter { labels[$0] == label }
      #expect(abs(found.clusterMeans[place] - Statistics.mean(members.map { found.values[$0] })) < 1e-12)
    }
  }

  @Test func silhouettesOfALineAreKnown() throws {
    let points = try PlantedPoints.line([0, 1, 5, 6])
    let right = try ClusterQuality.silhouettes(points, labels: [0, 0, 1, 1])
    #expect(PlantedLayer.distance(right.values, [4.5 / 5.5, 3.5 / 4.5, 3.5 / 4.5, 4.5 / 5.5]) < 1e-15)
    let wrong = try ClusterQuality.silhouettes(points, labels: [0, 1, 1, 0])
    #expect(wrong.mean < 0)
    // Copies in different clusters belong to neither.
    let same = try ClusterQuality.silhouettes(PlantedPoints.line([3, 3, 3, 3]), labels: [0, 0, 1, 1])
    #expect(same.values == [0, 0, 0, 0])
  }

  @Test func daviesBouldinEqualsItsDefinition() throws {
    // Means 1, 11 and 6; spreads 1, 1 and 0.
    let points = try PlantedPoints.line([0, 2, 10, 12, 6, 99])
    let found = try ClusterQuality.daviesBouldin(points, labels: [0, 0, 3, 3, 1, -1])
    #expect(abs(found - 0.2) < 1e-15)
    #expect(
      try ClusterQuality.daviesBouldin(PlantedPoints.line([0, 4, 1, 3]), labels: [0, 0, 1, 1]) == .infinity)
    let clouds = try PlantedPoints.threeClouds()
    let value = try ClusterQuality.daviesBouldin(clouds.points, labels: clouds.labels)
    let mixed = try ClusterQuality.daviesBouldin(
      clouds.points, labels: PlantedPoints.order(75, seed: 1).map { $0 % 3 })
    #expect(value > 0 && value < 0.3 && mixed > 3)
  }

  @Test func theAdjustedRandIndexEqualsThatOfAllPairs() throws {
    var random = RandomNumbers(seed: 2)
    for count in [2, 3, 8] {
      let a = (0..<60).map { _ in random.index(below: count) - 1 }
      let b = a.map { random.uniform() < 0.6 ? $0 : random.index(below: 5) }
      #expect(try abs(ClusterQuality.adjustedRand(a, b) - PlantedPoints.adjustedRand(a, b)) < 1e-12)
      #expect(try ClusterQuality.adjustedRand(a, a.map { 7 - $0 }) == 1)
      #expect(try ClusterQuality.adjustedRand(a, b) == ClusterQuality.adjustedRand(b, a))
    }
    #expect(try abs(ClusterQuality.adjustedRand([0, 0, 1, 1], [0, 0, 1, 2]) - 4.0 / 7) < 1e-15)
    // Nothing to agree on, or all of it.
    #expect(try ClusterQuality.adjustedRand([0, 0, 0], [5, 5, 5]) == 1)
    #expect(try ClusterQuality.adjustedRand([0, 1, 2], [5, 6, 7]) == 1)
    #expect(try ClusterQuality.adjustedRand([0, 0, 0], [5, 6, 7]) == 0)
    #expect(try ClusterQuality.adjustedRand([3], [4]) == 1)
  }

  @Test func badRequestsAreRefused() throws {
    let points = try PlantedPoints.line([1, 2, 3])
    #expect(throws: ConceptError(.mismatch("found 2 labels of 3 points; give one for each"))) {
      try ClusterQuality.silhouettes(points, labels: [0, 1])
    }
    #expect(
      throws: ConceptError(
        .parameters("found 1 clusters without noise, at least 2 are needed; cluster more finely"))
    ) { try ClusterQuality.silhouettes(points, labels: [0, 0, -1]) }
    #expect(kind { _ = try ClusterQuality.daviesBouldin(points, labels: [0, 0, 0]) }?.name == "parameters")
    #expect(kind { _ = try ClusterQuality.adjustedRand([1], [1, 2]) }?.name == "mismatch")
    #expect(kind { _ = try ClusterQuality.adjustedRand([], []) }?.name == "tooFew")
  }
}

@Suite struct ClusterStabilityTests {
  private static let threeMeans: @Sendable (PointSet, UInt64) throws(ConceptError) -> [Int] = {
    (points, seed) throws(ConceptError) in
    try KMeans(3, restarts: 3, seed: seed).fit(points).labels
  }

  @Test(arguments: [ClusterStability.Draw.bootstrap, .part(0.5)])
  func plantedCloudsComeOutAgain(_ draw: ClusterStability.Draw) throws {
    let clouds = try PlantedPoints.threeClouds()
    let stability = ClusterStability(draw, draws: 20)
    let found = try stability.assess(clouds.points, labels: clouds.labels, by: Self.threeMeans)
    #expect(
      found.adjustedRand == Array(repeating: 1, count: 20) && found.mean == 1 && found.interval == [1, 1])
    #expect(found.clusters == [0, 1, 2] && found.jaccard == [1, 1, 1])
    #expect(found.jaccardIntervals == [[1, 1], [1, 1], [1, 1]])
    #expect(try stability.assess(clouds.points, labels: clouds.labels, by: Self.threeMeans) == found)
  }

  @Test func aClusterThatIsNoneIsToldApart() throws {
    // One of the clouds cut in two by its first coordinate, which three means never will.
    let clouds = try PlantedPoints.threeClouds()
    let labels = clouds.labels.indices.map { i in
      clouds.labels[i] > 0 ? clouds.labels[i] : clouds.points.row(i).first! > 0 ? 0 : 5
    }
    let found = try ClusterStability(draws: 20, seed: 3).assess(
      clouds.points, labels: labels, by: Self.threeMeans)
    #expect(found.clusters == [0, 1, 2, 5])
    #expect(found.jaccard[1] == 1 && found.jaccard[2] == 1)
    #expect(found.jaccard[0] < 0.9 && found.jaccard[3] < 0.9 && found.jaccard[0] + found.jaccard[3] < 1.3)
    #expect(found.mean < 0.95 && found.interval[0] <= found.mean && found.mean <= found.interval[1])
  }

  @Test func noiseIsUnstable() throws {
    let points = try PlantedPoints.noise(80, 8, seed: 5)
    let labels = try KMeans(3).fit(points).labels
    let found = try ClusterStability(draws: 20).assess(points, labels: labels, by: Self.threeMeans)
    #expect(found.mean < 0.7)
  }

  @Test func indicesFollowTheirDefinitions() throws {
    // A clustering that knows only whether a value is below 4, and calls 9 noise.
    let points = try PlantedPoints.line([0, 1, 2, 3, 4, 5, 6, 9])
    let labels = [0, 0, 0, 1, 1, 1, 1, -1]
    let found = try ClusterStability(.part(0.999), draws: 2).assess(points, labels: labels) {
      (points, _) throws(ConceptError) in points.values.map { $0 == 9 ? -1 : $0 < 4 ? 0 : 1 }
    }
    // All eight are drawn: {0, 1, 2} of {0, 1, 2, 3}, and {4, 5, 6} of {3, 4, 5, 6}.
    #expect(found.jaccard == [0.75, 0.75])
    let expected = PlantedPoints.adjustedRand(labels, [0, 0, 0, 0, 1, 1, 1, -1])
    #expect(found.adjustedRand.allSatisfy { abs($0 - expected) < 1e-12 })
  }

  @Test func badRequestsAreRefused() throws {
    let points = try PlantedPoints.noise(20, 2, seed: 1)
    let labels = (0..<20).map { $0 % 2 }
    for stability in [
      ClusterStability(draws: 1), ClusterStability(.part(0)), ClusterStability(.part(1)),
      ClusterStability(.part(.nan)),
    ] {
      #expect(
        kind { _ = try stability.assess(points, labels: labels, by: Self.threeMeans) }?.name == "parameters")
    }
    let stability = ClusterStability(draws: 3)
    #expect(kind { _ = try stability.assess(points, labels: [0], by: Self.threeMeans) }?.name == "mismatch")
    let noise = Array(repeating: -1, count: 20)
    #expect(
      kind { _ = try stability.assess(points, labels: noise, by: Self.threeMeans) }?.name == "parameters")
    #expect(
      throws: ConceptError(.mismatch("the clustering gave 1 labels of 20 points; it must give one for each"))
    ) {
      try stability.assess(points, labels: labels) { (_, _) throws(ConceptError) in [0] }
    }
    #expect(throws: ConceptError(.algebra("lost"))) {
      try stability.assess(points, labels: labels) { (_, _) throws(ConceptError) in
        throw ConceptError(.algebra("lost"))
      }
    }
  }
}
