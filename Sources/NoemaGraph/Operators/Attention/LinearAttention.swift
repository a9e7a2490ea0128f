internal import Foundation
internal import NoemaTensor

/// Attention as a recurrence: a matrix of state for each head takes up keys and values, and queries read it.
///
/// Unrolled over time: state `S ← exp(g) S + k ⊗ v`, result `scale · qᵀ S`; with the delta rule `v` becomes
/// `β (v - Sᵀ k)`, what the decayed state does not hold yet.
///
/// - Source: ONNX LinearAttention-27.
enum LinearAttention {
  /// Steps above which a sequence is refused: each is a handful of nodes.
  private static let longestSequence = 4096

  static let onnx: [ONNXBinding] = [
    ONNXBinding("LinearAttention", opset: 27...ONNXBinding.newestOpset) { node in
      let heads = node.int("kv_num_heads", default: 0), queryHeads = node.int("q_num_heads", default: 0)
      let shapes = try (0..<3).map { try node.type($0).shape }
      guard shapes.allSatisfy({ $0.count == 3 && $0[..<2] == shapes[0][..<2] }), heads > 0, queryHeads > 0,
        queryHeads % heads == 0, shapes[0][2] % queryHeads == 0, shapes[2][2] % heads == 0,
        shapes[1][2] == shapes[0][2] / queryHeads * heads
      else {
        throw node.error("shapes \(shapes) do not fit \(queryHeads) heads of queries and \(heads) of keys")
      }
      let (batch, steps, width, depth) = (
        shapes[0][0], shapes[0][1], shapes[0][2] / queryHeads, shapes[2][2] / heads
      )
      guard steps <= longestSequence else {
        throw node.unsupported("\(steps) steps are more than the \(longestSequence) that are unrolled")
      }
      let rule = node.string("update_rule", default: "gated_delta")
      guard
        let (isGated, isDelta) = [
          "linear": (false, false), "gated": (true, false), "delta": (false, true),
          "gated_delta": (true, true),
        ][rule]
      else { throw node.error("there is no update_rule \(rule)") }
      guard (node.optionalOperand(4) != nil) == isGated, (node.optionalOperand(5) != nil) == isDelta else {
        throw node.error("decay and beta do not fit the update_rule \(rule)")
      }
      let queries = try node.steps(node.operand(0), [batch, heads, queryHeads / heads, width])
      let keys = try node.steps(node.operand(1), [batch, heads, 1, width])
      let values = try node.steps(node.operand(2), [batch, heads, 1, depth])
      var decays: [Value] = [], rates: [Value] = []
      if isGated {
        let count = try node.type(4).shape.last ?? 0
        guard count == heads || count == heads * width else { throw node.error("decay has \(count) columns") }
        decays = try node.steps(
          node.apply(.exp, node.operand(4)), [batch, heads, count == heads ? 1 : width, 1])
      }
      if isDelta {
        let count = try node.type(5).shape.last ?? 0
        guard count == heads || count == 1 else { throw node.error("beta has \(count) columns") }
        rates = try node.steps(node.operand(5), [batch, count, 1, 1])
      }
      let given = node.float("scale", default: 0)
      let scale = given == 0 ? 1 / Double(width).squareRoot() : given
      var state = try node.optionalOperand(3) ?? node.zeros([batch, heads, width, depth], like: queries[0])
      guard node.shape(of: state) == [batch, heads, width, depth] else {
        throw node.error("a past state of shape \(node.shape(of: state)) does not fit")
      }
      let results = try (0..<steps).map { step in
        if isGated { state = try node.product(state, decays[step]) }
        var value = values[step]
        if isDelta {
          let held = try node.emit(MatMul(), keys[step], state)
          value = try node.product(rates[step], node.difference(value, held))
        }
        state = try node.sum(state, node.emit(MatMul(transposesLeft: true), keys[step], value))
        let read = try node.scaled(node.emit(MatMul(), queries[step], state), by: scale)
        return try node.reshaped(read, to: [batch, 1, queryHeads * depth])
      }
      return [try node.joined(results, axis: 1), state]
    }
  ]
}

extension NodeReader {
  /// The steps of a sequence `[examples, steps, …]`, each in a shape of its own.
  fileprivate func steps(_ x: Value, _ shape: [Int]) throws -> [Value] {
    let count = self.shape(of: x)[1]
    guard count > 0, self.shape(of: x).count == 3 else { throw error("there is no step") }
    return try parts(x, axis: 1, Array(repeating: 1, count: count)).map { try reshaped($0, to: shape) }
  }
}
