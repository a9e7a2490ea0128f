public import NoemaTensor

/// A value of a graph: an input, a constant or a result of a node.
public struct Value: Hashable, Sendable {
  /// The position in the graph's table of values.
  public let id: Int
}

/// One application of an operator.
public struct Node: Sendable {
  /// What is computed.
  public var operation: any Operator
  /// The values that go in.
  public var operands: [Value]
  /// The values that come out.
  public var results: [Value]
  /// The name from the ONNX file, or of the node that this one was derived from.
  public var name: String
}

/// A network with concrete shapes in static single assignment form: every value has one producer, nodes
/// stand in topological order, and result types are inferred when a node is added.
///
/// Values keep their identity through rewrites, so a hook taken before a pass is valid after it.
public struct Graph: Sendable {
  struct ValueFacts: Sendable {
    var type: TensorType
    private(set) var names: [String] = []
    // Beside the list once there are many names: a long chain of identities gives them all to one value.
    private var known: Set<String> = []
    private static let manyNames = 16

    init(type: TensorType) { self.type = type }

    mutating func add(_ name: String) {
      if names.count < Self.manyNames {
        if !names.contains(name) { names.append(name) }
        return
      }
      if known.isEmpty { known = Set(names) }
      if known.insert(name).inserted { names.append(name) }
    }
  }

  /// The nodes in topological order.
  public internal(set) var nodes: [Node] = []
  /// The values that a caller provides.
  public private(set) var inputs: [Value] = []
  /// The values that a caller receives.
  public var outputs: [Value] = []
  /// The output that is explained unless another one is named: the first of floats, as a classifier may give a label
  /// before its scores; else the first.
  public var mainOutput: Value? { outputs.first { type(of: $0).element.isFloat } ?? outputs.first }
  /// The tensors of constant values.
  public internal(set) var constants: [Value: Tensor] = [:]
  private var facts: [ValueFacts] = []
  /// What the importer may still work out.
  var folding = FoldingBudget()

  /// Makes an empty graph.
  public init() {}

  /// The number of values ever made, dead ones included.
  public var valueCount: Int { facts.count }

  /// The type of a value.
  public func type(of value: Value) -> TensorType { facts[value.id].type }

  /// The names of a value, ONNX names first; may be empty.
  public func names(of value: Value) -> [String] { facts[value.id].names }

  /// A name to show for a value.
  public func displayName(of value: Value) -> String { facts[value.id].names.first ?? "%\(value.id)" }

  /// Gives a value one more name.
  public mutating func name(_ value: Value, _ name: String) {
    if !name.isEmpty { facts[value.id].add(name) }
  }

  mutating func makeValue(_ type: TensorType) -> Value {
    facts.append(ValueFacts(type: type))
    return Value(id: facts.count - 1)
  }

  /// Adds an input of a type.
  public mutating func addInput(_ type: TensorType, name: String) -> Value {
    let value = makeValue(type)
    self.name(value, name)
    inputs.append(value)
    return value
  }

  /// Adds a constant.
  public mutating func addConstant(_ tensor: Tensor) -> Value {
    let value = makeValue(TensorType(of: tensor))
    constants[value] = tensor
    return value
  }

  /// Adds a scalar constant of the element type of `other`, shaped to broadcast against it.
  mutating func addScalar(_ number: Double, like other: Value) -> Value {
    addConstant(Tensor(number).converted(to: type(of: other).element))
  }

  /// Adds a node and returns its results.
  ///
  /// - Throws: `GraphError.operands` when the operand types do not fit the operator.
  @discardableResult
  public mutating func add(
    _ operation: any Operator, _ operands: [Value], name: String = ""
  ) throws(GraphError) -> [Value] {
    let types: [TensorType]
    do { types = try operation.resultTypes(of: operands.map { type(of: $0) }) } catch {
      throw error.at(name.isEmpty ? operation.name : "\(operation.name) node '\(name)'")
    }
    for type in types where (try? Tensor.byteCount(shape: type.shape, elementType: type.element)) == nil {
      throw GraphError(.operands("the result's shape \(type.shape) is negative or too large"), at: name)
    }
    let results = types.map { makeValue($0) }
    nodes.append(Node(operation: operation, operands: operands, results: results, name: name))
    return results
  }

  /// Adds a node of one result and returns it.
  public mutating func apply(
    _ operation: any Operator, _ operands: Value..., name: String = ""
  ) throws(GraphError) -> Value {
    try add(operation, operands, name: name)[0]
  }

  /// The node that produces each value.
  public func producers() -> ValueTable<Int> {
    var table = ValueTable<Int>(count: valueCount)
    for (index, node) in nodes.enumerated() { for result in node.results { table[result] = index } }
    return table
  }

  /// The nodes that read each value, in order.
  public func consumers() -> ValueTable<[Int]> {
    var table = ValueTable<[Int]>(count: valueCount)
    for (index, node) in nodes.enumerated() {
      for operand in node.operands {
        table.update(operand, default: []) { readers in
          // A node that reads a value twice is one reader.
          if readers.last != index { readers.append(index) }
        }
      }
    }
    return table
  }

  /// Makes `value` an input in place of what produced it: the graph then starts there.
  public mutating func makeInput(_ value: Value) {
    nodes.removeAll { $0.results == [value] }
    constants[value] = nil
    inputs.append(value)
  }

  /// Makes values the only inputs, in this order, and leaves out what only led to them.
  ///
  /// - Parameter output: what the graph computes from there on.
  /// - Throws: `GraphError.notDifferentiable` when the output does not depend on one of the values.
  public mutating func begin(at values: [Value], keeping output: Value) throws(GraphError) {
    let before = inputs
    for value in values where !before.contains(value) { makeInput(value) }
    outputs = [output] + values
    try apply(Pass.canonical)
    let read = Set(nodes.flatMap(\.operands)).union([output])
    inputs = values + before.filter { !values.contains($0) && read.contains($0) }
    if let aside = values.first(where: { !read.contains($0) }) {
      throw GraphError(.notDifferentiable("the output does not depend on '\(displayName(of: aside))'"))
    }
  }

  /// Drops inputs that no node reads and that are no outputs, apart from those kept.
  mutating func dropUnusedInputs(keeping kept: Set<Value> = []) {
    var used = Set(outputs).union(kept)
    for node in nodes { used.formUnion(node.operands) }
    inputs.removeAll { !used.contains($0) }
  }
}
