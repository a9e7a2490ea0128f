internal import NoemaTensor

extension Pass {
  /// Computes nodes whose operands are all constant, within the budget that is left from reading the network.
  static let foldConstants = Pass(name: "fold constants") { graph, kept throws(GraphError) in
    let old = graph.nodes
    graph.nodes = []
    for node in old {
      guard !node.results.contains(where: kept.contains),
        let results = try? graph.folded(node.operation, node.operands)
      else {
        graph.nodes.append(node)
        continue
      }
      for (value, tensor) in zip(node.results, results) { graph.constants[value] = tensor }
    }
  }
}
