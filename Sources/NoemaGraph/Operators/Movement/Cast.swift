public import NoemaTensor

/// Elements converted to another type: floats truncate towards zero and saturate, integers lose their high bits.
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
        guard let code = node.int("to") else { throw node.error("the type is missing") }
        let type = try TensorReader.elementType(Int32(truncatingIfNeeded: code), "Cast").type
        let x = try node.operand(0)
        return [try node.type(0).element == type ? x : node.emit(Cast(to: type), x)]
      },
      ONNXBinding("CastLike") { node in
        [try node.emit(Cast(to: node.type(1).element), node.operand(0))]
      },
    ]
  }

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
