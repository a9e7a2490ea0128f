internal import NoemaTensor

/// Attention and rotary positions, written in smaller operators.
///
/// - Source: ONNX Attention-23 to -25, RotaryEmbedding-23.
enum Attention {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("Attention", opset: 23...ONNXBinding.newestOpset, make: attention),
    ONNXBinding("RotaryEmbedding", opset: 23...ONNXBinding.newestOpset, make: rotary),
  ]

  private static func attention(_ node: NodeReader) throws -> [Value] {
    let isFlat = try node.rank(0) == 3
    func heads(_ index: Int, _ key: String) throws -> Value {
      isFlat ? try node.headsApart(node.operand(index), node.int(key, default: 0)) : try node.operand(index)
    }
    let q = try heads(0, "q_num_heads")
    var k = try heads(1, "kv_num_heads"), v = try heads(2, "kv_num_heads")
    guard node.shape(of: q).count == 4, node.shape(of: k).count == 4, node.shape(of: v).count == 4 else {
      throw node.error("queries, keys and values need rank 3 or 4")
    }
    var past = 0
    if let key = node.optionalOperand(4) {
      past = node.shape(of: key).count == 4 ? node.shape(of: key)[2] : 0
      k = try node.joined([key, k], axis: 2)
      v = try node.joined([node.operand(5), v], axis: 2)
    }
    let queries = node.shape(of: q)[2], keys = node.shape(of: k)[2], size = node.shape(of: q)[3]
    var product = ScaledDotProduct(
      scale: node.float("scale", default: 1 / Double(max(size, 1)).squareRoot()),
      cap: node.float("softcap", default: 0))
    if let mask = node.optionalOperand(3) {
      let isBool = node.graph.type(of: mask).element == .bool
      let filled = try filled(mask, to: keys, isBool, node)
      if isBool { product.allowed = filled } else { product.bias = filled }
    }
    var offset = node.constant(Tensor(Int64(past)))
    if let lengths = node.optionalOperand(6) {
      let column = try node.reshaped(
        node.emit(Cast(to: .int64), lengths), to: [node.graph.type(of: lengths).count, 1, 1, 1])
      product.allowed = try node.both(
        product.allowed,
        node.emit(Comparison(function: .less), node.counting(keys, shape: [1, keys]), column))
      offset = try node.difference(column, node.constant(Tensor(Int64(queries))))
    }
    if node.int("is_causal", default: 0) != 0 {
      product.allowed = try node.both(
        product.allowed, node.causalMask(queries: queries, keys: keys, offset: offset))
    }
    product.allowed = try node.both(
      product.allowed, window(queries: queries, keys: keys, offset: offset, node))
    let result = try product(q, k, v, node)
    let inside: Value
    switch node.int("qk_matmul_output_mode", default: 0) {
    case 0: inside = result.scores
    case 1: inside = result.capped
    case 2: inside = result.masked
    case 3: inside = result.weights
    case let mode: throw node.error("qk_matmul_output_mode is \(mode), expected 0 to 3")
    }
    return [isFlat ? try node.headsTogether(result.output) : result.output, k, v, inside]
  }

  /// Whether a key lies within the local window around a query, `[…, queries, keys]`; nil where both sides are open.
  private static func window(queries: Int, keys: Int, offset: Value, _ node: NodeReader) throws -> Value? {
    let left = node.int("left_window_size", default: -1), right = node.int("right_window_size", default: -1)
    guard left >= -1, right >= -1 else {
      throw node.error("windows of \(left) and \(right) positions are neither open (-1) nor 0 or more")
    }
    var inside: Value?
    if left >= 0 || right >= 0 {
      let key = try node.counting(keys, shape: [1, keys])
      let query = try node.sum(node.counting(queries, shape: [queries, 1]), offset)
      if left >= 0 {
        let first = try node.difference(query, node.constant(Tensor(Int64(left))))
        inside = try node.emit(Comparison(function: .greaterOrEqual), key, first)
      }
      if right >= 0 {
        let last = try node.sum(query, node.constant(Tensor(Int64(right))))
        inside = try node.both(inside, node.emit(Comparison(function: .lessOrEqual), key, last))
      }
    }
    return inside
  }

  /// A mask whose last axis may fall short of the keys: those beyond are forbidden.
  private static func filled(_ mask: Value, to keys: Int, _ isBool: Bool, _ node: NodeReader) throws -> Value
  {
    var shape = node.shape(of: mask)
    guard let last = shape.last, last < keys, keys <= 1 << 24 else { return mask }
    shape[shape.count - 1] = keys - last
    let never = isBool ? node.constant(Tensor(false)) : node.scalar(-.infinity, like: mask)
    return try node.joined([mask, node.emit(Broadcast(shape: shape), never)], axis: shape.count - 1)
  }

  private static func rotary(_ node: NodeReader) throws -> [Value] {
    let shape = try node.type(0).shape, isFlat = shape.count == 3
    let x =
      isFlat ? try node.headsApart(node.operand(0), node.int("num_heads", default: 0)) : try node.operand(0)
    let apart = node.shape(of: x)
    guard apart.count == 4 else { throw node.error("input \(shape) needs rank 3 or 4") }
    let given = node.int("rotary_embedding_dim", default: 0), width = given == 0 ? apart[3] : given
    guard width > 0, width <= apart[3], width % 2 == 0 else {
      throw node.error("\(width) of \(apart[3]) elements cannot be rotated in pairs")
    }
    /// The cache's rows for each position, `[batch, 1, length, width / 2]`.
    func rows(_ index: Int) throws -> Value {
      var cache = try node.operand(index)
      if let positions = node.optionalOperand(3) { cache = try node.emit(Gather(axis: 0), cache, positions) }
      let found = node.shape(of: cache)
      guard found.count == 3, found[2] == width / 2 else {
        throw node.error("a cache of shape \(found) does not fit \(width / 2) pairs")
      }
      return try node.reshaped(cache, to: [found[0], 1, found[1], found[2]])
    }
    let cosine = try rows(1), sine = try rows(2)
    let whole = try node.parts(x, axis: 3, width == apart[3] ? [width] : [width, apart[3] - width])
    // Pairs are neighbours, or lie half the width apart.
    let isInterleaved = node.int("interleaved", default: 0) != 0
    let axis = isInterleaved ? 4 : 3
    let lead = Array(apart[..<3]), split = isInterleaved ? lead + [width / 2, 2] : lead + [2, width / 2]
    let pairs = try node.parts(node.reshaped(whole[0], to: split), axis: axis, [1, 1]).map {
      try node.reshaped($0, to: lead + [width / 2])
    }
    let turned = [
      try node.difference(node.product(cosine, pairs[0]), node.product(sine, pairs[1])),
      try node.sum(node.product(sine, pairs[0]), node.product(cosine, pairs[1])),
    ]
    let column = isInterleaved ? lead + [width / 2, 1] : lead + [1, width / 2]
    let rotated = try node.reshaped(
      node.joined(turned.map { try node.reshaped($0, to: column) }, axis: axis), to: lead + [width])
    let y = try node.joined([rotated] + whole.dropFirst(), axis: 3)
    return [isFlat ? try node.headsTogether(y) : y]
  }
}
