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
  /// The outputs, apart from labels that are text: what no tensor holds is not computed.
  ///
  /// Of a `ZipMap` the probabilities are an output, in the order of `classNames`.
  public let outputs: [Port]
  /// The names of the classes where the file holds them, as classical models do; empty elsewhere.
  public let classNames: [String]
  /// The imported version of each operator domain; the default domain is the empty string.
  public let opsets: [String: Int]
  /// Who wrote the file.
  public let producer: String
  /// Operators of the file that Noema lacks; `graph(…)` throws while there are any.
  public let unsupportedOperators: [UnsupportedOperator]
  /// The number of parameters: elements of all float initialisers.
  public let parameterCount: Int

  /// The operators of the file with their nodes' names, those in bodies included, in the order of their first nodes.
  let operatorNodes: [(nodes: UnsupportedOperator, isRead: Bool)]
  private let body: Body
  private let functions: [ModelFunction.Key: ModelFunction]

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
    let model: Onnx_ModelProto
    do {
      model = try Onnx_ModelProto(serializedBytes: data, options: Self.decoding)
    } catch BinaryDecodingError.messageDepthLimit {
      throw GraphError(
        .malformed("messages are nested more than \(Self.decoding.messageDepthLimit) levels deep"), at: path)
    } catch {
      throw GraphError(.malformed("the protobuf does not parse"), at: path)
    }
    guard model.hasGraph, !model.graph.node.isEmpty || !model.graph.output.isEmpty else {
      throw GraphError(.malformed("the file holds no graph"), at: path)
    }
    let folder = path.isEmpty ? nil : URL(fileURLWithPath: path).deletingLastPathComponent().path
    do {
      var reader = BodyReader(tensors: TensorReader(folder: folder))
      let whole = try reader.body(model.graph)
      let readable = whole.readableOutputs
      body = readable.count == whole.outputs.count ? whole : whole.needed(for: readable.map(\.name))
      classNames = whole.classNames
      functions = try ModelFunction.table(model.functions, &reader)
      let parameters = body.initialisers
      inputs = try body.inputs.filter { parameters[$0.name] == nil }.map { try Self.port($0) }
      outputs = try readable.map { try Self.port($0) }
    } catch let error as GraphError { throw error.at(path) } catch {
      throw GraphError(.malformed("\(error)"), at: path)
    }
    producer = [model.producerName, model.producerVersion].filter { !$0.isEmpty }.joined(separator: " ")
    parameterCount = body.initialisers.values.reduce(0) {
      $0 + ($1.elementType.isFloat && $1.rank > 0 ? $1.count : 0)
    }
    opsets = ModelFunction.versions(model.opsetImport)
    let census = OperatorCensus(of: body, opsets: opsets, functions: functions)
    operatorNodes = census.all
    unsupportedOperators = census.lacking
  }

  /// Bodies of control flow lie three messages deep in each other.
  static var decoding: BinaryDecodingOptions {
    var options = BinaryDecodingOptions()
    options.messageDepthLimit = 3 * Importer.deepestNesting + 16
    return options
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

  /// The number of classes: the width of the main output, or nil when it is not `[examples, classes]`.
  public func classCount(shapes: [String: [Int]] = [:]) throws(GraphError) -> Int? {
    let graph = try graph(batch: fixedBatch ?? 1, shapes: shapes)
    let shape = graph.mainOutput.map { graph.type(of: $0).shape } ?? []
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
    try imported(batch: batch, shapes: shapes, constants: constants).graph
  }

  /// The graph, and for its nodes from bodies the names of the file's nodes that they came from.
  func imported(
    batch: Int, shapes: [String: [Int]], constants: [String: Tensor] = [:]
  ) throws(GraphError) -> (graph: Graph, origins: [String: [String]]) {
    guard unsupportedOperators.isEmpty else {
      throw GraphError(.unsupportedOperators(unsupportedOperators), at: path)
    }
    try checkNames(constants.keys.sorted())
    let importer = Importer(body, functions: functions, opsets: opsets)
    importer.graph.folding = FoldingBudget(
      weightByteCount: body.initialisers.values.reduce(0) { $0 + $1.byteCount })
    var seen: Set<String> = []
    let given = shapes.merging(constants.mapValues(\.shape)) { _, constant in constant }
    for (port, shape) in zip(inputs, try inputShapes(batch: batch, overriding: given)) {
      guard seen.insert(port.name).inserted else {
        throw GraphError(.malformed("input '\(port.name)' is declared twice"), at: path)
      }
      importer.define(port.name, try value(of: port, shape, constants[port.name], in: &importer.graph))
    }
    do { try importer.addSteps() } catch let error as GraphError { throw error.at(path) } catch {
      throw GraphError(.malformed("\(error)"), at: path)
    }
    for port in outputs {
      guard let value = importer.value(port.name) else {
        throw GraphError(.malformed("output '\(port.name)' is never made"), at: path)
      }
      importer.graph.name(value, port.name)
      importer.graph.outputs.append(value)
    }
    importer.graph.removeDeadNodes(keepingInputs: true)
    return (importer.graph, importer.origins)
  }

  /// The value of an input: the constant that it is bound to, or an input of the graph.
  private func value(
    of port: Port, _ shape: [Int], _ constant: Tensor?, in graph: inout Graph
  ) throws(GraphError) -> Value {
    if let constant {
      guard constant.elementType == port.element else {
        throw GraphError(
          .input("input '\(port.name)' holds \(port.element), which the constant \(constant) does not fit"),
          at: path)
      }
      let value = graph.addConstant(constant)
      graph.name(value, port.name)
      return value
    }
    guard (try? Tensor.byteCount(shape: shape, elementType: port.element)) != nil else {
      throw GraphError(.input("shape \(shape) of input '\(port.name)' is negative or too large"), at: path)
    }
    return graph.addInput(TensorType(shape, port.element), name: port.name)
  }
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
