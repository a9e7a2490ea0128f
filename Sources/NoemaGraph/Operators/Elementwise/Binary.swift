internal import Foundation
public import NoemaTensor

/// An arithmetic operation on two operands that broadcast.
///
/// - Shapes: NumPy's broadcasting.
/// - Source: ONNX Add, Sub, Mul, Div, Pow, Min, Max, Sum, Mean, Mod.
public struct Binary: Operator {
  /// The operation.
  public enum Function: String, Sendable, Hashable {
    case add, sub, mul, div, pow, min, max
    /// The remainder of a division with the divisor's sign.
    case mod
    /// The remainder with the dividend's sign.
    case remainder
  }

  /// The operation.
  public var function: Function

  /// Makes the operator of a function.
  public init(_ function: Function) { self.function = function }

  public var name: String { function.rawValue.prefix(1).uppercased() + function.rawValue.dropFirst() }

  public var relevanceRole: RelevanceRole {
    switch function {
    case .add, .sub: .addition
    case .mul, .div: .product
    case .min, .max: .pooling
    case .pow: .activation
    case .mod, .remainder: .none
    }
  }
}

// MARK: ONNX
extension Binary {
  public static var onnx: [ONNXBinding] {
    let pairs: [(String, Function)] = [
      ("Add", .add), ("Sub", .sub), ("Mul", .mul), ("Div", .div), ("Pow", .pow),
    ]
    let chains: [(String, Function)] = [("Sum", .add), ("Min", .min), ("Max", .max)]
    return pairs.map { name, function in
      ONNXBinding(name) { node in try node.emit(Binary(function), node.alignedOperands()) }
    }
      + chains.map { name, function in ONNXBinding(name) { node in [try chain(function, node)] } }
      + [
        ONNXBinding("Mean") { node in
          let sum = try chain(.add, node)
          return [try node.emit(Binary(.div), sum, node.scalar(Double(node.operandCount), like: sum))]
        },
        ONNXBinding("Mod") { node in
          try node.emit(Binary(node.int("fmod", default: 0) == 0 ? .mod : .remainder), node.operands())
        },
        ONNXBinding("PRelu") { node in
          // x above 0, slope · x below: relu(x) − slope · relu(−x).
          let x = try node.operand(0), rank = try node.rank(0)
          var slope = try node.operand(1)
          // Before opset 7 a vector held a slope per channel.
          if node.opset < 7, rank > 2, case let shape = try node.type(1).shape, shape.count == 1, shape != [1]
          {
            slope = try node.emit(Reshape(shape: shape + Array(repeating: 1, count: rank - 2)), slope)
          }
          let below = try node.emit(Unary(.relu), node.emit(Unary(.negative), x))
          return [
            try node.emit(Binary(.sub), node.emit(Unary(.relu), x), node.emit(Binary(.mul), below, slope))
          ]
        },
        ONNXBinding("HardSigmoid") { node in
          let alpha = node.float("alpha", default: 0.2), beta = node.float("beta", default: 0.5)
          return [try node.apply(.hardSigmoid(alpha: alpha, beta: beta), node.operand(0))]
        },
        ONNXBinding("HardSwish") { node in [try node.apply(.hardSwish, node.operand(0))] },
        ONNXBinding("Softsign") { node in
          let x = try node.operand(0)
          let below = try node.emit(Binary(.add), node.scalar(1, like: x), node.emit(Unary(.abs), x))
          return [try node.emit(Binary(.div), x, below)]
        },
        ONNXBinding("Selu") { node in
          let x = try node.operand(0)
          let elu = try node.emit(Unary(.elu(alpha: node.float("alpha", default: 1.6732632))), x)
          return [
            try node.emit(Binary(.mul), elu, node.scalar(node.float("gamma", default: 1.0507010), like: x))
          ]
        },
        ONNXBinding("Celu") { node in
          let x = try node.operand(0), alpha = node.scalar(node.float("alpha", default: 1), like: x)
          let elu = try node.emit(Unary(.elu(alpha: 1)), node.emit(Binary(.div), x, alpha))
          return [try node.emit(Binary(.mul), elu, alpha)]
        },
        ONNXBinding("Mish") { node in
          let x = try node.operand(0)
          return [try node.emit(Binary(.mul), x, node.emit(Unary(.tanh), node.emit(Unary(.softplus), x)))]
        },
        ONNXBinding("Gelu") { node in
          let isTanh = node.string("approximate", default: "none") == "tanh"
          return [try node.apply(isTanh ? .tanhGELU : .gelu, node.operand(0))]
        },
      ]
  }

  private static func chain(_ function: Function, _ node: NodeReader) throws -> Value {
    var result = try node.operand(0)
    for operand in try node.operands().dropFirst() {
      result = try node.emit(Binary(function), result, operand)
    }
    return result
  }
}

// MARK: Result types
extension Binary {
  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2 else {
      throw GraphError(.operands("expected 2 operands, found \(operands.count)"))
    }
    guard operands[0].element == operands[1].element || function == .pow else {
      throw GraphError(.operands("operands are \(operands[0].element) and \(operands[1].element)"))
    }
    return [TensorType(try Shapes.broadcast(operands[0].shape, operands[1].shape), operands[0].element)]
  }
}

// MARK: Kernels
extension Binary {
  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let type = operands[0].elementType
    let a = try operands[0].broadcast(to: shape)
    if function == .pow, !type.isFloat, operands[1].elementType.isFloat {
      let wide = [operands[0].converted(to: .float64), operands[1].converted(to: .float64)]
      return try evaluate(wide).map { $0.converted(to: type) }
    }
    let b = try operands[1].converted(to: type).broadcast(to: shape)
    switch type {
    case .float32: return [Self.map(a, b, Float.self, float())]
    case .float64: return [Self.map(a, b, Double.self, float())]
    default:
      // Integer arithmetic wraps like the element type.
      return [
        Self.map(a.converted(to: .int64), b.converted(to: .int64), Int64.self, integer()).wrapped(to: type)
      ]
    }
  }

  private static func map<Element: TensorElement>(
    _ a: Tensor, _ b: Tensor, _ type: Element.Type, _ function: (Element, Element) -> Element
  ) -> Tensor {
    a.withElements(as: type) { x in
      b.withElements(as: type) { y in Tensor(shape: a.shape, zip(x, y).map(function)) }
    }
  }

  /// The function on floats.
  func float<Element: FloatElement>() -> (Element, Element) -> Element {
    switch function {
    case .add: { $0 + $1 }
    case .sub: { $0 - $1 }
    case .mul: { $0 * $1 }
    case .div: { $0 / $1 }
    case .pow: { $1 == 2 ? $0 * $0 : Element(Foundation.pow(Double($0), Double($1))) }
    case .min: { $0.isNaN || $0 < $1 ? $0 : $1 }
    case .max: { $0.isNaN || $0 > $1 ? $0 : $1 }
    case .mod: { Self.modulus($0, $1) }
    case .remainder: { $0.truncatingRemainder(dividingBy: $1) }
    }
  }

  /// The remainder with the divisor's sign, zeros included.
  private static func modulus<Element: FloatElement>(_ a: Element, _ b: Element) -> Element {
    let rest = a.truncatingRemainder(dividingBy: b)
    if rest == 0 { return b < 0 ? -0.0 : 0 }
    return (rest < 0) == (b < 0) ? rest : rest + b
  }

  private func integer() -> (Int64, Int64) -> Int64 {
    switch function {
    case .add: { $0 &+ $1 }
    case .sub: { $0 &- $1 }
    case .mul: { $0 &* $1 }
    case .div: { $1 == 0 || ($0 == .min && $1 == -1) ? 0 : $0 / $1 }
    case .min: { Swift.min($0, $1) }
    case .max: { Swift.max($0, $1) }
    case .mod: { $1 == 0 || ($0 == .min && $1 == -1) ? 0 : (($0 % $1) &+ $1) % $1 }
    case .remainder: { $1 == 0 || $1 == -1 ? 0 : $0 % $1 }
    case .pow: { Self.power($0, $1) }
    }
  }

  /// A power of integers, wrapping; a negative exponent leaves what the reciprocal truncates to.
  private static func power(_ base: Int64, _ exponent: Int64) -> Int64 {
    guard exponent >= 0 else { return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0 }
    var result: Int64 = 1, square = base, rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result = result &* square }
      square = square &* square
      rest >>= 1
    }
    return result
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard let function = Elementwise(self) else { return nil }
    return try Chain(function, operandCount: 2).kernel(for: operands, results: results)
  }
}

// MARK: Derivative
extension Binary {
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil] }
    let a = node.operands[0], b = node.operands[1], y = node.results[0]
    var left: Value?, right: Value?
    switch function {
    case .add: (left, right) = (g, g)
    case .sub: (left, right) = (g, try graph.apply(Unary(.negative), g))
    case .mul: (left, right) = (try graph.apply(Binary(.mul), g, b), try graph.apply(Binary(.mul), g, a))
    case .div:
      left = try graph.apply(Binary(.div), g, b)
      right = try graph.apply(
        Unary(.negative), graph.apply(Binary(.div), graph.apply(Binary(.mul), g, y), b))
    case .pow: (left, right) = try powerPullback(g, a, b, y, in: &graph)
    case .min, .max: (left, right) = try extremumPullback(g, a, b, in: &graph)
    case .mod, .remainder:
      // y = a − n b, with the whole number n as it was rounded forward.
      let n = try graph.apply(
        Unary(.round), graph.apply(Binary(.div), graph.apply(Binary(.sub), a, y), b))
      (left, right) = (g, try graph.apply(Unary(.negative), graph.apply(Binary(.mul), g, n)))
    }
    return [
      try left.map { value throws(GraphError) in try graph.reduce(value, toShapeOf: a) },
      graph.constants[b] == nil
        ? try right.map { value throws(GraphError) in try graph.reduce(value, toShapeOf: b) } : nil,
    ]
  }

  private func powerPullback(
    _ g: Value, _ a: Value, _ b: Value, _ y: Value, in graph: inout Graph
  ) throws(GraphError) -> (Value, Value?) {
    let exponent =
      graph.type(of: b).element == graph.type(of: a).element
      ? b
      : try graph.apply(Cast(to: graph.type(of: a).element), b)
    // As in PyTorch: where the exponent is 0 nothing passes, and 0 to a positive power has no slope in the exponent.
    // Numbers in their place keep infinities out of the way.
    let one = graph.addScalar(1, like: a)
    var lowered = try graph.apply(Binary(.sub), exponent, one)
    if graph.constants[b].map(\.hasZero) ?? true {
      let isZero = try graph.apply(Comparison(function: .equal), exponent, graph.addScalar(0, like: a))
      lowered = try graph.apply(Select(), isZero, one, lowered)
    }
    let left = try graph.apply(
      Binary(.mul), g, graph.apply(Binary(.mul), exponent, graph.apply(Binary(.pow), a, lowered)))
    if graph.constants[b] != nil { return (left, nil) }
    let zero = graph.addScalar(0, like: a)
    let isFlat = try graph.apply(
      Comparison(function: .and), graph.apply(Comparison(function: .equal), a, zero),
      graph.apply(Comparison(function: .greaterOrEqual), exponent, zero))
    let logarithm = try graph.apply(Unary(.log), graph.apply(Select(), isFlat, one, a))
    return (left, try graph.apply(Binary(.mul), g, graph.apply(Binary(.mul), y, logarithm)))
  }

  /// The winner takes the cotangent; a tie shares it equally.
  private func extremumPullback(
    _ g: Value, _ a: Value, _ b: Value, in graph: inout Graph
  ) throws(GraphError) -> (Value, Value?) {
    let lead = function == .max ? try graph.apply(Binary(.sub), a, b) : try graph.apply(Binary(.sub), b, a)
    let wide = try graph.broadcast(g, to: graph.type(of: lead).shape)
    let half = try graph.apply(
      Binary(.mul), graph.addScalar(0.5, like: a),
      graph.apply(Binary(.add), graph.addScalar(1, like: a), graph.apply(Unary(.sign), lead)))
    let left = try graph.apply(Binary(.mul), wide, half)
    return (left, try graph.apply(Binary(.sub), wide, left))
  }
}

extension Tensor {
  /// Whether an element is 0.
  fileprivate var hasZero: Bool { converted(to: .float64).elements(as: Double.self).contains(0) }
}

extension Graph {
  /// Sums a cotangent over the axes along which an operand was repeated.
  mutating func reduce(_ value: Value, toShapeOf operand: Value) throws(GraphError) -> Value {
    let from = type(of: value).shape, to = type(of: operand).shape
    if from == to { return value }
    let offset = from.count - to.count
    let axes = from.indices.filter { $0 < offset || (to[$0 - offset] == 1 && from[$0] != 1) }
    let sum = axes.isEmpty ? value : try apply(Reduction(.sum, axes: axes, keepsAxes: true), value)
    return try apply(Reshape(shape: to), sum)
  }

  /// Repeats a value to a shape.
  mutating func broadcast(_ value: Value, to shape: [Int]) throws(GraphError) -> Value {
    type(of: value).shape == shape ? value : try apply(Broadcast(shape: shape), value)
  }
}

// MARK: Export
extension Binary: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    switch function {
    case .remainder: return [writer.emit("Mod", operands, [("fmod", .int(1))])]
    case .mod where writer.type(of: node.results[0]).element.isFloat:
      throw GraphError(.unsupported("a floored remainder of floats has no ONNX form before opset 28"))
    default: return [writer.emit(name, operands)]
    }
  }
}
