import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct ExtremeScalesTests {
  @Test func aPointBeyondAllBoundsLeavesPerplexitiesAsTheyAre() throws {
    // The mean of squared distances says nothing of the near points, 10⁴⁴ times nearer.
    var values = (0..<40).map { Float($0 * $0) * 1e-12 }
    values[39] = 1e13
    let neighbors = try NearestNeighbors.find(PlantedPoints.line(values), k: 39)
    let affinities = try PerplexityAffinities(neighbors, perplexity: 6)
    for i in 0..<39 {
      let distances = neighbors.distances(of: i)
      let least = distances.min()!
      let weights = distances.map { exp(-affinities.precisions[i] * ($0 * $0 - least * least)) }
      let total = weights.reduce(0, +)
      let entropy = weights.filter { $0 > 0 }.reduce(0) { $0 - $1 / total * log($1 / total) }
      #expect(abs(exp(entropy) - 6) < 1e-3, "row \(i)")
    }
  }

  @Test func moreDuplicatesThanThePerplexityShareTheWeight() throws {
    let values = [Float](repeating: 1, count: 12) + (0..<8).map { Float($0 + 3) }
    let neighbors = try NearestNeighbors.find(PlantedPoints.line(values), k: 19)
    let affinities = try PerplexityAffinities(neighbors, perplexity: 3)
    let p = affinities.matrix.dense
    #expect(abs(p.elements.reduce(0, +) - 1) < 1e-12)
    // Eleven others coincide with the first point, and take all of its weight.
    let inside = (1..<12).reduce(0) { $0 + p[0, $1] }
    #expect(inside > 0.04 && (2..<12).allSatisfy { abs(p[0, $0] - p[0, 1]) < 1e-15 })
  }

  @Test func allPairsOfTooManyPointsAreRefused() throws {
    let n = TSNE.exactLimit + 1
    let points = try PlantedPoints.line((0..<n).map { Float($0) })
    var settings = TSNE()
    settings.method = .exact
    #expect(
      throws: ConceptError(
        .parameters(
          "all pairs of 10001 points are too many, at most 10000 points are taken; give the method barnes-hut"
        ))
    ) { try settings.embed(points) }
  }

  @Test func curvesOfAnySpreadAreOneCurve() throws {
    let one = try UMAPCurve(minimumDistance: 0.25)
    for spread in [1e-80, 0.5, 3, 1e80] {
      let curve = try UMAPCurve(minimumDistance: 0.25 * spread, spread: spread)
      #expect(abs(curve.b - one.b) < 1e-9)
      #expect(abs(curve.a * pow(spread, 2 * curve.b) - one.a) < 1e-8)
    }
    #expect(kind { _ = try UMAPCurve(minimumDistance: 0, spread: 1e-300) }?.name == "parameters")
  }
}
