internal import ONNXSchema

/// A function that a file defines beside its graph: nodes that stand in the place of every call.
///
/// - Source: ONNX IR, `ModelProto.functions`.
struct ModelFunction: Sendable {
  /// What a node names to call a function.
  struct Key: Hashable, Sendable {
    let domain, name, overload: String
  }

  let body: Body
  let inputs, outputs: [String]
  /// Attributes that a call may leave out.
  let defaults: [String: Onnx_AttributeProto]
  /// The opsets that the function imports for itself.
  let opsets: [String: Int]

  /// The name of a domain, of which the default one has two.
  static func domain(_ name: String) -> String { name == "ai.onnx" ? "" : name }

  /// Versions by domain.
  static func versions(_ imports: [Onnx_OperatorSetIdProto]) -> [String: Int] {
    Dictionary(imports.map { (domain($0.domain), Int($0.version)) }) { _, last in last }
  }

  /// The functions of a file.
  static func table(_ protos: [Onnx_FunctionProto], _ reader: inout BodyReader) throws -> [Key: ModelFunction]
  {
    var table: [Key: ModelFunction] = [:]
    for proto in protos {
      let key = Key(domain: domain(proto.domain), name: proto.name, overload: proto.overload)
      guard table[key] == nil else {
        throw GraphError(.malformed("function '\(proto.name)' of domain '\(proto.domain)' is defined twice"))
      }
      table[key] = ModelFunction(
        body: try reader.body(proto), inputs: proto.input, outputs: proto.output,
        defaults: Dictionary(proto.attributeProto.map { ($0.name, $0) }) { first, _ in first },
        opsets: versions(proto.opsetImport))
    }
    return table
  }
}

extension Importer {
  /// Imports a function's nodes in the place of a call.
  func call(
    _ function: ModelFunction, _ key: ModelFunction.Key, _ step: Body.Step, _ operands: [Value?],
    _ name: String
  ) throws -> [Value] {
    let node = step.node, opset = scopes.last!.opsets[key.domain] ?? 0
    let reader = NodeReader(node, values: [], graph: Graph(), opset: opset, name: name)
    guard !calls.contains(key) else { throw reader.error("function '\(key.name)' calls itself") }
    guard operands.count <= function.inputs.count, node.output.count <= function.outputs.count else {
      throw reader.error(
        "\(operands.count) operands and \(node.output.count) results do not fit function '\(key.name)' of "
          + "\(function.inputs.count) and \(function.outputs.count)")
    }
    guard step.bodies.isEmpty else {
      throw reader.unsupported("sub-graphs as attributes of a function's call are not supported")
    }
    let given = Dictionary(node.attribute.map { ($0.name, $0) }) { first, _ in first }
    calls.append(key)
    defer { calls.removeLast() }
    let body = function.body.resolved(given.merging(function.defaults) { given, _ in given })
    return try inside(body, of: node, opset, outputs: Array(function.outputs.prefix(node.output.count))) {
      scope in
      scope.isClosed = true
      // What a function does not import it can only mean as the file does.
      scope = Scope(
        body: scope.body, opsets: scope.opsets.merging(function.opsets) { _, own in own }, owner: scope.owner,
        isClosed: true, prefix: name + "/", origins: scope.origins)
      for (index, input) in function.inputs.enumerated() {
        if index < operands.count, let operand = operands[index] {
          scope.values[input] = operand
        } else {
          scope.absent.insert(input)
        }
      }
    }
  }
}
