import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct EigengapTests {
  @Test func theLargestGapDecides() throws {
    let gap = try Eigengap([0, 0.1, 0.15, 0.75, 0.8])
    #expect(gap.clusterCount == 3 && gap.maximum == 4)
    #expect(abs(gap.gap - 0.6) < 1e-15 && abs(gap.relativeGap - 0.8) < 1e-15)
    // Components without a path between them.
    let parts = try Eigengap([0, 0, 0.5, 0.6])
    #expect(parts.clusterCount == 2 && parts.gap == 0.5 && parts.relativeGap == 1)
  }

  @Test func theFirstOfEqualGapsDecidesAndTheMaximumBinds() throws {
    #expect(try Eigengap([0, 0.25, 0.5, 0.75]).clusterCount == 1)
    #expect(try Eigengap([0, 0.1, 0.2, 0.9], maximum: 2).maximum == 2)
    #expect(try Eigengap([0, 0.1, 0.3, 0.9], maximum: 2).clusterCount == 2)
    let none = try Eigengap([0, 0, 0])
    #expect(none.clusterCount == 1 && none.gap == 0 && none.relativeGap == 0)
  }

  @Test func partsOfPlantedCloudsAgree() throws {
    let clouds = try PlantedPoints.threeClouds(sizes: [40, 40, 40])
    var resampling = EigengapResampling(neighborCount: 20)
    resampling.draws = 20
    resampling.embedding.dimensions = 8
    let outcome = try resampling.measure(clouds.points)
    #expect(outcome.estimate.clusterCount == 3)
    #expect(outcome.variation.clusterCounts == Array(repeating: 3, count: 20))
    #expect(outcome.variation.agreement == 1 && outcome.variation.clusterCountInterval == [3, 3])
    #expect(outcome.variation.gapInterval[0] < outcome.variation.gapInterval[1])
    #expect(outcome.variation.gapInterval[0] >= 0)
    #expect(try resampling.measure(clouds.points) == outcome)
    resampling.seed = 1
    #expect(try resampling.measure(clouds.points).variation.gapInterval != outcome.variation.gapInterval)
  }

  @Test func partsOfNoiseDisagree() throws {
    var resampling = EigengapResampling(neighborCount: 5)
    resampling.draws = 40
    let outcome = try resampling.measure(PlantedPoints.noise(60, 2, seed: 3))
    #expect(outcome.variation.agreement < 1)
    #expect(outcome.variation.clusterCountInterval[0] < outcome.variation.clusterCountInterval[1])
  }

  @Test func aPartIsMeasuredAsIfItWereAlone() throws {
    let points = try PlantedPoints.noise(30, 2, seed: 4)
    var resampling = EigengapResampling(neighborCount: 4)
    resampling.draws = 5
    resampling.fraction = 0.5
    let outcome = try resampling.measure(points)
    for draw in 0..<5 {
      var random = RandomNumbers(seed: 0).split(draw)
      let rows = random.sample(15, below: 30).sorted()
      let spectrum = try resampling.embedding.embed(NeighborGraph(points.selecting(rows), k: 4)).eigenvalues
      #expect(try Eigengap(spectrum, maximum: 14).clusterCount == outcome.variation.clusterCounts[draw])
    }
  }

  @Test func badRequestsAreRefused() throws {
    #expect(throws: ConceptError(.tooFew(set: "the spectrum", found: 1, needed: 2))) { try Eigengap([0]) }
    #expect(throws: ConceptError(.notFinite("eigenvalue 1 is NaN or infinite"))) { try Eigengap([0, .nan]) }
    #expect(
      throws: ConceptError(
        .parameters("eigenvalue 2 is less than the one before it; give them in ascending order"))
    ) { try Eigengap([0, 0.5, 0.4]) }
    #expect(kind { _ = try Eigengap([0, 1], maximum: 0) }?.name == "parameters")
    let points = try PlantedPoints.noise(12, 2, seed: 1)
    let cases: [(Double, Int, Int)] = [
      (0, 10, 3), (1, 10, 3), (.nan, 10, 3), (0.8, 1, 3), (0.5, 10, 6), (0.5, 10, 0),
    ]
    for (fraction, draws, k) in cases {
      var resampling = EigengapResampling(neighborCount: k)
      resampling.fraction = fraction
      resampling.draws = draws
      #expect(
        kind { _ = try resampling.measure(points) }?.name == "parameters", "\(fraction), \(draws), \(k)")
    }
  }
}
