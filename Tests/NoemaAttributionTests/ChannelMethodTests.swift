import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// The same passes in another order.
private let orderTolerance = 1e-5

/// Channels of a layer as what receives attributions.
@Suite struct ChannelMethodTests {
  /// A convolution of 3 channels with a rectifier and a dense layer: `z`, `a`, `logits`.
  private func network() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 2, 6, 6])
    draft.initialiser("w1", normalTensor([3, 2, 3, 3], seed: 1))
    draft.initialiser("b1", normalTensor([3], seed: 2))
    draft.initialiser("w2", normalTensor([108, 4], seed: 3))
    draft.node(
      "Conv", ["x", "w1", "b1"], ["z"], ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
    draft.node("Relu", ["z"], ["a"])
    draft.node("Flatten", ["a"], ["flat"])
    draft.node("MatMul", ["flat", "w2"], ["logits"])
    draft.output("logits", [nil, 4])
    return try Network(bytes: draft.bytes())
  }

  private let images = normalTensor([3, 2, 6, 6], seed: 11)
  private let classes = [0, 3, 1]

  @Test(arguments: [Composite.epsilonPlusFlat, .epsilon(), .zPlus])
  func channelsHaveTheirPositionsRelevance(_ composite: Composite) throws {
    let found = try explain(
      ChannelRelevance(composite: composite), network(), images, classes: classes, layers: ["a"])
    let layer = try explain(
      LayerwiseRelevance(composite), network(), images, classes: classes, layers: ["a"])
    let map = layer.values[0].floats
    let expected = (0..<9).map { row in map[row * 36..<(row + 1) * 36].reduce(0, +) }
    #expect(found.values[0].shape == [3, 3])
    #expect(scaledDifference(found.values[0], Tensor(shape: [3, 3], expected))! < orderTolerance)
    // What the layer before the bias-free classifier holds is the output.
    #expect(found.expectedSums == found.outputs)
    for (sum, output) in zip(found.sums, found.outputs) where composite != .zPlus {
      #expect(abs(sum - output) < 1e-3 * max(1, abs(output)))
    }
  }

  /// The layer of the reading, the layer of the subject, and shares of the output.
  @Test func layersAndStarts() throws {
    let named = try explain(ChannelRelevance(layer: "a"), network(), images, classes: classes)
    let given = try explain(ChannelRelevance(), network(), images, classes: classes, layers: ["a"])
    #expect(named.values[0].floats == given.values[0].floats)
    let shares = try explain(ChannelRelevance(layer: "a", start: .one), network(), images, classes: classes)
    #expect(shares.expectedSums == nil)
    let scaled = shares.values[0].floats.enumerated().map { $1 * Float(shares.outputs[$0 / 3]) }
    #expect(scaledDifference(Tensor(shape: [3, 3], scaled), named.values[0])! < orderTolerance)
  }

  /// Where it gains and loses is where relevance at the layer does.
  @Test func tracesAreThoseOfTheLayer() throws {
    var subject = Subject(try network(), layers: ["a"])
    subject.examples = 3
    func trace(_ method: some AttributionMethod) throws -> [[BalanceTrace.Entry]] {
      let attributor = try method.attributor(for: subject)
      return try #require(try attributor.trace([images], classes: classes)).examples
    }
    let found = try trace(ChannelRelevance(composite: .epsilon()))
    let expected = try trace(LayerwiseRelevance(.epsilon()))
    #expect(found == expected)
    #expect(found.count == 3 && found.allSatisfy { !$0.isEmpty })
  }

  @Test(arguments: [[String](), ["z", "a"]])
  func oneLayerIsNeeded(_ layers: [String]) throws {
    let error = #expect(throws: GraphError.self) {
      try ChannelRelevance().attributor(for: Subject(network(), layers: layers))
    }
    #expect(
      error?.description
        == "channel relevance tells the channels of one hidden layer apart, found \(layers.count) layers; name it "
        + "(--layer)")
  }
}
