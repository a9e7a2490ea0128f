import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct GradientMethodsTests {
  @Test func denseClosedForm() throws {
    let gradient = try InputGradient(try ClosedForm.dense(), examples: 50)
    let x = Tensor(shape: [1, 3], [Float(1), 2, 3])
    #expect(try Gradient().attribute(x, classes: [0], gradient: gradient).floats == [3, 3, 3])
    #expect(try GradientTimesInput().attribute(x, classes: [0], gradient: gradient).floats == [3, 6, 9])
    let integrated = try IntegratedGradients().attribute(x, classes: [0], gradient: gradient)
    #expect(scaledDifference(integrated, Tensor(shape: [1, 3], [Float(3), 6, 9]))! < valueTolerance)
  }

  /// Of the four windows one counts for and the rest cancel: relevance lies where that window reads.
  @Test func convolutionalClosedForm() throws {
    let gradient = try InputGradient(try ClosedForm.convolutional(), examples: 1)
    let found = try GradientTimesInput().attribute(ClosedForm.ramp, classes: [0], gradient: gradient)
    #expect(found.floats == [0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 0, 0, 0])
  }

  /// `2 tanh(x₁) + 2 tanh(x₂ − 1.5)` splits into its two terms.
  @Test func integratedGradientsOfASeparableFunction() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.initialiser("shift", Tensor(shape: [2], [Float(0), 1.5]))
    draft.initialiser("two", Tensor(shape: [2, 1], repeating: Float(2)))
    draft.node("Sub", ["x", "shift"], ["moved"])
    draft.node("Tanh", ["moved"], ["tanh"])
    draft.node("MatMul", ["tanh", "two"], ["out"])
    draft.output("out", [nil, 1])
    let gradient = try InputGradient(try Network(bytes: draft.bytes()), examples: 50)
    let found = try IntegratedGradients().attribute(
      Tensor(shape: [1, 2], [Float(-1), -2]), classes: [0], gradient: gradient)
    #expect(scaledDifference(found, Tensor(shape: [1, 2], [Float(-1.523188), -0.186059]))! < valueTolerance)
  }

  /// Attributions sum to the output's change from the baseline, for smooth networks to the rule's precision.
  @Test(arguments: ["xor_mlp", "iris_mlp", "wine_mlp"], [Float(0), 0.5])
  func integratedGradientsAreComplete(_ name: String, _ baseline: Float) throws {
    let fixture = Fixture(name: name), values = try Fixture(name: name).values()
    let count = values.targets.count
    let gradient = try InputGradient(try fixture.network(), examples: 50)
    let found = try IntegratedGradients(baseline: baseline).attribute(
      values.input, classes: values.targets, gradient: gradient)
    let start = try HookedNetwork(try fixture.network(), layers: [], examples: count).read([
      Tensor(shape: values.input.shape, repeating: baseline)
    ]).output
    let width = found.count / count, classes = start.count / count
    for (row, target) in values.targets.enumerated() {
      let sum = found.floats[row * width..<(row + 1) * width].reduce(0) { $0 + Double($1) }
      let change = Double(values.logits.floats[row * classes + target] - start.floats[row * classes + target])
      #expect(abs(sum - change) < gradientTolerance * max(1, abs(change)), "example \(row)")
    }
  }

  /// The rule of n points is exact for polynomials up to degree 2n − 1.
  @Test func fewStepsSufficeForPolynomials() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 1])
    draft.node("Mul", ["x", "x"], ["square"])
    draft.node("Mul", ["square", "x"], ["out"])
    draft.output("out", [nil, 1])
    let gradient = try InputGradient(try Network(bytes: draft.bytes()), examples: 2)
    let x = Tensor(shape: [2, 1], [Float(2), -3])
    func attribute(_ steps: Int) throws -> Tensor {
      try IntegratedGradients(steps: steps).attribute(x, classes: [0, 0], gradient: gradient)
    }
    #expect(scaledDifference(try attribute(2), Tensor(shape: [2, 1], [Float(8), -27]))! < valueTolerance)
    // One point is the midpoint rule: x · 3 (x / 2)².
    #expect(scaledDifference(try attribute(1), Tensor(shape: [2, 1], [Float(6), -20.25]))! < valueTolerance)
  }

  @Test(arguments: [0, -1, 10_001])
  func stepsOutOfRangeAreRefused(_ steps: Int) throws {
    let gradient = try InputGradient(try ClosedForm.dense(), examples: 1)
    let error = #expect(throws: GraphError.self) {
      try IntegratedGradients(steps: steps).attribute(
        normalTensor([1, 3]), classes: [0], gradient: gradient)
    }
    #expect(error?.description == "integrated gradients need 1 to 10000 steps, found \(steps)")
  }

  /// A pole on the path of the second example: it is named, not the point on its path.
  @Test func pathThatIsNotFiniteNamesTheExample() throws {
    let gradient = try InputGradient(try ClosedForm.reciprocal(), examples: 9)
    let error = #expect(throws: GraphError.self) {
      // The middle point of an odd rule lies half way: at 0 for the second example.
      try IntegratedGradients(steps: 9, baseline: 1).attribute(
        Tensor(shape: [2, 1], [Float(2), -1]), classes: [0, 0], gradient: gradient)
    }
    guard case .notFinite(_, let example)? = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(example == 1)
  }

  @Test func severalInputsAreRefused() throws {
    var draft = ModelDraft()
    draft.input("a", [nil, 2])
    draft.input("b", [nil, 2])
    draft.node("Add", ["a", "b"], ["out"])
    draft.output("out", [nil, 2])
    let network = try Network(bytes: draft.bytes())
    let error = #expect(throws: GraphError.self) { try InputGradient(network, examples: 1) }
    #expect(error?.kind == .unsupported("attributions of networks with 2 inputs are not supported"))
  }
}
