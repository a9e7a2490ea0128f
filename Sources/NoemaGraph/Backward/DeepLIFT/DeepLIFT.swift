internal import NoemaTensor

extension BackwardRules {
  /// DeepLIFT's multipliers: what arrives is the contribution per unit of difference from a baseline.
  ///
  /// Functions of one operand pass the secant's slope (Rescale); products share the difference equally, as the Shapley
  /// value of both factors does; maxima hand it to the winners at either end; softmax and normalisations follow from
  /// their parts. Contributions then sum to the difference of outputs for any network of these.
  ///
  /// - Parameter twins: for each value that depends on the inputs, its value at the baseline, as `Graph.addBaseline`
  ///   gives them; the pass is to lead through that comparison's path.
  /// - Source: Shrikumar et al., "Learning Important Features Through Propagating Activation Differences", 2017.
  public static func deepLIFT(twins: [Value: Value]) -> BackwardRules {
    BackwardRules { node, graph throws(GraphError) in
      if RevealCancel.applies(to: node) { return RevealCancel(twins: twins) }
      return try MultiplierRule(twins: twins, node: node, graph: graph)
    }
  }
}

/// The multipliers of one node.
struct MultiplierRule: BackwardRule {
  private enum Kind {
    case gradient, secant, product, quotient, maximum
    case softmax(Softmax)
    case block(any Block)
  }

  private let twins: [Value: Value]
  private let kind: Kind

  var name: String { "multipliers" }

  init(twins: [Value: Value], node: Node, graph: Graph) throws(GraphError) {
    self.twins = twins
    guard node.results.contains(where: { twins[$0] != nil }) else {
      kind = .gradient
      return
    }
    let isData = node.operands.map { twins[$0] != nil }
    switch node.operation {
    case is Unary, is Gate: kind = .secant
    case let binary as Binary:
      switch binary.function {
      case .add, .sub: kind = .gradient
      case .mul: kind = isData.allSatisfy { $0 } ? .product : .gradient
      case .div: kind = isData[1] ? .quotient : .gradient
      case .min, .max: kind = .maximum
      case .pow, .mod, .remainder:
        guard !isData[1] else { throw Self.uncovered }
        kind = .secant
      }
    case is MatMul, is Convolution, is ConvolutionInputGradient:
      kind = isData[0] && isData[1] ? .product : .gradient
    case is MaxPool: kind = .maximum
    case let reduction as Reduction:
      switch reduction.function {
      case .sum, .mean: kind = .gradient
      case .max, .min: kind = .maximum
      case .product: throw Self.uncovered
      }
    case let softmax as Softmax: kind = .softmax(softmax)
    case let block as any Block: kind = .block(block)
    default:
      switch node.operation.relevanceRole {
      case .linear, .addition, .pooling, .movement: kind = .gradient
      default: throw Self.uncovered
      }
    }
  }

  /// Whether the node is linear in what depends on the inputs, up to a constant.
  var isLinear: Bool { if case .gradient = kind { true } else { false } }

  private static var uncovered: GraphError {
    GraphError(.unsupported("DeepLIFT has no multiplier for this operator"))
  }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let m = cotangents[0] else {
      return try node.operation.pullback(of: cotangents, through: node, in: &graph)
    }
    switch kind {
    case .gradient: return try node.operation.pullback(of: cotangents, through: node, in: &graph)
    case .secant: return try secant(m, node, &graph)
    case .product: return try product(m, node, &graph)
    case .quotient: return try quotient(m, node, &graph)
    case .maximum: return try maximum(m, node, &graph)
    case .softmax(let operation): return [try softmax(operation, m, node, &graph)]
    case .block(let operation): return try block(operation, m, node, &graph)
    }
  }

  private func twin(_ value: Value) -> Value { twins[value] ?? value }

  private func middle(_ value: Value, _ graph: inout Graph) throws(GraphError) -> Value {
    guard let other = twins[value] else { return value }
    return try graph.apply(
      Binary(.mul), graph.apply(Binary(.add), value, other), graph.addScalar(0.5, like: value))
  }

  /// `m Δy / Δx`, and where `Δx` is too small for a quotient the derivative half way.
  private func secant(_ m: Value, _ node: Node, _ graph: inout Graph) throws(GraphError) -> [Value?] {
    let x = node.operands[0], y = node.results[0]
    let middles = try node.operands.map { value throws(GraphError) in try middle(value, &graph) }
    let there = Node(
      operation: node.operation, operands: middles, results: try graph.add(node.operation, middles),
      name: node.name)
    let slope = try node.operation.pullback(of: [m], through: there, in: &graph)[0]
    let change = try graph.apply(Binary(.sub), y, twin(y))
    let part = try divided(graph.apply(Binary(.mul), m, change), by: x, orElse: slope, node.operation, &graph)
    return [part] + node.operands.dropFirst().map { _ in nil }
  }

  /// A quotient by the difference of a value, and something else where that is next to nothing.
  private func divided(
    _ part: Value, by x: Value, orElse other: Value?, _ operation: any Operator, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let smooth = (operation as? Unary).map { !$0.function.isPiecewiseLinear } ?? false
    let isDouble = graph.type(of: x).element == .float64
    return try graph.divide(
      part, by: graph.apply(Binary(.sub), x, twin(x)), beside: [x, twin(x)],
      threshold: smooth ? (isDouble ? 1e-7 : 1e-4) : (isDouble ? 1e-12 : 1e-7), orElse: other)
  }

  /// `Δ(ab) = Δa (b + b₀)/2 + Δb (a + a₀)/2`: the derivative half way, for any product.
  private func product(_ m: Value, _ node: Node, _ graph: inout Graph) throws(GraphError) -> [Value?] {
    let middles = try node.operands.map { value throws(GraphError) in try middle(value, &graph) }
    let there = Node(operation: node.operation, operands: middles, results: node.results, name: node.name)
    return try node.operation.pullback(of: [m], through: there, in: &graph)
  }

  /// `a · (1/b)`, with `Δ(1/b) = −Δb / (b b₀)`.
  private func quotient(_ m: Value, _ node: Node, _ graph: inout Graph) throws(GraphError) -> [Value?] {
    let a = node.operands[0], b = node.operands[1], b0 = twin(node.operands[1])
    let (r, r0) = (try graph.apply(Unary(.reciprocal), b), try graph.apply(Unary(.reciprocal), b0))
    let half = graph.addScalar(0.5, like: a)
    let left = try graph.apply(
      Binary(.mul), m, graph.apply(Binary(.mul), half, graph.apply(Binary(.add), r, r0)))
    let right = try graph.apply(
      Unary(.negative),
      graph.apply(
        Binary(.mul), graph.apply(Binary(.mul), m, middle(a, &graph)), graph.apply(Binary(.mul), r, r0)))
    return [
      twins[a] == nil ? nil : try graph.reduce(left, toShapeOf: a), try graph.reduce(right, toShapeOf: b),
    ]
  }

  /// The rise up to the greater of both results goes to the winners at the input, the fall from there to the winners at
  /// the baseline; for minima the other way round.
  private func maximum(_ m: Value, _ node: Node, _ graph: inout Graph) throws(GraphError) -> [Value?] {
    let y = node.results[0], y0 = twin(y)
    let isMinimum =
      (node.operation as? Binary)?.function == .min || (node.operation as? Reduction)?.function == .min
    let summit = try graph.apply(Binary(isMinimum ? .min : .max), y, y0)
    let rise = try graph.apply(Binary(.mul), m, graph.apply(Binary(.sub), summit, y0))
    let fall = try graph.apply(Binary(.mul), m, graph.apply(Binary(.sub), y, summit))
    let here = try node.operation.pullback(of: [rise], through: node, in: &graph)
    let there = Node(
      operation: node.operation, operands: node.operands.map(twin), results: [y0], name: node.name)
    let back = try node.operation.pullback(of: [fall], through: there, in: &graph)
    var parts: [Value?] = []
    for (index, operand) in node.operands.enumerated() {
      guard twins[operand] != nil, let up = here[index], let down = back[index] else {
        parts.append(nil)
        continue
      }
      parts.append(
        try divided(graph.apply(Binary(.add), up, down), by: operand, orElse: nil, node.operation, &graph))
    }
    return parts
  }

  /// `exp u` with `u = x − L` and `L = log Σ exp x`: the secant of `exp` at `u`, and for `L` the secant of `log` times
  /// those of each `exp x`. All of these are positive, so that nothing cancels however far both ends lie apart, as it
  /// would in a product of `exp x` and `1 / Σ exp x`.
  private func softmax(
    _ softmax: Softmax, _ m: Value, _ node: Node, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let x = node.operands[0], x0 = twin(node.operands[0])
    func over(_ function: Reduction.Function, _ value: Value) throws(GraphError) -> Value {
      try graph.apply(Reduction(function, axes: [softmax.axis], keepsAxes: true), value)
    }
    func times(_ a: Value, _ b: Value) throws(GraphError) -> Value { try graph.apply(Binary(.mul), a, b) }
    func plus(_ a: Value, _ b: Value) throws(GraphError) -> Value { try graph.apply(Binary(.add), a, b) }
    func minus(_ a: Value, _ b: Value) throws(GraphError) -> Value { try graph.apply(Binary(.sub), a, b) }
    func exp(_ a: Value) throws(GraphError) -> Value { try graph.apply(Unary(.exp), a) }
    func log(_ a: Value) throws(GraphError) -> Value { try graph.apply(Unary(.log), a) }
    func half(_ a: Value, _ b: Value) throws(GraphError) -> Value {
      try times(plus(a, b), graph.addScalar(0.5, like: a))
    }
    let tops = (try over(.max, x), try over(.max, x0))
    let sums = (try over(.sum, exp(minus(x, tops.0))), try over(.sum, exp(minus(x0, tops.1))))
    let logs = (try plus(tops.0, log(sums.0)), try plus(tops.1, log(sums.1)))
    let (u, u0) = (try minus(x, logs.0), try minus(x0, logs.1))
    let (y, y0) = (try exp(u), try exp(u0))
    // Masked at both ends: no difference, whatever infinities say.
    let isSilent = try graph.apply(Comparison(function: .equal), plus(y, y0), graph.addScalar(0, like: x))
    func heard(_ value: Value) throws(GraphError) -> Value {
      try graph.apply(Select(), isSilent, graph.addScalar(0, like: x), value)
    }
    var own = m
    if !softmax.isLogarithmic {
      let rule = MultiplierRule(kind: .secant, twins: [u: u0])
      own = try rule.divided(
        times(m, minus(y, y0)), by: u, orElse: times(m, exp(half(u, u0))), Unary(.exp), &graph)
    }
    own = try heard(own)
    // Both sums under one shift, for the secants of the logarithm and of each term.
    let shift = try graph.apply(Binary(.max), tops.0, tops.1)
    let s = try times(sums.0, exp(minus(tops.0, shift))), s0 = try times(sums.1, exp(minus(tops.1, shift)))
    let total = try over(.sum, own)
    let ofLog = try MultiplierRule(kind: .secant, twins: [s: s0]).divided(
      times(total, minus(logs.0, logs.1)), by: s,
      orElse: graph.apply(Binary(.div), total, half(s, s0)), Unary(.log), &graph)
    let terms = try minus(exp(minus(x, shift)), exp(minus(x0, shift)))
    let shared = try MultiplierRule(kind: .secant, twins: [x: x0]).divided(
      times(ofLog, terms), by: x, orElse: times(ofLog, exp(minus(half(x, x0), shift))), Unary(.exp), &graph)
    return try minus(own, heard(shared))
  }

  private init(kind: Kind, twins: [Value: Value]) {
    self.kind = kind
    self.twins = twins
  }

  /// The parts of a block, at the input and at the baseline.
  private func block(
    _ block: any Block, _ m: Value, _ node: Node, _ graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    let start = graph.nodes.count
    let y = try block.expand(node.operands, in: &graph)
    let own = Array(graph.nodes[start...])
    var inner = twins
    for part in own where part.operands.contains(where: { inner[$0] != nil }) {
      let results = try graph.add(part.operation, part.operands.map { inner[$0] ?? $0 }, name: part.name)
      for (result, twin) in zip(part.results, results) { inner[result] = twin }
    }
    let targets = Set(node.operands.filter { twins[$0] != nil })
    let arrived = try graph.passBackward([y: m], through: own, to: targets, rules: .deepLIFT(twins: inner))
    return node.places(of: arrived, targets)
  }
}

extension Graph {
  /// A quotient by a difference, and something else, or 0, where the difference is next to nothing beside 1 and the
  /// values that it came from.
  mutating func divide(
    _ part: Value, by difference: Value, beside values: [Value], threshold: Double, orElse other: Value?
  ) throws(GraphError) -> Value {
    var scale = addScalar(1, like: difference)
    for value in values { scale = try apply(Binary(.max), scale, apply(Unary(.abs), value)) }
    let isNear = try apply(
      Comparison(function: .less), apply(Unary(.abs), difference),
      apply(Binary(.mul), scale, addScalar(threshold, like: difference)))
    let safe = try apply(Select(), isNear, addScalar(1, like: difference), difference)
    return try apply(
      Select(), isNear, other ?? addScalar(0, like: difference), apply(Binary(.div), part, safe))
  }
}

extension ScalarFunction {
  /// Whether the function is a polyline, so that a secant is as precise as its ends.
  var isPiecewiseLinear: Bool {
    switch self {
    case .relu, .leakyReLU, .clip, .abs, .negative, .floor, .ceil, .round, .sign, .not, .hardSigmoid: true
    default: false
    }
  }
}
