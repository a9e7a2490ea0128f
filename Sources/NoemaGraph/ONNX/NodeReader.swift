internal import Foundation
internal import NoemaTensor
internal import ONNXSchema

/// What a binding sees of an ONNX node: its attributes, its operands, and a way to emit graph nodes.
final class NodeReader {
  private let proto: Onnx_NodeProto
  private let values: [Value?]
  private(set) var graph: Graph
  let opset: Int
  private let name: String

  init(_ proto: Onnx_NodeProto, values: [Value?], graph: consuming Graph, opset: Int, name: String) {
    self.proto = proto
    self.values = values
    self.graph = graph
    self.opset = opset
    self.name = name
  }

  /// Gives the graph back to the importer.
  func takeGraph() -> Graph {
    defer { graph = Graph() }
    return graph
  }

  func error(_ text: String) -> GraphError {
    GraphError(.malformed(text), at: "\(proto.opType) node '\(name)'")
  }
  func unsupported(_ text: String) -> GraphError {
    GraphError(.unsupported(text), at: "\(proto.opType) node '\(name)' (opset \(opset))")
  }

  /// An error found elsewhere, at the node.
  func placed(_ error: GraphError) -> GraphError { error.at("\(proto.opType) node '\(name)'") }

  // MARK: Attributes

  private func attribute(_ key: String) -> Onnx_AttributeProto? { proto.attribute.first { $0.name == key } }
  func has(_ key: String) -> Bool { attribute(key) != nil }
  func int(_ key: String) -> Int? { exactInt(key).map(Shapes.bounded) }
  func int(_ key: String, default value: Int) -> Int { int(key) ?? value }
  func float(_ key: String, default value: Double) -> Double { attribute(key).map { Double($0.f) } ?? value }
  func ints(_ key: String) -> [Int]? { exactInts(key)?.map(Shapes.bounded) }
  func floats(_ key: String) -> [Double]? { attribute(key).map { $0.floats.map(Double.init) } }
  func string(_ key: String, default value: String) -> String {
    attribute(key).map { String(decoding: $0.s, as: UTF8.self) } ?? value
  }
  func strings(_ key: String) -> [String]? {
    attribute(key).map { $0.strings.map { String(decoding: $0, as: UTF8.self) } }
  }
  func tensor(_ key: String) throws -> Tensor? {
    try attribute(key).map { try TensorReader(folder: nil).tensor($0.t) }
  }

  /// Integers that are data; those that are shapes and axes are read bounded.
  func exactInt(_ key: String) -> Int? { attribute(key).map { Int($0.i) } }
  func exactInts(_ key: String) -> [Int]? { attribute(key).map { $0.ints.map(Int.init) } }

  // MARK: Operands

  var operandCount: Int { values.count }
  var resultCount: Int { proto.output.count }

  /// Whether the node's result at a position is named, and so may be used.
  func wantsResult(_ index: Int) -> Bool {
    proto.output.indices.contains(index) && !proto.output[index].isEmpty
  }

  func optionalOperand(_ index: Int) -> Value? { values.indices.contains(index) ? values[index] : nil }

  func operand(_ index: Int) throws -> Value {
    guard let value = optionalOperand(index) else { throw error("operand \(index) is missing") }
    return value
  }

  func operands() throws -> [Value] { try values.indices.map { try operand($0) } }

  /// The two operands of an operation that broadcasts. Before opset 7 the second one's axes began at `axis`.
  func alignedOperands() throws -> [Value] {
    let given = try operands()
    guard opset < 7, given.count == 2, let axis = int("axis") else { return given }
    let rank = try rank(0), shape = try type(1).shape
    let start = axis < 0 ? axis + rank : axis
    guard start >= 0, start + shape.count <= rank else {
      throw error("axis \(axis) does not fit operands of rank \(rank) and \(shape.count)")
    }
    let behind = Array(repeating: 1, count: rank - start - shape.count)
    return behind.isEmpty ? given : [given[0], try emit(Reshape(shape: shape + behind), given[1])]
  }

  func type(_ index: Int) throws -> TensorType { graph.type(of: try operand(index)) }
  func rank(_ index: Int) throws -> Int { try type(index).rank }

  /// The tensor of an operand that has to be constant, such as a target shape; nil when it is absent.
  func optionalConstant(_ index: Int) throws -> Tensor? {
    guard let value = optionalOperand(index) else { return nil }
    guard let tensor = graph.constants[value] else {
      throw unsupported(
        "operand \(index) ('\(graph.displayName(of: value))') depends on the data; only shapes and parameters that "
          + "are fixed once the input's shape is known are supported")
    }
    return tensor
  }

  func constant(_ index: Int) throws -> Tensor {
    guard let tensor = try optionalConstant(index) else { throw error("operand \(index) is missing") }
    return tensor
  }

  /// A list of integers that older opsets give as an attribute and newer ones as an operand.
  func integers(attribute key: String, operand index: Int) throws -> [Int]? {
    try ints(key) ?? optionalConstant(index)?.integers()
  }

  func axis(_ key: String, default value: Int, rank: Int) throws -> Int {
    try Shapes.axis(int(key, default: value), rank: rank)
  }

  // MARK: Emitting

  /// Adds a node; when all its operands are constant, and neither its results nor the work huge, it is evaluated
  /// at once.
  func emit(_ operation: any Operator, _ operands: [Value]) throws -> [Value] {
    let elements = operands.map { graph.type(of: $0).element }
    if operation is any FloatOperator, !elements.allSatisfy({ $0.isFloat && $0 == elements[0] }) {
      let found = elements.map(\.rawValue).joined(separator: ", ")
      // ONNX lets some operators work on integers that Noema computes on floats only.
      if elements.contains(where: { !$0.isFloat }) {
        throw unsupported("operands of \(found) are not supported; only floats of one type are")
      }
      throw error("operands of \(found) where floats of one type are expected")
    }
    do {
      guard let results = try graph.folded(operation, operands) else {
        return try graph.add(operation, operands, name: name)
      }
      return results.map { graph.addConstant($0) }
    } catch let error as GraphError {
      // The operator of the file, which may have become another.
      throw GraphError(error.kind, at: "\(proto.opType) node '\(name)'")
    }
  }

  func emit(_ operation: any Operator, _ operands: Value...) throws -> Value {
    try emit(operation, operands)[0]
  }

  /// Adds what is written once for importing and for derivatives; nothing of it is folded at once.
  func build(_ body: (inout Graph) throws(GraphError) -> Value) throws -> Value {
    do { return try body(&graph) } catch { throw placed(error) }
  }

  func constant(_ tensor: Tensor) -> Value {
    graph.folding.take(TensorType(of: tensor))
    return graph.addConstant(tensor)
  }
  func scalar(_ number: Double, like value: Value) -> Value { graph.addScalar(number, like: value) }
}
