@testable import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Functions that a file defines beside its graph.
@Suite struct FunctionTests {
  private let domain = "local"
  private let x = Tensor(shape: [3], [Float(-2), 1, 4])

  private func file(opset: Int = 17) -> ModelDraft {
    var draft = ModelDraft(opset: opset)
    draft.importDomain(domain, version: 1)
    draft.input("x", [3])
    return draft
  }

  /// `max(slope · x, x)`, the slope an attribute.
  private func leaky() -> ModelDraft {
    var body = ModelDraft()
    body.input("a", [])
    body.node("Constant", [], ["slope"], ["value_float": .reference("slope")])
    body.node("Mul", ["a", "slope"], ["low"])
    body.node("Max", ["a", "low"], ["b"])
    body.output("b")
    return body
  }

  private func run(_ draft: ModelDraft) throws -> [Float] {
    try Network(bytes: draft.bytes()).graph().interpreted([x])[0].elements(as: Float.self)
  }

  @Test func callsAreExpanded() throws {
    var draft = file()
    draft.function("Leaky", domain: domain, attributes: ["slope": .float(0.5)], leaky())
    draft.node("Leaky", ["x"], ["y"], name: "first", domain: domain)
    draft.node("Leaky", ["y"], ["z"], name: "second", domain: domain, ["slope": .float(0.25)])
    draft.output("z")
    #expect(try run(draft) == [-0.25, 1, 4])
    let network = try Network(bytes: draft.bytes()), graph = try network.graph()
    #expect(graph.layers().map { graph.names(of: $0.value)[0] }.contains("first/low"))
    #expect(graph.nodes.map(\.name).contains("second/b"))
    let support = try network.operatorSupport()
    #expect(support.map(\.name) == ["local.Leaky", "Constant", "Mul", "Max"])
    #expect(support[0].differentiation == .full && support[0].nodes == ["first", "second"])
  }

  /// A function names its own opset: before 13, ReduceSum had its axes as an attribute.
  @Test func functionsImportTheirOpsets() throws {
    var body = ModelDraft(opset: 11)
    body.input("a", [])
    body.node("ReduceSum", ["a"], ["b"], ["axes": .ints([0]), "keepdims": .int(0)])
    body.output("b")
    var draft = file()
    draft.function("Total", domain: domain, body)
    draft.node("Total", ["x"], ["y"], domain: domain)
    draft.output("y")
    #expect(try run(draft) == [3])
  }

  @Test func functionsCallEachOther() throws {
    var outer = ModelDraft()
    outer.importDomain(domain, version: 1)
    outer.input("a", [])
    outer.input("unused", [])
    outer.node("Leaky", ["a"], ["h"], domain: domain, ["slope": .reference("how_steep")])
    outer.node("Clip", ["h", "unused"], ["b"])
    outer.output("b")
    var draft = file()
    draft.function("Leaky", domain: domain, attributes: ["slope": nil], leaky())
    draft.function("Outer", domain: domain, attributes: ["how_steep": nil], outer)
    draft.node("Outer", ["x"], ["y"], domain: domain, ["how_steep": .float(0.5)])
    draft.output("y")
    // The call leaves out the second operand, so the clip has no bound.
    #expect(try run(draft) == [-1, 1, 4])
  }

  @Test func bodiesInFunctionsTakeAttributes() throws {
    var branch = ModelDraft()
    branch.node("Constant", [], ["more"], ["value_float": .reference("amount")])
    branch.node("Add", ["a", "more"], ["sum"])
    branch.output("sum")
    var body = ModelDraft()
    body.input("a", [])
    body.node("Constant", [], ["yes"], ["value": .tensor(Tensor(true))])
    body.node("If", ["yes"], ["b"], ["then_branch": .graph(branch), "else_branch": .graph(branch)])
    body.output("b")
    var draft = file()
    draft.function("More", domain: domain, attributes: ["amount": nil], body)
    draft.node("More", ["x"], ["y"], domain: domain, ["amount": .float(1)])
    draft.node("More", ["y"], ["z"], domain: domain, ["amount": .float(10)])
    draft.output("z")
    #expect(try run(draft) == [9, 12, 15])
  }

  /// A function sees its operands, and nothing of the file around it.
  @Test func functionsAreClosed() throws {
    var body = ModelDraft()
    body.input("a", [])
    body.node("Add", ["a", "x"], ["b"])
    body.output("b")
    var draft = file()
    draft.function("Leak", domain: domain, body)
    draft.node("Leak", ["x"], ["y"], domain: domain)
    draft.output("y")
    let error = #expect(throws: GraphError.self) { try run(draft) }
    #expect(error?.category == .badData && error?.description.contains("reads 'x'") == true)
  }

  @Test func recursionIsRefused() throws {
    func calling(_ name: String) -> ModelDraft {
      var body = ModelDraft()
      body.importDomain(domain, version: 1)
      body.input("a", [])
      body.node(name, ["a"], ["b"], domain: domain)
      body.output("b")
      return body
    }
    var draft = file()
    draft.function("Ping", domain: domain, calling("Pong"))
    draft.function("Pong", domain: domain, calling("Ping"))
    draft.node("Ping", ["x"], ["y"], domain: domain)
    draft.output("y")
    let error = #expect(throws: GraphError.self) { try run(draft) }
    #expect(error?.category == .badData && error?.description.contains("'Ping' calls itself") == true)
  }

  /// 2³⁰ nodes from thirty functions that call the next one twice.
  @Test func expansionIsBounded() throws {
    var draft = file()
    for level in 0..<30 {
      var body = ModelDraft()
      body.importDomain(domain, version: 1)
      body.input("a", [])
      let next = level < 29 ? "F\(level + 1)" : "Neg", place = level < 29 ? domain : ""
      body.node(next, ["a"], ["h"], domain: place)
      body.node(next, ["h"], ["b"], domain: place)
      body.output("b")
      draft.function("F\(level)", domain: domain, body)
    }
    draft.node("F0", ["x"], ["y"], domain: domain)
    draft.output("y")
    let error = #expect(throws: GraphError.self) { try run(draft) }
    #expect(error?.category == .unsupported && error?.description.contains("65536") == true)
  }

  @Test func operatorsThatFunctionsLackAreListed() throws {
    var body = ModelDraft()
    body.input("a", [])
    body.node("Mystery", ["a"], ["b"], name: "riddle")
    body.output("b")
    var draft = file()
    draft.function("Outer", domain: domain, body)
    draft.node("Outer", ["x"], ["y"], domain: domain)
    draft.output("y")
    let network = try Network(bytes: draft.bytes())
    #expect(network.unsupportedOperators.map(\.name) == ["Mystery"])
    #expect(network.unsupportedOperators[0].nodes == ["riddle"])
  }
}
