internal import NoemaTensor

/// A relevance rule at a node with weights.
struct LinearRelevance: BackwardRule {
  let rule: RelevanceRule
  let context: RelevanceContext
  /// Added to denominators of rules that have no ε of their own, signed like them.
  static let stabilizer = 1e-6

  var name: String { rule.description }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let relevance = cotangents[0] else { return node.operands.map { _ in nil } }
    guard let map = LinearMap(node, sum: context.sum(behind: node), in: graph) else {
      throw GraphError(.unsupported("the \(name) rule needs constant weights"))
    }
    var parts = [Value?](repeating: nil, count: node.operands.count)
    switch rule {
    case .epsilon(let epsilon, let bias):
      parts[map.input] = try self.epsilon(relevance, map, epsilon, bias, &graph)
    case .alphaBeta(let alpha, let beta, let ignoresBias):
      parts[map.input] = try alphaBeta(relevance, map, alpha, beta, ignoresBias, &graph)
    case .gamma(let gamma): parts[map.input] = try self.gamma(relevance, map, gamma, &graph)
    case .box(let low, let high): parts[map.input] = try box(relevance, map, low, high, &graph)
    case .squaredWeights: parts[map.input] = try squaredWeights(relevance, map, &graph)
    case .flat: parts[map.input] = try flat(relevance, map, &graph)
    case .pass, .gradient, .block:
      throw GraphError(.input("the \(name) rule shares nothing out by weights"))
    }
    return parts
  }

  private func quotient(_ r: Value, _ z: Value, _ graph: inout Graph) throws(GraphError) -> Value {
    try graph.quotient(r, by: z, epsilon: Self.stabilizer)
  }

  private func times(_ a: Value, _ b: Value, _ graph: inout Graph) throws(GraphError) -> Value {
    try graph.apply(Binary(.mul), a, b)
  }

  private func sum(_ a: Value, _ b: Value, _ graph: inout Graph) throws(GraphError) -> Value {
    try graph.apply(Binary(.add), a, b)
  }

  /// `x ⊙ Wᵀ (R / z)`.
  private func epsilon(
    _ relevance: Value, _ map: LinearMap, _ epsilon: Double, _ bias: BiasShare, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let weights = map.node.operands[map.weight]
    let z = bias == .ignored && map.bias != nil ? try map.apply(map.x, weights, in: &graph) : map.output
    // A unit that its rectifier shuts explains nothing: what was spread to it goes on by magnitudes alone, as quotients
    // by outputs that have nothing to do with it would explode.
    let isShut = bias == .spread && context.isRectified(map.output)
    let open = isShut ? try graph.apply(Gate(lower: 0), relevance, z) : relevance
    let s = try graph.quotient(open, by: z, epsilon: epsilon)
    let result = try times(map.x, map.transposed(s, weights, in: &graph), &graph)
    guard bias == .spread else { return result }
    // What bias and ε keep, R − s Wx, goes to |x| by |w|.
    let own = try map.bias == nil ? z : map.apply(map.x, weights, in: &graph)
    let kept = try graph.apply(Binary(.sub), relevance, times(s, own, &graph))
    let magnitudes = graph.addConstant(map.weights(in: graph).mappingFloats { abs($0) })
    let x = context.isNonNegative(map.x) ? map.x : try graph.apply(Unary(.abs), map.x)
    let size = try map.apply(x, magnitudes, in: &graph)
    let share = try graph.quotient(kept, by: size, epsilon: 0)
    let spread = try sum(result, times(x, map.transposed(share, magnitudes, in: &graph), &graph), &graph)
    // Where nothing but zeros is read, they share equally.
    let isSilent = try graph.apply(Comparison(function: .equal), size, graph.addScalar(0, like: size))
    let rest = try graph.apply(Select(), isSilent, kept, graph.addScalar(0, like: kept))
    return try sum(spread, flat(rest, map, &graph), &graph)
  }

  /// The weights' and the bias's parts of one sign.
  private func halves(_ map: LinearMap, _ graph: inout Graph) -> (
    positive: (weights: Value, bias: Value?), negative: (weights: Value, bias: Value?)
  ) {
    let w = map.weights(in: graph), b = map.biasTensor(in: graph)
    return (
      (graph.addConstant(w.positivePart), b.map { graph.addConstant($0.positivePart) }),
      (graph.addConstant(w.negativePart), b.map { graph.addConstant($0.negativePart) })
    )
  }

  /// `α (x⁺ ⊙ W⁺ᵀ s₊ + x⁻ ⊙ W⁻ᵀ s₊) − β (x⁺ ⊙ W⁻ᵀ s₋ + x⁻ ⊙ W⁺ᵀ s₋)`, with `s₊ = R / (W⁺x⁺ + W⁻x⁻ + b⁺)` and
  /// `s₋ = R / (W⁻x⁺ + W⁺x⁻ + b⁻)`.
  private func alphaBeta(
    _ relevance: Value, _ map: LinearMap, _ alpha: Double, _ beta: Double, _ ignoresBias: Bool,
    _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let (positive, negative) = halves(map, &graph)
    let isPositive = context.isNonNegative(map.x)
    let above = isPositive ? map.x : try graph.positivePart(map.x)
    let below = isPositive ? nil : try graph.negativePart(map.x)
    func branch(
      _ same: Value, _ other: Value, _ bias: Value?, _ graph: inout Graph
    ) throws(GraphError) -> Value {
      var z = try map.apply(above, same, bias: ignoresBias ? nil : bias, in: &graph)
      if let below { z = try sum(z, map.apply(below, other, in: &graph), &graph) }
      let s = try quotient(relevance, z, &graph)
      var part = try times(above, map.transposed(s, same, in: &graph), &graph)
      if let below {
        part = try sum(part, times(below, map.transposed(s, other, in: &graph), &graph), &graph)
      }
      return part
    }
    var result = try branch(positive.weights, negative.weights, positive.bias, &graph)
    if alpha != 1 { result = try times(result, graph.addScalar(alpha, like: result), &graph) }
    if beta != 0 {
      let part = try branch(negative.weights, positive.weights, negative.bias, &graph)
      result = try graph.apply(
        Binary(.sub), result, times(part, graph.addScalar(beta, like: result), &graph))
    }
    return result
  }

  /// Where `z > 0` in proportion to `w x + γ (w x)⁺`, where `z < 0` to `w x + γ (w x)⁻`.
  private func gamma(
    _ relevance: Value, _ map: LinearMap, _ gamma: Double, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let w = map.weights(in: graph), z = map.output
    let raised = graph.addConstant(w.mappingFloats { $0 + gamma * max($0, 0) })
    let lowered = graph.addConstant(w.mappingFloats { $0 + gamma * min($0, 0) })
    let (positive, negative) = halves(map, &graph)
    let isPositive = context.isNonNegative(map.x)
    let above = isPositive ? map.x : try graph.positivePart(map.x)
    let below = isPositive ? nil : try graph.negativePart(map.x)
    // p is what raises z: the denominators are z + γ p where z > 0, and z + γ (z − p) where z < 0.
    var p = try map.apply(above, positive.weights, bias: positive.bias, in: &graph)
    if let below { p = try sum(p, map.apply(below, negative.weights, in: &graph), &graph) }
    let factor = graph.addScalar(gamma, like: z)
    func part(
      _ relevance: Value, _ contributions: Value, _ same: Value, _ other: Value, _ graph: inout Graph
    ) throws(GraphError) -> Value {
      let s = try quotient(relevance, sum(z, times(factor, contributions, &graph), &graph), &graph)
      var part = try times(above, map.transposed(s, same, in: &graph), &graph)
      if let below {
        part = try sum(part, times(below, map.transposed(s, other, in: &graph), &graph), &graph)
      }
      return part
    }
    let risen = try graph.apply(Gate(lower: 0), relevance, z)
    let result = try part(risen, p, raised, lowered, &graph)
    if context.vanishesBelowZero(map.output) { return result }
    let n = try graph.apply(Binary(.sub), z, p)
    let fallen = try graph.apply(Gate(upper: 0, inside: 1, above: 0), relevance, z)
    return try sum(result, part(fallen, n, lowered, raised, &graph), &graph)
  }

  /// `x ⊙ Wᵀ s − l ⊙ W⁺ᵀ s − h ⊙ W⁻ᵀ s`, with `s = R / (Wx − W⁺l − W⁻h)`, in which biases cancel.
  private func box(
    _ relevance: Value, _ map: LinearMap, _ low: [Double], _ high: [Double], _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let type = graph.type(of: map.x), channels = map.isConvolution ? type.shape[1] : type.shape.last ?? 1
    guard low.count == 1 || low.count == channels else {
      throw GraphError(.input("the box rule has bounds for \(low.count) channels, the input has \(channels)"))
    }
    // One example of the input's shape; the rest is broadcast.
    let shape = [1] + type.shape.dropFirst()
    let inner = map.isConvolution ? shape[2...].reduce(1, *) : 1
    func corner(_ bounds: [Double]) -> Value {
      let values = (0..<shape.reduce(1, *)).map {
        bounds.count == 1 ? bounds[0] : bounds[$0 / inner % channels]
      }
      return graph.addConstant(Tensor(shape: shape, values).converted(to: type.element))
    }
    let (l, h) = (corner(low), corner(high))
    let (positive, negative) = halves(map, &graph)
    let weights = map.node.operands[map.weight]
    var z = try graph.apply(
      Binary(.sub), map.output, map.apply(l, positive.weights, bias: positive.bias, in: &graph))
    z = try graph.apply(Binary(.sub), z, map.apply(h, negative.weights, bias: negative.bias, in: &graph))
    let s = try quotient(relevance, z, &graph)
    var result = try times(map.x, map.transposed(s, weights, in: &graph), &graph)
    for (corner, part) in [(l, positive), (h, negative)] {
      result = try graph.apply(
        Binary(.sub), result, times(corner, map.transposed(s, part.weights, in: &graph), &graph))
    }
    return result
  }

  /// One example of ones, shaped like the input.
  private func ones(_ map: LinearMap, _ graph: inout Graph) -> Value {
    let type = graph.type(of: map.x)
    return graph.addConstant(
      Tensor(shape: [1] + type.shape.dropFirst(), repeating: Float(1)).converted(to: type.element))
  }

  /// `W²ᵀ (R / (W² 1 + b²))`.
  private func squaredWeights(
    _ relevance: Value, _ map: LinearMap, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let squares = graph.addConstant(map.weights(in: graph).mappingFloats { $0 * $0 })
    let bias = map.biasTensor(in: graph).map { graph.addConstant($0.mappingFloats { $0 * $0 }) }
    let z = try map.apply(ones(map, &graph), squares, bias: bias, in: &graph)
    return try map.transposed(quotient(relevance, z, &graph), squares, in: &graph)
  }

  /// `1ᵀ (R / (1ᵀ 1))`: the number of inputs that an output reads divides its relevance.
  private func flat(_ relevance: Value, _ map: LinearMap, _ graph: inout Graph) throws(GraphError) -> Value {
    if let convolution = map.node.operation as? Convolution {
      return try flat(relevance, map, convolution, &graph)
    }
    let equal = graph.addConstant(map.weights(in: graph).mappingFloats { _ in 1 })
    let z = try map.apply(ones(map, &graph), equal, in: &graph)
    return try map.transposed(quotient(relevance, z, &graph), equal, in: &graph)
  }

  /// The same for a convolution: all channels of a group give and get alike, so that one of each does for all.
  private func flat(
    _ relevance: Value, _ map: LinearMap, _ convolution: Convolution, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let x = graph.type(of: map.x), y = graph.type(of: relevance), groups = convolution.groups
    let inputs = x.shape[1] / groups, spatial = Array(x.shape[2...])
    var single = convolution
    single.hasBias = false
    let kernel = Tensor(shape: [groups, 1] + convolution.window.kernel, repeating: Float(1)).converted(
      to: x.element)
    let weights = graph.addConstant(kernel)
    let one = graph.addConstant(
      Tensor(shape: [1, groups] + spatial, repeating: Float(inputs)).converted(to: x.element))
    let z = try graph.apply(single, one, weights)
    let grouped = [y.shape[0], groups, y.shape[1] / groups] + y.shape[2...]
    let total = try graph.apply(
      Reduction(.sum, axes: [2], keepsAxes: false), graph.apply(Reshape(shape: grouped), relevance))
    let s = try quotient(total, z, &graph)
    let part = try graph.apply(
      ConvolutionInputGradient(window: convolution.window, groups: groups, extents: spatial), s, weights,
      name: map.node.name)
    if inputs == 1 { return part }
    let wide = try graph.apply(
      Broadcast(shape: [x.shape[0], groups, inputs] + spatial),
      graph.apply(Reshape(shape: [x.shape[0], groups, 1] + spatial), part))
    return try graph.apply(Reshape(shape: x.shape), wide)
  }
}
