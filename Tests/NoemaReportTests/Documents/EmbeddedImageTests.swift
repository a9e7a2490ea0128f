import Foundation
@testable import NoemaReport
import NoemaData
import Testing

@Test func addressHoldsTheImage() throws {
  let image = Image(width: 2, height: 1, channelCount: 3, pixels: [1, 2, 3, 250, 251, 252])
  let address = try EmbeddedImage.address(of: image)
  let start = "data:image/png;base64,"
  #expect(address.hasPrefix(start))
  let data = try #require(Data(base64Encoded: String(address.dropFirst(start.count))))
  #expect(try PNGFile.decode([UInt8](data), name: "") == image)
  #expect(throws: ImageError.self) {
    try EmbeddedImage.address(of: Image(width: 0, height: 0, channelCount: 3, pixels: []))
  }
}

@Test func photographsAreEmbeddedAsJPEG() throws {
  let pixels = (0..<200 * 100 * 3).map { UInt8($0 / 3 % 200) }
  let address = try EmbeddedImage.address(of: Image(width: 200, height: 100, channelCount: 3, pixels: pixels))
  let start = "data:image/jpeg;base64,"
  #expect(address.hasPrefix(start))
  let data = try #require(Data(base64Encoded: String(address.dropFirst(start.count))))
  let image = try JPEGFile.decode([UInt8](data), name: "")
  #expect(image.width == 128 && image.height == 64)
  #expect(abs(Int(image.pixels[3 * 64]) - 100) < 4)
}

@Test func thumbnailsAverage() {
  let pixels = (0..<256 * 128).map { UInt8($0 % 256 % 2 == 0 ? 10 : 20) }
  let small = EmbeddedImage.thumbnail(of: Image(width: 256, height: 128, channelCount: 1, pixels: pixels))
  #expect(small.width == 128 && small.height == 64)
  #expect(small.pixels.allSatisfy { $0 == 15 })
  let thin = EmbeddedImage.thumbnail(
    of: Image(width: 1000, height: 1, channelCount: 3, pixels: .init(repeating: 7, count: 3000)))
  #expect(thin.width == 128 && thin.height == 1 && thin.pixels.allSatisfy { $0 == 7 })
}
