@testable import NoemaReport
import NoemaData
import Testing

@Test func storedPNGEqualsKnownFile() {
  // One black grey pixel; the checksums are those of zlib.
  let bytes = EmbeddedPNG.encode(Image(width: 1, height: 1, channelCount: 1, pixels: [0]))
  let expected: [UInt8] = [
    0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0, 0,
    1, 8, 0, 0,
    0, 0, 0x3A, 0x7E, 0x9B, 0x55, 0, 0, 0, 13, 0x49, 0x44, 0x41, 0x54, 0x78, 0x01, 1, 2, 0, 0xFD, 0xFF, 0, 0,
    0, 2, 0, 1,
  ]
  #expect(Array(bytes.prefix(expected.count)) == expected)
  #expect(Array(bytes.suffix(4)) == [0xAE, 0x42, 0x60, 0x82])
}

@Test func thumbnailsAverage() {
  let pixels = (0..<256 * 128).map { UInt8($0 % 256 % 2 == 0 ? 10 : 20) }
  let small = EmbeddedPNG.thumbnail(of: Image(width: 256, height: 128, channelCount: 1, pixels: pixels))
  #expect(small.width == 128 && small.height == 64)
  #expect(small.pixels.allSatisfy { $0 == 15 })
  let thin = EmbeddedPNG.thumbnail(
    of: Image(width: 1000, height: 1, channelCount: 3, pixels: .init(repeating: 7, count: 3000)))
  #expect(thin.width == 128 && thin.height == 1 && thin.pixels.allSatisfy { $0 == 7 })
}
