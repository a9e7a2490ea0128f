internal import NoemaTensor

/// Recurrent layers, unrolled over time: one product of the whole sequence with the input weights, then for
/// each step one product of the state with the recurrent weights and element-wise operators.
///
/// - Source: ONNX RNN-7 to -22, GRU-7 to -22, LSTM-7 to -22.
enum Recurrent {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("RNN", opset: 7...ONNXBinding.newestOpset) { try RecurrentLayer<ElmanCell>($0).unrolled() },
    ONNXBinding("GRU", opset: 7...ONNXBinding.newestOpset) { try RecurrentLayer<GRUCell>($0).unrolled() },
    ONNXBinding("LSTM", opset: 7...ONNXBinding.newestOpset) { try RecurrentLayer<LSTMCell>($0).unrolled() },
  ]

  /// Steps, over both directions, that one layer may unroll to.
  static let mostSteps = 4096
  /// Nodes that a graph may hold for another step to be added.
  static let mostNodes = 1 << 20
}

/// What one kind of recurrent layer computes in a step of one direction.
protocol RecurrentCell {
  /// Blocks of `hidden` rows in the weights.
  static var gateCount: Int { get }
  /// 1 for `h`, 2 for `h` and `c`.
  static var stateCount: Int { get }
  /// The activations of one direction.
  static var activations: [String] { get }

  init(_ weights: RecurrentWeights, _ node: NodeReader) throws

  /// The bias that is added to the projected sequence once for all steps.
  var inputBias: Value? { get }

  /// The states after a step.
  ///
  /// - Parameters:
  ///   - input: the step's projected input with its bias, `[batch, gates · hidden]`.
  ///   - states: each `[batch, hidden]`, nil where it is zero.
  func step(_ input: Value, _ states: [Value?]) throws -> [Value]
}

/// The parameters of one direction.
struct RecurrentWeights {
  /// `[gates · hidden, inputs]` and `[gates · hidden, hidden]`.
  let input, recurrent: Value
  /// `[gates · hidden]` each, nil where there are none.
  let inputBias, recurrentBias: Value?
  /// `[3 · hidden]`, of an LSTM only.
  let peepholes: Value?
  let hidden: Int
  let activations: [RecurrentActivation]

  /// Applies an activation to a value clipped as the node asks.
  func activate(_ index: Int, _ x: Value, _ node: NodeReader) throws -> Value {
    let bound = node.float("clip", default: .infinity)
    return try activations[index](
      bound < .infinity ? node.apply(.clip(lower: -bound, upper: bound), x) : x, node)
  }
}

/// A recurrent node: its extents, and the loop over directions and time.
struct RecurrentLayer<Cell: RecurrentCell> {
  private let node: NodeReader
  private let steps, batch, inputs, hidden, directions: Int
  private let isReversed: [Bool]
  private let isBatchFirst: Bool
  /// The valid steps of each example, or nil when all are.
  private let lengths: [Int]?
  private let activations: [RecurrentActivation]

  init(_ node: NodeReader) throws {
    self.node = node
    isBatchFirst = node.int("layout", default: 0) != 0
    switch node.string("direction", default: "forward") {
    case "forward": isReversed = [false]
    case "reverse": isReversed = [true]
    case "bidirectional": isReversed = [false, true]
    case let other: throw node.error("direction '\(other)' is none of forward, reverse, bidirectional")
    }
    directions = isReversed.count
    let x = try node.type(0).shape, weights = try node.type(1).shape, recurrent = try node.type(2).shape
    guard x.count == 3, weights.count == 3, recurrent.count == 3 else {
      throw node.error("X \(x), W \(weights) and R \(recurrent) need rank 3")
    }
    let (steps, batch) = isBatchFirst ? (x[1], x[0]) : (x[0], x[1])
    (self.steps, self.batch) = (steps, batch)
    (inputs, hidden) = (x[2], recurrent[2])
    let rows = hidden.multipliedSaturating(by: Cell.gateCount),
      states = isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
    var expected = [
      1: [directions, rows, inputs], 2: [directions, rows, hidden], 3: [directions, 2 * rows],
    ]
    (expected[4], expected[5]) = ([batch], states)
    if Cell.stateCount == 2 {
      (expected[6], expected[7]) = (states, [directions, hidden.multipliedSaturating(by: 3)])
    }
    for (index, shape) in expected.sorted(by: { $0.key < $1.key }) {
      guard let operand = node.optionalOperand(index), node.shape(of: operand) != shape else { continue }
      throw node.error("operand \(index) has shape \(node.shape(of: operand)), expected \(shape)")
    }
    guard node.int("hidden_size", default: hidden) == hidden else {
      throw node.error("hidden_size differs from the weights' \(hidden)")
    }
    guard steps > 0, batch > 0, hidden > 0 else { throw node.unsupported("X \(x) or the state is empty") }
    guard steps <= Recurrent.mostSteps / directions else {
      throw node.unsupported(
        "\(steps) steps are too many to unroll; at most \(Recurrent.mostSteps / directions) are "
          + "supported: give a shorter input shape or cut the sequence"
      )
    }
    let given = try node.optionalConstant(4)?.integers()
    if let wrong = given?.first(where: { !(0...steps).contains($0) }) {
      throw node.error("sequence length \(wrong) lies outside 0…\(steps)")
    }
    lengths = given.flatMap { $0.allSatisfy { $0 == steps } ? nil : $0 }
    activations = try RecurrentActivation.read(
      node, count: Cell.activations.count * directions, default: Cell.activations)
  }

  /// The results: all states over time, then the last ones.
  func unrolled() throws -> [Value] {
    var x = try node.operand(0)
    if isBatchFirst { x = try node.transposed(x, [1, 0, 2]) }
    let flat = try node.reshaped(x, to: [batch.multipliedSaturating(by: steps), inputs])
    var sequences: [Value] = []
    var last = Array(repeating: [Value](), count: Cell.stateCount)
    for direction in 0..<directions {
      let (sequence, states) = try unroll(flat, direction)
      sequences.append(sequence)
      for (index, state) in states.enumerated() { last[index].append(state) }
    }
    let all = try node.joined(sequences, axis: 1)
    return try [isBatchFirst ? node.transposed(all, [2, 0, 1, 3]) : all]
      + last.map { states in
        let joined = try node.joined(states, axis: 0)
        return isBatchFirst ? try node.transposed(joined, [1, 0, 2]) : joined
      }
  }

  private func unroll(_ x: Value, _ direction: Int) throws -> (sequence: Value, last: [Value]) {
    let weights = try weights(direction)
    let cell = try Cell(weights, node)
    let projected = try node.emit(
      MatMul(transposesRight: true, hasBias: cell.inputBias != nil),
      [x, weights.input] + (cell.inputBias.map { [$0] } ?? []))[0]
    let inputs = try node.parts(projected, axis: 0, Array(repeating: batch, count: steps))
    let zero = try node.zeros([batch, hidden], like: x)
    var states = try (0..<Cell.stateCount).map { try initialState(5 + $0, direction) }
    var results = Array(repeating: zero, count: steps)
    for step in isReversed[direction] ? Array((0..<steps).reversed()) : Array(0..<steps) {
      guard node.graph.nodes.count < Recurrent.mostNodes else {
        throw node.unsupported("the unrolled network has more than \(Recurrent.mostNodes) nodes")
      }
      let valid = lengths?.map { step < $0 }
      if let valid, !valid.contains(true) { continue }
      var next = try cell.step(inputs[step], states)
      results[step] = next[0]
      if let valid, valid.contains(false) {
        // Beyond an example's end its states stay as they are, and what it yields there is zero.
        let mask = node.constant(Tensor(shape: [batch, 1], valid))
        results[step] = try node.emit(Select(), mask, next[0], zero)
        for index in next.indices {
          next[index] = try node.emit(Select(), mask, next[index], states[index] ?? zero)
        }
      }
      states = next
    }
    let sequence = try node.reshaped(node.joined(results, axis: 0), to: [steps, 1, batch, hidden])
    return (sequence, try states.map { try node.reshaped($0 ?? zero, to: [1, batch, hidden]) })
  }

  /// One direction's part of a parameter.
  private func part(_ index: Int, _ direction: Int) throws -> Value? {
    guard let value = node.optionalOperand(index) else { return nil }
    let shape = node.shape(of: value)
    return try node.reshaped(
      node.slice(value, axis: 0, direction..<direction + 1), to: Array(shape.dropFirst()))
  }

  private func weights(_ direction: Int) throws -> RecurrentWeights {
    guard let input = try part(1, direction), let recurrent = try part(2, direction) else {
      throw node.error("W or R is missing")
    }
    let rows = Cell.gateCount * hidden, count = Cell.activations.count
    let biases = try part(3, direction).map { try node.parts($0, axis: 0, [rows, rows]) }
    return RecurrentWeights(
      input: input, recurrent: recurrent, inputBias: biases?[0], recurrentBias: biases?[1],
      peepholes: Cell.stateCount == 2 ? try part(7, direction) : nil, hidden: hidden,
      activations: Array(activations[direction * count..<(direction + 1) * count]))
  }

  /// A state before the first step, `[batch, hidden]`; nil where it is zero for sure, which saves a product.
  private func initialState(_ index: Int, _ direction: Int) throws -> Value? {
    guard let value = node.optionalOperand(index) else { return nil }
    if let tensor = node.graph.constants[value], tensor.withBytes({ $0.allSatisfy { $0 == 0 } }) {
      return nil
    }
    let axis = isBatchFirst ? 1 : 0
    return try node.reshaped(
      node.slice(value, axis: axis, direction..<direction + 1), to: [batch, hidden])
  }
}

extension NodeReader {
  /// `a + b`, where a missing operand is zero.
  func sum(_ a: Value, orNone b: Value?) throws -> Value { try b.map { try sum(a, $0) } ?? a }
  /// `x · wᵀ`, nil for a missing operand, which is zero.
  func projected(_ x: Value?, _ weights: Value) throws -> Value? {
    try x.map { try emit(MatMul(transposesRight: true), $0, weights) }
  }
}
