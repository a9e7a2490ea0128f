import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

/// Graphs of many small nodes: what takes time in proportion to their square would exceed the limits many times.
@Suite struct LargeGraphTests {
  private static let count = 100_000

  /// `y = … relu(relu(x) + x) …`, under names of modules inside modules.
  private func chain(_ count: Int) throws -> [UInt8] {
    var draft = ModelDraft()
    draft.input("x", [nil, 4])
    var last = "x"
    for index in 0..<count {
      let name = "/layers/layers.\(index / 100)/part\(index % 100)/Relu_output_0"
      if index % 2 == 0 {
        draft.node("Relu", [last], [name])
      } else {
        draft.node("Add", [last, "x"], [name])
      }
      last = name
    }
    draft.node("Relu", [last], ["y"])
    draft.output("y")
    return try draft.bytes()
  }

  @Test(.timeLimit(.minutes(2))) func manyNodesAreReadListedAndPlanned() throws {
    let network = try Network(bytes: chain(Self.count))
    let start = ContinuousClock.now
    let graph = try network.graph(batch: 2)
    #expect(graph.nodes.count == Self.count + 1)
    let layers = graph.layers()
    #expect(layers.count == Self.count + 1)
    #expect(layers[4].name == "layers.0.part4")
    let session = try Session(graph)
    let y = try session.run([Tensor(shape: [2, 4], [Float](repeating: 1, count: 8))])[0]
    #expect(y.elements(as: Float.self) == Array(repeating: Float(1 + Self.count / 2), count: 8))
    #expect(ContinuousClock.now - start < .seconds(60))
  }

  /// Every hidden value lives until the pass backward reads it.
  @Test(.timeLimit(.minutes(2))) func manyNodesAreDifferentiated() throws {
    let graph = try Network(bytes: chain(20_000)).graph(batch: 2).applying(Pass.canonical)
    let start = ContinuousClock.now
    var back = try graph.backward(from: graph.outputs[0], to: graph.inputs)
    back.graph.outputs = back.cotangents.compactMap { $0 }
    let session = try Session(back.graph)
    let ones = Tensor(shape: [2, 4], [Float](repeating: 1, count: 8))
    #expect(try session.run([ones, ones])[0].elements(as: Float.self) == Array(repeating: 10_001, count: 8))
    #expect(ContinuousClock.now - start < .seconds(60))
  }

  @Test(.timeLimit(.minutes(1))) func oneValueMayHaveManyNames() throws {
    var draft = ModelDraft()
    draft.input("x0", [nil, 4])
    for index in 0..<Self.count { draft.node("Identity", ["x\(index)"], ["x\(index + 1)"]) }
    draft.output("x\(Self.count)")
    let start = ContinuousClock.now
    let graph = try Network(bytes: draft.bytes()).graph()
    #expect(graph.names(of: graph.outputs[0]).count == Self.count + 1)
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  @Test func modulesKnowWhatIsInsideThem() {
    let paths = ["a", "a.b", "a.b.c", "ab", "", "d.e", "d", ".x", "a.b"]
    #expect(
      ModulePath.enclosing(paths) == [true, true, false, false, true, false, false, false, false])
    let long = String(repeating: "/a", count: 1 << 20)
    #expect(ModulePath.path(tensor: long, node: "") == long)
  }
}
