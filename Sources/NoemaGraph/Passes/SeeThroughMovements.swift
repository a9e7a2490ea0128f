internal import NoemaTensor

extension Pass {
  /// Lets attention read queries, keys and values where they lie, behind slices, transpositions and reshapes, and
  /// write its heads side by side, where nothing reads them apart.
  static let seeThroughMovements = Pass(name: "see through movements") { graph, kept throws(GraphError) in
    let matcher = Matcher(graph, keeping: kept)
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      guard let block = node.operation as? ScaledDotProductAttention,
        block.runsWhole(node.operands.map { graph.type(of: $0) })
      else { continue }
      let found = node.operands[..<3].map(matcher.view)
      graph.nodes[index].operands.replaceSubrange(..<3, with: found.map(\.base))
      var attention = StridedAttention(block, views: found.map(\.view))
      if let reader = matcher.consumers[node.results[0]]?.first, matcher.isPrivate(node.results[0]),
        let transpose = graph.nodes[reader].operation as? Transpose, transpose.permutation == [0, 2, 1, 3]
      {
        // What was the transposition becomes a name for the same memory.
        attention.joinsHeads = true
        let joined = graph.nodes[reader].results[0]
        graph.nodes[index].results = [joined]
        graph.nodes[reader] = Node(operation: Reshape(shape: []), operands: [], results: [], name: "")
      }
      graph.nodes[index].operation = attention
    }
    graph.nodes.removeAll { $0.results.isEmpty }
  }
}
