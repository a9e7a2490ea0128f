import Foundation
@testable import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Branches taken and loops unrolled on import.
@Suite struct ControlFlowTests {
  private func floats(_ tensor: Tensor) -> [Float] { tensor.elements(as: Float.self) }

  private func vector(_ numbers: Float...) -> Tensor { Tensor(shape: [numbers.count], numbers) }

  /// A branch that adds a constant of its own to `x` from outside.
  private func adding(_ number: Float) -> ModelDraft {
    var body = ModelDraft()
    body.initialiser("number", Tensor(number))
    body.node("Add", ["x", "number"], ["sum"])
    body.output("sum", [nil])
    return body
  }

  /// A body `s ← s · factor + i`, with `s` as a scan output too; `factor` lies outside.
  private func loopBody() -> ModelDraft {
    var body = ModelDraft()
    body.input("i", [], .int64)
    body.input("go", [], .bool)
    body.input("s", [2])
    body.node("Cast", ["i"], ["step"], ["to": .int(1)])
    body.node("Mul", ["s", "factor"], ["scaled"])
    body.node("Add", ["scaled", "step"], ["next"], name: "advance")
    body.node("Identity", ["go"], ["goes"])
    body.node("Identity", ["next"], ["seen"])
    body.output("goes", [], .bool)
    body.output("next", [2])
    body.output("seen", [2])
    return body
  }

  private func loop(trips: Int64?, going: Bool? = true) -> ModelDraft {
    var draft = ModelDraft()
    draft.input("x", [2])
    draft.initialiser("factor", Tensor(Float(2)))
    if let trips { draft.initialiser("trips", Tensor(trips)) }
    if let going { draft.initialiser("going", Tensor(going)) }
    draft.node(
      "Loop", [trips == nil ? "" : "trips", going == nil ? "" : "going", "x"], ["last", "all"], name: "loop",
      ["body": .graph(loopBody())])
    draft.output("last", [2])
    draft.output("all", [nil, 2])
    return draft
  }

  @Test(arguments: [true, false])
  func branchesAreTaken(_ condition: Bool) throws {
    var draft = ModelDraft()
    draft.input("x", [2])
    draft.initialiser("condition", Tensor(condition))
    draft.node(
      "If", ["condition"], ["y"], ["then_branch": .graph(adding(1)), "else_branch": .graph(adding(-1))])
    draft.output("y", [2])
    let graph = try Network(bytes: draft.bytes()).graph()
    #expect(floats(try graph.interpreted([vector(3, 4)])[0]) == (condition ? [4, 5] : [2, 3]))
    #expect(graph.nodes.count == 1 && graph.firstViolation() == nil)
  }

  /// What shapes decide is decided; the other branch may hold what Noema lacks.
  @Test func conditionsOnShapesFold() throws {
    var lacking = ModelDraft()
    lacking.node("Mystery", ["x"], ["m"])
    lacking.output("m")
    var draft = ModelDraft()
    draft.input("x", [2])
    draft.initialiser("two", Tensor(shape: [1], [Int64(2)]))
    draft.node("Shape", ["x"], ["shape"])
    draft.node("Equal", ["shape", "two"], ["condition"])
    draft.node(
      "If", ["condition"], ["y"], ["then_branch": .graph(adding(1)), "else_branch": .graph(lacking)])
    draft.output("y", [2])
    let network = try Network(bytes: draft.bytes())
    #expect(floats(try network.graph().interpreted([vector(3, 4)])[0]) == [4, 5])
    let support = try network.operatorSupport()
    #expect(support.first { $0.name == "Mystery" }?.isRead == false)
    #expect(support.first { $0.name == "If" }?.differentiation == .full)
  }

  @Test func conditionsOnDataAreRefused() throws {
    var draft = ModelDraft(opset: 16)
    draft.input("x", [2])
    draft.input("c", [1], .bool)
    draft.node(
      "If", ["c"], ["y"], name: "choice",
      ["then_branch": .graph(adding(1)), "else_branch": .graph(adding(2))])
    draft.output("y", [2])
    let network = try Network(bytes: draft.bytes())
    let error = #expect(throws: GraphError.self) { try network.graph() }
    #expect(error?.category == .unsupported)
    #expect(error?.description.hasPrefix("If node 'choice' (opset 16): the condition ('c') depends") == true)
    let bound = try network.graph(constants: ["c": Tensor(shape: [1], [true])])
    #expect(floats(try bound.interpreted([vector(3, 4)])[0]) == [4, 5])
  }

  @Test func loopsUnroll() throws {
    let network = try Network(bytes: loop(trips: 3).bytes())
    let graph = try network.graph()
    // 2·(2·(2·s + 0) + 1) + 2 = 8 s + 4
    let results = try graph.interpreted([vector(1, -1)])
    #expect(floats(results[0]) == [12, -4])
    #expect(results[1] == Tensor(shape: [3, 2], [Float(2), -2, 5, -3, 12, -4]))
    #expect(graph.firstViolation() == nil)
    let names = graph.layers().flatMap { graph.names(of: $0.value) }
    #expect(names.contains("scaled/0") && names.contains("scaled/2") && names.contains("last"))
    #expect(Set(names).count == names.count)
    #expect(graph.nodes.contains { $0.name == "advance/1" })
    #expect(try Session(graph).run([vector(1, -1)]) == results)
    let support = try network.operatorSupport()
    #expect(support.map(\.name) == ["Loop", "Cast", "Mul", "Add", "Identity"])
    #expect(support[0].differentiation == .full && support[3].differentiation == .full)
    #expect(support[1].differentiation == .constant)
  }

  @Test func derivativesPassThroughLoops() throws {
    let graph = try Network(bytes: loop(trips: 4).bytes()).graph()
    var back = try graph.backward(from: graph.outputs[0], to: graph.inputs)
    back.graph.outputs = [back.cotangents[0]!]
    #expect(floats(try back.graph.interpreted([vector(1, 2), vector(1, 10)])[0]) == [16, 160])
  }

  @Test func loopsMayNotRun() throws {
    for draft in [loop(trips: 0), loop(trips: 5, going: false), loop(trips: -1, going: nil)] {
      let results = try Network(bytes: draft.bytes()).graph().interpreted([vector(1, -1)])
      #expect(floats(results[0]) == [1, -1] && results[1].shape == [0, 2])
    }
  }

  /// A loop without a trip count runs until its condition, here one on the iteration's number, is false.
  @Test func conditionsEndLoops() throws {
    var body = ModelDraft()
    body.input("i", [], .int64)
    body.input("go", [], .bool)
    body.input("s", [2])
    body.initialiser("last", Tensor(Int64(4)))
    body.node("Less", ["i", "last"], ["goes"])
    body.node("Add", ["s", "s"], ["next"])
    body.output("goes", [], .bool)
    body.output("next", [2])
    func draft(_ body: ModelDraft) -> ModelDraft {
      var draft = ModelDraft()
      draft.input("x", [2])
      draft.initialiser("going", Tensor(true))
      draft.node("Loop", ["", "going", "x"], ["y"], ["body": .graph(body)])
      draft.output("y", [2])
      return draft
    }
    let graph = try Network(bytes: draft(body).bytes()).graph()
    #expect(floats(try graph.interpreted([vector(1, 3)])[0]) == [32, 96])

    var endless = ModelDraft()
    endless.input("i", [], .int64)
    endless.input("go", [], .bool)
    endless.input("s", [2])
    endless.node("Identity", ["go"], ["goes"])
    endless.output("goes", [], .bool)
    endless.output("s", [2])
    let error = #expect(throws: GraphError.self) { try Network(bytes: draft(endless).bytes()).graph() }
    #expect(error?.category == .unsupported && error?.description.contains("65536") == true)

    var onData = ModelDraft()
    onData.input("i", [], .int64)
    onData.input("go", [], .bool)
    onData.input("s", [2])
    onData.node("ReduceSum", ["s"], ["sum"], ["keepdims": .int(0)])
    onData.initialiser("bound", Tensor(Float(9)))
    onData.node("Less", ["sum", "bound"], ["goes"])
    onData.output("goes", [], .bool)
    onData.output("s", [2])
    let refusal = #expect(throws: GraphError.self) { try Network(bytes: draft(onData).bytes()).graph() }
    #expect(refusal?.category == .unsupported)
    #expect(refusal?.description.contains("after iteration 0 ('goes/0') depends on the data") == true)
  }

  /// A loop in a loop, the inner one reading a value of the outer's body and one of the file.
  @Test func loopsNest() throws {
    var inner = ModelDraft()
    inner.input("j", [], .int64)
    inner.input("inner_go", [], .bool)
    inner.input("t", [2])
    inner.node("Add", ["t", "doubled"], ["more"])
    inner.node("Add", ["more", "factor"], ["most"])
    inner.output("inner_go", [], .bool)
    inner.output("most", [2])
    var outer = ModelDraft()
    outer.input("i", [], .int64)
    outer.input("go", [], .bool)
    outer.input("s", [2])
    outer.node("Mul", ["s", "factor"], ["doubled"])
    outer.node("Loop", ["twice", "go", "s"], ["u"], ["body": .graph(inner)])
    outer.output("go", [], .bool)
    outer.output("u", [2])
    var draft = ModelDraft()
    draft.input("x", [2])
    draft.initialiser("factor", Tensor(Float(2)))
    draft.initialiser("twice", Tensor(Int64(2)))
    draft.node("Loop", ["twice", "", "x"], ["y"], ["body": .graph(outer)])
    draft.output("y", [2])
    let graph = try Network(bytes: draft.bytes()).graph()
    // s ← s + 2·(2 s + 2) = 5 s + 4, twice.
    #expect(floats(try graph.interpreted([vector(1, 0)])[0]) == [49, 24])
    #expect(graph.nodes.contains { $0.name == "more/1/0" })
  }

  @Test func scansRunOverAxes() throws {
    var body = ModelDraft()
    body.input("s", [2])
    body.input("a", [2])
    body.input("b", [2])
    body.node("Mul", ["a", "b"], ["ab"])
    body.node("Add", ["s", "ab"], ["next"])
    body.node("Identity", ["next"], ["seen"])
    body.node("Neg", ["s"], ["before"])
    for name in ["next", "seen", "before"] { body.output(name, [2]) }
    var draft = ModelDraft()
    draft.input("x", [2])
    draft.input("p", [3, 2])
    draft.input("q", [2, 3])
    draft.node(
      "Scan", ["x", "p", "q"], ["last", "forwards", "backwards"],
      [
        "body": .graph(body), "num_scan_inputs": .int(2), "scan_input_axes": .ints([0, 1]),
        "scan_input_directions": .ints([0, 1]), "scan_output_axes": .ints([0, -1]),
        "scan_output_directions": .ints([0, 1]),
      ])
    for name in ["last", "forwards", "backwards"] { draft.output(name) }
    let graph = try Network(bytes: draft.bytes()).graph()
    let p = Tensor(shape: [3, 2], [Float(1), 2, 3, 4, 5, 6])
    let q = Tensor(shape: [2, 3], [Float(1), 10, 100, 2, 20, 200])
    let results = try graph.interpreted([vector(0, 1), p, q])
    // Of q the last column comes first: (100, 200), (10, 20), (1, 2).
    #expect(floats(results[0]) == [135, 493])
    #expect(results[1] == Tensor(shape: [3, 2], [Float(100), 401, 130, 481, 135, 493]))
    #expect(results[2] == Tensor(shape: [2, 3], [Float(-130), -100, -0.0, -481, -401, -1]))
  }

  /// Opset 8 runs the body once for each example and step, as far as the sequence reaches.
  @Test func oldScansRunOverExamples() throws {
    var body = ModelDraft()
    body.input("s", [1])
    body.input("a", [1])
    body.node("Add", ["s", "a"], ["next"])
    body.node("Identity", ["next"], ["seen"])
    body.output("next", [1])
    body.output("seen", [1])
    var draft = ModelDraft(opset: 8)
    draft.input("x", [2, 1])
    draft.input("p", [2, 3, 1])
    draft.initialiser("lengths", Tensor(shape: [2], [Int64(3), 2]))
    draft.node(
      "Scan", ["lengths", "x", "p"], ["last", "all"],
      ["body": .graph(body), "num_scan_inputs": .int(1), "directions": .ints([1])])
    draft.output("last")
    draft.output("all")
    let graph = try Network(bytes: draft.bytes()).graph()
    let results = try graph.interpreted([
      Tensor(shape: [2, 1], [Float(0), 10]), Tensor(shape: [2, 3, 1], [Float(1), 2, 3, 4, 5, 6]),
    ])
    #expect(results[0] == Tensor(shape: [2, 1], [Float(6), 19]))
    #expect(results[1] == Tensor(shape: [2, 3, 1], [Float(3), 5, 6, 15, 19, 0]))
  }

  /// Names of a body hide those outside, and end with it.
  @Test func namesEndWithTheirBody() throws {
    var body = adding(1)
    body.node("Neg", ["sum"], ["hidden"])
    var draft = ModelDraft()
    draft.input("x", [2])
    draft.initialiser("yes", Tensor(true))
    draft.node("If", ["yes"], ["y"], ["then_branch": .graph(body), "else_branch": .graph(body)])
    draft.node("Relu", ["hidden"], ["z"])
    draft.output("z", [2])
    let error = #expect(throws: GraphError.self) { try Network(bytes: draft.bytes()).graph() }
    #expect(error?.category == .badData && error?.description.contains("'hidden'") == true)
  }

  @Test func bodiesAreNotCut() throws {
    let path = FileManager.default.temporaryDirectory.path + "/noema-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try loop(trips: 3).write(to: path)
    let network = try Network(contentsOf: path)
    for name in ["scaled", "scaled/1"] {
      let error = #expect(throws: GraphError.self) { try network.extracted(to: [name]) }
      #expect(error?.description.contains("lies in the body of Loop node 'loop'") == true)
    }
    let part = try Network(bytes: network.extracted(to: ["last"]))
    #expect(floats(try part.graph().interpreted([vector(1, -1)])[0]) == [12, -4])
  }

  // MARK: Bounds

  @Test func endlessUnrollingIsRefused() throws {
    let error = #expect(throws: GraphError.self) {
      try Network(bytes: loop(trips: .max).bytes()).graph()
    }
    #expect(error?.category == .unsupported)
    #expect(error?.description.contains("unroll to more than 65536 nodes") == true)
  }

  @Test func deepNestingIsRefused() throws {
    func nested(_ levels: Int) -> ModelDraft {
      var draft = ModelDraft()
      if levels == 0 {
        draft.node("Neg", ["x"], ["v0"])
      } else {
        draft.node(
          "If", ["yes"], ["v\(levels)"],
          ["then_branch": .graph(nested(levels - 1)), "else_branch": .graph(adding(1))])
      }
      draft.output("v\(levels)")
      return draft
    }
    func network(_ levels: Int) throws -> Network {
      var draft = nested(levels)
      draft.input("x", [2])
      draft.initialiser("yes", Tensor(true))
      return try Network(bytes: draft.bytes())
    }
    #expect(floats(try network(48).graph().interpreted([vector(1, 2)])[0]) == [-1, -2])
    let error = #expect(throws: GraphError.self) { try network(49).graph() }
    #expect(error?.category == .unsupported && error?.description.contains("48 levels deep") == true)
  }

  /// A few bytes in a loop's body must not become gigabytes: beyond a budget constants are left as nodes, which are
  /// counted.
  @Test func constantsOfIterationsAreBounded() throws {
    var body = ModelDraft()
    body.input("i", [], .int64)
    body.input("go", [], .bool)
    body.input("s", [2])
    body.node("ConstantOfShape", ["size"], ["large"])
    body.output("go", [], .bool)
    body.output("s", [2])
    var draft = ModelDraft()
    draft.input("x", [2])
    draft.initialiser("size", Tensor(shape: [1], [Int64(1) << 22]))
    draft.initialiser("trips", Tensor(Int64(100_000)))
    draft.node("Loop", ["trips", "", "x"], ["y"], ["body": .graph(body)])
    draft.output("y", [2])
    let error = #expect(throws: GraphError.self) { try Network(bytes: draft.bytes()).graph() }
    #expect(error?.category == .unsupported && error?.description.contains("unroll to more than") == true)
  }
}
