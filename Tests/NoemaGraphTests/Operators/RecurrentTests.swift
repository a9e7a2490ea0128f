import Foundation
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// A recurrent node with random operands.
struct RecurrentCase: Sendable, CustomTestStringConvertible {
  var kind: String
  var direction = "forward"
  var hasBias = true
  var hasStates = true
  var lengths: [Int64]?
  var isBatchFirst = false
  var hasPeepholes = false
  var attributes: [String: ModelDraft.Attribute] = [:]

  var testDescription: String {
    "\(kind) \(direction)\(lengths.map { " \($0)" } ?? "") \(attributes.keys.sorted())"
  }

  var gates: Int { ["LSTM": 4, "GRU": 3, "RNN": 1][kind]! }
  var isReversed: [Bool] {
    ["forward": [false], "reverse": [true], "bidirectional": [false, true]][direction]!
  }
}

private let directions = ["forward", "reverse", "bidirectional"]
private let cases: [RecurrentCase] =
  ["LSTM", "GRU", "RNN"].flatMap { kind in
    directions.flatMap { direction in
      [
        RecurrentCase(kind: kind, direction: direction),
        RecurrentCase(kind: kind, direction: direction, hasBias: false, hasStates: false),
        RecurrentCase(kind: kind, direction: direction, lengths: [3, 0, 2]),
        RecurrentCase(
          kind: kind, direction: direction, hasStates: false, lengths: [1, 2, 1], isBatchFirst: true),
      ]
    }
  }
  + [
    RecurrentCase(kind: "LSTM", lengths: [3, 1, 2], hasPeepholes: true),
    RecurrentCase(
      kind: "LSTM", direction: "bidirectional", hasPeepholes: true, attributes: ["input_forget": .int(1)]),
    RecurrentCase(kind: "LSTM", attributes: ["clip": .float(0.3)]),
    RecurrentCase(kind: "GRU", attributes: ["linear_before_reset": .int(1)]),
    RecurrentCase(
      kind: "GRU", hasStates: false, attributes: ["linear_before_reset": .int(1), "clip": .float(0.4)]),
  ]

private let (steps, batch, inputs, hidden) = (3, 3, 2, 4)

@Suite struct RecurrentTests {
  /// The unrolled graph against loops that follow the specification; all of its derivatives.
  @Test(arguments: cases)
  func isRight(_ row: RecurrentCase) throws {
    let count = row.isReversed.count, rows = row.gates * hidden
    let states = row.isBatchFirst ? [batch, count, hidden] : [count, batch, hidden]
    var shapes = [
      "X": row.isBatchFirst ? [batch, steps, inputs] : [steps, batch, inputs], "W": [count, rows, inputs],
      "R": [count, rows, hidden],
    ]
    if row.hasBias { shapes["B"] = [count, 2 * rows] }
    if row.hasStates { shapes["H"] = states }
    if row.hasStates && row.kind == "LSTM" { shapes["C"] = states }
    if row.hasPeepholes { shapes["P"] = [count, 3 * hidden] }
    var draft = ModelDraft(opset: 14), tensors: [String: Tensor] = [:]
    for (index, name) in shapes.keys.sorted().enumerated() {
      draft.input(name, shapes[name]!.map { $0 })
      tensors[name] = normalTensor(shapes[name]!, seed: UInt64(index + 1))
    }
    if let lengths = row.lengths { draft.initialiser("lengths", Tensor(shape: [batch], lengths)) }
    func given(_ name: String) -> String { shapes[name] == nil ? "" : name }
    let results = row.kind == "LSTM" ? ["Y", "last", "memory"] : ["Y", "last"]
    draft.node(
      row.kind,
      ["X", "W", "R", given("B"), row.lengths == nil ? "" : "lengths", given("H"), given("C"), given("P")],
      results,
      row.attributes.merging([
        "direction": .string(row.direction), "layout": .int(row.isBatchFirst ? 1 : 0),
        "hidden_size": .int(hidden),
      ]) { $1 })
    for result in results { draft.output(result) }
    let graph = try Network(bytes: draft.bytes()).graph()
    let operands = shapes.keys.sorted().map { tensors[$0]! }
    let expected = reference(row, tensors)
    for (found, wanted) in zip(try graph.interpreted(operands, as: .float64), expected) {
      #expect(scaledDifference(found, wanted)! < 1e-6)
    }
    #expect(try failures(of: graph, at: operands, isSmooth: row.attributes["clip"] == nil) == [])
  }

  @Test func parametersOfActivationsAreTakenInTurn() throws {
    // tanh takes none, the leaky ReLU 0.5, the affine function 2 and 1.
    var draft = ModelDraft(opset: 14)
    draft.input("x", [1, 1, 1])
    draft.initialiser("w", Tensor(shape: [1, 4, 1], [Float(0), 0, 0, -1]))
    draft.initialiser("r", Tensor(shape: [1, 4, 1], [Float(0), 0, 0, 0]))
    draft.node(
      "LSTM", ["x", "w", "r"], ["y"],
      [
        "activations": .strings(["Softplus", "LeakyRelu", "Affine"]), "activation_alpha": .floats([0.5, 2]),
        "activation_beta": .floats([1]),
      ])
    draft.output("y")
    let y = try Network(bytes: draft.bytes()).graph().interpreted([Tensor(shape: [1, 1, 1], [Float(3)])])[0]
    let gate = log(2.0), memory = gate * -1.5
    #expect(abs(Double(y.elements(as: Float.self)[0]) - gate * (2 * memory + 1)) < 1e-6)
  }

  @Test func whatDoesNotFitIsRefused() throws {
    func error(
      x: [Int] = [2, 1, 3], lengths: Tensor? = nil, _ attributes: [String: ModelDraft.Attribute] = [:]
    ) throws -> GraphError? {
      var draft = ModelDraft(opset: 14)
      draft.input("x", x.map { $0 })
      draft.initialiser("w", normalTensor([1, 2, 3]))
      draft.initialiser("r", normalTensor([1, 2, 2]))
      if let lengths { draft.initialiser("lengths", lengths) }
      draft.node("RNN", ["x", "w", "r", "", lengths == nil ? "" : "lengths"], ["y"], name: "rnn", attributes)
      draft.output("y")
      let network = try Network(bytes: draft.bytes())
      return #expect(throws: GraphError.self) { try network.graph() }
    }
    #expect(try error(x: [2, 1, 4])?.category == .badData)
    #expect(try error(["direction": .string("sideways")])?.category == .badData)
    #expect(try error(["hidden_size": .int(3)])?.category == .badData)
    #expect(try error(lengths: Tensor(shape: [1], [Int64(3)]))?.category == .badData)
    #expect(try error(["activations": .strings(["Magic"])])?.category == .unsupported)
    #expect(try error(x: [5000, 1, 3])?.category == .unsupported)
  }
}

/// The specification's equations, one example and one unit at a time.
private func reference(_ row: RecurrentCase, _ tensors: [String: Tensor]) -> [Tensor] {
  func numbers(_ name: String) -> [Double]? {
    tensors[name]?.converted(to: .float64).elements(as: Double.self)
  }
  let x = numbers("X")!, w = numbers("W")!, r = numbers("R")!, b = numbers("B"), p = numbers("P")
  let count = row.isReversed.count, rows = row.gates * hidden
  var bound = Double.infinity
  if case .float(let clip)? = row.attributes["clip"] { bound = Double(clip) }
  let couples = row.attributes["input_forget"] != nil, isLinear = row.attributes["linear_before_reset"] != nil
  func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-min(max(x, -bound), bound))) }
  func squash(_ x: Double) -> Double { tanh(min(max(x, -bound), bound)) }
  func stateIndex(_ d: Int, _ n: Int, _ unit: Int) -> Int {
    ((row.isBatchFirst ? n * count + d : d * batch + n)) * hidden + unit
  }
  var y = [Double](repeating: 0, count: steps * count * batch * hidden)
  var lastH = numbers("H") ?? [Double](repeating: 0, count: count * batch * hidden)
  var lastC = numbers("C") ?? [Double](repeating: 0, count: count * batch * hidden)
  for d in 0..<count {
    for n in 0..<batch {
      var h = (0..<hidden).map { lastH[stateIndex(d, n, $0)] },
        c = (0..<hidden).map { lastC[stateIndex(d, n, $0)] }
      let length = row.lengths.map { Int($0[n]) } ?? steps
      for t in row.isReversed[d] ? Array((0..<length).reversed()) : Array(0..<length) {
        let start = (row.isBatchFirst ? n * steps + t : t * batch + n) * inputs
        func fromInput(_ k: Int) -> Double {
          (0..<inputs).reduce(b?[d * 2 * rows + k] ?? 0) {
            $0 + w[(d * rows + k) * inputs + $1] * x[start + $1]
          }
        }
        func fromState(_ k: Int, _ h: [Double]) -> Double {
          (0..<hidden).reduce(b?[d * 2 * rows + rows + k] ?? 0) {
            $0 + r[(d * rows + k) * hidden + $1] * h[$1]
          }
        }
        func total(_ gate: Int, _ unit: Int, _ h: [Double]) -> Double {
          fromInput(gate * hidden + unit) + fromState(gate * hidden + unit, h)
        }
        func peephole(_ gate: Int, _ unit: Int, _ c: Double) -> Double {
          (p?[d * 3 * hidden + gate * hidden + unit] ?? 0) * c
        }
        let before = h
        switch row.kind {
        case "LSTM":
          for unit in 0..<hidden {
            let i = sigmoid(total(0, unit, before) + peephole(0, unit, c[unit]))
            let f = couples ? 1 - i : sigmoid(total(2, unit, before) + peephole(2, unit, c[unit]))
            c[unit] = f * c[unit] + i * squash(total(3, unit, before))
            h[unit] = sigmoid(total(1, unit, before) + peephole(1, unit, c[unit])) * tanh(c[unit])
          }
        case "GRU":
          let reset = (0..<hidden).map { sigmoid(total(1, $0, before)) }
          for unit in 0..<hidden {
            let z = sigmoid(total(0, unit, before))
            let recurrent =
              isLinear
              ? reset[unit] * fromState(2 * hidden + unit, before)
              : fromState(2 * hidden + unit, zip(reset, before).map(*))
            h[unit] = (1 - z) * squash(fromInput(2 * hidden + unit) + recurrent) + z * before[unit]
          }
        default: for unit in 0..<hidden { h[unit] = squash(total(0, unit, before)) }
        }
        for unit in 0..<hidden {
          let position = row.isBatchFirst ? (n * steps + t) * count + d : (t * count + d) * batch + n
          y[position * hidden + unit] = h[unit]
        }
      }
      for unit in 0..<hidden {
        lastH[stateIndex(d, n, unit)] = h[unit]
        lastC[stateIndex(d, n, unit)] = c[unit]
      }
    }
  }
  let states = row.isBatchFirst ? [batch, count, hidden] : [count, batch, hidden]
  return [
    Tensor(shape: row.isBatchFirst ? [batch, steps, count, hidden] : [steps, count, batch, hidden], y),
    Tensor(shape: states, lastH), Tensor(shape: states, lastC),
  ]
}
