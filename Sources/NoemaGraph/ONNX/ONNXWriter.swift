internal import Foundation
internal import NoemaTensor
internal import ONNXSchema
internal import SwiftProtobuf

/// An operator that ONNX nodes can say.
protocol ExportableOperator: Operator {
  /// Writes the operator as ONNX nodes.
  ///
  /// - Parameters:
  ///   - operands: the ONNX names of the operands.
  ///   - node: the node, for the types of operands and results.
  /// - Returns: the ONNX names of the results.
  /// - Throws: `GraphError.unsupported` for a form that ONNX lacks.
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String]
}

/// Writes a graph as an ONNX model of opset 18, node by node.
final class ONNXWriter {
  /// The opset of what is written: the first with everything needed, and one that every runtime reads.
  static let opset = 18

  /// An attribute's value.
  enum Attribute {
    case int(Int)
    case ints([Int])
    case float(Double)
    case string(String)
  }

  let graph: Graph
  private var proto = Onnx_GraphProto()
  private var names: [Value: String] = [:]
  private var taken: Set<String> = []
  private var constants: [[Int]: String] = [:]

  init(_ graph: Graph) { self.graph = graph }

  // MARK: What operators call

  func type(of value: Value) -> TensorType { graph.type(of: value) }

  /// Adds a node of one result, and returns the result's name.
  func emit(_ operation: String, _ operands: [String], _ attributes: [(String, Attribute)] = [])
    -> String
  {
    emit(operation, operands, attributes, resultCount: 1)[0]
  }

  /// Adds a node, and returns its results' names.
  func emit(
    _ operation: String, _ operands: [String], _ attributes: [(String, Attribute)] = [],
    resultCount: Int
  ) -> [String] {
    var node = Onnx_NodeProto()
    node.opType = operation
    node.input = operands
    node.output = (0..<resultCount).map { _ in fresh(operation.lowercased()) }
    node.name = fresh(operation)
    node.attribute = attributes.map { Self.attribute($0.0, $0.1) }
    proto.node.append(node)
    return node.output
  }

  /// A list of integers as an operand.
  func integers(_ numbers: [Int]) -> String {
    if let known = constants[numbers] { return known }
    let name = constant(Tensor(shape: [numbers.count], numbers.map(Int64.init)))
    constants[numbers] = name
    return name
  }

  /// A tensor as an operand.
  func constant(_ tensor: Tensor) -> String {
    let name = fresh("constant")
    proto.initializer.append(TensorWriter.tensor(name, tensor))
    return name
  }

  /// A number of the element type of a value.
  func scalar(_ number: Double, like value: Value) -> String {
    constant(Tensor(number).converted(to: type(of: value).element))
  }

  // MARK: The model

  /// The bytes of the model.
  ///
  /// - Parameter outputs: the names that the outputs get.
  func model(outputs: [String]) throws(GraphError) -> [UInt8] {
    taken = Set(outputs)
    for input in graph.inputs {
      let name = unique(graph.names(of: input).first ?? "input")
      names[input] = name
      proto.input.append(Self.port(name, graph.type(of: input)))
    }
    for node in graph.nodes { try add(node) }
    for (value, name) in zip(graph.outputs, outputs) {
      var identity = Onnx_NodeProto()
      identity.opType = "Identity"
      identity.name = fresh("Identity")
      identity.input = [try self.name(of: value)]
      identity.output = [name]
      proto.node.append(identity)
      proto.output.append(Self.port(name, graph.type(of: value)))
    }
    proto.name = "noema"
    var model = Onnx_ModelProto()
    model.irVersion = 8
    model.producerName = "noema"
    var opset = Onnx_OperatorSetIdProto()
    opset.version = Int64(Self.opset)
    model.opsetImport = [opset]
    model.graph = proto
    do { return try model.serializedBytes() } catch {
      throw GraphError(.unsupported("the model is too large for one file: weights of 2 GiB or more"))
    }
  }

  private func add(_ node: Node) throws(GraphError) {
    let place = "\(node.operation.name) node '\(node.name)'"
    guard let operation = node.operation as? any ExportableOperator else {
      throw GraphError(.unsupported("\(node.operation.name) cannot be written as ONNX"), at: place)
    }
    let results: [String]
    do {
      var operands: [String] = []
      for operand in node.operands { operands.append(try name(of: operand)) }
      results = try operation.export(operands, of: node, to: self)
    } catch { throw error.at(place) }
    for (value, result) in zip(node.results, results) { names[value] = result }
  }

  /// The ONNX name of a value; constants are written when they are first read.
  private func name(of value: Value) throws(GraphError) -> String {
    if let name = names[value] { return name }
    guard let tensor = graph.constants[value] else {
      throw GraphError(.malformed("the graph reads '\(graph.displayName(of: value))' before it is made"))
    }
    let name = unique(graph.names(of: value).first ?? "constant")
    proto.initializer.append(TensorWriter.tensor(name, tensor))
    names[value] = name
    return name
  }

  private func fresh(_ stem: String) -> String { unique("\(stem)_\(taken.count)") }

  private func unique(_ wanted: String) -> String {
    var name = wanted
    var suffix = 1
    while !taken.insert(name).inserted {
      suffix += 1
      name = "\(wanted)_\(suffix)"
    }
    return name
  }

  // MARK: Protobuf

  private static func attribute(_ key: String, _ value: Attribute) -> Onnx_AttributeProto {
    var proto = Onnx_AttributeProto()
    proto.name = key
    switch value {
    case .int(let number): (proto.type, proto.i) = (.int, Int64(number))
    case .ints(let numbers): (proto.type, proto.ints) = (.ints, numbers.map(Int64.init))
    case .float(let number): (proto.type, proto.f) = (.float, Float(number))
    case .string(let text): (proto.type, proto.s) = (.string, Data(text.utf8))
    }
    return proto
  }

  private static func port(_ name: String, _ type: TensorType) -> Onnx_ValueInfoProto {
    var port = Onnx_ValueInfoProto()
    port.name = name
    port.type.tensorType.elemType = TensorWriter.code(type.element)
    port.type.tensorType.shape.dim = type.shape.map { extent in
      var dimension = Onnx_TensorShapeProto.Dimension()
      dimension.dimValue = Int64(extent)
      return dimension
    }
    return port
  }
}

extension Graph {
  /// The graph as the bytes of an ONNX model (opset 18) of the graph's concrete shapes.
  ///
  /// Inputs keep their names. Fused graphs, as plans run them, have no ONNX form; export before execution passes.
  ///
  /// - Parameter names: the outputs' names; their own, made unique, when nil.
  /// - Throws: `GraphError.unsupported` naming an operator that ONNX cannot say.
  public func onnx(outputs names: [String]? = nil) throws(GraphError) -> [UInt8] {
    var seen: Set<String> = []
    let own = outputs.map { value in
      var name = self.names(of: value).first ?? "output"
      while !seen.insert(name).inserted { name += "_" }
      return name
    }
    let chosen = names ?? own
    guard chosen.count == outputs.count, Set(chosen).count == chosen.count, !chosen.contains("") else {
      throw GraphError(.unsupported("\(outputs.count) outputs need as many different names, found \(chosen)"))
    }
    return try ONNXWriter(applying([.expandAll])).model(outputs: chosen)
  }
}
