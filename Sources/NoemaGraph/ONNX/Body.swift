internal import NoemaTensor
internal import ONNXSchema

/// A list of nodes with the tensors that lie beside them: a file's own, a sub-graph's or a function's.
///
/// Sub-graphs are taken out of their nodes' attributes and their tensors decoded once, however often a body is
/// imported.
struct Body: Sendable {
  /// A node, and its sub-graphs by attribute.
  struct Step: Sendable {
    var node: Onnx_NodeProto
    var bodies: [String: Body] = [:]
  }

  /// What tells bodies apart; nil where attributes of a call were put in, so that constants differ between calls.
  var id: Int?
  var inputs: [Onnx_ValueInfoProto] = []
  var outputs: [Onnx_ValueInfoProto] = []
  var initialisers: [String: Tensor] = [:]
  /// Initialisers that are text, which no operator computes with: the names of classes.
  var texts: [String: [String]] = [:]
  var steps: [Step] = []
}

/// Takes bodies out of a file's messages.
struct BodyReader {
  let tensors: TensorReader
  private var count = 0

  init(tensors: TensorReader) { self.tensors = tensors }

  /// The body of a graph, with all that lies in its nodes.
  mutating func body(_ graph: Onnx_GraphProto) throws -> Body {
    count += 1
    var body = Body(id: count, inputs: graph.input, outputs: graph.output)
    for proto in graph.initializer {
      guard body.initialisers[proto.name] == nil, body.texts[proto.name] == nil else {
        throw GraphError(.malformed("initialiser '\(proto.name)' is given twice"))
      }
      if proto.dataType == Int32(Onnx_TensorProto.DataType.string.rawValue) {
        body.texts[proto.name] = proto.stringData.map { String(decoding: $0, as: UTF8.self) }
      } else {
        body.initialisers[proto.name] = try tensors.tensor(proto)
      }
    }
    if let sparse = graph.sparseInitializer.first {
      throw GraphError(
        .unsupported("sparse initialiser '\(sparse.values.name)' is not supported; export it dense"))
    }
    body.steps = try steps(graph.node)
    return body
  }

  /// The body of a function: values without types.
  mutating func body(_ function: Onnx_FunctionProto) throws -> Body {
    count += 1
    return Body(id: count, steps: try steps(function.node))
  }

  private mutating func steps(_ nodes: [Onnx_NodeProto]) throws -> [Body.Step] {
    try nodes.map { node in
      var step = Body.Step(node: node)
      guard node.attribute.contains(where: { $0.hasG }) else { return step }
      for attribute in node.attribute where attribute.hasG {
        step.bodies[attribute.name] = try body(attribute.g)
      }
      step.node.attribute.removeAll { $0.hasG }
      return step
    }
  }
}

extension Body {
  /// The body without the nodes that none of some values needs.
  func needed(for outputs: [String]) -> Body {
    var read = Set(outputs)
    var body = self
    body.steps = steps.reversed().filter { step in
      guard step.node.output.contains(where: read.contains) else { return false }
      read.formUnion(step.node.input)
      for inner in step.bodies.values { read.formUnion(inner.names) }
      return true
    }.reversed()
    return body
  }

  /// All names that nodes and outputs mention, here or further inside.
  private var names: Set<String> {
    steps.reduce(into: Set(outputs.map(\.name))) { names, step in
      names.formUnion(step.node.input)
      for body in step.bodies.values { names.formUnion(body.names) }
    }
  }

  /// Whether a node here or further inside takes an attribute from the function's call.
  var refersToCall: Bool {
    steps.contains { step in
      step.node.attribute.contains { !$0.refAttrName.isEmpty }
        || step.bodies.values.contains { $0.refersToCall }
    }
  }

  /// The body with the attributes of a call in place of references to them; what the call lacks is left out.
  func resolved(_ attributes: [String: Onnx_AttributeProto]) -> Body {
    guard refersToCall else { return self }
    var body = self
    body.id = nil
    body.steps = steps.map { step in
      var step = step
      step.node.attribute = step.node.attribute.compactMap { attribute in
        guard !attribute.refAttrName.isEmpty else { return attribute }
        guard var given = attributes[attribute.refAttrName] else { return nil }
        given.name = attribute.name
        return given
      }
      step.bodies = step.bodies.mapValues { $0.resolved(attributes) }
      return step
    }
    return body
  }
}
