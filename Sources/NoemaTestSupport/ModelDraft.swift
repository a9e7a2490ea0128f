internal import Foundation
internal import NoemaGraph
public import NoemaTensor
internal import ONNXSchema
internal import SwiftProtobuf

/// An ONNX file in the making, for tests that need a network of a few nodes.
///
/// ```swift
/// var draft = ModelDraft()
/// draft.input("x", [nil, 3])
/// draft.node("Relu", ["x"], ["y"])
/// draft.output("y")
/// let network = try Network(bytes: draft.bytes())
/// ```
public struct ModelDraft: Sendable {
  /// The value of a node's attribute.
  public enum Attribute: Sendable {
    case int(Int)
    case ints([Int])
    case float(Float)
    case floats([Float])
    case string(String)
    case strings([String])
    case tensor(Tensor)
    /// A body: the inputs, nodes, tensors and outputs of another draft.
    case graph(ModelDraft)
    /// Inside a function: the attribute of that name of the function's call.
    case reference(String)
  }

  private var header = Onnx_ModelProto()
  // Beside the message, whose lists are copied whole when they are appended to.
  private var nodes: [Onnx_NodeProto] = []
  private var initialisers: [Onnx_TensorProto] = []

  private var model: Onnx_ModelProto {
    var model = header
    model.graph.node = nodes
    model.graph.initializer = initialisers
    return model
  }

  /// Begins a file of an opset of the default domain.
  public init(opset: Int = 17) {
    header.irVersion = 8
    header.producerName = "noema-tests"
    importDomain("", version: opset)
  }

  /// Declares the version of an operator domain.
  public mutating func importDomain(_ domain: String, version: Int) {
    var opset = Onnx_OperatorSetIdProto()
    opset.domain = domain
    opset.version = Int64(version)
    header.opsetImport.append(opset)
  }

  /// Declares an input; nil extents are free, the first one under the name `batch`.
  public mutating func input(_ name: String, _ shape: [Int?], _ element: ElementType = .float32) {
    header.graph.input.append(Self.port(name, shape, element))
  }

  /// Declares an output.
  public mutating func output(_ name: String, _ shape: [Int?] = [], _ element: ElementType = .float32) {
    header.graph.output.append(Self.port(name, shape, element))
  }

  /// Defines a function: inputs, nodes, outputs and opsets of another draft under a name.
  ///
  /// - Parameter attributes: the names of its attributes; those with a value have that where a call gives none.
  public mutating func function(
    _ name: String, domain: String, attributes: [String: Attribute?] = [:], _ draft: ModelDraft
  ) {
    var function = Onnx_FunctionProto()
    (function.name, function.domain) = (name, domain)
    function.input = draft.header.graph.input.map(\.name)
    function.output = draft.header.graph.output.map(\.name)
    function.node = draft.nodes
    function.opsetImport = draft.header.opsetImport
    for (key, value) in attributes.sorted(by: { $0.key < $1.key }) {
      if let value {
        function.attributeProto.append(Self.proto(key, value))
      } else {
        function.attribute.append(key)
      }
    }
    header.functions.append(function)
  }

  /// Adds a tensor of parameters.
  public mutating func initialiser(_ name: String, _ tensor: Tensor) {
    initialisers.append(TensorWriter.tensor(name, tensor))
  }

  /// Adds float32 parameters under a shape that they need not fill.
  public mutating func initialiser(_ name: String, shape: [Int], floats: [Float]) {
    var proto = Onnx_TensorProto()
    proto.name = name
    proto.dims = shape.map(Int64.init)
    proto.dataType = Int32(Onnx_TensorProto.DataType.float.rawValue)
    proto.floatData = floats
    initialisers.append(proto)
  }

  /// Adds float32 parameters that lie in another file.
  public mutating func externalInitialiser(_ name: String, shape: [Int], entries: [String: String]) {
    var proto = Onnx_TensorProto()
    proto.name = name
    proto.dims = shape.map(Int64.init)
    proto.dataType = Int32(Onnx_TensorProto.DataType.float.rawValue)
    proto.dataLocation = .external
    proto.externalData = entries.sorted { $0.key < $1.key }.map { key, value in
      var entry = Onnx_StringStringEntryProto()
      (entry.key, entry.value) = (key, value)
      return entry
    }
    initialisers.append(proto)
  }

  /// Adds a node.
  public mutating func node(
    _ operation: String, _ inputs: [String], _ outputs: [String], name: String = "", domain: String = "",
    _ attributes: [String: Attribute] = [:]
  ) {
    var node = Onnx_NodeProto()
    node.opType = operation
    node.domain = domain
    node.name = name
    node.input = inputs
    node.output = outputs
    node.attribute = attributes.sorted { $0.key < $1.key }.map(Self.proto)
    nodes.append(node)
  }

  /// The bytes of the file.
  public func bytes() throws -> [UInt8] { try model.serializedBytes() }

  /// The bytes of a file that holds one tensor, as test cases hold inputs and outputs.
  public static func tensorFile(_ tensor: Tensor) throws -> [UInt8] {
    try TensorWriter.tensor("", tensor).serializedBytes()
  }

  /// Writes the file.
  public func write(to path: String) throws { try Data(bytes()).write(to: URL(fileURLWithPath: path)) }

  private static func port(
    _ name: String, _ shape: [Int?], _ element: ElementType
  ) -> Onnx_ValueInfoProto {
    var port = Onnx_ValueInfoProto()
    port.name = name
    port.type.tensorType.elemType = TensorWriter.code(element)
    port.type.tensorType.shape.dim = shape.enumerated().map { axis, extent in
      var dimension = Onnx_TensorShapeProto.Dimension()
      if let extent {
        dimension.dimValue = Int64(extent)
      } else {
        dimension.dimParam = axis == 0 ? "batch" : "axis_\(axis)"
      }
      return dimension
    }
    return port
  }

  private static func proto(_ key: String, _ value: Attribute) -> Onnx_AttributeProto {
    var proto = Onnx_AttributeProto()
    proto.name = key
    switch value {
    case .int(let number): (proto.type, proto.i) = (.int, Int64(number))
    case .ints(let numbers): (proto.type, proto.ints) = (.ints, numbers.map(Int64.init))
    case .float(let number): (proto.type, proto.f) = (.float, number)
    case .floats(let numbers): (proto.type, proto.floats) = (.floats, numbers)
    case .string(let text): (proto.type, proto.s) = (.string, Data(text.utf8))
    case .strings(let texts): (proto.type, proto.strings) = (.strings, texts.map { Data($0.utf8) })
    case .tensor(let tensor): (proto.type, proto.t) = (.tensor, TensorWriter.tensor("", tensor))
    case .graph(let draft): (proto.type, proto.g) = (.graph, draft.model.graph)
    case .reference(let key): proto.refAttrName = key
    }
    return proto
  }
}
