/// A rewrite of a graph that leaves its outputs unchanged.
public struct Pass: Sendable {
  /// The pass's name, for traces.
  public let name: String
  let apply: @Sendable (inout Graph, _ kept: Set<Value>) throws(GraphError) -> Void
}

extension Pass {
  /// Passes that give a network its canonical form, in order: before a backward rewrite.
  public static let canonical: [Pass] = [
    .foldConstants, .simplifyMovements, .shareSubexpressions, .foldPadding, .foldBatchNormalization,
    .foldIntoProducts, .nameFunctions, .nameNormalizations, .nameAttention, .nameSqueezeExcite,
    .removeDeadNodes,
  ]

  /// Passes that only execution wants, in order: their results have no derivative.
  public static let execution: [Pass] = [
    .expandBlocks, .foldConstants, .simplifyMovements, .shareSubexpressions, .removeDeadNodes,
    .lowerBatchNormalization, .seeThroughMovements, .fuseEpilogues, .removeDeadNodes, .keepRegions,
    .fuseChains, .alignConvolutions, .removeDeadNodes,
  ]
}

extension Graph {
  /// Applies passes in order.
  ///
  /// - Parameter kept: values that must stay available although no output needs them, such as hooks.
  public mutating func apply(_ passes: [Pass], keeping kept: Set<Value> = []) throws(GraphError) {
    let kept = kept.union(outputs)
    for pass in passes {
      try pass.apply(&self, kept)
      assert(firstViolation() == nil, "after \(pass.name): \(firstViolation() ?? "")")
    }
  }

  /// The graph after some passes.
  public func applying(_ passes: [Pass], keeping kept: Set<Value> = []) throws(GraphError) -> Graph {
    var copy = self
    try copy.apply(passes, keeping: kept)
    return copy
  }

  /// Drops nodes and constants that no output needs.
  mutating func removeDeadNodes(keepingInputs: Bool) {
    var live = Set(outputs)
    var kept: [Node] = []
    for node in nodes.reversed() where node.results.contains(where: live.contains) {
      live.formUnion(node.operands)
      kept.append(node)
    }
    nodes = kept.reversed()
    constants = constants.filter { live.contains($0.key) }
    if !keepingInputs { dropUnusedInputs() }
  }
}

extension Pass {
  /// Drops nodes that nothing needs; hooks have to be outputs by then.
  static let removeDeadNodes = Pass(name: "remove dead nodes") { graph, kept throws(GraphError) in
    let outputs = graph.outputs
    graph.outputs = Array(kept.union(outputs)).sorted { $0.id < $1.id }
    graph.removeDeadNodes(keepingInputs: true)
    graph.outputs = outputs
  }

  /// Computes equal nodes once.
  static let shareSubexpressions = Pass(name: "share subexpressions") { graph, kept throws(GraphError) in
    struct Key: Hashable {
      let operation: AnyHashable
      let operands: [Value]
    }
    var seen: [Key: [Value]] = [:]
    var replacement: [Value: Value] = [:]
    var nodes: [Node] = []
    for var node in graph.nodes {
      node.operands = node.operands.map { replacement[$0] ?? $0 }
      let key = Key(operation: AnyHashable(node.operation), operands: node.operands)
      if let results = seen[key], !node.results.contains(where: kept.contains) {
        for (old, new) in zip(node.results, results) { replacement[old] = new }
        continue
      }
      if seen[key] == nil { seen[key] = node.results }
      nodes.append(node)
    }
    graph.nodes = nodes
  }
}
