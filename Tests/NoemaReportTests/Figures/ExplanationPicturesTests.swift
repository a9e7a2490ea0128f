import NoemaData
import NoemaReport
import Testing

@Suite struct ExplanationPicturesTests {
  private let input = Image(width: 4, height: 4, channelCount: 1, pixels: (0..<16).map { UInt8(16 * $0) })

  private func sheet(_ names: [String], _ methods: [String] = ["gradient"]) throws -> ExplanationSheet {
    let map = try #require(AttributionMap([1, -1, 0.5, 0], shape: [2, 2]))
    return ExplanationSheet(
      title: "sheet", methods: methods,
      rows: names.map { .init(name: $0, target: "cat", input: input, maps: methods.map { _ in map }) })
  }

  @Test func namesAreHarmlessAndDiffer() throws {
    let sheet = try sheet(
      ["dogs/1.png", "dogs-1.jpg", "Dogs/1.PNG", "../../etc/passwd", "x.npy[3]", ""],
      ["grad-cam", "grad-cam++"])
    let names = sheet.pictures.map(\.name)
    #expect(
      names.filter { $0.hasSuffix(".grad-cam.png") } == [
        "dogs-1.grad-cam.png", "dogs-1-2.grad-cam.png", "Dogs-1-3.grad-cam.png", "etc-passwd.grad-cam.png",
        "x.npy-3.grad-cam.png", "unnamed.grad-cam.png",
      ])
    #expect(Set(names.map { $0.lowercased() }).count == 12 && names[1] == "dogs-1.grad-cam++.png")
  }

  @Test func picturesAreAsLargeAsTheirInput() throws {
    var sheet = try sheet(["a"])
    let plain = try #require(sheet.pictures.first?.image)
    #expect(plain.width == 4 && plain.height == 4)
    // The corners keep the values of the map's, whose largest magnitude is the darkest colour.
    #expect(Array(plain.pixels[0..<3]) == [202, 0, 32] && Array(plain.pixels[9..<12]) == [5, 113, 176])
    sheet.isOverlay = true
    let overlaid = try #require(sheet.pictures.first?.image)
    // Under a value of 0 the image shines through: three quarters of 240, a quarter of white.
    #expect(Array(overlaid.pixels[45..<48]) == [242, 242, 242])
    for row in sheet.pictures {
      #expect(try PNGFile.decode(PNGFile.encode(row.image), name: row.name) == row.image)
    }
  }

  @Test func mapsGrowByStraightLines() throws {
    let map = try #require(AttributionMap([0, 4], shape: [1, 2]))
    let wide = map.enlarged(width: 4, height: 2)
    #expect(wide.values == [0, 1, 3, 4, 0, 1, 3, 4] && wide.width == 4 && wide.height == 2)
    // Never smaller, and of a constant a constant.
    #expect(map.enlarged(width: 1, height: 1) == map && map.enlarged(width: 2, height: 1) == map)
    let flat = try #require(AttributionMap(Array(repeating: 2, count: 9), shape: [3, 3]))
    #expect(flat.enlarged(width: 7, height: 5).values.allSatisfy { abs($0 - 2) < 1e-6 })
  }
}
