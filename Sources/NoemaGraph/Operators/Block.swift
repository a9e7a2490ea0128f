public import NoemaTensor

/// An operator that gives a pattern of smaller ones a name: layer normalisation, attention, squeeze-and-excite.
///
/// `expand` says what the block is. The reference kernel and the derivative follow from it, and so do result types
/// for those that check their operands there; a block overrides what it can do better. Relevance rules and fused
/// kernels see the block instead of its parts.
public protocol Block: Operator {
  /// Adds the operators that the block stands for to a graph.
  ///
  /// - Returns: the block's only result.
  /// - Throws: `GraphError.operands` when the operands do not fit.
  func expand(_ operands: [Value], in graph: inout Graph) throws(GraphError) -> Value

  /// Whether a plan can run the block as one kernel for operands of these types; otherwise it runs its parts.
  func runsWhole(_ operands: [TensorType]) -> Bool
}

extension Block {
  public func runsWhole(_ operands: [TensorType]) -> Bool { false }

  /// The block alone, between inputs of the given types and its result.
  private func expanded(_ operands: [TensorType]) throws(GraphError) -> Graph {
    var graph = Graph()
    let inputs = operands.map { graph.addInput($0, name: "") }
    graph.outputs = [try expand(inputs, in: &graph)]
    return graph
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    let graph = try expanded(operands)
    return [graph.type(of: graph.outputs[0])]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    try expanded(operands.map { TensorType(of: $0) }).interpreted(
      operands, as: operands.first { $0.elementType.isFloat }?.elementType ?? .float32)
  }

  public func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int {
    guard let graph = try? expanded(operands) else { return 0 }
    return graph.nodes.reduce(0) {
      $0
        + $1.operation.multiplyAdds(
          $1.operands.map { graph.type(of: $0) }, $1.results.map { graph.type(of: $0) })
    }
  }

  /// The derivative of the parts, which are computed again: nothing inside the block has to be kept for it.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return node.operands.map { _ in nil } }
    let start = graph.nodes.count
    let y = try expand(node.operands, in: &graph)
    let targets = Set(node.operands.filter { graph.constants[$0] == nil })
    let arrived = try graph.passBackward([y: g], through: Array(graph.nodes[start...]), to: targets)
    return node.places(of: arrived, targets)
  }
}

extension Node {
  /// For each operand what arrived at its value; all of it in the first place of a value that is read in several.
  func places(of arrived: [Value: Value], _ targets: Set<Value>) -> [Value?] {
    var open = targets
    return operands.map { open.remove($0) == nil ? nil : arrived[$0] }
  }
}

extension Pass {
  /// Writes out every block and every function that ONNX has no operator for: the form that is exported.
  static let expandAll = Pass(name: "expand all") { graph, _ throws(GraphError) in
    try expand(&graph) { _, _ in true }
    try graph.rewriteNodes { node, graph throws(GraphError) in
      try (node.operation as? Unary)?.function.formula(node.operands[0], in: &graph)
    }
  }

  /// Writes out the blocks that no kernel runs as one.
  static let expandBlocks = Pass(name: "expand blocks") { graph, _ throws(GraphError) in
    try expand(&graph) { block, types in !block.runsWhole(types) }
  }

  private static func expand(
    _ graph: inout Graph, where isExpanded: (any Block, [TensorType]) -> Bool
  ) throws(GraphError) {
    // A block may expand to further blocks.
    while graph.nodes.contains(where: { node in
      (node.operation as? any Block).map { isExpanded($0, node.operands.map { graph.type(of: $0) }) } ?? false
    }) {
      try graph.rewriteNodes { node, graph throws(GraphError) in
        guard let block = node.operation as? any Block,
          isExpanded(block, node.operands.map { graph.type(of: $0) })
        else { return nil }
        return try block.expand(node.operands, in: &graph)
      }
    }
  }
}

extension Graph {
  /// Replaces nodes of one result by others that `replace` adds in their place; nil keeps a node.
  ///
  /// The result keeps its identity, and the nodes that are added take the name of the one they replace.
  mutating func rewriteNodes(
    _ replace: (Node, inout Graph) throws(GraphError) -> Value?
  ) throws(GraphError) {
    let old = nodes
    nodes = []
    nodes.reserveCapacity(old.count)
    for node in old {
      let start = nodes.count
      guard let value = try replace(node, &self) else {
        nodes.append(node)
        continue
      }
      let isMade = nodes[start...].contains { $0.results.contains(value) }
      for index in nodes.indices[start...] {
        if nodes[index].name.isEmpty { nodes[index].name = node.name }
        guard isMade else { continue }
        nodes[index].results = nodes[index].results.map { $0 == value ? node.results[0] : $0 }
        nodes[index].operands = nodes[index].operands.map { $0 == value ? node.results[0] : $0 }
      }
      if !isMade {
        nodes.append(
          Node(
            operation: Reshape(shape: type(of: value).shape), operands: [value], results: node.results,
            name: node.name))
      }
    }
  }
}
