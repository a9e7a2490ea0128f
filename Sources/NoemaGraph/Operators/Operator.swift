public import NoemaTensor

/// An operator: its attributes, and in one place everything the rest needs to know about it.
///
/// The requirements without a default are questions that every operator has to answer: what types come
/// out, what the result is (the reference kernel), and how a derivative passes through.
public protocol Operator: Sendable, Hashable {
  /// The operator's name without attributes, such as `Convolution`.
  var name: String { get }

  /// How nodes of an ONNX file become this operator; empty for operators that only rewrites make.
  static var onnx: [ONNXBinding] { get }

  /// The result types for the given operand types.
  ///
  /// - Throws: `GraphError.operands` when they do not fit.
  func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType]

  /// The plain reference kernel: clear loops on row-major tensors of any float type.
  func evaluate(_ operands: [Tensor]) throws -> [Tensor]

  /// The cotangents of the operands, given those of the results, as new nodes of `graph`; nil where no
  /// derivative passes.
  ///
  /// - Parameter cotangents: one per result, nil for results that nothing downstream depends on.
  func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?]

  /// The part that the operator plays when relevance rules are assigned.
  var relevanceRole: RelevanceRole { get }

  /// A fast kernel for operands that lie as given, or nil to run the reference kernel.
  func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?

  /// Multiply-add operations for the given types; 0 for operators that only move or compare.
  func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int
}

extension Operator {
  public var name: String {
    let full = String(describing: Self.self)
    return full.split(separator: "<").first.map(String.init) ?? full
  }

  public static var onnx: [ONNXBinding] { [] }
  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    nil
  }
  public func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int { 0 }
}

/// An operator whose reference kernel is written once for every float type.
public protocol FloatOperator: Operator {
  /// The reference kernel on tensors of `Element` (other operands, such as indices, keep their types).
  func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
}

extension FloatOperator {
  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    switch operands.first(where: { $0.elementType.isFloat })?.elementType {
    case .float64: return try evaluate(operands, as: Double.self)
    case .float32: return try evaluate(operands, as: Float.self)
    default:
      throw GraphError(.operands("\(name) works on floats, found \(operands.map(\.elementType))"))
    }
  }
}

/// The part an operator plays in relevance propagation: rules are written for roles, not for operators.
public enum RelevanceRole: String, Sendable, Hashable, CaseIterable {
  /// Linear in operand 0, with weights and a bias.
  case linear
  /// An element-wise non-linear function of operand 0.
  case activation
  /// A sum of operands.
  case addition
  /// A pooling of operand 0.
  case pooling
  /// Elements move or repeat but keep their values.
  case movement
  /// A product of operands.
  case product
  /// A normalisation of operand 0 by its own statistics.
  case normalisation
  /// No relevance passes.
  case none
}
