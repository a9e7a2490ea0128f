internal import CDNNL
internal import Foundation
internal import NoemaTensor

/// A scalar function: its value, its derivative as graph nodes, and its oneDNN name, side by side.
public enum ScalarFunction: Sendable, Hashable {
  /// `max(x, 0)`.
  case relu
  /// `x` above 0, `slope · x` below.
  case leakyReLU(slope: Double)
  /// `min(max(x, lower), upper)`; ReLU6 is `clip(0, 6)`.
  case clip(lower: Double, upper: Double)
  /// `x` above 0, `α (eˣ − 1)` below.
  case elu(alpha: Double)
  /// `1 / (1 + e⁻ˣ)`.
  case sigmoid
  case tanh, exp, log, sqrt, abs, negative, reciprocal, erf, sin, cos
  case tan, asin, acos, atan, sinh, cosh, asinh, acosh, atanh
  /// `log(1 + eˣ)`.
  case softplus
  case floor, ceil, round, sign
  case not

  /// The function's value; transcendental functions are computed in double precision.
  func value<Element: FloatElement>(_ x: Element) -> Element {
    switch self {
    // Comparisons are written so that NaN stays NaN.
    case .relu: x < 0 ? 0 : x
    case .leakyReLU(let slope): x < 0 ? x * Element(slope) : x
    case .clip(let lower, let upper):
      x < Element(lower) ? Element(lower) : x > Element(upper) ? Element(upper) : x
    case .elu(let alpha): x < 0 ? Element(alpha * Foundation.expm1(Double(x))) : x
    case .sigmoid: Element(1 / (1 + Foundation.exp(-Double(x))))
    case .tanh: Element(Foundation.tanh(Double(x)))
    case .exp: Element(Foundation.exp(Double(x)))
    case .log: Element(Foundation.log(Double(x)))
    case .sqrt: x.squareRoot()
    case .abs: x.magnitude
    case .negative: -x
    case .reciprocal: 1 / x
    case .erf: Element(Foundation.erf(Double(x)))
    case .sin: Element(Foundation.sin(Double(x)))
    case .cos: Element(Foundation.cos(Double(x)))
    case .tan: Element(Foundation.tan(Double(x)))
    case .asin: Element(Foundation.asin(Double(x)))
    case .acos: Element(Foundation.acos(Double(x)))
    case .atan: Element(Foundation.atan(Double(x)))
    case .sinh: Element(Foundation.sinh(Double(x)))
    case .cosh: Element(Foundation.cosh(Double(x)))
    case .asinh: Element(Foundation.asinh(Double(x)))
    case .acosh: Element(Foundation.acosh(Double(x)))
    case .atanh: Element(Foundation.atanh(Double(x)))
    case .softplus: Element(Swift.max(Double(x), 0) + Foundation.log1p(Foundation.exp(-Swift.abs(Double(x)))))
    case .floor: x.rounded(.down)
    case .ceil: x.rounded(.up)
    case .round: x.rounded(.toNearestOrEven)
    case .sign: x > 0 ? 1 : x < 0 ? -1 : x
    case .not: x == 0 ? 1 : 0
    }
  }

  /// The function's value for an integer, wrapping, where it is exact; nil for functions into the reals.
  func integerValue(_ x: Int64) -> Int64? {
    switch self {
    case .relu: Swift.max(x, 0)
    case .abs: x < 0 ? 0 &- x : x
    case .negative: 0 &- x
    case .sign: x.signum()
    case .not: x == 0 ? 1 : 0
    case .floor, .ceil, .round: x
    default: nil
    }
  }

  /// `x̄` for a cotangent `ȳ`, or nil where the derivative is zero everywhere. At kinks the convention is
  /// PyTorch's: 0 at the ends of a clip and at 0 of ReLU and |x|.
  func pullback(_ g: Value, x: Value, y: Value, in graph: inout Graph) throws(GraphError) -> Value? {
    func scalar(_ number: Double) -> Value { graph.addScalar(number, like: x) }
    func times(_ a: Value, _ b: Value) throws(GraphError) -> Value { try graph.apply(Binary(.mul), a, b) }
    // a · x² + b, and its square root.
    func square(_ a: Double, _ b: Double) throws(GraphError) -> Value {
      try graph.apply(Binary(.add), times(scalar(a), times(x, x)), scalar(b))
    }
    func root(_ a: Double, _ b: Double) throws(GraphError) -> Value {
      try graph.apply(Unary(.sqrt), square(a, b))
    }
    switch self {
    case .relu: return try graph.apply(Gate(lower: 0), g, y)
    case .leakyReLU(let slope): return try graph.apply(Gate(lower: 0, below: slope), g, x)
    case .clip(let lower, let upper): return try graph.apply(Gate(lower: lower, upper: upper), g, y)
    case .elu(let alpha):
      let below = try times(g, graph.apply(Binary(.add), y, scalar(alpha)))
      return try graph.apply(
        Binary(.add), graph.apply(Gate(lower: 0), g, x),
        graph.apply(Gate(lower: 0, below: 1, inside: 0), below, x))
    case .sigmoid: return try times(g, times(y, graph.apply(Binary(.sub), scalar(1), y)))
    case .tanh: return try times(g, graph.apply(Binary(.sub), scalar(1), times(y, y)))
    case .exp: return try times(g, y)
    case .log: return try graph.apply(Binary(.div), g, x)
    case .sqrt: return try graph.apply(Binary(.div), g, times(scalar(2), y))
    case .abs: return try times(g, graph.apply(Unary(.sign), x))
    case .negative: return try graph.apply(Unary(.negative), g)
    case .reciprocal: return try graph.apply(Unary(.negative), times(g, times(y, y)))
    case .erf:
      let bell = try graph.apply(Unary(.exp), graph.apply(Unary(.negative), times(x, x)))
      return try times(g, times(scalar(2 / Double.pi.squareRoot()), bell))
    case .sin: return try times(g, graph.apply(Unary(.cos), x))
    case .cos: return try graph.apply(Unary(.negative), times(g, graph.apply(Unary(.sin), x)))
    case .tan: return try times(g, graph.apply(Binary(.add), scalar(1), times(y, y)))
    case .sinh: return try times(g, graph.apply(Unary(.cosh), x))
    case .cosh: return try times(g, graph.apply(Unary(.sinh), x))
    case .asin: return try graph.apply(Binary(.div), g, root(-1, 1))
    case .acos: return try graph.apply(Unary(.negative), graph.apply(Binary(.div), g, root(-1, 1)))
    case .asinh: return try graph.apply(Binary(.div), g, root(1, 1))
    case .acosh: return try graph.apply(Binary(.div), g, root(1, -1))
    case .atan: return try graph.apply(Binary(.div), g, square(1, 1))
    case .atanh: return try graph.apply(Binary(.div), g, square(-1, 1))
    case .softplus: return try times(g, graph.apply(Unary(.sigmoid), x))
    case .floor, .ceil, .round, .sign, .not: return nil
    }
  }

  /// The ONNX names of functions without parameters.
  static let onnxNames: [(String, ScalarFunction)] = [
    ("Relu", .relu), ("Sigmoid", .sigmoid), ("Tanh", .tanh), ("Exp", .exp), ("Log", .log), ("Sqrt", .sqrt),
    ("Abs", .abs), ("Neg", .negative), ("Reciprocal", .reciprocal), ("Erf", .erf), ("Sin", .sin),
    ("Cos", .cos), ("Tan", .tan), ("Asin", .asin), ("Acos", .acos), ("Atan", .atan), ("Sinh", .sinh),
    ("Cosh", .cosh), ("Asinh", .asinh), ("Acosh", .acosh), ("Atanh", .atanh),
    ("Softplus", .softplus), ("Floor", .floor), ("Ceil", .ceil), ("Round", .round), ("Sign", .sign),
  ]

  /// How oneDNN computes it; nil for functions it lacks.
  var eltwise: (algorithm: Int32, alpha: Float, beta: Float)? {
    func code(_ algorithm: Int, _ alpha: Double = 0, _ beta: Double = 0) -> (Int32, Float, Float) {
      (Int32(algorithm), Float(alpha), Float(beta))
    }
    switch self {
    case .relu: return code(ndnnl_eltwise_relu)
    case .leakyReLU(let slope): return code(ndnnl_eltwise_relu, slope)
    case .clip(let lower, let upper): return code(ndnnl_eltwise_clip, lower, upper)
    case .elu(let alpha): return code(ndnnl_eltwise_elu, alpha)
    case .sigmoid: return code(ndnnl_eltwise_logistic)
    case .tanh: return code(ndnnl_eltwise_tanh)
    case .exp: return code(ndnnl_eltwise_exp)
    case .sqrt: return code(ndnnl_eltwise_sqrt)
    case .abs: return code(ndnnl_eltwise_abs)
    case .negative: return code(ndnnl_eltwise_linear, -1)
    // oneDNN's logarithm is off by 1e-6 at 1, its softplus by more than a percent where it is small.
    default: return nil
    }
  }

  /// Whether 0 maps to 0, so that a kernel may sweep over the zero padding of blocked memory.
  var keepsZero: Bool { value(Float(0)) == 0 }

  /// Whether fused kernels apply it before they store.
  var isFusible: Bool {
    switch self {
    case .relu, .leakyReLU, .clip, .elu, .sigmoid, .tanh: true
    default: false
    }
  }
}
