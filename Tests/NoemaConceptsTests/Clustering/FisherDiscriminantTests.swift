import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct FisherDiscriminantTests {
  private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  /// `S_w` divided by examples less groups, and the means and sizes of the groups, from the definition.
  private func moments(_ points: PointSet, _ labels: [Int]) -> (
    within: Matrix, means: [Int: [Double]], sizes: [Int: Double]
  ) {
    let p = points.dimension
    var (means, sizes) = ([Int: [Double]](), [Int: Double]())
    for label in Set(labels) {
      let members = labels.indices.filter { labels[$0] == label }
      sizes[label] = Double(members.count)
      means[label] = (0..<p).map { j in
        members.reduce(0) { $0 + Double(points.values[$1 * p + j]) } / Double(members.count)
      }
    }
    var within = Matrix(rowCount: p, columnCount: p)
    for (i, label) in labels.enumerated() {
      let x = zip(points.row(i), means[label]!).map { Double($0) - $1 }
      for a in 0..<p { for b in 0..<p { within[a, b] += x[a] * x[b] / Double(labels.count - means.count) } }
    }
    return (within, means, sizes)
  }

  @Test(arguments: [(40, 5), (14, 60), (20, 20)])
  func contrastsFollowTheirDefinition(_ extents: (Int, Int)) throws {
    let (n, p) = extents
    let points = try PlantedPoints.noise(n, p, seed: 2)
    let labels = (0..<n).map { $0 % 4 == 3 ? -1 : $0 % 4 }
    let found = try FisherDiscriminant(ridge: 0.05).analyse(points, labels: labels)
    #expect(found.contrasts.map(\.cluster) == [0, 1, 2])
    for contrast in found.contrasts {
      let sides = labels.map { $0 == contrast.cluster ? 1 : 0 }
      let (within, means, sizes) = moments(points, sides)
      #expect(Double(contrast.size) == sizes[1])
      let difference = zip(means[1]!, means[0]!).map { $0 - $1 }
      let w = contrast.direction
      // (S_w + γI) w gives the difference back.
      let gamma = 0.05 * within.trace / Double(p)
      let back = zip(within.times(w), w).map { $0 + gamma * $1 }
      #expect(PlantedLayer.distance(back, difference) < 1e-10)
      let value = pow(dot(w, difference), 2) / dot(w, within.times(w))
      #expect(abs(contrast.separability - value) < 1e-9 * value)
    }
    // tr((S_w + γI)⁻¹ S_b) over the clusters alone.
    let kept = labels.indices.filter { labels[$0] >= 0 }
    let (within, means, sizes) = moments(try points.selecting(kept), kept.map { labels[$0] })
    var system = within
    for j in 0..<p { system[j, j] += 0.05 * within.trace / Double(p) }
    let solver = try Cholesky(system)
    let grand = (0..<p).map { j in
      means.reduce(0.0) { $0 + sizes[$1.key]! * $1.value[j] } / Double(kept.count)
    }
    let trace = means.reduce(0.0) { total, entry in
      let shift = zip(entry.value, grand).map { $0 - $1 }
      return total + sizes[entry.key]! / Double(kept.count) * dot(shift, solver.solve(shift))
    }
    #expect(abs(found.separability - trace) < 1e-9 * trace)
  }

  @Test func bothFormsGiveTheSameNumbers() throws {
    // Features that are always zero change the form, and the mean variance behind γ.
    let points = try PlantedPoints.noise(30, 6, seed: 3)
    let labels = (0..<30).map { $0 % 3 }
    let values = (0..<30).flatMap { Array(points.row($0)) + [Float](repeating: 0, count: 54) }
    let padded = try PointSet(values, count: 30, dimension: 60)
    let primal = try FisherDiscriminant(ridge: 0.01).analyse(points, labels: labels)
    let dual = try FisherDiscriminant(ridge: 0.1).analyse(padded, labels: labels)
    for (a, b) in zip(primal.contrasts, dual.contrasts) {
      #expect(abs(a.separability - b.separability) < 1e-9 * a.separability)
      #expect(PlantedLayer.distance(a.direction, Array(b.direction.prefix(6))) < 1e-9)
      #expect(b.direction.dropFirst(6).allSatisfy { abs($0) < 1e-12 })
    }
    #expect(abs(primal.separability - dual.separability) < 1e-9 * primal.separability)
  }

  @Test func aPlaneIsSolvedByHand() throws {
    // Squares about (0, 0) and (6, 0): S_w is 4/3 times the identity, so J = 36 / (4/3) whatever the ridge.
    let points = try PointSet(
      [-1, -1, -1, 1, 1, -1, 1, 1, 5, -1, 5, 1, 7, -1, 7, 1], count: 8, dimension: 2)
    let labels = [0, 0, 0, 0, 1, 1, 1, 1]
    for ridge in [1e-6, 0.5] {
      let found = try FisherDiscriminant(ridge: ridge).analyse(points, labels: labels)
      #expect(abs(found.contrasts[0].separability - 27) < 1e-9)
      #expect(abs(found.contrasts[1].separability - 27) < 1e-9)
      #expect(PlantedLayer.distance(found.contrasts[1].direction, [6 / (4.0 / 3 * (1 + ridge)), 0]) < 1e-9)
      // Both means are 3 from that of all.
      #expect(abs(found.separability - 9 / (4.0 / 3 * (1 + ridge))) < 1e-9)
    }
  }

  @Test func scaleAndOffsetDoNotMatter() throws {
    let clouds = try PlantedPoints.clouds([[0, 0, 0], [2, 1, 0]], sizes: [30, 20], seed: 4)
    let exact = try PlantedPoints.mapped(clouds.points) { ($0 * 256).rounded() / 256 }
    let moved = try PlantedPoints.mapped(exact) { 8 * $0 + 512 }
    let (a, b) = (
      try FisherDiscriminant().analyse(exact, labels: clouds.labels),
      try FisherDiscriminant().analyse(moved, labels: clouds.labels)
    )
    for (x, y) in zip(a.contrasts, b.contrasts) {
      #expect(abs(x.separability - y.separability) < 1e-9 * x.separability)
    }
    #expect(abs(a.separability - b.separability) < 1e-9 * a.separability)
  }

  @Test func fartherCloudsAreMoreSeparable() throws {
    let values = try [1.0, 3, 9].map { distance in
      let clouds = try PlantedPoints.clouds([[0, 0], [distance, 0]], sizes: [40, 40], seed: 5)
      return try FisherDiscriminant().analyse(clouds.points, labels: clouds.labels).contrasts[0].separability
    }
    #expect(values[0] < values[1] && values[1] < values[2])
    // About the squared distance in units of the spread.
    #expect(abs(values[2] - 81) < 30)
    // A cluster among noise is set against the noise.
    let clouds = try PlantedPoints.clouds([[0, 0], [9, 0]], sizes: [40, 40], seed: 5)
    let alone = try FisherDiscriminant().analyse(
      clouds.points, labels: clouds.labels.map { $0 == 0 ? 0 : -1 })
    #expect(alone.contrasts.count == 1 && abs(alone.contrasts[0].separability - values[2]) < 1e-9)
    #expect(alone.separability == 0)
  }

  @Test func badRequestsAreRefused() throws {
    let points = try PlantedPoints.noise(6, 2, seed: 1)
    let labels = [0, 0, 0, 1, 1, 1]
    for ridge in [0, -1, .nan, .infinity] as [Double] {
      #expect(
        kind { _ = try FisherDiscriminant(ridge: ridge).analyse(points, labels: labels) }?.name
          == "parameters")
    }
    let fisher = FisherDiscriminant()
    #expect(kind { _ = try fisher.analyse(points, labels: [0, 1]) }?.name == "mismatch")
    #expect(
      kind { _ = try fisher.analyse(points, labels: Array(repeating: -1, count: 6)) }?.name == "parameters")
    #expect(
      throws: ConceptError(.parameters("all examples are of one cluster; there is nothing to set it against"))
    ) { try fisher.analyse(points, labels: Array(repeating: 2, count: 6)) }
    #expect(kind { _ = try fisher.analyse(points, labels: [0, 1, 2, 3, 4, 5]) }?.name == "tooFew")
    #expect(kind { _ = try fisher.analyse(points.selecting([0, 1]), labels: [0, 1]) }?.name == "tooFew")
    let same = try points.selecting([0, 0, 0, 1, 1, 1])
    #expect(kind { _ = try fisher.analyse(same, labels: labels) }?.name == "algebra")
    var small = fisher
    small.sizeLimit = 1
    #expect(kind { _ = try small.analyse(points, labels: labels) }?.name == "parameters")
  }
}
