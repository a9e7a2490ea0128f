internal import NoemaTensor
internal import ONNXSchema

/// Makes a graph of a file's nodes, with the bodies of control flow and functions in their places.
final class Importer {
  /// Nodes and iterations that bodies may come to, counted each time that they are imported.
  static let largestUnrolling = 1 << 16
  /// Levels that bodies and calls may lie within each other.
  static let deepestNesting = 48

  /// What a body's nodes see.
  struct Scope {
    let body: Body
    let opsets: [String: Int]
    /// The node that the body belongs to, for errors; empty for the file's own nodes.
    var owner = ""
    /// Whether names from outside are out of sight, as they are in a function.
    var isClosed = false
    /// What tells this body's names from those of other calls and iterations.
    var prefix = "", suffix = ""
    /// The names of the nodes of the file that this body lies in.
    var origins: [String] = []
    var values: [String: Value] = [:]
    /// A function's inputs that its call leaves out.
    var absent: Set<String> = []
  }

  var graph = Graph()
  /// The bodies around the node at hand, the file's own first.
  private(set) var scopes: [Scope]
  /// The functions of the file by what calls them.
  let functions: [ModelFunction.Key: ModelFunction]
  /// The functions that are being called, outermost first.
  var calls: [ModelFunction.Key] = []
  /// Under the name of each node from a body, the names of the file's nodes that it came from.
  private(set) var origins: [String: [String]] = [:]

  private var unrolled = 0
  private var usedNames: Set<String> = []
  /// Constants of bodies, which all iterations share.
  private var shared: [Int: [String: Value]] = [:]

  init(_ body: Body, functions: [ModelFunction.Key: ModelFunction], opsets: [String: Int]) {
    self.functions = functions
    scopes = [Scope(body: body, opsets: opsets, isClosed: true)]
    // Bodies must not take a name that the file gives to a value further on.
    usedNames = Set(body.steps.flatMap(\.node.output)).union(body.inputs.map(\.name))
  }

  /// Sees a value under a name of the file.
  func define(_ name: String, _ value: Value) { scopes[0].values[name] = value }

  /// Imports the file's own nodes.
  func addSteps() throws { for step in scopes[0].body.steps { try add(step) } }

  // MARK: Names

  /// The value of a name, in the innermost body that has it; nil when none does.
  func value(_ name: String) -> Value? {
    for level in scopes.indices.reversed() {
      if let value = scopes[level].values[name] { return value }
      if let tensor = scopes[level].body.initialisers[name] {
        let id = scopes[level].body.id
        if let id, let value = shared[id]?[name] { return value }
        let value = graph.addConstant(tensor)
        graph.name(value, level == 0 ? name : unique(scopes[level].prefix + name))
        if let id { shared[id, default: [:]][name] = value }
        scopes[level].values[name] = value
        return value
      }
      if scopes[level].isClosed { return nil }
    }
    return nil
  }

  private func isAbsent(_ name: String) -> Bool {
    if name.isEmpty { return true }
    for scope in scopes.reversed() {
      if scope.absent.contains(name) { return true }
      if scope.isClosed { return false }
    }
    return false
  }

  /// The operands of a node; nil for those left out.
  private func operands(of node: Onnx_NodeProto) throws -> [Value?] {
    try node.input.map { name in
      if name.isEmpty { return nil }
      if let value = value(name) { return value }
      if isAbsent(name) { return nil }
      if scopes.contains(where: { $0.body.texts[name] != nil }) {
        throw GraphError(
          .unsupported("element type 8 (strings, complex or packed numbers) is not supported"),
          at: "tensor '\(name)'")
      }
      let inside = scopes.last!.owner.isEmpty ? "" : " (in the body of \(scopes.last!.owner))"
      throw GraphError(
        .malformed(
          "node '\(node.name)'\(inside) reads '\(name)', which no earlier node, input or initialiser makes"))
    }
  }

  /// The name that a value or node of the innermost body has in the graph.
  private func qualified(_ name: String) -> String {
    name.isEmpty ? "" : scopes.last!.prefix + name + scopes.last!.suffix
  }

  private func unique(_ name: String) -> String {
    if scopes.count == 1 || name.isEmpty || usedNames.insert(name).inserted { return name }
    var number = 2
    while !usedNames.insert("\(name)#\(number)").inserted { number += 1 }
    return "\(name)#\(number)"
  }

  /// A node's own name, or its first result's.
  static func name(of node: Onnx_NodeProto) -> String {
    node.name.isEmpty ? (node.output.first ?? node.opType) : node.name
  }

  // MARK: Nodes

  /// Imports a node of the innermost body.
  private func add(_ step: Body.Step) throws {
    let node = step.node
    let domain = ModelFunction.domain(node.domain)
    // No copy of the scope itself, which would copy its table of names when a name is added.
    let opset = scopes.last!.opsets[domain] ?? 0, bodyID = scopes.last!.body.id
    if scopes.count > 1 { try count(node, opset) }
    // Every iteration reads the same constants.
    let isConstant = scopes.count > 1 && node.opType == "Constant" && domain.isEmpty
    if isConstant, let id = bodyID, let name = node.output.first, let value = shared[id]?[name] {
      scopes[scopes.count - 1].values[name] = value
      return
    }
    let given = try operands(of: node)
    let name = qualified(Self.name(of: node))
    if scopes.count > 1 { origins[name] = scopes.last!.origins + [Self.name(of: node)] }
    let results: [Value]
    let key = ModelFunction.Key(domain: domain, name: node.opType, overload: node.overload)
    if let function = functions[key] {
      results = try call(function, key, step, given, name)
    } else if let flow = ControlFlow(node.opType, domain: domain) {
      results = try add(flow, step, given, opset, name)
    } else if let binding = OperatorTable.binding(node.opType, domain: domain, opset: opset) {
      results = try reading(node, given, opset, name, binding.make)
    } else {
      let lacking = UnsupportedOperator(
        name: domain.isEmpty ? node.opType : "\(domain).\(node.opType)", opset: opset, nodes: [name])
      throw GraphError(.unsupportedOperators([lacking]))
    }
    let reader = NodeReader(node, values: [], graph: Graph(), opset: opset, name: name)
    for (index, output) in node.output.enumerated() where !output.isEmpty {
      guard index < results.count else {
        throw reader.unsupported("result \(index) ('\(output)') is not supported")
      }
      guard scopes.last!.values[output] == nil, scopes.last!.body.initialisers[output] == nil else {
        throw reader.error("value '\(output)' is made twice")
      }
      scopes[scopes.count - 1].values[output] = results[index]
      // A value that a loop only passes on would gather a name from each iteration.
      if scopes.count == 1 || graph.names(of: results[index]).count < 4 {
        graph.name(results[index], unique(qualified(output)))
      }
      if isConstant, let id = bodyID { shared[id, default: [:]][output] = results[index] }
    }
  }

  /// Hands the graph to a reader of a node and takes it back.
  func reading<Result>(
    _ node: Onnx_NodeProto, _ operands: [Value?], _ opset: Int, _ name: String,
    _ read: (NodeReader) throws -> Result
  ) throws -> Result {
    let reader = NodeReader(node, values: operands, graph: graph, opset: opset, name: name)
    graph = Graph()
    defer { graph = reader.takeGraph() }
    let results = try read(reader)
    guard !reader.graph.folding.isExceeded else {
      throw reader.unsupported("the constants worked out so far take more than 512 MiB beside the weights")
    }
    return results
  }

  /// Counts a node or an iteration towards what a file may unroll to.
  func count(_ node: Onnx_NodeProto, _ opset: Int) throws {
    unrolled += 1
    guard unrolled <= Self.largestUnrolling else {
      let reader = NodeReader(
        node, values: [], graph: Graph(), opset: opset, name: qualified(Self.name(of: node)))
      throw reader.unsupported(
        "loops and functions unroll to more than \(Self.largestUnrolling) nodes; export the network with fewer "
          + "iterations")
    }
  }

  /// Imports a body and returns the values of its outputs.
  ///
  /// - Parameter change: how the new scope differs from the one around it.
  func inside(
    _ body: Body, of node: Onnx_NodeProto, _ opset: Int, outputs: [String], _ change: (inout Scope) -> Void
  ) throws -> [Value] {
    let name = qualified(Self.name(of: node))
    let reader = NodeReader(node, values: [], graph: Graph(), opset: opset, name: name)
    guard scopes.count <= Self.deepestNesting else {
      throw reader.unsupported("bodies lie more than \(Self.deepestNesting) levels deep")
    }
    var scope = Scope(body: body, opsets: scopes.last!.opsets, owner: "\(node.opType) node '\(name)'")
    (scope.prefix, scope.suffix) = (scopes.last!.prefix, scopes.last!.suffix)
    scope.origins = scopes.last!.origins + [Self.name(of: node)]
    change(&scope)
    scopes.append(scope)
    defer { scopes.removeLast() }
    for step in body.steps { try add(step) }
    return try outputs.map { output in
      guard let value = value(output) else { throw reader.error("its body never makes output '\(output)'") }
      return value
    }
  }
}
