import NoemaAttribution
import NoemaData
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct ConceptScenesTests {
  /// Two examples of 2 × 4 pixels whose segments overlap; two concepts.
  private func scenes() throws -> ConceptScenes {
    let layout = try ExampleLayout(.image, shape: [1, 2, 4])
    let values = (0..<16).map { Float($0 + 1) }
    let examples = try TensorExamples(Tensor(shape: [2, 1, 2, 4], values), name: "x")
    let patches = [
      Patch(example: 0, number: 0, level: 0, positions: PositionSet(runs: [0..<4])),
      Patch(example: 0, number: 1, level: 1, positions: PositionSet(runs: [2..<6])),
      Patch(example: 0, number: 2, level: 1, positions: PositionSet(runs: [6..<8])),
      Patch(example: 1, number: 0, level: 0, positions: PositionSet(runs: [0..<2])),
    ]
    let source = try PatchExamples(
      examples, patches: patches, cutter: PatchCutter(fill: .values([0])), layout: layout)
    return ConceptScenes(source, examples: [0, 1], labels: [0, 1, nil, 1], conceptCount: 2)
  }

  @Test func displaysShowAndHide() throws {
    let scenes = try self.scenes()
    func scene(_ concepts: [Bool], _ showsRest: Bool, of place: Int = 0) throws -> [Float] {
      try scenes.scene(place, ConceptDisplay(concepts, showsRest: showsRest))
    }
    #expect(try scene([true, true], true) == [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(try scene([true, true], false) == [1, 2, 3, 4, 5, 6, 0, 0])
    #expect(try scene([true, false], false) == [1, 2, 3, 4, 0, 0, 0, 0])
    // What is hidden stays hidden where a shown concept overlaps it.
    #expect(try scene([true, false], true) == [1, 2, 0, 0, 0, 0, 7, 8])
    #expect(try scene([false, false], true) == [0, 0, 0, 0, 0, 0, 7, 8])
    #expect(try scene([false, false], false).allSatisfy { $0 == 0 })
    #expect(try scene([true, false], true, of: 1) == [0, 0, 11, 12, 13, 14, 15, 16])
    #expect(scenes.present == [[0, 1], [1]])
  }

  /// Positions count once, for the concept that comes first; over both examples.
  @Test func sharesAddUpToTheUnion() throws {
    let scenes = try self.scenes()
    #expect(scenes.shares(adding: [0, 1]) == [0.25, 0.25])
    #expect(scenes.shares(adding: [1, 0]) == [0.125, 0.375])
  }

  @Test func shufflingKeepsCounts() throws {
    let scenes = try self.scenes()
    var (random, seen) = (RandomNumbers(seed: 1), Set<[Int?]>())
    for _ in 0..<50 {
      let dealt = scenes.shuffled(using: &random).labels
      seen.insert(dealt)
      #expect(dealt[3] == 1)
      #expect(Set(dealt[0..<3].map { $0 ?? -1 }) == [-1, 0, 1])
    }
    #expect(seen.count == 6)
  }
}

@Suite struct PatchExamplesTests {
  @Test func patchesAreTheCutters() throws {
    let planted = try PlantedTextures(12, seed: 1)
    let found = try PlantedTextures.discovery.discover(in: planted.subject())
    let patches = found.patches
    #expect(patches.cutter.fill == .grey(in: PlantedTextures.preprocessing) && patches.cutter.fit == nil)
    for index in [0, 7, patches.count - 1] {
      let patch = patches.patches[index]
      let whole = try planted.examples.tensor(at: patch.example).elements(as: Float.self)
      let example = try SegmentedExample(whole, layout: patches.layout)
      let expected = try patches.cutter.patch(example, patch.positions)
      #expect(try patches.tensor(at: index).elements(as: Float.self) == expected)
      let picture = try #require(try patches.image(at: index))
      let drawn = try PlantedTextures.preprocessing.inverse(of: expected)
      #expect(picture == drawn)
      let place = try #require(try patches.place(of: index))
      let shown = try patches.cutter.showing(patch.positions, of: example)
      let around = try PlantedTextures.preprocessing.inverse(of: shown)
      #expect(place == around)
      #expect(patches.name(of: index) == "textures[\(patch.example)], segment \(patch.number)")
    }
    let hashes = patches.contentHashes()
    #expect(hashes.allSatisfy { $0 != nil } && Set(hashes).count == patches.count)
    // The same with no more than one image in memory.
    let small = try PatchExamples(
      planted.examples, patches: patches.patches, cutter: patches.cutter, layout: patches.layout, memory: 0)
    for index in [3, patches.count - 2, 4] {
      let (one, other) = (try small.tensor(at: index), try patches.tensor(at: index))
      #expect(one == other)
    }
  }

  @Test func layoutsMustFit() throws {
    let planted = try PlantedTextures(2, seed: 1)
    let layout = try ExampleLayout(.image, shape: [3, 8, 8])
    #expect(
      kind {
        _ = try PatchExamples(
          planted.examples, patches: [], cutter: PatchCutter(fill: .mean), layout: layout)
      }?.name == "mismatch")
  }

  @Test func positionMeansAreMeans() throws {
    let values = (0..<24).map { Float($0) }
    let first = try Tensor(shape: [2, 3, 2, 2], values).positionMeans(hasChannelsLast: false)
    #expect(first == [1.5, 5.5, 9.5, 13.5, 17.5, 21.5])
    let last = try Tensor(shape: [2, 4, 3], values).positionMeans(hasChannelsLast: true)
    #expect(last == [4.5, 5.5, 6.5, 16.5, 17.5, 18.5])
    #expect(try Tensor(shape: [12, 2], values).positionMeans(hasChannelsLast: false) == values)
  }

  /// Patches of one image come and go together.
  @Test func stabilityDrawsWholeGroups() throws {
    let values = (0..<40).map { row -> Float in
      let level = Float(row / 4 % 2), step = Float(row % 4)
      return 10 * level + 0.01 * step
    }
    let rows = try PointSet(values, count: 40, dimension: 1)
    let recipe = DictionaryRecipe(.kMeans, conceptCount: 2)
    let dictionary = try recipe.learn(rows)
    let stability = DictionaryStability(.bootstrap, runs: 4)
    let found = try stability.assess(dictionary, by: recipe, of: rows, groups: (0..<40).map { $0 / 4 })
    #expect(found.mean > 0.99)
    let none = kind { _ = try stability.assess(dictionary, by: recipe, of: rows, groups: [1]) }
    #expect(none?.name == "mismatch")
    // Groups of one row are rows.
    let alone = try stability.assess(dictionary, by: recipe, of: rows, groups: Array(0..<40))
    let plain = try stability.assess(dictionary, by: recipe, of: rows)
    #expect(alone == plain)
  }
}

@Suite struct DiscoveredConceptWriterTests {
  @Test func conceptsAreReadAgain() throws {
    let planted = try PlantedTextures(12, seed: 1), subject = try planted.subject()
    let found = try PlantedTextures.discovery.discover(in: subject), layer = found.layers[0]
    let folder = try TemporaryFolder()
    let writer = DiscoveredConceptWriter(directory: folder.path)
    for concept in layer.concepts { try writer.write(concept, of: found, at: layer) }
    #expect(try folder.entries() == layer.concepts.map { $0.name }.sorted())
    let concept = layer.concepts[0]
    let read = try ConceptFolder(path: writer.folder(of: concept))
    #expect(read.manifest.name == concept.name && read.manifest.count == concept.members.count)
    #expect(
      read.manifest.description.contains("class 'striped'") && read.manifest.size == PlantedTextures.side)
    let images = try Dataset.conceptExamples(
      read.path, read.examples, DatasetOptions(preprocessing: PlantedTextures.preprocessing))
    #expect(images.count == concept.members.count)
    for (index, member) in concept.members.enumerated() {
      let (again, patch) = (try images.tensor(at: index), try found.patches.tensor(at: member.patch))
      for (a, b) in zip(again.elements(as: Float.self), patch.elements(as: Float.self)) {
        #expect(abs(a - min(1, max(0, b))) <= 0.5 / 255 + 1e-6)
      }
    }
    #expect(throws: LibraryError.self) { try writer.write(concept, of: found, at: layer) }
    let over = DiscoveredConceptWriter(directory: folder.path, replaces: true)
    #expect(try over.write(concept, of: found, at: layer) == writer.folder(of: concept))
  }
}
