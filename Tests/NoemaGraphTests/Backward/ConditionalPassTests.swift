import NoemaGraph
import NoemaTensor
import Testing

extension ConditionalPass {
  fileprivate mutating func reached(_ value: Value) throws -> Value {
    let found = try reach(value)
    return try #require(found)
  }

  fileprivate mutating func arrival(at value: Value) throws -> Value {
    let found = try arrivals(at: [value])[0]
    return try #require(found)
  }
}

@Suite struct ConditionalPassTests {
  // MARK: A convolutional network, and the same element by element

  /// A convolution with 3 × 3 filters of strides 1 on square maps of one example.
  private struct Layer {
    var weights, bias: [Double]
    var inputs, outputs, size, padding: Int

    var resultSize: Int { size + 2 * padding - 2 }

    /// Calls `body` with each output's place and channel, and the weights and places of its inputs.
    private func forEach(_ body: (_ place: Int, _ channel: Int, _ taps: [(weight: Double, at: Int)]) -> Void)
    {
      for channel in 0..<outputs {
        for row in 0..<resultSize {
          for column in 0..<resultSize {
            var taps: [(weight: Double, at: Int)] = []
            for input in 0..<inputs {
              for (i, j) in (0..<9).map({ ($0 / 3, $0 % 3) }) {
                let (y, x) = (row + i - padding, column + j - padding)
                guard (0..<size).contains(y), (0..<size).contains(x) else { continue }
                taps.append(
                  (weights[((channel * inputs + input) * 3 + i) * 3 + j], (input * size + y) * size + x))
              }
            }
            body((channel * resultSize + row) * resultSize + column, channel, taps)
          }
        }
      }
    }

    func rectified(_ x: [Double]) -> [Double] {
      var result = [Double](repeating: 0, count: outputs * resultSize * resultSize)
      forEach { place, channel, taps in
        result[place] = max(0, taps.reduce(bias[channel]) { $0 + $1.weight * x[$1.at] })
      }
      return result
    }

    /// The z⁺ rule.
    func shared(_ relevance: [Double], _ x: [Double]) -> [Double] {
      var result = [Double](repeating: 0, count: x.count)
      forEach { place, channel, taps in
        let parts = taps.map { max(0, $0.weight * x[$0.at]) }
        let whole = parts.reduce(max(0, bias[channel]), +) + 1e-6
        for (tap, part) in zip(taps, parts) { result[tap.at] += part / whole * relevance[place] }
      }
      return result
    }
  }

  private static func doubles(_ shape: [Int], _ seed: UInt64) -> [Double] {
    normalTensor(shape, seed: seed).elements(as: Float.self).map { Double($0) }
  }

  private let first = Layer(
    weights: Self.doubles([3, 2, 3, 3], 1), bias: Self.doubles([3], 2), inputs: 2, outputs: 3, size: 4,
    padding: 1)
  private let second = Layer(
    weights: Self.doubles([2, 3, 3, 3], 3), bias: Self.doubles([2], 4), inputs: 3, outputs: 2, size: 4,
    padding: 0)
  private let x = normalTensor([2, 2, 4, 4], seed: 7), relevance = normalTensor([2, 2], seed: 8)

  /// Relevance of one example's input; channels of nil are all.
  private func expected(_ example: Int, _ lower: Set<Int>?, _ upper: Set<Int>?) -> [Double] {
    func part(_ numbers: [Double], _ channels: Set<Int>?, _ positions: Int) -> [Double] {
      numbers.enumerated().map { channels?.contains($0 / positions) ?? true ? $1 : 0 }
    }
    let x = self.x.elements(as: Float.self)[example * 32..<(example + 1) * 32].map { Double($0) }
    let hidden = first.rectified(x), top = second.rectified(hidden)
    let weights = Self.doubles([8, 2], 5), bias = Self.doubles([2], 6)
    var relevant = [Double](repeating: 0, count: 8)
    for output in 0..<2 {
      let z = (0..<8).reduce(bias[output]) { $0 + weights[$1 * 2 + output] * top[$1] }
      let s =
        Double(relevance.elements(as: Float.self)[example * 2 + output]) / (z < 0 ? z - 1e-6 : z + 1e-6)
      for unit in 0..<8 { relevant[unit] += top[unit] * weights[unit * 2 + output] * s }
    }
    return first.shared(part(second.shared(part(relevant, upper, 4), hidden), lower, 16), x)
  }

  private struct Built {
    var graph = Graph()
    var x, hidden, top, y: Value

    init() throws {
      func dense(_ shape: [Int], _ seed: UInt64, _ graph: inout Graph) -> Value {
        graph.addConstant(normalTensor(shape, seed: seed))
      }
      func convolve(_ x: Value, _ shape: [Int], padding: Int, seed: UInt64, _ graph: inout Graph) throws
        -> Value
      {
        let window = Window(
          kernel: [3, 3], paddingBefore: [padding, padding], paddingAfter: [padding, padding])
        let map = try graph.add(
          Convolution(window: window, hasBias: true),
          [x, dense(shape, seed, &graph), dense([shape[0]], seed + 1, &graph)])[0]
        return try graph.apply(Unary(.relu), map)
      }
      x = graph.addInput(TensorType([2, 2, 4, 4]), name: "x")
      hidden = try convolve(x, [3, 2, 3, 3], padding: 1, seed: 1, &graph)
      top = try convolve(hidden, [2, 3, 3, 3], padding: 0, seed: 3, &graph)
      y = try graph.add(
        MatMul(hasBias: true),
        [
          graph.apply(Reshape(shape: [2, 8]), top), dense([8, 2], 5, &graph), dense([2], 6, &graph),
        ])[0]
      graph.outputs = [y]
    }

    func pass(excludesParallel: Bool = true) throws -> ConditionalPass {
      let rules = try Composite.epsilonPlus.rules(for: graph, from: y)
      var whole = graph
      let seed = whole.addInput(TensorType([2, 2]), name: "relevance")
      return ConditionalPass(
        in: whole, through: graph.nodes, from: y, seed: seed, to: [x], excludesParallel: excludesParallel,
        rules: rules)
    }
  }

  private func keep(_ channels: Set<Int>, of count: Int, at value: Value, in pass: inout ConditionalPass)
    throws
  {
    let arrived = try pass.reached(value)
    let mask = Tensor(shape: [1, count, 1, 1], (0..<count).map { Float(channels.contains($0) ? 1 : 0) })
    let factors = pass.graph.addConstant(mask)
    pass.keep(try pass.graph.apply(Binary(.mul), arrived, factors), at: value)
  }

  /// Channels of both layers; nil where nothing is kept back.
  struct Condition: Sendable {
    var lower: Set<Int>?
    var upper: Set<Int>?
  }

  static let conditions = [
    Condition(), Condition(lower: [0]), Condition(lower: [0, 2]), Condition(upper: [1]),
    Condition(lower: [1], upper: [0]), Condition(lower: [0, 1, 2], upper: [0, 1]),
  ]

  @Test(arguments: conditions, [true, false])
  func conditionsFollowTheirFormulas(_ condition: Condition, _ excludesParallel: Bool) throws {
    let built = try Built()
    var pass = try built.pass(excludesParallel: excludesParallel)
    if let upper = condition.upper { try keep(upper, of: 2, at: built.top, in: &pass) }
    if let lower = condition.lower { try keep(lower, of: 3, at: built.hidden, in: &pass) }
    let arrived = try pass.arrival(at: built.x)
    pass.graph.outputs = [arrived]
    let found = try pass.graph.interpreted([x, relevance], as: .float64)[0].elements(as: Double.self)
    let answer = (0..<2).flatMap { expected($0, condition.lower, condition.upper) }
    #expect(answer.contains { abs($0) > 1e-3 })
    for (a, b) in zip(found, answer) { #expect(abs(a - b) < 1e-10) }
    let single = try Session(pass.graph).run([x, relevance])[0].elements(as: Float.self)
    let size = max(1, answer.map(abs).max() ?? 0)
    for (a, b) in zip(single, answer) { #expect(abs(Double(a) - b) < 1e-4 * size) }
  }

  /// Parts share the forward pass, what arrives above them, and denominators; only the way back is repeated.
  @Test func partsShareTheirDenominators() throws {
    func nodes(parts: Int) throws -> (convolutions: Int, transposed: Int) {
      let built = try Built()
      var pass = try built.pass()
      let relevance = try pass.reached(built.hidden)
      var outputs: [Value] = []
      for part in 0..<parts {
        let factor = pass.graph.addConstant(Tensor(Float(part + 2)))
        pass.keep(try pass.graph.apply(Binary(.mul), relevance, factor), at: built.hidden)
        outputs.append(try pass.arrival(at: built.x))
      }
      pass.graph.outputs = outputs
      let ready = try pass.graph.applying(Pass.execution)
      return (
        ready.nodes.filter { $0.operation is Convolution }.count,
        ready.nodes.filter { $0.operation is ConvolutionInputGradient }.count
      )
    }
    let one = try nodes(parts: 1), three = try nodes(parts: 3)
    #expect(three.convolutions == one.convolutions && three.transposed > one.transposed)
  }

  // MARK: Ways around

  /// `y = h + x` with `h = x W` and weights of 5, at x = (2, 3), relevance (0, 28) at y: 25 go by h, which the inputs
  /// share as 10 and 15, and 3 around it.
  @Test(arguments: [0, 1], [true, false])
  func waysAroundCountAsAsked(_ channel: Int, _ excludesParallel: Bool) throws {
    let around = excludesParallel ? 0.0 : 3
    let expected = channel == 0 ? [0, around] : [10, 15 + around]
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 2]), name: "x")
    let h = try graph.apply(MatMul(), x, graph.addConstant(Tensor(shape: [2, 2], repeating: Float(5))))
    let y = try graph.apply(Binary(.add), h, x)
    graph.outputs = [y]
    let rules = try Composite.epsilon(0).rules(for: graph, from: y), path = graph.nodes
    let seed = graph.addInput(TensorType([1, 2]), name: "relevance")
    var pass = ConditionalPass(
      in: graph, through: path, from: y, seed: seed, to: [x], excludesParallel: excludesParallel, rules: rules
    )
    let arrived = try pass.reached(h)
    let mask = pass.graph.addConstant(Tensor(shape: [1, 2], (0..<2).map { Float($0 == channel ? 1 : 0) }))
    pass.keep(try pass.graph.apply(Binary(.mul), arrived, mask), at: h)
    let found = try pass.arrival(at: x)
    pass.graph.outputs = [found]
    let numbers = try pass.graph.interpreted(
      [Tensor(shape: [1, 2], [2.0, 3]), Tensor(shape: [1, 2], [0.0, 28])], as: .float64)[0]
    // Sums have an ε of 1e-6.
    for (a, b) in zip(numbers.elements(as: Double.self), expected) { #expect(abs(a - b) < 1e-5) }
  }

  /// What lies above, beside, or ahead of all targets is not reached.
  @Test func valuesAreReachedInOrder() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 2]), name: "x")
    let lower = try graph.apply(Unary(.relu), x)
    let left = try graph.apply(Unary(.relu), lower), right = try graph.apply(Unary(.tanh), lower)
    let y = try graph.apply(Binary(.add), left, right)
    graph.outputs = [y]
    let rules = try Composite.epsilon().rules(for: graph, from: y), path = graph.nodes
    let seed = graph.addInput(TensorType([1, 2]), name: "relevance")
    /// For each value whether it is reached after those before it.
    func reached(_ values: Value..., to target: Value, excludesParallel: Bool = true) throws -> [Bool] {
      var pass = ConditionalPass(
        in: graph, through: path, from: y, seed: seed, to: [target], excludesParallel: excludesParallel,
        rules: rules)
      var found: [Bool] = []
      for value in values { found.append(try pass.reach(value) != nil) }
      return found
    }
    #expect(try reached(y, lower, left, to: x) == [true, true, false])
    #expect(try reached(right, left, to: x) == [true, false])
    #expect(try reached(right, left, lower, to: x, excludesParallel: false) == [true, true, true])
    #expect(try reached(lower, to: left) == [false])
    let pass = ConditionalPass(
      in: graph, through: path, from: y, seed: seed, to: [x], excludesParallel: true, rules: rules)
    #expect([x, lower, left, right, y].map { pass.place(of: $0) } == [0, 1, 2, 3, 4])
  }

  // MARK: Directions

  /// With h = (1, 2), R = (3, 4) the context is (3, 2), and (0.6, 0.8) meets 3.4 of it.
  @Test func directionsCarryTheirPart() throws {
    var graph = Graph()
    let value = graph.addInput(TensorType([1, 2]), name: "h")
    let relevance = graph.addInput(TensorType([1, 2]), name: "r")
    let direction = graph.addInput(TensorType([1, 2]), name: "v")
    graph.outputs = [try graph.relevance(relevance, of: value, along: direction, over: [1])]
    let cases: [(h: [Double], r: [Double], v: [Double], expected: [Double])] = [
      ([1, 2], [3, 4], [0.6, 0.8], [2.04, 5.44]), ([1, 2], [3, 4], [-0.6, -0.8], [2.04, 5.44]),
      ([1, 2], [3, 4], [0, 1], [0, 4]), ([0, 2], [0, 4], [0.6, 0.8], [0, 2.56]),
    ]
    for (h, r, v, expected) in cases {
      let found = try graph.interpreted([h, r, v].map { Tensor(shape: [1, 2], $0) }, as: .float64)[0]
      for (a, b) in zip(found.elements(as: Double.self), expected) { #expect(abs(a - b) < 1e-12) }
    }
  }
}
