import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Sums of float32 terms that partly cancel, as a share of the largest sum.
private let sumTolerance = 1e-3

/// Two convolutions and a dense layer, with rectifiers between them: `first`, `second` and `third`.
private func chain(hasBiases: Bool = true) throws -> Network {
  let size: Float = hasBiases ? 1 : 0
  func bias(_ count: Int, seed: UInt64) -> Tensor {
    Tensor(shape: [count], normalTensor([count], seed: seed).floats.map { size * $0 })
  }
  var draft = ModelDraft()
  draft.input("x", [nil, 2, 6, 6])
  draft.initialiser("w1", normalTensor([3, 2, 3, 3], seed: 1))
  draft.initialiser("b1", bias(3, seed: 2))
  draft.initialiser("w2", normalTensor([4, 3, 3, 3], seed: 3))
  draft.initialiser("b2", bias(4, seed: 4))
  draft.initialiser("w3", normalTensor([64, 3], seed: 5))
  draft.initialiser("b3", bias(3, seed: 6))
  draft.node(
    "Conv", ["x", "w1", "b1"], ["z1"], name: "first",
    ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
  draft.node("Relu", ["z1"], ["a1"])
  draft.node("Conv", ["a1", "w2", "b2"], ["z2"], name: "second", ["kernel_shape": .ints([3, 3])])
  draft.node("Relu", ["z2"], ["a2"])
  draft.node("Flatten", ["a2"], ["flat"])
  draft.node("Gemm", ["flat", "w3", "b3"], ["logits"], name: "third")
  draft.output("logits", [nil, 3])
  return try Network(bytes: draft.bytes())
}

private let images = normalTensor([3, 2, 6, 6], seed: 11)
private let classes = [0, 1, 2]

private func compiled(_ method: some AttributionMethod, _ network: Network) throws -> any Attributor {
  var subject = Subject(network)
  subject.examples = 3
  return try method.attributor(for: subject)
}

@Suite struct BalanceTraceTests {
  // MARK: Concepts

  /// The account runs from the concept's relevance, which attributions should sum to, to what they do sum to.
  @Test func conceptsAreAccountedForFromTheirLayerOn() throws {
    let method = ConceptRelevance([.init("a2", .channels([1, 2]))], composite: .epsilon(0))
    let attributor = try compiled(method, chain())
    let found = try attributor.attribute([images], classes: classes)
    let trace = try #require(try attributor.trace([images], classes: classes)).examples
    #expect(trace.count == 3)
    for (example, entries) in trace.enumerated() {
      let expected = found.expectedSums![example], scale = max(1, abs(expected), abs(found.sums[example]))
      let first = try #require(entries.first), last = try #require(entries.last)
      #expect(abs(first.received - expected) < sumTolerance * scale)
      #expect(abs(last.passed - found.sums[example]) < sumTolerance * scale)
      #expect(last.node == "first" && entries.contains { $0.node == "second" })
      // Nothing above the concept's layer.
      #expect(!entries.contains { $0.node == "third" })
      let kept = entries.reduce(0) { $0 + $1.kept }
      #expect(abs(kept - (expected - found.sums[example])) < sumTolerance * scale)
    }
    // The biases of the convolutions keep their share.
    #expect(trace.contains { $0.contains { abs($0.kept) > 0.01 } })
  }

  /// Where rules conserve, no node keeps anything; of two conditions the lower one begins.
  @Test func conservedConceptsAreBalanced() throws {
    let method = ConceptRelevance(
      [.init("a1", .channels([0, 1])), .init("a2", .channels([1, 3]))], composite: .contributionPropagation)
    let attributor = try compiled(method, chain(hasBiases: false))
    for entries in try #require(try attributor.trace([images], classes: classes)).examples {
      let largest = entries.reduce(1) { max($0, abs($1.received)) }
      #expect(!entries.isEmpty && entries.allSatisfy { abs($0.kept) < sumTolerance * largest })
      #expect(!entries.contains { $0.node == "second" })
    }
  }

  /// With ways around the layer there is nothing that attributions should sum to.
  @Test func waysAroundHaveNoBalance() throws {
    let method = ConceptRelevance([.init("a2", .channels([1]))], excludesParallel: false)
    #expect(try compiled(method, chain()).trace([images], classes: classes) == nil)
  }

  // MARK: Biases

  /// A linear layer receives its bias and passes it on.
  @Test func biasOfALinearLayer() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("w", Tensor(shape: [3, 2], [Float(1), 2, -3, 0.5, 4, -1]))
    draft.initialiser("b", Tensor(shape: [2], [Float(6), -9]))
    draft.node("Gemm", ["x", "w", "b"], ["out"], name: "layer")
    draft.output("out", [nil, 2])
    let x = normalTensor([2, 3], seed: 3)
    let attributor = try BiasAttribution().attributor(for: Subject(Network(bytes: draft.bytes())))
    let trace = try #require(try attributor.trace([x], classes: [0, 1])).examples
    for (entries, bias) in zip(trace, [6.0, -9]) {
      #expect(entries.map(\.node) == ["layer"] && entries.map(\.rule) == ["bias"])
      #expect(abs(entries[0].received - bias) < 1e-4 && abs(entries[0].passed - bias) < 1e-4)
    }
  }

  /// Whoever else reads a value, each node passes on what it received and its own bias.
  @Test(arguments: ["tiny_cnn", "tiny_resnet", "tiny_resnet_unfolded", "wine_mlp"])
  func biasesAreBalanced(_ name: String) throws {
    let fixture = Fixture(name: name), values = try fixture.values()
    for split in [BiasSplit.proportional, .uniform, .contribution()] {
      var subject = Subject(try fixture.network())
      subject.examples = values.targets.count
      let attributor = try BiasAttribution(split).attributor(for: subject)
      let found = try attributor.attribute([values.input], classes: values.targets)
      let trace = try #require(try attributor.trace([values.input], classes: values.targets)).examples
      #expect(trace.count == values.targets.count)
      for (example, entries) in trace.enumerated() {
        let largest = entries.reduce(1) { max($0, abs($1.received)) }
        #expect(entries.count > 2)
        for entry in entries {
          #expect(abs(entry.kept) < sumTolerance * largest, "\(split): \(entry.node) kept \(entry.kept)")
        }
        // The biases of all nodes are what attributions sum to.
        #expect(entries.contains { abs($0.received) > 0 })
        #expect(abs(found.sums[example] - found.expectedSums![example]) < sumTolerance * largest * 10)
      }
    }
  }

  /// In a chain each node receives what the one behind it passed, and its own bias.
  @Test func biasesAddUpAlongAChain() throws {
    let attributor = try compiled(BiasAttribution(), chain())
    let found = try attributor.attribute([images], classes: classes)
    for (example, entries) in try #require(try attributor.trace([images], classes: classes)).examples
      .enumerated()
    {
      let scale = entries.reduce(1) { max($0, abs($1.received)) }
      #expect(entries.last?.node == "first")
      #expect(abs(entries.last!.passed - found.sums[example]) < sumTolerance * scale)
      let gains = zip(entries, entries.dropFirst()).map { $1.received - $0.passed }
      // Rectifiers and reshapes add nothing; the two convolutions do.
      for (gain, entry) in zip(gains, entries.dropFirst()) where !["first", "second"].contains(entry.node) {
        #expect(abs(gain) < sumTolerance * scale)
      }
      #expect(gains.contains { abs($0) > 0.01 })
    }
  }

  // MARK: Gradients

  /// Without biases the first-order share of every layer is the output.
  @Test func gradientTimesInputIsBalancedWithoutBiases() throws {
    let attributor = try compiled(GradientTimesInput(), chain(hasBiases: false))
    let found = try attributor.attribute([images], classes: classes)
    for (example, entries) in try #require(try attributor.trace([images], classes: classes)).examples
      .enumerated()
    {
      let output = found.outputs[example]
      for entry in entries {
        #expect(abs(entry.received - output) < sumTolerance * max(1, abs(output)))
        #expect(abs(entry.kept) < sumTolerance * max(1, abs(output)))
      }
      #expect(abs(found.sums[example] - output) < sumTolerance * max(1, abs(output)))
    }
  }

  @Test func classesThatDoNotExistAreRefused() throws {
    let attributor = try compiled(BiasAttribution(), chain())
    let error = #expect(throws: GraphError.self) { try attributor.trace([images], classes: [0, 3, 1]) }
    #expect(error?.kind == .input("class 3 does not exist; the network has classes 0 to 2"))
  }
}
