import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct DeepSHAPTests {
  private func linear() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("w", Tensor(shape: [3, 2], [Float(1), 2, -3, 0.5, 4, -1]))
    draft.node("MatMul", ["x", "w"], ["out"])
    draft.output("out", [nil, 2])
    return try Network(bytes: draft.bytes())
  }

  /// `w (x − mean b)`, with the standard error of that mean.
  @Test(arguments: DeepLIFT.Rule.allCases)
  func linearFunctions(_ rule: DeepLIFT.Rule) throws {
    let references = normalTensor([7, 3], seed: 8), x = normalTensor([2, 3], seed: 9)
    let found = try explain(DeepSHAP(baselines: [references], rule: rule), linear(), x)
    let w: [Double] = [1, -3, 4]
    var expected: [Double] = [], errors: [Double] = []
    for row in 0..<2 {
      for i in 0..<3 {
        let column = (0..<7).map { Double(references.floats[$0 * 3 + i]) }
        let mean = column.reduce(0, +) / 7
        let variance = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 6
        expected.append(w[i] * (Double(x.floats[row * 3 + i]) - mean))
        errors.append(abs(w[i]) * (variance / 7).squareRoot())
      }
    }
    #expect(scaledDifference(found.values[0], Tensor(shape: [2, 3], expected))! < 1e-5)
    #expect(scaledDifference(found.standardErrors![0], Tensor(shape: [2, 3], errors))! < valueTolerance)
    for (sum, expected) in zip(found.sums, found.expectedSums!) { #expect(abs(sum - expected) < 1e-5) }
  }

  /// The mean of DeepLIFT over the baselines, one after the other.
  @Test(arguments: ["iris_mlp", "tiny_cnn"], DeepLIFT.Rule.allCases)
  func meansOfDeepLIFT(_ name: String, _ rule: DeepLIFT.Rule) throws {
    let fixture = Fixture(name: name), values = try fixture.values(), shape = values.input.shape
    let references = normalTensor([4] + shape.dropFirst(), seed: 3)
    let found = try explain(
      DeepSHAP(baselines: [references], rule: rule), fixture.network(), values.input, classes: values.targets)
    var total = [Double](repeating: 0, count: values.input.count), base = 0.0
    for row in 0..<4 {
      let one = try explain(
        DeepLIFT(baseline: .tensors([references.rows(row..<row + 1)]), rule: rule), fixture.network(),
        values.input,
        classes: values.targets)
      for (at, value) in one.values[0].floats.enumerated() { total[at] += Double(value) / 4 }
      base += one.expectedSums![0] / 4
      #expect(scaledDifference(outputs(one), outputs(found))! < valueTolerance)
    }
    #expect(scaledDifference(found.values[0], Tensor(shape: shape, total))! < valueTolerance)
    #expect(abs(found.expectedSums![0] - base) < valueTolerance * max(1, abs(base)))
  }

  private func outputs(_ found: Attribution) -> Tensor {
    Tensor(shape: [found.outputs.count], found.outputs)
  }

  @Test(arguments: Fixture.tables + Fixture.images, DeepLIFT.Rule.allCases)
  func contributionsAddUp(_ fixture: Fixture, _ rule: DeepLIFT.Rule) throws {
    let values = try fixture.values()
    let references = normalTensor([5] + values.input.shape.dropFirst(), seed: 4)
    let found = try explain(
      DeepSHAP(baselines: [references], rule: rule), fixture.network(), values.input, classes: values.targets)
    for (sum, expected) in zip(found.sums, found.expectedSums!) {
      #expect(abs(sum - expected) < valueTolerance * max(1, abs(expected)), "\(sum), not \(expected)")
    }
  }

  /// Pairs are packed into batches that cut through examples.
  @Test(arguments: [1, 3, 32])
  func batchesDoNotMatter(_ batch: Int) throws {
    let fixture = Fixture(name: "iris_mlp"), values = try fixture.values()
    let method = DeepSHAP(
      baselines: [normalTensor([5, 4], seed: 5)], rule: .revealCancel, normalizesClasses: true)
    let whole = try explain(method, fixture.network(), values.input, classes: values.targets)
    let part = try explain(
      method, fixture.network(), values.input.rows(1..<3), classes: Array(values.targets[1..<3]),
      maximumBatch: batch)
    #expect(scaledDifference(part.values[0], whole.values[0].rows(1..<3))! < 1e-5)
    #expect(scaledDifference(part.standardErrors![0], whole.standardErrors![0].rows(1..<3))! < valueTolerance)
    for row in 0..<2 {
      #expect(abs(part.sums[row] - part.expectedSums![row]) < valueTolerance)
      #expect(abs(part.expectedSums![row] - whole.expectedSums![row + 1]) < valueTolerance)
    }
  }

  /// `a · b` from two pairs of baselines: each row of one set goes with that row of the other.
  @Test func severalInputs() throws {
    var draft = ModelDraft()
    draft.input("a", [nil, 1])
    draft.input("b", [nil, 1])
    draft.node("Mul", ["a", "b"], ["out"])
    draft.output("out", [nil, 1])
    let references = [Tensor(shape: [2, 1], [Float(0), 1]), Tensor(shape: [2, 1], [Float(0), -1])]
    let found = try explain(
      DeepSHAP(baselines: references), Network(bytes: draft.bytes()), Tensor(shape: [1, 1], [Float(3)]),
      Tensor(shape: [1, 1], [Float(2)]))
    // Δa (b + b₀)/2 is 3 and 1, Δb (a + a₀)/2 is 3 and 6.
    #expect(abs(found.values[0].floats[0] - 2) < 1e-5 && abs(found.values[1].floats[0] - 4.5) < 1e-5)
    #expect(abs(found.expectedSums![0] - 6.5) < 1e-5)
    #expect(
      abs(found.standardErrors![0].floats[0] - 1) < 1e-4
        && abs(found.standardErrors![1].floats[0] - 1.5) < 1e-4)
  }

  /// At a hidden layer baselines are still inputs.
  @Test func hiddenLayers() throws {
    let fixture = Fixture(name: "xor_mlp"), values = try fixture.values()
    let found = try explain(
      DeepSHAP(baselines: [normalTensor([3, 10], seed: 6)], rule: .revealCancel), fixture.network(),
      values.input,
      classes: values.targets, layers: ["/2/Gemm_output_0"])
    #expect(found.values[0].shape == [6, 32])
    for (sum, expected) in zip(found.sums, found.expectedSums!) {
      #expect(abs(sum - expected) < valueTolerance * max(1, abs(expected)))
    }
  }

  @Test func oneBaselineHasNoStandardError() throws {
    let x = normalTensor([2, 3], seed: 9), reference = normalTensor([1, 3], seed: 8)
    let found = try explain(DeepSHAP(baselines: [reference]), ClosedForm.dense(), x)
    let single = try explain(DeepLIFT(baseline: .tensors([reference])), ClosedForm.dense(), x)
    #expect(found.standardErrors == nil)
    #expect(scaledDifference(found.values[0], single.values[0])! < 1e-6)
  }

  @Test func baselinesThatDoNotFitAreRefused() throws {
    let x = normalTensor([1, 3])
    for references in [[], [normalTensor([2, 4])], [Tensor(shape: [0, 3], [Float]())]] {
      #expect(throws: GraphError.self) { try explain(DeepSHAP(baselines: references), ClosedForm.dense(), x) }
    }
    let error = #expect(throws: GraphError.self) {
      try explain(
        DeepSHAP(baselines: [Tensor(shape: [2, 3], [Float(1), 2, 3, 4, .nan, 6])]), ClosedForm.dense(), x)
    }
    #expect(error?.description == "the reference set of 'x' holds a value that is not finite")
  }

  @Test func inputsThatAreNotFiniteAreNamed() throws {
    let error = #expect(throws: GraphError.self) {
      try explain(
        DeepSHAP(baselines: [normalTensor([3, 3])]), ClosedForm.dense(),
        Tensor(shape: [2, 3], [Float(1), 2, 3, 4, .nan, 6]))
    }
    guard case .notFinite(let value, let example)? = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(value == "x" && example == 1)
  }

  @Test func classesThatDoNotExistAreRefused() throws {
    #expect(throws: GraphError.self) {
      try explain(
        DeepSHAP(baselines: [normalTensor([3, 3])]), ClosedForm.dense(), normalTensor([1, 3]), classes: [2])
    }
  }
}
