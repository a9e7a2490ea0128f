import Foundation
import NoemaGraph
import NoemaTensor
import Testing

/// Float64 through a few layers: rounding, and the stand-ins where a difference is next to nothing.
private let tolerance = 1e-10

/// DeepLIFT's rules in double precision, against closed forms and against the paper's formulas written out for
/// matrices.
@Suite struct DeepLIFTTests {
  /// What each element of the only input contributes, and the difference that they are to sum to.
  private func explain(
    _ graph: Graph, _ rule: DeepLIFTRule, _ x: [Double], from x0: [Double], seed: [Double] = [1]
  ) throws -> (contributions: [Double], multipliers: [Double], expected: Double) {
    let input = graph.inputs[0], output = graph.outputs[0], type = graph.type(of: input)
    let ends = [Tensor(shape: type.shape, x), Tensor(shape: type.shape, x0)]
    var compared = graph
    let baseline = compared.addInput(type, name: "baseline")
    let comparison = try compared.addBaseline(of: [input], [baseline], rule: rule)
    var back = try compared.backward(
      from: output, to: [input], through: comparison.path, rules: .deepLIFT(twins: comparison.twins))
    back.graph.outputs = [try #require(back.cotangents[0])]
    #expect(back.graph.firstViolation() == nil)
    let start = Tensor(shape: graph.type(of: output).shape, seed)
    let m = try back.graph.interpreted(ends + [start], as: .float64)[0].elements(as: Double.self)
    let outputs = try ends.map { try graph.interpreted([$0], as: .float64)[0].elements(as: Double.self) }
    return (
      m.indices.map { m[$0] * (x[$0] - x0[$0]) }, m,
      seed.indices.reduce(0) { $0 + seed[$1] * (outputs[0][$1] - outputs[1][$1]) }
    )
  }

  private func expectClose(
    _ found: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    for (a, b) in zip(found, expected) {
      #expect(abs(a - b) <= tolerance * max(1, abs(b)), "\(found)", sourceLocation: sourceLocation)
    }
  }

  private func normal(_ count: Int, _ seed: UInt64, scale: Double = 1) -> [Double] {
    var random = RandomNumbers(seed: seed)
    return (0..<count).map { _ in scale * random.normal() }
  }

  // MARK: Closed forms

  /// `min(i₁, i₂) = i₁ − relu(i₁ − i₂)`, with the inner difference as a layer, as a sum, and by a negated copy.
  @Test(arguments: ["layer", "difference", "negation"])
  func cancellationWithinAUnit(_ form: String) throws {
    var graph = Graph()
    let x = graph.begin([2])
    let first = try graph.apply(Slice(starts: [0, 0], counts: [1, 1], steps: [1, 1]), x)
    let second = try graph.apply(Slice(starts: [0, 1], counts: [1, 1], steps: [1, 1]), x)
    let z =
      switch form {
      case "layer": try graph.dense(x, [[1, -1]])
      case "difference": try graph.apply(Binary(.sub), first, second)
      default: try graph.apply(Binary(.add), first, graph.apply(Unary(.negative), second))
      }
    graph.outputs = [try graph.apply(Binary(.sub), first, graph.apply(Unary(.relu), z))]
    expectClose(try explain(graph, .rescale, [2, 1], from: [0, 0]).contributions, [0, 1])
    expectClose(try explain(graph, .revealCancel, [2, 1], from: [0, 0]).contributions, [0.5, 0.5])
    let dense = try explain(graph, .revealCancelDense, [2, 1], from: [0, 0]).contributions
    expectClose(dense, form == "layer" ? [0.5, 0.5] : [0, 1])
  }

  /// A unit that is shut at both ends although each part alone opens or shuts it: half of the weight passes either
  /// part, where the whole difference is 0.
  @Test func unitsThatCancelToNothing() throws {
    var graph = Graph()
    let x = graph.begin([2])
    let h = try graph.apply(Unary(.relu), graph.dense(x, [[1, -1]], bias: [-1]))
    graph.outputs = [try graph.dense(h, [[3]])]
    expectClose(try explain(graph, .rescale, [2, 2], from: [0, 0]).contributions, [0, 0])
    expectClose(try explain(graph, .revealCancel, [2, 2], from: [0, 0]).contributions, [1.5, -1.5])
  }

  @Test(arguments: DeepLIFTRule.allCases)
  func linearModels(_ rule: DeepLIFTRule) throws {
    var graph = Graph()
    let x = graph.begin([3])
    graph.outputs = [try graph.dense(x, [[1, -3, 4], [2, 0.5, -1]], bias: [5, 6])]
    let found = try explain(graph, rule, [1, 2, 3], from: [0.5, 0, -1], seed: [1, -2]).contributions
    expectClose(found, [0.5 * -3, 2 * -4, 4 * 6])
  }

  /// Where every unit is open at both ends, multipliers are derivatives.
  @Test(arguments: DeepLIFTRule.allCases)
  func openNetworks(_ rule: DeepLIFTRule) throws {
    var graph = Graph()
    let x = graph.begin([2])
    let h = try graph.apply(Unary(.relu), graph.dense(x, [[1, -2], [3, 4]], bias: [50, 50]))
    graph.outputs = [try graph.dense(h, [[2, -1]])]
    expectClose(try explain(graph, rule, [1, 2], from: [-1, 0.5]).multipliers, [-1, -8])
  }

  /// `1 − relu(1 − x)`, whose derivative at 2 is 0.
  @Test(arguments: DeepLIFTRule.allCases)
  func saturation(_ rule: DeepLIFTRule) throws {
    var graph = Graph()
    let x = graph.begin([1])
    let h = try graph.apply(Unary(.relu), graph.dense(x, [[-1]], bias: [1]))
    graph.outputs = [try graph.dense(h, [[-1]], bias: [1])]
    expectClose(try explain(graph, rule, [2], from: [0]).contributions, [1])
  }

  @Test(arguments: DeepLIFTRule.allCases)
  func products(_ rule: DeepLIFTRule) throws {
    var graph = Graph()
    let x = graph.begin([2])
    let first = try graph.apply(Slice(starts: [0, 0], counts: [1, 1], steps: [1, 1]), x)
    let second = try graph.apply(Slice(starts: [0, 1], counts: [1, 1], steps: [1, 1]), x)
    graph.outputs = [try graph.apply(Binary(.mul), first, second)]
    expectClose(try explain(graph, rule, [3, -5], from: [0, 0]).contributions, [-7.5, -7.5])
  }

  private static let functions: [ScalarFunction] = [
    .relu, .leakyReLU(slope: 0.1), .clip(lower: -0.5, upper: 1), .elu(alpha: 1), .sigmoid, .tanh, .softplus,
    .gelu,
    .swish(alpha: 1), .hardSwish, .abs,
  ]

  /// One unit with one input that raises it and one that lowers it: RevealCancel is the Shapley value of both.
  @Test(arguments: functions)
  func twoPlayers(_ function: ScalarFunction) throws {
    var graph = Graph()
    let x = graph.begin([2])
    graph.outputs = [try graph.apply(Unary(function), graph.dense(x, [[1.3, -0.8]], bias: [0.2]))]
    func worth(_ a: Double, _ b: Double) throws -> Double {
      try graph.interpreted([Tensor(shape: [1, 2], [a, b])], as: .float64)[0].elements(as: Double.self)[0]
    }
    for (x, x0) in [([1.0, 0.9], [0.0, 0.0]), ([-0.3, 0.1], [-1.2, -2.0]), ([2, 3], [-1, 0.5])] {
      let whole = try worth(x[0], x[1]), none = try worth(x0[0], x0[1])
      let left = try worth(x[0], x0[1]), right = try worth(x0[0], x[1])
      let found = try explain(graph, .revealCancel, x, from: x0).contributions
      expectClose(found, [(left - none + whole - right) / 2, (right - none + whole - left) / 2])
    }
  }

  // MARK: The paper's formulas

  struct Layer: Sendable {
    var weights: [[Double]]
    var bias: [Double]

    func apply(_ x: [Double]) -> [Double] {
      weights.indices.map { j in zip(weights[j], x).reduce(bias[j]) { $0 + $1.0 * $1.1 } }
    }
  }

  /// Layers with a nonlinearity between them, by pairs of multipliers and with every condition written out.
  ///
  /// - Parameter reveals: for each layer whether RevealCancel applies behind it.
  private func multipliers(
    of layers: [Layer], _ f: (Double) -> Double, slope: (Double) -> Double, reveals: [Bool], _ x: [Double],
    from x0: [Double], seed: [Double]
  ) -> [Double] {
    var (a, a0) = (x, x0)
    var differences: [[Double]] = []
    var secants: [(positive: [Double], negative: [Double])] = []
    for (layer, reveals) in zip(layers, reveals) {
      let d = zip(a, a0).map { $0 - $1 }
      differences.append(d)
      let z = layer.apply(a), z0 = layer.apply(a0)
      var positive: [Double] = [], negative: [Double] = []
      for j in z.indices {
        let terms = zip(layer.weights[j], d).map { $0 * $1 }
        let rise = terms.filter { $0 > 0 }.reduce(0, +), fall = terms.filter { $0 < 0 }.reduce(0, +)
        if reveals {
          let limit = (slope(z[j]) + slope(z0[j])) / 2
          let up = (f(z0[j] + rise) - f(z0[j]) + f(z0[j] + fall + rise) - f(z0[j] + fall)) / 2
          let down = (f(z0[j] + fall) - f(z0[j]) + f(z0[j] + rise + fall) - f(z0[j] + rise)) / 2
          positive.append(rise > 1e-9 ? up / rise : limit)
          negative.append(fall < -1e-9 ? down / fall : limit)
        } else {
          let change = z[j] - z0[j]
          let secant =
            abs(change) > 1e-9 ? (f(z[j]) - f(z0[j])) / change : slope((z[j] + z0[j]) / 2)
          positive.append(secant)
          negative.append(secant)
        }
      }
      secants.append((positive, negative))
      (a, a0) = (z.map(f), z0.map(f))
    }
    var positive = seed, negative = seed
    for index in layers.indices.reversed() {
      if index < layers.count - 1 {
        positive = zip(positive, secants[index].positive).map { $0 * $1 }
        negative = zip(negative, secants[index].negative).map { $0 * $1 }
      }
      let w = layers[index].weights, d = differences[index]
      let m = d.indices.map { i in
        w.indices.reduce(0) { sum, j in
          let term = w[j][i] * d[i]
          let part = term > 0 ? positive[j] : term < 0 ? negative[j] : (positive[j] + negative[j]) / 2
          return sum + w[j][i] * part
        }
      }
      (positive, negative) = (m, m)
    }
    return positive
  }

  private func layer(_ outputs: Int, _ inputs: Int, _ seed: UInt64) -> Layer {
    let w = normal(outputs * inputs, seed)
    return Layer(
      weights: (0..<outputs).map { Array(w[$0 * inputs..<($0 + 1) * inputs]) },
      bias: normal(outputs, seed + 100, scale: 0.5))
  }

  private static let nonlinearities: [(function: ScalarFunction, slope: @Sendable (Double) -> Double)] = [
    (.relu, { $0 > 0 ? 1 : 0 }), (.tanh, { 1 - pow(Foundation.tanh($0), 2) }),
  ]

  private func value(_ function: ScalarFunction, _ x: Double) -> Double {
    function == .relu ? max(x, 0) : Foundation.tanh(x)
  }

  @Test(arguments: [0, 1], 1...6 as ClosedRange<UInt64>)
  func denseNetworksFollowTheFormulas(_ index: Int, _ seed: UInt64) throws {
    let (function, slope) = Self.nonlinearities[index]
    let layers = [layer(9, 6, seed), layer(7, 9, seed + 1), layer(5, 7, seed + 2), layer(3, 5, seed + 3)]
    var graph = Graph()
    let x = graph.begin([6])
    var y = x
    for (index, layer) in layers.enumerated() {
      if index > 0 { y = try graph.apply(Unary(function), y) }
      y = try graph.dense(y, layer.weights, bias: layer.bias)
    }
    graph.outputs = [y]
    var point = normal(6, seed + 10)
    let base = normal(6, seed + 20)
    // An input without a difference, which the halves of the Linear rule are for.
    point[2] = base[2]
    let weights = [1, -0.5, 2.0]
    for rule in DeepLIFTRule.allCases {
      let found = try explain(graph, rule, point, from: base, seed: weights)
      let expected = multipliers(
        of: layers, { value(function, $0) }, slope: slope, reveals: layers.map { _ in rule != .rescale },
        point,
        from: base, seed: weights)
      expectClose(found.multipliers, expected)
      expectClose([found.contributions.reduce(0, +)], [found.expected])
    }
  }

  /// A 3 × 3 convolution with padding as a matrix over planes of 4 × 4.
  private func matrix(_ kernel: [Double], _ bias: [Double], channels: Int, planes: Int) -> Layer {
    var weights = [[Double]](repeating: [Double](repeating: 0, count: channels * 16), count: planes * 16)
    for o in 0..<planes {
      for y in 0..<4 {
        for x in 0..<4 {
          for i in 0..<channels {
            for v in max(0, 1 - y)..<min(3, 5 - y) {
              for u in max(0, 1 - x)..<min(3, 5 - x) {
                weights[o * 16 + y * 4 + x][i * 16 + (y + v - 1) * 4 + x + u - 1] =
                  kernel[((o * channels + i) * 3 + v) * 3 + u]
              }
            }
          }
        }
      }
    }
    return Layer(weights: weights, bias: bias.flatMap { [Double](repeating: $0, count: 16) })
  }

  /// Two convolutions and two matrix products; the genomics mode rescales behind the convolutions alone.
  @Test(arguments: [0, 1], 1...3 as ClosedRange<UInt64>)
  func convolutionalNetworksFollowTheFormulas(_ index: Int, _ seed: UInt64) throws {
    let (function, slope) = Self.nonlinearities[index]
    let kernels = [normal(3 * 2 * 9, seed), normal(2 * 3 * 9, seed + 1)]
    let biases = [normal(3, seed + 2), normal(2, seed + 3)],
      head = [layer(4, 32, seed + 4), layer(2, 4, seed + 5)]
    let window = Window(kernel: [3, 3], paddingBefore: [1, 1])
    var graph = Graph()
    let x = graph.begin([2, 4, 4])
    var y = x
    for (index, channels) in [2, 3].enumerated() {
      let w = graph.addConstant(Tensor(shape: [5 - channels, channels, 3, 3], kernels[index]))
      // The second one's bias is an addition of its own, which nothing folds here.
      if index == 0 {
        let b = graph.addConstant(Tensor(shape: [3], biases[0]))
        y = try graph.apply(Convolution(window: window, hasBias: true), y, w, b)
      } else {
        let b = graph.addConstant(Tensor(shape: [2, 1, 1], biases[1]))
        y = try graph.apply(Binary(.add), graph.apply(Convolution(window: window, hasBias: false), y, w), b)
      }
      y = try graph.apply(Unary(function), y)
    }
    y = try graph.apply(Reshape(shape: [1, 32]), y)
    y = try graph.apply(Unary(function), graph.dense(y, head[0].weights, bias: head[0].bias))
    graph.outputs = [try graph.dense(y, head[1].weights, bias: head[1].bias)]
    let layers =
      [
        matrix(kernels[0], biases[0], channels: 2, planes: 3),
        matrix(kernels[1], biases[1], channels: 3, planes: 2),
      ] + head
    let point = normal(32, seed + 10), base = normal(32, seed + 20)
    for rule in DeepLIFTRule.allCases {
      let reveals = [rule == .revealCancel, rule == .revealCancel, rule != .rescale, false]
      let found = try explain(graph, rule, point, from: base, seed: [1, -2])
      let expected = multipliers(
        of: layers, { value(function, $0) }, slope: slope, reveals: reveals, point, from: base, seed: [1, -2])
      expectClose(found.multipliers, expected)
      expectClose([found.contributions.reduce(0, +)], [found.expected])
    }
  }

  // MARK: What lies between a layer and its nonlinearity

  /// Scalings behind a layer count as if folded into it, also where the sum of two branches is what cancels.
  @Test(arguments: ["mul", "div", "negative", "normalisation"], [false, true])
  func scalingsAreAsIfFolded(_ form: String, joinsBranch: Bool) throws {
    let first = layer(4, 5, 1), second = layer(4, 5, 2), head = layer(1, 4, 3)
    let factors = form == "negative" ? [-1.0, -1, -1, -1] : [-2, 0.5, -0.25, 3]
    func network(isFolded: Bool) throws -> Graph {
      var graph = Graph()
      let x = graph.begin([5])
      var y: Value
      if isFolded {
        let weights = zip(first.weights, factors).map { row, factor in row.map { $0 * factor } }
        y = try graph.dense(x, weights, bias: zip(first.bias, factors).map { $0 * $1 })
      } else {
        y = try graph.dense(x, first.weights, bias: first.bias)
        func constant(_ values: [Double]) -> Value { graph.addConstant(Tensor(shape: [4], values)) }
        switch form {
        case "mul": y = try graph.apply(Binary(.mul), constant(factors), y)
        case "div": y = try graph.apply(Binary(.div), y, constant(factors.map { 1 / $0 }))
        case "negative": y = try graph.apply(Unary(.negative), y)
        default:
          let (zero, one) = (constant([0, 0, 0, 0]), constant([1, 1, 1, 1]))
          y = try graph.add(BatchNormalization(epsilon: 0), [y, constant(factors), zero, zero, one])[0]
        }
      }
      if joinsBranch {
        y = try graph.apply(Binary(.add), y, graph.dense(x, second.weights, bias: second.bias))
      }
      graph.outputs = [try graph.dense(graph.apply(Unary(.tanh), y), head.weights)]
      return graph
    }
    let point = normal(5, 10), base = normal(5, 11)
    let found = try explain(network(isFolded: false), .revealCancel, point, from: base)
    let folded = try explain(network(isFolded: true), .revealCancel, point, from: base)
    expectClose(found.multipliers, folded.multipliers)
    expectClose([found.contributions.reduce(0, +)], [found.expected])
    let rescaled = try explain(network(isFolded: false), .rescale, point, from: base).multipliers
    #expect(zip(found.multipliers, rescaled).contains { abs($0 - $1) > 1e-3 })
  }

  /// Two layers whose results are added, or joined and added, are one layer of both.
  @Test func sumsOfLayersAreOneLayer() throws {
    let first = layer(4, 3, 1), second = layer(4, 3, 2), head = layer(1, 4, 3)
    func network(_ form: String) throws -> Graph {
      var graph = Graph()
      let x = graph.begin([6])
      func part(_ start: Int) throws -> Value {
        try graph.apply(Slice(starts: [0, start], counts: [1, 3], steps: [1, 1]), x)
      }
      let y: Value
      if form == "one" {
        let weights = zip(first.weights, second.weights).map { $0 + $1 }
        y = try graph.dense(x, weights, bias: zip(first.bias, second.bias).map { $0 + $1 })
      } else {
        let a = try graph.dense(part(0), first.weights, bias: first.bias)
        let b = try graph.dense(part(3), second.weights, bias: second.bias)
        if form == "sum" {
          y = try graph.apply(Binary(.add), a, b)
        } else {
          let pair = try graph.add(Concatenation(axis: 0), [a, b])[0]
          y = try graph.apply(Reduction(.sum, axes: [0], keepsAxes: true), pair)
        }
      }
      graph.outputs = [try graph.dense(graph.apply(Unary(.relu), y), head.weights)]
      return graph
    }
    let point = normal(6, 10), base = normal(6, 11)
    let one = try explain(network("one"), .revealCancel, point, from: base).multipliers
    for form in ["sum", "joined"] {
      expectClose(try explain(network(form), .revealCancel, point, from: base).multipliers, one)
    }
  }

  // MARK: Completeness

  /// Layers, a normalisation, a residual sum, overlapping maxima, padding by a constant, averages, joined constants, a
  /// gate, a layer normalisation and a softmax: contributions sum to the difference under every rule.
  @Test(arguments: DeepLIFTRule.allCases, 1...4 as ClosedRange<UInt64>)
  func contributionsSumToTheDifference(_ rule: DeepLIFTRule, _ seed: UInt64) throws {
    var graph = Graph()
    let x = graph.begin([2, 6, 6])
    func constant(_ shape: [Int], _ salt: UInt64) -> Value {
      graph.addConstant(Tensor(shape: shape, normal(shape.reduce(1, *), seed * 100 + salt)))
    }
    let window = Window(kernel: [3, 3], paddingBefore: [1, 1])
    let stem = try graph.apply(
      Unary(.relu),
      graph.apply(Convolution(window: window, hasBias: true), x, constant([4, 2, 3, 3], 1), constant([4], 2)))
    let inner = try graph.apply(Convolution(window: window, hasBias: false), stem, constant([4, 4, 3, 3], 3))
    let variance = graph.addConstant(Tensor(shape: [4], [0.5, 1, 2, 0.7]))
    let norm = try graph.add(
      BatchNormalization(epsilon: 1e-5),
      [inner, constant([4], 4), constant([4], 5), constant([4], 6), variance])[0]
    let residual = try graph.apply(Unary(.relu), graph.apply(Binary(.add), norm, stem))
    let padded = try graph.apply(Pad(before: [0, 0, 1, 0], after: [0, 0, 0, 1], fill: 0.7), residual)
    let pooled = try graph.apply(MaxPool(window: Window(kernel: [3, 3], strides: [2, 2])), padded)
    let averaged = try graph.apply(
      AveragePool(window: Window(kernel: [2, 2]), countsPadding: false, declaredPaddingAfter: [0, 0]), pooled)
    let softened = try graph.apply(Unary(.softplus), averaged)
    let flat = try graph.apply(Reshape(shape: [1, 16]), softened)
    let joined = try graph.add(Concatenation(axis: 1), [flat, constant([1, 4], 7)])[0]
    let hidden = try graph.apply(MatMul(), joined, constant([20, 8], 8))
    let active = try graph.apply(Unary(.gelu), hidden)
    let gate = try graph.apply(Unary(.sigmoid), graph.apply(MatMul(), joined, constant([20, 8], 9)))
    let gated = try graph.apply(Binary(.mul), active, gate)
    let normed = try graph.apply(LayerNormalization(axisCount: 1, epsilon: 1e-5), gated)
    let logits = try graph.apply(MatMul(), normed, constant([8, 3], 10))
    graph.outputs = [try graph.apply(Softmax(axis: 1), logits)]
    let found = try explain(
      graph, rule, normal(72, seed + 10), from: normal(72, seed + 20), seed: [1, -0.5, 0.3])
    #expect(abs(found.expected) > 1e-6)
    expectClose([found.contributions.reduce(0, +)], [found.expected])
  }

  /// The same inputs at both ends: nothing contributes, and multipliers are derivatives.
  @Test(arguments: DeepLIFTRule.allCases)
  func noDifference(_ rule: DeepLIFTRule) throws {
    let first = layer(4, 3, 1), head = layer(1, 4, 2)
    var graph = Graph()
    let x = graph.begin([3])
    let h = try graph.apply(Unary(.tanh), graph.dense(x, first.weights, bias: first.bias))
    graph.outputs = [try graph.dense(h, head.weights)]
    let point = normal(3, 5)
    let found = try explain(graph, rule, point, from: point)
    #expect(found.contributions == [0, 0, 0])
    let z = first.apply(point)
    let slopes = z.indices.map { head.weights[0][$0] * (1 - pow(Foundation.tanh(z[$0]), 2)) }
    expectClose(
      found.multipliers,
      (0..<3).map { i in z.indices.reduce(0) { $0 + slopes[$1] * first.weights[$1][i] } })
  }

  @Test(arguments: DeepLIFTRule.allCases)
  func operatorsWithoutMultipliersAreNamed(_ rule: DeepLIFTRule) throws {
    var graph = Graph()
    let x = graph.begin([2])
    let positive = try graph.apply(Unary(.sigmoid), graph.dense(x, [[1, -1], [2, 1]]))
    graph.outputs = [try graph.apply(Binary(.pow), positive, positive, name: "power")]
    let error = #expect(throws: GraphError.self) {
      try explain(graph, rule, [1, 2], from: [0, 0], seed: [1, 1])
    }
    #expect(error?.description == "Pow node 'power': DeepLIFT has no multiplier for this operator")
  }
}

extension Graph {
  /// An input of one example, `[1, shape…]`.
  fileprivate mutating func begin(_ shape: [Int]) -> Value {
    addInput(TensorType([1] + shape, .float64), name: "x")
  }

  /// `x Wᵀ + b`, with a row of weights for each output.
  fileprivate mutating func dense(
    _ x: Value, _ weights: [[Double]], bias: [Double]? = nil
  ) throws -> Value {
    let w = addConstant(Tensor(shape: [weights.count, weights[0].count], weights.flatMap { $0 }))
    let operation = MatMul(transposesRight: true, hasBias: bias != nil)
    guard let bias else { return try apply(operation, x, w) }
    return try apply(operation, x, w, addConstant(Tensor(shape: [bias.count], bias)))
  }
}
