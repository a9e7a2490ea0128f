import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct SpectrumTests {
  private func matrix(_ rows: [[Double]]) -> Matrix {
    Matrix(rowCount: rows.count, columnCount: rows[0].count, elements: rows.flatMap { $0 })
  }

  /// The singular values of a centred matrix, straight from LAPACK.
  private func reference(_ x: Matrix, centre: Bool = true) throws -> SingularValues {
    var x = x
    if centre { x.subtractColumnMeans() }
    return try SingularValues(x)
  }

  @Test func effectiveRankEqualsNumPy() throws {
    let first = try Spectrum(matrix(ProbeGoldens.firstRepresentation).features)
    #expect(abs(first.effectiveRank! - ProbeGoldens.effectiveRankFirst) < 1e-6)
    let second = try Spectrum(matrix(ProbeGoldens.secondRepresentation).features)
    #expect(abs(second.effectiveRank! - ProbeGoldens.effectiveRankSecond) < 1e-6)
  }

  @Test func derivedNumbersFollowTheirDefinitions() {
    // Squares 8, 1, 1: shares 0.8, 0.1, 0.1.
    let spectrum = Spectrum(
      singularValues: [2 * 2.0.squareRoot(), 1, 1], method: .gram, exampleCount: 9, featureCount: 3,
      isCentred: true)
    #expect(PlantedLayer.distance(spectrum.explainedRatio, [0.8, 0.1, 0.1]) < 1e-12)
    #expect(PlantedLayer.distance(spectrum.cumulativeRatio, [0.8, 0.9, 1]) < 1e-12)
    #expect(abs(spectrum.participationRatio! - 100 / 66) < 1e-12)
    #expect(abs(spectrum.stableRank! - 1.25) < 1e-12)
    #expect(abs(spectrum.effectiveRank! - exp(-0.8 * log(0.8) - 0.2 * log(0.1))) < 1e-12)
    #expect(spectrum.componentsFor90 == 2)
    #expect(spectrum.componentsFor95 == 3)
    #expect(spectrum.componentsFor99 == 3)
    // Leading values alone do not tell the rank.
    let leading = Spectrum(
      singularValues: [2 * 2.0.squareRoot()], total: 10, method: .randomised, exampleCount: 9,
      featureCount: 3,
      isCentred: true)
    #expect(
      leading.effectiveRank == nil && leading.participationRatio == nil && leading.componentsFor90 == nil)
    #expect(abs(leading.stableRank! - 1.25) < 1e-12)
  }

  @Test(arguments: [(40, 70), (70, 40), (30, 30)], [true, false])
  func everyRouteEqualsTheThinDecomposition(_ extents: (Int, Int), centre: Bool) throws {
    let (n, d) = extents
    var x = PlantedLayer.noise(n, d, seed: 3)
    for i in 0..<n { for j in 0..<d { x[i, j] = x[i, j] * pow(0.9, Double(j)) + 2 } }
    x = x.rounded
    let expected = try reference(x, centre: centre)
    for route in [PrincipalComponents.Route.exact, .randomised(rank: min(n, d))] {
      let found = try PrincipalComponents(x.features, count: 4, centre: centre, route: route)
      let error = PlantedLayer.distance(found.spectrum.singularValues, expected.values) / expected.values[0]
      // A Gram matrix holds squares: a vanishing singular value is the root of rounding.
      #expect(error < 1e-7, "\(route): \(error)")
      for k in 0..<4 {
        let direction = found.components.elements(as: Float.self)[(k * d)..<((k + 1) * d)].map { Double($0) }
        // The thin decomposition has the same convention of signs.
        let column = (0..<d).map { expected.right[$0, k] }
        #expect(PlantedLayer.distance(direction, column) < 1e-6, "\(route), direction \(k)")
        #expect(
          abs(found.scores.transposed.row(k).reduce(0) { $0 + $1 * $1 }.squareRoot() - expected.values[k])
            < 1e-6)
      }
    }
  }

  @Test func scoresAndComponentsRestoreTheExamples() throws {
    for (n, d) in [(20, 50), (50, 20)] {
      let x = try PlantedLayer.withSingularValues([9, 5, 2], rows: n, columns: d, seed: 11).rounded
      for route in [PrincipalComponents.Route.exact, .randomised(rank: 6)] {
        let parts = try PrincipalComponents(x.features, count: 6, route: route)
        var restored = parts.scores.times(try Matrix(parts.components))
        for i in 0..<n { for j in 0..<d { restored[i, j] += parts.mean[j] } }
        #expect(PlantedLayer.distance(restored.elements, x.elements) < 2e-6, "\(n)×\(d) \(route)")
      }
    }
  }

  @Test func aMatrixOfRankKIsExactByRandomProjections() throws {
    let x = try PlantedLayer.withSingularValues([9, 5, 2, 1], rows: 120, columns: 90, seed: 5)
    let found = try PrincipalComponents(x.features, count: 4, centre: false, route: .randomised(rank: 4))
      .spectrum
    // Features are float32; their own decomposition is the truth.
    let truth = try reference(x.rounded, centre: false)
    #expect(PlantedLayer.distance(found.singularValues, Array(truth.values.prefix(4))) < 1e-10)
    #expect(abs(found.total - truth.values.reduce(0) { $0 + $1 * $1 }) < 1e-10)
  }

  @Test func randomProjectionsLeaveLittleOfAGeometricSpectrum() throws {
    let values = (0..<80).map { pow(0.85, Double($0)) }
    let x = try PlantedLayer.withSingularValues(values, rows: 150, columns: 100, seed: 8).rounded
    let parts = try PrincipalComponents(x.features, count: 10, centre: false, route: .randomised(rank: 10))
    var rest = x
    rest.add(parts.scores.times(try Matrix(parts.components)), times: -1)
    #expect(try SingularValues(rest).values[0] < 1.1 * values[10])
    // Orthonormal up to float32.
    let directions = try Matrix(parts.components)
    let product = directions.timesTransposed(directions)
    for i in 0..<10 { for j in 0..<10 { #expect(abs(product[i, j] - (i == j ? 1 : 0)) < 1e-6) } }
    // The same seed gives the same numbers, another seed others.
    let again = try PrincipalComponents(x.features, count: 10, centre: false, route: .randomised(rank: 10))
    #expect(again.spectrum == parts.spectrum)
    let other = try PrincipalComponents(
      x.features, count: 10, centre: false, route: .randomised(rank: 10, seed: 1))
    #expect(other.spectrum != parts.spectrum)
  }

  @Test func covarianceDoesNotDependOnBlocks() throws {
    var x = PlantedLayer.noise(101, 7, seed: 2)
    for i in x.elements.indices { x.elements[i] += 50 }
    let features = try x.features
    let whole = try StreamedCovariance(features)
    for size in [1, 7, 64] {
      let parts = try StreamedCovariance(features, blockSize: size)
      #expect(parts.count == 101)
      #expect(PlantedLayer.distance(parts.mean, whole.mean) < 1e-12 * 50)
      #expect(
        PlantedLayer.distance(parts.scatter.elements, whole.scatter.elements) < 1e-10 * whole.scatter.trace)
    }
    var merged = try StreamedCovariance(FeatureRows(features, rows: Array(0..<40)))
    merged.merge(try StreamedCovariance(FeatureRows(features, rows: Array(40..<101))))
    #expect(
      PlantedLayer.distance(merged.scatter.elements, whole.scatter.elements) < 1e-10 * whole.scatter.trace)
    var naive = x.rounded
    naive.subtractColumnMeans()
    #expect(
      PlantedLayer.distance(naive.transposedTimes(naive).elements, whole.scatter.elements) < 1e-10
        * whole.scatter.trace)
  }

  @Test func wideLayersThatGoThroughFloat32HaveTheSameSpectrum() throws {
    // 400² · 130 000 products are more than what is multiplied in float64; columns repeat, which only scales.
    let small = PlantedLayer.noise(400, 26, seed: 4)
    let repeated = RepeatedColumns(base: try small.features, times: 5000)
    let wide = try Spectrum(repeated)
    let narrow = try Spectrum(small.features)
    #expect(wide.method == .gram && narrow.method == .covariance)
    for k in 0..<26 {
      let ratio = wide.singularValues[k] / (narrow.singularValues[k] * 5000.0.squareRoot())
      #expect(abs(ratio - 1) < 1e-5)
    }
    #expect(abs(wide.effectiveRank! - narrow.effectiveRank!) < 1e-3)
  }

  @Test func parallelAnalysisCountsPlantedDirections() throws {
    var x = PlantedLayer.noise(200, 30, seed: 6)
    x.add(try PlantedLayer.withSingularValues([80, 60, 50], rows: 200, columns: 30, seed: 7))
    #expect(try ParallelAnalysis(x.features).significantCount == 3)
    #expect(try ParallelAnalysis(PlantedLayer.noise(200, 30, seed: 9).features).significantCount <= 1)
  }

  @Test func aLayerThatDoesNotVaryHasNoRank() throws {
    let constant = Matrix(rowCount: 4, columnCount: 3, elements: Array(repeating: 2, count: 12))
    let spectrum = try Spectrum(constant.features)
    #expect(spectrum.effectiveRank == nil && spectrum.componentsFor90 == nil && spectrum.stableRank == nil)
    let data = try JSONEncoder().encode(spectrum)
    #expect(try JSONDecoder().decode(Spectrum.self, from: data) == spectrum)
  }

  @Test func badLayersAreRefused() throws {
    var x = PlantedLayer.noise(5, 4, seed: 1)
    x[3, 2] = .nan
    let broken = try x.features
    let wide = Matrix(rowCount: 2, columnCount: 6, elements: (0..<12).map { $0 == 7 ? .infinity : 1 })
    #expect(throws: ConceptError(.notFinite("the value of example 3, feature 2 is NaN or infinite"))) {
      try Spectrum(broken)
    }
    #expect(throws: ConceptError(.notFinite("the value of example 1, feature 1 is NaN or infinite"))) {
      try Spectrum(wide.features)
    }
    #expect(throws: ConceptError.self) { try Spectrum(PlantedLayer.noise(1, 4, seed: 1).features) }
    #expect(throws: ConceptError.self) {
      try Spectrum(PlantedLayer.noise(5, 4, seed: 1).features, route: .randomised(rank: 0))
    }
  }
}

/// Columns of a small matrix, over and over.
private struct RepeatedColumns: FeatureMatrix {
  let base: TensorFeatures
  let times: Int
  var rowCount: Int { base.rowCount }
  var columnCount: Int { base.columnCount * times }

  func copyBlock(rows: Range<Int>, columns: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>)
    throws
  {
    let width = base.columnCount
    let values = base.tensor.elements(as: Float.self)
    var position = 0
    for row in rows {
      for column in columns {
        destination[position] = values[row * width + column % width]
        position += 1
      }
    }
  }
}
