import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// A method's attributions of the first attributed value.
func explain(
  _ method: some AttributionMethod, _ network: Network, _ inputs: Tensor..., classes: [Int]? = nil,
  layers: [String] = [], maximumBatch: Int = 32
) throws -> Attribution {
  var subject = Subject(network, layers: layers)
  (subject.examples, subject.maximumBatch) = (inputs[0].shape[0], maximumBatch)
  let attributor = try method.attributor(for: subject)
  return try attributor.attribute(inputs, classes: classes ?? Array(repeating: 0, count: inputs[0].shape[0]))
}

@Suite struct GradientMethodsTests {
  @Test func denseClosedForm() throws {
    let network = try ClosedForm.dense()
    let x = Tensor(shape: [1, 3], [Float(1), 2, 3])
    #expect(try explain(Gradient(), network, x).values[0].floats == [3, 3, 3])
    #expect(try explain(Gradient(form: .squared), network, x).values[0].floats == [9, 9, 9])
    #expect(try explain(GradientTimesInput(), network, x).values[0].floats == [3, 6, 9])
    let integrated = try explain(IntegratedGradients(), network, x)
    #expect(
      scaledDifference(integrated.values[0], Tensor(shape: [1, 3], [Float(3), 6, 9]))! < valueTolerance)
  }

  /// Of the four windows one counts for and the rest cancel: relevance lies where that window reads.
  @Test func convolutionalClosedForm() throws {
    let found = try explain(GradientTimesInput(), ClosedForm.convolutional(), ClosedForm.ramp)
    #expect(found.values[0].floats == [0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 0, 0, 0])
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
    let network = try Network(bytes: draft.bytes()), x = Tensor(shape: [1, 2], [Float(-1), -2])
    let expected = Tensor(shape: [1, 2], [Float(-1.523188), -0.186059])
    #expect(
      scaledDifference(try explain(IntegratedGradients(), network, x).values[0], expected)! < valueTolerance)
    #expect(scaledDifference(try explain(DeepLIFT(), network, x).values[0], expected)! < valueTolerance)
  }

  /// Attributions sum to the output's change from the baseline, for smooth networks to the rule's precision.
  @Test(arguments: ["xor_mlp", "iris_mlp", "wine_mlp"], [Float(0), 0.5])
  func integratedGradientsAreComplete(_ name: String, _ baseline: Float) throws {
    let fixture = Fixture(name: name), values = try Fixture(name: name).values()
    let count = values.targets.count
    let found = try explain(
      IntegratedGradients(baseline: .constant(baseline)), fixture.network(), values.input,
      classes: values.targets)
    let start = try HookedNetwork(try fixture.network(), layers: [], examples: count).read([
      Tensor(shape: values.input.shape, repeating: baseline)
    ]).output
    let classes = start.count / count
    for (row, target) in values.targets.enumerated() {
      let change = Double(values.logits.floats[row * classes + target] - start.floats[row * classes + target])
      #expect(abs(found.sums[row] - change) < gradientTolerance * max(1, abs(change)), "example \(row)")
      #expect(abs(found.expectedSums![row] - change) < valueTolerance * max(1, abs(change)), "example \(row)")
    }
  }

  /// `f = x³` along the path from 0: each rule is the sum that its points and weights give.
  @Test(arguments: IntegratedGradients.Rule.allCases)
  func rulesOfQuadrature(_ rule: IntegratedGradients.Rule) throws {
    let found = try explain(
      IntegratedGradients(steps: 4, rule: rule), try cube(), Tensor(shape: [1, 1], [Float(2)]))
    // x · 3 (α x)² = 24 α², averaged over the points.
    let squares: Double =
      switch rule {
      case .gaussLegendre: 1.0 / 3
      case .left: 14.0 / 64
      case .right: 30.0 / 64
      case .midpoint: 84.0 / 256
      case .trapezoid: 19.0 / 54
      }
    let expected = 24 * squares
    #expect(abs(Double(found.values[0].floats[0]) - expected) < 1e-5)
  }

  private func cube() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 1])
    draft.node("Mul", ["x", "x"], ["square"])
    draft.node("Mul", ["square", "x"], ["out"])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  /// The rule of n points is exact for polynomials up to degree 2n − 1.
  @Test func fewStepsSufficeForPolynomials() throws {
    let x = Tensor(shape: [2, 1], [Float(2), -3])
    func attribute(_ steps: Int) throws -> Tensor {
      try explain(IntegratedGradients(steps: steps), cube(), x).values[0]
    }
    #expect(scaledDifference(try attribute(2), Tensor(shape: [2, 1], [Float(8), -27]))! < valueTolerance)
    // One point is the midpoint rule: x · 3 (x / 2)².
    #expect(scaledDifference(try attribute(1), Tensor(shape: [2, 1], [Float(6), -20.25]))! < valueTolerance)
  }

  @Test(arguments: [0, -1, 10_001])
  func stepsOutOfRangeAreRefused(_ steps: Int) throws {
    let error = #expect(throws: GraphError.self) {
      try explain(IntegratedGradients(steps: steps), ClosedForm.dense(), normalTensor([1, 3]))
    }
    #expect(error?.description == "integrated gradients need 1 to 10000 steps, found \(steps)")
  }

  /// A pole on the path of the second example: it is named, not the point on its path.
  @Test func pathThatIsNotFiniteNamesTheExample() throws {
    let error = #expect(throws: GraphError.self) {
      // The middle point of an odd rule lies half way: at 0 for the second example.
      try explain(
        IntegratedGradients(steps: 9, baseline: .constant(1)), ClosedForm.reciprocal(),
        Tensor(shape: [2, 1], [Float(2), -1]))
    }
    guard case .notFinite(_, let example)? = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(example == 1)
  }

  private func product() throws -> Network {
    var draft = ModelDraft()
    draft.input("a", [nil, 1])
    draft.input("b", [nil, 1])
    draft.node("Mul", ["a", "b"], ["out"])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  /// `a · b`: the factors share the product, from zero and from other baselines.
  @Test func severalInputs() throws {
    let a = Tensor(shape: [2, 1], [Float(3), -1]), b = Tensor(shape: [2, 1], [Float(2), 5])
    let gradient = try explain(Gradient(), product(), a, b)
    #expect(gradient.values.map(\.floats) == [[2, 5], [3, -1]])
    for method in [IntegratedGradients(steps: 3) as any AttributionMethod, DeepLIFT()] {
      let found = try method.attributor(for: Subject(product())).attribute(
        [a.rows(0..<1), b.rows(0..<1)], classes: [0])
      #expect(abs(found.values[0].floats[0] - 3) < 1e-5 && abs(found.values[1].floats[0] - 3) < 1e-5)
    }
    let baselines = [Tensor(shape: [1], [Float(1)]), Tensor(shape: [1], [Float(-1)])]
    let found = try explain(DeepLIFT(baseline: .tensors(baselines)), product(), a.rows(0..<1), b.rows(0..<1))
    // Δa (b + b₀)/2 and Δb (a + a₀)/2.
    #expect(abs(found.values[0].floats[0] - 1) < 1e-5 && abs(found.values[1].floats[0] - 6) < 1e-5)
    #expect(abs(found.expectedSums![0] - 7) < 1e-5)
  }

  @Test func baselinesOfTheWrongShapeAreRefused() throws {
    let wrong = Baseline.tensors([Tensor(shape: [4], repeating: Float(0))])
    #expect(throws: GraphError.self) {
      try explain(IntegratedGradients(baseline: wrong), ClosedForm.dense(), normalTensor([1, 3]))
    }
    #expect(throws: GraphError.self) {
      try explain(DeepLIFT(baseline: wrong), ClosedForm.dense(), normalTensor([1, 3]))
    }
  }

  /// The gradient of a linear function is the same at every noisy copy.
  @Test func smoothGradOfALinearFunction() throws {
    let x = normalTensor([3, 3], seed: 4)
    let mean = try explain(SmoothGrad(samples: 7), linear(), x)
    #expect(scaledDifference(mean.values[0], try explain(Gradient(), linear(), x).values[0])! < 1e-6)
    let variance = try explain(SmoothGrad(samples: 7, statistic: .variance), linear(), x)
    #expect(variance.values[0].floats.allSatisfy { $0 < 1e-9 })
  }

  private func linear() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("w", Tensor(shape: [3, 2], [Float(1), 2, -3, 0.5, 4, -1]))
    draft.node("MatMul", ["x", "w"], ["out"])
    draft.output("out", [nil, 2])
    return try Network(bytes: draft.bytes())
  }

  /// Noise belongs to an example and a copy, whatever the batches are.
  @Test(arguments: [1, 3, 32])
  func smoothGradDoesNotDependOnBatches(_ batch: Int) throws {
    let fixture = Fixture(name: "iris_mlp"), values = try Fixture(name: "iris_mlp").values()
    let whole = try explain(
      SmoothGrad(samples: 10), fixture.network(), values.input, classes: values.targets)
    let part = try explain(
      SmoothGrad(samples: 10), fixture.network(), values.input.rows(0..<2),
      classes: Array(values.targets[..<2]),
      maximumBatch: batch)
    #expect(scaledDifference(part.values[0], whole.values[0].rows(0..<2))! < 1e-5)
  }

  /// `w · (x − mean of the references)`, when every reference is met equally often.
  @Test func expectedGradientsOfALinearFunction() throws {
    let references = normalTensor([4, 3], seed: 8), x = normalTensor([2, 3], seed: 9)
    let found = try explain(ExpectedGradients(baselines: [references], samples: 20), linear(), x)
    let w: [Float] = [1, -3, 4]
    var expected: [Float] = []
    for row in 0..<2 {
      for i in 0..<3 {
        let mean = (0..<4).reduce(Float(0)) { $0 + references.floats[$1 * 3 + i] / 4 }
        expected.append(w[i] * (x.floats[row * 3 + i] - mean))
      }
    }
    #expect(scaledDifference(found.values[0], Tensor(shape: [2, 3], expected))! < 1e-5)
    for row in 0..<2 { #expect(abs(found.sums[row] - found.expectedSums![row]) < 1e-5) }
  }

  /// At a hidden layer the path begins there; the sum is the output's change from the layer's baseline.
  @Test func integratedGradientsAtAHiddenLayer() throws {
    let values = try Fixture(name: "xor_mlp").values()
    let layer = "/1/Tanh_output_0"
    let found = try explain(
      IntegratedGradients(), Fixture(name: "xor_mlp").network(), values.input, classes: values.targets,
      layers: [layer])
    #expect(found.values[0].shape == [6, 64])
    for row in 0..<6 {
      let expected = found.expectedSums![row]
      #expect(abs(found.sums[row] - expected) < gradientTolerance * max(1, abs(expected)))
      #expect(abs(expected) > 0.1)
    }
  }
}
