internal import CDNNL
internal import CVector
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
  /// `x Φ(x)`, with the normal distribution function `Φ(x) = ½ (1 + erf(x / √2))`.
  case gelu
  /// The derivative of GELU, `Φ(x) + x φ(x)`.
  case geluSlope
  /// `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
  case tanhGELU, tanhGELUSlope
  /// `x σ(α x)`; SiLU where α is 1.
  case swish(alpha: Double), swishSlope(alpha: Double)
  /// `α x + β`, kept within 0…1.
  case hardSigmoid(alpha: Double, beta: Double)
  /// `x · min(max(x / 6 + ½, 0), 1)`.
  case hardSwish, hardSwishSlope
  /// `x + ε sgn x` with `sgn 0 = 1`, a denominator that is not 0; where the sum is 0, with `ε = 0`, infinity, so that a
  /// quotient is 0. Only relevance rules make it.
  case stabilized(epsilon: Double)

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
    case .gelu: x == -.infinity ? 0 : Element(Double(x) * Self.normal(Double(x)))
    case .geluSlope: Element(Self.normal(Double(x)) + Self.vanishing(Double(x)) { $0 * Self.bell($0) })
    case .tanhGELU: x == -.infinity ? 0 : Element(Double(x) * Self.logistic(Self.tanhGELUInner(Double(x))))
    case .tanhGELUSlope: Element(Self.tanhGELUSlope(Double(x)))
    case .swish(let alpha): Element(Self.vanishing(Double(x)) { $0 * Self.logistic(alpha * $0) })
    case .swishSlope(let alpha): Element(Self.swishSlope(Double(x), alpha))
    case .hardSigmoid(let alpha, let beta): Self.clip(Element(alpha) * x + Element(beta), 0, 1)
    case .hardSwish: x <= -3 ? 0 : x >= 3 ? x : x * (x / 6 + 0.5)
    case .hardSwishSlope: x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5
    case .stabilized(let epsilon): Self.stabilized(x, Element(epsilon))
    }
  }

  private static func clip<Element: FloatElement>(_ x: Element, _ lower: Element, _ upper: Element) -> Element
  {
    x < lower ? lower : x > upper ? upper : x
  }
  private static func stabilized<Element: FloatElement>(_ x: Element, _ epsilon: Element) -> Element {
    let y = x < 0 ? x - epsilon : x + epsilon
    return y == 0 ? .infinity : y
  }
  private static func logistic(_ x: Double) -> Double { 1 / (1 + Foundation.exp(-x)) }
  private static func normal(_ x: Double) -> Double { 0.5 * Foundation.erfc(-x * 0.5.squareRoot()) }
  private static func bell(_ x: Double) -> Double {
    Foundation.exp(-0.5 * x * x) / (2 * Double.pi).squareRoot()
  }
  /// A product with a factor that tends to 0 faster than the other grows: 0 in place of `∞ · 0`.
  private static func vanishing(_ x: Double, _ product: (Double) -> Double) -> Double {
    let y = product(x)
    return y.isNaN && !x.isNaN ? 0 : y
  }
  /// `½ (1 + tanh u) = σ(2u)`.
  private static func tanhGELUInner(_ x: Double) -> Double {
    2 * (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
  }
  private static func tanhGELUSlope(_ x: Double) -> Double {
    let s = logistic(tanhGELUInner(x))
    let slope = 2 * (2 / Double.pi).squareRoot() * (1 + 3 * 0.044715 * x * x)
    return s + vanishing(x) { $0 * s * (1 - s) * slope }
  }
  private static func swishSlope(_ x: Double, _ alpha: Double) -> Double {
    let s = logistic(alpha * x)
    return s + vanishing(x) { alpha * $0 * s * (1 - s) }
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
    case .gelu: return try times(g, graph.apply(Unary(.geluSlope), x))
    case .tanhGELU: return try times(g, graph.apply(Unary(.tanhGELUSlope), x))
    case .swish(let alpha): return try times(g, graph.apply(Unary(.swishSlope(alpha: alpha)), x))
    case .hardSwish: return try times(g, graph.apply(Unary(.hardSwishSlope), x))
    case .hardSigmoid(let alpha, _):
      return try graph.apply(Gate(lower: 0, upper: 1), times(g, scalar(alpha)), y)
    case .hardSwishSlope:
      return try graph.apply(Gate(lower: -3, upper: 3), times(g, scalar(1.0 / 3)), x)
    case .stabilized: return g
    // The formula's own derivative.
    case .geluSlope, .tanhGELUSlope, .swishSlope:
      let start = graph.nodes.count
      let written = try formula(x, in: &graph)!
      return try graph.passBackward([written: g], through: Array(graph.nodes[start...]), to: [x])[x]
    }
  }

  /// The function in terms of functions that ONNX has; nil for those themselves.
  func formula(_ x: Value, in graph: inout Graph) throws(GraphError) -> Value? {
    func scaled(_ a: Value, _ number: Double) throws(GraphError) -> Value {
      try graph.apply(Binary(.mul), a, graph.addScalar(number, like: x))
    }
    func shifted(_ a: Value, _ number: Double) throws(GraphError) -> Value {
      try graph.apply(Binary(.add), a, graph.addScalar(number, like: x))
    }
    func scalar(_ number: Double) -> Value { graph.addScalar(number, like: x) }
    func times(_ a: Value, _ b: Value) throws(GraphError) -> Value { try graph.apply(Binary(.mul), a, b) }
    func sum(_ a: Value, _ b: Value) throws(GraphError) -> Value { try graph.apply(Binary(.add), a, b) }
    func normal() throws(GraphError) -> Value {
      try scaled(shifted(graph.apply(Unary(.erf), scaled(x, 0.5.squareRoot())), 1), 0.5)
    }
    // s = σ(u) of tanh-GELU, with u = c (x + a x³).
    let (a, c) = (0.044715, 2 * (2 / Double.pi).squareRoot())
    func tanhSigmoid() throws(GraphError) -> Value {
      let cubic = try sum(x, scaled(times(x, times(x, x)), a))
      return try graph.apply(Unary(.sigmoid), scaled(cubic, c))
    }
    func spread(_ s: Value) throws(GraphError) -> Value { try times(s, shifted(scaled(s, -1), 1)) }
    switch self {
    case .gelu: return try times(x, normal())
    case .geluSlope:
      let bell = try scaled(
        graph.apply(Unary(.exp), scaled(times(x, x), -0.5)), 1 / (2 * Double.pi).squareRoot())
      return try sum(normal(), times(x, bell))
    case .tanhGELU: return try times(x, tanhSigmoid())
    case .tanhGELUSlope:
      let s = try tanhSigmoid(), slope = try shifted(scaled(times(x, x), 3 * a * c), c)
      return try sum(s, times(times(x, spread(s)), slope))
    case .swish(let alpha): return try times(x, graph.apply(Unary(.sigmoid), scaled(x, alpha)))
    case .swishSlope(let alpha):
      let s = try graph.apply(Unary(.sigmoid), scaled(x, alpha))
      return try sum(s, scaled(times(x, spread(s)), alpha))
    case .hardSigmoid(let alpha, let beta):
      return try graph.apply(Unary(.clip(lower: 0, upper: 1)), shifted(scaled(x, alpha), beta))
    case .hardSwish:
      return try times(x, graph.apply(Unary(.clip(lower: 0, upper: 1)), shifted(scaled(x, 1.0 / 6), 0.5)))
    case .hardSwishSlope:
      let line = try shifted(scaled(x, 1.0 / 3), 0.5)
      let one = try graph.broadcast(graph.addScalar(1, like: x), to: graph.type(of: x).shape)
      return try sum(
        graph.apply(Gate(lower: -3, upper: 3), line, x),
        graph.apply(Gate(upper: 3, inside: 0, above: 1), one, x))
    case .stabilized(let epsilon):
      let isBelow = try graph.apply(Comparison(function: .less), x, scalar(0))
      let moved = try graph.apply(Select(), isBelow, shifted(x, -epsilon), shifted(x, epsilon))
      let isZero = try graph.apply(Comparison(function: .equal), moved, scalar(0))
      return try graph.apply(Select(), isZero, scalar(.infinity), moved)
    default: return nil
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

  /// How oneDNN applies it before it stores a result; nil for functions that it lacks or that are not activations.
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
    case .gelu: return code(ndnnl_eltwise_gelu_erf)
    case .tanhGELU: return code(ndnnl_eltwise_gelu_tanh)
    case .swish(let alpha): return code(ndnnl_eltwise_swish, alpha)
    case .hardSwish: return code(ndnnl_eltwise_hardswish)
    default: return nil
    }
  }

  /// The instruction of an element-wise program that computes it; nil for functions that have none.
  var instruction: (code: Int32, a: Float, b: Float)? {
    func code(_ code: Int, _ a: Double = 0, _ b: Double = 0) -> (Int32, Float, Float) {
      (Int32(code), Float(a), Float(b))
    }
    switch self {
    case .relu: return code(cv_relu)
    case .leakyReLU(let slope): return code(cv_leaky_relu, slope)
    case .clip(let lower, let upper): return code(cv_clip, lower, upper)
    case .elu(let alpha): return code(cv_elu, alpha)
    case .sigmoid: return code(cv_sigmoid)
    case .tanh: return code(cv_tanh)
    case .exp: return code(cv_exp)
    case .log: return code(cv_log)
    case .sqrt: return code(cv_sqrt)
    case .abs: return code(cv_abs)
    case .negative: return code(cv_negative)
    case .reciprocal: return code(cv_reciprocal)
    case .erf: return code(cv_erf)
    case .softplus: return code(cv_softplus)
    case .floor: return code(cv_floor)
    case .ceil: return code(cv_ceil)
    case .round: return code(cv_round)
    case .sign: return code(cv_sign)
    case .not: return code(cv_not)
    case .sin: return code(cv_sin)
    case .cos: return code(cv_cos)
    case .gelu: return code(cv_gelu)
    case .geluSlope: return code(cv_gelu_slope)
    case .tanhGELU: return code(cv_tanh_gelu)
    case .tanhGELUSlope: return code(cv_tanh_gelu_slope)
    case .swish(let alpha): return code(cv_swish, alpha)
    case .swishSlope(let alpha): return code(cv_swish_slope, alpha)
    case .hardSigmoid(let alpha, let beta): return code(cv_hard_sigmoid, alpha, beta)
    case .hardSwish: return code(cv_hard_swish)
    case .hardSwishSlope: return code(cv_hard_swish_slope)
    case .stabilized(let epsilon): return code(cv_stabilized, epsilon)
    case .tan, .asin, .acos, .atan, .sinh, .cosh, .asinh, .acosh, .atanh: return nil
    }
  }

  /// Whether 0 maps to 0, so that a kernel may sweep over the zero padding of blocked memory.
  var keepsZero: Bool { value(Float(0)) == 0 }
}
