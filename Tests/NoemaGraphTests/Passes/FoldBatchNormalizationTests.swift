import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

@Suite struct FoldBatchNormalizationTests {
  /// Convolution → batch normalisation, and the value in between.
  private func pair(hasBias: Bool = true, groups: Int = 1) throws -> (graph: Graph, between: Value) {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 4, 5, 5]), name: "x")
    var operands = [x, graph.addConstant(normalTensor([6, 4 / groups, 3, 3], seed: 2))]
    if hasBias { operands.append(graph.addConstant(normalTensor([6], seed: 3))) }
    let convolution = Convolution(window: Window(kernel: [3, 3]), groups: groups, hasBias: hasBias)
    let between = try graph.add(convolution, operands)[0]
    let variance = Tensor(
      shape: [6], normalTensor([6], seed: 7).elements(as: Float.self).map { 0.1 + $0 * $0 })
    let statistics = (4..<7).map { graph.addConstant(normalTensor([6], seed: UInt64($0))) }
    graph.outputs = try graph.add(
      BatchNormalization(epsilon: 1e-3), [between] + statistics + [graph.addConstant(variance)])
    return (graph, between)
  }

  @Test(arguments: [(true, 1), (false, 1), (true, 2)])
  func isMergedIntoTheConvolution(_ hasBias: Bool, _ groups: Int) throws {
    let (graph, _) = try pair(hasBias: hasBias, groups: groups), x = normalTensor([2, 4, 5, 5])
    let folded = try graph.applying(Pass.canonical)
    #expect(folded.operations == ["Convolution"])
    #expect(folded.outputs == graph.outputs)
    #expect(
      scaledDifference(
        try folded.interpreted([x], as: .float64)[0], try graph.interpreted([x], as: .float64)[0])!
        < floatTolerance)
  }

  @Test func hookedValueInBetweenIsLeftAlone() throws {
    let (graph, between) = try pair(), x = normalTensor([2, 4, 5, 5])
    #expect(
      try graph.applying(Pass.canonical, keeping: [between]).operations == [
        "Convolution", "BatchNormalization",
      ])
    var hooked = graph
    hooked.outputs.append(between)
    let canonical = try hooked.applying(Pass.canonical)
    #expect(canonical.operations == ["Convolution", "BatchNormalization"])
    #expect(try canonical.interpreted([x])[1] == hooked.interpreted([x])[1])
  }

  @Test func valueReadElsewhereIsLeftAlone() throws {
    var (graph, between) = try pair()
    graph.outputs = [try graph.apply(Binary(.add), graph.outputs[0], between)]
    #expect(try graph.applying(Pass.canonical).operations == ["Convolution", "BatchNormalization", "Add"])
  }

  /// What cannot be merged becomes a product and a sum before it runs.
  @Test func remainingOnesAreLowered() throws {
    let (graph, between) = try pair(), x = normalTensor([2, 4, 5, 5])
    let lowered = try graph.applying([.lowerBatchNormalization], keeping: [between])
    #expect(lowered.operations == ["Convolution", "Mul", "Add"])
    #expect(
      scaledDifference(
        try lowered.interpreted([x], as: .float64)[0], try graph.interpreted([x], as: .float64)[0])!
        < floatTolerance)
  }
}
