import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// The box rule is for inputs between its bounds: others are refused where its layer reads them.
@Suite struct BoxBoundsTests {
  /// A convolution `first`, a rectifier `a` and a dense layer; `shift` is subtracted ahead of all.
  private func network(shift: Float? = nil) throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 2, 4, 4])
    draft.initialiser("w1", normalTensor([3, 2, 3, 3], seed: 1))
    draft.initialiser("b1", normalTensor([3], seed: 2))
    draft.initialiser("w2", normalTensor([48, 4], seed: 3))
    if let shift {
      draft.initialiser("mean", Tensor(shape: [1], [shift]))
      draft.node("Sub", ["x", "mean"], ["centred"], name: "centre")
    }
    draft.node(
      "Conv", [shift == nil ? "x" : "centred", "w1", "b1"], ["z"], name: "first",
      ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
    draft.node("Relu", ["z"], ["a"], name: "open")
    draft.node("Flatten", ["a"], ["flat"])
    draft.node("MatMul", ["flat", "w2"], ["logits"])
    draft.output("logits", [nil, 4])
    return try Network(bytes: draft.bytes())
  }

  /// Three examples of 0.5, one element of the second channel of the second one changed.
  private func images(_ value: Float, base: Float = 0.5) -> Tensor {
    var elements = [Float](repeating: base, count: 3 * 32)
    elements[32 + 16 + 5] = value
    return Tensor(shape: [3, 2, 4, 4], elements)
  }

  private func attribute(
    _ method: some AttributionMethod, _ network: Network, _ x: Tensor, layers: [String] = []
  ) throws -> Attribution {
    var subject = Subject(network, layers: layers)
    subject.examples = 3
    let attributor = try method.attributor(for: subject)
    return try attributor.attribute([x], classes: [0, 1, 2], first: 10)
  }

  private let boxed = Composite.epsilonGammaBox(low: [-1, -2], high: [1, 2])

  /// Layer, example, channel, value and bounds, and what to do; the bounds are those of the channel.
  @Test(arguments: [(Float(2.5), "2.5"), (-2.25, "-2.25")])
  func examplesOutsideAreNamed(_ value: Float, _ text: String) throws {
    let error = #expect(throws: GraphError.self) {
      try attribute(LayerwiseRelevance(boxed), network(), images(value))
    }
    #expect(
      error?.description
        == "Convolution node 'first': the box rule is for values from -2.0 to 2.0, found \(text) in channel 1 of 'x' "
        + "of example 11; widen the bounds (--low and --high, or those of the composite), or bring the inputs "
        + "between them")
  }

  /// One bound for all channels is that of each; the place of a channel is told all the same.
  @Test func oneBoundForAll() throws {
    let error = #expect(throws: GraphError.self) {
      try attribute(LayerwiseRelevance(.epsilonGammaBox(low: [-1], high: [1])), network(), images(1.5))
    }
    #expect(
      error?.description.contains("from -1.0 to 1.0, found 1.5 in channel 1 of 'x' of example 11") ?? false)
  }

  /// On the bounds, and as far beyond as rounding goes.
  @Test func roundingIsTolerated() throws {
    for value: Float in [2, -2, 2 + 3e-5, -2 - 3e-5] {
      let found = try attribute(LayerwiseRelevance(boxed), network(), images(value))
      #expect(found.values[0].floats.contains { $0 != 0 })
    }
    for value: Float in [2 + 1e-3, -2 - 1e-3] {
      #expect(throws: GraphError.self) { try attribute(LayerwiseRelevance(boxed), network(), images(value)) }
    }
  }

  /// What the network itself does to its inputs ahead of the layer is done before one looks.
  @Test func boundsAreThoseOfTheLayer() throws {
    let shifted = try network(shift: 100)
    let inside = try attribute(LayerwiseRelevance(boxed), shifted, images(101.5, base: 100.5))
    let plain = try attribute(LayerwiseRelevance(boxed), network(), images(1.5))
    for (one, other) in zip(inside.outputs, plain.outputs) { #expect(abs(one - other) < 1e-3) }
    let error = #expect(throws: GraphError.self) {
      try attribute(LayerwiseRelevance(boxed), shifted, images(103, base: 100.5))
    }
    #expect(error?.description.contains("found 3.0 in channel 1 of 'centred' of example 11") ?? false)
  }

  /// A fixed order of examples, whatever runs together.
  @Test func batchesDoNotMatter() throws {
    let shifted = try network(shift: 100)
    var subject = Subject(shifted)
    (subject.examples, subject.maximumBatch) = (3, 1)
    let attributor = try LayerwiseRelevance(boxed).attributor(for: subject)
    #expect(attributor.batchSize == 1)
    let x = images(103, base: 100.5)
    _ = try attributor.attribute([x.rows(0..<1)], classes: [0], first: 0)
    let error = #expect(throws: GraphError.self) {
      try attributor.attribute([x.rows(1..<2)], classes: [0], first: 1)
    }
    #expect(error?.description.contains("of example 1;") ?? false)
  }

  /// Where relevance does not pass the layer, nothing needs to be in a box.
  @Test func layersThatAreNotPassedAreNotLookedAt() throws {
    let x = images(50), first = try attribute(LayerwiseRelevance(boxed), network(), x, layers: ["a"])
    let other = try attribute(LayerwiseRelevance(.epsilon()), network(), x, layers: ["a"])
    #expect(scaledDifference(first.values[0], other.values[0])! < valueTolerance)
    let channels = try attribute(ChannelRelevance(composite: boxed), network(), x, layers: ["a"])
    #expect(channels.values[0].shape == [3, 3])
    // Other rules have no bounds.
    _ = try attribute(LayerwiseRelevance(.epsilonPlusFlat), network(), x)
  }

  /// By way of concepts and of channels as without.
  @Test func conditionsAreNoExcuse() throws {
    let concept = ConceptRelevance([.init("a", .channels([0]))], composite: boxed)
    let error = #expect(throws: GraphError.self) { try attribute(concept, network(), images(2.5)) }
    #expect(error?.description.contains("found 2.5 in channel 1 of 'x' of example 11") ?? false)
    var subject = Subject(try network())
    subject.examples = 3
    let reader = try ChannelRelevance(layer: "a", composite: boxed).reader(for: subject, maps: 1)
    #expect(throws: GraphError.self) { try reader([images(2.5)], classes: [0, 1, 2]) }
    #expect(try reader([images(1.5)], classes: [0, 1, 2]).maps.count == 1)
  }

  /// A rule by name or depth is a rule like that of the first layer.
  @Test func assignmentsHaveBounds() throws {
    var composite = Composite.epsilon()
    composite.assignments = [.init(.box(low: [0], high: [3]), names: "first")]
    let error = #expect(throws: GraphError.self) {
      try attribute(LayerwiseRelevance(composite), network(), images(-0.25))
    }
    #expect(error?.description.contains("from 0.0 to 3.0, found -0.25") ?? false)
  }
}
