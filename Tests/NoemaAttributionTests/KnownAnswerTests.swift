import Foundation
import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Small networks of other toolkits' test suites, whose answers can be worked out by hand.
@Suite struct KnownAnswerTests {
  private func relevance(_ composite: Composite, _ network: Network, _ x: [Float], class target: Int = 0)
    throws
    -> [Float]
  {
    try explain(
      LayerwiseRelevance(composite), network, Tensor(shape: [1, x.count], x), classes: [target]
    ).values[0].floats
  }

  private func expectClose(
    _ found: [Float], _ expected: [Float], _ tolerance: Float = 1e-4,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    for (a, b) in zip(found, expected) {
      #expect(abs(a - b) <= tolerance * max(1, abs(b)), "\(found)", sourceLocation: sourceLocation)
    }
  }

  /// `x(3)` → W₁ → activation → W₂(1, 3), all weights equal but the first of W₁.
  private func threeByThree(_ w1: Float, first: Float? = nil, _ activation: String, _ w2: Float) throws
    -> Network
  {
    var weights = [Float](repeating: w1, count: 9)
    if let first { weights[0] = first }
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("w1", Tensor(shape: [3, 3], weights))
    draft.initialiser("w2", Tensor(shape: [1, 3], repeating: w2))
    draft.node("Gemm", ["x", "w1"], ["z"], ["transB": .int(1)])
    draft.node(activation, ["z"], ["a"])
    draft.node("Gemm", ["a", "w2"], ["out"], ["transB": .int(1)])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  @Test func rectifierMaps() throws {
    let network = try ClosedForm.dense(), x = Tensor(shape: [1, 3], [Float(1), 2, 3])
    #expect(try explain(Deconvolution(), network, x).values[0].floats == [4, 4, 4])
    #expect(try explain(GuidedBackprop(), network, x).values[0].floats == [3, 3, 3])
  }

  @Test func denseNetwork() throws {
    let network = try ClosedForm.dense()
    expectClose(try relevance(.epsilon(1e-9), network, [1, 2, 3]), [3, 6, 9])
    let x = Tensor(shape: [1, 3], [Float(1), 2, 3])
    expectClose(try explain(DeepLIFT(), network, x).values[0].floats, [3, 6, 9])
  }

  @Test func convolutionalNetwork() throws {
    let found = try explain(LayerwiseRelevance(.epsilon(0)), ClosedForm.convolutional(), ClosedForm.ramp)
    expectClose(found.values[0].floats, [0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 0, 0, 0])
    #expect(found.sums == found.expectedSums!)
  }

  @Test func rules() throws {
    let plain = try threeByThree(2, "Relu", 3)
    expectClose(try relevance(.epsilon(1e-9), plain, [1, 2, 3]), [18, 36, 54])
    expectClose(try relevance(.epsilon(1e-9), plain, [3, 6, 9]), [54, 108, 162])
    let mixed = try threeByThree(2, first: -2, "Relu", 3)
    var gamma = Composite.gamma(0.25)
    gamma.first = .gamma(1)
    expectClose(try relevance(gamma, mixed, [1, 2, 3]), [28.0 / 3, 104.0 / 3, 52])
    expectClose(try relevance(.zPlus, mixed, [1, 2, 3]), [12, 33.6, 50.4])
    expectClose(
      try relevance(.epsilon(1e-9), threeByThree(0.1, "Tanh", 0.1), [1, 2, 3]), [0.0269, 0.0537, 0.0806], 1e-3
    )
  }

  /// `ReLU(w₁ · x₁) + ReLU(w₂ · x₂)` of two inputs.
  @Test func twoInputs() throws {
    var draft = ModelDraft()
    draft.input("x1", [nil, 3])
    draft.input("x2", [nil, 3])
    draft.initialiser("w1", Tensor(shape: [3, 1], [Float(3), 1, 0]))
    draft.initialiser("w2", Tensor(shape: [3, 1], [Float(2), 3, 0]))
    draft.node("MatMul", ["x1", "w1"], ["z1"])
    draft.node("MatMul", ["x2", "w2"], ["z2"])
    draft.node("Relu", ["z1"], ["a1"])
    draft.node("Relu", ["z2"], ["a2"])
    draft.node("Add", ["a1", "a2"], ["out"])
    draft.output("out", [nil, 1])
    let found = try explain(
      DeepLIFT(), Network(bytes: draft.bytes()), Tensor(shape: [1, 3], [Float(-10), 1, -5]),
      Tensor(shape: [1, 3], [Float(3), 3, 1]))
    expectClose(found.values[0].floats, [0, 0, 0])
    expectClose(found.values[1].floats, [6, 9, 0])
  }

  @Test(arguments: [([Float(1), 2, 3, 9], [Float(0), 0, 0, -8]), ([4, 8, 6, 7], [0, -7, 0, 0])])
  func maximaFallFromTheBaseline(_ baseline: [Float], _ expected: [Float]) throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 1, 4])
    draft.node("MaxPool", ["x"], ["pool"], ["kernel_shape": .ints([4])])
    draft.node("Flatten", ["pool"], ["out"])
    draft.output("out", [nil, 1])
    let found = try explain(
      DeepLIFT(baseline: .tensors([Tensor(shape: [1, 4], baseline)])), Network(bytes: draft.bytes()),
      Tensor(shape: [1, 1, 4], repeating: Float(1)))
    expectClose(found.values[0].floats, expected)
    #expect(abs(found.sums[0] - found.expectedSums![0]) < 1e-5)
  }

  /// One layer and one activation, each used twice.
  @Test func reusedModules() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.initialiser("w", Tensor(shape: [2, 2], [Float(1), -2, 3, 0.5]))
    draft.node("MatMul", ["x", "w"], ["z1"])
    draft.node("Relu", ["z1"], ["a1"])
    draft.node("MatMul", ["a1", "w"], ["z2"])
    draft.node("Relu", ["z2"], ["out"])
    draft.output("out", [nil, 2])
    let network = try Network(bytes: draft.bytes())
    for method in [
      LayerwiseRelevance(.epsilon(0)) as any AttributionMethod, DeepLIFT(), IntegratedGradients(),
    ] {
      let found = try method.attributor(for: Subject(network)).attribute(
        [Tensor(shape: [1, 2], [Float(1), 2])], classes: [0])
      // Without biases all of the output comes from the input: ReLU((1 · 7) + 3 · 0) = 7.
      #expect(found.outputs == [7] && abs(found.sums[0] - 7) < 1e-5)
    }
  }

  /// Attributions of differences sum to the difference, whatever the network is made of.
  @Test(arguments: Fixture.tables + Fixture.images)
  func deepLIFTIsComplete(_ fixture: Fixture) throws {
    let values = try fixture.values()
    let found = try explain(DeepLIFT(), fixture.network(), values.input, classes: values.targets)
    for (sum, expected) in zip(found.sums, found.expectedSums!) {
      #expect(abs(sum - expected) < 1e-4 * max(1, abs(expected)))
    }
  }

  /// Softmax, layer normalisation, attention and overlapping maxima are shared out exactly too.
  @Test func deepLIFTIsCompleteForAttention() throws {
    let network = try attentionNetwork(bias: true), x = normalTensor([3, 5, 4], seed: 3)
    let baseline = Baseline.tensors([normalTensor([5, 4], seed: 4)])
    let found = try explain(DeepLIFT(baseline: baseline), network, x, classes: [0, 1, 1])
    for (sum, expected) in zip(found.sums, found.expectedSums!) {
      #expect(abs(expected) > 0.05 && abs(sum - expected) < 1e-4 * max(1, abs(expected)))
    }
  }

  @Test func deepLIFTIsCompleteForOverlappingMaxima() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2, 7, 7])
    draft.node("Relu", ["x"], ["a"])
    draft.node(
      "MaxPool", ["a"], ["pool"],
      ["kernel_shape": .ints([3, 3]), "strides": .ints([2, 2]), "pads": .ints([1, 1, 1, 1])])
    draft.initialiser("w", normalTensor([32, 3], seed: 5))
    draft.node("Flatten", ["pool"], ["flat"])
    draft.node("MatMul", ["flat", "w"], ["out"])
    draft.output("out", [nil, 3])
    let baseline = Baseline.tensors([normalTensor([2, 7, 7], seed: 7)])
    let found = try explain(
      DeepLIFT(baseline: baseline), Network(bytes: draft.bytes()), normalTensor([4, 2, 7, 7], seed: 6),
      classes: [0, 1, 2, 0])
    for (sum, expected) in zip(found.sums, found.expectedSums!) {
      #expect(abs(sum - expected) < 1e-4 * max(1, abs(expected)))
    }
  }

  /// Without constants' shares relevance is conserved through residual sums, normalisations, gates and attention.
  @Test func contributionPropagationConserves() throws {
    let x = normalTensor([3, 5, 4], seed: 3)
    let found = try explain(
      LayerwiseRelevance(.contributionPropagation), attentionNetwork(bias: true), x, classes: [0, 1, 1])
    for (sum, expected) in zip(found.sums, found.expectedSums!) {
      #expect(abs(expected) > 0.05 && abs(sum - expected) < 1e-3 * max(1, abs(expected)))
    }
  }

  /// Spread over the inputs, the share of biases is conserved too, in networks of any kind.
  @Test(arguments: Fixture.tables + Fixture.images)
  func spreadBiasesConserve(_ fixture: Fixture) throws {
    let values = try fixture.values()
    let found = try explain(
      LayerwiseRelevance(.conserving), fixture.network(), values.input, classes: values.targets)
    for (sum, expected) in zip(found.sums, found.expectedSums!) {
      #expect(abs(sum - expected) < 1e-3 * max(1, abs(expected)))
    }
  }

  /// The account of a network that loses relevance names the node.
  @Test func tracesNameTheNode() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.initialiser("w", Tensor(shape: [2, 2], [Float(1), -2, 3, 0.5]))
    draft.initialiser("b", Tensor(shape: [2], [Float(5), 5]))
    draft.node("MatMul", ["x", "w"], ["z"], name: "layer")
    draft.node("Add", ["z", "b"], ["shifted"], name: "shift")
    draft.node("Exp", ["shifted"], ["out"], name: "grow")
    draft.output("out", [nil, 2])
    var composite = Composite.epsilon(0)
    composite.fallsBackToGradient = true
    let attributor = try LayerwiseRelevance(composite).attributor(for: Subject(Network(bytes: draft.bytes())))
    let x = Tensor(shape: [1, 2], [Float(1), 2])
    let trace = try attributor.trace([x], classes: [0])!.examples[0]
    // The addition became the layer's bias and gave it its name.
    try #require(trace.map(\.node) == ["grow", "shift"])
    // The gradient of the exponential multiplies by it: relevance is no longer the output.
    let output = exp(12.0)
    #expect(abs(trace[0].received / output - 1) < 1e-5 && abs(trace[0].passed / (output * output) - 1) < 1e-5)
    // The bias of 5 in 12 keeps its share.
    #expect(abs(trace[1].kept / trace[1].received - 5.0 / 12) < 1e-5)
  }

  /// One block of a transformer: normalisation, single-head attention, residual sums, GELU; a mean over tokens.
  private func attentionNetwork(bias: Bool) throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 5, 4])
    for (index, name) in ["q", "k", "v", "up", "out"].enumerated() {
      draft.initialiser(
        "w_" + name, normalTensor(name == "out" ? [4, 2] : [4, 4], seed: UInt64(20 + index)))
    }
    draft.initialiser("scale", Tensor(shape: [4], [Float(1), 0.5, 2, 1.5]))
    draft.initialiser("shift", Tensor(shape: [4], [Float(0.1), -0.2, 0.3, 0]))
    draft.initialiser("half", Tensor(shape: [], [Float(0.5)]))
    draft.node(
      "LayerNormalization", ["x", "scale", "shift"], ["n"], ["axis": .int(-1), "epsilon": .float(1e-5)])
    for name in ["q", "k", "v"] { draft.node("MatMul", ["n", "w_" + name], [name]) }
    draft.node("Transpose", ["k"], ["kt"], ["perm": .ints([0, 2, 1])])
    draft.node("MatMul", ["q", "kt"], ["raw"])
    draft.node("Mul", ["raw", "half"], ["scores"])
    draft.node("Softmax", ["scores"], ["attention"], ["axis": .int(-1)])
    draft.node("MatMul", ["attention", "v"], ["mixed"])
    draft.node("Add", ["mixed", "x"], ["residual"])
    draft.node("MatMul", ["residual", "w_up"], ["hidden"])
    draft.node("Add", ["hidden", "shift"], ["biased"])
    draft.node("Sigmoid", ["biased"], ["gate"])
    draft.node("Mul", ["residual", "gate"], ["gated"])
    draft.node("ReduceMean", ["gated"], ["mean"], ["axes": .ints([1]), "keepdims": .int(0)])
    draft.node("MatMul", ["mean", "w_out"], ["out"])
    draft.output("out", [nil, 2])
    return try Network(bytes: draft.bytes())
  }
}
