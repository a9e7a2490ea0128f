internal import NoemaTensor

extension Pass {
  /// Computes nodes whose operands are all constant, unless that makes more than a few megabytes of them.
  static let foldConstants = Pass(name: "fold constants") { graph, kept throws(GraphError) in
    let old = graph.nodes
    graph.nodes = []
    for node in old {
      let operands = node.operands.compactMap { graph.constants[$0] }
      let size = node.results.reduce(0) { $0 + graph.type(of: $1).byteCount }
      guard operands.count == node.operands.count, !operands.isEmpty,
        !node.results.contains(where: kept.contains),
        size <= max(1 << 22, operands.reduce(0) { $0 + $1.byteCount }),
        let results = try? node.operation.evaluate(operands)
      else {
        graph.nodes.append(node)
        continue
      }
      for (value, tensor) in zip(node.results, results) { graph.constants[value] = tensor }
    }
  }
}
