@testable import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct RowRunnerTests {
  /// `a · b + c` with whole numbers `c`.
  private func network() throws -> Network {
    var draft = ModelDraft()
    draft.input("a", [nil, 1])
    draft.input("b", [nil, 1])
    draft.input("c", [nil, 1], .int64)
    draft.node("Mul", ["a", "b"], ["product"])
    draft.node("Cast", ["c"], ["shift"], ["to": .int(1)])
    draft.node("Add", ["product", "shift"], ["out"])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  private let inputs = [
    Tensor(shape: [2, 1], [Float(3), -1]), Tensor(shape: [2, 1], [Float(2), 5]),
    Tensor(shape: [2, 1], [Int64(10), 20]),
  ]

  private func subject(_ layers: [String] = []) throws -> Subject {
    var subject = Subject(try network(), layers: layers)
    subject.examples = 2
    return subject
  }

  /// Rows of examples in any order, at inputs and at a hidden layer, keep what passes around the values.
  @Test func rowsAreMadeOfTheirExamples() throws {
    for layers in [[], ["product"]] {
      let runner = try RowRunner(subject(layers), rowsPerExample: 2)
      let values = try runner.values(of: inputs, classes: [0, 0])
      var found: [Double] = []
      // The values as they are, then the first one of each example ten times, or with the other sign.
      try runner.forEachOutput(
        rows: 4, values: values, inputs: inputs, classes: [0, 0], example: { $0 / 2 }
      ) { value, row, given, target in
        let factor: Float = row % 2 == 0 || value > 0 ? 1 : row == 1 ? 10 : -1
        for i in target.indices { target[i] = factor * given[i] }
      } _: { row, output in
        #expect(row == found.count)
        found.append(output)
      }
      #expect(found == [16, 70, 15, 25])
    }
  }

  /// Points belong to their examples in order, and gradients come with them.
  @Test func pointsHaveGradients() throws {
    let runner = try RowRunner(subject(["a", "b"]), rowsPerExample: 3, backward: .gradient)
    let values = try runner.values(of: inputs, classes: [0, 0])
    var found: [[Float]] = [], places: [(Int, Int)] = []
    try runner.forEachBatch(of: 3, values: values, inputs: inputs, classes: [0, 0]) {
      _, _, point, given, row in
      for i in row.indices { row[i] = Float(point) * given[i] }
    } _: { readings, examples, points in
      places += zip(examples, points)
      found += readings.gradients.map(\.floats)
    }
    #expect(places.map(\.0) == [0, 0, 0, 1, 1, 1] && places.map(\.1) == [0, 1, 2, 0, 1, 2])
    // ∂(ab)/∂a = b at each point; all six rows fit one batch.
    #expect(found == [[0, 2, 4, 0, 5, 10], [0, 3, 6, 0, -1, -2]])
  }

  /// Without gradients the outputs are the same, at inputs and behind a layer.
  @Test(arguments: [[], ["/1/Tanh_output_0"]])
  func forwardRowsAgree(_ layers: [String]) throws {
    let fixture = Fixture(name: "xor_mlp"), values = try fixture.values()
    var subject = Subject(try fixture.network(), layers: layers)
    subject.examples = values.targets.count
    let runner = try RowRunner(subject, rowsPerExample: 1, backward: .gradient)
    let forward = try runner.forward(subject, rowsPerExample: 2)
    let given = try forward.values(of: [values.input], classes: values.targets)
    func outputs(_ runner: RowRunner) throws -> [Double] {
      try runner.outputs(given, inputs: [values.input], classes: values.targets)
    }
    for (a, b) in zip(try outputs(runner), try outputs(forward)) {
      #expect(abs(a - b) < valueTolerance * max(1, abs(b)))
    }
    var counts: [Int] = []
    try forward.forEachBatch(
      rows: 1, values: given, inputs: [values.input], row: { RowRunner.Row(example: $0, target: 0) },
      copy: { _, _, given, target in given.copy(to: target) }
    ) { _, readings in counts.append(readings.gradients.count) }
    #expect(counts == [0])
  }

  @Test func whatDecidesTheOutputIsKnown() throws {
    #expect(try !RowRunner(subject(), rowsPerExample: 1).isClosed)
    #expect(try !RowRunner(subject(["product"]), rowsPerExample: 1).isClosed)
    #expect(try RowRunner(Subject(ClosedForm.dense()), rowsPerExample: 1).isClosed)
    #expect(try RowRunner(Subject(ClosedForm.dense(), layers: ["relu"]), rowsPerExample: 1).isClosed)
  }

  @Test func batchesOfExamplesFillBatchesOfRows() throws {
    var subject = Subject(try ClosedForm.dense())
    (subject.examples, subject.maximumBatch) = (1000, 4)
    let runner = try RowRunner(subject, rowsPerExample: 10)
    let size = runner.runner.batchSize
    #expect(size > 10)
    #expect(runner.batchSize(rowsPerExample: 10) == min(1000, size / 10))
    #expect(runner.batchSize(rowsPerExample: 10, batches: 8) == min(1000, 8 * size / 10))
    #expect(runner.batchSize(rowsPerExample: 10 * size) == 1)
    // Backward passes keep to the subject's own limit.
    #expect(try RowRunner(subject, rowsPerExample: 10, backward: .gradient).runner.batchSize <= 4)
  }

  @Test func wrongInputsAreExplained() throws {
    let short = Tensor(shape: [1, 1], [Float(1)]), whole = inputs
    let cases: [(layers: [String], inputs: [Tensor], classes: [Int], message: String)] = [
      ([], Array(whole.prefix(2)), [0, 0], "expected 3 inputs, found 2"),
      ([], whole, [], "there are no examples to explain"),
      ([], whole, [0, 1], "class 1 does not exist; the network has classes 0 to 0"),
      ([], [whole[0], short, whole[2]], [0, 0], "'b' has shape [1, 1]; expected [2, 1]"),
      (["a"], [whole[0], short, whole[2]], [0, 0], "expected 2 examples in every input, found 1"),
      (["product"], [short, whole[1], whole[2]], [0, 0], "expected 2 examples in every input, found 1"),
    ]
    for (layers, inputs, classes, message) in cases {
      let runner = try RowRunner(subject(layers), rowsPerExample: 1)
      let error = #expect(throws: GraphError.self) { try runner.values(of: inputs, classes: classes) }
      #expect(error?.description == message)
    }
  }
}
