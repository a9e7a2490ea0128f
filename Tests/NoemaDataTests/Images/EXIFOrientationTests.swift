import Testing

@testable import NoemaData

struct EXIFOrientationTests {
  @Test(arguments: EXIFOrientation.allCases)
  func turnsAsPillowDoes(_ orientation: EXIFOrientation) {
    let image = orientation.applied(to: .counting(width: 3, height: 2, channelCount: 3))
    #expect(hashed(image.pixels) == JPEGGoldens.orientations[Int(orientation.rawValue) - 1])
    #expect(image.width == (orientation.rawValue >= 5 ? 2 : 3))
  }

  @Test(arguments: EXIFOrientation.allCases, [false, true])
  func isReadInBothByteOrders(_ orientation: EXIFOrientation, isLittleEndian: Bool) {
    let payload = exif(value: orientation.rawValue, isLittleEndian: isLittleEndian)
    #expect(EXIFOrientation(app1: payload[...]) == orientation)
    // A slice that starts elsewhere in its array.
    #expect(EXIFOrientation(app1: ([1, 2, 3] + payload)[3...]) == orientation)
  }

  @Test(arguments: [0, 9, 0xFFFF] as [UInt16])
  func valuesOutsideTheStandardAreNone(_ value: UInt16) {
    #expect(EXIFOrientation(app1: exif(value: value, isLittleEndian: true)[...]) == nil)
  }

  @Test func brokenPayloadsAreNone() {
    let whole = exif(value: 6, isLittleEndian: false)
    // Nothing behind the value is needed.
    for length in 0..<whole.count - 6 { #expect(EXIFOrientation(app1: whole.prefix(length)) == nil) }
    for index in whole.indices {
      for value: UInt8 in [0, 0x7F, 0xFF] {
        var damaged = whole
        damaged[index] = value
        _ = EXIFOrientation(app1: damaged[...])
      }
    }
    var farAway = whole
    farAway.replaceSubrange(10..<14, with: [0xFF, 0xFF, 0xFF, 0xFF])
    #expect(EXIFOrientation(app1: farAway[...]) == nil)
  }

  /// An APP1 payload of one directory with one entry, the orientation.
  private func exif(value: UInt16, isLittleEndian: Bool) -> [UInt8] {
    func bytes(_ number: UInt32, _ count: Int) -> [UInt8] {
      let big = (0..<count).map { UInt8(truncatingIfNeeded: number >> UInt32(8 * (count - 1 - $0))) }
      return isLittleEndian ? big.reversed() : big
    }
    let header: [UInt8] = Array("Exif".utf8) + [0, 0] + Array((isLittleEndian ? "II" : "MM").utf8)
    let entry = bytes(0x0112, 2) + bytes(3, 2) + bytes(1, 4) + bytes(UInt32(value), 2) + [0, 0]
    return header + bytes(42, 2) + bytes(8, 4) + bytes(1, 2) + entry + bytes(0, 4)
  }
}
