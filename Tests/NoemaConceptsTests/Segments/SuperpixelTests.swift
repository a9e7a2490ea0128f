import Foundation
import NoemaAttribution
import NoemaGraph
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct SuperpixelTests {
  private func labels(
    _ pixels: [Float], channels: Int = 3, _ height: Int, _ width: Int, _ superpixels: Superpixels,
    smoothing: Double = 0
  ) throws -> [Int32] {
    try superpixels.labels(
      of: try ColourPlanes(pixels, channels: channels, height: height, width: width, smoothing: smoothing))
  }

  /// Settings of the fixture: how many, compactness, smoothing.
  static let settings = [(15, 20.0, 1.0), (50, 20, 1), (80, 20, 1), (100, 10, 0)]

  @Test(arguments: ["astronaut", "cat"], settings)
  func segmentsAreScikitImages(_ name: String, _ setting: (Int, Double, Double)) throws {
    let fixture = try ConceptFixture("segments")
    let found = try Superpixels(setting.0, compactness: setting.1)
      .labels(of: try fixture.colours("\(name)/image", smoothing: setting.2)).map { Int($0) }
    let expected = try fixture.labels("\(name)/slic\(setting.0)")
    #expect(try ClusterQuality.adjustedRand(found, expected) >= 0.97)
    #expect(found.max() == expected.max())
  }

  @Test(arguments: ["astronaut", "cat"])
  func greyIsScikitImagesToo(_ name: String) throws {
    let fixture = try ConceptFixture("segments")
    let found = try Superpixels(50, compactness: 20).labels(
      of: try fixture.colours("\(name)/grey", smoothing: 1))
    let expected = try fixture.labels("\(name)/greySlic50")
    #expect(try ClusterQuality.adjustedRand(found.map { Int($0) }, expected) >= 0.97)
  }

  /// The definition, in float64 and without windows cut in lanes.
  private func naive(_ pixels: [Float], _ height: Int, _ width: Int, _ count: Int, _ compactness: Double)
    -> [Int]
  {
    let colours = (0..<height * width).map { pixel in
      lab((0..<3).map { Double(pixels[$0 * height * width + pixel]) }, pixels)
    }
    let step = Int((Double(height * width) / Double(count)).squareRoot().rounded(.toNearestOrEven))
    let start = Int((Double(height * width) / Double(count)).squareRoot() / 2)
    var centres: [(colour: [Double], y: Double, x: Double)] = []
    for y in stride(from: start, to: height, by: step) {
      for x in stride(from: start, to: width, by: step) { centres.append(([0, 0, 0], Double(y), Double(x))) }
    }
    // Windows go by the step of as many centres as there are.
    let window = Int((Double(height * width) / Double(centres.count)).squareRoot().rounded(.toNearestOrEven))
    var labels = [Int](repeating: 0, count: height * width)
    for _ in 0..<10 {
      for pixel in labels.indices {
        var best = Double.infinity
        for (k, (colour, y, x)) in centres.enumerated() {
          let (row, column) = (pixel / width, pixel % width), reach = Double(2 * window)
          guard row >= Int(max(y - reach, 0)), row < Int(min(y + reach + 1, Double(height))),
            column >= Int(max(x - reach, 0)), column < Int(min(x + reach + 1, Double(width)))
          else { continue }
          var distance = (pow(y - Double(row), 2) + pow(x - Double(column), 2)) / Double(step * step)
          for c in 0..<3 { distance += pow((colours[pixel][c] - colour[c]) / compactness, 2) }
          if distance < best { (best, labels[pixel]) = (distance, k) }
        }
      }
      for k in centres.indices {
        let members = labels.indices.filter { labels[$0] == k }
        func mean(_ value: (Int) -> Double) -> Double {
          members.reduce(0) { $0 + value($1) } / Double(members.count)
        }
        centres[k] = (
          (0..<3).map { c in mean { colours[$0][c] } }, mean { Double($0 / width) },
          mean { Double($0 % width) }
        )
      }
    }
    return labels
  }

  private func lab(_ rgb: [Double], _ all: [Float]) -> [Double] {
    let (low, high) = (Double(all.min()!), Double(all.max()!))
    let linear = rgb.map { ($0 - low) / (high - low) }.map {
      $0 <= 0.04045 ? $0 / 12.92 : pow(($0 + 0.055) / 1.055, 2.4)
    }
    func f(_ t: Double) -> Double { t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116 }
    let x = f((0.412453 * linear[0] + 0.357580 * linear[1] + 0.180423 * linear[2]) / 0.95047)
    let y = f(0.212671 * linear[0] + 0.715160 * linear[1] + 0.072169 * linear[2])
    let z = f((0.019334 * linear[0] + 0.119193 * linear[1] + 0.950227 * linear[2]) / 1.08883)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
  }

  @Test(arguments: [(40, 37, 12, 10.0), (33, 52, 30, 20)])
  func theDefinitionHolds(_ setting: (Int, Int, Int, Double)) throws {
    let (height, width, count, compactness) = setting
    let pixels = PlantedPicture.smooth(height, width, seed: 3)
    var superpixels = Superpixels(count, compactness: compactness)
    superpixels.areConnected = false
    let found = try labels(pixels, height, width, superpixels).map { Int($0) }
    let expected = naive(pixels, height, width, count, compactness)
    // Rounding to float32 may move single pixels.
    #expect(PlantedPoints.adjustedRand(found, expected) > 0.995)
  }

  @Test func coloursAreTheCommissions() throws {
    let (height, width) = (16, 16)
    let pixels = (0..<3 * height * width).map { Float($0 * 7919 % 256) / 255 }
    let planes = try ColourPlanes(pixels, channels: 3, height: height, width: width)
    for pixel in 0..<height * width {
      let expected = lab((0..<3).map { Double(pixels[$0 * height * width + pixel]) }, pixels)
      for c in 0..<3 {
        #expect(abs(Double(planes.values[c * height * width + pixel]) - expected[c]) < 5e-4)
      }
    }
  }

  @Test func greyIsItsCopyInThreeChannels() throws {
    let grey = PlantedPicture.smooth(40, 50, channels: 1, seed: 4)
    let one = try labels(grey, channels: 1, 40, 50, Superpixels(20), smoothing: 1)
    let three = try labels(grey + grey + grey, 40, 50, Superpixels(20), smoothing: 1)
    #expect(try ClusterQuality.adjustedRand(one.map { Int($0) }, three.map { Int($0) }) > 0.98)
  }

  @Test func smoothingIsAGaussianWithMirrors() throws {
    // One bright pixel near a corner of a dark image; the channel count keeps values as they are, times 100.
    var pixels = [Float](repeating: 0, count: 2 * 9 * 7)
    pixels[1 * 7 + 1] = 1
    let sigma = 0.8
    let planes = try ColourPlanes(pixels, channels: 2, height: 9, width: 7, smoothing: sigma)
    let reach = Int(4 * sigma + 0.5)
    let weights = (-reach...reach).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
    func along(_ place: Int, _ count: Int) -> Double {
      (-reach...reach).reduce(0.0) { sum, step in
        var from = place + step
        while from < 0 || from >= count { from = from < 0 ? -1 - from : 2 * count - 1 - from }
        return from == 1 ? sum + weights[step + reach] / weights.reduce(0, +) : sum
      }
    }
    for y in 0..<9 {
      for x in 0..<7 {
        #expect(abs(Double(planes.values[y * 7 + x]) - 100 * along(y, 9) * along(x, 7)) < 1e-4)
      }
    }
    #expect(planes.values[63...].allSatisfy { $0 == 0 })
  }

  @Test func edgesAreKeptAndNumbersHaveNoGaps() throws {
    let (height, width) = (30, 44)
    let pixels = (0..<3 * height * width).map { Float($0 % width < 23 ? 0.2 : 0.9) }
    let found = try labels(pixels, height, width, Superpixels(12, compactness: 5))
    for label in Set(found) {
      let sides = Set(found.indices.filter { found[$0] == label }.map { $0 % width < 23 })
      #expect(sides.count == 1)
    }
    #expect(Set(found) == Set(0...found.max()!))
    #expect(PlantedPicture.areConnected(found, width: width))
  }

  @Test func constantImagesGiveTheGrid() throws {
    let found = try labels([Float](repeating: 0.3, count: 3 * 40 * 40), 40, 40, Superpixels(16))
    // 10 × 10 pixels each, but for where two centres are equally far.
    let sizes = Dictionary(grouping: found) { $0 }.mapValues(\.count)
    #expect(sizes.count == 16 && sizes.values.allSatisfy { (72...132).contains($0) })
  }

  @Test(arguments: [1 as UInt64, 2, 3])
  func partsAreConnectedAndCoverAll(_ seed: UInt64) throws {
    var random = RandomNumbers(seed: seed)
    let noise = (0..<3 * 48 * 61).map { _ in Float(random.uniform()) }
    let found = try labels(noise, 48, 61, Superpixels(40, compactness: 1))
    #expect(PlantedPicture.areConnected(found, width: 61))
    #expect(Set(found) == Set(0...found.max()!) && found.count == 48 * 61)
    // No part is larger than the greatest share allows, small ones that joined it set aside.
    var apart = Superpixels(40, compactness: 1)
    apart.areConnected = false
    #expect(!PlantedPicture.areConnected(try labels(noise, 48, 61, apart), width: 61))
  }

  @Test func moreCompactnessMakesShorterBorders() throws {
    let pixels = PlantedPicture.smooth(60, 60, seed: 6).map { $0 + Float(Int($0 * 90) % 3) * 0.2 }
    func border(_ compactness: Double) throws -> Int {
      var superpixels = Superpixels(25, compactness: compactness)
      // Small parts that join others would hide how ragged the borders are.
      superpixels.areConnected = false
      let found = try labels(pixels, 60, 60, superpixels)
      return found.indices.count { $0 % 60 < 59 && found[$0] != found[$0 + 1] }
    }
    #expect(try border(60) < border(3))
  }

  @Test func oddImagesAreTaken() throws {
    #expect(try labels([0.1, 0.2, 0.3], 1, 1, Superpixels(5)) == [0])
    let each = try labels(PlantedPicture.smooth(3, 4, seed: 1), 3, 4, Superpixels(100))
    #expect(each.count == 12)
    let strip = try labels(PlantedPicture.smooth(2, 90, seed: 2), 2, 90, Superpixels(9))
    #expect(Set(strip).count >= 5 && PlantedPicture.areConnected(strip, width: 90))
    // Eight channels, as of a hidden layer.
    let deep = try labels(
      PlantedPicture.smooth(20, 21, channels: 8, seed: 3), channels: 8, 20, 21, Superpixels(9))
    #expect((4...16).contains(Set(deep).count))
  }

  @Test func wrongInputIsNamed() {
    #expect(
      throws: GraphError(
        .input("channel 1 of the pixel in row 1, column 0 is NaN or infinite"))
    ) { try ColourPlanes([0, 0, 0, 0, 0, 0, .nan, 0], channels: 2, height: 2, width: 2) }
    #expect(throws: GraphError.self) { try ColourPlanes([0, 0], channels: 1, height: 1, width: 1) }
    let planes = try? ColourPlanes([0, 1], channels: 1, height: 1, width: 2)
    #expect(throws: GraphError(.input("the compactness of superpixels must be positive, found -1.0"))) {
      try Superpixels(2, compactness: -1).labels(of: #require(planes))
    }
    #expect(throws: GraphError.self) { try Superpixels(0).labels(of: #require(planes)) }
  }
}
