internal import NoemaTensor

/// How DeepLIFT passes element-wise nonlinearities.
public enum DeepLIFTRule: String, Sendable, Hashable, Codable, CaseIterable {
  /// The whole difference by its secant, `Δy/Δx`.
  case rescale
  /// What raises and what lowers the operand each by a secant of its own, where layers with weights lead to it.
  case revealCancel = "reveal-cancel"
  /// The same behind matrix products; Rescale behind convolutions, as the paper does for genomics.
  case revealCancelDense = "reveal-cancel-dense"
}

/// A network beside itself at a baseline: what DeepLIFT's multipliers pass through.
public struct BaselineComparison: Sendable {
  /// For each value that depends on the inputs, its value at the baseline.
  public private(set) var twins: [Value: Value]
  /// For values whose difference has parts that cancel, the span of the parts, `Δ⁺ − Δ⁻`. It contributes beside the
  /// value: what arrives at it is a multiplier of the span itself.
  public private(set) var spans: [Value: Value] = [:]
  /// The nodes to pass, with the spans among operands and results.
  public private(set) var path: [Node] = []
  private let rule: DeepLIFTRule
}

extension Graph {
  /// Adds the network at a baseline, and for rules that need them the spans of differences.
  ///
  /// - Parameters:
  ///   - values: inputs.
  ///   - baselines: inputs that take each input's baseline, in the order of the inputs they stand for.
  ///   - rule: how nonlinearities will be passed.
  /// - Returns: what `backward` with `BackwardRules.deepLIFT` is to pass.
  public mutating func addBaseline(
    of values: [Value], _ baselines: [Value], rule: DeepLIFTRule = .rescale
  ) throws(GraphError) -> BaselineComparison {
    let path = nodes
    let twins = try duplicate(replacing: Dictionary(zip(values, baselines)) { first, _ in first })
    return try BaselineComparison(twins: twins, path: path, rule: rule, in: &self)
  }
}

// MARK: Spans
extension BaselineComparison {
  fileprivate init(
    twins: [Value: Value], path: [Node], rule: DeepLIFTRule, in graph: inout Graph
  ) throws(GraphError) {
    self.twins = twins
    self.rule = rule
    guard rule != .rescale else {
      self.path = path
      return
    }
    for node in path { try add(node, &graph) }
  }

  /// Adds a node to the path, and behind it what makes the spans of its results.
  private mutating func add(_ node: Node, _ graph: inout Graph) throws(GraphError) {
    if let nonlinearity = try RevealCancel.widened(node, twins, spans, in: &graph) {
      spans[nonlinearity.results[0]] = nonlinearity.results[1]
      path.append(nonlinearity)
      return
    }
    path.append(node)
    guard twins[node.results[0]] != nil, graph.type(of: node.results[0]).element.isFloat else { return }
    let start = graph.nodes.count
    let isSum = [.addition, .pooling].contains(node.operation.relevanceRole)
    if let map = LinearMap(node, sum: nil, in: graph) {
      try addSpan(of: map, &graph)
    } else if node.operands.contains(where: { spans[$0] != nil }) || (isSum && rule == .revealCancel) {
      try carrySpans(through: node, &graph)
    }
    path += graph.nodes[start...]
  }

  /// The Linear rule: the parts of `Δy = W Δx` are the sums of its positive and of its negative terms, so that they
  /// span `|W| |Δx|`. The derivative of `|Δx|` is 0 at 0, where both parts thus get half, `w / 2`.
  private mutating func addSpan(of map: LinearMap, _ graph: inout Graph) throws(GraphError) {
    guard rule == .revealCancel || !map.isConvolution else { return }
    let sizes = graph.addConstant(map.weights(in: graph).mappingFloats { abs($0) })
    spans[map.node.results[0]] = try map.apply(span(of: map.x, whole: true, &graph), sizes, in: &graph)
  }

  /// The span of a value; `|Δx|` where only the sign of the whole difference tells its parts apart.
  private func span(of value: Value, whole: Bool = false, _ graph: inout Graph) throws(GraphError) -> Value {
    if let span = spans[value], !whole { return span }
    return try graph.apply(Unary(.abs), graph.apply(Binary(.sub), value, twins[value] ?? value))
  }

  /// Sums, means, movements and scalings carry both parts along, so that folding one into the layer before it changes
  /// nothing; a negative factor makes them change places. Everything else makes one difference of them. What has no
  /// parts yet, such as an input, enters a sum by its sign.
  private mutating func carrySpans(through node: Node, _ graph: inout Graph) throws(GraphError) {
    let y = node.results[0]
    switch node.operation {
    case let unary as Unary where unary.function == .negative: try sumSpans(of: node, &graph)
    case let norm as BatchNormalization: try carrySpan(through: norm, node, &graph)
    case let binary as Binary where [.add, .sub].contains(binary.function):
      try sumSpans(of: node, &graph)
    case let binary as Binary where [.mul, .div].contains(binary.function):
      guard isLinear(node, graph), let constant = node.operands.firstIndex(where: { twins[$0] == nil }),
        let factor = graph.constants[node.operands[constant]], let span = spans[node.operands[1 - constant]]
      else { return }
      spans[y] = try graph.apply(binary, span, graph.addConstant(factor.mappingFloats { abs($0) }))
    case is MatMul, is Convolution, is ConvolutionInputGradient: break
    default: if isLinear(node, graph) { try moveSpans(through: node, &graph) }
    }
  }

  private func isLinear(_ node: Node, _ graph: Graph) -> Bool {
    (try? MultiplierRule(twins: twins, node: node, graph: graph))?.isLinear ?? false
  }

  /// Sums from 0, so that the span of a result is a value of its own also where there is one term.
  private mutating func sumSpans(of node: Node, _ graph: inout Graph) throws(GraphError) {
    let y = node.results[0]
    var total = graph.addScalar(0, like: y)
    for operand in node.operands where twins[operand] != nil {
      total = try graph.apply(Binary(.add), total, span(of: operand, &graph))
    }
    spans[y] = try graph.broadcast(total, to: graph.type(of: y).shape)
  }

  private mutating func carrySpan(
    through norm: BatchNormalization, _ node: Node, _ graph: inout Graph
  ) throws(GraphError) {
    let statistics = node.operands.dropFirst().compactMap { graph.constants[$0] }
    guard statistics.count == 4, let span = spans[node.operands[0]] else { return }
    let type = graph.type(of: node.results[0]), factors = norm.affine(statistics).factor
    let shape = [factors.count] + type.shape.dropFirst(2).map { _ in 1 }
    let sizes = Tensor(shape: shape, factors.map(\.magnitude)).converted(to: type.element)
    spans[node.results[0]] = try graph.apply(Binary(.mul), span, graph.addConstant(sizes))
  }

  /// The span's way through an operator that may also add a constant, such as a fill: the change of the result when the
  /// span is added to the baseline.
  private mutating func moveSpans(through node: Node, _ graph: inout Graph) throws(GraphError) {
    var points: [Value] = []
    for operand in node.operands {
      guard let start = twins[operand] else {
        points.append(operand)
        continue
      }
      // A position or a condition that depends on data.
      guard graph.type(of: operand).element.isFloat else { return }
      let point = try graph.apply(Binary(.add), start, span(of: operand, &graph))
      twins[point] = start
      points.append(point)
    }
    for (end, result) in zip(try graph.add(node.operation, points, name: node.name), node.results) {
      guard let start = twins[result], graph.type(of: result).element.isFloat else { continue }
      twins[end] = start
      spans[result] = try graph.apply(Binary(.sub), end, start)
    }
  }
}
