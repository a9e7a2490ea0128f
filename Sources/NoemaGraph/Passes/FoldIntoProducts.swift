internal import NoemaTensor

extension Pass {
  /// Makes the transposition of a product's operand, and a bias that is added to it, part of the product.
  static let foldIntoProducts = Pass(name: "fold into products") { graph, kept throws(GraphError) in
    let matcher = Matcher(graph, keeping: kept)
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      if var product = node.operation as? MatMul, product.epilogue == Epilogue() {
        for side in 0..<2 {
          guard let transpose = matcher.maker(node.operands[side], Transpose.self),
            isMatrixTransposition(transpose.operation.permutation)
          else { continue }
          if side == 0 { product.transposesLeft.toggle() } else { product.transposesRight.toggle() }
          graph.nodes[index].operands[side] = transpose.node.operands[0]
        }
        graph.nodes[index].operation = product
      } else if let sum = node.operation as? Binary, sum.function == .add {
        for (side, other) in [(0, 1), (1, 0)] {
          guard matcher.isPrivate(node.operands[side]), let source = matcher.producers[node.operands[side]],
            var product = graph.nodes[source].operation as? MatMul, !product.hasBias,
            product.epilogue == Epilogue(), graph.constants[node.operands[other]] != nil,
            matcher.shape(node.results[0]) == matcher.shape(node.operands[side]),
            let columns = matcher.shape(node.operands[side]).last,
            matcher.shape(node.operands[other]).last == columns,
            matcher.shape(node.operands[other]).reduce(1, *) == columns
          else { continue }
          let bias =
            matcher.shape(node.operands[other]) == [columns]
            ? node.operands[other]
            : graph.addConstant(graph.constants[node.operands[other]]!.reshaped(to: [columns]))
          product.hasBias = true
          graph.nodes[index].operation = product
          graph.nodes[index].operands = graph.nodes[source].operands + [bias]
          break
        }
      }
    }
  }

  /// Whether a permutation exchanges the last two axes and leaves the others.
  private static func isMatrixTransposition(_ permutation: [Int]) -> Bool {
    let rank = permutation.count
    return rank >= 2 && permutation == Array(0..<rank - 2) + [rank - 1, rank - 2]
  }
}
