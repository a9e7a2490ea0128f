/// A step of a long short-term memory with gates `i, o, f, c`:
/// `i = f(W_i x + R_i h + p_i ⊙ c + b_i)`, `f` alike, `c ← f ⊙ c + i ⊙ g(W_c x + R_c h + b_c)`,
/// `o = f(W_o x + R_o h + p_o ⊙ c + b_o)` with the new `c`, and `h ← o ⊙ h(c)`.
///
/// With `input_forget` the forget gate is `1 − i`.
struct LSTMCell: RecurrentCell {
  static let gateCount = 4, stateCount = 2
  static let activations = ["Sigmoid", "Tanh", "Tanh"]

  let inputBias: Value?
  private let weights: RecurrentWeights
  private let node: NodeReader
  private let couplesGates: Bool
  /// The peepholes of input, output and forget gate.
  private let peepholes: [Value]?

  init(_ weights: RecurrentWeights, _ node: NodeReader) throws {
    (self.weights, self.node) = (weights, node)
    couplesGates = node.int("input_forget", default: 0) != 0
    inputBias = try weights.inputBias.map { try node.sum($0, orNone: weights.recurrentBias) }
    peepholes = try weights.peepholes.map {
      try node.parts($0, axis: 0, Array(repeating: weights.hidden, count: 3))
    }
  }

  func step(_ input: Value, _ states: [Value?]) throws -> [Value] {
    let total = try node.sum(input, orNone: node.projected(states[0], weights.recurrent))
    let parts = try node.parts(total, axis: 1, Array(repeating: weights.hidden, count: 4))
    func gate(_ part: Int, _ peephole: Int, _ memory: Value?) throws -> Value {
      var x = parts[part]
      if let peepholes, let memory { x = try node.sum(x, node.product(memory, peepholes[peephole])) }
      return try weights.activate(0, x, node)
    }
    let input = try gate(0, 0, states[1])
    var memory = try node.product(input, weights.activate(1, parts[3], node))
    if let before = states[1] {
      let forget =
        couplesGates ? try node.shifted(node.scaled(input, by: -1), by: 1) : try gate(2, 2, before)
      memory = try node.sum(node.product(forget, before), memory)
    }
    let output = try gate(1, 1, memory)
    // The memory itself is not clipped, as in onnxruntime.
    return [try node.product(output, weights.activations[2](memory, node)), memory]
  }
}
