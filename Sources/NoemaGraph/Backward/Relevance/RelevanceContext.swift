internal import NoemaTensor

/// What rules need to know about the graph that relevance passes through, found out once.
struct RelevanceContext: Sendable {
  /// For the result of a linear node that an addition of a constant alone reads: that constant, and the sum.
  private var sums: [Value: (bias: Value, result: Value)] = [:]
  /// Results of such additions: relevance passes them unchanged, and the node before them divides by the sum.
  private var absorbed: Set<Value> = []
  private var nonNegative: Set<Value> = []
  private var vanishing: Set<Value> = []
  private var rectified: Set<Value> = []
  private var vanishingBelowZero: Set<Value> = []
  /// For each linear node's result the number of linear nodes on the longest way to it from the network's inputs.
  private(set) var depths: [Value: Int] = [:]

  init(_ graph: Graph, keeping kept: Set<Value>) {
    let matcher = Matcher(graph, keeping: kept)
    for node in graph.nodes {
      if let sum = node.operation as? Binary, sum.function == .add { note(sumOf: node, graph, matcher) }
      if Self.isNonNegative(node, nonNegative, graph) { nonNegative.formUnion(node.results) }
      if let reader = matcher.consumers[node.results[0]], reader.count == 1,
        let next = graph.nodes[reader[0]].operation as? Unary, next.function.isZeroBelowZero
      {
        rectified.insert(node.results[0])
      }
    }
    countDepths(graph)
  }

  private mutating func note(sumOf node: Node, _ graph: Graph, _ matcher: Matcher) {
    guard let constant = node.operands.firstIndex(where: { graph.constants[$0] != nil }) else { return }
    let (bias, sum) = (node.operands[constant], node.operands[1 - constant])
    guard matcher.isPrivate(sum), let index = matcher.producers[sum],
      graph.type(of: sum).shape == graph.type(of: node.results[0]).shape,
      let map = LinearMap(graph.nodes[index], sum: nil, in: graph), map.bias == nil
    else { return }
    sums[sum] = (bias, node.results[0])
    absorbed.insert(node.results[0])
  }

  private mutating func countDepths(_ graph: Graph) {
    var reached: [Value: Int] = [:]
    for node in graph.nodes {
      var depth = node.operands.reduce(0) { max($0, reached[$1] ?? 0) }
      if LinearMap(node, sum: nil, in: graph) != nil {
        depth += 1
        depths[node.results[0]] = depth
      }
      for result in node.results { reached[result] = depth }
    }
  }

  /// Finds the values whose relevance is 0 where they are, given every node's rule.
  mutating func noteVanishing(_ graph: Graph, from start: Value, rule: (Node) -> (any BackwardRule)?) {
    var spoilt: Set<Value> = [start]
    for node in graph.nodes.reversed() {
      let keeps = node.results.allSatisfy { !spoilt.contains($0) }
      let vanishes =
        switch rule(node) {
        case let linear as LinearRelevance: linear.rule.vanishesWithInput
        case is ProportionalRelevance, is AbsoluteSumRelevance, is NormalizationRelevance,
          is MatrixProductRelevance, is SoftmaxRelevance, is BlockRelevance:
          true
        case is PassRelevance:
          keeps && ((node.operation as? Unary)?.function.keepsZero ?? true)
        case is ProductRelevance: keeps
        case is GradientRule:
          keeps && (node.operation.relevanceRole == .movement || node.operation.relevanceRole == .pooling)
        default: false
        }
      if !vanishes { spoilt.formUnion(node.operands) }
    }
    vanishing = Set(graph.nodes.flatMap(\.results)).subtracting(spoilt)
    for node in graph.nodes where vanishing.contains(node.results[0]) {
      if let operand = node.operands.first, rectified.contains(operand) { vanishingBelowZero.insert(operand) }
    }
  }

  /// The constant that is added to a linear node's result before anything else reads it, and the sum.
  func sum(behind node: Node) -> (bias: Value, result: Value)? { sums[node.results[0]] }

  /// Whether a node adds the bias of the linear node before it.
  func isBias(_ node: Node) -> Bool { absorbed.contains(node.results[0]) }

  /// Whether no element of a value is below 0.
  func isNonNegative(_ value: Value) -> Bool { nonNegative.contains(value) }

  /// Whether relevance at a value is 0 wherever the value is not positive, because only a rectifier reads it.
  func vanishesBelowZero(_ value: Value) -> Bool { vanishingBelowZero.contains(value) }

  /// Whether a rectifier alone reads a value.
  func isRectified(_ value: Value) -> Bool { rectified.contains(value) }

  private static func isNonNegative(_ node: Node, _ known: Set<Value>, _ graph: Graph) -> Bool {
    func isKnown(_ value: Value) -> Bool {
      if known.contains(value) { return true }
      guard let tensor = graph.constants[value], tensor.elementType.isFloat else { return false }
      return tensor.converted(to: .float32).withElements(as: Float.self) { $0.allSatisfy { $0 >= 0 } }
    }
    switch node.operation {
    case let unary as Unary:
      switch unary.function {
      case .relu, .sigmoid, .exp, .abs, .sqrt, .softplus, .hardSigmoid: return true
      case .clip(let lower, _): return lower >= 0
      case .hardSwish, .gelu, .tanhGELU, .swish, .leakyReLU, .elu, .tanh: return isKnown(node.operands[0])
      default: return false
      }
    case let binary as Binary:
      return [.add, .mul, .div, .min, .max].contains(binary.function) && node.operands.allSatisfy(isKnown)
    case let softmax as Softmax: return !softmax.isLogarithmic
    case is MaxPool, is AveragePool, is Reshape, is Transpose, is Slice, is Concatenation, is Broadcast,
      is Split:
      return node.operands.allSatisfy(isKnown)
    case let pad as Pad: return pad.fill >= 0 && isKnown(node.operands[0])
    case let reduction as Reduction:
      return reduction.function != .product && isKnown(node.operands[0])
    case is SqueezeExcite: return false
    default: return false
    }
  }
}

extension ScalarFunction {
  /// Whether everything below 0 maps to 0.
  fileprivate var isZeroBelowZero: Bool {
    switch self {
    case .relu: true
    case .clip(let lower, let upper): lower == 0 && upper > 0
    default: false
    }
  }
}
