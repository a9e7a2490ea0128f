import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Sums of a few maps in float32, as a share of the largest element of the whole.
private let sumTolerance = 1e-5
/// The same passes in another order.
private let orderTolerance = 1e-5

/// Two convolutions of 3 and 4 channels with rectifiers and a dense layer: `z1`, `a1`, `z2`, `a2`, `logits`. Nothing
/// leads around any of them.
private func sequential(isShort: Bool = false) throws -> Network {
  var draft = ModelDraft()
  draft.input("x", [nil, 2, 6, 6])
  draft.initialiser("w1", normalTensor([3, 2, 3, 3], seed: 1))
  draft.initialiser("b1", normalTensor([3], seed: 2))
  draft.initialiser("w2", normalTensor([4, 3, 3, 3], seed: 3))
  draft.initialiser("b2", normalTensor([4], seed: 4))
  draft.initialiser("w3", normalTensor([64, 3], seed: 5))
  draft.initialiser("b3", normalTensor([3], seed: 6))
  draft.node(
    "Conv", ["x", "w1", "b1"], ["z1"], ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
  draft.node("Relu", ["z1"], ["a1"])
  draft.node("Conv", ["a1", "w2", "b2"], ["z2"], ["kernel_shape": .ints([3, 3])])
  draft.node("Relu", ["z2"], ["a2"])
  draft.node("Flatten", ["a2"], ["flat"])
  draft.node("Gemm", ["flat", "w3", "b3"], ["logits"])
  draft.output("logits", [nil, 3])
  return try Network(bytes: draft.bytes())
}

/// `logits = h + x` with `h = x W` and weights of 5: at (2, 3) 25 of the second logit's 28 go by h, which the inputs
/// share as 10 and 15, and 3 around it.
private func residual() throws -> Network {
  var draft = ModelDraft()
  draft.input("x", [nil, 2])
  draft.initialiser("w", Tensor(shape: [2, 2], repeating: Float(5)))
  draft.node("MatMul", ["x", "w"], ["h"])
  draft.node("Add", ["h", "x"], ["logits"])
  draft.output("logits", [nil, 2])
  return try Network(bytes: draft.bytes())
}

private let images = normalTensor([3, 2, 6, 6], seed: 11)
private let classes = [0, 1, 2]
private let point = Tensor(shape: [1, 2], [Float(2), 3])

private func sum(_ tensors: [Tensor]) -> Tensor {
  var total = [Float](repeating: 0, count: tensors[0].count)
  for tensor in tensors { for (index, value) in tensor.floats.enumerated() { total[index] += value } }
  return Tensor(shape: tensors[0].shape, total)
}

@Suite struct ConceptRelevanceTests {
  private func map(
    _ conditions: [ConceptRelevance.Condition], _ composite: Composite = .epsilonPlusFlat,
    layers: [String] = []
  ) throws -> Tensor {
    try explain(
      ConceptRelevance(conditions, composite: composite), sequential(), images, classes: classes,
      layers: layers
    ).values[0]
  }

  private func whole(_ composite: Composite = .epsilonPlusFlat, layers: [String] = []) throws -> Tensor {
    try explain(
      LayerwiseRelevance(composite), sequential(), images, classes: classes, layers: layers
    ).values[0]
  }

  // MARK: Channels

  static let composites: [Composite] = [
    .epsilonPlusFlat, .epsilonPlus, .zPlus, .gamma(), .epsilonAlpha2Beta1,
  ]

  /// Over the channels of a layer that everything passes, maps sum to the unconditional one, and a condition that all
  /// channels meet is none.
  @Test(arguments: composites, [("a1", 3), ("a2", 4), ("z2", 4), ("logits", 3)])
  func channelsSumToTheWhole(_ composite: Composite, _ layer: (name: String, channels: Int)) throws {
    let parts = try (0..<layer.channels).map { try map([.init(layer.name, .channels([$0]))], composite) }
    let expected = try whole(composite)
    #expect(scaledDifference(sum(parts), expected)! < sumTolerance)
    #expect(parts.allSatisfy { scaledDifference($0, expected)! > 0.01 })
    let all = try map([.init(layer.name, .channels(Set(0..<layer.channels)))], composite)
    #expect(scaledDifference(all, expected)! < orderTolerance)
  }

  /// Of a set of channels any may be met, of several conditions all, in whatever order they stand.
  @Test func setsAddAndConditionsMultiply() throws {
    func both(_ first: Set<Int>, _ second: Set<Int>, isReversed: Bool = false) throws -> Tensor {
      let conditions: [ConceptRelevance.Condition] = [
        .init("a1", .channels(first)), .init("a2", .channels(second)),
      ]
      return try map(isReversed ? conditions.reversed() : conditions)
    }
    let pairs = try [0, 2].flatMap { lower in try [1, 3].map { try both([lower], [$0]) } }
    let set = try both([0, 2], [1, 3])
    #expect(scaledDifference(sum(pairs), set)! < sumTolerance)
    #expect(scaledDifference(try both([0, 2], [1, 3], isReversed: true), set)! < orderTolerance)
    let twice = try map([.init("a1", .channels([0, 1])), .init("a1", .channels([1, 2]))])
    #expect(scaledDifference(twice, try map([.init("a1", .channels([1]))]))! < orderTolerance)
  }

  /// At a hidden layer, and at the conditioned layer itself.
  @Test func hiddenLayersAreAttributed() throws {
    let parts = try (0..<4).map { try map([.init("a2", .channels([$0]))], layers: ["a1"]) }
    #expect(scaledDifference(sum(parts), try whole(layers: ["a1"]))! < sumTolerance)
    let own = try map([.init("a2", .channels([2]))], layers: ["a2"]), all = try whole(layers: ["a2"])
    let expected = all.floats.enumerated().map { $0 / 16 % 4 == 2 ? $1 : 0 }
    #expect(expected.contains { $0 != 0 })
    #expect(scaledDifference(own, Tensor(shape: all.shape, expected))! < orderTolerance)
  }

  /// Ahead of a conditioned layer what leads around it counts only if asked for.
  @Test(arguments: [0, 1], [true, false])
  func waysAroundCountAsAsked(_ channel: Int, _ excludesParallel: Bool) throws {
    let method = ConceptRelevance(
      [.init("h", .channels([channel]))], composite: .epsilon(0), excludesParallel: excludesParallel)
    let found = try explain(method, residual(), point, classes: [1])
    let around: Float = excludesParallel ? 0 : 3
    let expected: [Float] = channel == 0 ? [0, around] : [10, 15 + around]
    for (a, b) in zip(found.values[0].floats, expected) { #expect(abs(a - b) < 1e-4) }
    #expect(found.outputs == [28])
    #expect((found.expectedSums != nil) == excludesParallel)
    if let sum = found.expectedSums?[0] { #expect(abs(sum - (channel == 0 ? 0 : 25)) < 1e-4) }
  }

  /// Where relevance is conserved, maps sum to the concept's relevance, and it to the layer's.
  @Test func sumsAreTheConceptsRelevance() throws {
    let found = try (0..<4).map { channel in
      try explain(
        ConceptRelevance([.init("a2", .channels([channel]))], composite: .contributionPropagation),
        sequential(), images, classes: classes)
    }
    for attribution in found {
      for (sum, expected) in zip(attribution.sums, attribution.expectedSums!) {
        #expect(abs(sum - expected) < 1e-3 * max(1, abs(expected)))
      }
    }
    let layer = try whole(.contributionPropagation, layers: ["a2"])
    for example in 0..<3 {
      let whole = layer.floats[example * 64..<(example + 1) * 64].reduce(0.0) { $0 + Double($1) }
      let parts = found.reduce(0.0) { $0 + $1.expectedSums![example] }
      #expect(abs(whole - parts) < 1e-4 * max(1, abs(whole)))
    }
  }

  /// With 1 at the start relevance is a share of the output.
  @Test func sharesTimesTheOutputAreRelevance() throws {
    let method = ConceptRelevance([.init("a2", .channels([1, 2]))], start: .one)
    let shares = try explain(method, sequential(), images, classes: classes)
    let scaled = shares.values[0].floats.enumerated().map { $1 * Float(shares.outputs[$0 / 72]) }
    let expected = try map([.init("a2", .channels([1, 2]))])
    #expect(scaledDifference(Tensor(shape: expected.shape, scaled), expected)! < orderTolerance)
  }

  @Test(arguments: [1, 2, 3])
  func batchesDoNotMatter(_ batch: Int) throws {
    let method = ConceptRelevance([.init("a2", .channels([1]))])
    let found = try explain(method, sequential(), images.rows(1..<2), classes: [1], maximumBatch: batch)
    let expected = try map([.init("a2", .channels([1]))]).rows(1..<2)
    #expect(scaledDifference(found.values[0], expected)! < 1e-4)
  }

  // MARK: Directions

  /// A direction along one channel, of any length and sign, is that channel.
  @Test func directionsAlongAChannelAreTheChannel() throws {
    let channel = try map([.init("a1", .channels([1]))])
    for direction in [[0.0, 1, 0], [0, -7, 0], [0, 1e-200, 0]] {
      let found = try map([.init("a1", .direction(direction))])
      #expect(scaledDifference(found, channel)! < orderTolerance)
    }
    // One element of the whole layer: at a layer without positions elements are channels.
    var element = [Double](repeating: 0, count: 64)
    element[16 * 2 + 5] = 3
    let single = try map([.init("a2", .direction(element))], layers: ["a2"])
    let all = try whole(layers: ["a2"]).floats
    let expected = all.enumerated().map { $0 % 64 == 37 ? $1 : 0 }
    #expect(expected.contains { $0 != 0 })
    #expect(scaledDifference(single, Tensor(shape: single.shape, expected))! < orderTolerance)
  }

  /// Over an orthonormal basis, directions sum to the whole.
  @Test func basesSumToTheWhole() throws {
    let root = 0.5.squareRoot()
    let basis = [[0.6, 0.8, 0], [0.8 * root, -0.6 * root, root], [0.8 * root, -0.6 * root, -root]]
    let parts = try basis.map { try map([.init("a1", .direction($0))]) }
    let expected = try whole()
    #expect(scaledDifference(sum(parts), expected)! < 1e-4)
    #expect(parts.allSatisfy { scaledDifference($0, expected)! > 0.01 })
  }

  /// `h ⊙ v (vᵀ R/h)` in double precision, position by position and over the whole layer.
  @Test func directionsFollowTheirFormula() throws {
    let network = try sequential()
    let hooked = try HookedNetwork(network, layers: ["a2"], examples: 3)
    let h = try hooked.read([images]).activations[0].floats.map { Double($0) }
    let r = try whole(layers: ["a2"]).floats.map { Double($0) }
    func part(_ v: [Double], _ place: (Int) -> Int, _ group: (Int) -> Int) -> [Float] {
      let length = v.reduce(0) { $0 + $1 * $1 }.squareRoot()
      var shares: [Int: Double] = [:]
      for i in h.indices where h[i] != 0 {
        shares[group(i), default: 0] += v[place(i)] / length * r[i] / h[i]
      }
      return h.indices.map { Float(h[$0] * v[place($0)] / length * (shares[group($0)] ?? 0)) }
    }
    let channels = [1.0, -2, 0.5, 3]
    let elements = normalTensor([64], seed: 21).floats.map { Double($0) }
    let cases = [
      (channels, part(channels, { $0 / 16 % 4 }, { $0 / 64 * 16 + $0 % 16 })),
      (elements, part(elements, { $0 % 64 }, { $0 / 64 })),
    ]
    for (direction, expected) in cases {
      let found = try map([.init("a2", .direction(direction))], layers: ["a2"])
      #expect(scaledDifference(found, Tensor(shape: found.shape, expected))! < 1e-4)
    }
  }

  // MARK: Errors

  @Test func whatDoesNotFitIsTold() throws {
    let network = try sequential()
    let cases: [(conditions: [ConceptRelevance.Condition], layers: [String], message: String)] = [
      ([], [], "concept relevance needs a condition; without one it is layer-wise relevance propagation"),
      ([.init("a1", .channels([2, 3]))], [], "'a1' has no channel 3; it has channels 0 to 2"),
      ([.init("a1", .channels([]))], [], "the concept at 'a1' is a set of no channels; name one at least"),
      (
        [.init("a2", .direction([1, 2]))], [],
        "the direction at 'a2' has 2 numbers; the layer has 4 channels and 64 elements"
      ),
      (
        [.init("a1", .direction([0, 0, 0]))], [],
        "the direction at 'a1' has numbers that are not finite, or none but 0"
      ),
      (
        [.init("a1", .direction([0, .nan, 1]))], [],
        "the direction at 'a1' has numbers that are not finite, or none but 0"
      ),
      (
        [.init("a1", .channels([0]))], ["a2"],
        "no relevance on the way to what is attributed passes 'a1'; concepts are conditions on layers behind the "
          + "attributed ones, and several on layers that lie one behind the other"
      ),
    ]
    for (conditions, layers, message) in cases {
      let error = #expect(throws: GraphError.self) {
        try ConceptRelevance(conditions).attributor(for: Subject(network, layers: layers))
      }
      #expect(error?.description == message)
    }
    var subject = Subject(network)
    subject.scale = .probability
    let method = ConceptRelevance([.init("a1", .channels([0]))])
    #expect(throws: GraphError.self) { try method.attributor(for: subject) }
    #expect(throws: GraphError.self) { try explain(method, network, images, classes: [0, 1, 3]) }
    let spoilt = Tensor(shape: [1, 2, 6, 6], [Float](repeating: .nan, count: 72))
    #expect(throws: GraphError.self) { try explain(method, network, spoilt, classes: [0]) }
  }
}

@Suite struct ChannelRelevanceTests {
  private func readings(
    _ reading: ChannelRelevance, _ network: Network, _ input: Tensor, classes: [Int], maps: Int = 0
  ) throws -> ChannelReadings {
    var subject = Subject(network)
    subject.examples = input.shape[0]
    return try reading.reader(for: subject, maps: maps)([input], classes: classes)
  }

  /// One pass gives what a map of the layer sums to, channel by channel, and the activations beside it.
  @Test func channelsAreSummedOverPositions() throws {
    let network = try sequential()
    let found = try readings(ChannelRelevance(layer: "a1"), network, images, classes: classes)
    let relevance = try explain(
      LayerwiseRelevance(.epsilonPlusFlat), network, images, classes: classes, layers: ["a1"])
    let activation = try HookedNetwork(network, layers: ["a1"], examples: 3).read([images]).activations[0]
    func statistics(_ tensor: Tensor) -> (sums: [Float], maxima: [Float]) {
      let rows = (0..<9).map { Array(tensor.floats[$0 * 36..<($0 + 1) * 36]) }
      return (rows.map { $0.reduce(0, +) }, rows.map { $0.max()! })
    }
    for (found, tensor) in [(found.relevance, relevance.values[0]), (found.activation, activation)] {
      let expected = statistics(tensor)
      #expect(scaledDifference(found.sums, Tensor(shape: [3, 3], expected.sums))! < orderTolerance)
      #expect(scaledDifference(found.maxima, Tensor(shape: [3, 3], expected.maxima))! < orderTolerance)
    }
    for (a, b) in zip(found.outputs, relevance.outputs) { #expect(abs(a - b) < 1e-4) }
    #expect(found.maps.isEmpty && found.mapChannels == [[], [], []])
  }

  @Test func channelsAreRanked() throws {
    let found = try readings(ChannelRelevance(layer: "a2"), sequential(), images, classes: classes)
    for example in 0..<3 {
      let ranking = found.ranking(of: example),
        row = Array(found.relevance.sums.floats[example * 4..<example * 4 + 4])
      #expect(ranking.map(\.channel).sorted() == [0, 1, 2, 3])
      #expect(ranking.map(\.relevance) == row.sorted(by: >).map { Double($0) })
      #expect(ranking.allSatisfy { Double(row[$0.channel]) == $0.relevance })
    }
  }

  /// The maps of a rank are those of each example's own channel of that rank.
  @Test func mapsAreThoseOfTheMostRelevantChannels() throws {
    let network = try sequential()
    let found = try readings(ChannelRelevance(layer: "a2"), network, images, classes: classes, maps: 3)
    let maps = try (0..<4).map { channel in
      try explain(
        ConceptRelevance([.init("a2", .channels([channel]))]), network, images, classes: classes
      ).values[0]
    }
    #expect(found.maps.count == 3)
    for example in 0..<3 {
      let channels = found.mapChannels[example]
      #expect(channels == found.ranking(of: example).prefix(3).map(\.channel))
      for (rank, channel) in channels.enumerated() {
        let map = found.maps[rank][0].rows(example..<example + 1)
        #expect(scaledDifference(map, maps[channel].rows(example..<example + 1))! < orderTolerance)
      }
    }
    #expect(Set(found.mapChannels).count > 1)
  }

  /// At the second logit of the residual network the second unit of `h` has 25, and the first one nothing.
  @Test func waysAroundCountAsAsked() throws {
    for excludesParallel in [true, false] {
      let reading = ChannelRelevance(
        layer: "h", composite: .epsilon(0), excludesParallel: excludesParallel)
      let found = try readings(reading, residual(), point, classes: [1], maps: 2)
      #expect(found.mapChannels == [[1, 0]])
      let around: Float = excludesParallel ? 0 : 3
      for (map, expected) in zip(found.maps, [[10, 15 + around], [0, around]]) {
        for (a, b) in zip(map[0].floats, expected) { #expect(abs(a - b) < 1e-4) }
      }
    }
  }

  /// Channels of tokens lie behind them; those of a map may be told.
  @Test func channelsLieAsFoundOrTold() throws {
    let network = try TinyTransformer().network(), x = normalTensor([2, 1, 4, 6], seed: 7)
    let reading = ChannelRelevance(layer: "block0", composite: .epsilon())
    let found = try readings(reading, network, x, classes: [1, 2])
    let layer = try explain(
      LayerwiseRelevance(.epsilon()), network, x, classes: [1, 2], layers: ["block0"]
    ).values[0]
    var expected = [Float](repeating: 0, count: 8)
    for (index, value) in layer.floats.enumerated() { expected[index / 28 * 4 + index % 4] += value }
    #expect(scaledDifference(found.relevance.sums, Tensor(shape: [2, 4], expected))! < 1e-4)
    var told = ChannelRelevance(layer: "a1")
    told.layout = .channelsLast
    #expect(try told.reader(for: Subject(sequential())).channelCount == 6)
  }

  @Test func whatDoesNotFitIsTold() throws {
    let subject = Subject(try sequential())
    let many = #expect(throws: GraphError.self) {
      try ChannelRelevance(layer: "a1").reader(for: subject, maps: 4)
    }
    #expect(many?.description == "'a1' has 3 channels, 4 maps were asked for; ask for no more")
    #expect(throws: GraphError.self) { try ChannelRelevance(layer: "a1").reader(for: subject, maps: -1) }
    #expect(throws: GraphError.self) { try ChannelRelevance(layer: "a7").reader(for: subject) }
  }
}
