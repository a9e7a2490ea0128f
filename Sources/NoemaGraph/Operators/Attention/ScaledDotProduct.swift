internal import NoemaTensor

/// `softmax(q kᵀ · scale, masked) v` for each head, written in smaller operators.
struct ScaledDotProduct {
  var scale: Double
  /// Scores are bounded by `cap · tanh(score / cap)` where this is above 0.
  var cap = 0.0
  /// Where a query may look, bool; broadcasts to the scores.
  var allowed: Value?
  /// What is added to the scores.
  var bias: Value?

  struct Result {
    var output, scores, capped, masked, weights: Value
  }

  /// - Shapes: `q [batch, heads, queries, size]`, `k [batch, groups, keys, size]`, `v [batch, groups, keys,
  ///   width] → [batch, heads, queries, width]`; the heads of a group share their keys.
  func callAsFunction(_ q: Value, _ k: Value, _ v: Value, _ node: NodeReader) throws -> Result {
    let shapes = [q, k, v].map(node.shape(of:))
    guard shapes.allSatisfy({ $0.count == 4 }), shapes[1][1] > 0, shapes[0][1] % shapes[1][1] == 0,
      shapes[1][1] == shapes[2][1], shapes[1][2] == shapes[2][2]
    else { throw node.error("queries, keys and values of shapes \(shapes) do not fit") }
    let heads = shapes[0][1]
    let keys = try Self.repeated(k, heads, node), values = try Self.repeated(v, heads, node)
    if cap == 0, !node.wantsResult(3), let bias = try constantMask(node, like: q) {
      // Without a mask, or with one that leaves every query a key, nothing stands between product and softmax.
      let block = ScaledDotProductAttention(scale: scale, hasBias: bias.isMasked)
      let output = try node.emit(block, [q, keys, values] + (bias.value.map { [$0] } ?? []))[0]
      return Result(output: output, scores: output, capped: output, masked: output, weights: output)
    }
    let scores = try node.emit(
      MatMul(transposesRight: true), node.scaled(q, by: scale), keys)
    var capped = scores
    if cap > 0 { capped = try node.scaled(node.apply(.tanh, node.scaled(scores, by: 1 / cap)), by: cap) }
    var masked = capped, allowed = allowed
    if let bias {
      masked = try node.sum(capped, bias)
      // A bias of −∞ forbids: as a mask, it gives a row without any key zeros in place of NaN.
      let isFinite = try node.emit(
        Comparison(function: .greater), bias, node.scalar(-.infinity, like: bias))
      allowed = try allowed.map { try node.emit(Comparison(function: .and), $0, isFinite) } ?? isFinite
      if let tensor = allowed.flatMap({ node.graph.constants[$0] }),
        tensor.withElements(as: Bool.self, { $0.allSatisfy(\.self) })
      {
        allowed = nil
      }
    }
    let last = shapes[0].count - 1
    guard let allowed else {
      let weights = try node.emit(Softmax(axis: last), masked)
      return try result(weights, scores, capped, masked, values, node)
    }
    let low = try node.emit(Select(), allowed, masked, node.scalar(-1e38, like: masked))
    let weights = try node.emit(
      Select(), allowed, node.emit(Softmax(axis: last), low), node.scalar(0, like: masked))
    if node.wantsResult(3) {
      masked = try node.emit(Select(), allowed, masked, node.scalar(-.infinity, like: masked))
    }
    return try result(weights, scores, capped, masked, values, node)
  }

  /// The mask as what is added to the scores, where that says the same: a constant that leaves every query a key.
  private func constantMask(_ node: NodeReader, like q: Value) throws -> (value: Value?, isMasked: Bool)? {
    if bias != nil { return nil }
    guard let allowed else { return (nil, false) }
    guard let tensor = node.graph.constants[allowed], tensor.rank > 0, let keys = tensor.shape.last, keys > 0
    else {
      return nil
    }
    let holds = tensor.converted(to: .bool).elements(as: Bool.self)
    let everyQuerySees = stride(from: 0, to: holds.count, by: keys).allSatisfy {
      holds[$0..<$0 + keys].contains(true)
    }
    guard everyQuerySees else { return nil }
    let added = Tensor(shape: tensor.shape, holds.map { $0 ? Float(0) : -.infinity })
    return (node.constant(added.converted(to: node.graph.type(of: q).element)), true)
  }

  private func result(
    _ weights: Value, _ scores: Value, _ capped: Value, _ masked: Value, _ v: Value,
    _ node: NodeReader
  ) throws -> Result {
    let output = try node.emit(MatMul(), weights, v)
    return Result(output: output, scores: scores, capped: capped, masked: masked, weights: weights)
  }

  /// Each group's keys or values for all heads of the group, one head after the other.
  private static func repeated(_ x: Value, _ heads: Int, _ node: NodeReader) throws -> Value {
    let shape = node.shape(of: x)
    if shape[1] == heads { return x }
    let apart = try node.reshaped(x, to: [shape[0], shape[1], 1, shape[2], shape[3]])
    let wide = try node.emit(
      Broadcast(shape: [shape[0], shape[1], heads / shape[1], shape[2], shape[3]]), apart)
    return try node.reshaped(wide, to: [shape[0], heads, shape[2], shape[3]])
  }
}

extension NodeReader {
  /// `[batch, length, heads · size] → [batch, heads, length, size]`.
  func headsApart(_ x: Value, _ heads: Int) throws -> Value {
    let from = shape(of: x)
    guard from.count == 3, heads > 0, from[2] % heads == 0 else {
      throw error("a value of shape \(from) does not split into \(heads) heads")
    }
    return try transposed(reshaped(x, to: [from[0], from[1], heads, from[2] / heads]), [0, 2, 1, 3])
  }

  /// `[batch, heads, length, size] → [batch, length, heads · size]`.
  func headsTogether(_ x: Value) throws -> Value {
    let from = shape(of: x)
    return try reshaped(
      transposed(x, [0, 2, 1, 3]), to: [from[0], from[2], from[1].multipliedSaturating(by: from[3])])
  }

  /// `0, 1, …` as a constant of a shape with one axis that is not 1.
  func counting(_ count: Int, shape: [Int]) throws -> Value {
    guard count <= 1 << 24 else { throw error("a sequence of \(count) positions is absurdly long") }
    return constant(Tensor(shape: shape, (0..<count).map { Int64($0) }))
  }

  /// Whether a query may look at a key that does not come after it, `[…, queries, keys]`.
  ///
  /// - Parameter offset: integers that broadcast to the result: the position of the first query.
  func causalMask(queries: Int, keys: Int, offset: Value) throws -> Value {
    try emit(
      Comparison(function: .lessOrEqual), counting(keys, shape: [1, keys]),
      sum(counting(queries, shape: [queries, 1]), offset))
  }

  /// Both where both are given.
  func both(_ a: Value?, _ b: Value?) throws -> Value? {
    guard let a, let b else { return a ?? b }
    return try emit(Comparison(function: .and), a, b)
  }
}
