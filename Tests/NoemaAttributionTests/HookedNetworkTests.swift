import Foundation
import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct HookedNetworkTests {
  @Test func denseClosedForm() throws {
    let hooked = try HookedNetwork(
      try ClosedForm.dense(), layers: ["linear1", "relu"], gradients: 1, examples: 1)
    let readings = try hooked.read([Tensor(shape: [1, 3], [Float(1), 2, 3])], classes: [[0]])
    #expect(hooked.classCount == 2)
    #expect(hooked.inputShape == [3])
    #expect(hooked.layerShapes == [[4], [4]])
    #expect(readings.output.floats == [20, 22])
    #expect(readings.activations.map(\.floats) == [[-4, 7, 7, 7], [0, 7, 7, 7]])
    #expect(readings.gradients.map(\.floats) == [[0, 1, 1, 1], [1, 1, 1, 1]])
  }

  @Test func convolutionalClosedForm() throws {
    let hooked = try HookedNetwork(
      try ClosedForm.convolutional(), layers: ["conv1", "relu1", "fc1"], gradients: 1, examples: 1)
    let readings = try hooked.read([ClosedForm.ramp], classes: [[2]])
    #expect(readings.output.floats == [54, 54, 54, 54])
    #expect(readings.activations[0].floats == [-5, 4, 31, 40, -30, -21, 6, 15])
    #expect(readings.activations[1].floats == [0, 4, 31, 40, 0, 0, 6, 15])
    #expect(readings.gradients[0].floats == [0, 1, 1, 1, 0, 0, -1, -1])
    #expect(readings.gradients[1].floats == [1, 1, 1, 1, 1, -1, -1, -1])
    #expect(readings.gradients[2].floats == [0, 0, 1, 0])
  }

  /// Several classes share one forward pass; each gets the gradients that it gets alone.
  @Test func severalClassesEqualEachAlone() throws {
    let fixture = Fixture(name: "tiny_resnet_unfolded")
    let values = try fixture.values(), network = try fixture.network()
    let layers = ["/relu/Relu_output_0", "/block2/bn1/BatchNormalization_output_0"]
    let classes = [[0, 0, 0], [3, 1, 2], values.targets]
    let together = try HookedNetwork(network, layers: layers, gradients: 3, examples: 3)
      .read([values.input], classes: classes)
    #expect(together.gradients.count == 6)
    let alone = try HookedNetwork(network, layers: layers, gradients: 1, examples: 3)
    for (position, classes) in classes.enumerated() {
      let expected = try alone.read([values.input], classes: [classes])
      for layer in layers.indices {
        let found = together.gradients[position * layers.count + layer]
        #expect(scaledDifference(found, expected.gradients[layer])! < valueTolerance)
      }
    }
    // Classes that differ have gradients that differ: the comparison is not of zeros.
    #expect(together.gradients[0] != together.gradients[2])
  }

  @Test(arguments: [1, 2, 3, 5, 7])
  func batchSizeDoesNotMatter(_ maximumBatch: Int) throws {
    let fixture = Fixture(name: "tiny_cnn"), count = 7
    let inputs = normalTensor([count, 2, 10, 10]),
      layers = ["/pool1/MaxPool_output_0", "/conv2/Conv_output_0"]
    let classes = (0..<count).map { $0 % 4 }
    let whole = try HookedNetwork(
      try fixture.network(), layers: layers, gradients: 1, examples: count, maximumBatch: count
    ).read([inputs], classes: [classes])
    let hooked = try HookedNetwork(
      try fixture.network(), layers: layers, gradients: 1, examples: count, maximumBatch: maximumBatch)
    // As many batches as the maximum asks for, but filled evenly: 7 in two batches are 4 and 3.
    let batches = (count + maximumBatch - 1) / maximumBatch
    #expect(hooked.batchSize == (count + batches - 1) / batches)
    for first in stride(from: 0, to: count, by: hooked.batchSize) {
      let range = first..<min(first + hooked.batchSize, count)
      let part = try hooked.read([inputs.rows(range)], classes: [Array(classes[range])])
      for (found, expected) in zip(
        [part.output] + part.activations + part.gradients,
        [whole.output] + whole.activations + whole.gradients)
      {
        #expect(scaledDifference(found, expected.rows(range))! < valueTolerance)
      }
    }
  }

  /// The derivative of a probability is the chain rule through the softmax.
  @Test func scalesFollowTheChainRule() throws {
    let fixture = Fixture(name: "iris_mlp")
    let values = try fixture.values()
    func read(_ scale: OutputScale) throws -> HookedNetwork.Readings {
      try HookedNetwork(
        try fixture.network(), layers: ["input"], gradients: 3, scale: scale, examples: values.targets.count
      ).read([values.input], classes: (0..<3).map { index in values.targets.map { _ in index } })
    }
    let logit = try read(.logit), logShare = try read(.logProbability), probability = try read(.probability)
    let count = values.targets.count, width = values.input.shape[1]
    for row in 0..<count {
      let logits = (0..<3).map { Double(logit.output.floats[row * 3 + $0]) }
      let sum = logits.map(exp).reduce(0, +)
      let shares = logits.map { exp($0) / sum }
      for (target, share) in shares.enumerated() {
        #expect(abs(Double(probability.output.floats[row * 3 + target]) - share) < valueTolerance)
        #expect(
          abs(Double(logShare.output.floats[row * 3 + target]) - Foundation.log(share)) < valueTolerance * 10)
        for column in 0..<width {
          func slope(_ readings: HookedNetwork.Readings, _ target: Int) -> Double {
            Double(readings.gradients[target].floats[row * width + column])
          }
          let mean = (0..<3).reduce(0.0) { $0 + shares[$1] * slope(logit, $1) }
          let expected = slope(logit, target) - mean
          #expect(abs(slope(logShare, target) - expected) < gradientTolerance)
          #expect(abs(slope(probability, target) - share * expected) < gradientTolerance)
        }
      }
    }
  }

  /// The ReLU would swallow NaN and minus infinity: outputs alone do not tell.
  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func inputThatIsNotFiniteIsNamed(_ bad: Float) throws {
    let hooked = try HookedNetwork(try ClosedForm.dense(), layers: ["relu"], examples: 4)
    var rows = [Float](repeating: 1, count: 9)
    rows[7] = bad
    let error = #expect(throws: GraphError.self) {
      try hooked.read([Tensor(shape: [3, 3], rows)], first: 10)
    }
    #expect(error?.kind == .notFinite(value: "x", example: 12))
  }

  @Test func overflowInsideTheNetworkIsNamed() throws {
    let hooked = try HookedNetwork(try ClosedForm.reciprocal(), layers: [], examples: 4)
    let error = #expect(throws: GraphError.self) {
      try hooked.read([Tensor(shape: [4, 1], [Float(1), 2, 0, 4])])
    }
    #expect(error?.kind == .notFinite(value: "output", example: 2))
    #expect(
      error?.description
        == "value 'output' is NaN or infinite for example 2; check that input and the model's preprocessing")
  }

  @Test func wrongCallsAreExplained() throws {
    let network = try ClosedForm.dense()
    let hooked = try HookedNetwork(network, layers: [], gradients: 0, examples: 2)
    let explained = try HookedNetwork(network, layers: ["x"], gradients: 1, examples: 2)
    let two = Tensor(shape: [2, 3], repeating: Float(1))
    for (message, body) in [
      (
        "class 2 does not exist; the network has classes 0 to 1",
        { _ = try explained.read([two], classes: [[0, 2]]) }
      ),
      ("expected 1 to 2 examples, found 3", { _ = try hooked.read([normalTensor([3, 3])]) }),
      ("expected examples of shape [3], found [4]", { _ = try hooked.read([normalTensor([2, 4])]) }),
      ("expected 1 to 2 examples, found 0", { _ = try hooked.read([]) }),
      ("expected 2 examples in every input, found 1", { _ = try explained.read([two], classes: [[0]]) }),
      (
        "expected 2 examples in every input, found 3",
        { _ = try explained.read([two], classes: [[0, 1, 0]]) }
      ),
    ] as [(String, () throws -> Void)] {
      let error = #expect(throws: GraphError.self) { try body() }
      #expect(error?.description == message)
    }
    let error = #expect(throws: GraphError.self) {
      try HookedNetwork(network, layers: ["linear"], examples: 1)
    }
    #expect(error?.description == "no value named 'linear'; did you mean 'linear0', 'linear1'?")
  }

  @Test func layerWithoutInfluenceHasNoGradient() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.node("Relu", ["x"], ["y"])
    draft.node("Tanh", ["x"], ["aside"])
    draft.output("y", [nil, 2])
    draft.output("aside", [nil, 2])
    let error = #expect(throws: GraphError.self) {
      try HookedNetwork(try Network(bytes: draft.bytes()), layers: ["aside"], gradients: 1, examples: 1)
    }
    #expect(
      error?.kind == .notDifferentiable("the output does not depend on 'aside' through derivatives"))
  }
}
