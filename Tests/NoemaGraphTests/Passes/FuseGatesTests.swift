import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

@Suite struct FuseGatesTests {
  /// A gate behind a sum, as it stands behind every residual block of a gradient.
  private func gatedSum() throws -> (graph: Graph, sum: Value) {
    var graph = Graph()
    let type = TensorType([2, 3, 4, 4])
    let operands = ["a", "b", "control"].map { graph.addInput(type, name: $0) }
    let sum = try graph.apply(Binary(.add), operands[0], operands[1])
    graph.outputs = [try graph.apply(Gate(lower: 0), sum, operands[2])]
    return (graph, sum)
  }

  @Test func sumIsAddedByTheGate() throws {
    let (graph, sum) = try gatedSum()
    let inputs = (1...3).map { normalTensor([2, 3, 4, 4], seed: UInt64($0)) }
    for (kept, nodes) in [([], ["Gate"]), ([sum], ["Add", "Gate"])] as [(Set<Value>, [String])] {
      let fused = try graph.applying(Pass.execution, keeping: kept)
      #expect(fused.operations == nodes)
      // The same additions and products in the same order.
      let expected = try graph.interpreted(inputs)[0]
      #expect(scaledDifference(try fused.interpreted(inputs)[0], expected)! == 0)
      #expect(scaledDifference(try Session(graph).run(inputs)[0], expected)! == 0)
    }
  }

  @Test func sumReadElsewhereStays() throws {
    var (graph, sum) = try gatedSum()
    graph.outputs.append(try graph.apply(Unary(.negative), sum))
    #expect(try graph.applying(Pass.execution).operations == ["Add", "Gate", "Negative"])
  }
}
