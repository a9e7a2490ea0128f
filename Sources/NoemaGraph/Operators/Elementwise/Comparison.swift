public import NoemaTensor

/// A comparison or logical operation on two operands that broadcast; the result is bool.
///
/// - Source: ONNX Equal, Greater, GreaterOrEqual, Less, LessOrEqual, And, Or, Xor.
public struct Comparison: Operator {
  /// The operation.
  public enum Function: String, Sendable, Hashable, CaseIterable {
    case equal, greater, greaterOrEqual, less, lessOrEqual, and, or, xor
  }

  /// The operation.
  public var function: Function

  /// Makes a comparison.
  public init(function: Function) {
    self.function = function
  }

  public var relevanceRole: RelevanceRole { .none }

  public static var onnx: [ONNXBinding] {
    Function.allCases.map { function in
      ONNXBinding(
        function.rawValue.prefix(1).uppercased() + function.rawValue.dropFirst(),
        Comparison(function: function))
    }
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2 else {
      throw GraphError(.operands("expected 2 operands, found \(operands.count)"))
    }
    return [TensorType(try Shapes.broadcast(operands[0].shape, operands[1].shape), .bool)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let a = try operands[0].broadcast(to: shape).converted(to: .float64).elements(as: Double.self)
    let b = try operands[1].broadcast(to: shape).converted(to: .float64).elements(as: Double.self)
    let test: (Double, Double) -> Bool =
      switch function {
      case .equal: { $0 == $1 }
      case .greater: { $0 > $1 }
      case .greaterOrEqual: { $0 >= $1 }
      case .less: { $0 < $1 }
      case .lessOrEqual: { $0 <= $1 }
      case .and: { $0 != 0 && $1 != 0 }
      case .or: { $0 != 0 || $1 != 0 }
      case .xor: { ($0 != 0) != ($1 != 0) }
      }
    return [Tensor(shape: shape, zip(a, b).map(test))]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil, nil] }
}
