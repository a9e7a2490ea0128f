import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

@Suite struct AlignConvolutionsTests {
  /// Convolutions with rectifiers between, and the gradient of their output.
  private func gradient() throws -> Graph {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 32, 12, 12]), name: "x")
    var value = x
    for layer in 0..<6 {
      let weights = graph.addConstant(normalTensor([32, 32, 3, 3], seed: UInt64(layer + 2)))
      let window = Window(kernel: [3, 3], paddingBefore: [1, 1])
      value = try graph.apply(
        Unary(.relu), graph.apply(Convolution(window: window, hasBias: false), value, weights))
    }
    var back = try graph.backward(from: value, to: [x])
    back.graph.outputs = [try #require(back.cotangents[0])]
    return back.graph
  }

  /// Values are reordered on the way in and on the way out, not between.
  @Test func layoutsMeetOnTheWayBack() throws {
    let graph = try gradient()
    let plan = try Plan(graph.applying(Pass.execution), weights: WeightCache())
    #expect(plan.steps.filter { $0.node == nil }.count <= 3)
    let inputs = [normalTensor([2, 32, 12, 12]), normalTensor([2, 32, 12, 12], seed: 9)]
    let expected = try graph.interpreted(inputs, as: .float64)[0]
    #expect(scaledDifference(try Session(graph).run(inputs)[0], expected)! < floatTolerance)
  }

  /// A network without a way back keeps the layouts that are best for it alone.
  @Test func forwardNetworksStay() throws {
    let graph = try residualNetwork().graph(batch: 2).applying([.alignConvolutions])
    #expect(graph.nodes.allSatisfy { ($0.operation as? Convolution)?.prefersBlocks != true })
  }

  /// Depthwise convolutions and those around them share blocks of channels, so that nothing is reordered between.
  @Test func depthwiseNetworksShareBlocks() throws {
    var graph = Graph()
    var value = graph.addInput(TensorType([2, 32, 12, 12]), name: "x")
    for layer in 0..<4 {
      let expanded = try graph.apply(
        Convolution(window: Window(kernel: [1, 1]), hasBias: false), value,
        graph.addConstant(normalTensor([64, 32, 1, 1], seed: UInt64(3 * layer + 1))))
      let filtered = try graph.apply(
        Convolution(window: Window(kernel: [3, 3], paddingBefore: [1, 1]), groups: 64, hasBias: false),
        expanded,
        graph.addConstant(normalTensor([64, 1, 3, 3], seed: UInt64(3 * layer + 2))))
      value = try graph.apply(
        Convolution(window: Window(kernel: [1, 1]), hasBias: false), graph.apply(Unary(.relu), filtered),
        graph.addConstant(normalTensor([32, 64, 1, 1], seed: UInt64(3 * layer + 3))))
    }
    graph.outputs = [value]
    let plan = try Plan(graph.applying(Pass.execution), weights: WeightCache())
    #expect(plan.steps.filter { $0.node == nil }.count <= 2)
    let x = normalTensor([2, 32, 12, 12])
    let expected = try graph.interpreted([x], as: .float64)[0]
    #expect(scaledDifference(try Session(graph).run([x])[0], expected)! < floatTolerance)
  }
}
