public import NoemaTensor

/// Takes elements of one operand where a condition holds, of the other elsewhere.
///
/// - Shapes: condition, a and b broadcast together.
/// - Source: ONNX Where-9.
public struct Select: Operator {
  /// Makes the operator.
  public init() {}

  public var relevanceRole: RelevanceRole { .movement }

  public static var onnx: [ONNXBinding] { [ONNXBinding("Where", Select())] }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 3, operands[1].element == operands[2].element else {
      throw GraphError(.operands("expected a condition and two operands of one type, found \(operands)"))
    }
    let shape = try Shapes.broadcast(operands[1].shape, operands[2].shape)
    return [TensorType(try Shapes.broadcast(operands[0].shape, shape), operands[1].element)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let type = operands[1].elementType, width = type.byteCount
    let condition = try operands[0].converted(to: .bool).broadcast(to: shape)
    let a = try operands[1].broadcast(to: shape), b = try operands[2].broadcast(to: shape)
    return [
      try Tensor(shape: shape, elementType: type) { bytes in
        condition.withElements(as: Bool.self) { condition in
          a.withBytes { a in
            b.withBytes { b in
              for (index, holds) in condition.enumerated() {
                let source = (holds ? a : b)[index * width..<(index + 1) * width]
                UnsafeMutableRawBufferPointer(rebasing: bytes[index * width..<(index + 1) * width])
                  .copyMemory(from: UnsafeRawBufferPointer(rebasing: source))
              }
            }
          }
        }
      }
    ]
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    try Chain(.select, operandCount: 3).kernel(for: operands, results: results)
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0], graph.type(of: g).element.isFloat else { return [nil, nil, nil] }
    let zero = try graph.broadcast(graph.addScalar(0, like: g), to: graph.type(of: g).shape)
    let a = try graph.apply(Select(), node.operands[0], g, zero)
    let b = try graph.apply(Select(), node.operands[0], zero, g)
    return [
      nil, try graph.reduce(a, toShapeOf: node.operands[1]), try graph.reduce(b, toShapeOf: node.operands[2]),
    ]
  }
}

// MARK: Export
extension Select: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("Where", operands)]
  }
}
