import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct DictionaryTests {
  @Test func principalComponentsHoldTheMost() throws {
    let matrix = try PlantedLayer.withSingularValues([9, 5, 2, 0.5], rows: 40, columns: 7, seed: 1)
    let points = try PointSet(matrix)
    let dictionary = try PrincipalAxes(2).learn(points)
    var centred = points.matrix
    centred.subtractColumnMeans()
    let values = try SingularValues(centred).values.map { $0 * $0 }
    let fit = try dictionary.fit(of: points)
    let held = (values[0] + values[1]) / values.reduce(0, +)
    #expect(abs(fit.explainedVariance - held) < 1e-5)
    let products = dictionary.atoms.timesTransposed(dictionary.atoms)
    #expect(PlantedLayer.distance(products.elements, [1, 0, 0, 1]) < 1e-5)
    // All components give rows back.
    let all = try PrincipalAxes(7).learn(points)
    #expect(try all.fit(of: points).relativeError < 1e-5)
  }

  @Test func clustersAreOneConceptARow() throws {
    let clouds = try PlantedPoints.threeClouds()
    let dictionary = try KMeans(3).learn(clouds.points)
    let codes = try dictionary.encode(clouds.points)
    for row in 0..<codes.rowCount { #expect(codes.row(row).sorted() == [0, 0, 1]) }
    let labels = (0..<codes.rowCount).map { row in codes.row(row).firstIndex(of: 1)! - row * 3 }
    #expect(PlantedPoints.agree(labels, clouds.labels))
    let back = try dictionary.decode(codes)
    for row in 0..<back.rowCount { #expect(Array(back.row(row)) == Array(dictionary.atoms.row(labels[row]))) }
    let fit = try dictionary.fit(of: clouds.points)
    #expect(abs(fit.sparsity - 2.0 / 3) < 1e-12)
    // What is left is the inertia.
    var total = 0.0
    for value in clouds.points.values { total += Double(value) * Double(value) }
    #expect(abs(fit.relativeError * fit.relativeError * total - dictionary.model.inertia) < 1e-6 * total)
    // Directions lead from the mean.
    let weights = (0..<3).map { k in Double(labels.count { $0 == k }) / Double(labels.count) }
    for j in 0..<2 {
      #expect(abs((0..<3).reduce(0.0) { $0 + weights[$1] * dictionary.directions[$1, j] }) < 1e-4)
    }
  }

  @Test func mapsAreCoefficientsOfPositions() throws {
    let (n, channels, height, width) = (2, 6, 3, 4)
    var random = RandomNumbers(seed: 5)
    let values = (0..<n * channels * height * width).map { _ in Float(random.uniform()) }
    let first = Tensor(shape: [n, channels, height, width], values)
    let positions = try PositionRows(first.shape)
    let rows = try positions.rows(first)
    let dictionary = try NonNegativeFactorisation(3).learn(rows)
    let maps = try dictionary.maps(of: first)
    #expect(maps.shape == [n, 3, height, width])
    let codes = try dictionary.encode(rows)
    let found = maps.elements(as: Float.self)
    for example in 0..<n {
      for position in 0..<height * width {
        // A row is the channels of a position.
        let row = rows.row(example * height * width + position)
        for (channel, value) in row.enumerated() {
          #expect(value == values[(example * channels + channel) * height * width + position])
        }
        for k in 0..<3 {
          let expected = Float(codes[example * height * width + position, k])
          #expect(found[(example * 3 + k) * height * width + position] == expected)
        }
      }
    }
    // Channels last hold the same.
    let last = Tensor(shape: [n, height, width, channels], rows.values)
    let lastMaps = try dictionary.maps(of: last, hasChannelsLast: true)
    #expect(lastMaps.shape == [n, height, width, 3])
    #expect(lastMaps.elements(as: Float.self) == codes.elements.map { Float($0) })
    // The way back is `U W`.
    let back = try dictionary.activations(of: maps)
    #expect(back.shape == first.shape)
    let decoded = try dictionary.decode(codes)
    for index in 0..<back.count {
      let (example, channel, position) = (
        index / (channels * 12), index / 12 % channels, index % 12
      )
      let gap = Double(back.elements(as: Float.self)[index]) - decoded[example * 12 + position, channel]
      #expect(abs(gap) < 1e-5)
    }
    let large = try dictionary.maps(of: first, size: [6, 8])
    #expect(large.shape == [n, 3, 6, 8])
    #expect(
      kind { _ = try dictionary.maps(of: Tensor(shape: [2, 5, 3, 4], repeating: Float(1))) }?.name
        == "mismatch")
    #expect(kind { _ = try dictionary.maps(of: first, size: [6]) }?.name == "mismatch")
    #expect(kind { _ = try PositionRows([3]) }?.name == "mismatch")
    // Sequences keep features last.
    #expect(try PositionRows([2, 5, 6]).channelCount == 6)
  }

  @Test func rowsOfAnotherLayerAreRefused() throws {
    let points = try PlantedMixtures.parts(30, concepts: 3, width: 4, seed: 7).points
    let other = try PointSet([1, 2], count: 1, dimension: 2)
    let models: [any ConceptDictionary] = [
      try PrincipalAxes(2).learn(points), try KMeans(2).learn(points),
      try NonNegativeFactorisation(2).learn(points),
    ]
    for model in models {
      #expect(kind { _ = try model.encode(other) }?.name == "mismatch")
      #expect(kind { _ = try model.decode(Matrix(rowCount: 1, columnCount: 3)) }?.name == "mismatch")
    }
    let same = try points.selecting([4, 4, 4])
    #expect(kind { _ = try PrincipalAxes(1).learn(same) }?.name == "parameters")
    #expect(kind { _ = try KMeans(2).learn(same) }?.name == "tooFew")
    #expect(kind { _ = try KMeans(40).learn(points) }?.name == "tooFew")
  }
}

@Suite struct DictionaryMatchingTests {
  /// The best of all orders.
  private func bruteForce(_ worths: Matrix) -> Double {
    func best(_ row: Int, _ used: Set<Int>) -> Double {
      guard row < worths.rowCount else { return 0 }
      var found = -Double.infinity
      for column in 0..<worths.columnCount where !used.contains(column) {
        found = max(found, worths[row, column] + best(row + 1, used.union([column])))
      }
      return found
    }
    return best(0, [])
  }

  @Test(arguments: [(1, 1), (4, 4), (3, 6), (6, 6), (5, 2)])
  func assignmentsAreTheBest(_ extents: (Int, Int)) {
    for seed in 1...8 as ClosedRange<UInt64> {
      let worths = PlantedLayer.noise(extents.0, extents.1, seed: seed)
      let partners = Assignment.greatest(worths)
      let pairs = partners.enumerated().compactMap { row, column in column.map { (row, $0) } }
      #expect(Set(pairs.map(\.1)).count == pairs.count && pairs.count == min(extents.0, extents.1))
      let sum = pairs.reduce(0) { $0 + worths[$1.0, $1.1] }
      let expected = extents.0 <= extents.1 ? bruteForce(worths) : bruteForce(worths.transposed)
      #expect(abs(sum - expected) < 1e-12)
    }
    #expect(Assignment.greatest(Matrix(rowCount: 0, columnCount: 0)).isEmpty)
    #expect(Assignment.greatest(Matrix(rowCount: 2, columnCount: 0)) == [nil, nil])
  }

  @Test func anotherOrderIsTheSameDictionary() throws {
    let atoms = PlantedLayer.noise(7, 11, seed: 3), order = PlantedPoints.order(7, seed: 4)
    var other = atoms.selecting(rows: order, columns: Array(0..<11))
    other.elements = other.elements.map { $0 * 2.5 }
    let matching = try DictionaryMatching(atoms, other)
    for (concept, partner) in matching.partners.enumerated() {
      #expect(order[try #require(partner)] == concept)
    }
    #expect(matching.cosines.allSatisfy { abs($0 - 1) < 1e-12 } && abs(matching.meanCosine - 1) < 1e-12)
    // Opposites are the same only where signs are free.
    other.elements = other.elements.map { -$0 }
    #expect(try DictionaryMatching(atoms, other, isSigned: true).meanCosine > 0.999)
    #expect(try DictionaryMatching(atoms, other).meanCosine < 0.7)
    // A concept without a partner, and one of zeros.
    let few = atoms.selecting(rows: [2], columns: Array(0..<11))
    #expect(try DictionaryMatching(atoms, few).partners.compactMap { $0 }.count == 1)
    #expect(try DictionaryMatching(Matrix(rowCount: 1, columnCount: 11), atoms).cosines == [0])
    #expect(
      kind { _ = try DictionaryMatching(atoms, Matrix(rowCount: 7, columnCount: 2)) }?.name == "mismatch")
  }

  @Test func plantedConceptsAreStableAndNoiseIsNot() throws {
    let planted = try PlantedMixtures.parts(150, concepts: 4, width: 6, noise: 0.02, seed: 8).points
    var random = RandomNumbers(seed: 9)
    let noise = try PointSet(
      (0..<150 * 24).map { _ in Float(abs(random.normal())) }, count: 150, dimension: 24)
    var learner = NonNegativeFactorisation(4)
    learner.start = .random
    func stability(_ points: PointSet) throws -> DictionaryStability.Outcome {
      try DictionaryStability(.bootstrap, runs: 4, seed: 2).assess(
        try learner.learn(points), by: learner, of: points)
    }
    let (stable, loose) = (try stability(planted), try stability(noise))
    #expect(stable.cosines.count == 4 && stable.concepts.count == 4)
    #expect(stable.mean > 0.95 && stable.concepts.allSatisfy { $0 > 0.85 } && loose.mean < stable.mean - 0.03)
    let again = try stability(planted)
    #expect(again == stable)
    // The same rows and no random start: nothing differs.
    let exact = NonNegativeFactorisation(4)
    let same = try DictionaryStability(nil, runs: 1).assess(try exact.learn(planted), by: exact, of: planted)
    #expect(same.concepts.allSatisfy { $0 > 1 - 1e-6 })
    #expect(
      kind {
        _ = try DictionaryStability(.part(1), runs: 1).assess(exact.learn(planted), by: exact, of: planted)
      }?
      .name == "parameters")
  }
}
