internal import NoemaTensor

/// RevealCancel at an element-wise nonlinearity: what raises its operand and what lowers it pass by secants of their
/// own, averaged over both orders, so that parts that cancel do not hide each other.
///
/// With the parts `Δx = Δx⁺ + Δx⁻` of the operand's difference from its value `x₀` at the baseline,
///
///     Δy⁺ = ½ (f(x₀ + Δx⁺) − f(x₀)) + ½ (f(x₀ + Δx⁻ + Δx⁺) − f(x₀ + Δx⁻))
///     Δy⁻ = ½ (f(x₀ + Δx⁻) − f(x₀)) + ½ (f(x₀ + Δx⁺ + Δx⁻) − f(x₀ + Δx⁺))
///
/// and the multipliers are `m⁺ Δy⁺/Δx⁺` and `m⁻ Δy⁻/Δx⁻`. Parts go along as the difference `Δ` and its span
/// `S = Δ⁺ − Δ⁻`, `S(y) = f(x₀ + Δx⁺) − f(x₀ + Δx⁻)`, and multipliers as `(m⁺ + m⁻)/2` and `(m⁺ − m⁻)/2`: the
/// contribution `m⁺ Δ⁺ + m⁻ Δ⁻` is the one times `Δ` and the other times `S`, and each passes layers, sums and
/// movements as a derivative does.
///
/// - Source: Shrikumar et al., "Learning Important Features Through Propagating Activation Differences", 2017, sections
///   3.5.1 (the Linear rule, in `BaselineComparison`) and 3.5.3.
struct RevealCancel: BackwardRule {
  let twins: [Value: Value]

  var name: String { "reveal-cancel" }

  /// Whether a node is a nonlinearity together with its spans.
  static func applies(to node: Node) -> Bool { node.operation is Unary && node.operands.count == 2 }

  /// A nonlinearity with its operand's span as a second operand and its own as a second result; nil for nodes that
  /// Rescale covers.
  static func widened(
    _ node: Node, _ twins: [Value: Value], _ spans: [Value: Value], in graph: inout Graph
  ) throws(GraphError) -> Node? {
    guard let unary = node.operation as? Unary, unary.function.isDefinedAround,
      let x0 = twins[node.operands[0]], let span = spans[node.operands[0]]
    else { return nil }
    let half = graph.addScalar(0.5, like: x0)
    let middle = try graph.apply(Binary(.mul), graph.apply(Binary(.add), node.operands[0], x0), half)
    let reach = try graph.apply(Binary(.mul), span, half)
    let risen = try graph.apply(unary, graph.apply(Binary(.add), middle, reach), name: node.name)
    let fallen = try graph.apply(unary, graph.apply(Binary(.sub), middle, reach), name: node.name)
    var wide = node
    wide.operands.append(span)
    wide.results.append(try graph.apply(Binary(.sub), risen, fallen))
    return wide
  }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    // Whatever reads the span reads the value as well.
    guard let mean = cotangents[0], let unary = node.operation as? Unary, let x0 = twins[node.operands[0]],
      let y0 = twins[node.results[0]]
    else { return [nil, nil] }
    let (x, span, y, ySpan) = (node.operands[0], node.operands[1], node.results[0], node.results[1])
    let change = try graph.apply(Binary(.sub), x, x0), yChange = try graph.apply(Binary(.sub), y, y0)
    let half = graph.addScalar(0.5, like: x)
    // Parts are small differences of large sums, noisier than differences of values.
    let isDouble = graph.type(of: x).element == .float64
    let threshold =
      unary.function.isPiecewiseLinear ? (isDouble ? 1e-11 : 1e-6) : (isDouble ? 1e-7 : 1e-4)

    /// `m` times the limit of both secants: the mean of the derivatives at both ends.
    func limit(_ m: Value) throws(GraphError) -> Value? {
      let here = try unary.function.pullback(m, x: x, y: y, in: &graph)
      let there = try unary.function.pullback(m, x: x0, y: y0, in: &graph)
      guard let here, let there else { return nil }
      return try graph.apply(Binary(.mul), graph.apply(Binary(.add), here, there), half)
    }
    /// `m` times the secant of the part `½ (Δ + S)`, or `½ (Δ − S)`.
    func part(_ m: Value, _ side: Binary, _ limit: Value?) throws(GraphError) -> Value {
      let rise = try graph.apply(side, yChange, ySpan), run = try graph.apply(side, change, span)
      return try graph.divide(
        graph.apply(Binary(.mul), m, rise), by: run, beside: [x, x0, span], threshold: threshold,
        orElse: limit)
    }
    let positive: Value, negative: Value
    if let difference = cotangents[1] {
      let above = try graph.apply(Binary(.add), mean, difference)
      let below = try graph.apply(Binary(.sub), mean, difference)
      positive = try part(above, Binary(.add), limit(above))
      negative = try part(below, Binary(.sub), limit(below))
    } else {
      let both = try limit(mean)
      positive = try part(mean, Binary(.add), both)
      negative = try part(mean, Binary(.sub), both)
    }
    return [
      try graph.apply(Binary(.mul), graph.apply(Binary(.add), positive, negative), half),
      try graph.apply(Binary(.mul), graph.apply(Binary(.sub), positive, negative), half),
    ]
  }
}

extension ScalarFunction {
  /// Whether the function is continuous and of modest size on all numbers, so that it may be asked at points far from
  /// both ends; logarithms, roots and exponentials may not.
  fileprivate var isDefinedAround: Bool {
    switch self {
    case .relu, .leakyReLU, .clip, .elu, .sigmoid, .tanh, .abs, .erf, .sin, .cos, .atan, .asinh, .softplus,
      .gelu, .tanhGELU, .swish, .hardSigmoid, .hardSwish:
      true
    default: false
    }
  }
}
