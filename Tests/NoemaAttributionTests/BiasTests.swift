import Foundation
import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Sums of float32 terms that partly cancel, as a share of their magnitudes.
private let sumTolerance = 2e-5
/// Maps of float32 terms against float64, as a share of the largest value.
private let mapTolerance = 1e-4

/// Small convolutional networks with images of 2 × 6 × 8 and three classes.
private struct TinyImages {
  /// What follows the first convolution.
  var activation = "Relu"
  var hasBiases = true
  /// Whether images come with their channels last.
  var isChannelsLast = false
  /// What is added to the first convolution's biases.
  var shift: Float = 0

  static let filters = normalTensor([4, 2, 3, 3], seed: 51), more = normalTensor([3, 4, 3, 3], seed: 52)
  static let offsets = normalTensor([4], seed: 53).floats, moreOffsets = normalTensor([3], seed: 54).floats
  static let weights = normalTensor([36, 3], seed: 55), bias: [Float] = [0.5, -0.25, 1]

  /// Two convolutions, named `conv1` and `conv2`, and a dense layer on all positions.
  func network() throws -> Network {
    let zero: Float = hasBiases ? 1 : 0
    var draft = ModelDraft()
    draft.input("x", isChannelsLast ? [nil, 6, 8, 2] : [nil, 2, 6, 8])
    draft.initialiser("w1", Self.filters)
    draft.initialiser("b1", Tensor(shape: [4], Self.offsets.map { zero * ($0 + shift) }))
    draft.initialiser("w2", Self.more)
    draft.initialiser("b2", Tensor(shape: [3], Self.moreOffsets.map { zero * $0 }))
    draft.initialiser("w3", Self.weights)
    draft.initialiser("b3", Tensor(shape: [3], Self.bias.map { zero * $0 }))
    if isChannelsLast { draft.node("Transpose", ["x"], ["turned"], ["perm": .ints([0, 3, 1, 2])]) }
    draft.node(
      "Conv", [isChannelsLast ? "turned" : "x", "w1", "b1"], ["conv1"], name: "first",
      ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
    draft.node(activation, ["conv1"], ["open1"], name: "activation")
    draft.node(
      "Conv", ["open1", "w2", "b2"], ["conv2"],
      ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1]), "strides": .ints([2, 2])])
    draft.node("Relu", ["conv2"], ["open2"])
    draft.node("Flatten", ["open2"], ["flat"])
    draft.node("Gemm", ["flat", "w3", "b3"], ["out"])
    draft.output("out", [nil, 3])
    return try Network(bytes: draft.bytes())
  }
}

private let images = normalTensor([3, 2, 6, 8], seed: 56)
private let classes = [0, 1, 2]

/// A network with all that biases hide in: batch normalisation behind a convolution and alone, padding by a number,
/// ReLU6, a residual addition, a gate and poolings.
private func mixedNetwork() throws -> Network {
  var draft = ModelDraft()
  draft.input("x", [nil, 2, 6, 8])
  func normalise(_ name: String, _ from: String, _ seed: UInt64) {
    for (index, part) in ["scale", "shift", "mean"].enumerated() {
      draft.initialiser("\(name).\(part)", normalTensor([4], seed: seed + UInt64(index)))
    }
    draft.initialiser("\(name).variance", Tensor(shape: [4], [Float(0.5), 1, 2, 0.25]))
    draft.node(
      "BatchNormalization", [from, "\(name).scale", "\(name).shift", "\(name).mean", "\(name).variance"],
      [name])
  }
  draft.initialiser("pads", Tensor(shape: [8], [Int64(0), 0, 1, 1, 0, 0, 1, 1]))
  draft.initialiser("fill", Tensor(Float(0.6)))
  draft.node("Pad", ["x", "pads", "fill"], ["padded"])
  draft.initialiser("w1", normalTensor([4, 2, 3, 3], seed: 61))
  draft.node("Conv", ["padded", "w1"], ["conv1"], ["kernel_shape": .ints([3, 3])])
  normalise("norm1", "conv1", 62)
  draft.initialiser("low", Tensor(Float(0)))
  draft.initialiser("high", Tensor(Float(6)))
  draft.node("Clip", ["norm1", "low", "high"], ["open1"])
  draft.node(
    "MaxPool", ["open1"], ["pooled"], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
  normalise("norm2", "pooled", 66)
  draft.initialiser("w2", normalTensor([4, 4, 3, 3], seed: 70))
  draft.initialiser("b2", normalTensor([4], seed: 71))
  draft.node(
    "Conv", ["norm2", "w2", "b2"], ["conv2"], ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
  draft.node("Sigmoid", ["conv2"], ["gate"])
  draft.node("Mul", ["norm2", "gate"], ["gated"])
  draft.node("Add", ["gated", "conv2"], ["sum"])
  draft.node("GlobalAveragePool", ["sum"], ["means"])
  draft.node("Flatten", ["means"], ["flat"])
  draft.initialiser("w3", normalTensor([4, 3], seed: 72))
  draft.initialiser("b3", normalTensor([3], seed: 73))
  draft.node("Gemm", ["flat", "w3", "b3"], ["out"])
  draft.output("out", [nil, 3])
  return try Network(bytes: draft.bytes())
}

/// The magnitudes of an example's attributions.
private func size(_ found: Attribution, _ example: Int) -> Double {
  let width = found.values[0].count / found.outputs.count
  return found.values[0].floats[example * width..<(example + 1) * width].reduce(0) { $0 + Double(abs($1)) }
}

/// Expects sums of attributions within rounding.
private func expectSums(
  _ found: Attribution, _ expected: [Double], beside other: Attribution? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  for (example, (a, b)) in zip(found.sums, expected).enumerated() {
    let scale = 1 + abs(b) + size(found, example) + (other.map { size($0, example) } ?? 0)
    #expect(abs(a - b) < sumTolerance * scale, sourceLocation: sourceLocation)
  }
}

@Suite struct BiasAttributionMethodTests {
  static let splits: [BiasSplit] = [
    .contribution(), .compensation(temperature: 2), .signed(temperature: 0.5), .uniform, .proportional,
  ]

  @Test(arguments: splits)
  func sumsAreComplete(_ split: BiasSplit) throws {
    for network in [try mixedNetwork(), try TinyImages(activation: "Gelu").network()] {
      let whole = try explain(
        BiasAttribution(split, includesGradient: true), network, images, classes: classes)
      #expect(whole.expectedSums == whole.outputs)
      expectSums(whole, whole.outputs)
      let alone = try explain(BiasAttribution(split), network, images, classes: classes)
      let linear = try explain(GradientTimesInput(), network, images, classes: classes)
      expectSums(alone, alone.expectedSums!, beside: linear)
      expectSums(alone, zip(alone.outputs, linear.sums).map { $0 - $1 }, beside: linear)
    }
  }

  @Test(arguments: Fixture.tables + Fixture.images)
  func trainedNetworksAreComplete(_ fixture: Fixture) throws {
    let values = try fixture.values()
    for split in [BiasSplit.proportional, .contribution()] {
      let found = try explain(
        BiasAttribution(split, includesGradient: true), fixture.network(), values.input,
        classes: values.targets)
      for (sum, output) in zip(found.sums, found.outputs) {
        #expect(abs(sum - output) < gradientTolerance * max(1, abs(output)), "\(split)")
      }
    }
  }

  /// One linear layer: the bias of the class, shared as the split has it.
  @Test func linearLayer() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("w", Tensor(shape: [3, 2], [Float(1), 2, -3, 0.5, 4, -1]))
    draft.initialiser("b", Tensor(shape: [2], [Float(6), -9]))
    draft.node("Gemm", ["x", "w", "b"], ["out"])
    draft.output("out", [nil, 2])
    let network = try Network(bytes: draft.bytes()), x = Tensor(shape: [1, 3], [Float(1), -0.5, 0.25])
    // w x of class 1: 2, −0.25, −0.25.
    func found(_ split: BiasSplit) throws -> [Float] {
      try explain(BiasAttribution(split), network, x, classes: [1]).values[0].floats
    }
    func expectClose(_ found: [Float], _ parts: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
      let total = parts.reduce(0, +)
      for (a, b) in zip(found, parts) {
        #expect(abs(Double(a) + 9 * b / total) < 1e-4, sourceLocation: sourceLocation)
      }
    }
    expectClose(try found(.uniform), [1, 1, 1])
    expectClose(try found(.proportional), [2, 0.25, 0.25])
    expectClose(try found(.contribution(temperature: 2)), [exp(1), exp(0.125), exp(0.125)])
    expectClose(try found(.compensation()), [exp(-2), exp(-0.25), exp(-0.25)])
    // The bias pulls down, as the second and third input do.
    expectClose(try found(.signed()), [exp(-2), exp(0.25), exp(0.25)])
  }

  @Test(arguments: splits)
  func withoutBiasesThereIsNothing(_ split: BiasSplit) throws {
    let network = try TinyImages(hasBiases: false).network()
    let found = try explain(BiasAttribution(split), network, images, classes: classes)
    #expect(found.values[0].floats.allSatisfy { $0 == 0 })
    let whole = try explain(BiasAttribution(split, includesGradient: true), network, images, classes: classes)
    let linear = try explain(GradientTimesInput(), network, images, classes: classes)
    #expect(scaledDifference(whole.values[0], linear.values[0])! < 1e-6)
  }

  /// A bias that moves a little while no activation changes sides adds what the output gains.
  @Test func shiftedBiases() throws {
    let before = try TinyImages().network(), after = try TinyImages(shift: 1e-3).network()
    let found = try [before, after].map {
      try explain(BiasAttribution(), $0, images, classes: classes)
    }
    let linear = try [before, after].map { try explain(GradientTimesInput(), $0, images, classes: classes) }
    var compared = 0
    for example in 0..<3 where abs(linear[0].sums[example] - linear[1].sums[example]) < 1e-5 {
      let gained = found[1].outputs[example] - found[0].outputs[example]
      #expect(abs(found[1].sums[example] - found[0].sums[example] - gained) < 1e-4)
      #expect(abs(gained) > 2e-4)
      compared += 1
    }
    #expect(compared > 0)
  }

  /// Relevance by contributions keeps at biases what this method brings down.
  @Test func relevanceFallsShortByTheBiases() throws {
    let network = try TinyImages().network()
    let relevance = try explain(LayerwiseRelevance(.epsilon(0)), network, images, classes: classes)
    let bias = try explain(BiasAttribution(), network, images, classes: classes)
    for example in 0..<3 {
      let output = relevance.outputs[example]
      // Relevance divides by sums that may be near 0.
      #expect(
        abs(relevance.sums[example] + bias.sums[example] - output) < gradientTolerance * max(1, abs(output)))
    }
  }

  /// Integrated gradients cancel biases instead: what they leave is the output at zero, which is another number.
  @Test func outputAtZeroIsNotTheBias() throws {
    let network = try ClosedForm.dense(), x = Tensor(shape: [1, 3], [Float(1), 2, 3])
    // Three open units with bias 1, and the output's own −1; far away the unit with bias −10 is open, too.
    let bias = try explain(BiasAttribution(), network, x)
    #expect(abs(bias.sums[0] - 2) < 1e-5)
    let far = try explain(BiasAttribution(), network, Tensor(shape: [1, 3], [Float(5), 6, 7]))
    #expect(abs(far.sums[0] - -8) < 1e-5)
    let zero = try explain(BiasAttribution(), network, Tensor(shape: [1, 3], repeating: Float(0)))
    #expect(abs(zero.sums[0] - zero.outputs[0]) < 1e-5 && abs(zero.outputs[0] - 2) < 1e-5)
    let path = try explain(IntegratedGradients(), network, Tensor(shape: [1, 3], [Float(5), 6, 7]))
    #expect(path.expectedSums == [far.outputs[0] - zero.outputs[0]])
  }

  @Test(arguments: [1, 2, 32])
  func batchesDoNotMatter(_ batch: Int) throws {
    let network = try mixedNetwork()
    for split in Self.splits {
      let whole = try explain(BiasAttribution(split), network, images, classes: classes)
      let attributor = try BiasAttribution(split).attributor(for: subject(network, batch))
      for row in 0..<3 {
        let part = try attributor.attribute([images.rows(row..<row + 1)], classes: [classes[row]])
        #expect(scaledDifference(part.values[0], whole.values[0].rows(row..<row + 1))! < 1e-4, "\(split)")
      }
    }
  }

  private func subject(_ network: Network, _ batch: Int) -> Subject {
    var subject = Subject(network)
    (subject.examples, subject.maximumBatch) = (3, batch)
    return subject
  }

  /// At a hidden layer, biases from there on count.
  @Test func hiddenLayers() throws {
    let network = try TinyImages().network()
    let found = try explain(
      BiasAttribution(includesGradient: true), network, images, classes: classes, layers: ["open1"])
    #expect(found.values[0].shape == [3, 4, 6, 8])
    expectSums(found, found.outputs)
  }

  /// On the scale of probabilities the softmax has an implicit bias of its own.
  @Test func probabilities() throws {
    var subject = Subject(try TinyImages().network())
    (subject.examples, subject.scale) = (3, .probability)
    let found = try BiasAttribution(includesGradient: true).attributor(for: subject).attribute(
      [images], classes: classes)
    expectSums(found, found.outputs)
    #expect(throws: GraphError.self) {
      try BiasAttribution(countsImplicitBiases: false).attributor(for: subject)
    }
  }

  @Test func implicitBiasesAreRefusedByName() throws {
    let network = try TinyImages(activation: "Tanh").network()
    for method in [
      BiasAttribution(countsImplicitBiases: false) as any AttributionMethod,
      FullGrad(countsImplicitBiases: false),
    ] {
      let error = #expect(throws: GraphError.self) { try explain(method, network, images, classes: classes) }
      #expect(
        error?.description.hasPrefix("Tanh node 'activation': the operator is not homogeneous") ?? false)
    }
  }

  @Test func inputsThatAreNotFiniteAreNamed() throws {
    var numbers = images.floats
    numbers[100] = .nan
    let error = #expect(throws: GraphError.self) {
      try explain(
        BiasAttribution(), TinyImages().network(), Tensor(shape: images.shape, numbers), classes: classes)
    }
    guard case .notFinite("x", 1)? = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(arguments: [0, -2.5])
  func temperaturesOutOfRangeAreRefused(_ temperature: Double) throws {
    let error = #expect(throws: GraphError.self) {
      try explain(
        BiasAttribution(.contribution(temperature: temperature)), TinyImages().network(), images,
        classes: classes)
    }
    #expect(
      error?.description
        == "a softmax of contributions needs a temperature above 0, 1e-20 at least, found \(temperature)")
  }
}

@Suite struct FullGradTests {
  /// A term as `[channel][position]` of `height × width` positions.
  private struct Term {
    var channels: [[Double]]
    var height, width: Int
  }

  /// The input's term and those of both convolutions for an example, in double precision from the network's own
  /// derivatives.
  private func terms(_ example: Int) throws -> [Term] {
    let hooked = try HookedNetwork(
      TinyImages().network(), layers: ["x", "conv1", "conv2"], gradients: 1, examples: 3)
    let gradients = try hooked.read([images], classes: [classes]).gradients
    func split(_ tensor: Tensor, _ factor: (_ channel: Int, _ place: Int) -> Float) -> Term {
      let (height, width) = (tensor.shape[2], tensor.shape[3]), area = height * width
      let start = example * tensor.shape[1] * area
      return Term(
        channels: (0..<tensor.shape[1]).map { channel in
          (0..<area).map { place in
            Double(tensor.floats[start + channel * area + place]) * Double(factor(channel, place))
          }
        }, height: height, width: width)
    }
    return [
      split(gradients[0]) { images.floats[(example * 2 + $0) * 48 + $1] },
      split(gradients[1]) { channel, _ in TinyImages.offsets[channel] },
      split(gradients[2]) { channel, _ in TinyImages.moreOffsets[channel] },
    ]
  }

  /// The weights of `n` elements for each of `m` by the definition of linear interpolation.
  private func weights(_ n: Int, _ m: Int, onCorners: Bool) -> [[Double]] {
    (0..<m).map { i in
      let place =
        onCorners
        ? Double(i) * Double(n - 1) / Double(m - 1)
        : min(max((Double(i) + 0.5) * Double(n) / Double(m) - 0.5, 0), Double(n - 1))
      return (0..<n).map { max(0, 1 - abs(Double($0) - place)) }
    }
  }

  private func resized(_ channel: [Double], _ term: Term, onCorners: Bool, keepsSums: Bool = false)
    -> [Double]
  {
    var rows = weights(term.height, 6, onCorners: onCorners),
      columns = weights(term.width, 8, onCorners: onCorners)
    if keepsSums {
      func kept(_ weights: [[Double]]) -> [[Double]] {
        let totals = weights[0].indices.map { j in weights.reduce(0) { $0 + $1[j] } }
        return weights.map { row in zip(row, totals).map { $0 / $1 } }
      }
      (rows, columns) = (kept(rows), kept(columns))
    }
    return rows.flatMap { row in
      columns.map { column in
        channel.indices.reduce(0) { $0 + row[$1 / term.width] * column[$1 % term.width] * channel[$1] }
      }
    }
  }

  private func scaled(_ values: [Double], _ epsilon: Double) -> [Double] {
    let least = values.min()!, raised = values.map { $0 - least }
    return raised.map { $0 / (raised.max()! + epsilon) }
  }

  /// The map as the two programs and the formulas have it.
  private func expected(_ form: FullGrad.Form, _ terms: [Term]) -> [Double] {
    var map = [Double](repeating: 0, count: 48)
    for term in terms {
      var channels = term.channels
      if form != .raw { channels = channels.map { $0.map(abs) } }
      switch form {
      case .original:
        let all = scaled(channels.flatMap { $0 }, 1e-6), area = term.height * term.width
        channels = channels.indices.map { Array(all[$0 * area..<($0 + 1) * area]) }
      case .perChannel: channels = channels.map { scaled($0, 1e-7) }
      case .simple, .raw: break
      }
      for channel in channels {
        let large = resized(channel, term, onCorners: form != .perChannel, keepsSums: form == .raw)
        for i in 0..<48 { map[i] += large[i] }
      }
    }
    return form == .perChannel ? scaled(map, 1e-7) : map
  }

  @Test(arguments: FullGrad.Form.allCases)
  func formsAreTheirFormulas(_ form: FullGrad.Form) throws {
    let found = try explain(FullGrad(form), TinyImages().network(), images, classes: classes).values[0]
    #expect(found.shape == [3, 6, 8])
    let maps = try (0..<3).flatMap { try expected(form, terms($0)) }
    #expect(scaledDifference(found, Tensor(shape: [3, 6, 8], maps)) ?? 1 < mapTolerance)
  }

  /// The raw map holds everything but the dense layer's bias.
  @Test func rawMapSumsToTheOutput() throws {
    let found = try explain(FullGrad(.raw), TinyImages().network(), images, classes: classes)
    let expected = classes.indices.map { found.outputs[$0] - Double(TinyImages.bias[classes[$0]]) }
    expectSums(found, expected)
    expectSums(found, found.expectedSums!)
    #expect(try explain(FullGrad(), TinyImages().network(), images, classes: classes).expectedSums == nil)
  }

  @Test func rawMapsOfOtherNetworksSum() throws {
    let mixed = try explain(FullGrad(.raw), mixedNetwork(), images, classes: classes)
    expectSums(mixed, mixed.expectedSums!)
    for fixture in Fixture.images {
      let values = try fixture.values()
      let found = try explain(FullGrad(.raw), fixture.network(), values.input, classes: values.targets)
      for (sum, expected) in zip(found.sums, found.expectedSums!) {
        #expect(abs(sum - expected) < gradientTolerance * max(1, abs(expected)), "\(fixture.name)")
      }
    }
  }

  /// Without biases the input's term is all there is.
  @Test func withoutBiasesItIsGradientTimesInput() throws {
    let network = try TinyImages(hasBiases: false).network()
    let found = try explain(FullGrad(.raw), network, images, classes: classes)
    let linear = try explain(GradientTimesInput(), network, images, classes: classes).values[0].floats
    var sums: [Float] = []
    for example in 0..<3 {
      let first = linear[(example * 96)...].prefix(48), second = linear[(example * 96 + 48)...].prefix(48)
      sums += zip(first, second).map { $0 + $1 }
    }
    #expect(scaledDifference(found.values[0], Tensor(shape: [3, 6, 8], sums))! < 1e-6)
    #expect(zip(found.expectedSums!, found.outputs).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  /// The same images with their channels last.
  @Test(arguments: FullGrad.Form.allCases)
  func channelsMayBeLast(_ form: FullGrad.Form) throws {
    let first = try explain(FullGrad(form), TinyImages().network(), images, classes: classes)
    let floats = images.floats
    var pixels: [Float] = []
    for example in 0..<3 {
      for position in 0..<48 {
        for channel in 0..<2 { pixels.append(floats[(example * 2 + channel) * 48 + position]) }
      }
    }
    let turned = Tensor(shape: [3, 6, 8, 2], pixels)
    let last = try explain(
      FullGrad(form), TinyImages(isChannelsLast: true).network(), turned, classes: classes)
    #expect(last.values[0].shape == [3, 6, 8])
    #expect(scaledDifference(last.values[0], first.values[0])! < 1e-5)
  }

  /// At a hidden map, terms from there on are shown in its resolution.
  @Test func hiddenMaps() throws {
    let found = try explain(
      FullGrad(.raw), TinyImages().network(), images, classes: classes, layers: ["open2"])
    #expect(found.values[0].shape == [3, 3, 4])
    expectSums(found, found.expectedSums!)
  }

  @Test(arguments: [1, 2])
  func batchesDoNotMatter(_ batch: Int) throws {
    let network = try TinyImages().network()
    let whole = try explain(FullGrad(), network, images, classes: classes)
    var subject = Subject(network)
    (subject.examples, subject.maximumBatch) = (3, batch)
    let attributor = try FullGrad().attributor(for: subject)
    for row in 0..<3 {
      let part = try attributor.attribute([images.rows(row..<row + 1)], classes: [classes[row]])
      #expect(scaledDifference(part.values[0], whole.values[0].rows(row..<row + 1))! < 1e-5)
    }
  }

  @Test func inputsThatAreNoImagesAreRefused() throws {
    let error = #expect(throws: GraphError.self) {
      try explain(FullGrad(), ClosedForm.dense(), normalTensor([1, 3]))
    }
    #expect(
      error?.description
        == "full gradients make a map of an image's positions, and 'x' has shape [3] per example; take bias "
        + "attribution, which brings biases to the elements of any input")
  }

  /// `1000 (mean relu(x + 1)) + d` of an image of ones: terms of opposite signs are worth a remark.
  @Test func cancellingTermsAreRemarked() throws {
    func found(_ bias: Float) throws -> Attribution {
      var draft = ModelDraft()
      draft.input("x", [nil, 1, 2, 2])
      draft.initialiser("w", Tensor(shape: [1, 1, 1, 1], repeating: Float(1)))
      draft.initialiser("b", Tensor(shape: [1], [Float(1)]))
      draft.initialiser("v", Tensor(shape: [1, 1], [Float(1000)]))
      draft.initialiser("d", Tensor(shape: [1], [bias]))
      draft.node("Conv", ["x", "w", "b"], ["conv"], ["kernel_shape": .ints([1, 1])])
      draft.node("Relu", ["conv"], ["open"])
      draft.node("GlobalAveragePool", ["open"], ["means"])
      draft.node("Flatten", ["means"], ["flat"])
      draft.node("Gemm", ["flat", "v", "d"], ["out"])
      draft.output("out", [nil, 1])
      return try explain(
        FullGrad(.raw), Network(bytes: draft.bytes()), Tensor(shape: [1, 1, 2, 2], repeating: Float(1)))
    }
    let plain = try found(0), cancelling = try found(-1999)
    #expect(plain.values[0].floats == [500, 500, 500, 500] && plain.remarks.isEmpty)
    #expect(cancelling.values[0].floats == [500, 500, 500, 500] && cancelling.expectedSums == [2000])
    #expect(
      cancelling.remarks == [
        0: "terms of 4e+03 in magnitude cancel to 1: the map shows parts, not what is left"
      ])
  }
}
