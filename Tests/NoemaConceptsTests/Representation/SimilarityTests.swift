import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct SimilarityTests {
  private func layer(_ matrix: Matrix, _ name: String = "layer") throws -> Representation {
    try Representation(name, matrix.features)
  }

  private func golden(_ rows: [[Double]]) -> Matrix {
    Matrix(rowCount: rows.count, columnCount: rows[0].count, elements: rows.flatMap { $0 })
  }

  private func compare(
    _ measure: Similarity.Measure?, _ a: Matrix, _ b: Matrix, kept: Double = 0.99, ratio: Double = 1
  ) throws -> Double {
    var similarity = Similarity(measure)
    similarity.keptVariance = kept
    similarity.examplesPerDirection = ratio
    return try similarity.matrix([layer(a)], with: [layer(b)]).values[0][0]
  }

  @Test func measuresEqualNumPy() throws {
    let first = golden(ProbeGoldens.firstRepresentation)
    let second = golden(ProbeGoldens.secondRepresentation)
    #expect(abs(try compare(.alignment, first, second) - ProbeGoldens.linearCKA) < 1e-6)
    #expect(abs(try compare(.unbiasedAlignment, first, second) - ProbeGoldens.unbiasedCKA) < 1e-6)
    #expect(abs(try compare(.singularVectorCorrelation, first, second) - ProbeGoldens.svcca99) < 1e-6)
    #expect(
      abs(try compare(.singularVectorCorrelation, first, second, kept: 0.9) - ProbeGoldens.svcca90) < 1e-6)
  }

  /// The estimator as its authors wrote it, from Gram matrices that are not centred.
  @Test func unbiasedAlignmentEqualsItsDefinition() throws {
    let (x, y) = (PlantedLayer.noise(15, 40, seed: 1).rounded, PlantedLayer.noise(15, 6, seed: 2).rounded)
    func gram(_ x: Matrix) -> Matrix {
      var k = x.timesTransposed(x)
      for i in 0..<15 { k[i, i] = 0 }
      return k
    }
    func hsic(_ k: Matrix, _ l: Matrix) -> Double {
      let n = 15.0
      let sums = (k.elements.reduce(0, +), l.elements.reduce(0, +))
      let product = k.times(l)
      return
        (product.trace + sums.0 * sums.1 / ((n - 1) * (n - 2)) - 2 / (n - 2) * product.elements.reduce(0, +))
        / (n * (n - 3))
    }
    let (k, l) = (gram(x), gram(y))
    let expected = hsic(k, l) / (hsic(k, k) * hsic(l, l)).squareRoot()
    #expect(abs(try compare(.unbiasedAlignment, x, y) - expected) < 1e-10)
  }

  @Test func alignmentIgnoresRotationScaleAndOrderOfColumns() throws {
    let x = PlantedLayer.noise(60, 20, seed: 3)
    let rotated = x.times(try PlantedLayer.orthogonal(20, 20, seed: 4))
    var scaled = x
    for i in scaled.elements.indices { scaled.elements[i] *= -3.5 }
    let permuted = x.selecting(rows: Array(0..<60), columns: Array((0..<20).reversed()))
    for measure in [Similarity.Measure.alignment, .unbiasedAlignment, .procrustes] {
      for other in [x, rotated, scaled, permuted] {
        #expect(abs(try compare(measure, x, other) - 1) < 1e-5, "\(measure)")
      }
      let stretched = x.times(PlantedLayer.noise(20, 20, seed: 5))
      #expect(try compare(measure, x, stretched) < 0.95, "\(measure) of an invertible map")
    }
  }

  @Test func canonicalCorrelationIgnoresInvertibleMaps() throws {
    let x = PlantedLayer.noise(200, 12, seed: 6)
    let mapped = x.times(PlantedLayer.noise(12, 12, seed: 7))
    #expect(abs(try compare(.canonicalCorrelation, x, mapped) - 1) < 1e-6)
    #expect(abs(try compare(.projectionWeightedCorrelation, x, mapped, kept: 1) - 1) < 1e-6)
    #expect(abs(try compare(.singularVectorCorrelation, x, x) - 1) < 1e-6)
  }

  @Test func noiseIsAlignedOnlyByTheBiasedEstimator() throws {
    let values = try (0..<20).map { seed in
      try compare(
        .unbiasedAlignment, PlantedLayer.noise(30, 300, seed: 100 + seed),
        PlantedLayer.noise(30, 300, seed: 200 + seed))
    }
    let error = Statistics.standardDeviation(values) / 20.0.squareRoot()
    #expect(abs(Statistics.mean(values)) < 3 * error, "\(Statistics.mean(values)) ± \(error)")
    #expect(
      try compare(.alignment, PlantedLayer.noise(30, 300, seed: 1), PlantedLayer.noise(30, 300, seed: 2))
        > 0.8)
  }

  @Test func theUnbiasedEstimatorIsChosenForFewExamples() throws {
    let wide = try layer(PlantedLayer.noise(30, 20, seed: 1))
    #expect(try Similarity().matrix([wide]).measure == .unbiasedAlignment)
    let narrow = try layer(PlantedLayer.noise(40, 20, seed: 1))
    #expect(try Similarity().matrix([narrow]).measure == .alignment)
  }

  @Test func sharedDimensionsAreCanonicalDirections() throws {
    let shared = PlantedLayer.noise(2000, 3, seed: 8)
    let x = PlantedLayer.joined(shared, PlantedLayer.noise(2000, 5, seed: 9)).times(
      PlantedLayer.noise(8, 8, seed: 10))
    let y = PlantedLayer.joined(shared, PlantedLayer.noise(2000, 4, seed: 11)).times(
      PlantedLayer.noise(7, 7, seed: 12))
    let correlation = try CanonicalCorrelation(layer(x).directions(), layer(y).directions())
    #expect(correlation.correlations.count == 7)
    #expect(correlation.correlations.prefix(3).allSatisfy { $0 > 0.999 })
    #expect(correlation.correlations.dropFirst(3).allSatisfy { $0 < 0.15 })
    let weighted = try correlation.projectionWeighted(x.features)
    #expect(weighted >= correlation.correlations.last! && weighted <= correlation.correlations[0])
    // The weights see what the layer holds: a layer that is mostly shared is mostly alike.
    var loud = shared
    for i in loud.elements.indices { loud.elements[i] *= 10 }
    let mostlyShared = PlantedLayer.joined(loud, PlantedLayer.noise(2000, 5, seed: 13))
    let mostly = try CanonicalCorrelation(layer(mostlyShared).directions(), layer(y).directions())
    #expect(try mostly.projectionWeighted(mostlyShared.features) > mostly.mean + 0.2)
  }

  @Test func projectionWeightsEqualTheirDefinition() throws {
    let (x, y) = (PlantedLayer.noise(50, 4, seed: 14).rounded, PlantedLayer.noise(50, 3, seed: 15).rounded)
    var centred = (x, y)
    centred.0.subtractColumnMeans()
    centred.1.subtractColumnMeans()
    let sides = (try SingularValues(centred.0), try SingularValues(centred.1))
    let svd = try SingularValues(sides.0.left.transposedTimes(sides.1.left))
    let variates = sides.0.left.times(svd.left)
    let products = variates.transposedTimes(x)
    let weights = (0..<3).map { products.row($0).reduce(0) { $0 + abs($1) } }
    let expected = zip(weights, svd.values).reduce(0) { $0 + $1.0 * $1.1 } / weights.reduce(0, +)
    #expect(abs(try compare(.projectionWeightedCorrelation, x, y, kept: 1) - expected) < 1e-10)
  }

  @Test func procrustesEqualsTheBestRotation() throws {
    var (x, y) = (PlantedLayer.noise(40, 5, seed: 16).rounded, PlantedLayer.noise(40, 5, seed: 17).rounded)
    y.add(x)
    y = y.rounded
    let found = try compare(.procrustes, x, y)
    for index in 0..<2 {
      var side = index == 0 ? x : y
      side.subtractColumnMeans()
      let norm = side.dot(side).squareRoot()
      side.scaleColumns(Array(repeating: 1 / norm, count: 5))
      if index == 0 { x = side } else { y = side }
    }
    let svd = try SingularValues(x.transposedTimes(y))
    var rotated = x.times(svd.left.timesTransposed(svd.right))
    rotated.add(y, times: -1)
    #expect(abs(found - (1 - rotated.dot(rotated) / 2)) < 1e-9)
  }

  @Test func aMatrixIsSymmetricWithOnesAndFindsItsOwnLayers() throws {
    let base = PlantedLayer.noise(80, 10, seed: 18)
    func network(_ seed: UInt64) throws -> [Representation] {
      try (0..<3).map { depth in
        // Each depth squares away more of the input; seeds only rotate and disturb.
        var x = base
        x.scaleColumns((0..<10).map { pow(0.3 + 0.3 * Double(depth), Double($0)) })
        var y = x.times(try PlantedLayer.orthogonal(10, 10, seed: seed + UInt64(depth)))
        y.add(PlantedLayer.noise(80, 10, seed: seed + 50 + UInt64(depth)), times: 0.02)
        return try layer(y, "layer\(depth)")
      }
    }
    let (a, b) = (try network(100), try network(200))
    for measure in [Similarity.Measure.alignment, .unbiasedAlignment, .procrustes] {
      let own = try Similarity(measure).matrix(a)
      for i in 0..<3 {
        #expect(abs(own.values[i][i] - 1) < 1e-9)
        for j in 0..<3 {
          #expect(abs(own.values[i][j] - own.values[j][i]) < 1e-9)
          #expect(own.values[i][j] >= 0 && own.values[i][j] <= 1 + 1e-9)
        }
      }
      let both = try Similarity(measure).matrix(a, with: b)
      #expect(both.nearest == [0, 1, 2])
      #expect(both.rows == ["layer0", "layer1", "layer2"] && both.exampleCount == 80)
    }
  }

  @Test func significanceTellsLayersFromNoise() throws {
    var similarity = Similarity(.unbiasedAlignment)
    similarity.resamples = 200
    similarity.permutations = 199
    let x = PlantedLayer.noise(60, 8, seed: 20)
    var alike = x
    alike.add(PlantedLayer.noise(60, 8, seed: 21))
    let result = try similarity.matrix(
      [layer(x)], with: [layer(alike), layer(PlantedLayer.noise(60, 8, seed: 22))])
    let (p, intervals) = (try #require(result.pValues), try #require(result.intervals))
    #expect(p[0][0] <= 0.01 && p[0][1] > 0.02)
    #expect(intervals[0][0][0] < result.values[0][0] && intervals[0][0][1] > result.values[0][0])
    #expect(intervals[0][0][0] > 0.1 && intervals[0][1][0] < 0.1)
    #expect(
      try similarity.matrix([layer(x)], with: [layer(alike), layer(PlantedLayer.noise(60, 8, seed: 22))])
        == result)
    // Other measures have neither.
    similarity.measure = .procrustes
    #expect(throws: ConceptError.self) { try similarity.matrix([layer(x)]) }
  }

  /// Halves about the whole spread as the whole about the truth.
  @Test func intervalsCoverWhatNewExamplesGive() throws {
    func pair(_ seed: UInt64) -> (Matrix, Matrix) {
      let x = PlantedLayer.noise(80, 5, seed: seed)
      var y = x
      y.add(PlantedLayer.noise(80, 5, seed: seed + 1000))
      return (x, y)
    }
    let values = try (0..<60).map { try compare(.unbiasedAlignment, pair($0).0, pair($0).1) }
    let truth = Statistics.mean(values)
    var similarity = Similarity(.unbiasedAlignment)
    similarity.resamples = 100
    let covered = try (0..<60).count { seed in
      let (x, y) = pair(UInt64(seed))
      let ends = try similarity.matrix([layer(x)], with: [layer(y)]).intervals![0][0]
      return ends[0] <= truth && truth <= ends[1]
    }
    #expect(covered >= 50 && covered <= 60, "\(covered) of 60")
  }

  @Test func layersThatCannotBeComparedAreRefused() throws {
    let x = PlantedLayer.noise(30, 40, seed: 23)
    let short = try layer(PlantedLayer.noise(29, 4, seed: 24), "short")
    let error = #expect(throws: ConceptError.self) { try Similarity().matrix([layer(x, "long"), short]) }
    #expect(error?.description.contains("29") == true && error?.description.contains("30") == true)
    let keyed = try ["a", "b"].map { try Representation($0, x.features, exampleKey: $0) }
    #expect(throws: ConceptError.self) { try Similarity().matrix(keyed) }
    // 29 directions of 30 examples: every correlation would be 1.
    let saturated = #expect(throws: ConceptError.self) {
      try Similarity(.canonicalCorrelation).matrix([layer(x)])
    }
    #expect(saturated?.description.contains("30 examples for 29 directions") == true)
    #expect(throws: ConceptError.self) {
      try compare(.canonicalCorrelation, PlantedLayer.noise(30, 5, seed: 1), x, ratio: 10)
    }
    #expect(throws: ConceptError.self) {
      try compare(.unbiasedAlignment, PlantedLayer.noise(3, 5, seed: 1), PlantedLayer.noise(3, 5, seed: 2))
    }
    #expect(throws: ConceptError.self) {
      try Representation("few", PlantedLayer.noise(30, 2, seed: 1).features, maximumExamples: 20)
    }
    #expect(throws: ConceptError.self) { try Similarity().matrix([]) }
  }

  @Test func aConstantLayerIsSimilarToNothing() throws {
    let constant = Matrix(rowCount: 30, columnCount: 4, elements: (0..<120).map { 1000.1 + Double($0 % 4) })
    let layers = [try layer(PlantedLayer.noise(30, 5, seed: 25), "alive"), try layer(constant, "dead")]
    for measure in Similarity.Measure.allCases {
      var similarity = Similarity(measure)
      similarity.examplesPerDirection = 2
      let result = try similarity.matrix(layers)
      #expect(abs(result.values[0][0] - 1) < 1e-6)
      #expect(result.values[0][1].isNaN && result.values[1][0].isNaN && result.values[1][1].isNaN)
      #expect(result.notes == ["dead: zero variance, so nothing is similar to it"])
      #expect(result.nearest == [0, nil])
      // NaN survives JSON as null.
      let data = try JSONEncoder().encode(result)
      let back = try JSONDecoder().decode(SimilarityMatrix.self, from: data)
      #expect(
        back.values[0][1].isNaN && back.values[0][0] == result.values[0][0] && back.notes == result.notes)
    }
  }
}
