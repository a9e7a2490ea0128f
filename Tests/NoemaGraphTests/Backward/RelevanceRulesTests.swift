import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Relevance rules of layers with weights against their formulas on the dense matrix of the layer, which is read off by
/// unit vectors, in double precision.
@Suite struct RelevanceRulesTests {
  /// A layer with weights of both signs, and an input of both.
  struct Layer: Sendable, CustomTestStringConvertible {
    var name: String
    var shape: [Int]
    var weights: [Int]
    var hasBias: Bool
    var make: @Sendable (inout Graph, Value, Value, Value?) throws -> Value
    var testDescription: String { name + (hasBias ? " with bias" : "") }
    var biasCount: Int
  }

  private static func convolution(_ rank: Int, groups: Int, hasBias: Bool) -> Layer {
    var window = Window(
      kernel: Array([3, 2, 2].prefix(rank)), strides: Array([2, 1, 1].prefix(rank)),
      dilations: Array(repeating: 1, count: rank))
    window.paddingBefore = Array([1, 0, 1].prefix(rank))
    window.paddingAfter = Array([0, 1, 0].prefix(rank))
    let final = window
    return Layer(
      name: "convolution \(rank)d, \(groups) groups", shape: [2, 4] + Array([5, 4, 3].prefix(rank)),
      weights: [6, 4 / groups] + window.kernel, hasBias: hasBias,
      make: { graph, x, w, b in
        var operation = Convolution(window: final, hasBias: b != nil)
        operation.groups = groups
        return try graph.add(operation, [x, w] + (b.map { [$0] } ?? []))[0]
      }, biasCount: 6)
  }

  private static func transposed(_ rank: Int, hasBias: Bool) -> Layer {
    let kernel = Array([3, 2, 2].prefix(rank)), strides = Array([2, 1, 1].prefix(rank))
    let extents = Array([4, 3, 2].prefix(rank))
    let window = Window(kernel: kernel, strides: strides, dilations: Array(repeating: 1, count: rank))
    let whole = extents.indices.map { strides[$0] * (extents[$0] - 1) + kernel[$0] }
    return Layer(
      name: "transposed convolution \(rank)d", shape: [2, 3] + extents, weights: [3, 2] + kernel,
      hasBias: hasBias,
      make: { graph, x, w, b in
        let y = try graph.apply(ConvolutionInputGradient(window: window, groups: 1, extents: whole), x, w)
        guard let b else { return y }
        let shape = [2] + extents.map { _ in 1 }
        return try graph.apply(Binary(.add), y, graph.apply(Reshape(shape: shape), b))
      }, biasCount: 2)
  }

  private static func dense(hasBias: Bool) -> Layer {
    Layer(
      name: "matrix product", shape: [2, 7], weights: [5, 7], hasBias: hasBias,
      make: { graph, x, w, b in
        try graph.add(
          MatMul(transposesLeft: false, transposesRight: true, hasBias: b != nil),
          [x, w] + (b.map { [$0] } ?? []))[0]
      }, biasCount: 5)
  }

  static let layers: [Layer] = [false, true].flatMap { hasBias in
    [dense(hasBias: hasBias)] + (1...3).map { convolution($0, groups: $0 == 2 ? 2 : 1, hasBias: hasBias) }
      + (1...3).map { transposed($0, hasBias: hasBias) }
  }

  static let rules: [RelevanceRule] = [
    .epsilon(1e-6), .epsilon(0.3), .epsilon(0), .epsilon(1e-6, bias: .ignored), .epsilon(0.3, bias: .spread),
    .zPlus,
    .alphaBeta(alpha: 2, beta: 1), .alphaBeta(alpha: 1.5, beta: 0.5), .gamma(0.25), .gamma(3),
    .box(low: [-3], high: [3]), .squaredWeights, .flat,
  ]

  /// The layer as a matrix: what each output of one example is of each input, and its bias.
  private func matrix(_ graph: Graph, _ layer: Layer) throws -> (rows: [[Double]], bias: [Double]) {
    let size = layer.shape.dropFirst().reduce(1, *)
    func run(_ x: [Double]) throws -> [Double] {
      let both = Tensor(shape: layer.shape, x + x)
      let y = try graph.interpreted([both], as: .float64)[0].elements(as: Double.self)
      return Array(y.prefix(y.count / 2))
    }
    let bias = try run([Double](repeating: 0, count: size))
    var rows = [[Double]](repeating: [Double](repeating: 0, count: size), count: bias.count)
    for i in 0..<size {
      var unit = [Double](repeating: 0, count: size)
      unit[i] = 1
      for (j, y) in try run(unit).enumerated() { rows[j][i] = y - bias[j] }
    }
    return (rows, bias)
  }

  /// The rules on one example and a dense layer, as the papers write them.
  private func expected(
    _ rule: RelevanceRule, _ x: [Double], _ w: [[Double]], _ b: [Double], _ r: [Double]
  ) -> [Double] {
    func kept(_ z: Double, _ epsilon: Double) -> Double { z + (z < 0 ? -epsilon : epsilon) }
    var result = [Double](repeating: 0, count: x.count)
    for j in w.indices {
      let products = x.indices.map { w[j][$0] * x[$0] }
      let z = products.reduce(b[j], +)
      func share(_ part: [Double], _ whole: Double, _ factor: Double = 1, _ epsilon: Double = 1e-6) {
        let d = kept(whole, epsilon)
        if d == 0 { return }
        for i in x.indices { result[i] += factor * part[i] * r[j] / d }
      }
      let positive = products.map { max($0, 0) }, negative = products.map { min($0, 0) }
      switch rule {
      case .epsilon(let epsilon, let bias):
        share(products, bias == .ignored ? z - b[j] : z, 1, epsilon)
        if bias == .spread {
          // The rest, so that the sum is R.
          let sizes = products.map(abs), total = sizes.reduce(0, +)
          let rest = r[j] - products.reduce(0, +) * r[j] / kept(z, epsilon)
          for i in x.indices where total > 0 { result[i] += sizes[i] / total * rest }
        }
      case .alphaBeta(let alpha, let beta, _):
        share(positive, positive.reduce(max(b[j], 0), +), alpha)
        share(negative, negative.reduce(min(b[j], 0), +), -beta)
      case .gamma(let gamma):
        let part = z > 0 ? positive : negative
        let bias = b[j] + gamma * (z > 0 ? max(b[j], 0) : min(b[j], 0))
        let terms = x.indices.map { products[$0] + gamma * part[$0] }
        if z != 0 { share(terms, terms.reduce(bias, +)) }
      case .box(let low, let high):
        let terms = x.indices.map { products[$0] - low[0] * max(w[j][$0], 0) - high[0] * min(w[j][$0], 0) }
        share(terms, terms.reduce(0, +))
      case .squaredWeights: share(w[j].map { $0 * $0 }, w[j].reduce(b[j] * b[j]) { $0 + $1 * $1 })
      case .flat:
        let ones = w[j].map { $0 == 0 ? 0.0 : 1 }
        share(ones, ones.reduce(0, +))
      default: Issue.record("no formula for \(rule)")
      }
    }
    return result
  }

  @Test(arguments: layers, rules)
  func rulesFollowTheirFormulas(_ layer: Layer, _ rule: RelevanceRule) throws {
    let composite = Composite("one", convolution: rule, dense: rule)
    func build(_ element: ElementType) throws -> (forward: Graph, backward: Graph, inputs: [Tensor]) {
      var random = RandomNumbers(seed: 7)
      func draw(_ shape: [Int]) -> Tensor {
        Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in random.normal() }).converted(to: element)
      }
      let x = draw(layer.shape)
      var graph = Graph()
      let input = graph.addInput(TensorType(layer.shape, element), name: "x")
      let w = graph.addConstant(draw(layer.weights))
      let b = layer.hasBias ? graph.addConstant(draw([layer.biasCount])) : nil
      let y = try layer.make(&graph, input, w, b)
      graph.outputs = [y]
      try graph.apply(Pass.canonical)
      let relevance = draw(graph.type(of: y).shape)
      var back = try graph.backward(from: y, to: [input], rules: composite.rules(for: graph, from: y))
      back.graph.outputs = [back.cotangents[0]!]
      return (graph, back.graph, [x, relevance])
    }
    let exact = try build(.float64), (x, relevance) = (exact.inputs[0], exact.inputs[1])
    let (rows, bias) = try matrix(exact.forward, layer)
    let found = try exact.backward.interpreted([x, relevance], as: .float64)[0].elements(as: Double.self)
    let (values, given) = (x.elements(as: Double.self), relevance.elements(as: Double.self))
    for example in 0..<2 {
      let size = values.count / 2, outputs = given.count / 2
      let answer = expected(
        rule, Array(values[example * size..<(example + 1) * size]), rows, bias,
        Array(given[example * outputs..<(example + 1) * outputs]))
      let largest = answer.map(abs).max()!
      for i in 0..<size {
        #expect(abs(found[example * size + i] - answer[i]) < 1e-9 * max(1, largest), "element \(i)")
      }
    }
    // The same by fast kernels in single precision, where small denominators magnify rounding.
    let single = try build(.float32)
    let fast = try Session(single.backward).run(single.inputs)[0]
    #expect(scaledDifference(fast, Tensor(shape: layer.shape, found).converted(to: .float32))! < 1e-3)
  }

  @Test func parametersOutOfRangeAreRefused() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 2]), name: "x")
    let y = try graph.apply(MatMul(), x, graph.addConstant(Tensor(shape: [2, 2], [Float(1), 2, 3, 4])))
    graph.outputs = [y]
    for rule in [
      RelevanceRule.alphaBeta(alpha: 2, beta: 0.5), .alphaBeta(alpha: 0.5, beta: -0.5), .epsilon(-1),
      .gamma(.nan),
      .box(low: [1], high: [0]), .box(low: [], high: []),
    ] {
      #expect(throws: GraphError.self) {
        try Composite("bad", convolution: rule, dense: rule).rules(for: graph, from: y)
      }
    }
  }

  /// Relevance of a residual sum is shared, not doubled; a constant keeps its part unless it is ignored.
  @Test func sumsShare() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 2]), name: "x")
    let w = graph.addConstant(Tensor(shape: [2, 2], repeating: Float(5)))
    let y = try graph.apply(Binary(.add), graph.apply(MatMul(), x, w), x)
    graph.outputs = [y]
    var back = try graph.backward(
      from: y, to: [x], rules: Composite.epsilon(0).rules(for: graph, from: y))
    back.graph.outputs = [back.cotangents[0]!]
    let found = try Session(back.graph).run([
      Tensor(shape: [1, 2], [Float(2), 3]), Tensor(shape: [1, 2], [Float(0), 28]),
    ])[0]
    #expect(scaledDifference(found, Tensor(shape: [1, 2], [Float(10), 18]))! < 1e-6)
  }

  /// An operator without a rule is named, with what one can do; asked for, it passes relevance like a gradient.
  @Test func uncoveredOperatorsAreNamed() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 2]), name: "x")
    let y = try graph.apply(Unary(.exp), x, name: "grow")
    graph.outputs = [y]
    var composite = Composite.epsilon()
    let error = #expect(throws: GraphError.self) {
      try graph.backward(from: y, to: [x], rules: composite.rules(for: graph, from: y))
    }
    #expect(error?.description.contains("Exp node 'grow'") ?? false)
    composite.fallsBackToGradient = true
    _ = try graph.backward(from: y, to: [x], rules: composite.rules(for: graph, from: y))
    composite.fallsBackToGradient = false
    composite.assignments = [Composite.Assignment(.pass, names: "gr*")]
    _ = try graph.backward(from: y, to: [x], rules: composite.rules(for: graph, from: y))
    composite.assignments = [Composite.Assignment(.pass, names: "shrink")]
    #expect(throws: GraphError.self) { try composite.rules(for: graph, from: y) }
  }
}
