public import NoemaTensor

/// A comparison or logical operation on two operands that broadcast; the result is bool.
///
/// - Source: ONNX Equal, Greater, GreaterOrEqual, Less, LessOrEqual, And, Or, Xor;
///   IsNaN and IsInf are written in terms of it.
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
      ONNXBinding(function.rawValue.prefix(1).uppercased() + function.rawValue.dropFirst()) { node in
        try node.emit(Comparison(function: function), node.alignedOperands())
      }
    } + [
      ONNXBinding("IsNaN") { node in
        let x = try node.operand(0)
        return [try node.emit(Unary(.not), node.emit(Comparison(function: .equal), x, x))]
      },
      ONNXBinding("IsInf") { node in
        let x = try node.operand(0)
        func equals(_ number: Double, _ isDetected: Bool) throws -> Value {
          // Nothing lies above infinity: the comparison that never holds.
          try node.emit(
            Comparison(function: isDetected ? .equal : .greater), x,
            node.scalar(isDetected ? number : .infinity, like: x))
        }
        return [
          try node.emit(
            Comparison(function: .or), equals(.infinity, node.int("detect_positive", default: 1) != 0),
            equals(-.infinity, node.int("detect_negative", default: 1) != 0))
        ]
      },
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2 else {
      throw GraphError(.operands("expected 2 operands, found \(operands.count)"))
    }
    return [TensorType(try Shapes.broadcast(operands[0].shape, operands[1].shape), .bool)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let a = try operands[0].broadcast(to: shape), b = try operands[1].broadcast(to: shape)
    // Integers beyond 2⁵³ differ where their nearest floats do not.
    if a.elementType.isFloat || b.elementType.isFloat {
      return [compare(a.converted(to: .float64), b.converted(to: .float64), as: Double.self, zero: 0)]
    }
    return [compare(a.converted(to: .int64), b.converted(to: .int64), as: Int64.self, zero: 0)]
  }

  private func compare<Element: TensorElement & Comparable>(
    _ a: Tensor, _ b: Tensor, as type: Element.Type, zero: Element
  ) -> Tensor {
    let test: (Element, Element) -> Bool =
      switch function {
      case .equal: { $0 == $1 }
      case .greater: { $0 > $1 }
      case .greaterOrEqual: { $0 >= $1 }
      case .less: { $0 < $1 }
      case .lessOrEqual: { $0 <= $1 }
      case .and: { $0 != zero && $1 != zero }
      case .or: { $0 != zero || $1 != zero }
      case .xor: { ($0 != zero) != ($1 != zero) }
      }
    return a.withElements(as: type) { x in
      b.withElements(as: type) { y in Tensor(shape: a.shape, zip(x, y).map(test)) }
    }
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    try Chain(.comparison(function), operandCount: 2).kernel(for: operands, results: results)
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil, nil] }
}

// MARK: Export
extension Comparison: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit(function.rawValue.prefix(1).uppercased() + function.rawValue.dropFirst(), operands)]
  }
}
