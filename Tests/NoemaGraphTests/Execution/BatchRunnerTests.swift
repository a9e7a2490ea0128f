import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct BatchRunnerTests {
  private let count = 11

  private func rows(maximumBatch: Int, memory: Int = 1 << 30) throws -> Tensor {
    let runner = try BatchRunner(
      try residualNetwork(), examples: count, memory: memory, maximumBatch: maximumBatch
    ) { $0 }
    let x = normalTensor([count, 2, 6, 6])
    var found: [Float] = []
    for first in stride(from: 0, to: count, by: runner.batchSize) {
      let range = first..<min(first + runner.batchSize, count)
      let part = try runner.run([x.rows(range)])[0]
      #expect(part.shape == [range.count, 3])
      found += part.elements(as: Float.self)
    }
    return Tensor(shape: [count, 3], found)
  }

  @Test(arguments: [1, 2, 3, 4, 10, 11, 32])
  func batchSizeDoesNotMatter(_ maximumBatch: Int) throws {
    let expected = try residualNetwork().graph(batch: count).interpreted([normalTensor([count, 2, 6, 6])])[0]
    #expect(scaledDifference(try rows(maximumBatch: maximumBatch), expected)! < floatTolerance)
  }

  /// The batch shrinks to the budget, down to one example, and then refuses.
  @Test func budgetBoundsTheBatch() throws {
    func runner(_ memory: Int) throws -> BatchRunner {
      try BatchRunner(try residualNetwork(), examples: 32, memory: memory) { $0 }
    }
    func need(_ runner: BatchRunner) -> Int {
      runner.workingByteCount + (runner.inputTypes + runner.outputTypes).reduce(0) { $0 + $1.byteCount }
    }
    let whole = try runner(1 << 30)
    #expect(whole.batchSize == 32)
    let half = try runner(need(whole) / 2)
    #expect((1..<32).contains(half.batchSize) && need(half) <= need(whole) / 2)
    let one = try BatchRunner(try residualNetwork(), examples: 1, memory: 1 << 30) { $0 }
    #expect(try runner(need(one)).batchSize == 1)
    let error = #expect(throws: GraphError.self) { try runner(need(one) - 1) }
    #expect(
      error?.kind
        == .execution("one batch of 1 needs 0 MiB, the budget is 0 MiB; raise --memory"))
  }

  /// Where one example does not fit, hidden values are computed twice before anything is refused.
  @Test func budgetBelowOneExampleComputesTwice() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 256])
    for layer in 0..<32 { draft.node("Tanh", [layer == 0 ? "x" : "h\(layer)"], ["h\(layer + 1)"]) }
    draft.output("h32")
    let network = try Network(bytes: draft.bytes())
    func runner(_ memory: Int) throws -> BatchRunner {
      try BatchRunner(network, examples: 1, memory: memory) { graph throws(GraphError) in
        var back = try graph.backward(from: graph.outputs[0], to: graph.inputs)
        back.graph.outputs = [back.cotangents[0]!]
        return back.graph
      }
    }
    let whole = try runner(1 << 30), tight = try runner(whole.workingByteCount / 2)
    #expect(tight.batchSize == 1 && tight.workingByteCount < whole.workingByteCount / 2)
    let inputs = [normalTensor([1, 256]), normalTensor([1, 256], seed: 2)]
    #expect(try tight.run(inputs) == whole.run(inputs))
  }

  /// A terabyte per example is refused before it is asked for.
  @Test func absurdPlansTakeNoMemory() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 1])
    draft.initialiser("shape", Tensor(shape: [2], [Int64(1), 1 << 31]))
    draft.node("Expand", ["x", "shape"], ["wide"])
    draft.node("Tanh", ["wide"], ["tanh"])
    draft.node("ReduceSum", ["tanh"], ["y"])
    draft.output("y")
    let network = try Network(bytes: draft.bytes())
    let error = #expect(throws: GraphError.self) { try BatchRunner(network, examples: 32) { $0 } }
    #expect(error?.category == .inputOutput)
  }

  @Test func fixedBatchIsFilledUp() throws {
    var draft = ModelDraft()
    draft.input("x", [4, 2])
    draft.node("Tanh", ["x"], ["y"])
    draft.output("y", [4, 2])
    let runner = try BatchRunner(try Network(bytes: draft.bytes()), examples: 100) { $0 }
    #expect(runner.batchSize == 4)
    let x = normalTensor([3, 2])
    #expect(try runner.run([x])[0].shape == [3, 2])
    #expect(scaledDifference(try runner.run([x])[0], try Unary(.tanh).evaluate([x])[0])! < floatTolerance)
  }
}
