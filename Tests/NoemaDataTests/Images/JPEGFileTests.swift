import NoemaData
import NoemaTensor
import Testing

struct JPEGFileTests {
  @Test(arguments: JPEGGoldens.hashes.keys.sorted())
  func pixelsEqualPillows(_ name: String) throws {
    let image = try JPEGFile.decode(file(name), name: name)
    let isTurned = name.hasSuffix("Endian")
    #expect(image.width == (isTurned ? 13 : 21) && image.height == (isTurned ? 21 : 13))
    #expect(image.channelCount == (name == "grey" ? 1 : 3))
    #expect(hashed(image.pixels) == JPEGGoldens.hashes[name])
  }

  @Test func orientationCanBeLeftAlone() throws {
    let image = try JPEGFile.decode(file("bigEndian"), name: "a.jpg", orients: false)
    #expect(image.width == 21 && image.height == 13)
    #expect(try ImageFile.size(file("bigEndian"), name: "a.jpg") == (13, 21))
  }

  @Test func inkColoursAreRefusedWithTheCure() {
    #expect(
      dataError { _ = try JPEGFile.decode(file("cmyk"), name: "ink.jpg") }
        == DataError(.unsupported("JPEG in CMYK, grey and RGB are read; convert it to RGB"), at: "ink.jpg"))
  }

  @Test(arguments: JPEGGoldens.files.keys.sorted())
  func everyTruncationIsAnErrorThatNamesTheFile(_ name: String) {
    let whole = file(name)
    // Without its last two bytes, the end marker, the picture itself is whole but the decoder warns.
    for length in 0..<whole.count {
      let error = dataError { _ = try JPEGFile.decode(Array(whole.prefix(length)), name: "cut.jpg") }
      #expect(error?.place == "cut.jpg", "\(length) of \(whole.count) bytes")
    }
  }

  @Test(arguments: JPEGGoldens.files.keys.sorted())
  func damagedBytesNeverCrash(_ name: String) {
    let whole = file(name)
    var state: UInt64 = 7
    for index in whole.indices {
      var damaged = whole
      for offset in 0..<3 where index + offset < whole.count {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        damaged[index + offset] = UInt8(state >> 56)
        // Extents of 16 bits can ask for gigabytes honestly; the limit on pixels is tested by itself.
        if isFrameExtent(index + offset, in: whole) { damaged[index + offset] = whole[index + offset] }
      }
      if let image = try? JPEGFile.decode(damaged, name: "x") {
        #expect(image.pixels.count == image.width * image.height * image.channelCount)
      }
    }
  }

  @Test func extentsAreCheckedBeforeMemoryIsTaken() {
    var bytes = file("colour444")
    let frame = frameOffset(in: bytes)
    bytes.replaceSubrange(frame + 5..<frame + 9, with: [0xFF, 0xDC, 0xFF, 0xDC])
    let error = dataError { _ = try JPEGFile.decode(bytes, name: "huge.jpg") }
    #expect(
      error?.description
        == "huge.jpg: image of 65500 × 65500 pixels, at most 134217728 are read; make it smaller")
    bytes.replaceSubrange(frame + 5..<frame + 9, with: [0, 0, 0, 9])
    #expect(dataError { _ = try JPEGFile.decode(bytes, name: "x") }?.category == .badData)
  }

  @Test func twelveBitsAreRefused() {
    var bytes = file("colour444")
    bytes[frameOffset(in: bytes) + 4] = 12
    #expect(
      dataError { _ = try JPEGFile.decode(bytes, name: "x.jpg") }?.description
        == "x.jpg: JPEG of 12 bits a sample, 8 are read; convert it to 8 bits")
  }

  private func file(_ name: String) -> [UInt8] { decoded(base64: JPEGGoldens.files[name]) }

  /// Where the frame header's marker stands.
  private func frameOffset(in bytes: [UInt8]) -> Int {
    bytes.indices.dropLast().first { bytes[$0] == 0xFF && [0xC0, 0xC2].contains(bytes[$0 + 1]) } ?? 0
  }

  private func isFrameExtent(_ index: Int, in bytes: [UInt8]) -> Bool {
    let frame = frameOffset(in: bytes)
    return (frame + 5..<frame + 9).contains(index)
  }
}
