internal import NoemaTensor

/// Attention as onnxruntime fuses it, written in smaller operators.
///
/// - Source: onnxruntime's Attention and MultiHeadAttention, domain `com.microsoft`, version 1.
enum RuntimeAttention {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("Attention", domain: "com.microsoft") { node in
      let x = try node.operand(0), weights = try node.operand(1)
      guard node.optionalOperand(4) == nil else { throw node.unsupported("past states are not supported") }
      guard node.int("do_rotary", default: 0) == 0 else {
        throw node.unsupported("rotary positions inside are not supported")
      }
      guard node.shape(of: x).count == 3, node.shape(of: weights).count == 2 else {
        throw node.error("input and weights need rank 3 and 2")
      }
      let columns = node.shape(of: weights)[1],
        sizes =
          node.ints("qkv_hidden_sizes")
          ?? [Int](
            repeating: columns / 3, count: 3)
      guard sizes.count == 3, sizes.allSatisfy({ $0 > 0 }), sizes.reduce(0, +) == columns else {
        throw node.error("\(columns) columns do not split into queries, keys and values of \(sizes)")
      }
      let all = try node.sum(node.emit(MatMul(), x, weights), orNone: node.optionalOperand(2))
      let parts = try node.parts(all, axis: 2, sizes).map {
        try node.headsApart($0, node.int("num_heads", default: 0))
      }
      return [try output(parts[0], parts[1], parts[2], padding: 3, bias: 5, node)]
    },
    ONNXBinding("MultiHeadAttention", domain: "com.microsoft") { node in
      let heads = node.int("num_heads", default: 0)
      guard let key = node.optionalOperand(1), let value = node.optionalOperand(2), try node.rank(0) == 3
      else {
        throw node.unsupported("packed queries, keys and values are not supported")
      }
      guard (0..<node.operandCount).allSatisfy({ $0 < 8 || node.optionalOperand($0) == nil }) else {
        throw node.unsupported("shared buffers of past states are not supported")
      }
      var flat = [try node.operand(0), key, value]
      if let bias = node.optionalOperand(3) {
        guard flat.allSatisfy({ node.shape(of: $0).count == 3 }) else {
          throw node.unsupported("a bias of keys that are split into heads is not supported")
        }
        let parts = try node.parts(bias, axis: 0, flat.map { node.shape(of: $0)[2] })
        flat = try zip(flat, parts).map { try node.sum($0, $1) }
      }
      var apart = try flat.map { node.shape(of: $0).count == 4 ? $0 : try node.headsApart($0, heads) }
      for index in 1...2 {
        if let past = node.optionalOperand(5 + index) {
          apart[index] = try node.joined([past, apart[index]], axis: 2)
        }
      }
      return [try output(apart[0], apart[1], apart[2], padding: 4, bias: 5, node), apart[1], apart[2]]
    },
  ]

  private static func output(
    _ q: Value, _ k: Value, _ v: Value, padding: Int, bias: Int, _ node: NodeReader
  ) throws -> Value {
    let query = node.shape(of: q), keys = node.shape(of: k)[2]
    // A scale of 0 stands for the usual one.
    let scale = node.float("scale", default: 0)
    var product = ScaledDotProduct(scale: scale == 0 ? 1 / Double(query[3]).squareRoot() : scale)
    product.bias = node.optionalOperand(bias)
    if let mask = node.optionalOperand(padding) {
      let low = node.scalar(node.float("mask_filter_value", default: -10000), like: q)
      let added = try node.emit(
        Select(), present(mask, batch: query[0], keys: keys, node), node.scalar(0, like: q), low)
      product.bias = try node.sum(added, orNone: product.bias)
    }
    if node.int("unidirectional", default: 0) != 0 {
      product.allowed = try node.causalMask(
        queries: query[2], keys: keys, offset: node.constant(Tensor(Int64(keys - query[2]))))
    }
    return try node.headsTogether(product(q, k, v, node).output)
  }

  /// Which keys are no padding, given by their number for each example, or one by one.
  private static func present(_ mask: Value, batch: Int, keys: Int, _ node: NodeReader) throws -> Value {
    let shape = node.shape(of: mask)
    switch shape.count {
    case 1 where shape[0] == batch:
      return try node.emit(
        Comparison(function: .less), node.counting(keys, shape: [1, keys]),
        node.reshaped(mask, to: [batch, 1, 1, 1]))
    case 2 where shape == [batch, keys]:
      return try node.emit(Cast(to: .bool), node.reshaped(mask, to: [batch, 1, 1, keys]))
    case 3 where shape[0] == batch && shape[2] == keys:
      return try node.emit(Cast(to: .bool), node.reshaped(mask, to: [batch, 1, shape[1], keys]))
    default: throw node.unsupported("a padding mask of shape \(shape) is not supported")
    }
  }
}
