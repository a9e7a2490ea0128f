public import NoemaTensor

/// An operation on the bits of two integers that broadcast.
///
/// - Shapes: NumPy's broadcasting.
/// - Source: ONNX BitwiseAnd-18, BitwiseOr-18, BitwiseXor-18, BitwiseNot-18, BitShift-11 to -28.
public struct Bitwise: Operator {
  /// The operation; shifts to the right keep the sign, and beyond the width leave nothing else.
  public enum Function: String, Sendable, Hashable { case and, or, xor, shiftLeft, shiftRight }

  /// The operation.
  public var function: Function

  /// Makes the operator of a function.
  public init(_ function: Function) { self.function = function }

  public var relevanceRole: RelevanceRole { .none }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("BitwiseAnd", Bitwise(.and)), ONNXBinding("BitwiseOr", Bitwise(.or)),
      ONNXBinding("BitwiseXor", Bitwise(.xor)),
      ONNXBinding("BitwiseNot") { node in
        let ones = try Tensor(Int64(-1)).wrapped(to: node.type(0).element)
        return [try node.emit(Bitwise(.xor), node.operand(0), node.constant(ones))]
      },
      ONNXBinding("BitShift") { node in
        let direction = node.string("direction", default: "")
        guard direction == "LEFT" || direction == "RIGHT" else {
          throw node.error("direction '\(direction)' is neither LEFT nor RIGHT")
        }
        return try node.emit(
          Bitwise(direction == "LEFT" ? .shiftLeft : .shiftRight), node.operands())
      },
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2, operands[0].element == operands[1].element, !operands[0].element.isFloat,
      operands[0].element != .bool
    else { throw GraphError(.operands("expected two operands of one integer type, found \(operands)")) }
    return [TensorType(try Shapes.broadcast(operands[0].shape, operands[1].shape), operands[0].element)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let a = try operands[0].broadcast(to: shape).converted(to: .int64)
    let b = try operands[1].broadcast(to: shape).converted(to: .int64)
    let apply: (Int64, Int64) -> Int64 =
      switch function {
      case .and: { $0 & $1 }
      case .or: { $0 | $1 }
      case .xor: { $0 ^ $1 }
      case .shiftLeft: { $1 < 0 ? 0 : $0 << $1 }
      case .shiftRight: { $1 < 0 ? ($0 < 0 ? -1 : 0) : $0 >> $1 }
      }
    let result = a.withElements(as: Int64.self) { x in
      b.withElements(as: Int64.self) { y in Tensor(shape: shape, zip(x, y).map(apply)) }
    }
    return [result.wrapped(to: operands[0].elementType)]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil, nil] }
}

// MARK: Export
extension Bitwise: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    switch function {
    case .and: [writer.emit("BitwiseAnd", operands)]
    case .or: [writer.emit("BitwiseOr", operands)]
    case .xor: [writer.emit("BitwiseXor", operands)]
    case .shiftLeft, .shiftRight:
      // ONNX shifts unsigned integers only; those narrow enough to be told apart here could be written.
      throw GraphError(
        .unsupported("shifts of \(writer.type(of: node.operands[0]).element) cannot be written"))
    }
  }
}
