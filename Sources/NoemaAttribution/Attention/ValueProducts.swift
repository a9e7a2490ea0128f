internal import NoemaGraph
internal import NoemaTensor

extension Graph {
  /// What values become behind an attention: for each token the products, between heads, of the vectors that the
  /// output projection makes of its values, without biases.
  ///
  /// - Parameter weights: the attention weights, `[examples, heads, tokens, tokens]` or with the first two axes in one.
  /// - Shapes: `→ [examples, tokens, heads, heads]`.
  /// - Throws: `GraphError.unsupported` where no projection with constant weights follows the attention, and where
  ///   heads share values.
  mutating func valueProducts(behind weights: Value, examples: Int) throws(GraphError) -> Value {
    let shape = type(of: weights).shape, name = displayName(of: weights)
    let heads = shape.count == 4 ? shape[1] : shape[0] / max(examples, 1)
    guard let reader = valueReader(of: weights) else {
      throw GraphError(.unsupported("nothing that is read as values is multiplied with attention '\(name)'"))
    }
    var values = reader.operands[1]
    let rank = type(of: values).rank
    if let product = reader.operation as? MatMul, product.transposesRight {
      values = try apply(Transpose(permutation: Array(0..<rank - 2) + [rank - 1, rank - 2]), values)
    }
    let own = type(of: values).shape, tokens = own[rank - 2], width = own[rank - 1]
    guard own.reduce(1, *) == examples * heads * tokens * width else {
      throw GraphError(
        .unsupported(
          "the \(heads) heads of attention '\(name)' share values of shape \(own); each needs its own"))
    }
    let projection = try HeadProjection(
      self, of: reader.results[0], axes: [examples, heads, tokens, width], name: name)
    let apart = try apply(Reshape(shape: [examples, heads, tokens, width]), values)
    let matrices = addConstant(projection.matrices.converted(to: type(of: values).element))
    let vectors = try apply(
      Transpose(permutation: [0, 2, 1, 3]), apply(MatMul(), apart, matrices))
    return try apply(MatMul(transposesRight: true), vectors, vectors)
  }

  /// The product that weighs values by attention.
  private func valueReader(of weights: Value) -> Node? {
    let readers = consumers()
    var list = [weights], next = 0
    while next < list.count {
      defer { next += 1 }
      for index in readers[list[next]] ?? [] {
        let node = nodes[index]
        if let product = node.operation as? MatMul {
          let isWeighing = node.operands[0] == list[next] && node.operands[1] != list[next]
          if isWeighing, !product.transposesLeft, constants[node.operands[1]] == nil { return node }
        } else if node.operation is Reshape || node.operation is Cast {
          list.append(node.results[0])
        }
      }
    }
    return nil
  }
}

/// The part of an output projection that each head has.
private struct HeadProjection {
  /// A matrix for each head, `[1, heads, width, features]`.
  let matrices: Tensor

  /// Follows what attention has mixed to the product with constant weights that reads it, and finds out which row of
  /// those each head's values meet.
  ///
  /// - Parameters:
  ///   - mixed: what attention has mixed.
  ///   - axes: examples, heads, tokens and the width of a head, which the elements are counted by.
  init(_ graph: Graph, of mixed: Value, axes: [Int], name: String) throws(GraphError) {
    let unknown = GraphError(
      .unsupported(
        "what follows attention '\(name)' is no product with constant weights that takes every token's heads together"
      ))
    let readers = graph.consumers()
    var value = mixed
    // Where each element, in row-major order, was among those that attention has mixed.
    var places = Array(0..<axes.reduce(1, *))
    guard graph.type(of: mixed).count == places.count else { throw unknown }
    while true {
      guard let index = readers[value]?.first(where: { Self.isPassed(graph.nodes[$0], value) }) else {
        throw unknown
      }
      let node = graph.nodes[index]
      if let product = node.operation as? MatMul {
        guard let table = graph.constants[node.operands[1]].flatMap({ try? Matrix($0) }) else {
          throw unknown
        }
        let rows = product.transposesRight ? table.transposed : table
        guard let own = Self.heads(of: rows, places, axes) else { throw unknown }
        matrices = own
        return
      }
      if let transpose = node.operation as? Transpose {
        places = places.transposed(graph.type(of: value).shape, transpose.permutation)
      }
      value = node.results[0]
    }
  }

  /// Changes of shape, and the product itself.
  private static func isPassed(_ node: Node, _ value: Value) -> Bool {
    switch node.operation {
    case is Reshape, is Transpose: true
    case let product as MatMul: node.operands[0] == value && !product.transposesLeft
    default: false
    }
  }

  /// The rows of the weights, head by head; nil unless every row of elements that meets them is a token of its own with
  /// all heads in the same order.
  private static func heads(of rows: Matrix, _ places: [Int], _ axes: [Int]) -> Tensor? {
    let (heads, tokens, width) = (axes[1], axes[2], axes[3]), count = heads * width
    guard rows.rowCount == count, count > 0 else { return nil }
    /// The token that an element belongs to, and its place among that token's.
    func parts(_ place: Int) -> (token: Int, element: Int) {
      let (row, feature) = (place / width, place % width)
      let (example, head) = (row / tokens / heads, row / tokens % heads)
      return (example * tokens + row % tokens, head * width + feature)
    }
    let order = places.prefix(count).map { parts($0).element }
    guard Set(order).count == count else { return nil }
    for start in stride(from: 0, to: places.count, by: count) {
      let token = parts(places[start]).token
      for (column, element) in order.enumerated() where parts(places[start + column]) != (token, element) {
        return nil
      }
    }
    var elements = [Double](repeating: 0, count: count * rows.columnCount)
    for (column, element) in order.enumerated() {
      for (feature, weight) in rows.row(column).enumerated() {
        elements[element * rows.columnCount + feature] = weight
      }
    }
    return Tensor(shape: [1, heads, width, rows.columnCount], elements)
  }
}

extension [Int] {
  /// The elements of an array of a shape, row-major, with its axes in another order.
  fileprivate func transposed(_ shape: [Int], _ permutation: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    let extents = permutation.map { shape[$0] }, steps = permutation.map { strides[$0] }
    var result: [Int] = []
    result.reserveCapacity(count)
    for index in 0..<count {
      var rest = index, source = 0
      for axis in extents.indices.reversed() {
        source += rest % extents[axis] * steps[axis]
        rest /= extents[axis]
      }
      result.append(self[source])
    }
    return result
  }
}
