import NoemaData
import NoemaTensor
import Testing

@Suite struct PNGFileTests {
  private func noise(width: Int, height: Int, channels: Int) -> Image {
    var random = RandomNumbers(seed: 3)
    let pixels = (0..<width * height * channels).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    return Image(width: width, height: height, channelCount: channels, pixels: pixels)
  }

  @Test(arguments: [1, 3]) func roundTripIsExact(channels: Int) throws {
    for (width, height) in [(1, 1), (7, 5), (64, 33), (1, 4000)] {
      let image = noise(width: width, height: height, channels: channels)
      #expect(try PNGFile.decode(PNGFile.encode(image), name: "a.png") == image)
    }
  }

  @Test func refusesToWriteEmptyAndOddImages() {
    #expect(throws: ImageError.self) {
      try PNGFile.encode(Image(width: 0, height: 3, channelCount: 1, pixels: []))
    }
    #expect(throws: ImageError.self) {
      try PNGFile.encode(Image(width: 1, height: 1, channelCount: 2, pixels: [1, 2]))
    }
  }

  @Test func namesTheFileThatIsNoPNG() {
    for bytes in [[], Array("hello".utf8), [UInt8](repeating: 0, count: 4096)] {
      let error = #expect(throws: ImageError.self) { try PNGFile.decode(bytes, name: "cat.png") }
      #expect(error?.description.hasPrefix("cat.png: ") == true)
    }
  }

  @Test func everyTruncationThrows() throws {
    let bytes = try PNGFile.encode(noise(width: 20, height: 20, channels: 3))
    // The last chunk, IEND, holds no pixels, and libpng does not insist on it.
    for length in 0..<bytes.count - 16 {
      #expect(throws: ImageError.self) { try PNGFile.decode(Array(bytes[..<length]), name: "cut.png") }
    }
  }

  @Test func flippedBytesNeverCrash() throws {
    let bytes = try PNGFile.encode(noise(width: 12, height: 9, channels: 3))
    var random = RandomNumbers(seed: 8)
    for _ in 0..<2000 {
      var broken = bytes
      for _ in 0...random.index(below: 4) {
        broken[random.index(below: bytes.count)] = UInt8(random.index(below: 256))
      }
      if let image = try? PNGFile.decode(broken, name: "x") {
        #expect(image.pixels.count == image.width * image.height * image.channelCount)
      }
    }
  }

  @Test func aBombIsRefusedBeforeAllocation() {
    for extent: UInt32 in [16_384, 20_000, 900_000, .max] {
      let bytes = PNGBuilder.file(width: extent, height: extent, depth: 8, colour: 2, rows: [])
      #expect(throws: ImageError.self) { try PNGFile.decode(bytes, name: "bomb.png") }
    }
  }

  @Test func sixteenBitGreyIsScaled() throws {
    let bytes = PNGBuilder.file(
      width: 3, height: 1, depth: 16, colour: 0, rows: [0, 0x00, 0x00, 0x80, 0x80, 0xFF, 0xFF])
    let image = try PNGFile.decode(bytes, name: "deep.png")
    #expect(image == Image(width: 3, height: 1, channelCount: 1, pixels: [0, 128, 255]))
  }

  @Test func paletteIsExpanded() throws {
    let bytes = PNGBuilder.file(
      width: 2, height: 1, depth: 8, colour: 3, palette: [10, 20, 30, 200, 100, 50], rows: [0, 1, 0])
    let image = try PNGFile.decode(bytes, name: "palette.png")
    #expect(image == Image(width: 2, height: 1, channelCount: 3, pixels: [200, 100, 50, 10, 20, 30]))
  }

  @Test func transparentPixelsBecomeWhite() throws {
    let bytes = PNGBuilder.file(
      width: 2, height: 1, depth: 8, colour: 6, rows: [0, 10, 20, 30, 0, 10, 20, 30, 255])
    let image = try PNGFile.decode(bytes, name: "alpha.png")
    #expect(image == Image(width: 2, height: 1, channelCount: 3, pixels: [255, 255, 255, 10, 20, 30]))
  }
}

/// Writes small PNG files by hand, of kinds that `PNGFile.encode` does not make.
private enum PNGBuilder {
  static func file(
    width: UInt32, height: UInt32, depth: UInt8, colour: UInt8, palette: [UInt8] = [], rows: [UInt8]
  ) -> [UInt8] {
    var bytes: [UInt8] = [137, 80, 78, 71, 13, 10, 26, 10]
    bytes += chunk("IHDR", word(width) + word(height) + [depth, colour, 0, 0, 0])
    if !palette.isEmpty { bytes += chunk("PLTE", palette) }
    return bytes + chunk("IDAT", stored(rows)) + chunk("IEND", [])
  }

  private static func word(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

  private static func chunk(_ type: String, _ body: [UInt8]) -> [UInt8] {
    let named = Array(type.utf8) + body
    var crc = UInt32.max
    for byte in named {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return word(UInt32(body.count)) + named + word(~crc)
  }

  /// A zlib stream of one stored block.
  private static func stored(_ bytes: [UInt8]) -> [UInt8] {
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    let count = UInt16(bytes.count)
    let lengths = [UInt8(count & 255), UInt8(count >> 8), UInt8(~count & 255), UInt8(~count >> 8)]
    return [0x78, 0x01, 0x01] + lengths + bytes + word(b << 16 | a)
  }
}
