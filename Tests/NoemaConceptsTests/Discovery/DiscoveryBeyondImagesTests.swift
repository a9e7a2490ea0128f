import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaConcepts

@Suite struct DiscoveryBeyondImagesTests {
  private var discovery: ConceptDiscovery {
    var discovery = ConceptDiscovery()
    discovery.filter = ClusterFilter(.none, minimumSize: 4)
    return discovery
  }

  private var evaluation: ConceptEvaluation {
    var evaluation = ConceptEvaluation()
    (evaluation.stabilityRuns, evaluation.randomConceptSets) = (2, 2)
    evaluation.test?.runs = 10
    evaluation.test?.nullRuns = 5
    return evaluation
  }

  /// Checks that one kind is found apart from the others, and comes first.
  private func check(
    _ found: DiscoveredConcepts, _ worth: EvaluatedConcepts, kind: (Patch) -> Int, causal: Int
  ) throws {
    let layer = found.layers[0]
    let truth = found.patches.patches.map(kind)
    #expect(try ClusterQuality.adjustedRand(truth, layer.membership.labels) == 1)
    let first = worth.layers[0].ranked[0]
    let concept = try #require(layer.concepts.first { $0.name == first.name })
    #expect(kind(found.patches.patches[concept.members[0].patch]) == causal)
    #expect(first.tcav?.verdict == .used && (first.totalIndex ?? 0) > 0.9)
    #expect(worth.layers[0].curves?.sufficient.worths[1] == 1 && worth.layers[0].accuracy == 1)
    #expect(worth.layers[0].ranked.dropFirst().allSatisfy { $0.tcav?.verdict != .used })
  }

  // MARK: Signals

  /// Blocks of 16 steps, each one of the corners of a square, on two channels; noise.
  private func signals(_ count: Int, among: Int, seed: UInt64) throws -> (TensorExamples, [[Int]]) {
    var random = RandomNumbers(seed: seed)
    var (values, blocks) = ([Float](), [[Int]]())
    for _ in 0..<count {
      let order = random.sample(4, below: among)
      blocks.append(order)
      for channel in 0..<3 {
        for step in 0..<64 {
          let noise = Float(0.05 * random.normal())
          values.append(cubeSign(order[step / 16], channel) + noise)
        }
      }
    }
    return (try TensorExamples(Tensor(shape: [count, 3, 64], values), name: "signals"), blocks)
  }

  @Test func windowsOfSignalsAreConcepts() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 3, 64])
    let filters: [Float] = (0..<8).flatMap { kind in (0..<3).map { cubeSign(kind, $0) } }
    draft.initialiser("filters", Tensor(shape: [8, 3, 1], filters))
    draft.initialiser("biases", Tensor(shape: [8], repeating: Float(-2)))
    draft.node("Conv", ["x", "filters", "biases"], ["responses"], ["kernel_shape": .ints([1])])
    draft.node("Relu", ["responses"], ["features"])
    draft.node("GlobalAveragePool", ["features"], ["means"])
    draft.node("Flatten", ["means"], ["pooled"])
    draft.initialiser("w", Tensor.weights([8, 2], at: [2], 10))
    draft.initialiser("b", Tensor(shape: [2], [0, 1] as [Float]))
    draft.node("Gemm", ["pooled", "w", "b"], ["out"])
    draft.output("out", [nil, 2])
    let network = try Network(bytes: draft.bytes())
    let (examples, blocks) = try signals(30, among: 4, seed: 1)
    var subject = DiscoverySubject(
      network: network, layers: try network.layers(["features"]), examples: examples,
      target: .init(name: "beat", index: 0))
    subject.kind = .signal
    subject.segmenter = WindowSegmenter(lengths: [16, 8], step: 1)
    var discovery = self.discovery
    (discovery.conceptCount, discovery.fill) = (4, .values([0]))
    let found = try discovery.discover(in: subject)
    // Channels come first in signals, though a layer has three axes.
    #expect(found.layers[0].features.dimension == 8 && found.patchCounts == [60, 120])
    let random = RandomMaterial(examples: try signals(40, among: 8, seed: 2).0)
    let worth = try evaluation.evaluate(found, in: subject, random: random)
    try check(found, worth, kind: { blocks[$0.example][$0.positions.runs[0].lowerBound / 16] }, causal: 1)
    let maps = try found.layers[0].maps(of: examples, in: subject)
    #expect(maps.shape == [30, 4, 64])
    // The kinds' own segmenter.
    subject.segmenter = nil
    #expect(try discovery.discover(in: subject).patchCounts.count == 3)
  }

  // MARK: Texts

  /// Sentences of four phrases of two tokens of one group; tokens 18 and 19 say nothing and mask.
  private func sentences(_ count: Int, among: Int, seed: UInt64) throws -> (TensorExamples, [[Int]]) {
    var random = RandomNumbers(seed: seed)
    var (values, groups) = ([Float](), [[Int]]())
    for _ in 0..<count {
      let order = random.sample(4, below: among)
      groups.append(order)
      for group in order { values += (0..<2).map { _ in Float(3 * group + random.index(below: 3)) } }
    }
    return (try TensorExamples(Tensor(shape: [count, 8], values), name: "sentences"), groups)
  }

  @Test func phrasesOfTokensAreConcepts() throws {
    var draft = ModelDraft()
    draft.input("ids", [nil, 8], .int64)
    var random = RandomNumbers(seed: 5)
    let table = (0..<25 * 8).map { place -> Float in
      let (token, feature) = (place / 8, place % 8)
      let noise = Float(0.02 * random.normal()), own: Float = token / 3 == feature ? 1 : 0
      return token < 24 ? own + noise : 0
    }
    draft.initialiser("table", Tensor(shape: [25, 8], table))
    draft.node("Gather", ["table", "ids"], ["embedded"], ["axis": .int(0)])
    draft.node("ReduceMean", ["embedded"], ["pooled"], ["axes": .ints([1]), "keepdims": .int(0)])
    draft.initialiser("w", Tensor.weights([8, 2], at: [4], 10))
    draft.initialiser("b", Tensor(shape: [2], [0, 1] as [Float]))
    draft.node("Gemm", ["pooled", "w", "b"], ["out"])
    draft.output("out", [nil, 2])
    let network = try Network(bytes: draft.bytes())
    let (examples, groups) = try sentences(30, among: 4, seed: 1)
    var subject = DiscoverySubject(
      network: network, layers: try network.layers(["embedded"]), examples: examples,
      target: .init(name: "praise", index: 0))
    subject.kind = .text
    let words = (0..<8).map { _ in Vocabulary.Piece("word", startsWord: true) }
    subject.segmenter = PhraseSegmenter(lengths: [2], step: 1) { _ in words }
    var discovery = self.discovery
    discovery.conceptCount = 4
    // Nothing says which token masks.
    #expect(kind { _ = try discovery.discover(in: subject) }?.name == "parameters")
    discovery.fill = .values([24])
    let found = try discovery.discover(in: subject)
    #expect(found.layers[0].features.dimension == 8 && found.patchCounts == [60])
    let others = RandomMaterial(examples: try sentences(60, among: 8, seed: 2).0)
    let worth = try evaluation.evaluate(found, in: subject, random: others)
    try check(found, worth, kind: { groups[$0.example][$0.positions.runs[0].lowerBound / 2] }, causal: 2)
    #expect(try found.layers[0].maps(of: examples, in: subject).shape == [30, 4, 8])
    let folder = try TemporaryFolder()
    let path = try DiscoveredConceptWriter(directory: folder.path).write(
      found.layers[0].concepts[0], of: found, at: found.layers[0])
    let array = try NPYFile.read(path + "/patches.npy")
    #expect(array.shape == [found.layers[0].concepts[0].members.count, 8])
  }

  // MARK: Tables

  /// Rows whose columns lie around 1 in pairs; hidden units add up pairs.
  private func rows(_ count: Int, seed: UInt64, _ level: (Int) -> Double) throws -> TensorExamples {
    var random = RandomNumbers(seed: seed)
    let values = (0..<count * 8).map { Float(level($0 % 8 / 2) + 0.05 * random.normal()) }
    return try TensorExamples(Tensor(shape: [count, 8], values), name: "rows")
  }

  @Test func groupsOfColumnsAreConcepts() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 8])
    draft.initialiser("v", Tensor.weights([8, 4], at: (0..<8).map { 4 * $0 + $0 / 2 }, 1))
    draft.node("MatMul", ["x", "v"], ["sums"])
    draft.node("Relu", ["sums"], ["features"])
    draft.initialiser("w", Tensor.weights([4, 2], at: [6], 1))
    draft.initialiser("b", Tensor(shape: [2], [0, 1] as [Float]))
    draft.node("Gemm", ["features", "w", "b"], ["out"])
    draft.output("out", [nil, 2])
    let network = try Network(bytes: draft.bytes())
    var subject = DiscoverySubject(
      network: network, layers: try network.layers(["features"]), examples: try rows(30, seed: 1) { _ in 1 },
      target: .init(name: "default", index: 0))
    subject.kind = .table
    subject.segmenter = ColumnGroups([[0, 1], [2, 3], [4, 5], [6, 7]])
    var discovery = self.discovery
    (discovery.conceptCount, discovery.fill) = (4, .values([0]))
    let found = try discovery.discover(in: subject)
    var evaluation = self.evaluation
    evaluation.test = nil
    let worth = try evaluation.evaluate(found, in: subject)
    let truth = found.patches.patches.map { $0.positions.runs[0].lowerBound / 2 }
    #expect(try ClusterQuality.adjustedRand(truth, found.layers[0].membership.labels) == 1)
    let first = worth.layers[0].ranked[0]
    let concept = try #require(found.layers[0].concepts.first { $0.name == first.name })
    #expect(found.patches.patches[concept.members[0].patch].positions.runs == [6..<8])
    #expect(worth.layers[0].curves?.sufficient.worths == [0, 1, 1, 1, 1])
    // Columns by themselves, beside the means of the others.
    (subject.segmenter, discovery.fill) = (nil, nil)
    let single = try discovery.discover(in: subject)
    #expect(single.patchCounts == [8 * 15])
    guard case .example(let means) = single.patches.cutter.fill else {
      Issue.record("tables are filled with means")
      return
    }
    #expect(means.allSatisfy { abs($0 - 1) < 0.1 })
  }
}
