import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct KMeansTests {
  /// The nearest centre of each point, from the definition.
  private func nearest(_ points: PointSet, _ centres: Matrix) -> [Int] {
    (0..<points.count).map { i in
      let distances = (0..<centres.rowCount).map { square(points, i, centres, $0) }
      return distances.firstIndex(of: distances.min()!)!
    }
  }

  private func square(_ points: PointSet, _ i: Int, _ centres: Matrix, _ k: Int) -> Double {
    zip(points.row(i), centres.row(k)).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
  }

  private func expectConsistent(_ points: PointSet, _ model: KMeansModel, tolerance: Double) {
    #expect(model.labels == nearest(points, model.centres))
    let inertia = model.labels.indices.reduce(0) { $0 + square(points, $1, model.centres, model.labels[$1]) }
    #expect(abs(model.inertia - inertia) <= 1e-12 * inertia)
    #expect(model.inertias.min() == model.inertia)
    for k in 0..<model.centres.rowCount {
      let members = model.labels.indices.filter { model.labels[$0] == k }
      #expect(!members.isEmpty)
      for j in 0..<points.dimension {
        let total = members.reduce(0) { $0 + Double(points.values[$1 * points.dimension + j]) }
        #expect(abs(model.centres[k, j] - total / Double(members.count)) <= tolerance)
      }
    }
  }

  @Test func plantedCloudsAreFound() throws {
    let clouds = try PlantedPoints.threeClouds()
    let order = PlantedPoints.order(75, seed: 4)
    let points = try clouds.points.selecting(order)
    let model = try KMeans(3).fit(points)
    #expect(PlantedPoints.agree(model.labels, order.map { clouds.labels[$0] }))
    expectConsistent(points, model, tolerance: 1e-12)
    #expect(model.inertias.count == 10)
    #expect(try model.assign(points) == model.labels)
    #expect(try model.assign(points.selecting([5])) == [model.labels[5]])
  }

  /// The inertia is never below that of the best partition, and restarts find it but where no start leads there.
  @Test func theBestOfAllPartitionsIsFound() throws {
    var found = 0
    for seed in 1...8 as ClosedRange<UInt64> {
      let points = try PlantedPoints.noise(11, 2, seed: seed), least = leastInertia(points)
      var clustering = KMeans(2, restarts: 40)
      clustering.tolerance = 0
      let inertia = try clustering.fit(points).inertia
      #expect(inertia > least * (1 - 1e-12))
      if inertia < least * (1 + 1e-12) { found += 1 }
    }
    #expect(found >= 6)
  }

  /// Of every way to part 11 points in two.
  private func leastInertia(_ points: PointSet) -> Double {
    var least = Double.infinity
    for pattern in 1..<(1 << 10) {
      let sides = (0..<11).map { pattern >> $0 & 1 }
      var inertia = 0.0
      for side in 0...1 {
        let members = sides.indices.filter { sides[$0] == side }
        for a in members {
          for b in members where b < a {
            inertia += pow(PlantedPoints.distance(points, a, b), 2) / Double(members.count)
          }
        }
      }
      least = min(least, inertia)
    }
    return least
  }

  @Test(arguments: [(400, 200, 9), (1300, 3, 25), (300, 700, 2)])
  func labelsAreExactWithoutStructure(_ extents: (Int, Int, Int)) throws {
    let (n, d, k) = extents
    var clustering = KMeans(k, restarts: 2, seed: 6)
    clustering.tolerance = 0
    let points = try PlantedPoints.noise(n, d, seed: 7)
    expectConsistent(points, try clustering.fit(points), tolerance: 1e-12)
  }

  @Test func anOffsetCostsNoDigits() throws {
    let points = try PlantedPoints.mapped(PlantedPoints.noise(200, 6, seed: 8)) { 5000 + $0 / 16 }
    var clustering = KMeans(7, restarts: 3)
    clustering.tolerance = 0
    expectConsistent(points, try clustering.fit(points), tolerance: 1e-9)
  }

  @Test func pointsHalfWayBelongToTheFirst() throws {
    let points = try PlantedPoints.line([-1, 0, 1, 1e3])
    let rows = try DistanceRows(points, .euclidean)
    let centres = Matrix(rowCount: 3, columnCount: 1, elements: [1, -1, 1e3])
    #expect(try CentreAssignment(rows, centres).labels == [1, 0, 0, 2])
  }

  @Test func anEmptyClusterGetsTheFarthestPoint() throws {
    let points = try PlantedPoints.line([0, 1, 2, 9, 100, 104])
    let rows = try DistanceRows(points, .euclidean)
    let centres = Matrix(rowCount: 4, columnCount: 1, elements: [1, 102, 5000, -5000])
    let assignment = try CentreAssignment(rows, centres)
    #expect(assignment.counts == [4, 2, 0, 0])
    // 9 is eight from its centre; 100 and 104 are two, and 100 comes first.
    #expect(assignment.means(rows, centres).elements == [1, 104, 9, 100])
  }

  @Test func everyPointCanBeACluster() throws {
    let points = try PlantedPoints.noise(9, 2, seed: 9)
    let model = try KMeans(9, restarts: 1).fit(points)
    #expect(Set(model.labels).count == 9 && model.inertia == 0)
    let one = try KMeans(1, restarts: 1).fit(points)
    expectConsistent(points, one, tolerance: 1e-14)
  }

  @Test func duplicatesCountOnce() throws {
    let base = try PlantedPoints.noise(6, 3, seed: 10)
    let points = try base.selecting((0..<60).map { $0 % 6 })
    let model = try KMeans(6, restarts: 1).fit(points)
    #expect(Set(model.labels).count == 6 && model.inertia < 1e-24)
    #expect(
      throws: ConceptError(.tooFew(set: "the set of distinct points", found: 6, needed: 7))
    ) { try KMeans(7).fit(points) }
  }

  @Test func runsAreRepeatable() throws {
    let points = try PlantedPoints.noise(3000, 4, seed: 11)
    let first = try KMeans(20, restarts: 3, seed: 2).fit(points)
    #expect(try KMeans(20, restarts: 3, seed: 2).fit(points) == first)
    #expect(try KMeans(20, restarts: 3, seed: 3).fit(points).inertias != first.inertias)
    // The restarts of one run are runs of their own.
    #expect(try KMeans(20, restarts: 1, seed: 2).fit(points).inertia == first.inertias[0])
  }

  @Test func seedsAreSpreadOut() throws {
    // Twelve tight clouds: uniform seeds would miss some nearly always.
    let centres = (0..<12).map { [100 * Double($0), 0] }
    let clouds = try PlantedPoints.clouds(
      centres, sizes: Array(repeating: 10, count: 12), spread: 0.1, seed: 12)
    let rows = try DistanceRows(clouds.points, .euclidean)
    for seed in 0..<20 {
      var random = RandomNumbers(seed: UInt64(seed))
      let seeds = try CentreSeeding(rows).centres(12, using: &random)
      #expect(Set((0..<12).map { Int((seeds[$0, 0] / 100).rounded()) }).count == 12)
    }
  }

  @Test func placesTooFarForFloat32AreMeasured() throws {
    let points = try PlantedPoints.line([1e-30, 2e-30, 3e-30])
    let rows = try DistanceRows(points, .euclidean)
    let centres = Matrix(rowCount: 3, columnCount: 1, elements: [1e30, -1e12, 1e11])
    #expect(try CentreAssignment(rows, centres).labels == [2, 2, 2])
  }

  @Test func badRequestsAreRefused() throws {
    let points = try PlantedPoints.noise(5, 2, seed: 1)
    #expect(throws: ConceptError(.tooFew(set: "the set of distinct points", found: 5, needed: 6))) {
      try KMeans(6).fit(points)
    }
    #expect(kind { _ = try KMeans(0).fit(points) }?.name == "parameters")
    #expect(kind { _ = try KMeans(2, restarts: 0).fit(points) }?.name == "parameters")
    var clustering = KMeans(2)
    clustering.tolerance = .nan
    #expect(kind { _ = try clustering.fit(points) }?.name == "parameters")
    let model = try KMeans(2).fit(points)
    #expect(kind { _ = try model.assign(PlantedPoints.line([1])) }?.name == "mismatch")
  }
}
