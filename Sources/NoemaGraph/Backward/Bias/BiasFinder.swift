internal import NoemaTensor

/// Finds what nodes hold beyond their linearisations: `c = y − Jx`.
struct BiasFinder {
  /// The values that `x` is made of.
  let data: Set<Value>
  /// Whether infinities are kept away from derivatives of 0.
  let isGuarded: Bool

  /// A value that broadcasts to a node's result.
  private struct Bias {
    var value: Value
    var isImplicit = false
  }

  /// The term of a node's result, given the derivative there; nil for none.
  func term(
    of y: Value, by node: Node, _ gradient: Value, _ countsImplicit: Bool, in graph: inout Graph
  ) throws(GraphError) -> BiasTerm? {
    guard let bias = try bias(of: y, by: node, in: &graph) else { return nil }
    guard countsImplicit || !bias.isImplicit else {
      throw GraphError(
        .unsupported(
          "the operator is not homogeneous: its result is not its derivative times its operands, and no bias makes "
            + "up for it; let implicit biases count"))
    }
    var product = try graph.apply(Binary(.mul), gradient, bias.value)
    if isGuarded {
      let zero = graph.addScalar(0, like: gradient)
      let isSilent = try graph.apply(Comparison(function: .equal), gradient, zero)
      product = try graph.apply(Select(), isSilent, zero, product)
    }
    return BiasTerm(node: node, result: y, product: product, isImplicit: bias.isImplicit)
  }

  private func bias(of y: Value, by node: Node, in graph: inout Graph) throws(GraphError) -> Bias? {
    switch node.operation {
    case let convolution as Convolution:
      return try ofProduct(y, node, bias: convolution.hasBias ? 2 : nil, &graph)
    case let product as MatMul: return try ofProduct(y, node, bias: product.hasBias ? 2 : nil, &graph)
    case is ConvolutionInputGradient: return try ofProduct(y, node, bias: nil, &graph)
    case let normalization as BatchNormalization:
      let shift = normalization.shift(node, in: &graph)
      return isZero(shift, graph) ? nil : Bias(value: shift)
    case let binary as Binary: return try ofBinary(binary.function, y, node, &graph)
    case let unary as Unary: return unary.function.isHomogeneous ? nil : try curved(y, node, &graph)
    case is Gate: return nil
    case is Select, is Concatenation: return try ofConstants(node, &graph)
    case let scatter as Scatter where scatter.reduction == .none || scatter.reduction == .add:
      return try ofConstants(node, &graph)
    case is Scatter: return try curved(y, node, &graph)
    case let pad as Pad:
      return pad.fill == 0 ? nil : Bias(value: try graph.apply(pad, graph.zeros(like: node.operands[0])))
    case let reduction as Reduction: return reduction.function == .product ? try curved(y, node, &graph) : nil
    case let softmax as Softmax where !softmax.isLogarithmic:
      // The derivative is symmetric: what it passes back is what it passes on.
      let slope = try softmax.pullback(of: [finite(node.operands[0], &graph)], through: node, in: &graph)[0]
      return try curved(y, slope, &graph)
    case let normalization as LayerNormalization
    where !node.operands.dropFirst().contains(where: data.contains):
      return try curved(y, tangent(of: normalization, node, &graph), &graph)
    default:
      let isLinear = [.movement, .pooling, .addition].contains(node.operation.relevanceRole)
      let isAlone =
        data.contains(node.operands[0]) && !node.operands.dropFirst().contains(where: data.contains)
      return isLinear && isAlone ? nil : try curved(y, node, &graph)
    }
  }

  private func isZero(_ value: Value, _ graph: Graph) -> Bool {
    guard let tensor = graph.constants[value], tensor.elementType.isFloat else { return false }
    return tensor.converted(to: .float64).withElements(as: Double.self) { $0.allSatisfy { $0 == 0 } }
  }

  // MARK: Constants

  /// `F(a, b) + bias`, where `F` is linear in either factor: `J` counts it once for each that is data.
  private func ofProduct(
    _ y: Value, _ node: Node, bias index: Int?, _ graph: inout Graph
  ) throws(GraphError) -> Bias? {
    let factors = node.operands.prefix(2).filter(data.contains).count
    var own = index.flatMap { isZero(node.operands[$0], graph) ? nil : node.operands[$0] }
    if let bias = own, node.operation is Convolution {
      let channels = graph.type(of: bias).shape + graph.type(of: y).shape.dropFirst(2).map { _ in 1 }
      own = try graph.apply(Reshape(shape: channels), bias)
    }
    let constant = index.map { data.contains(node.operands[$0]) } ?? false ? nil : own
    if factors == 1 { return constant.map { Bias(value: $0) } }
    let product = if let own { try graph.apply(Binary(.sub), y, own) } else { y }
    if factors == 0 { return Bias(value: product) }
    var rest = try graph.apply(Unary(.negative), product)
    if let constant { rest = try graph.apply(Binary(.add), rest, constant) }
    return Bias(value: rest, isImplicit: true)
  }

  private func ofBinary(
    _ function: Binary.Function, _ y: Value, _ node: Node, _ graph: inout Graph
  ) throws(GraphError) -> Bias? {
    let isData = node.operands.map(data.contains), fixed = isData.firstIndex(of: false)
    switch function {
    case .add, .sub:
      guard let fixed, !isZero(node.operands[fixed], graph) else { return nil }
      let constant = node.operands[fixed]
      return Bias(
        value: function == .sub && fixed == 1 ? try graph.apply(Unary(.negative), constant) : constant)
    case .mul, .div:
      // By Euler, Jx of a function of degree d is d y.
      let degree = (isData[0] ? 1 : 0) + (isData[1] ? (function == .mul ? 1 : -1) : 0)
      if degree == 1 { return nil }
      return Bias(
        value: try graph.apply(Binary(.mul), y, graph.addScalar(Double(1 - degree), like: y)),
        isImplicit: true)
    case .min, .max:
      guard let fixed, !isZero(node.operands[fixed], graph) else { return nil }
      return try curved(y, node, &graph)
    case .pow, .mod, .remainder: return try curved(y, node, &graph)
    }
  }

  /// What a node that is affine in data makes of its constants, with zeros in place of data.
  private func ofConstants(_ node: Node, _ graph: inout Graph) throws(GraphError) -> Bias? {
    let floats = node.operands.filter { graph.type(of: $0).element.isFloat }
    guard floats.contains(where: { !data.contains($0) && !isZero($0, graph) }) else { return nil }
    var operands: [Value] = []
    for operand in node.operands {
      operands.append(data.contains(operand) ? try graph.zeros(like: operand) : operand)
    }
    return Bias(value: try graph.add(node.operation, operands, name: node.name)[0])
  }

  // MARK: Curvature

  private func curved(_ y: Value, _ node: Node, _ graph: inout Graph) throws(GraphError) -> Bias {
    try curved(y, tangent(of: y, by: node, &graph), &graph)
  }

  /// `y − Jx`.
  private func curved(_ y: Value, _ tangent: Value?, _ graph: inout Graph) throws(GraphError) -> Bias {
    guard let tangent else { return Bias(value: y, isImplicit: true) }
    return Bias(value: try graph.apply(Binary(.sub), y, tangent), isImplicit: true)
  }

  /// `Jx`; nil for 0.
  ///
  /// A pullback is linear in the cotangent, so that its own pullback at `x` is the tangent.
  private func tangent(of y: Value, by node: Node, _ graph: inout Graph) throws(GraphError) -> Value? {
    let seed = try graph.ones(like: y), start = graph.nodes.count
    let parts = try node.operation.pullback(
      of: node.results.map { $0 == y ? seed : nil }, through: node, in: &graph)
    var arrived: [Value: Value] = [:]
    for (operand, part) in zip(node.operands, parts) {
      guard let part, data.contains(operand) else { continue }
      let x = try finite(operand, &graph)
      let sum = if let other = arrived[part] { try graph.apply(Binary(.add), other, x) } else { x }
      arrived[part] = sum
    }
    return try graph.passBackward(arrived, through: Array(graph.nodes[start...]), to: [seed])[seed]
  }

  /// The same for a normalisation whose scale is constant: without the scale its derivative is symmetric.
  private func tangent(
    of normalization: LayerNormalization, _ node: Node, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    var plain = normalization
    plain.hasScale = false
    let x = try finite(node.operands[0], &graph)
    let slope = try graph.add(LayerNormalizationGradient(of: plain), [x, x], name: node.name)[0]
    return normalization.hasScale ? try graph.apply(Binary(.mul), slope, node.operands[1]) : slope
  }

  /// A value with 0 in place of what is infinite: there, derivatives are 0.
  private func finite(_ x: Value, _ graph: inout Graph) throws(GraphError) -> Value {
    guard isGuarded else { return x }
    let isInfinite = try graph.apply(
      Comparison(function: .equal), graph.apply(Unary(.abs), x), graph.addScalar(.infinity, like: x))
    return try graph.apply(Select(), isInfinite, graph.addScalar(0, like: x), x)
  }
}

extension ScalarFunction {
  /// Whether `f(tx) = t f(x)` for all `t > 0`.
  fileprivate var isHomogeneous: Bool {
    switch self {
    case .relu, .leakyReLU, .abs, .negative: true
    case .clip(let lower, let upper): [lower, upper].allSatisfy { $0 == 0 || $0.isInfinite }
    default: false
    }
  }
}

extension Graph {
  /// A value of ones that is no constant, so that derivatives pass to it.
  mutating func ones(like other: Value) throws(GraphError) -> Value {
    try apply(Broadcast(shape: type(of: other).shape), addScalar(1, like: other))
  }

  /// A value of zeros.
  mutating func zeros(like other: Value) throws(GraphError) -> Value {
    try apply(Broadcast(shape: type(of: other).shape), addScalar(0, like: other))
  }
}
