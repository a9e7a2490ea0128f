import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct ImageAnchorSamplerTests {
  /// Quadrants of a 4 × 4 image, numbered out of order.
  private static let labelMap = (0..<16).map { [[7, 3], [9, 1]][$0 / 8][$0 % 4 / 2] }

  private func image(seed: UInt64) -> Tensor {
    var random = RandomNumbers(seed: seed)
    return Tensor(shape: [2, 4, 4], (0..<32).map { _ in Float(random.uniform()) })
  }

  /// 1 when the right half of the upper rows is bright in the first channel: segment 3.
  private static let isBright: @Sendable (Tensor) -> [Int] = { images in
    let pixels = images.elements(as: Float.self)
    return (0..<images.shape[0]).map { image in
      let sum = [2, 3, 6, 7].reduce(Float(0)) { $0 + pixels[image * 32 + $1] }
      return sum > 1.2 ? 1 : 0
    }
  }

  private func bright() -> Tensor {
    var pixels = image(seed: 1).elements(as: Float.self)
    for pixel in [2, 3, 6, 7] { pixels[pixel] = 0.9 + pixels[pixel] / 10 }
    return Tensor(shape: [2, 4, 4], pixels)
  }

  @Test func theSegmentThatDecidesIsTheAnchor() throws {
    let sampler = try ImageAnchorSampler(
      bright(), labelMap: Self.labelMap, cover: .fill([0]), labels: Self.isBright)
    #expect(sampler.segments == [1, 3, 7, 9] && sampler.label == 1)
    let anchor = try AnchorSearch().anchor(of: sampler)
    #expect(anchor.text == "segment 3" && anchor.freshPrecision.value == 1)
    #expect(anchor.coverage.agrees(with: 0.5))
    // Covered by its own mean a segment is as bright as before.
    let mean = try ImageAnchorSampler(bright(), labelMap: Self.labelMap, labels: Self.isBright)
    #expect(try AnchorSearch().anchor(of: mean).text == "always")
    // Where the covering images are bright there, too, for three of four, that is not enough.
    let dark = Tensor(shape: [2, 4, 4], [Float](repeating: 0, count: 32))
    let others = try ImageAnchorSampler(
      bright(), labelMap: Self.labelMap, cover: .images([bright(), bright(), bright(), dark]), chance: 0.6,
      labels: Self.isBright)
    var random = RandomNumbers(seed: 9)
    let labels = try others.labels(of: others.draw(4000, fixing: [], using: &random))
    #expect(Estimate.share(labels.count { $0 == 0 }, of: 4000).agrees(with: 0.6 * 0.25))
  }

  @Test func coveredSegmentsShowWhatIsAsked() throws {
    let (image, other) = (image(seed: 2), image(seed: 3))
    let pixels = image.elements(as: Float.self)
    let stays = [true, false, false, true]
    let covers: [(ImageAnchorSampler.Cover, (_ channel: Int, _ pixel: Int) -> Float)] = [
      (.fill([0.25]), { _, _ in 0.25 }), (.fill([0.25, -1]), { channel, _ in channel == 0 ? 0.25 : -1 }),
      (.images([other]), { channel, pixel in other.elements(as: Float.self)[channel * 16 + pixel] }),
      (
        .mean,
        { channel, pixel in
          let own = (0..<16).filter { Self.labelMap[$0] == Self.labelMap[pixel] }
          return own.reduce(Float(0)) { $0 + pixels[channel * 16 + $1] } / 4
        }
      ),
    ]
    for (cover, value) in covers {
      let sampler = try ImageAnchorSampler(image, labelMap: Self.labelMap, cover: cover) { images in
        (0..<images.shape[0]).map { _ in 0 }
      }
      let drawn = sampler.image(of: .init(stays: stays, cover: 0))
      for channel in 0..<2 {
        for pixel in 0..<16 {
          let place = sampler.segments.firstIndex(of: Self.labelMap[pixel])!
          let expected = stays[place] ? pixels[channel * 16 + pixel] : value(channel, pixel)
          #expect(abs(drawn[channel * 16 + pixel] - expected) < 1e-6)
        }
      }
    }
  }

  @Test func imagesAreShownInBatches() throws {
    let sampler = try ImageAnchorSampler(image(seed: 4), labelMap: Self.labelMap) { images in
      #expect(images.shape[0] <= 64 && Array(images.shape.dropFirst()) == [2, 4, 4])
      return (0..<images.shape[0]).map { $0 }
    }
    var random = RandomNumbers(seed: 1)
    let samples = sampler.draw(150, fixing: [2], using: &random)
    #expect(samples.allSatisfy { sampler.holds(2, of: $0) })
    #expect(try sampler.labels(of: samples) == Array(0..<64) + Array(0..<64) + Array(0..<22))
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let image = image(seed: 5)
    let answer: @Sendable (Tensor) -> [Int] = { images in (0..<images.shape[0]).map { _ in 0 } }
    func error(
      _ image: Tensor, _ map: [Int], _ cover: ImageAnchorSampler.Cover = .mean, chance: Double = 0.5
    ) -> RuleError? {
      #expect(throws: RuleError.self) {
        try ImageAnchorSampler(image, labelMap: map, cover: cover, chance: chance, labels: answer)
      }
    }
    #expect(
      error(Tensor(shape: [4, 4], [Float](repeating: 0, count: 16)), Self.labelMap)
        == RuleError(.count(what: "axes of the image", found: 2, expected: 3)))
    #expect(
      error(image, [1, 2]) == RuleError(.count(what: "pixels with a segment", found: 2, expected: 16)))
    #expect(
      error(image, Self.labelMap, chance: 0)
        == RuleError(.parameters("the chance that a segment is covered must lie between 0 and 1, found 0.0")))
    #expect(
      error(image, Self.labelMap, .fill([1, 2, 3]))
        == RuleError(
          .parameters(
            "covered segments need one finite number, or 2 for the channels; found [1.0, 2.0, 3.0]")))
    #expect(
      error(image, Self.labelMap, .images([]))
        == RuleError(.tooFew(set: "the set of covering images", found: 0, needed: 1)))
    #expect(
      error(image, Self.labelMap, .images([Tensor(shape: [1, 2, 2], [Float](repeating: 0, count: 4))]))
        == RuleError(.malformed("covering image 0 has shape [1, 2, 2], not [2, 4, 4]; resize it")))
    var pixels = image.elements(as: Float.self)
    pixels[3] = .nan
    #expect(
      error(Tensor(shape: [2, 4, 4], pixels), Self.labelMap)
        == RuleError(.notFinite("value 3 of the image is nan; a network needs numbers")))
  }
}
