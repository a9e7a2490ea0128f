import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

@Suite struct KeepRegionsTests {
  /// A deep stack of convolutions, whose channels fill the blocks of any layout, and an activation, and the gradient of
  /// its output. Weights keep values of one size, so that few lie near a kink.
  private func gradient(_ activation: ScalarFunction, depth: Int = 10) throws -> Graph {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 16, 6, 6]), name: "x")
    var value = x
    for layer in 0..<depth {
      let weights = graph.addConstant(
        normalTensor([16, 16, 3, 3], seed: UInt64(layer + 2)).mappingFloats { $0 / 12 })
      let window = Window(kernel: [3, 3], paddingBefore: [1, 1])
      let linear = try graph.apply(Convolution(window: window, hasBias: false), value, weights)
      value = try graph.apply(Unary(activation), linear)
    }
    var back = try graph.backward(from: value, to: [x])
    back.graph.outputs = [try #require(back.cotangents[0])]
    return back.graph
  }

  @Test(arguments: [ScalarFunction.relu, .clip(lower: -0.5, upper: 0.5), .leakyReLU(slope: 0.1)])
  func gradientsStayAndMemoryShrinks(_ activation: ScalarFunction) throws {
    let graph = try gradient(activation)
    let inputs = [normalTensor([2, 16, 6, 6]), normalTensor([2, 16, 6, 6], seed: 9)]
    let expected = try graph.interpreted(inputs, as: .float64)[0]
    let kept = try graph.applying([.keepRegions])
    #expect(kept.operations.contains("Region"))
    #expect(scaledDifference(try kept.interpreted(inputs, as: .float64)[0], expected)! < exactTolerance)
    let session = try Session(graph)
    #expect(scaledDifference(try session.run(inputs)[0], expected)! < floatTolerance)
    // Ten values of 2 × 16 × 6 × 6 floats would have to be kept.
    #expect(session.workingByteCount < 10 * 2 * 16 * 36 * 4)
  }

  /// A value that somebody needs anyway, or that is near, stays as it is.
  @Test func valuesThatAreNeededStay() throws {
    var graph = try gradient(.relu)
    let rectified = graph.nodes.filter { ($0.operation as? Unary)?.function == .relu }.map { $0.results[0] }
    #expect(!(try graph.applying([.keepRegions], keeping: Set(rectified))).operations.contains("Region"))
    graph.outputs += rectified
    #expect(!(try graph.applying([.keepRegions])).operations.contains("Region"))
    #expect(!(try gradient(.relu, depth: 2).applying([.keepRegions])).operations.contains("Region"))
  }
}
