/// A step of a gated recurrent unit with gates `z, r, h`:
/// `z = f(W_z x + R_z h + b_z)`, `r = f(W_r x + R_r h + b_r)`, `n = g(W_h x + R_h (r ⊙ h) + b_h)` and
/// `h ← (1 − z) ⊙ n + z ⊙ h`.
///
/// With `linear_before_reset` the candidate is `n = g(W_h x + b + r ⊙ (R_h h + b'))`.
struct GRUCell: RecurrentCell {
  static let gateCount = 3, stateCount = 1
  static let activations = ["Sigmoid", "Tanh"]

  let inputBias: Value?
  private let weights: RecurrentWeights
  private let node: NodeReader
  private let isLinearBeforeReset: Bool
  /// The recurrent weights of the gates and of the candidate.
  private let gates, candidate: Value
  /// The candidate's own recurrent bias.
  private let candidateBias: Value?

  init(_ weights: RecurrentWeights, _ node: NodeReader) throws {
    (self.weights, self.node) = (weights, node)
    let sizes = [2 * weights.hidden, weights.hidden]
    isLinearBeforeReset = node.int("linear_before_reset", default: 0) != 0
    let blocks = try node.parts(weights.recurrent, axis: 0, sizes)
    (gates, candidate) = (blocks[0], blocks[1])
    guard let input = weights.inputBias, let recurrent = weights.recurrentBias else {
      (inputBias, candidateBias) = (nil, nil)
      return
    }
    guard isLinearBeforeReset else {
      (inputBias, candidateBias) = (try node.sum(input, recurrent), nil)
      return
    }
    let own = try node.parts(input, axis: 0, sizes), other = try node.parts(recurrent, axis: 0, sizes)
    inputBias = try node.joined([node.sum(own[0], other[0]), own[1]], axis: 0)
    candidateBias = other[1]
  }

  func step(_ input: Value, _ states: [Value?]) throws -> [Value] {
    let hidden = weights.hidden, state = states[0]
    let inputs = try node.parts(input, axis: 1, [2 * hidden, hidden])
    let both = try weights.activate(0, node.sum(inputs[0], orNone: node.projected(state, gates)), node)
    let parts = try node.parts(both, axis: 1, [hidden, hidden])
    let (update, reset) = (parts[0], parts[1])
    let recurrent: Value?
    if isLinearBeforeReset {
      var linear = try node.projected(state, candidate)
      if let bias = candidateBias { linear = try linear.map { try node.sum($0, bias) } ?? bias }
      recurrent = try linear.map { try node.product(reset, $0) }
    } else {
      recurrent = try node.projected(state.map { try node.product(reset, $0) }, candidate)
    }
    let new = try weights.activate(1, node.sum(inputs[1], orNone: recurrent), node)
    // (1 − z) n + z h = n + z (h − n).
    guard let state else { return [try node.difference(new, node.product(update, new))] }
    return [try node.sum(new, node.product(update, node.difference(state, new)))]
  }
}
