internal import NoemaTensor

extension Pass {
  /// Drops reshapes, transpositions and scalings that change nothing, and merges those that follow each other.
  static let simplifyMovements = Pass(name: "simplify movements") { graph, kept throws(GraphError) in
    var producers: [Value: Int] = [:]
    var replacement: [Value: Value] = [:]
    let scalars = Matcher(graph, keeping: kept)
    for index in graph.nodes.indices {
      graph.nodes[index].operands = graph.nodes[index].operands.map { replacement[$0] ?? $0 }
      let node = graph.nodes[index]
      func before<Operation: Operator>(_ type: Operation.Type) -> (operation: Operation, source: Value)? {
        guard let maker = producers[node.operands[0]],
          let operation = graph.nodes[maker].operation as? Operation
        else { return nil }
        return (operation, graph.nodes[maker].operands[0])
      }
      // The node before stays as long as somebody reads it.
      switch node.operation {
      case is Reshape:
        if let reshape = before(Reshape.self) { graph.nodes[index].operands = [reshape.source] }
      case let transpose as Transpose:
        if let first = before(Transpose.self) {
          graph.nodes[index].operation = Transpose(
            permutation: transpose.permutation.map { first.operation.permutation[$0] })
          graph.nodes[index].operands = [first.source]
        }
      default: break
      }
      let result = node.results[0]
      if let source = unchanged(graph.nodes[index], graph, scalars), !kept.contains(result) {
        replacement[result] = source
      }
      for value in node.results { producers[value] = index }
    }
  }

  /// The operand that a node passes on as it is.
  private static func unchanged(_ node: Node, _ graph: Graph, _ matcher: Matcher) -> Value? {
    guard let source = node.operands.first, node.results.count == 1,
      graph.type(of: source) == graph.type(of: node.results[0])
    else { return nil }
    switch node.operation {
    case is Reshape, is Broadcast: return source
    case let transpose as Transpose where transpose.permutation == Array(transpose.permutation.indices):
      return source
    case is Binary:
      return matcher.scaling(node).flatMap { $0.factor == 1 && $0.value == source ? source : nil }
    default: return nil
    }
  }
}
