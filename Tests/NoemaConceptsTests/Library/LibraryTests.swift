import Foundation
import NoemaConcepts
import NoemaData
import NoemaTensor
import Testing

@Suite struct LibraryTests {
  @Test func listsBothLayouts() throws {
    let folder = try TemporaryFolder()
    try folder.fill("texture/mine", with: "dotted", 0..<2)
    try folder.fill("zebra", with: "striped", 0..<3)
    try folder.write(Array("name: wheel\nkind: object\ndescription: round".utf8), to: "things/w/concept.yaml")
    try folder.write(Array("a b".utf8), to: "things/w/one.txt")
    try folder.write(Array("?".utf8), to: "README.md")
    let concepts = try ConceptLibrary(path: folder.path + "/").concepts
    #expect(concepts.map(\.manifest.name) == ["mine", "wheel", "zebra"])
    #expect(concepts.map(\.manifest.kind) == [.texture, .object, .other])
    #expect(concepts.map(\.examples.count) == [2, 1, 3])
    #expect(concepts[1].manifest.description == "round")
    #expect(concepts.map(\.hasManifest) == [false, true, false])
  }

  @Test func oneConceptIsALibraryToo() throws {
    let folder = try TemporaryFolder()
    try folder.fill("texture/mine", with: "dotted", 0..<2)
    let library = try ConceptLibrary(path: folder.path + "/texture/mine")
    #expect(library.concepts.map(\.manifest.name) == ["mine"])
    #expect(try library.concept(named: "mine").manifest.kind == .texture)
    let error = #expect(throws: ConceptError.self) { try library.concept(named: "mina") }
    #expect(error?.description.contains("'mine'") == true)
  }

  @Test func missingAndEmptyDirectoriesThrow() throws {
    let folder = try TemporaryFolder()
    #expect(throws: LibraryError(.noConcepts, at: folder.path)) { try ConceptLibrary(path: folder.path) }
    let error = #expect(throws: LibraryError.self) { try ConceptLibrary(path: folder.path + "/nowhere") }
    #expect(error?.category == .missingFile)
  }

  @Test func writesWholeFolders() throws {
    let folder = try TemporaryFolder()
    let writer = try ConceptWriter(directory: folder.path, count: 3, size: 16, seed: 5)
    let striped = try ConceptCatalog.generator(named: "striped")
    let path = try writer.write(striped)
    #expect(try folder.entries("textures") == ["striped"])
    #expect(try folder.entries("textures/striped") == ["000.png", "001.png", "002.png", "concept.yaml"])
    let concept = try ConceptFolder(path: path)
    #expect(concept.manifest.seed == 5 && concept.manifest.count == 3 && concept.manifest.size == 16)
    #expect(concept.manifest.generator == "striped" && concept.manifest.kind == .texture)

    #expect(throws: LibraryError(.exists, at: path)) { try writer.check(striped) }
    #expect(throws: LibraryError(.exists, at: path)) { try writer.write(striped) }
    try ConceptWriter(directory: folder.path, count: 2, size: 16, replaces: true).write(striped)
    #expect(try folder.entries("textures/striped") == ["000.png", "001.png", "concept.yaml"])
    #expect(try folder.entries("textures") == ["striped"])
  }

  /// A changed generator must not leave the pictures of the repository behind.
  @Test func theCommittedLibraryIsWhatTheGeneratorsDraw() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let library = try ConceptLibrary(path: root.appendingPathComponent("concepts").path)
    #expect(
      library.concepts.map(\.manifest.name).sorted()
        == ConceptCatalog.all.filter { $0.kind != .random }.map(\.name).sorted())
    for concept in library.concepts {
      let generator = try ConceptCatalog.generator(named: concept.manifest.name)
      #expect(
        concept.manifest.description == generator.description && concept.manifest.kind == generator.kind)
      for index in [0, 11] {
        let stored = try ImageFile.read(path: "\(concept.path)/\(concept.examples[index])")
        let drawn = generator.image(at: index, seed: try #require(concept.manifest.seed), size: stored.width)
        let differences = zip(stored.pixels, drawn.pixels).map { abs(Int($0) - Int($1)) }
        // Another mathematical library may round a few samples on edges differently.
        #expect(differences.reduce(0, +) < stored.pixels.count / 2, "\(concept.manifest.name) \(index)")
      }
    }
  }

  @Test func refusesWhatCannotBeDrawn() throws {
    let folder = try TemporaryFolder()
    let grey = try ConceptWriter(directory: folder.path, count: 1, size: 16, channelCount: 1)
    let red = try ConceptCatalog.generator(named: "red")
    #expect(throws: ConceptError.self) { try grey.write(red) }
    #expect(try folder.entries().isEmpty)
    for (count, size, channels) in [(0, 16, 3), (1, 4, 3), (1, 1_000_000, 3), (1, 16, 2)] {
      #expect(throws: ConceptError.self) {
        try ConceptWriter(directory: "x", count: count, size: size, channelCount: channels)
      }
    }
    try folder.write([1], to: "file")
    let blocked = try ConceptWriter(directory: folder.path + "/file", count: 1, size: 16)
    let error = #expect(throws: LibraryError.self) { try blocked.write(red) }
    #expect(error?.category == .inputOutput)
  }
}
