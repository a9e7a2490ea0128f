internal import NoemaTensor

/// Which relevance rule applies to which node: layer-wise relevance propagation as a set of rules for `Graph.backward`.
///
/// Nodes with constant weights get the rule of their kind, or that of the first layer; all other nodes follow
/// their part in the network: sums and means share out in proportion to what they add up, activations pass
/// relevance on, maxima give it to the winner, gates give it to the signal. Networks are to be in canonical form
/// (`Pass.canonical`), with batch normalisation folded: what is left of it counts as linear.
///
/// - Source: Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019; the named ones follow Anders et
///   al., "Software for Dataset-wide XAI: Zennit", 2021.
public struct Composite: Sendable, Hashable {
  /// How relevance passes through attention.
  public enum Attention: String, Sendable, Hashable, CaseIterable {
    /// The attention itself is taken as constant: values receive all (Ali et al., 2022).
    case constant
    /// Both sides of products receive half, and queries and keys their part through the softmax (Achtibat et al.,
    /// 2024).
    case halves
  }

  /// A rule for some nodes, ahead of all others.
  public struct Assignment: Sendable, Hashable, CustomStringConvertible {
    /// Names of operators, such as `Convolution`; nil for all.
    public var operators: Set<String>?
    /// A pattern for nodes' names, with `*` for any characters; nil for all.
    public var names: String?
    /// The number of layers with weights up to the node, itself included; nil for all. Nodes without weights have none.
    public var depths: ClosedRange<Int>?
    /// The rule.
    public var rule: RelevanceRule

    /// What it matches, and the rule.
    public var description: String {
      let parts = [
        operators.map { "operators \($0.sorted().joined(separator: ", "))" }, names.map { "names '\($0)'" },
        depths.map { "depths \($0.lowerBound) to \($0.upperBound)" },
      ]
      return parts.compactMap { $0 }.joined(separator: ", ") + ": \(rule.description)"
    }

    /// Assigns a rule to the nodes that match all that is given.
    public init(
      _ rule: RelevanceRule, operators: Set<String>? = nil, names: String? = nil,
      depths: ClosedRange<Int>? = nil
    ) {
      self.rule = rule
      self.operators = operators
      self.names = names
      self.depths = depths
    }
  }

  /// The composite's name.
  public var name: String
  /// The rule of convolutions and transposed convolutions.
  public var convolution: RelevanceRule
  /// The rule of matrix products with weights.
  public var dense: RelevanceRule
  /// The rule of layers that no other layer with weights is ahead of; nil for none of their own.
  public var first: RelevanceRule?
  /// Whether only convolutions count as first layers.
  public var firstIsConvolution = false
  /// The rule of activations: pass or gradient.
  public var activation = RelevanceRule.pass
  /// Whether sums share out by magnitudes, which never cancel, instead of signed values.
  public var sharesByMagnitude = false
  /// How relevance passes through attention.
  public var attention = Attention.constant
  /// The ε of sums, means and products.
  public var epsilon = 1e-6
  /// What becomes of the share of constants that are added anywhere, besides biases of layers with weights.
  public var constants = BiasShare.kept
  /// Rules ahead of all others; the first that matches counts.
  public var assignments: [Assignment] = []
  /// Whether nodes that no rule covers pass relevance like a gradient, instead of being refused.
  public var fallsBackToGradient = false

  /// Makes a composite of a rule for convolutions and one for matrix products.
  public init(
    _ name: String, convolution: RelevanceRule, dense: RelevanceRule, first: RelevanceRule? = nil,
    firstIsConvolution: Bool = false
  ) {
    self.name = name
    self.convolution = convolution
    self.dense = dense
    self.first = first
    self.firstIsConvolution = firstIsConvolution
  }

  /// The epsilon rule everywhere.
  public static func epsilon(_ epsilon: Double = 1e-6, bias: BiasShare = .kept) -> Composite {
    let rule = RelevanceRule.epsilon(epsilon, bias: bias)
    var composite = Composite("epsilon", convolution: rule, dense: rule)
    composite.constants = bias
    return composite
  }
  /// The z⁺ rule everywhere.
  public static let zPlus = Composite("z-plus", convolution: .zPlus, dense: .zPlus)
  /// The gamma rule everywhere.
  public static func gamma(_ gamma: Double = 0.25) -> Composite {
    Composite("gamma", convolution: .gamma(gamma), dense: .gamma(gamma))
  }
  /// z⁺ for convolutions, epsilon for matrix products.
  public static let epsilonPlus = Composite("epsilon-plus", convolution: .zPlus, dense: .epsilon(1e-6))
  /// The same, and flat for the first layer.
  public static let epsilonPlusFlat = Composite(
    "epsilon-plus-flat", convolution: .zPlus, dense: .epsilon(1e-6), first: .flat)
  /// α = 2 and β = 1 for convolutions, epsilon for matrix products.
  public static let epsilonAlpha2Beta1 = Composite(
    "epsilon-alpha2-beta1", convolution: .alphaBeta(alpha: 2, beta: 1), dense: .epsilon(1e-6))
  /// The same, and flat for the first layer.
  public static let epsilonAlpha2Beta1Flat = Composite(
    "epsilon-alpha2-beta1-flat", convolution: .alphaBeta(alpha: 2, beta: 1), dense: .epsilon(1e-6),
    first: .flat)
  /// Gamma for convolutions, epsilon for matrix products, and for the first convolution the box of inputs.
  public static func epsilonGammaBox(low: [Double], high: [Double], gamma: Double = 0.25) -> Composite {
    Composite(
      "epsilon-gamma-box", convolution: .gamma(gamma), dense: .epsilon(1e-6),
      first: .box(low: low, high: high),
      firstIsConvolution: true)
  }
  /// z⁺ for all layers, and activations by their derivative.
  ///
  /// - Source: Zhang et al., "Top-Down Neural Attention by Excitation Backprop", 2016, which leaves biases out.
  public static func excitationBackprop(ignoresBias: Bool = false) -> Composite {
    let rule = RelevanceRule.alphaBeta(alpha: 1, beta: 0, ignoresBias: ignoresBias)
    var composite = Composite("excitation-backprop", convolution: rule, dense: rule)
    composite.activation = .gradient
    return composite
  }
  /// Epsilon without biases, which conserves; maxima to the winner.
  ///
  /// - Source: Landecker et al., "Interpreting Individual Classifications of Hierarchical Networks", 2013.
  public static let contributionPropagation: Composite = {
    var composite = Composite.epsilon(bias: .ignored)
    composite.name = "contribution-propagation"
    return composite
  }()
  /// Epsilon with the share of biases spread over the inputs: sums to the output.
  public static let conserving: Composite = {
    var composite = Composite.epsilon(bias: .spread)
    composite.name = "epsilon-conserving"
    return composite
  }()
  /// Epsilon everywhere with halves for attention and products; only what a sigmoid gates takes all.
  ///
  /// - Source: Achtibat et al., "AttnLRP", 2024.
  public static let attention: Composite = {
    var composite = Composite.epsilon()
    composite.name = "attention-lrp"
    composite.attention = .halves
    return composite
  }()

  /// The rules for a graph in canonical form.
  ///
  /// - Parameter start: the value that is explained.
  /// - Throws: `GraphError.input` for parameters out of range, or assignments that match no node.
  public func rules(for graph: Graph, from start: Value) throws(GraphError) -> BackwardRules {
    for rule in [convolution, dense, first, activation].compactMap({ $0 }) + assignments.map(\.rule) {
      try rule.check()
    }
    let kept = Set(graph.outputs).subtracting([start])
    var context = RelevanceContext(graph, keeping: kept)
    for assignment in assignments {
      guard
        graph.nodes.contains(where: { $0.matches(assignment, depth: context.depths[$0.results[0]]) })
      else { throw GraphError(.input("no node matches \(assignment) of the composite '\(name)'")) }
    }
    let draft = context
    context.noteVanishing(graph, from: start) { node in try? rule(for: node, in: graph, draft) }
    return rules(context)
  }

  private func rules(_ context: RelevanceContext) -> BackwardRules {
    BackwardRules { node, graph throws(GraphError) in try rule(for: node, in: graph, context) }
  }

  private func rule(
    for node: Node, in graph: Graph, _ context: RelevanceContext
  ) throws(GraphError) -> any BackwardRule {
    // A bias belongs to the layer before it, also where both bear the layer's name.
    if context.isBias(node) { return PassRelevance() }
    let depth = context.depths[node.results[0]]
    if let assignment = assignments.first(where: { node.matches($0, depth: depth) }) {
      return try assigned(assignment.rule, node, graph, context)
    }
    if let map = LinearMap(node, sum: context.sum(behind: node), in: graph) {
      let own = map.isConvolution ? convolution : dense
      let isFirst = depth == 1 && (map.isConvolution || !firstIsConvolution)
      return try assigned(isFirst ? first ?? own : own, node, graph, context)
    }
    return try unweighted(node, graph, context)
  }

  /// The rule that a composite names, for any node.
  private func assigned(
    _ rule: RelevanceRule, _ node: Node, _ graph: Graph, _ context: RelevanceContext
  ) throws(GraphError) -> any BackwardRule {
    switch rule {
    case .pass:
      let carrier = node.operands.first { graph.constants[$0] == nil } ?? node.operands[0]
      guard graph.type(of: carrier).count <= graph.type(of: node.results[0]).count,
        (try? Shapes.broadcast(graph.type(of: carrier).shape, graph.type(of: node.results[0]).shape))
          == graph.type(of: node.results[0]).shape
      else {
        throw GraphError(
          .input("the pass rule is for operators whose result has the shape of their operand; use gradient"))
      }
      return PassRelevance()
    case .gradient: return GradientRule()
    case .block: return BlockRelevance()
    case .epsilon(let epsilon, _) where LinearMap(node, sum: nil, in: graph) == nil:
      return ProportionalRelevance(epsilon: epsilon, constants: constants)
    default:
      guard LinearMap(node, sum: nil, in: graph) != nil else {
        throw GraphError(.input("the \(rule.description) rule is for layers with weights"))
      }
      return LinearRelevance(rule: rule, context: context)
    }
  }

  /// The rule of a node without weights of its own.
  private func unweighted(
    _ node: Node, _ graph: Graph, _ context: RelevanceContext
  ) throws(GraphError) -> any BackwardRule {
    let proportional = ProportionalRelevance(epsilon: epsilon, constants: constants)
    switch node.operation {
    case let binary as Binary:
      let isProduct = binary.function == .mul || binary.function == .div
      if isProduct, node.operands.contains(where: { graph.constants[$0] != nil }) {
        // A constant over data has no signal that it scales.
        if binary.function == .div, graph.constants[node.operands[0]] != nil { break }
        return PassRelevance()
      }
      if binary.function == .div { return ProductRelevance(signal: 0) }
      if isProduct {
        return ProductRelevance(signal: graph.signal(of: node, onlySigmoids: attention == .halves))
      }
      if [.add, .sub].contains(binary.function) {
        let isShift = node.operands.contains { graph.constants[$0] != nil }
        if isShift, constants != .kept { return PassRelevance() }
        return sharesByMagnitude ? AbsoluteSumRelevance() : proportional
      }
      if [.min, .max].contains(binary.function) { return GradientRule() }
      if binary.function == .pow, graph.constants[node.operands[1]] != nil { return PassRelevance() }
    case is MatMul, is Convolution, is ConvolutionInputGradient:
      let signal = attention == .constant ? graph.softmaxOperand(of: node).map { 1 - $0 } : nil
      return MatrixProductRelevance(signal: signal, epsilon: epsilon)
    case let softmax as Softmax where !softmax.isLogarithmic:
      return attention == .constant ? BlockRelevance() : SoftmaxRelevance()
    case is LayerNormalization:
      return NormalizationRelevance(epsilon: epsilon, constants: constants)
    case is any Block: return ExpandedRelevance(rules: rules(context))
    case let unary as Unary:
      if unary.function.isActivation { return activation == .gradient ? GradientRule() : PassRelevance() }
    case is Gate: return activation == .gradient ? GradientRule() : PassRelevance()
    case let reduction as Reduction where reduction.function != .product:
      return [.sum, .mean].contains(reduction.function) ? proportional : GradientRule()
    case is MaxPool: return GradientRule()
    case is BatchNormalization where constants == .spread: return PassRelevance()
    case is AveragePool, is AxisMap, is CumulativeSum, is BatchNormalization: return proportional
    default:
      switch node.operation.relevanceRole {
      case .movement: return GradientRule()
      case .addition, .pooling: return proportional
      default: break
      }
    }
    if fallsBackToGradient { return GradientRule() }
    throw GraphError(
      .unsupported(
        "no relevance rule covers this operator; assign it pass, gradient, epsilon or block, or allow gradients"
      ))
  }
}

extension Node {
  fileprivate func matches(_ assignment: Composite.Assignment, depth: Int?) -> Bool {
    if let operators = assignment.operators, !operators.contains(operation.name) { return false }
    if let pattern = assignment.names, !Glob.matches(pattern, name) { return false }
    if let depths = assignment.depths { return depth.map { depths.contains($0) } ?? false }
    return true
  }
}

extension ScalarFunction {
  /// Whether it is one of the functions that layers end in: relevance passes through.
  fileprivate var isActivation: Bool {
    switch self {
    case .exp, .log, .reciprocal, .cos, .acos, .cosh, .acosh, .floor, .ceil, .round, .sign, .not, .stabilized:
      false
    default: true
    }
  }
}

extension Graph {
  /// The operand of a product that is the signal, where the other one is a gate; nil where there is no telling.
  ///
  /// - Parameter onlySigmoids: whether nothing but a sigmoid makes a gate. Halves need that: a sigmoid is not zero
  ///   at zero, so what passes through it is divided by a sum that may be next to nothing.
  fileprivate func signal(of node: Node, onlySigmoids: Bool) -> Int? {
    let gates = node.operands.map { value in
      onlySigmoids ? isBounded(value, 8, bySoftmax: false) : isGate(value, in: node)
    }
    return gates[0] == gates[1] ? nil : gates[0] ? 1 : 0
  }

  /// Whether an operand of a product is a gate: between 0 and 1, or one number for many elements.
  private func isGate(_ value: Value, in product: Node) -> Bool {
    if isBounded(value, 8, bySoftmax: true) { return true }
    return type(of: value).count < type(of: product.results[0]).count
  }

  private func isBounded(_ value: Value, _ steps: Int, bySoftmax: Bool) -> Bool {
    guard steps > 0, let node = producer(of: value) else { return false }
    func isBounded(_ operand: Int) -> Bool {
      self.isBounded(node.operands[operand], steps - 1, bySoftmax: bySoftmax)
    }
    switch node.operation {
    case let unary as Unary:
      switch unary.function {
      case .sigmoid, .hardSigmoid: return true
      case .clip(let lower, let upper): return lower == 0 && upper == 1
      default: return false
      }
    case is Softmax: return bySoftmax
    case let binary as Binary where binary.function == .sub:
      // 1 − gate.
      return constants[node.operands[0]] != nil && isBounded(1)
    default:
      return node.operation.relevanceRole == .movement && isBounded(0)
    }
  }

  /// The operand of a matrix product that a softmax made.
  fileprivate func softmaxOperand(of node: Node) -> Int? {
    (0..<2).first { index in
      var value = node.operands[index]
      while let maker = producer(of: value) {
        if maker.operation is Softmax { return true }
        guard maker.operation.relevanceRole == .movement, let next = maker.operands.first else {
          return false
        }
        value = next
      }
      return false
    }
  }

  private func producer(of value: Value) -> Node? { nodes.last { $0.results.contains(value) } }
}
