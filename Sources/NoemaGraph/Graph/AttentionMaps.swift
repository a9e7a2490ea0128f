internal import NoemaTensor

/// Attention weights as they stand in a graph: a softmax over products of queries and keys that weighs
/// values.
public struct AttentionMap: Sendable, Hashable {
  /// The weights, `[batch, heads, queries, keys]`, or `[batch · heads, queries, keys]`.
  public let weights: Value
  /// The queries as the product with the keys takes them.
  public let queries: Value
}

extension Graph {
  /// The attention weights that are values of the graph, in order of computation.
  ///
  /// They are results of a softmax along the last axis whose operand comes, through scaling, masks and
  /// biases, from a product of two values that depend on inputs, and that are multiplied with such a value
  /// again. Where a mask clears weights behind the softmax, the cleared weights count. Attention that
  /// stands as a block shows after `writeOutAttention()`.
  public func attentionMaps() -> [AttentionMap] {
    let search = AttentionSearch(self)
    return nodes.compactMap { search.map(of: $0) }
  }

  /// Replaces blocks of attention by the operators that they stand for, so that their weights are values,
  /// without names.
  ///
  /// - Throws: `GraphError.operands`, which a valid graph does not cause.
  public mutating func writeOutAttention() throws(GraphError) {
    guard nodes.contains(where: { $0.operation is ScaledDotProductAttention }) else { return }
    try rewriteNodes { node, graph throws(GraphError) in
      try (node.operation as? ScaledDotProductAttention)?.expand(node.operands, in: &graph)
    }
  }
}

private struct AttentionSearch {
  let graph: Graph
  let producers: ValueTable<Int>
  let consumers: ValueTable<[Int]>
  let dependent: Set<Value>
  /// Values looked at from one softmax: far more than any mask takes.
  private static let reach = 64

  init(_ graph: Graph) {
    self.graph = graph
    producers = graph.producers()
    consumers = graph.consumers()
    dependent = graph.downstream(of: Set(graph.inputs))
  }

  func map(of node: Node) -> AttentionMap? {
    guard let softmax = node.operation as? Softmax, !softmax.isLogarithmic, let result = node.results.first,
      case let type = graph.type(of: result), type.rank >= 3, softmax.axis == type.rank - 1,
      let queries = queries(behind: node.operands[0]), let weights = weights(from: result)
    else { return nil }
    return AttentionMap(weights: weights, queries: queries)
  }

  /// The first operand of the nearest product of two dependent values that fills a softmax's operand.
  private func queries(behind scores: Value) -> Value? {
    let count = graph.type(of: scores).count
    var list = [scores], next = 0
    while next < min(list.count, Self.reach) {
      defer { next += 1 }
      guard let maker = producers[list[next]] else { continue }
      let node = graph.nodes[maker]
      if node.operation is MatMul {
        if node.operands.prefix(2).allSatisfy(dependent.contains),
          graph.type(of: node.results[0]).count == count
        {
          return node.operands[0]
        }
      } else if isPassed(node.operation) {
        list += node.operands.filter { dependent.contains($0) && !list.contains($0) }
      }
    }
    return nil
  }

  /// What may stand between a product and its softmax: scales, caps, masks, biases and changes of shape.
  private func isPassed(_ operation: any Operator) -> Bool {
    switch operation {
    case let binary as Binary: [.add, .sub, .mul, .div, .min, .max].contains(binary.function)
    case is Unary, is Select, is Cast, is Reshape, is Transpose, is Broadcast: true
    default: false
    }
  }

  /// The value that is multiplied with values: the softmax itself, or what a mask makes of it.
  private func weights(from softmax: Value) -> Value? {
    // A reshaped value stands for the one before, whose axes are told apart.
    var list = [(value: softmax, weights: softmax)], next = 0
    while next < min(list.count, Self.reach) {
      let (value, weights) = list[next]
      next += 1
      for index in consumers[value] ?? [] {
        let node = graph.nodes[index], result = node.results[0]
        switch node.operation {
        case let product as MatMul:
          if node.operands[0] == value, !product.transposesLeft, node.operands[1] != value,
            dependent.contains(node.operands[1])
          {
            return weights
          }
        case is Select where node.operands[0] != value: list.append((result, result))
        case is Cast where graph.type(of: result).element.isFloat: list.append((result, result))
        case is Reshape: list.append((result, weights))
        default: break
        }
      }
    }
    return nil
  }
}
