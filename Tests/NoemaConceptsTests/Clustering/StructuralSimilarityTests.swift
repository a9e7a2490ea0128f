import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct StructuralSimilarityTests {
  /// One less the mean over all windows of all channels, from the definition.
  private func naive(_ x: [Double], _ y: [Double], _ settings: StructuralSimilarity, range: Double) -> Double
  {
    let (height, width, window) = (settings.height, settings.width, settings.window)
    let (c1, c2) = (pow(0.01 * range, 2), pow(0.03 * range, 2))
    var (total, count) = (0.0, 0.0)
    for channel in 0..<settings.channels {
      for top in 0...(height - window) {
        for left in 0...(width - window) {
          func values(_ map: [Double]) -> [Double] {
            (0..<window * window).map {
              map[channel * height * width + (top + $0 / window) * width + left + $0 % window]
            }
          }
          let (a, b) = (values(x), values(y))
          let n = Double(a.count)
          let (meanA, meanB) = (a.reduce(0, +) / n, b.reduce(0, +) / n)
          func covariance(_ p: [Double], _ q: [Double], _ meanP: Double, _ meanQ: Double) -> Double {
            zip(p, q).reduce(0) { $0 + ($1.0 - meanP) * ($1.1 - meanQ) } / (n - 1)
          }
          let between = covariance(a, b, meanA, meanB)
          let (varianceA, varianceB) = (covariance(a, a, meanA, meanA), covariance(b, b, meanB, meanB))
          total +=
            (2 * meanA * meanB + c1) * (2 * between + c2)
            / ((meanA * meanA + meanB * meanB + c1) * (varianceA + varianceB + c2))
          count += 1
        }
      }
    }
    return 1 - total / count
  }

  private func makeMaps(_ n: Int, _ settings: StructuralSimilarity, seed: UInt64) throws -> PointSet {
    try PlantedPoints.noise(n, settings.channels * settings.height * settings.width, seed: seed)
  }

  private func doubles(_ maps: PointSet, _ index: Int) -> [Double] { maps.row(index).map { Double($0) } }

  @Test(arguments: [(1, 9, 12, 7), (3, 5, 4, 2), (2, 6, 6, 6), (1, 3, 20, 3)])
  func distancesFollowTheDefinition(_ extents: (Int, Int, Int, Int)) throws {
    var settings = StructuralSimilarity(channels: extents.0, height: extents.1, width: extents.2)
    settings.window = extents.3
    let (a, b) = (try makeMaps(4, settings, seed: 1), try makeMaps(5, settings, seed: 2))
    for range in [nil, 0.7] as [Double?] {
      settings.range = range
      let all = (a.values + b.values).map { Double($0) }
      let found = try settings.distances(from: a, to: b)
      #expect(found.rowCount == 4 && found.columnCount == 5)
      for i in 0..<4 {
        for j in 0..<5 {
          let expected = naive(
            doubles(a, i), doubles(b, j), settings, range: range ?? (all.max()! - all.min()!))
          #expect(abs(found[i, j] - expected) < 1e-10)
        }
      }
    }
  }

  @Test func equalMapsAreAtDistanceZeroAndDistancesAreSymmetric() throws {
    let settings = StructuralSimilarity(height: 11, width: 8)
    let maps = try makeMaps(70, settings, seed: 3).selecting((0..<140).map { $0 % 70 })
    let found = try settings.distances(from: maps, to: maps)
    #expect(found == found.transposed)
    for i in 0..<140 { #expect(found[i, i] == 0 && found[i, (i + 70) % 140] == 0) }
    #expect(found.elements.allSatisfy { $0 >= 0 && $0 <= 2 })
  }

  @Test func neighboursAreTheNearestInTheOrderOfDistanceAndIndex() throws {
    let settings = StructuralSimilarity(height: 8, width: 8)
    // More than a block, with duplicates.
    let maps = try makeMaps(45, settings, seed: 4).selecting((0..<90).map { $0 % 45 })
    let found = try settings.nearestNeighbors(of: maps, k: 5)
    let distances = try settings.distances(from: maps, to: maps)
    for i in 0..<90 {
      let expected = (0..<90).filter { $0 != i }.sorted { (distances[i, $0], $0) < (distances[i, $1], $1) }
      #expect(found.indices(of: i).map { Int($0) } == Array(expected.prefix(5)))
      #expect(Array(found.distances(of: i)) == expected.prefix(5).map { distances[i, $0] })
      #expect(Int(found.indices(of: i).first!) == (i + 45) % 90)
    }
  }

  @Test func noiseIsNearerThanAShift() throws {
    // A ring, the same with a little noise, and moved by a third of its size.
    func ring(_ middle: Double) -> [Float] {
      (0..<24 * 24).map { place in
        let (y, x) = (Double(place / 24) - middle, Double(place % 24) - middle)
        return Float(exp(-pow((x * x + y * y).squareRoot() - 5, 2)))
      }
    }
    var random = RandomNumbers(seed: 5)
    let noisy = ring(11).map { $0 + Float(0.01 * random.normal()) }
    let maps = try PointSet(ring(11) + noisy + ring(13), count: 3, dimension: 576)
    let found = try StructuralSimilarity(height: 24, width: 24).nearestNeighbors(of: maps, k: 1)
    #expect(found.indices(of: 0).first == 1)
  }

  @Test func theScaleOfMapsDoesNotMatter() throws {
    let settings = StructuralSimilarity(height: 9, width: 9)
    let maps = try makeMaps(12, settings, seed: 6)
    let plain = try settings.distances(from: maps, to: maps)
    for factor in [Float(0x1p-60), 0x1p60] {
      let scaled = try PlantedPoints.mapped(maps) { $0 * factor }
      #expect(try settings.distances(from: scaled, to: scaled) == plain)
    }
    let constant = try PlantedPoints.mapped(maps) { _ in 3 }
    #expect(try settings.distances(from: constant, to: constant).elements.allSatisfy { $0 == 0 })
  }

  @Test func badRequestsAreNamed() throws {
    let settings = StructuralSimilarity(height: 8, width: 8)
    let maps = try makeMaps(4, settings, seed: 7)
    #expect(kind { _ = try settings.nearestNeighbors(of: maps, k: 4) }?.name == "parameters")
    let endless = StructuralSimilarity(height: .max, width: .max)
    #expect(kind { _ = try endless.nearestNeighbors(of: maps, k: 1) }?.name == "mismatch")
    let other = StructuralSimilarity(height: 8, width: 9)
    #expect(
      throws: ConceptError(
        .mismatch("maps of 64 values are not 1 channels of 8 × 9; name their extents"))
    ) { try other.nearestNeighbors(of: maps, k: 1) }
    for change in [
      { $0.window = 1 }, { $0.window = 9 }, { $0.range = 0 }, { $0.range = .nan }, { $0.channels = 0 },
      { $0.height = -8 },
    ] as [(inout StructuralSimilarity) -> Void] {
      var broken = settings
      change(&broken)
      #expect(kind { _ = try broken.distances(from: maps, to: maps) }?.name == "parameters")
    }
  }
}
