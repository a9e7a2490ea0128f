internal import NoemaTensor

extension Pass {
  /// Recognises `softmax(scale · q kᵀ + bias) v` over heads, however scale and transposition are written.
  static let nameAttention = Pass(name: "name attention") { graph, kept throws(GraphError) in
    let matcher = Matcher(graph, keeping: kept)
    for root in graph.nodes.indices {
      guard let product = matcher.nodes[root].operation as? MatMul, product == MatMul(),
        let attention = attention(matcher.nodes[root], matcher)
      else { continue }
      let types = attention.operands.map { graph.type(of: $0) }
      guard let result = try? attention.block.resultTypes(of: types),
        result == [graph.type(of: matcher.nodes[root].results[0])]
      else { continue }
      graph.nodes[root].operation = attention.block
      graph.nodes[root].operands = attention.operands
    }
  }

  private static func attention(
    _ root: Node, _ matcher: Matcher
  ) -> (block: ScaledDotProductAttention, operands: [Value])? {
    guard let softmax = matcher.privateMaker(root.operands[0], Softmax.self),
      !softmax.operation.isLogarithmic,
      softmax.operation.axis == 3, matcher.shape(root.operands[0]).count == 4
    else { return nil }
    var scale = 1.0
    /// Looks through private multiplications with a number.
    func unscaled(_ value: Value) -> Value {
      var value = value
      while matcher.isPrivate(value), let maker = matcher.producers[value],
        let scaling = matcher.scaling(matcher.nodes[maker])
      {
        scale *= scaling.factor
        value = scaling.value
      }
      return value
    }
    var scores = softmax.node.operands[0], bias: Value?
    if let sum = matcher.privateMaker(scores, Binary.self), sum.operation.function == .add {
      let isFirst =
        matcher.shape(sum.node.operands[0]) == matcher.shape(scores)
        && leadsToProduct(sum.node.operands[0], matcher)
      (scores, bias) =
        isFirst ? (sum.node.operands[0], sum.node.operands[1]) : (sum.node.operands[1], sum.node.operands[0])
    }
    scores = unscaled(scores)
    guard let product = matcher.privateMaker(scores, MatMul.self), !product.operation.hasBias,
      !product.operation.transposesLeft, product.operation.epilogue == Epilogue()
    else { return nil }
    let q = unscaled(product.node.operands[0])
    var k = unscaled(product.node.operands[1])
    var isRight = product.operation.transposesRight
    if let transpose = matcher.privateMaker(k, Transpose.self),
      transpose.operation.permutation == [0, 1, 3, 2]
    {
      k = unscaled(transpose.node.operands[0])
      isRight.toggle()
    }
    let block = ScaledDotProductAttention(scale: scale, hasBias: bias != nil, keysAreColumns: !isRight)
    return (block, [q, k, root.operands[1]] + (bias.map { [$0] } ?? []))
  }

  private static func leadsToProduct(_ value: Value, _ matcher: Matcher) -> Bool {
    var value = value
    while let maker = matcher.producers[value] {
      if matcher.nodes[maker].operation is MatMul { return true }
      guard let scaling = matcher.scaling(matcher.nodes[maker]) else { return false }
      value = scaling.value
    }
    return false
  }
}
