import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

@Suite struct FuseEpiloguesTests {
  /// Two convolutions, their sum, and a ReLU: what a residual block ends in.
  private func block() throws -> (graph: Graph, first: Value, second: Value, sum: Value) {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 3, 4, 4]), name: "x")
    let window = Window(kernel: [1, 1])
    func convolve(_ seed: UInt64) throws -> Value {
      try graph.apply(
        Convolution(window: window, hasBias: false), x,
        graph.addConstant(normalTensor([3, 3, 1, 1], seed: seed)))
    }
    let first = try convolve(2), second = try convolve(3)
    let sum = try graph.apply(Binary(.add), first, second)
    graph.outputs = [try graph.apply(Unary(.relu), sum)]
    return (graph, first, second, sum)
  }

  private func check(_ graph: Graph, keeping kept: Set<Value> = [], nodes: [String]) throws {
    let x = normalTensor(graph.type(of: graph.inputs[0]).shape)
    let fused = try graph.applying([.removeDeadNodes] + Pass.execution, keeping: kept)
    #expect(fused.operations == nodes)
    #expect(
      scaledDifference(
        try fused.interpreted([x], as: .float64)[0], try graph.interpreted([x], as: .float64)[0])!
        < exactTolerance)
    #expect(scaledDifference(try Session(graph).run([x])[0], try graph.interpreted([x])[0])! < floatTolerance)
  }

  @Test func sumAndActivationAreFused() throws {
    let (graph, first, second, sum) = try block()
    try check(graph, nodes: ["Convolution", "Convolution"])
    // The later convolution adds unless it is hooked; then the earlier one does.
    try check(graph, keeping: [second], nodes: ["Convolution", "Convolution"])
    try check(graph, keeping: [first, second], nodes: ["Convolution", "Convolution", "Add·Relu"])
    try check(graph, keeping: [sum], nodes: ["Convolution", "Convolution", "Relu"])
  }

  @Test func valueReadTwiceIsNotFused() throws {
    var (graph, _, _, sum) = try block()
    graph.outputs = [try graph.apply(Binary(.mul), graph.outputs[0], sum)]
    try check(graph, nodes: ["Convolution", "Convolution", "Relu·Mul"])
  }

  @Test func doubledValueIsNoResidual() throws {
    var (graph, first, _, _) = try block()
    graph.outputs = [try graph.apply(Binary(.add), first, first)]
    try check(graph, nodes: ["Convolution", "Add"])
  }

  /// A bias per channel broadcasts: it is no residual of the result's shape.
  @Test func broadcastSumIsNoResidual() throws {
    var (graph, first, _, _) = try block()
    graph.outputs = [try graph.apply(Binary(.add), first, graph.addConstant(normalTensor([3, 1, 1])))]
    try check(graph, nodes: ["Convolution", "Add"])
  }

  @Test func activationAfterActivationIsNotFused() throws {
    var (graph, first, _, _) = try block()
    graph.outputs = [try graph.apply(Unary(.tanh), graph.apply(Unary(.relu), first))]
    try check(graph, nodes: ["Convolution", "Tanh"])
  }
}
