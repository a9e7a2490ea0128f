/// What passes backward through one node: the exact derivative, or a relevance rule.
public protocol BackwardRule: Sendable {
  /// The rule's name, for printed assignments.
  var name: String { get }

  /// The quantities that the operands receive, given those of the results; nil where nothing passes.
  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?]
}

/// The exact derivative: the operator's own pullback.
public struct GradientRule: BackwardRule {
  /// Makes the rule.
  public init() {}

  public var name: String { "gradient" }

  public func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    try node.operation.pullback(of: cotangents, through: node, in: &graph)
  }
}

/// Which rule applies to which node.
public struct BackwardRules: Sendable {
  private let assign: @Sendable (Node, Graph) throws(GraphError) -> any BackwardRule

  /// Makes a rule set of a function from nodes to rules.
  public init(_ assign: @escaping @Sendable (Node, Graph) throws(GraphError) -> any BackwardRule) {
    self.assign = assign
  }

  /// Reverse-mode differentiation.
  public static let gradient = BackwardRules { _, _ in GradientRule() }

  /// The rule for a node.
  public func rule(for node: Node, in graph: Graph) throws(GraphError) -> any BackwardRule {
    try assign(node, graph)
  }
}

/// What `Graph.backward` adds to a graph.
public struct BackwardResult: Sendable {
  /// The graph with the backward nodes.
  public var graph: Graph
  /// The value, shaped like the starting value, that the backward pass starts from.
  public var seed: Value
  /// What arrives at each value asked for; nil where nothing does.
  public var cotangents: [Value?]
  /// What each node received and passed on, from the starting value backward.
  public var steps: [BackwardStep]
}

/// What one node received from its results and passed on to its operands.
public struct BackwardStep: Sendable {
  /// The node.
  public var node: Node
  /// The name of its rule.
  public var rule: String
  /// What arrived at each of the node's results, where anything did.
  public var received: [(value: Value, quantity: Value)]
  /// What each operand was given, where it was given anything.
  public var passed: [(value: Value, quantity: Value)]
}

extension Graph {
  /// Adds the backward pass from one value to others; applying it to its own result gives second order.
  ///
  /// - Parameters:
  ///   - start: the value that is explained.
  ///   - seed: what the pass starts with; by default a new input named `cotangent`, shaped like `start`.
  ///   - targets: the values to reach: inputs, hidden layers, or both.
  ///   - path: the nodes that may be passed, when not all of them lead from the targets to the start.
  ///   - rules: what passes through each node; exact derivatives by default.
  /// - Throws: `GraphError` where a rule does not cover an operator.
  public func backward(
    from start: Value, seed: Value? = nil, to targets: [Value], through path: [Node]? = nil,
    rules: BackwardRules = .gradient
  ) throws(GraphError) -> BackwardResult {
    var graph = self
    let seed = seed ?? graph.addInput(type(of: start), name: "cotangent")
    var steps: [BackwardStep] = []
    let arrived = try graph.passBackward(
      [start: seed], through: path ?? nodes, to: Set(targets), rules: rules
    ) { steps.append($0) }
    return BackwardResult(graph: graph, seed: seed, cotangents: targets.map { arrived[$0] }, steps: steps)
  }

  /// Adds the backward pass through some nodes, given what arrives at values.
  ///
  /// - Returns: what arrives at every value on the way, the targets among them.
  mutating func passBackward(
    _ start: [Value: Value], through nodes: [Node], to targets: Set<Value>, rules: BackwardRules = .gradient,
    note: (BackwardStep) -> Void = { _ in }
  ) throws(GraphError) -> [Value: Value] {
    var arrived = start
    var needed = targets
    for node in nodes where node.operands.contains(where: needed.contains) {
      needed.formUnion(node.results)
    }
    for node in nodes.reversed() {
      let cotangents = node.results.map { arrived[$0] }
      guard cotangents.contains(where: { $0 != nil }), node.operands.contains(where: needed.contains) else {
        continue
      }
      let parts: [Value?]
      let name: String
      do {
        let rule = try rules.rule(for: node, in: self)
        name = rule.name
        parts = try rule.propagate(cotangents, through: node, in: &self)
      } catch {
        throw error.at("\(node.operation.name) node '\(node.name)'")
      }
      for (operand, part) in zip(node.operands, parts) where needed.contains(operand) {
        guard let part else { continue }
        if let other = arrived[operand] {
          arrived[operand] = try apply(Binary(.add), other, part)
        } else {
          arrived[operand] = part
        }
      }
      func pairs(_ values: [Value], _ quantities: [Value?]) -> [(value: Value, quantity: Value)] {
        zip(values, quantities).compactMap { value, quantity in quantity.map { (value, $0) } }
      }
      note(
        BackwardStep(
          node: node, rule: name, received: pairs(node.results, cotangents),
          passed: pairs(node.operands, parts).filter { needed.contains($0.value) }))
    }
    return arrived
  }

  /// The values that depend on any of the given ones, these included.
  func downstream(of values: Set<Value>) -> Set<Value> {
    var reached = values
    for node in nodes where node.operands.contains(where: reached.contains) {
      reached.formUnion(node.results)
    }
    return reached
  }
}
