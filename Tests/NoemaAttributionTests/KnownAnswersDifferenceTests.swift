import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Differences from a baseline that can be worked out by hand: the functions of the papers on integrated gradients and
/// DeepLIFT, and of Captum's tests.
@Suite struct KnownAnswersDifferenceTests {
  private func expectClose(
    _ found: Attribution, _ expected: [Float], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let values = found.values.flatMap(\.floats)
    #expect(values.count == expected.count, sourceLocation: sourceLocation)
    for (a, b) in zip(values, expected) {
      #expect(abs(a - b) <= 1e-4, "\(values)", sourceLocation: sourceLocation)
    }
  }

  /// Functions of two numbers.
  private enum Function {
    /// `ReLU(ReLU(x₁) − 1 − ReLU(x₂))`.
    case shifted
    /// `ReLU(ReLU(x₁ − 1) − ReLU(x₂))`, the same function wherever `x₁ ≥ 1`, written otherwise.
    case shiftedWithin
    /// `2 ReLU(x₁) + 2 ReLU(x₂ − 1.5)`.
    case separable

    func network() throws -> Network {
      var draft = ModelDraft()
      draft.input("x1", [nil, 1])
      draft.input("x2", [nil, 1])
      for (name, value) in [("one", Float(1)), ("far", 1.5), ("two", 2)] {
        draft.initialiser(name, Tensor(shape: [1], [value]))
      }
      switch self {
      case .shifted:
        draft.node("Relu", ["x1"], ["a1"])
        draft.node("Relu", ["x2"], ["a2"])
        draft.node("Sub", ["a1", "one"], ["moved"])
        draft.node("Sub", ["moved", "a2"], ["z"])
        draft.node("Relu", ["z"], ["out"])
      case .shiftedWithin:
        draft.node("Sub", ["x1", "one"], ["moved"])
        draft.node("Relu", ["moved"], ["a1"])
        draft.node("Relu", ["x2"], ["a2"])
        draft.node("Sub", ["a1", "a2"], ["z"])
        draft.node("Relu", ["z"], ["out"])
      case .separable:
        draft.node("Sub", ["x2", "far"], ["moved"])
        draft.node("Relu", ["x1"], ["a1"])
        draft.node("Relu", ["moved"], ["a2"])
        draft.node("Mul", ["a1", "two"], ["b1"])
        draft.node("Mul", ["a2", "two"], ["b2"])
        draft.node("Add", ["b1", "b2"], ["out"])
      }
      draft.output("out", [nil, 1])
      return try Network(bytes: draft.bytes())
    }
  }

  private func explained(
    _ method: some AttributionMethod, _ function: Function, at x: (Float, Float)
  ) throws -> Attribution {
    try explain(
      method, function.network(), Tensor(shape: [1, 1], [x.0]), Tensor(shape: [1, 1], [x.1]))
  }

  /// Integrated gradients do not see how a function is written: both open half way to (3, 1).
  @Test func integratedGradientsAreImplementationInvariant() throws {
    for function in [Function.shifted, .shiftedWithin] {
      let found = try explained(IntegratedGradients(), function, at: (3, 1))
      expectClose(found, [1.5, -0.5])
      #expect(found.outputs == [1] && abs(found.sums[0] - found.expectedSums![0]) < 1e-5)
    }
  }

  /// DeepLIFT and relevance do: they follow the values in between.
  @Test func differencesFollowTheLayers() throws {
    expectClose(try explained(DeepLIFT(), .shifted, at: (3, 1)), [1.5, -0.5])
    expectClose(try explained(DeepLIFT(), .shiftedWithin, at: (3, 1)), [2, -1])
    expectClose(
      try explained(LayerwiseRelevance(.contributionPropagation), .shiftedWithin, at: (3, 1)), [2, -1])
    // The −1 keeps its part: 3 − 1 = 2 pass the rectifier.
    expectClose(try explained(LayerwiseRelevance(.epsilon(0)), .shiftedWithin, at: (3, 1)), [3, -1])
  }

  @Test func separableFunctionsSplitIntoTerms() throws {
    for method in [IntegratedGradients() as any AttributionMethod, DeepLIFT(), DeepLIFT(rule: .revealCancel)]
    {
      let found = try method.attributor(for: Subject(Function.separable.network())).attribute(
        [Tensor(shape: [1, 1], [Float(2)]), Tensor(shape: [1, 1], [Float(3)])], classes: [0])
      expectClose(found, [4, 3])
    }
  }

  /// A dense layer, the largest of its units, and another dense layer: all of a fall is the winner's at either end.
  @Test(arguments: [([Float(1), 2, 3, 9], [Float(0), 0, 0, -8]), ([4, 8, 6, 7], [0, -7, 0, 0])])
  func maximaBetweenDenseLayers(_ baseline: [Float], _ expected: [Float]) throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 1, 4])
    draft.initialiser(
      "identity", Tensor(shape: [4, 4], (0..<16).map { Float($0 % 5 == 0 ? 1 : 0) }))
    draft.initialiser("one", Tensor(shape: [1, 1], [Float(1)]))
    draft.node("MatMul", ["x", "identity"], ["z"])
    draft.node("MaxPool", ["z"], ["pool"], ["kernel_shape": .ints([4])])
    draft.node("Flatten", ["pool"], ["flat"])
    draft.node("MatMul", ["flat", "one"], ["out"])
    draft.output("out", [nil, 1])
    let found = try explain(
      DeepLIFT(baseline: .tensors([Tensor(shape: [1, 4], baseline)])), Network(bytes: draft.bytes()),
      Tensor(shape: [1, 1, 4], repeating: Float(1)))
    expectClose(found, expected)
    #expect(found.sums == found.expectedSums!)
  }

  /// With 500 samples the eight coalitions of three columns are all there: exact values, where draws come within 1.
  @Test func kernelShapOfTheDenseNetwork() throws {
    let x = Tensor(shape: [1, 3], [Float(20), 50, 30])
    let found = try explain(KernelSHAP(samples: 500), ClosedForm.dense(), x)
    for (value, expected) in zip(found.values[0].floats, [Float(230), 590, 350]) {
      #expect(abs(value - expected / 3) < 1e-3)
    }
    let exact = try explain(ExactShapley(), ClosedForm.dense(), x)
    #expect(scaledDifference(found.values[0], exact.values[0])! < 1e-5)
  }
}
