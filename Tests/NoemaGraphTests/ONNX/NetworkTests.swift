import Foundation
@testable import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct NetworkTests {
  @Test func declarationsAreRead() throws {
    var draft = residualDraft(opset: 13)
    draft.importDomain("com.example", version: 3)
    let network = try Network(bytes: draft.bytes())
    #expect(network.opsets == ["": 13, "com.example": 3])
    #expect(network.inputs.map(\.name) == ["input"])
    #expect(network.inputs[0].dimensions == [.named("batch"), .fixed(2), .fixed(6), .fixed(6)])
    #expect(network.inputs[0].element == .float32)
    #expect(network.outputs.map(\.name) == ["logits"])
    #expect(network.producer == "noema-tests")
    #expect(network.parameterCount == 4 * 2 * 9 + 4 * 4 * 9 + 2 * 4 * 4 + 3 * 4 + 3)
    #expect(network.hasDynamicBatch && network.fixedBatch == nil)
    #expect(network.path.isEmpty)
  }

  /// Old exporters list parameters among the inputs as well.
  @Test func parametersListedAsInputsAreNone() throws {
    var draft = ModelDraft(opset: 7)
    draft.input("x", [4, 2])
    draft.input("w", [2, 3])
    draft.initialiser("w", normalTensor([2, 3]))
    draft.node("MatMul", ["x", "w"], ["y"])
    draft.output("y", [4, 3])
    let network = try Network(bytes: draft.bytes())
    #expect(network.inputs.map(\.name) == ["x"])
    #expect(network.fixedBatch == 4 && !network.hasDynamicBatch)
    #expect(try network.graph(batch: 9).inputs.count == 1)
  }

  @Test(arguments: [1, 2, 5])
  func freeBatchTakesAnyExtent(_ batch: Int) throws {
    let graph = try residualNetwork().graph(batch: batch)
    #expect(graph.type(of: graph.inputs[0]).shape == [batch, 2, 6, 6])
    #expect(graph.type(of: graph.outputs[0]).shape == [batch, 3])
    #expect(graph.firstViolation() == nil)
  }

  @Test func otherFreeAxesNeedAShape() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 3, nil])
    draft.node("Relu", ["x"], ["y"])
    draft.output("y")
    let network = try Network(bytes: draft.bytes())
    let error = #expect(throws: GraphError.self) { try network.graph() }
    #expect(error?.description == "axis 'axis_2' of input 'x' has no fixed extent; give the input's shape")
    // The free first axis counts examples, whatever was typed for it.
    for batch in [1, 5] {
      let graph = try network.graph(batch: batch, shapes: ["x": [2, 3, 7]])
      #expect(graph.type(of: graph.outputs[0]).shape == [batch, 3, 7])
    }
    func message(_ shapes: [String: [Int]]) -> String? {
      (#expect(throws: GraphError.self) { try network.graph(shapes: shapes) })?.description
    }
    #expect(
      message(["x": [1, 4, 7]])
        == "input 'x' has shape batch×3×axis_2, which the given shape [1, 4, 7] does not fit")
    #expect(message(["xx": [1, 3, 7]]) == "no input named 'xx'; did you mean 'x'?")
  }

  /// What an exporter writes to flatten at any batch size: shape arithmetic that vanishes on import.
  @Test func shapeArithmeticIsFolded() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2, 3])
    draft.initialiser("zero", Tensor(shape: [1], [Int64(0)]))
    draft.initialiser("rest", Tensor(shape: [1], [Int64(-1)]))
    draft.node("Shape", ["x"], ["shape"])
    draft.node("Gather", ["shape", "zero"], ["batch"])
    draft.node("Concat", ["batch", "rest"], ["target"], ["axis": .int(0)])
    draft.node("Reshape", ["x", "target"], ["y"])
    draft.output("y", [nil, 6])
    let graph = try Network(bytes: draft.bytes()).graph(batch: 4)
    #expect(graph.operations == ["Reshape"])
    #expect(graph.type(of: graph.outputs[0]).shape == [4, 6])
  }

  @Test func shapesThatDependOnDataAreRefused() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.node("Cast", ["x"], ["target"], ["to": .int(7)])
    draft.node("Reshape", ["x", "target"], ["y"], name: "bend")
    draft.output("y")
    let network = try Network(bytes: draft.bytes())
    let error = #expect(throws: GraphError.self) { try network.graph() }
    #expect(error?.place == "Reshape node 'bend' (opset 17)")
    #expect(error?.category == .unsupported)
  }

  /// What decides a shape may come in as an input, when it is bound.
  @Test func inputsBecomeConstants() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.input("target", [nil])
    draft.node("Cast", ["target"], ["whole"], ["to": .int(7)])
    draft.node("Reshape", ["x", "whole"], ["y"])
    draft.output("y")
    let network = try Network(bytes: draft.bytes())
    let target = Tensor(shape: [1], [Float(-1)])
    let graph = try network.graph(batch: 1, shapes: ["x": [1, 2]], constants: ["target": target])
    #expect(graph.inputs.map { graph.displayName(of: $0) } == ["x"])
    #expect(graph.operations == ["Reshape"])
    #expect(graph.type(of: graph.outputs[0]).shape == [2])
    func message(_ constants: [String: Tensor]) -> String? {
      (#expect(throws: GraphError.self) { try network.graph(constants: constants) })?.description
    }
    #expect(message(["tarqet": target]) == "no input named 'tarqet'; did you mean 'target'?")
    #expect(
      message(["target": Tensor(shape: [1], [Int64(2)])])
        == "input 'target' holds float32, which the constant int64[1] does not fit")
    #expect(
      message(["x": Tensor(shape: [1, 3], [Float](repeating: 0, count: 3)), "target": target])
        == "input 'x' has shape batch×2, which the given shape [1, 3] does not fit")
    // With nothing left to feed, the outputs are constants, and still run.
    let all = try network.graph(
      constants: ["x": Tensor(shape: [1, 2], [Float(3), 4]), "target": target])
    #expect(try Session(all).run([])[0] == Tensor(shape: [2], [Float(3), 4]))
  }

  @Test func unsupportedOperatorsAreListedWithTheirNodes() throws {
    var draft = ModelDraft(opset: 15)
    draft.importDomain("com.microsoft", version: 1)
    draft.input("x", [nil, 2])
    for index in 1...4 { draft.node("Mystery", ["x"], ["m\(index)"], name: "/head/m\(index)") }
    draft.node("LongformerAttention", ["m1"], ["unnamed"], domain: "com.microsoft")
    draft.node("Relu", ["unnamed"], ["y"])
    draft.output("y")
    let network = try Network(bytes: draft.bytes())
    #expect(
      network.unsupportedOperators == [
        UnsupportedOperator(
          name: "Mystery", opset: 15, nodes: ["/head/m1", "/head/m2", "/head/m3", "/head/m4"]),
        UnsupportedOperator(name: "com.microsoft.LongformerAttention", opset: 1, nodes: ["unnamed"]),
      ])
    let error = #expect(throws: GraphError.self) { try network.graph() }
    #expect(error?.category == .unsupported)
    #expect(
      error?.description == """
        2 operators are not supported:
          Mystery (opset 15) at /head/m1, /head/m2, /head/m3, … (4 nodes)
          com.microsoft.LongformerAttention (opset 1) at unnamed
        Export with standard operators of the default ONNX domain, or cut the network before them.
        """)
  }

  @Test func opsetThatIsTooNewIsUnsupported() throws {
    var draft = ModelDraft(opset: 99)
    draft.input("x", [nil, 2])
    draft.node("Relu", ["x"], ["y"], name: "r")
    draft.output("y")
    #expect(
      try Network(bytes: draft.bytes()).unsupportedOperators
        == [UnsupportedOperator(name: "Relu", opset: 99, nodes: ["r"])])
  }

  /// One row: what is wrong with a file, and what the error says.
  struct Malformed: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let message: String
    let make: @Sendable (inout ModelDraft) -> Void

    init(_ what: String, _ message: String, _ make: @escaping @Sendable (inout ModelDraft) -> Void) {
      (testDescription, self.message, self.make) = (what, message, make)
    }
  }

  @Test(arguments: [
    Malformed(
      "unknown operand", "node 'r' reads 'z', which no earlier node, input or initialiser makes"
    ) {
      $0.node("Relu", ["z"], ["y"], name: "r")
      $0.output("y")
    },
    Malformed("node before its operand", "node 'r' reads 'late', which no earlier") {
      $0.node("Relu", ["late"], ["y"], name: "r")
      $0.node("Relu", ["x"], ["late"])
      $0.output("y")
    },
    Malformed("value made twice", "Relu node 'b': not a valid ONNX model: value 'y' is made twice") {
      $0.node("Relu", ["x"], ["y"], name: "a")
      $0.node("Relu", ["x"], ["y"], name: "b")
      $0.output("y")
    },
    Malformed("output never made", "output 'y' is never made") { $0.output("y") },
    Malformed("input declared twice", "input 'x' is declared twice") {
      $0.input("x", [nil, 3])
      $0.node("Relu", ["x"], ["y"])
      $0.output("y")
    },
    Malformed("operand missing", "Relu node 'r': not a valid ONNX model: operand 0 is missing") {
      $0.node("Relu", [""], ["y"], name: "r")
      $0.output("y")
    },
    Malformed("operands that do not fit", "MatMul node 'm'") {
      $0.initialiser("w", normalTensor([5, 2]))
      $0.node("MatMul", ["x", "w"], ["y"], name: "m")
      $0.output("y")
    },
  ])
  func malformedFilesAreExplained(_ row: Malformed) throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    row.make(&draft)
    let network = try Network(bytes: draft.bytes())
    let error = #expect(throws: GraphError.self) { try network.graph() }
    #expect(error?.description.contains(row.message) == true, "\(String(describing: error))")
    #expect(error?.category == .badData)
  }

  @Test func missingFileIsNamed() {
    let error = #expect(throws: GraphError.self) { try Network(contentsOf: "no/such/net.onnx") }
    #expect(
      error?.description == "no/such/net.onnx: cannot open the model file (no such file); check the path")
    #expect(error?.category == .missingFile)
  }
}
