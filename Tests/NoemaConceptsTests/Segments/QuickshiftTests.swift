import Foundation
import NoemaAttribution
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct QuickshiftTests {
  @Test(
    arguments: ["astronaut", "cat"],
    [Quickshift(), Quickshift(kernelSize: 3, greatestDistance: 6, ratio: 0.5)])
  func segmentsAreScikitImages(_ name: String, _ shift: Quickshift) throws {
    let fixture = try ConceptFixture("segments")
    let found = try shift.labels(of: try fixture.colours("\(name)/image")).map { Int($0) }
    let expected = try fixture.labels("\(name)/quickshift\(Int(shift.kernelSize))")
    #expect(try ClusterQuality.adjustedRand(found, expected) >= 0.97)
  }

  /// The definition in float64, ties by order.
  private func naive(_ image: ColourPlanes, _ shift: Quickshift) -> [Int] {
    let (height, width) = (image.height, image.width), size = height * width
    let reach = Int((3 * shift.kernelSize).rounded(.up))
    func square(_ a: Int, _ b: Int) -> Double {
      var sum = pow(Double(a / width - b / width), 2) + pow(Double(a % width - b % width), 2)
      for c in 0..<image.depth {
        sum += pow(shift.ratio * Double(image.values[c * size + a] - image.values[c * size + b]), 2)
      }
      return sum
    }
    func near(_ a: Int) -> [Int] {
      (0..<size).filter { abs($0 / width - a / width) <= reach && abs($0 % width - a % width) <= reach }
    }
    let density = (0..<size).map { a in
      near(a).reduce(0.0) { $0 + exp(-square(a, $1) / (2 * shift.kernelSize * shift.kernelSize)) }
    }
    var tops = (0..<size).map { a -> Int in
      let denser = near(a).filter { density[$0] > density[a] || density[$0] == density[a] && $0 < a }
      guard let best = denser.min(by: { square(a, $0) < square(a, $1) }) else { return a }
      return square(a, best).squareRoot() > shift.greatestDistance ? a : best
    }
    for a in tops.indices { while tops[tops[a]] != tops[a] { tops[a] = tops[tops[a]] } }
    return tops
  }

  @Test(arguments: [1, 3])
  func theDefinitionHolds(_ channels: Int) throws {
    let pixels = PlantedPicture.smooth(23, 30, channels: channels, seed: 9)
    let image = try ColourPlanes(pixels, channels: channels, height: 23, width: 30)
    let shift = Quickshift(kernelSize: 2, greatestDistance: 5, ratio: 0.7)
    let found = try shift.labels(of: image).map { Int($0) }
    #expect(PlantedPoints.adjustedRand(found, naive(image, shift)) > 0.99)
    #expect(Set(found) == Set(0...found.max()!))
  }

  @Test func oneColourIsOneSegment() throws {
    let image = try ColourPlanes(
      [Float](repeating: 0.5, count: 3 * 20 * 17), channels: 3, height: 20, width: 17)
    #expect(try Set(Quickshift(kernelSize: 8, greatestDistance: 30).labels(of: image)) == [0])
  }

  @Test func wrongSettingsAreNamed() throws {
    let image = try ColourPlanes([0, 1], channels: 1, height: 1, width: 2)
    #expect(kind { _ = try Quickshift(kernelSize: 0.5).labels(of: image) }?.name == "parameters")
    #expect(kind { _ = try Quickshift(ratio: .infinity).labels(of: image) }?.name == "parameters")
  }
}
