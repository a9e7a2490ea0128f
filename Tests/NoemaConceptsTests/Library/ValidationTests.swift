import NoemaConcepts
import NoemaData
import Testing

@Suite struct ValidationTests {
  private func findings(
    _ folder: TemporaryFolder, _ name: String = "c", size: Int? = nil, random: String? = nil
  ) throws -> [ConceptFinding] {
    let pool = try random.map { try ConceptFolder(path: "\(folder.path)/\($0)") }
    return ConceptValidation(modelSize: size, randomPool: pool)
      .findings(of: try ConceptFolder(path: "\(folder.path)/\(name)"))
  }

  @Test(arguments: ConceptCatalog.all.map(\.name)) func generatedConceptsAreClean(name: String) throws {
    let folder = try TemporaryFolder()
    try folder.fill("c", with: name, 0..<30)
    try folder.fill("pool", with: "random", 0..<30, seed: 8)
    #expect(try findings(folder, size: 32, random: "pool") == [])
  }

  @Test func countsExamples() throws {
    let folder = try TemporaryFolder()
    for (count, severity) in [(9, ConceptFinding.Severity.error), (10, .warning), (29, .warning)] {
      try folder.fill("c\(count)", with: "dotted", 0..<count)
      let found = try findings(folder, "c\(count)")
      #expect(found.map(\.kind) == [.tooFew])
      #expect(found.first?.severity == severity)
    }
  }

  @Test func anEmptyFolderIsAnError() throws {
    let folder = try TemporaryFolder()
    try folder.write(Array("name: nothing".utf8), to: "c/concept.yaml")
    let found = try findings(folder)
    #expect(found.map(\.kind) == [.empty] && found[0].severity == .error && found[0].concept == "nothing")
  }

  @Test func namesUnreadableFiles() throws {
    let folder = try TemporaryFolder()
    try folder.fill("c", with: "dotted", 0..<30)
    try folder.write(Array("not an image".utf8), to: "c/bad.png")
    try folder.write([], to: "c/nothing.png")
    let found = try findings(folder)
    #expect(found.map(\.kind) == [.unreadable, .unreadable])
    #expect(found.map(\.files) == [["bad.png"], ["nothing.png"]])
    #expect(found.allSatisfy { $0.severity == .error && $0.message.contains($0.files[0]) })
  }

  @Test func copiesCountOnce() throws {
    let folder = try TemporaryFolder()
    try folder.fill("c", with: "dotted", 0..<30)
    let image = try ConceptCatalog.generator(named: "dotted").image(at: 4, seed: 7, size: 32)
    try folder.write(image, to: "c/copy.png")
    let found = try findings(folder)
    #expect(found.map(\.kind) == [.duplicate])
    #expect(found.first?.files == ["copy.png", "dotted4.png"])

    for copy in 0..<20 { try folder.write(image, to: "same/\(copy).png") }
    #expect(try findings(folder, "same").map(\.kind) == [.tooFew, .duplicate])
  }

  @Test(arguments: ["dotted", "striped", "circle", "cracked", "red", "gradient"])
  func changedCopiesAreNear(name: String) throws {
    let folder = try TemporaryFolder()
    try folder.fill("c", with: name, 0..<30)
    var image = try ConceptCatalog.generator(named: name).image(at: 4, seed: 7, size: 32)
    // A touch darker, with a little grain: other bytes, the same picture.
    for (index, value) in image.pixels.enumerated() {
      image.pixels[index] = UInt8(Int(value) * 19 / 20 + index % 5)
    }
    try folder.write(image, to: "c/again.png")
    let found = try findings(folder)
    #expect(found.map(\.kind) == [.nearDuplicate])
    #expect(found.first?.files == ["again.png", "\(name)4.png"])
  }

  @Test func theRandomPoolMustNotHoldExamples() throws {
    let folder = try TemporaryFolder()
    try folder.fill("c", with: "striped", 0..<30)
    try folder.fill("pool", with: "random", 0..<20)
    try folder.fill("pool", with: "striped", 3..<4)
    var image = try ConceptCatalog.generator(named: "striped").image(at: 9, seed: 7, size: 32)
    for index in image.pixels.indices { image.pixels[index] |= 3 }
    try folder.write(image, to: "pool/near.png")
    let found = try findings(folder, random: "pool")
    #expect(found.map(\.kind) == [.inRandomPool, .inRandomPool])
    #expect(found.map(\.severity) == [.error, .warning])
    #expect(found.map(\.files) == [["striped3.png"], ["striped9.png"]])
  }

  @Test func sizesAreCompared() throws {
    let folder = try TemporaryFolder()
    try folder.fill("c", with: "striped", 0..<30)
    try folder.fill("c", with: "wavy", 0..<2, size: 48)
    let found = try findings(folder, size: 40)
    #expect(found.map(\.kind) == [.mixedSizes, .tooSmall])
    #expect(found.first?.files == ["wavy0.png", "wavy1.png"])
    #expect(found.last?.files.count == 30)

    let grey = try ConceptCatalog.generator(named: "dotted").image(at: 0, seed: 7, size: 32, channelCount: 1)
    try folder.fill("d", with: "striped", 0..<30)
    try folder.write(grey, to: "d/grey.png")
    #expect(try findings(folder, "d").map(\.kind) == [.mixedSizes])
  }

  @Test func theManifestMustBeTrue() throws {
    let folder = try TemporaryFolder()
    try folder.fill("c", with: "striped", 0..<30)
    try folder.write(Array("name: c\nsize: 64\ncount: 31".utf8), to: "c/concept.yaml")
    #expect(try findings(folder).map(\.kind) == [.manifestMismatch, .manifestMismatch])
  }

  @Test func tablesAndTextsAreComparedByTheirBytes() throws {
    let folder = try TemporaryFolder()
    for index in 0..<30 { try folder.write(Array("row \(index)".utf8), to: "c/\(index).csv") }
    #expect(try findings(folder, size: 224) == [])
    try folder.write(Array("row 7".utf8), to: "c/again.csv")
    #expect(try findings(folder).map(\.kind) == [.duplicate])
  }

  @Test func brokenJPEGsAreNamed() throws {
    let folder = try TemporaryFolder()
    try folder.fill("c", with: "dotted", 0..<30)
    try folder.write([0xFF, 0xD8, 0xFF, 0xE0], to: "c/photo.JPG")
    let found = try findings(folder)
    #expect(found.map(\.kind) == [.unreadable] && found.first?.files == ["photo.JPG"])
  }
}
