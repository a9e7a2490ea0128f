import Foundation
import NoemaData
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct PatchCutterTests {
  /// An image of bytes as 0…1, channels first, with both ends of the range in every channel.
  private func picture(_ height: Int, _ width: Int, seed: UInt64) throws -> (SegmentedExample, Image) {
    var random = RandomNumbers(seed: seed)
    var bytes = (0..<height * width * 3).map { _ in UInt8(random.index(below: 256)) }
    for channel in 0..<3 { (bytes[channel], bytes[3 + channel]) = (0, 255) }
    let image = Image(width: width, height: height, channelCount: 3, pixels: bytes)
    let values = (0..<3 * height * width).map {
      Float(bytes[$0 % (height * width) * 3 + $0 / (height * width)]) / 255
    }
    let layout = try ExampleLayout(.image, shape: [3, height, width])
    return (try SegmentedExample(values, layout: layout), image)
  }

  /// What ACE does with Pillow: fill, cut along the box, resize.
  @Test(arguments: [(5..<17, 8..<20), (0..<30, 10..<14), (29..<30, 0..<40)])
  func patchesArePillows(_ box: (Range<Int>, Range<Int>)) throws {
    let (example, image) = try picture(30, 40, seed: 2)
    // A slanted segment with the box given.
    let mask = (0..<1200).map { pixel -> Bool in
      let (y, x) = (pixel / 40, pixel % 40)
      guard box.0.contains(y), box.1.contains(x) else { return false }
      let isCorner =
        (y == box.0.lowerBound && x == box.1.lowerBound)
        || (y == box.0.upperBound - 1 && x == box.1.upperBound - 1)
      return isCorner || (x + 2 * y) % 5 < 3
    }
    var bytes = image.pixels
    for pixel in mask.indices where !mask[pixel] { for c in 0..<3 { bytes[pixel * 3 + c] = 117 } }
    let filled = Image(width: 40, height: 30, channelCount: 3, pixels: bytes)
    let expected = try filled.cropped(
      top: box.0.lowerBound, left: box.1.lowerBound, height: box.0.count, width: box.1.count
    ).resized(height: 30, width: 40, filter: .bicubic)
    let fill = PatchFill.grey(in: Preprocessing(height: 30, width: 40))
    let found = try PatchCutter(fill: fill).patch(example, PositionSet(mask: mask))
    // Pillow rounds to bytes after each axis.
    for pixel in 0..<1200 {
      for c in 0..<3 {
        #expect(abs(Double(found[c * 1200 + pixel]) * 255 - Double(expected.pixels[pixel * 3 + c])) <= 1.6)
      }
    }
  }

  @Test func greyIsInTheNetworksUnits() {
    var units = Preprocessing(height: 2, width: 2)
    units.mean = [0.485, 0.456, 0.406]
    units.std = [0.229, 0.224, 0.225]
    guard case .values(let grey) = PatchFill.grey(in: units) else {
      Issue.record("grey is a value for each channel")
      return
    }
    for c in 0..<3 { #expect(abs(grey[c] - (117.0 / 255 - units.mean[c]) / units.std[c]) < 1e-6) }
  }

  @Test func inPlaceKeepsTheSegmentAndFillsTheRest() throws {
    let (example, _) = try picture(6, 8, seed: 3)
    let segment = PositionSet(runs: [3..<9, 20..<22])
    let mask = segment.mask(of: 48)
    let other = (0..<144).map { Float($0) }
    let fills: [(PatchFill, (Int, Int) -> Float)] = [
      (.values([7]), { _, _ in 7 }), (.values([1, 2, 3]), { channel, _ in Float(channel + 1) }),
      (.example(other), { channel, pixel in other[channel * 48 + pixel] }),
      (
        .mean,
        { channel, _ in
          Float((0..<48).reduce(0.0) { $0 + Double(example.values[channel * 48 + $1]) } / 48)
        }
      ),
    ]
    for (fill, expected) in fills {
      let found = try PatchCutter(fill: fill, fit: .inPlace).patch(example, segment)
      for channel in 0..<3 {
        for pixel in 0..<48 {
          let value = mask[pixel] ? example.values[channel * 48 + pixel] : expected(channel, pixel)
          #expect(found[channel * 48 + pixel] == value)
        }
      }
      #expect(try PatchCutter(fill: fill).showing(segment, of: example) == found)
    }
    let nothing = try PatchCutter(fill: .values([7])).showing(PositionSet(runs: []), of: example)
    #expect(nothing.allSatisfy { $0 == 7 })
  }

  @Test func spreadValuesAreWeightedMeans() throws {
    let layout = try ExampleLayout(.image, shape: [5, 6])
    let example = try SegmentedExample((0..<30).map { Float($0 * $0 % 17) }, layout: layout)
    let segment = PositionSet(runs: [7..<9, 14..<15])
    let sigma = 1.2
    let found = try PatchCutter(fill: .spread(sigma: sigma), fit: .inPlace).patch(example, segment)
    let inside = segment.mask(of: 30)
    for pixel in 0..<30 {
      var (sum, weights) = (0.0, 0.0)
      for other in 0..<30 where inside[other] {
        let (dy, dx) = (Double(pixel / 6 - other / 6), Double(pixel % 6 - other % 6))
        let weight = exp(-(dy * dy + dx * dx) / (2 * sigma * sigma))
        sum += weight * Double(example.values[other])
        weights += weight
      }
      let expected = inside[pixel] ? Double(example.values[pixel]) : sum / weights
      #expect(abs(Double(found[pixel]) - expected) < 1e-4)
    }
  }

  @Test func letterboxesKeepProportions() throws {
    let layout = try ExampleLayout(.image, shape: [1, 20, 20])
    let example = try SegmentedExample([Float](repeating: 1, count: 400), layout: layout)
    let segment = PositionSet(runs: (4..<14).map { $0 * 20 + 8..<$0 * 20 + 13 })
    let found = try PatchCutter(fill: .values([0]), fit: .letterbox).patch(example, segment)
    // 10 × 5 pixels become 20 × 10, in the middle.
    for pixel in 0..<400 { #expect(abs(found[pixel] - ((5..<15).contains(pixel % 20) ? 1 : 0)) < 1e-6) }
    let whole = try PatchCutter(fill: .values([0]), fit: .stretch).patch(example, segment)
    #expect(whole.allSatisfy { abs($0 - 1) < 1e-6 })
  }

  @Test func onePixelAndTheWholeImage() throws {
    let (example, _) = try picture(7, 9, seed: 4)
    let cutter = PatchCutter(fill: .mean)
    #expect(try cutter.patch(example, PositionSet(runs: [0..<63])) == example.values)
    let one = try cutter.patch(example, PositionSet(runs: [31..<32]))
    for channel in 0..<3 {
      #expect(
        one[(channel * 63)..<((channel + 1) * 63)].allSatisfy { $0 == example.values[channel * 63 + 31] })
    }
  }

  @Test func otherDataStaysInPlace() throws {
    let text = try SegmentedExample([5, 6, 7, 8], layout: try ExampleLayout(.text, shape: [4]))
    #expect(
      try PatchCutter(fill: .values([103])).patch(text, PositionSet(runs: [1..<3])) == [103, 6, 7, 103])
    let row = try SegmentedExample([1, 2, 3], layout: try ExampleLayout(.table, shape: [3]))
    #expect(try PatchCutter(fill: .example([9, 8, 7])).patch(row, PositionSet(runs: [2..<3])) == [9, 8, 3])
    // Channels last: a token takes all its features.
    let layout = try ExampleLayout(.text, shape: [3, 2])
    let embedded = try SegmentedExample([1, 2, 3, 4, 5, 6], layout: layout)
    #expect(
      try PatchCutter(fill: .values([0])).patch(embedded, PositionSet(runs: [1..<2])) == [0, 0, 3, 4, 0, 0])
  }

  @Test func wrongFillingsAndSegmentsAreNamed() throws {
    let row = try SegmentedExample([1, 2, 3], layout: try ExampleLayout(.table, shape: [3]))
    func name(_ fill: PatchFill, _ segment: PositionSet) -> String? {
      kind { _ = try PatchCutter(fill: fill).patch(row, segment) }?.name
    }
    #expect(name(.values([0]), PositionSet(runs: [])) == "parameters")
    #expect(name(.values([0]), PositionSet(runs: [2..<4])) == "parameters")
    #expect(name(.values([0, 1]), PositionSet(runs: [0..<1])) == "parameters")
    #expect(name(.values([.nan]), PositionSet(runs: [0..<1])) == "parameters")
    #expect(name(.example([0]), PositionSet(runs: [0..<1])) == "parameters")
    #expect(name(.spread(sigma: 0), PositionSet(runs: [0..<1])) == "parameters")
  }
}
