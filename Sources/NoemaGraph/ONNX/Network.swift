internal import Foundation
public import NoemaTensor
internal import ONNXSchema
internal import SwiftProtobuf

/// A network loaded from an ONNX file; `graph(…)` gives it concrete shapes.
///
/// The file's weights are decoded once and shared by all graphs made from it.
public struct Network: Sendable {
  /// One axis of a declared input or output.
  public enum Dimension: Sendable, Hashable, CustomStringConvertible {
    /// A fixed extent.
    case fixed(Int)
    /// An extent that is known only when data come, with its name.
    case named(String)

    public var description: String {
      switch self {
      case .fixed(let extent): "\(extent)"
      case .named(let name): name
      }
    }
  }

  /// A declared input or output.
  public struct Port: Sendable, Hashable {
    /// The ONNX name.
    public let name: String
    /// The declared axes.
    public let dimensions: [Dimension]
    /// The element type.
    public let element: ElementType
  }

  /// The path that the file was read from; empty for a model from memory.
  public let path: String
  /// SHA-256 of the file, in hexadecimal.
  public let hash: String
  /// The inputs that data are fed to.
  public let inputs: [Port]
  /// The outputs.
  public let outputs: [Port]
  /// The imported version of each operator domain; the default domain is the empty string.
  public let opsets: [String: Int]
  /// Who wrote the file.
  public let producer: String
  /// Operators of the file that Noema lacks; `graph(…)` throws while there are any.
  public let unsupportedOperators: [UnsupportedOperator]
  /// The number of parameters: elements of all float initialisers.
  public let parameterCount: Int

  private let nodes: [Onnx_NodeProto]
  private let initialisers: [String: Tensor]

  /// Loads a network from a file.
  ///
  /// - Throws: `GraphError` when the file is missing or not a valid model.
  public init(contentsOf path: String) throws(GraphError) {
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe) } catch {
      let reason = FileManager.default.fileExists(atPath: path) ? "it cannot be read" : "no such file"
      throw GraphError(.fileMissing(reason: reason), at: path)
    }
    try self.init(data: data, path: path)
  }

  /// Loads a network from the bytes of a file.
  ///
  /// - Throws: `GraphError` when the bytes are not a valid model.
  public init(bytes: [UInt8]) throws(GraphError) { try self.init(data: Data(bytes), path: "") }

  private init(data: Data, path: String) throws(GraphError) {
    self.path = path
    hash = data.withUnsafeBytes { SHA256.hexadecimal(of: $0) }
    var options = BinaryDecodingOptions()
    options.messageDepthLimit = 64
    let model: Onnx_ModelProto
    do { model = try Onnx_ModelProto(serializedBytes: data, options: options) } catch {
      throw GraphError(.malformed("the protobuf does not parse"), at: path)
    }
    guard model.hasGraph, !model.graph.node.isEmpty || !model.graph.output.isEmpty else {
      throw GraphError(.malformed("the file holds no graph"), at: path)
    }
    let folder = path.isEmpty ? nil : URL(fileURLWithPath: path).deletingLastPathComponent().path
    do {
      let reader = TensorReader(folder: folder)
      var tensors: [String: Tensor] = [:]
      for proto in model.graph.initializer { tensors[proto.name] = try reader.tensor(proto) }
      if let sparse = model.graph.sparseInitializer.first {
        throw GraphError(
          .unsupported("sparse initialiser '\(sparse.values.name)' is not supported; export it dense"))
      }
      initialisers = tensors
      inputs = try model.graph.input.filter { tensors[$0.name] == nil }.map { try Self.port($0) }
      outputs = try model.graph.output.map { try Self.port($0) }
    } catch let error as GraphError { throw error.at(path) } catch {
      throw GraphError(.malformed("\(error)"), at: path)
    }
    nodes = model.graph.node
    producer = [model.producerName, model.producerVersion].filter { !$0.isEmpty }.joined(separator: " ")
    parameterCount = initialisers.values.reduce(0) {
      $0 + ($1.elementType.isFloat && $1.rank > 0 ? $1.count : 0)
    }
    var versions: [String: Int] = [:]
    for opset in model.opsetImport {
      versions[opset.domain == "ai.onnx" ? "" : opset.domain] = Int(opset.version)
    }
    opsets = versions
    unsupportedOperators = Self.unsupported(nodes, opsets: versions)
  }

  private static func port(_ info: Onnx_ValueInfoProto) throws -> Port {
    guard case .tensorType(let type)? = info.type.value else {
      throw GraphError(.unsupported("'\(info.name)' is no tensor (sequences and maps are not supported)"))
    }
    let dimensions = type.shape.dim.enumerated().map { axis, dim -> Dimension in
      switch dim.value {
      case .dimValue(let extent)? where extent > 0: .fixed(Int(extent))
      case .dimParam(let name)? where !name.isEmpty: .named(name)
      default: .named("axis\(axis)")
      }
    }
    return Port(
      name: info.name, dimensions: dimensions,
      element: try TensorReader.elementType(type.elemType, "'\(info.name)'").type)
  }

  /// The operators of the file with their nodes' names, in the order of their first nodes.
  var operatorNodes: [UnsupportedOperator] { Self.operators(nodes, opsets: opsets) { _, _ in true } }

  private static func unsupported(_ nodes: [Onnx_NodeProto], opsets: [String: Int]) -> [UnsupportedOperator] {
    operators(nodes, opsets: opsets) { node, domain in
      OperatorTable.binding(node.opType, domain: domain, opset: opsets[domain] ?? 0) == nil
    }
  }

  private static func operators(
    _ nodes: [Onnx_NodeProto], opsets: [String: Int], where isMeant: (Onnx_NodeProto, String) -> Bool
  ) -> [UnsupportedOperator] {
    var found: [String: [String]] = [:]
    var order: [String] = []
    var versions: [String: Int] = [:]
    for node in nodes {
      let domain = node.domain == "ai.onnx" ? "" : node.domain
      guard isMeant(node, domain) else { continue }
      let name = domain.isEmpty ? node.opType : "\(domain).\(node.opType)"
      if found[name] == nil { order.append(name) }
      found[name, default: []].append(node.name.isEmpty ? (node.output.first ?? "") : node.name)
      versions[name] = opsets[domain] ?? 0
    }
    return order.map { UnsupportedOperator(name: $0, opset: versions[$0] ?? 0, nodes: found[$0] ?? []) }
  }

  /// The shape of each input for a batch size: `batch` stands for a named first axis, `shapes` overrides.
  ///
  /// A free first axis takes `batch` also where `shapes` gives an extent; any other may be given as 0.
  ///
  /// - Throws: `GraphError.input` when a named axis other than the first has no extent, or a shape of `shapes`
  ///   does not fit the file; `.unknownName` for a shape of no input.
  public func inputShapes(batch: Int, overriding shapes: [String: [Int]] = [:]) throws(GraphError) -> [[Int]]
  {
    var result: [[Int]] = []
    try checkNames(shapes.keys.sorted())
    for port in inputs {
      if let shape = shapes[port.name] {
        result.append(try port.shape(shape, batch: batch, at: path))
        continue
      }
      var shape: [Int] = []
      for (axis, dimension) in port.dimensions.enumerated() {
        switch dimension {
        case .fixed(let extent): shape.append(extent)
        case .named where axis == 0: shape.append(batch)
        case .named(let name):
          throw GraphError(
            .input("axis '\(name)' of input '\(port.name)' has no fixed extent; give the input's shape"),
            at: path)
        }
      }
      result.append(shape)
    }
    return result
  }

  private func checkNames(_ names: [String]) throws(GraphError) {
    guard let unknown = names.first(where: { name in !inputs.contains { $0.name == name } }) else { return }
    let suggestions = EditDistance.nearest(unknown, in: inputs.map(\.name))
    throw GraphError(.unknownName(unknown, what: "input", suggestions: suggestions), at: path)
  }

  /// The number of classes: the width of the first output, or nil when it is not `[examples, classes]`.
  public func classCount(shapes: [String: [Int]] = [:]) throws(GraphError) -> Int? {
    let graph = try graph(batch: fixedBatch ?? 1, shapes: shapes)
    let shape = graph.outputs.first.map { graph.type(of: $0).shape } ?? []
    return shape.count >= 2 && shape[1...].reduce(1, *) == shape[1] ? shape[1] : nil
  }

  /// Whether the first axis of every input is free, so that any number of examples runs at once.
  public var hasDynamicBatch: Bool {
    inputs.allSatisfy { port in
      if case .named? = port.dimensions.first { true } else { false }
    }
  }

  /// The batch size that the file fixes, or nil when it is free.
  public var fixedBatch: Int? {
    if case .fixed(let extent)? = inputs.first?.dimensions.first { extent } else { nil }
  }

  /// The network with concrete shapes; arithmetic on shapes and constants is folded away.
  ///
  /// - Parameters:
  ///   - batch: the extent of a free first axis.
  ///   - shapes: input shapes by name, where the file leaves more than the first axis open.
  ///   - constants: inputs by name that are the same for every example, such as a target shape, a threshold or
  ///     a mask. They are no inputs of the graph, and what depends on them alone is computed here: an input that
  ///     decides a shape has to be given so.
  /// - Throws: `GraphError` when operators are not supported or do not fit their operands; `.input` or
  ///   `.unknownName` when a constant does not fit.
  public func graph(
    batch: Int = 1, shapes: [String: [Int]] = [:], constants: [String: Tensor] = [:]
  ) throws(GraphError) -> Graph {
    guard unsupportedOperators.isEmpty else {
      throw GraphError(.unsupportedOperators(unsupportedOperators), at: path)
    }
    try checkNames(constants.keys.sorted())
    var graph = Graph()
    var values: [String: Value] = [:]
    let given = shapes.merging(constants.mapValues(\.shape)) { _, constant in constant }
    for (port, shape) in zip(inputs, try inputShapes(batch: batch, overriding: given)) {
      guard values[port.name] == nil else {
        throw GraphError(.malformed("input '\(port.name)' is declared twice"), at: path)
      }
      if let constant = constants[port.name] {
        guard constant.elementType == port.element else {
          throw GraphError(
            .input("input '\(port.name)' holds \(port.element), which the constant \(constant) does not fit"),
            at: path)
        }
        values[port.name] = graph.addConstant(constant)
        graph.name(values[port.name]!, port.name)
        continue
      }
      guard (try? Tensor.byteCount(shape: shape, elementType: port.element)) != nil else {
        throw GraphError(.input("shape \(shape) of input '\(port.name)' is negative or too large"), at: path)
      }
      values[port.name] = graph.addInput(TensorType(shape, port.element), name: port.name)
    }
    do {
      for node in nodes { try add(node, to: &graph, &values) }
    } catch let error as GraphError { throw error.at(path) } catch {
      throw GraphError(.malformed("\(error)"), at: path)
    }
    for port in outputs {
      guard let value = value(port.name, &graph, &values) else {
        throw GraphError(.malformed("output '\(port.name)' is never made"), at: path)
      }
      graph.name(value, port.name)
      graph.outputs.append(value)
    }
    graph.removeDeadNodes(keepingInputs: true)
    return graph
  }

  private func value(_ name: String, _ graph: inout Graph, _ values: inout [String: Value]) -> Value? {
    if let value = values[name] { return value }
    guard let tensor = initialisers[name] else { return nil }
    let value = graph.addConstant(tensor)
    graph.name(value, name)
    values[name] = value
    return value
  }

  private func add(_ node: Onnx_NodeProto, to graph: inout Graph, _ values: inout [String: Value]) throws {
    let domain = node.domain == "ai.onnx" ? "" : node.domain
    let opset = opsets[domain] ?? 0
    guard let binding = OperatorTable.binding(node.opType, domain: domain, opset: opset) else { return }
    var operands: [Value?] = []
    for name in node.input {
      if name.isEmpty {
        operands.append(nil)
      } else if let operand = value(name, &graph, &values) {
        operands.append(operand)
      } else {
        throw GraphError(
          .malformed("node '\(node.name)' reads '\(name)', which no earlier node, input or initialiser makes")
        )
      }
    }
    let reader = NodeReader(node, values: operands, graph: graph, opset: opset)
    graph = Graph()
    defer { graph = reader.takeGraph() }
    let results = try binding.make(reader)
    for (index, name) in node.output.enumerated() where !name.isEmpty {
      guard index < results.count else {
        throw reader.unsupported("result \(index) ('\(name)') is not supported")
      }
      guard values[name] == nil else { throw reader.error("value '\(name)' is made twice") }
      values[name] = results[index]
      reader.nameValue(results[index], name)
    }
  }
}

extension NodeReader {
  /// Gives a value its ONNX name.
  func nameValue(_ value: Value, _ name: String) { rename { $0.name(value, name) } }
}

extension Network.Port {
  /// A shape given for the input, its free first axis at the batch size.
  fileprivate func shape(_ given: [Int], batch: Int, at path: String) throws(GraphError) -> [Int] {
    let fits =
      given.count == dimensions.count
      && zip(given, dimensions).allSatisfy { extent, dimension in
        if case .fixed(let fixed) = dimension { extent == fixed } else { extent >= 0 }
      }
    guard fits else {
      let expected = dimensions.map(\.description).joined(separator: "×")
      throw GraphError(
        .input("input '\(name)' has shape \(expected), which the given shape \(given) does not fit"), at: path
      )
    }
    var shape = given
    if case .named? = dimensions.first { shape[0] = batch }
    return shape
  }
}
