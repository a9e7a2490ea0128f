@testable import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct RecomputeTests {
  /// The gradient of a network that is long enough whatever layouts the machine's kernels choose; its derivatives read
  /// every hidden value, with a sum over two of three layers and one value that is read far behind.
  private func gradient() throws -> Graph {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 4, 16, 16]), name: "x")
    var h = x, early = x
    for layer in 0..<48 {
      let weights = graph.addConstant(normalTensor([4, 4, 3, 3], seed: UInt64(layer + 1)))
      let convolution = Convolution(window: Window(kernel: [3, 3], paddingBefore: [1, 1]), hasBias: false)
      let next = try graph.apply(Unary(.tanh), graph.apply(convolution, h, weights), name: "layer\(layer)")
      h = layer % 3 == 0 ? next : try graph.apply(Binary(.add), next, h)
      if layer == 4 { early = h }
    }
    let joined = try graph.apply(Concatenation(axis: 1), h, early)
    graph.outputs = [try graph.apply(Unary(.sigmoid), joined)]
    var back = try graph.backward(from: graph.outputs[0], to: [x])
    back.graph.outputs.append(back.cotangents[0]!)
    return back.graph
  }

  private let inputs = [normalTensor([1, 4, 16, 16]), normalTensor([1, 8, 16, 16], seed: 9)]

  @Test func limitIsKeptByComputingTwice() throws {
    let graph = try gradient()
    let whole = try Session(graph), expected = try whole.run(inputs)
    for limit in [whole.workingByteCount * 3 / 4, whole.workingByteCount / 2] {
      let session = try Session(graph, limit: limit)
      #expect(session.workingByteCount <= limit)
      for (found, wanted) in zip(try session.run(inputs), expected) {
        #expect(scaledDifference(found, wanted)! < floatTolerance)
      }
    }
    // Where nothing brings a plan below the limit, what can be had is.
    #expect(try Session(graph, limit: 0).workingByteCount < whole.workingByteCount / 2)
    #expect(try Session(graph, limit: whole.workingByteCount).workingByteCount == whole.workingByteCount)
  }

  @Test(arguments: [1, 2, 5, 16, 1000]) func everyNumberOfSegmentsGivesTheSame(_ count: Int) throws {
    let graph = try gradient().applying(Pass.execution)
    let other = graph.recomputing(segments: count)
    #expect(other.firstViolation() == nil)
    #expect((count == 1) == (other.nodes.count == graph.nodes.count))
    // No node is computed more than twice.
    #expect(other.nodes.count < 2 * graph.nodes.count)
    for (found, wanted) in zip(try other.interpreted(inputs), try graph.interpreted(inputs)) {
      #expect(found == wanted)
    }
  }

  /// Without a way back there is nothing to compute twice; an empty graph stays empty.
  @Test func graphsWithoutALongLifeStay() throws {
    let network = try residualNetwork().graph(batch: 2)
    #expect(network.recomputing(segments: 4).nodes.count == network.nodes.count)
    #expect(Graph().recomputing(segments: 4).nodes.isEmpty)
  }
}
