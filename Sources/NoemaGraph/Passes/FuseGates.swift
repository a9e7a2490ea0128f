extension Pass {
  /// Lets a gate add its two cotangents itself, where no hook and no other node reads their sum: one sweep over
  /// memory instead of two, behind every addition that a rectifier follows.
  static let fuseGates = Pass(name: "fuse gates") { graph, kept throws(GraphError) in
    let producers = graph.producers(), consumers = graph.consumers()
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      guard node.operation is Gate, node.operands.count == 2, !kept.contains(node.operands[0]),
        consumers[node.operands[0]]?.count == 1, let source = producers[node.operands[0]],
        let sum = graph.nodes[source].operation as? Binary, sum.function == .add
      else { continue }
      let parts = graph.nodes[source].operands
      let shape = graph.type(of: node.operands[1]).shape
      guard parts[0] != parts[1], parts.allSatisfy({ graph.type(of: $0).shape == shape }) else { continue }
      graph.nodes[index].operands = parts + [node.operands[1]]
    }
  }
}
