/// A simple recurrent step: `h = f(W x + R h + b)`.
struct ElmanCell: RecurrentCell {
  static let gateCount = 1, stateCount = 1
  static let activations = ["Tanh"]

  let inputBias: Value?
  private let weights: RecurrentWeights
  private let node: NodeReader

  init(_ weights: RecurrentWeights, _ node: NodeReader) throws {
    (self.weights, self.node) = (weights, node)
    inputBias = try weights.inputBias.map { try node.sum($0, orNone: weights.recurrentBias) }
  }

  func step(_ input: Value, _ states: [Value?]) throws -> [Value] {
    let total = try node.sum(input, orNone: node.projected(states[0], weights.recurrent))
    return [try weights.activate(0, total, node)]
  }
}
