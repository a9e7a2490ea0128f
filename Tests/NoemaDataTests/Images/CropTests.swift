import NoemaData
import Testing

struct CropTests {
  /// Offsets of Python's `int(round((size - crop) / 2))`, which rounds halves to even.
  @Test(arguments: [(10, 10, 0), (11, 10, 0), (13, 10, 2), (15, 10, 2), (17, 10, 4), (12, 10, 1)])
  func centreCropRoundsHalvesToEven(size: Int, crop: Int, offset: UInt8) throws {
    let image = Image.counting(width: size, height: 1)
    #expect(try image.centreCropped(height: 1, width: crop).pixels.first == offset)
  }

  @Test func centreCropCanRoundDown() throws {
    let image = Image.counting(width: 13, height: 1)
    #expect(try image.centreCropped(height: 1, width: 10, rounding: .down).pixels.first == 1)
  }

  @Test func largerCropsArePaddedWithBlack() throws {
    let image = Image(width: 2, height: 1, channelCount: 1, pixels: [7, 9])
    let result = try image.centreCropped(height: 2, width: 5)
    #expect(result.pixels == [0, 7, 9, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func cropsKeepChannelsTogether() throws {
    let image = Image.counting(width: 3, height: 3, channelCount: 3)
    let result = try image.cropped(top: 1, left: 1, height: 1, width: 2)
    #expect(result.pixels == [12, 13, 14, 15, 16, 17])
  }

  @Test(arguments: [(5, 0), (-5, 0), (0, 9), (0, -9), (Int.max, Int.min), (Int.min, Int.max)])
  func cropsOutsideAreFill(top: Int, left: Int) throws {
    let image = Image.counting(width: 3, height: 3)
    #expect(
      try image.cropped(top: top, left: left, height: 2, width: 2, fill: 99).pixels == [99, 99, 99, 99])
  }

  @Test func squaresHoldTheWholeImage() throws {
    let image = Image(width: 1, height: 4, channelCount: 1, pixels: [1, 2, 3, 4])
    let result = try image.paddedToSquare(fill: 8)
    #expect(result.pixels == [8, 1, 8, 8, 8, 2, 8, 8, 8, 3, 8, 8, 8, 4, 8, 8])
    #expect(try result.paddedToSquare() == result)
  }

  @Test func hugeCropsAreRefused() {
    let image = Image.counting(width: 3, height: 3)
    #expect(dataError { _ = try image.centreCropped(height: Int.max, width: Int.max) } != nil)
    #expect(dataError { _ = try image.cropped(top: 0, left: 0, height: 1 << 20, width: 1 << 20) } != nil)
    #expect(dataError { _ = try image.cropped(top: 0, left: 0, height: 0, width: 1) } != nil)
  }
}
