import NoemaData
import Testing

struct ResizeTests {
  @Test(arguments: ResizeGoldens.bytes.keys.sorted { "\($0)" < "\($1)" })
  func smallImagesEqualPillows(_ example: ResizeCase) throws {
    let golden = decoded(base64: ResizeGoldens.bytes[example])
    let result = try resized(example)
    #expect(result.pixels == golden)
  }

  @Test(arguments: ResizeGoldens.hashes.keys.sorted { "\($0)" < "\($1)" })
  func largeImagesEqualPillows(_ example: ResizeCase) throws {
    let result = try resized(example)
    #expect(hashed(result.pixels) == ResizeGoldens.hashes[example])
  }

  @Test(arguments: ResizeFilter.allCases)
  func flatImagesStayFlat(_ filter: ResizeFilter) throws {
    let image = Image(width: 19, height: 7, channelCount: 3, pixels: .init(repeating: 200, count: 19 * 7 * 3))
    let result = try image.resized(height: 30, width: 5, filter: filter)
    #expect(result.width == 5 && result.height == 30)
    #expect(result.pixels.allSatisfy { $0 == 200 })
  }

  @Test func sameSizeIsTheSameImage() throws {
    let image = Image.noise(width: 6, height: 5, channelCount: 3)
    #expect(try image.resized(height: 5, width: 6, filter: .lanczos) == image)
  }

  @Test(arguments: [(500, 333, 384, 256), (333, 500, 256, 384), (256, 256, 256, 256), (7, 3, 597, 256)])
  func shorterSideRoundsTheOtherDown(width: Int, height: Int, newWidth: Int, newHeight: Int) throws {
    let image = Image.counting(width: width, height: height)
    let result = try image.resized(shorterSide: 256)
    #expect(result.width == newWidth && result.height == newHeight)
  }

  @Test func impossibleSizesAreRefused() {
    let image = Image.counting(width: 4, height: 3)
    for (height, width) in [(0, 4), (4, -1), (1 << 20, 1 << 20), (Int.max, 2), (1, 1 << 21)] {
      #expect(dataError { _ = try image.resized(height: height, width: width) } != nil)
    }
    #expect(
      dataError { _ = try image.resized(height: 0, width: 4) }?.description
        == "size of 4 × 0 pixels; both must be at least 1")
    let none = Image(width: 0, height: 3, channelCount: 1, pixels: [])
    #expect(dataError { _ = try none.resized(height: 2, width: 2) }?.kind == .empty("the image to resize"))
    #expect(dataError { _ = try none.resized(shorterSide: 2) }?.kind == .empty("the image to resize"))
  }

  private func resized(_ example: ResizeCase) throws -> Image {
    let image = Image.noise(width: example.width, height: example.height, channelCount: example.channelCount)
    let result = try image.resized(height: example.newHeight, width: example.newWidth, filter: example.filter)
    #expect(result.width == example.newWidth && result.height == example.newHeight)
    return result
  }
}
