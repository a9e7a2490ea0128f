public import NoemaTensor

/// Elements converted to another type: floats truncate towards zero and saturate, integers lose their
/// high bits.
///
/// - Source: ONNX Cast-1 to -24, CastLike; half-precision types are computed as float32.
public struct Cast: Operator {
  /// The result's element type.
  public var type: ElementType

  /// Makes a conversion.
  public init(to type: ElementType) { self.type = type }

  public var relevanceRole: RelevanceRole { .movement }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("Cast") { node in
        let type = try target(node)
        let x = try node.operand(0)
        return [try node.type(0).element == type ? x : node.emit(Cast(to: type), x)]
      },
      ONNXBinding("CastLike") { node in
        [try node.emit(Cast(to: node.type(1).element), node.operand(0))]
      },
    ]
  }

  /// The type asked for: a code, or before opset 6 its name.
  private static func target(_ node: NodeReader) throws -> ElementType {
    guard node.has("to") else { throw node.error("the type is missing") }
    if node.opset < 6, case let name = node.string("to", default: ""), !name.isEmpty {
      guard let type = namedTypes[name] else {
        throw node.unsupported("element type \(name) is not supported")
      }
      return type
    }
    return try TensorReader.elementType(Int32(truncatingIfNeeded: node.int("to", default: 0)), "Cast").type
  }

  private static let namedTypes: [String: ElementType] = [
    "FLOAT": .float32, "FLOAT16": .float32, "DOUBLE": .float64, "BOOL": .bool, "INT8": .int8, "INT16": .int16,
    "INT32": .int32, "INT64": .int64, "UINT8": .uint8, "UINT16": .uint16, "UINT32": .int64, "UINT64": .int64,
  ]

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1 else {
      throw GraphError(.operands("expected 1 operand, found \(operands.count)"))
    }
    return [TensorType(operands[0].shape, type)]
  }

  public func evaluate(_ operands: [Tensor]) -> [Tensor] { [operands[0].wrapped(to: type)] }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    let from = graph.type(of: node.operands[0]).element
    guard let g = cotangents[0], from.isFloat, type.isFloat else { return [nil] }
    return [try graph.apply(Cast(to: from), g)]
  }
}

// MARK: Export
extension Cast: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("Cast", operands, [("to", .int(Int(TensorWriter.code(type))))])]
  }
}
