import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct LayoutForcesTests {
  /// Affinities of random points to their `k` nearest neighbours, or to all.
  private func makeAffinities(_ n: Int, k: Int? = nil, perplexity: Double = 4) throws -> PerplexityAffinities
  {
    let points = try PointSet(PlantedLayer.noise(n, 5, seed: 2))
    return try PerplexityAffinities(NearestNeighbors.find(points, k: k ?? n - 1), perplexity: perplexity)
  }

  private func places(_ n: Int, scale: Double, seed: UInt64 = 3) -> [SIMD2<Double>] {
    var random = RandomNumbers(seed: seed)
    return PlanarStart.random(n, deviation: scale, using: &random)
  }

  /// `KL(P‖Q)` by its definition.
  private func divergence(_ p: Matrix, _ layout: [SIMD2<Double>]) -> Double {
    func closeness(_ i: Int, _ j: Int) -> Double {
      let difference = layout[i] - layout[j]
      return 1 / (1 + difference.x * difference.x + difference.y * difference.y)
    }
    var (normaliser, result) = (0.0, 0.0)
    for i in layout.indices { for j in layout.indices where i != j { normaliser += closeness(i, j) } }
    for i in layout.indices {
      for j in layout.indices where p[i, j] > 0 {
        result += p[i, j] * log(p[i, j] * normaliser / closeness(i, j))
      }
    }
    return result
  }

  /// Numbers of points that leave places of the four side by side empty, and a sparse P.
  @Test(arguments: [(4, nil), (13, nil), (66, 12), (131, nil)] as [(Int, Int?)])
  func gradientsEqualDifferences(_ n: Int, _ k: Int?) throws {
    let affinities = try makeAffinities(n, k: k, perplexity: n == 4 ? 1 : 4)
    let p = affinities.matrix.dense
    var layout = places(n, scale: 1.5)
    var fields: [any LayoutForceField] = [BarnesHutForces(affinities.matrix, openingAngle: 0)]
    fields.append(ExactForces(affinities.matrix))
    for index in fields.indices {
      let forces = try fields[index].forces(at: layout, measuring: true)
      let found = forces.divergence(negativeEntropy: affinities.negativeEntropy)
      #expect(abs(found - divergence(p, layout)) < 1e-11)
      for i in Set([0, n / 2, n - 1]) {
        let gradient = forces.gradient(of: i)
        for axis in 0..<2 {
          let (place, width) = (layout[i][axis], 1e-5)
          layout[i][axis] = place + width
          let above = divergence(p, layout)
          layout[i][axis] = place - width
          let below = divergence(p, layout)
          layout[i][axis] = place
          #expect(abs(gradient[axis] - (above - below) / (2 * width)) < 1e-8, "\(index), point \(i)")
        }
      }
    }
  }

  @Test func exaggerationMultipliesAffinitiesOnly() throws {
    let affinities = try makeAffinities(20)
    let layout = places(20, scale: 1)
    let forces = try ExactForces(affinities.matrix).forces(at: layout, measuring: false)
    #expect(forces.stretch == 0)
    for i in 0..<20 {
      let expected = forces.gradient(of: i) + 44.0 * forces.attraction[i]
      let difference = forces.gradient(of: i, exaggeration: 12) - expected
      #expect(abs(difference.x) + abs(difference.y) < 1e-14)
    }
  }

  @Test func aClosedTreeEqualsAllPairs() throws {
    let n = 203
    let affinities = try makeAffinities(n)
    var layout = places(n, scale: 8)
    // Coincident points fill a leaf of their own.
    for i in 0..<20 { layout[10 * i] = layout[0] }
    let exact = try ExactForces(affinities.matrix).forces(at: layout, measuring: true)
    var field = BarnesHutForces(affinities.matrix, openingAngle: 0)
    // Twice: the second time members start in the order of the first.
    for _ in 0..<2 {
      let found = try field.forces(at: layout, measuring: true)
      #expect(abs(found.normaliser / exact.normaliser - 1) < 1e-12)
      #expect(abs(found.stretch / exact.stretch - 1) < 1e-12)
      for i in 0..<n {
        let difference = found.gradient(of: i) - exact.gradient(of: i)
        #expect(max(abs(difference.x), abs(difference.y)) < 1e-12)
      }
    }
  }

  @Test func anOpenTreeErrsLittle() throws {
    let n = 900
    let affinities = try makeAffinities(n, k: 12)
    let layout = places(n, scale: 15)
    let exact = try ExactForces(affinities.matrix).forces(at: layout, measuring: false)
    var field = BarnesHutForces(affinities.matrix, openingAngle: 0.5)
    let found = try field.forces(at: layout, measuring: false)
    var (error, norm) = (0.0, 0.0)
    for i in 0..<n {
      let difference = found.repulsion[i] - exact.repulsion[i]
      error += (difference * difference).sum()
      norm += (exact.repulsion[i] * exact.repulsion[i]).sum()
    }
    let relative = (error / norm).squareRoot()
    // More than rounding: cells did stand for their points.
    #expect(relative < 0.05 && relative > 1e-9, "\(relative)")
    #expect(abs(found.normaliser / exact.normaliser - 1) < 0.03)
  }

  @Test func cellsHoldTheirMembers() {
    var layout = places(500, scale: 3)
    for i in 0..<50 { layout[i] = SIMD2(1, 1) }
    // Too many for a leaf, at two numbers whose middle rounds to one of them.
    for i in 60..<72 { layout[i] = SIMD2(i % 2 == 0 ? 1.0.nextUp : 1.0.nextUp.nextUp, 0) }
    var tree = QuadTree(count: layout.count, openingAngle: 0.5)
    tree.arrange(layout)
    #expect(tree.members.map { Int($0.index) }.sorted() == Array(0..<500))
    #expect(tree.members.allSatisfy { $0.point == layout[Int($0.index)] })
    var covered = 0
    for (place, cell) in tree.cells.enumerated() {
      let members = tree.members[Int(cell.firstMember)..<Int(cell.endMember)].map(\.point)
      #expect(cell.mass == Double(members.count))
      let sum = members.reduce(SIMD2<Double>.zero) { $0 + $1 }
      let mean = sum / cell.mass
      #expect(abs(cell.centre.x - mean.x) + abs(cell.centre.y - mean.y) < 1e-12)
      let (xs, ys) = (members.map(\.x), members.map(\.y))
      let side = max(xs.max()! - xs.min()!, ys.max()! - ys.min()!)
      #expect(abs(cell.reach - 4 * side * side) <= 1e-12 * cell.reach)
      guard Int(cell.next) == place + 1 else { continue }
      covered += members.count
      #expect(members.count <= 8 || side == 0)
    }
    #expect(tree.cells[0].mass == 500 && Int(tree.cells[0].next) == tree.cells.count)
    #expect(covered == 500)
  }
}

@Suite struct PerplexityAffinitiesTests {
  @Test(arguments: [49, 15])
  func rowsHaveTheirPerplexityAndJoinByTheDefinition(_ k: Int) throws {
    let (n, perplexity) = (50, 5.0)
    var values = PlantedLayer.noise(n, 6, seed: 4)
    // Duplicates, and a point far away.
    for j in 0..<6 {
      values[1, j] = values[0, j]
      values[2, j] += 1000
    }
    let neighbors = try NearestNeighbors.find(try PointSet(values), k: k)
    let affinities = try PerplexityAffinities(neighbors, perplexity: perplexity)
    var conditional = Matrix(rowCount: n, columnCount: n)
    for i in 0..<n {
      let (indices, distances) = (neighbors.indices(of: i), neighbors.distances(of: i))
      let least = distances.min()!
      let weights = distances.map { exp(-affinities.precisions[i] * ($0 * $0 - least * least)) }
      let total = weights.reduce(0, +)
      var entropy = 0.0
      for (j, weight) in zip(indices, weights) {
        conditional[i, Int(j)] = weight / total
        if weight > 0 { entropy -= weight / total * log(weight / total) }
      }
      #expect(abs(exp(entropy) - perplexity) < 1e-4, "row \(i)")
    }
    let p = affinities.matrix.dense
    #expect(abs(p.elements.reduce(0, +) - 1) < 1e-12)
    for i in 0..<n {
      #expect(p[i, i] == 0)
      for j in 0..<n where i != j {
        #expect(p[i, j] == p[j, i])
        let mean = (conditional[i, j] + conditional[j, i]) / Double(2 * n)
        // Floors of 1e-12 add up to no more than 2.5e-9, which the division by the sum takes from the others.
        #expect(abs(p[i, j] - mean) < 1e-8 * mean + 2e-12)
        if k == n - 1 { #expect(p[i, j] >= 0.99e-12) }
      }
    }
  }

  @Test func equalDistancesWeighTheSame() throws {
    // The corners of a simplex.
    var values = Matrix(rowCount: 6, columnCount: 6)
    for i in 0..<6 { values[i, i] = 1 }
    let neighbors = try NearestNeighbors.find(try PointSet(values), k: 5)
    let affinities = try PerplexityAffinities(neighbors, perplexity: 5.0 / 3)
    #expect(affinities.matrix.values.allSatisfy { abs($0 - 1.0 / 30) < 1e-15 })
    #expect(affinities.precisions == Array(repeating: 0, count: 6))
  }

  @Test func theUnitOfDistancesDoesNotMatter() throws {
    let values = PlantedLayer.noise(30, 4, seed: 6).rounded
    func affinities(_ factor: Double) throws -> SparseSymmetricMatrix {
      let scaled = Matrix(rowCount: 30, columnCount: 4, elements: values.elements.map { $0 * factor })
      let neighbors = try NearestNeighbors.find(try PointSet(scaled), k: 29)
      return try PerplexityAffinities(neighbors, perplexity: 7).matrix
    }
    #expect(try affinities(0x1p-30) == affinities(0x1p30))
  }
}
