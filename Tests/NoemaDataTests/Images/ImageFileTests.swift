import Foundation
import NoemaData
import NoemaTensor
import Testing

struct ImageFileTests {
  @Test(arguments: [
    ("a.png", true), ("a.PNG", true), ("b.c.Jpeg", true), ("x.jpg", true), ("jpg", false), ("a.gif", false),
    ("a.png.txt", false), ("", false),
  ])
  func imagesAreKnownByTheirNames(name: String, isImage: Bool) {
    #expect(ImageFile.isImage(name) == isImage)
  }

  @Test func contentDecidesNotTheName() throws {
    let image = Image.noise(width: 5, height: 4, channelCount: 3)
    let png = try PNGFile.encode(image)
    #expect(try ImageFile.decode(png, name: "wrong.jpg") == image)
    #expect(try ImageFile.size(png, name: "wrong.jpg") == (5, 4))
    let jpeg = decoded(base64: JPEGGoldens.files["grey"])
    #expect(try ImageFile.decode(jpeg, name: "wrong.png").channelCount == 1)
  }

  @Test(
    arguments: [
      ([], "a: the image file is empty"),
      (Array("GIF89a".utf8), "a: GIF, PNG and JPEG are read; convert it to PNG"),
      (Array("RIFF....WEBP".utf8), "a: WebP or another RIFF file, PNG and JPEG are read; convert it to PNG"),
      (Array("hello".utf8), "a: neither PNG nor JPEG by its first bytes"),
    ] as [([UInt8], String)])
  func otherFormatsAreRefused(bytes: [UInt8], message: String) {
    #expect(dataError { _ = try ImageFile.decode(bytes, name: "a") }?.description == message)
  }

  @Test func brokenPNGsAreDataErrors() throws {
    let png = try PNGFile.encode(.noise(width: 5, height: 4, channelCount: 3))
    for length in 0..<png.count - 12 {
      let error = dataError { _ = try ImageFile.decode(Array(png.prefix(length)), name: "cut.png") }
      #expect(error?.place == "cut.png", "\(length) of \(png.count) bytes")
    }
  }

  @Test func filesAreReadFromDisk() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "images-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let image = Image.noise(width: 3, height: 9, channelCount: 1)
    let path = folder.appending(path: "a.png").path
    try Data(PNGFile.encode(image)).write(to: URL(filePath: path))
    #expect(try ImageFile.read(path: path) == image)
    let missing = folder.appending(path: "none.png").path
    let error = dataError { _ = try ImageFile.read(path: missing) }
    #expect(error == DataError(.missingFile, at: missing) && error?.category == .missingFile)
    #expect(dataError { _ = try ImageFile.read(path: folder.path) }?.category == .inputOutput)
  }
}
