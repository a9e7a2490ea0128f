import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct AgglomerativeTests {
  /// How far apart two sets of points are, from the definition.
  private func apart(
    _ points: PointSet, _ a: [Int], _ b: [Int], _ linkage: Agglomerative.Linkage, _ metric: Metric
  )
    -> Double
  {
    if linkage == .ward {
      func mean(_ members: [Int]) -> [Double] {
        (0..<points.dimension).map { j in
          members.reduce(0) { $0 + Double(points.values[$1 * points.dimension + j]) } / Double(members.count)
        }
      }
      let square = zip(mean(a), mean(b)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      return (2 * Double(a.count * b.count) / Double(a.count + b.count) * square).squareRoot()
    }
    let all = a.flatMap { i in b.map { PlantedPoints.distance(points, i, $0, metric) } }
    switch linkage {
    case .average: return all.reduce(0, +) / Double(all.count)
    case .complete: return all.max()!
    default: return all.min()!
    }
  }

  /// Joins the nearest pair until one cluster is left; the heights, and the clusters before each join and after the
  /// last.
  private func naive(_ points: PointSet, _ linkage: Agglomerative.Linkage, _ metric: Metric) -> (
    heights: [Double], clusters: [[Int]]
  ) {
    var groups = (0..<points.count).map { [$0] }
    var (heights, clusters) = ([Double](), [[Int]]())
    while true {
      var labels = [Int](repeating: 0, count: points.count)
      for (label, group) in groups.enumerated() { for point in group { labels[point] = label } }
      clusters.append(labels)
      guard groups.count > 1 else { return (heights, clusters) }
      var best = (0, 1, Double.infinity)
      for a in groups.indices {
        for b in groups.indices where b > a {
          let height = apart(points, groups[a], groups[b], linkage, metric)
          if height < best.2 { best = (a, b, height) }
        }
      }
      heights.append(best.2)
      groups[best.0] += groups[best.1]
      groups.remove(at: best.1)
    }
  }

  @Test(arguments: Agglomerative.Linkage.allCases, [3, 40])
  func theTreeEqualsThatOfTheNearestPairs(_ linkage: Agglomerative.Linkage, _ dimension: Int) throws {
    let points = try PlantedPoints.noise(40, dimension, seed: 1)
    for metric in linkage == .ward ? [.euclidean] : Metric.allCases {
      let tree = try Agglomerative(linkage, metric: metric).join(points)
      let expected = naive(points, linkage, metric)
      let heights = tree.merges.map(\.height)
      #expect(PlantedLayer.distance(heights, expected.heights) < 1e-9, "\(linkage), \(metric)")
      #expect(heights == heights.sorted() && tree.merges.last?.size == 40)
      for count in 1...40 {
        #expect(PlantedPoints.agree(try tree.cut(clusterCount: count), expected.clusters[40 - count]))
      }
      // Between two heights both cuts meet.
      let middle = (heights[19] + heights[20]) / 2
      #expect(try tree.cut(height: middle) == tree.cut(clusterCount: 20))
    }
  }

  @Test func singleLinkageIsConnectednessAtAHeight() throws {
    let points = try PlantedPoints.noise(150, 2, seed: 2)
    let tree = try Agglomerative(.single).join(points)
    for height in [0.05, 0.2, 0.4, 1, 5] {
      #expect(PlantedPoints.agree(tree.cut(height: height), PlantedPoints.parts(points, height: height)))
    }
    // Ties without end, and a height that is one of them.
    let lattice = try PlantedPoints.lattice(7)
    let steps = try Agglomerative(.single).join(lattice)
    #expect(steps.merges.allSatisfy { $0.height == 1 })
    #expect(Set(steps.cut(height: 1)).count == 1 && Set(steps.cut(height: 0.999)).count == 49)
  }

  @Test func theSpanningTreeIsTheShortest() throws {
    let points = try PlantedPoints.noise(80, 3, seed: 3)
    let rows = try DistanceRows(points, .euclidean)
    var random = RandomNumbers(seed: 4)
    for cores in [[Double](repeating: 0, count: 80), (0..<80).map { _ in random.uniform() }] {
      // Kruskal: the shortest pair that joins two parts.
      var pairs: [(length: Double, a: Int, b: Int)] = []
      for a in 0..<80 {
        for b in 0..<a { pairs.append((max(cores[a], cores[b], PlantedPoints.distance(points, a, b)), a, b)) }
      }
      pairs.sort { $0.length < $1.length }
      var sets = DisjointSets(80)
      let expected = pairs.filter { sets.join($0.a, $0.b) }.map { $0.length }
      let tree = MinimumSpanningTree(rows, cores: cores)
      #expect(PlantedLayer.distance(tree.edges.map(\.length), expected) < 1e-12)
      for edge in tree.edges {
        let length = max(cores[edge.from], cores[edge.to], PlantedPoints.distance(points, edge.from, edge.to))
        #expect(abs(edge.length - length) < 1e-12)
      }
    }
  }

  @Test func fourPointsAreJoinedByHand() throws {
    let points = try PlantedPoints.line([0, 1, 5, 7])
    let heights: [(Agglomerative.Linkage, Double)] = [
      (.single, 4), (.complete, 7), (.average, 5.5), (.ward, 5.5 * 2.0.squareRoot()),
    ]
    for (linkage, last) in heights {
      let tree = try Agglomerative(linkage).join(points)
      #expect(tree.merges.map(\.size) == [2, 2, 4])
      #expect(PlantedLayer.distance(tree.merges.map(\.height), [1, 2, last]) < 1e-12, "\(linkage)")
      #expect(Set([tree.merges[2].first, tree.merges[2].second]) == [4, 5])
      #expect(try tree.cut(clusterCount: 2) == [0, 0, 1, 1])
      #expect(tree.cut(height: 1) == [0, 0, 1, 2] && tree.cut(height: 0.5) == [0, 1, 2, 3])
    }
  }

  @Test func plantedCloudsAreFoundInAnyOrder() throws {
    let clouds = try PlantedPoints.threeClouds()
    let order = PlantedPoints.order(75, seed: 5)
    let points = try clouds.points.selecting(order)
    for linkage in Agglomerative.Linkage.allCases {
      let labels = try Agglomerative(linkage).join(points).cut(clusterCount: 3)
      #expect(PlantedPoints.agree(labels, order.map { clouds.labels[$0] }), "\(linkage)")
      #expect(labels[0] == 0)
    }
  }

  @Test func duplicatesAreJoinedFirst() throws {
    let points = try PlantedPoints.noise(10, 50, seed: 6).selecting((0..<30).map { $0 % 10 })
    for linkage in Agglomerative.Linkage.allCases {
      let tree = try Agglomerative(linkage).join(points)
      #expect(tree.merges.prefix(20).allSatisfy { $0.height == 0 } && tree.merges[20].height > 1)
      #expect(PlantedPoints.agree(tree.cut(height: 0), (0..<30).map { $0 % 10 }))
    }
  }

  @Test func badRequestsAreRefused() throws {
    let points = try PlantedPoints.noise(5, 3, seed: 1)
    #expect(
      throws: ConceptError(
        .parameters("Ward's linkage needs euclidean distances, found cosine; take average linkage"))
    ) { try Agglomerative(.ward, metric: .cosine).join(points) }
    var clustering = Agglomerative(.average)
    clustering.pointLimit = 4
    #expect(
      throws: ConceptError(
        .parameters("5 points are more than 4; cluster a sample of them, or take single linkage"))
    ) { try clustering.join(points) }
    clustering.linkage = .single
    let tree = try clustering.join(points)
    for count in [0, 6] { #expect(kind { _ = try tree.cut(clusterCount: count) }?.name == "parameters") }
    let one = try Agglomerative().join(points.selecting([0]))
    #expect(try one.merges.isEmpty && one.cut(clusterCount: 1) == [0] && one.cut(height: 9) == [0])
  }
}
