import Foundation
import NoemaData
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite final class MaskFolderTests {
  private let folder = FileManager.default.temporaryDirectory.path + "/noema-masks-\(UUID().uuidString)"

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func write(_ image: Image, _ name: String) throws {
    let path = "\(folder)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(PNGFile.encode(image)).write(to: URL(fileURLWithPath: path))
  }

  /// White where a function says so.
  private func mask(_ width: Int, _ height: Int, _ isInside: (_ row: Int, _ column: Int) -> Bool) -> Image {
    Image(
      width: width, height: height, channelCount: 1,
      pixels: (0..<width * height).map { isInside($0 / width, $0 % width) ? 255 : 0 })
  }

  /// Photographs of 8 × 8 that are brought to 4 × 4.
  private func photographs(_ names: [String]) throws -> (ImageExamples, Preprocessing) {
    for name in names { try write(mask(8, 8) { _, _ in true }, "photos/\(name)") }
    var recipe = Preprocessing(height: 4, width: 4)
    recipe.colorOrder = .grey
    return (
      try ImageExamples(
        paths: names.map { "\(folder)/photos/\($0)" }, preprocessing: recipe, root: "\(folder)/photos"),
      recipe
    )
  }

  private func read(_ masks: String, _ names: [String]) throws -> MaskFolder.Content {
    let (examples, recipe) = try photographs(names)
    return try MaskFolder.read(
      "\(folder)/\(masks)", of: examples, indices: Array(names.indices), size: (4, 4), preprocessing: recipe)
  }

  @Test func masksGoTheWayOfTheirImages() throws {
    try write(mask(8, 8) { row, _ in row < 2 }, "masks/top/a.png")
    try write(mask(4, 4) { _, column in column == 3 }, "masks/right/a.png")
    try write(mask(8, 8) { _, _ in false }, "masks/top/b.png")
    try write(mask(8, 8) { _, _ in true }, "masks/top/nobody.png")
    let found = try read("masks", ["a.png", "b.png", "c.png"])
    #expect(found.annotations.concepts.map(\.name) == ["right", "top"])
    let a = found.annotations.examples[0]
    #expect(a.masks[1] == PositionSet(runs: [0..<4]))
    #expect(a.masks[0] == PositionSet(runs: [3..<4, 7..<8, 11..<12, 15..<16]))
    // An empty mask says that the concept is not there; no mask says nothing.
    #expect(
      found.annotations.examples[1].masks.isEmpty && found.annotations.examples[1].categories == ["concept"])
    #expect(found.annotations.examples[2].categories == [])
    #expect(found.strays.map { ($0 as NSString).lastPathComponent } == ["nobody.png"])
  }

  @Test func foldersOfFoldersAreCategories() throws {
    try write(mask(8, 8) { _, _ in true }, "masks/colour/red/a.png")
    try write(mask(8, 8) { _, _ in true }, "masks/object/cup/b.png")
    let found = try read("masks", ["a.png", "b.png"]).annotations
    #expect(
      found.concepts == [
        DissectedConcept("red", category: "colour"), DissectedConcept("cup", category: "object"),
      ])
    #expect(found.examples.map(\.categories) == [["colour"], ["object"]])
  }

  @Test func whatDoesNotFitIsRefused() throws {
    func refusal(_ masks: String, _ names: [String]) -> String {
      do {
        _ = try read(masks, names)
        return "accepted"
      } catch { return "\(error)" }
    }
    try write(mask(5, 8) { _, _ in true }, "wrong/red/a.png")
    #expect(refusal("wrong", ["a.png"]).contains("[8, 5]"))
    try write(mask(8, 8) { _, _ in true }, "other/red/z.png")
    #expect(refusal("other", ["a.png"]).contains("CONCEPT/a.png"))
    try write(mask(8, 8) { _, _ in true }, "twice/red/a.png")
    #expect(refusal("twice", ["one/a.png", "two/a.png"]).contains("two images are called 'a'"))
    try FileManager.default.createDirectory(atPath: "\(folder)/empty", withIntermediateDirectories: true)
    #expect(refusal("empty", ["a.png"]).contains("has 0 examples"))
    #expect(refusal("nowhere", ["a.png"]).contains("nowhere"))
  }

  @Test func arraysHaveArraysOfMasks() throws {
    try FileManager.default.createDirectory(atPath: "\(folder)/masks", withIntermediateDirectories: true)
    try NPYFile.write(Tensor(shape: [2, 1, 3], [1, 0, 0, 0, 1, 1] as [Float]), to: "\(folder)/masks/on.npy")
    let examples = try TensorExamples(Tensor(shape: [2, 1, 1, 3], repeating: Float(0)), name: "data")
    func read(_ size: (Int, Int)) throws -> [ExampleAnnotation] {
      try MaskFolder.read(
        "\(folder)/masks", of: examples, indices: [1, 0], size: size, preprocessing: nil
      ).annotations.examples
    }
    #expect(try read((1, 3)).map { $0.masks[0] } == [PositionSet(runs: [1..<3]), PositionSet(runs: [0..<1])])
    #expect(throws: DataError.self) { try read((3, 1)) }
  }
}

@Suite struct UnitRegionTests {
  /// A map of 2 × 2 over 4 × 4 pixels, everything seen by everything: positions lie on the quarters' middles.
  @Test func regionsAreTheDissectionsOwn() throws {
    let region = try UnitRegion(shape: [2, 2, 2], field: ReceptiveField(axes: nil), height: 4, width: 4)
    let maps = Tensor(shape: [1, 2, 2, 2], [0, 0, 0, 0, 1, 0, 0, 0] as [Float])
    let found = region(maps, row: 0, unit: 1, above: 0.5)
    // Values along an axis are 1, ¾, ¼, 0, and products of both axes.
    let expected = (0..<16).map { pixel in
      let values = [1, 0.75, 0.25, 0]
      return values[pixel / 4] * values[pixel % 4] > 0.5
    }
    #expect(found == expected)
    #expect(region(maps, row: 0, unit: 0, above: 0.5).allSatisfy { !$0 })
    #expect(throws: ConceptError.self) {
      try UnitRegion(shape: [2], field: ReceptiveField(axes: nil), height: 4, width: 4)
    }
  }
}

@Suite struct ConceptLabelTableTests {
  @Test func rowsAreFoundByName() throws {
    let path = FileManager.default.temporaryDirectory.path + "/noema-labels-\(UUID().uuidString).csv"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data("name,red,big\nb,1,0\na,0,1\nc,1,1\n".utf8).write(to: URL(fileURLWithPath: path))
    let table = try ConceptLabelTable(path: path, examples: ["a", "b"])
    #expect(table.concepts == ["red", "big"] && table.marks == [[false, true], [true, false]])
    #expect(throws: DataError.self) { try ConceptLabelTable(path: path, examples: ["d"]) }
    try Data("name,red\na,yes\n".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: DataError.self) { try ConceptLabelTable(path: path, examples: ["a"]) }
    #expect(
      ConceptLabelTable(labels: ["x", "y", "x"]).marks == [[true, false, true], [false, true, false]])
  }
}
