import NoemaAttribution
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaConcepts

@Suite struct ConceptDiscoveryTests {
  @Test(arguments: [DictionaryKind.kMeans, .nonNegative])
  func patchesOfATextureFallTogether(_ kind: DictionaryKind) throws {
    let planted = try PlantedTextures(20, seed: 1)
    var discovery = PlantedTextures.discovery
    discovery.dictionary = kind
    let found = try discovery.discover(in: planted.subject())
    let layer = found.layers[0]
    #expect(found.discoveryExamples.count == 10 && found.heldOutExamples.count == 10)
    #expect(Set(found.discoveryExamples).isDisjoint(with: found.heldOutExamples))
    #expect(found.patches.patches.allSatisfy { found.discoveryExamples.contains($0.example) })
    #expect(found.patchCounts.count == 2 && found.patchCounts[0] == 40 && found.patchCounts[1] > 60)
    let truth = found.patches.patches.map(planted.texture)
    #expect(try ClusterQuality.adjustedRand(truth, layer.membership.labels) >= 0.95)
    #expect(layer.dictionary.kind == kind && layer.count(.kept) == 4 && found.warnings.isEmpty)
    #expect(Set(layer.concepts.map { planted.texture($0, found.patches) }) == [0, 1, 2, 3])
    #expect(Set(layer.concepts.map { $0.name }).count == 4)
    #expect(layer.features.count == truth.count && layer.features.dimension == 8)
    for concept in layer.concepts {
      let costs = concept.members.map { $0.cost }
      #expect(costs == costs.sorted() && costs.count == min(40, concept.size))
      #expect(concept.exampleCount == 10 && concept.size > 20)
      #expect(concept.exemplars.sorted() == concept.members.map { $0.patch }.sorted())
      // The first ones come from different images.
      #expect(Set(concept.exemplars.prefix(9).map { found.patches.patches[$0].example }).count == 9)
      #expect(concept.exemplars[0] == concept.members[0].patch)
    }
  }

  @Test func principalComponentsAreConcepts() throws {
    let planted = try PlantedTextures(20, seed: 1)
    var discovery = PlantedTextures.discovery
    (discovery.dictionary, discovery.conceptCount) = (.principal, 3)
    discovery.filter = ClusterFilter(.none, minimumSize: 3)
    let found = try discovery.discover(in: planted.subject())
    let layer = found.layers[0]
    #expect(layer.dictionary.isSigned && layer.fit.explainedVariance > 0.9 && !layer.concepts.isEmpty)
    let coefficients = try layer.dictionary.encode(layer.features)
    for concept in 0..<3 {
      let cubes = (0..<layer.features.count).map { pow3(coefficients[$0, concept]) }
      #expect(cubes.reduce(0, +) >= 0)
    }
    for (row, label) in layer.membership.labels.enumerated() {
      let best = (0..<3).map { coefficients[row, $0] }.max() ?? 0
      #expect(label < 0 ? best <= 0 : coefficients[row, label] == best)
    }
  }

  private func pow3(_ x: Double) -> Double { x * x * x }

  /// Activations are the means over positions of what the network makes of each patch, and all layers see the same.
  @Test func layersShareOnePass() throws {
    let planted = try PlantedTextures(12, seed: 2)
    let subject = try planted.subject(["features", "pooled"])
    let found = try PlantedTextures.discovery.discover(in: subject)
    #expect(found.layers.map { $0.layer } == subject.layers.map { $0.name })
    let (maps, means) = (found.layers[0].features, found.layers[1].features)
    #expect(maps.count == means.count && maps.dimension == 8 && means.dimension == 8)
    #expect(zip(maps.values, means.values).allSatisfy { abs($0 - $1) < 1e-5 })
    #expect(maps.values.contains { $0 > 0.3 })
  }

  @Test func seedsDecide() throws {
    let planted = try PlantedTextures(24, seed: 3)
    var discovery = PlantedTextures.discovery
    let first = try discovery.discover(in: planted.subject())
    var subject = try planted.subject()
    subject.memory = 512 << 20
    let again = try discovery.discover(in: subject)
    #expect(first.layers[0].concepts == again.layers[0].concepts)
    #expect(first.layers[0].membership == again.layers[0].membership)
    #expect(first.heldOutExamples == again.heldOutExamples)
    discovery.seed = 1
    let other = try discovery.discover(in: planted.subject())
    #expect(other.discoveryExamples != first.discoveryExamples)
  }

  /// Twelve images are shared out like a hundred.
  @Test func fewExamplesAreSharedOut() {
    var discovery = ConceptDiscovery()
    #expect(discovery.split(Array(0..<100)).discovery.count == 50)
    let few = discovery.split(Array(0..<12))
    #expect(few.discovery.count == 6 && few.heldOut.count == 6)
    discovery.heldOutCount = 0
    let all = discovery.split(Array(0..<12))
    #expect(all.discovery.count == 12 && all.heldOut.isEmpty)
    (discovery.discoveryCount, discovery.heldOutCount) = (30, 10)
    #expect(discovery.split(Array(0..<20)).discovery.count == 15)
    #expect(Set(few.discovery + few.heldOut) == Set(0..<12))
  }

  @Test func memoryLimitsPatches() throws {
    let planted = try PlantedTextures(12, seed: 4)
    var subject = try planted.subject()
    let reader = try PatchFeatures(subject)
    #expect(reader.widths == [8] && reader.limit == subject.memory / 4 / 32)
    // Room for 40 rows is no room for the network, so the draw is looked at alone.
    subject.memory = 40 * 32 * 4
    #expect(try PatchFeatures(subject).limit == 40)
  }

  // MARK: Bad input

  private func tried(
    _ count: Int = 12, layers: [String] = ["features"], _ change: (inout ConceptDiscovery) -> Void = { _ in }
  ) throws -> ConceptError.Kind? {
    let subject = try PlantedTextures(count, seed: 5).subject(layers)
    var discovery = PlantedTextures.discovery
    change(&discovery)
    let settings = discovery
    return kind { _ = try settings.discover(in: subject) }
  }

  @Test func wrongInputIsNamed() throws {
    #expect(try tried(9) == .tooFew(set: "class 'striped'", found: 9, needed: 10))
    #expect(try tried { $0.conceptCount = 1000 }?.name == "tooFew")
    // 2000 superpixels of 1024 pixels.
    #expect(try tried { $0.superpixels.counts = [2000] }?.name == "parameters")
    #expect(try tried { $0.conceptCount = 1 }?.name == "parameters")
    #expect(try tried { $0.prunedSize = 1 }?.name == "parameters")
    #expect(try tried { $0.fill = .values([0, 0]) }?.name == "parameters")
    #expect(try tried(layers: [])?.name == "tooFew")
    var subject = try PlantedTextures(12, seed: 5).subject()
    subject.segmenter = GridSegmenter(sides: [64])
    #expect(kind { _ = try PlantedTextures.discovery.discover(in: subject) }?.name == "parameters")
  }

  @Test func patchesThatAreAllAlikeAreRefused() throws {
    let side = PlantedTextures.side
    var draft = ModelDraft()
    draft.input("x", [nil, 3, side, side])
    draft.initialiser("filters", Tensor(shape: [2, 3, 1, 1], repeating: Float(0)))
    draft.initialiser("biases", Tensor(shape: [2], [1, 2] as [Float]))
    draft.node("Conv", ["x", "filters", "biases"], ["features"])
    draft.node("GlobalAveragePool", ["features"], ["means"])
    draft.node("Flatten", ["means"], ["out"])
    draft.output("out", [nil, 2])
    let network = try Network(bytes: draft.bytes())
    var subject = try PlantedTextures(12, seed: 5).subject()
    subject.network = network
    subject.layers = try network.layers(["features"])
    for dictionary in DictionaryKind.allCases {
      var discovery = PlantedTextures.discovery
      discovery.dictionary = dictionary
      let settings = discovery
      #expect(kind { _ = try settings.discover(in: subject) }?.name == "degenerate")
    }
  }

  @Test func copiesCountOnce() throws {
    let planted = try PlantedTextures(11, seed: 6)
    var subject = try planted.subject()
    subject.examples = try JoinedExamples([planted.examples, ExampleSubset(planted.examples, [0, 3, 3])])
    let found = try PlantedTextures.discovery.discover(in: subject)
    #expect(found.warnings == ["3 examples are copies of others and were left out"])
    #expect((found.discoveryExamples + found.heldOutExamples).sorted() == Array(0..<11))
    subject.examples = ExampleSubset(planted.examples, (0..<30).map { $0 % 5 })
    #expect(
      kind { _ = try PlantedTextures.discovery.discover(in: subject) }
        == .tooFew(set: "class 'striped'", found: 5, needed: 10))
  }

  @Test func nothingKeptIsNoError() throws {
    let planted = try PlantedTextures(12, seed: 7)
    var discovery = PlantedTextures.discovery
    discovery.filter.minimumSize = 1000
    let found = try discovery.discover(in: planted.subject())
    #expect(found.layers[0].concepts.isEmpty && found.layers[0].count(.tooSmall) == 4)
    #expect(found.warnings.count == 1 && found.warnings[0].contains("4 of 4 are too small"))
    let worth = try PlantedTextures.evaluation.evaluate(
      found, in: planted.subject(), random: .init(examples: planted.examples))
    #expect(worth.layers[0].concepts.isEmpty && worth.layers[0].curves == nil)
  }

  @Test func negativeActivationsHaveNoFactors() throws {
    let planted = try PlantedTextures(12, seed: 8)
    let subject = try planted.subject(["responses"])
    var discovery = PlantedTextures.discovery
    discovery.dictionary = .nonNegative
    let settings = discovery
    #expect(kind { _ = try settings.discover(in: subject) }?.name == "parameters")
  }
}

@Suite struct ClusterFilterTests {
  struct Case: Sendable {
    var size: Int, examples: Int
    var reference, paper, none: ClusterFilter.Verdict
  }

  /// Of 40 examples; the least size is 20 for the implementation's rules, and 2 for the others.
  @Test(arguments: [
    Case(size: 20, examples: 20, reference: .tooSmall, paper: .tooFewExamples, none: .kept),
    Case(size: 21, examples: 11, reference: .kept, paper: .tooFewExamples, none: .kept),
    Case(size: 22, examples: 11, reference: .kept, paper: .tooFewExamples, none: .kept),
    Case(size: 44, examples: 11, reference: .tooFewExamples, paper: .kept, none: .kept),
    Case(size: 40, examples: 10, reference: .tooFewExamples, paper: .tooFewExamples, none: .kept),
    Case(size: 200, examples: 21, reference: .kept, paper: .kept, none: .kept),
    Case(size: 210, examples: 21, reference: .tooFewExamples, paper: .kept, none: .kept),
    Case(size: 81, examples: 1, reference: .tooFewExamples, paper: .kept, none: .kept),
    Case(size: 80, examples: 1, reference: .tooFewExamples, paper: .tooFewExamples, none: .kept),
    Case(size: 1, examples: 1, reference: .tooSmall, paper: .tooSmall, none: .tooSmall),
  ])
  func rulesAreThose(_ test: Case) {
    func verdict(_ filter: ClusterFilter) -> ClusterFilter.Verdict {
      filter(size: test.size, examples: test.examples, of: 40)
    }
    #expect(verdict(.reference) == test.reference)
    #expect(verdict(.paper) == test.paper)
    #expect(verdict(ClusterFilter(.none)) == test.none)
  }
}
