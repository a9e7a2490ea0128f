import Foundation
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Rounding of double precision through a few matrices, as a share of the largest relevance.
private let tolerance = 1e-10

/// A vector as the papers write it: arithmetic is element by element.
private struct Vector: ExpressibleByArrayLiteral {
  var elements: [Double]

  init(_ elements: [Double]) { self.elements = elements }
  init(arrayLiteral elements: Double...) { self.elements = elements }
  init(zeros count: Int) { elements = Array(repeating: 0, count: count) }
  init(_ tensors: [Tensor]) {
    elements = tensors.flatMap { $0.converted(to: .float64).elements(as: Double.self) }
  }

  var count: Int { elements.count }
  var sum: Double { elements.reduce(0, +) }
  var largest: Double { elements.map { abs($0) }.max() ?? 0 }
  var positive: Vector { map { max($0, 0) } }
  var negative: Vector { map { min($0, 0) } }
  var magnitudes: Vector { map { abs($0) } }
  var ones: Vector { map { _ in 1 } }

  func map(_ transform: (Double) -> Double) -> Vector { Vector(elements.map(transform)) }

  /// The elements where another vector's meet a condition, and 0 elsewhere.
  func kept(where z: Vector, _ condition: (Double) -> Bool) -> Vector {
    Vector(zip(elements, z.elements).map { condition($1) ? $0 : 0 })
  }

  /// `R / (z + ε sgn z)` with `sgn 0 = 1`, and 0 for 0 / 0.
  func shared(by z: Vector, epsilon: Double = 1e-6) -> Vector {
    Vector(
      zip(elements, z.elements).map { relevance, z in
        let kept = z + (z < 0 ? -epsilon : epsilon)
        return kept == 0 ? 0 : relevance / kept
      })
  }

  static func + (a: Vector, b: Vector) -> Vector { Vector(zip(a.elements, b.elements).map { $0 + $1 }) }
  static func - (a: Vector, b: Vector) -> Vector { Vector(zip(a.elements, b.elements).map { $0 - $1 }) }
  static func * (a: Vector, b: Vector) -> Vector { Vector(zip(a.elements, b.elements).map { $0 * $1 }) }
  static func * (a: Double, b: Vector) -> Vector { b.map { a * $0 } }
}

/// An affine map of one example's elements, a row for each output.
private struct AffineMap {
  var rows: [Vector]
  var bias: Vector

  init(_ rows: [Vector], bias: Vector? = nil) {
    (self.rows, self.bias) = (rows, bias ?? Vector(zeros: rows.count))
  }

  /// Reads a network's map off by unit vectors: one batch that holds all of them behind an example of zeros.
  init(of network: Network) throws {
    let shapes = try network.inputShapes(batch: 1), sizes = shapes.map { $0.reduce(1, *) }
    let size = sizes.reduce(0, +), count = size + 1
    var inputs: [Tensor] = [], start = 0
    for (shape, own) in zip(shapes, sizes) {
      var elements = [Double](repeating: 0, count: count * own)
      for i in 0..<own { elements[(1 + start + i) * own + i] = 1 }
      inputs.append(Tensor(shape: [count] + shape.dropFirst(), elements))
      start += own
    }
    let y = try network.graph(batch: count).interpreted(inputs, as: .float64)[0].elements(as: Double.self)
    let width = y.count / count
    self.init(
      (0..<width).map { j in Vector((0..<size).map { i in y[(i + 1) * width + j] - y[j] }) },
      bias: Vector(Array(y.prefix(width))))
  }

  func map(_ transform: (Double) -> Double) -> AffineMap {
    AffineMap(rows.map { $0.map(transform) }, bias: bias.map(transform))
  }
  var positive: AffineMap { map { max($0, 0) } }
  var negative: AffineMap { map { min($0, 0) } }

  /// `W x`.
  func product(_ x: Vector) -> Vector { Vector(rows.map { ($0 * x).sum }) }
  /// `W x + b`.
  func callAsFunction(_ x: Vector) -> Vector { product(x) + bias }
  /// `Wᵀ s`.
  func transposed(_ s: Vector) -> Vector {
    zip(rows, s.elements).reduce(Vector(zeros: rows[0].count)) { $0 + $1.1 * $1.0 }
  }
}

extension RelevanceRule {
  /// The rule on one example, in matrix form.
  fileprivate func relevance(_ r: Vector, _ x: Vector, _ map: AffineMap) -> Vector {
    let z = map(x), (up, down) = (map.positive, map.negative), (above, below) = (x.positive, x.negative)
    switch self {
    case .epsilon(let epsilon, .kept): return x * map.transposed(r.shared(by: z, epsilon: epsilon))
    case .epsilon(let epsilon, .ignored):
      return x * map.transposed(r.shared(by: map.product(x), epsilon: epsilon))
    case .epsilon(let epsilon, .spread):
      let s = r.shared(by: z, epsilon: epsilon), sizes = map.map { abs($0) }
      let rest = r - s * map.product(x)
      let share = rest.shared(by: sizes.product(x.magnitudes), epsilon: 0)
      return x * map.transposed(s) + x.magnitudes * sizes.transposed(share)
    case .alphaBeta(let alpha, let beta, let ignoresBias):
      let factor = ignoresBias ? 0.0 : 1
      let s = r.shared(by: up.product(above) + down.product(below) + factor * up.bias)
      let t = r.shared(by: down.product(above) + up.product(below) + factor * down.bias)
      return alpha * (above * up.transposed(s) + below * down.transposed(s))
        - beta * (above * down.transposed(t) + below * up.transposed(t))
    case .gamma(let gamma):
      let raised = map.map { $0 + gamma * max($0, 0) }, lowered = map.map { $0 + gamma * min($0, 0) }
      let s = r.shared(by: raised(above) + lowered.product(below)).kept(where: z) { $0 > 0 }
      let t = r.shared(by: lowered(above) + raised.product(below)).kept(where: z) { $0 < 0 }
      return above * (raised.transposed(s) + lowered.transposed(t))
        + below * (lowered.transposed(s) + raised.transposed(t))
    case .squaredWeights:
      let squares = map.map { $0 * $0 }
      return squares.transposed(r.shared(by: squares(x.ones)))
    case .flat:
      let equal = AffineMap(map.rows.map { $0.map { $0 == 0 ? 0 : 1 } })
      return equal.transposed(r.shared(by: equal.product(x.ones)))
    default:
      Issue.record("no formula for \(description)")
      return Vector(zeros: x.count)
    }
  }

  /// The box rule; each element has its channel's bounds.
  fileprivate static func boxed(
    _ r: Vector, _ x: Vector, _ map: AffineMap, low: Vector, high: Vector
  ) -> Vector {
    let (up, down) = (map.positive, map.negative)
    let s = r.shared(by: map.product(x) - up.product(low) - down.product(high))
    return x * map.transposed(s) - low * up.transposed(s) - high * down.transposed(s)
  }
}

/// A network of one ONNX node.
struct OneNode: Sendable, CustomTestStringConvertible {
  var operation: String
  /// One example of each input.
  var shapes: [[Int]]
  var weights: [Int]?
  var biasCount = 0
  var hasBias = false
  var attributes: [String: ModelDraft.Attribute] = [:]
  /// What tells it from others of the operation.
  var note: String

  var testDescription: String { "\(operation) \(note)\(hasBias ? " with bias" : "")" }

  /// The elements of a channel that lie one behind the other, and the number of channels.
  var channels: (stride: Int, count: Int) {
    ["MatMul", "Gemm"].contains(operation)
      ? (1, shapes[0].last!) : (shapes[0].dropFirst().reduce(1, *), shapes[0][0])
  }

  /// The node alone, or with a rectifier ahead of it, another one behind it and a dense layer at the end.
  func network(isRectified: Bool = false, outputs: Int = 0) throws -> Network {
    var draft = ModelDraft()
    var operands: [String] = []
    for (index, shape) in shapes.enumerated() {
      draft.input("x\(index)", [nil] + shape.map { $0 })
      operands.append("x\(index)")
      if isRectified {
        draft.node("Relu", ["x\(index)"], ["a\(index)"])
        operands[index] = "a\(index)"
      }
    }
    if let weights {
      draft.initialiser("w", Self.sixteenths(weights, seed: 31))
      operands.append("w")
    }
    let isApart = hasBias && operation == "MatMul"
    if hasBias {
      draft.initialiser("b", Self.sixteenths([biasCount], seed: 32))
      if !isApart { operands.append("b") }
    }
    if operation == "BatchNormalization" {
      for (index, name) in ["scale", "shift", "mean"].enumerated() {
        draft.initialiser(name, Self.sixteenths([3], seed: UInt64(33 + index)))
      }
      draft.initialiser("variance", Tensor(shape: [3], [Float(0.75), 3.75, 15.75]))
      operands += ["scale", "shift", "mean", "variance"]
    }
    draft.node(operation, operands, [isApart ? "plain" : "z"], name: "layer", attributes)
    if isApart { draft.node("Add", ["plain", "b"], ["z"], name: "layer/Add") }
    if isRectified {
      draft.node("Relu", ["z"], ["h"])
      draft.node("Flatten", ["h"], ["flat"])
      draft.initialiser("head", normalTensor([outputs, 3], seed: 36))
      draft.node("MatMul", ["flat", "head"], ["out"])
      draft.output("out", [nil, 3])
    } else {
      draft.output("z")
    }
    return try Network(bytes: draft.bytes())
  }

  /// Draws in sixteenths other than 0: what rules derive from them, such as squares, is exact in single precision.
  private static func sixteenths(_ shape: [Int], seed: UInt64) -> Tensor {
    Tensor(
      shape: shape,
      normalTensor(shape, seed: seed).floats.map { draw in
        let number = (16 * draw).rounded()
        return (number == 0 ? 1 : number) / 16
      })
  }

  // MARK: Layers with weights

  private static func window(_ rank: Int, _ more: [String: ModelDraft.Attribute] = [:]) -> [String:
    ModelDraft.Attribute]
  {
    [
      "kernel_shape": .ints(Array([3, 2, 2].prefix(rank))), "strides": .ints(Array([2, 1, 1].prefix(rank))),
      "pads": .ints(Array([1, 0, 1].prefix(rank)) + Array([0, 1, 0].prefix(rank))),
    ].merging(more) { $1 }
  }

  private static func convolution(_ rank: Int, groups: Int) -> OneNode {
    OneNode(
      operation: "Conv", shapes: [[4] + Array([5, 4, 3].prefix(rank))],
      weights: [6, 4 / groups] + Array([3, 2, 2].prefix(rank)), biasCount: 6,
      attributes: window(
        rank, ["group": .int(groups), "dilations": .ints(Array([1, 2, 1].prefix(rank)))]),
      note: "\(rank)d, \(groups) groups")
  }

  private static func transposed(_ rank: Int, groups: Int) -> OneNode {
    OneNode(
      operation: "ConvTranspose", shapes: [[4] + Array([4, 3, 2].prefix(rank))],
      weights: [4, 6 / groups] + Array([3, 2, 2].prefix(rank)), biasCount: 6,
      attributes: window(
        rank, ["group": .int(groups), "output_padding": .ints(Array([1, 0, 0].prefix(rank)))]),
      note: "\(rank)d, \(groups) groups")
  }

  static let layers: [OneNode] = [false, true].flatMap { hasBias -> [OneNode] in
    let dense = [
      OneNode(
        operation: "Gemm", shapes: [[7]], weights: [5, 7], biasCount: 5, attributes: ["transB": .int(1)],
        note: "of rows"),
      OneNode(operation: "MatMul", shapes: [[7]], weights: [7, 5], biasCount: 5, note: "of rows"),
      OneNode(operation: "MatMul", shapes: [[3, 7]], weights: [7, 5], biasCount: 5, note: "of tokens"),
    ]
    let spatial = (1...3).flatMap { rank in
      [1, 2].flatMap { [convolution(rank, groups: $0), transposed(rank, groups: $0)] }
    }
    return (dense + spatial).map { node in
      var node = node
      node.hasBias = hasBias
      return node
    }
  }

  // MARK: Without weights

  /// Sums and means, which the norm rule is for.
  static let sums: [OneNode] =
    (1...3).flatMap { rank in
      [0, 1].map { included in
        OneNode(
          operation: "AveragePool", shapes: [[2] + Array([5, 4, 3].prefix(rank))],
          attributes: window(rank, ["count_include_pad": .int(included)]),
          note: "\(rank)d, \(included == 1 ? "with" : "without") padding")
      }
    } + [
      OneNode(operation: "GlobalAveragePool", shapes: [[3, 4, 2]], note: "2d"),
      OneNode(
        operation: "ReduceMean", shapes: [[3, 4, 2]], attributes: ["axes": .ints([2]), "keepdims": .int(0)],
        note: "of an axis"),
      OneNode(operation: "Add", shapes: [[3, 4], [3, 4]], note: "of two"),
      OneNode(operation: "Add", shapes: [[3, 4], [3, 1]], note: "of two, one repeated"),
      OneNode(operation: "Sub", shapes: [[3, 4], [3, 4]], note: "of two"),
      OneNode(
        operation: "BatchNormalization", shapes: [[3, 4, 2]], attributes: ["epsilon": .float(0.25)],
        note: "behind nothing"),
    ]
}

/// Every rule against its definition in matrix form, in double precision, at networks of one ONNX node whose matrix is
/// read off by unit vectors: layers with weights of one to three axes, with and without groups and biases, and what
/// adds up without weights.
@Suite struct RelevanceGridTests {
  private static let rules: [RelevanceRule] = [
    .epsilon(1e-6), .epsilon(0.3), .epsilon(0), .epsilon(0.3, bias: .ignored), .epsilon(0.3, bias: .spread),
    .zPlus, .alphaBeta(alpha: 2, beta: 1), .alphaBeta(alpha: 1.5, beta: 0.5),
    .alphaBeta(alpha: 1, beta: 0, ignoresBias: true), .alphaBeta(alpha: 2, beta: 1, ignoresBias: true),
    .gamma(0), .gamma(0.25), .gamma(100), .squaredWeights, .flat,
  ]

  /// Draws of one example for each input, and a draw for each output.
  private func draws(_ network: Network, outputs: Int) throws -> (x: [Tensor], r: Vector) {
    var random = RandomNumbers(seed: 41)
    func draw(_ count: Int) -> [Double] { (0..<count).map { _ in random.normal() } }
    let x = try network.inputShapes(batch: 1).map { Tensor(shape: $0, draw($0.reduce(1, *))) }
    return (x, Vector(draw(outputs)))
  }

  /// What arrives at the inputs, one behind the other.
  private func found(
    _ composite: Composite, _ network: Network, _ x: [Tensor], _ r: Vector
  ) throws -> Vector {
    var graph = try network.graph()
    try graph.apply(Pass.canonical)
    let y = graph.outputs[0]
    var back = try graph.backward(
      from: y, to: graph.inputs, rules: composite.rules(for: graph, from: y))
    back.graph.outputs = try back.cotangents.map { try #require($0) }
    let seed = Tensor(shape: graph.type(of: y).shape, r.elements)
    return Vector(try back.graph.interpreted(x + [seed], as: .float64))
  }

  private func expectClose(
    _ found: Vector, _ expected: Vector, _ comment: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    let error = (found - expected).largest, largest = expected.largest
    #expect(
      largest > 0 && error <= tolerance * max(1, largest), "\(comment): off by \(error) of \(largest)",
      sourceLocation: sourceLocation)
  }

  /// One rule for all layers.
  private func composite(_ rule: RelevanceRule) -> Composite {
    Composite("one", convolution: rule, dense: rule)
  }

  @Test(arguments: OneNode.layers)
  func layersWithWeights(_ node: OneNode) throws {
    let network = try node.network(), map = try AffineMap(of: network)
    let (inputs, r) = try draws(network, outputs: map.bias.count), x = Vector(inputs)
    #expect(node.hasBias == (map.bias.largest > 0))
    for rule in Self.rules {
      expectClose(
        try found(composite(rule), network, inputs, r), rule.relevance(r, x, map), rule.description)
    }
  }

  /// Bounds for all channels, and for each.
  @Test(arguments: OneNode.layers)
  func boxes(_ node: OneNode) throws {
    let network = try node.network(), map = try AffineMap(of: network)
    let (inputs, r) = try draws(network, outputs: map.bias.count), x = Vector(inputs)
    let (stride, count) = node.channels
    let places = (0..<count).map { Double($0) }
    let bounds: [(low: [Double], high: [Double])] = [
      ([-3], [3]), (places.map { -3 - 0.125 * $0 }, places.map { 3 + 0.25 * $0 }),
    ]
    for (low, high) in bounds {
      func spread(_ bounds: [Double]) -> Vector {
        Vector((0..<x.count).map { bounds[bounds.count == 1 ? 0 : $0 / stride % count] })
      }
      expectClose(
        try found(composite(.box(low: low, high: high)), network, inputs, r),
        RelevanceRule.boxed(r, x, map, low: spread(low), high: spread(high)), "\(low.count) bounds")
    }
  }

  /// Behind one rectifier and ahead of another: inputs are known not to be negative, and relevance is 0 wherever a unit
  /// is shut, for which the rules have shorter forms.
  @Test(arguments: OneNode.layers)
  func layersBetweenRectifiers(_ node: OneNode) throws {
    let map = try AffineMap(of: node.network()), outputs = map.bias.count
    let network = try node.network(isRectified: true, outputs: outputs)
    let (inputs, r) = try draws(network, outputs: 3), a = Vector(inputs).positive, h = map(a).positive
    let head = normalTensor([outputs, 3], seed: 36).floats
    let rows = (0..<3).map { j in Vector((0..<outputs).map { Double(head[$0 * 3 + j]) }) }
    let arriving = RelevanceRule.epsilon(1e-6).relevance(r, h, AffineMap(rows))
    for rule in Self.rules {
      // What is spread to a shut unit goes on by magnitudes alone.
      if case .epsilon(_, .spread) = rule { continue }
      var composite = Composite.epsilon(1e-6)
      composite.assignments = [Composite.Assignment(rule, depths: 1...1)]
      expectClose(
        try found(composite, network, inputs, r), rule.relevance(arriving, a, map), rule.description)
    }
  }

  /// Rules by name are those of all layers, also where import gives a layer's bias a node of the same name.
  @Test(arguments: OneNode.layers)
  func rulesByName(_ node: OneNode) throws {
    let network = try node.network(), map = try AffineMap(of: network)
    let (inputs, r) = try draws(network, outputs: map.bias.count)
    for rule in [RelevanceRule.zPlus, .epsilon(0.25)] {
      var named = Composite.epsilon()
      named.assignments = [Composite.Assignment(rule, names: "*layer*")]
      expectClose(
        try found(named, network, inputs, r), try found(composite(rule), network, inputs, r), rule.description
      )
    }
  }

  /// The norm rule: epsilon for what is linear without weights.
  @Test(arguments: OneNode.sums)
  func sumsAndMeans(_ node: OneNode) throws {
    let network = try node.network(), map = try AffineMap(of: network)
    let (inputs, r) = try draws(network, outputs: map.bias.count), x = Vector(inputs)
    for epsilon in [1e-6, 0.3] {
      var composite = Composite.epsilon()
      composite.epsilon = epsilon
      expectClose(
        try found(composite, network, inputs, r), RelevanceRule.epsilon(epsilon).relevance(r, x, map),
        "ε = \(epsilon)")
    }
  }

  /// `|a| / (|a| + |b|)`, which never cancels.
  @Test(arguments: OneNode.sums.filter { $0.shapes.count == 2 && $0.shapes[0] == $0.shapes[1] })
  func sumsByMagnitude(_ node: OneNode) throws {
    let network = try node.network()
    let (inputs, r) = try draws(network, outputs: 12), sizes = inputs.map { Vector([$0]).magnitudes }
    var composite = Composite.epsilon()
    composite.sharesByMagnitude = true
    let shares = sizes.map { $0 * r.shared(by: sizes[0] + sizes[1]) }
    expectClose(
      try found(composite, network, inputs, r), Vector(shares.flatMap(\.elements)), "magnitudes")
  }

  /// Activations hand on what they get, also where their derivative is 0 or their result.
  @Test(arguments: [
    "Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "Tanh", "Softplus", "Softsign", "HardSwish",
    "ThresholdedRelu", "Celu",
  ])
  func activationsPass(_ operation: String) throws {
    let network = try OneNode(operation: operation, shapes: [[3, 4]], note: "").network()
    let (inputs, r) = try draws(network, outputs: 12)
    #expect(try found(.epsilon(), network, inputs, r).elements == r.elements)
  }

  /// Of overlapping windows every one gives all to its winner.
  @Test(arguments: 1...3)
  func maximaGiveToTheWinner(_ rank: Int) throws {
    let extents = Array([5, 4, 3].prefix(rank)), windows = extents.map { $0 - 1 }
    let node = OneNode(
      operation: "MaxPool", shapes: [[1] + extents],
      attributes: ["kernel_shape": .ints(Array(repeating: 2, count: rank))], note: "\(rank)d")
    let network = try node.network()
    let (inputs, r) = try draws(network, outputs: windows.reduce(1, *)), x = Vector(inputs)
    /// Coordinates of a place in row-major order.
    func coordinates(_ place: Int, _ extents: [Int]) -> [Int] {
      var rest = place, found: [Int] = []
      for extent in extents.reversed() {
        found.append(rest % extent)
        rest /= extent
      }
      return found.reversed()
    }
    var expected = Vector(zeros: x.count)
    for (window, relevance) in r.elements.enumerated() {
      let corner = coordinates(window, windows)
      let inside = (0..<x.count).filter { place in
        zip(coordinates(place, extents), corner).allSatisfy { $0 == $1 || $0 == $1 + 1 }
      }
      expected.elements[inside.max { x.elements[$0] < x.elements[$1] }!] += relevance
    }
    expectClose(try found(.epsilon(), network, inputs, r), expected, "winners")
  }

  // MARK: Composites

  private static let epsilon = RelevanceRule.epsilon(1e-6)
  /// Composites with their rules for dense layers, convolutions, the first convolution, and activations.
  private static let composites:
    [(Composite, dense: RelevanceRule, RelevanceRule, RelevanceRule, activation: String)] =
      [
        (.epsilonPlus, epsilon, .zPlus, .zPlus, "pass"),
        (.epsilonPlusFlat, epsilon, .zPlus, .flat, "pass"),
        (.epsilonAlpha2Beta1, epsilon, .alphaBeta(alpha: 2, beta: 1), .alphaBeta(alpha: 2, beta: 1), "pass"),
        (.epsilonAlpha2Beta1Flat, epsilon, .alphaBeta(alpha: 2, beta: 1), .flat, "pass"),
        (
          .epsilonGammaBox(low: [-1], high: [1]), epsilon, .gamma(0.25), .box(low: [-1], high: [1]), "pass"
        ),
        (.excitationBackprop(), .zPlus, .zPlus, .zPlus, "gradient"),
        (.gamma(), .gamma(0.25), .gamma(0.25), .gamma(0.25), "pass"),
      ]

  /// From the output back to the input, each node of a convolutional network has the rule of its kind and place.
  @Test func compositesChooseByKindAndPlace() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2, 8, 8])
    draft.initialiser("w1", normalTensor([3, 2, 3, 3], seed: 1))
    draft.initialiser("w2", normalTensor([4, 3, 3, 3], seed: 2))
    draft.initialiser("w3", normalTensor([16, 5], seed: 3))
    draft.initialiser("w4", normalTensor([5, 2], seed: 4))
    let pads: [String: ModelDraft.Attribute] = ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])]
    let halves: [String: ModelDraft.Attribute] = ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])]
    draft.node("Conv", ["x", "w1"], ["z1"], pads)
    draft.node("Relu", ["z1"], ["a1"])
    draft.node("MaxPool", ["a1"], ["p1"], halves)
    draft.node("Conv", ["p1", "w2"], ["z2"], pads)
    draft.node("Sigmoid", ["z2"], ["a2"])
    draft.node("AveragePool", ["a2"], ["p2"], halves)
    draft.node("Flatten", ["p2"], ["flat"])
    draft.node("Gemm", ["flat", "w3"], ["z3"])
    draft.node("Tanh", ["z3"], ["a3"])
    draft.node("Gemm", ["a3", "w4"], ["out"])
    draft.output("out", [nil, 2])
    var graph = try Network(bytes: draft.bytes()).graph()
    try graph.apply(Pass.canonical)
    for (composite, dense, convolution, first, activation) in Self.composites {
      let y = graph.outputs[0]
      let back = try graph.backward(from: y, to: graph.inputs, rules: composite.rules(for: graph, from: y))
      #expect(
        back.steps.map(\.rule) == [
          dense.description, activation, dense.description, "gradient", "proportional", activation,
          convolution.description, "gradient", activation, first.description,
        ], "\(composite.name)")
    }
  }

  // MARK: Attention

  /// With ε = 0 the rules are input times gradient, where values receive half, and queries and keys a quarter each; or
  /// values all, where attention counts as constant.
  ///
  /// - Source: Achtibat et al., "AttnLRP", 2024; Ali et al., "XAI for Transformers", 2022.
  @Test func attentionIsInputTimesAGradient() throws {
    let head = AttentionHead(), network = try head.network()
    let x = [Tensor(shape: [1, 4, 3], head.x.elements)]
    var halves = Composite.epsilon(0)
    (halves.attention, halves.epsilon) = (.halves, 0)
    let expected = head.relevance(ofValues: 0.5, ofScores: 0.25)
    expectClose(try found(halves, network, x, [expected.output]), expected.relevance, "halves")
    var constant = Composite.epsilon(0)
    constant.epsilon = 0
    let values = head.relevance(ofValues: 1, ofScores: 0)
    expectClose(try found(constant, network, x, [values.output]), values.relevance, "constant")
    // Where attention counts as constant, all of the output is shared out.
    #expect(abs(values.relevance.sum - values.output) < 1e-9 * max(1, abs(values.output)))
  }
}

/// One head of attention on four tokens of width 3, and one output, a weighted sum of all that it mixes.
private struct AttentionHead {
  typealias Matrix = [[Double]]
  let x: Vector
  private let tokens: Matrix, q: Matrix, k: Matrix, v: Matrix, out: Matrix

  init() {
    var random = RandomNumbers(seed: 51)
    func draw(_ rows: Int, _ columns: Int) -> Matrix {
      // Exact in single precision, in which the file holds them.
      (0..<rows).map { _ in (0..<columns).map { _ in Double(Float(random.normal())) } }
    }
    (tokens, q, k, v, out) = (draw(4, 3), draw(3, 3), draw(3, 3), draw(3, 3), draw(4, 3))
    x = Vector(tokens.flatMap { $0 })
  }

  func network() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 4, 3])
    func constant(_ name: String, _ shape: [Int], _ matrix: Matrix) {
      draft.initialiser(name, Tensor(shape: shape, matrix.flatMap { $0.map { Float($0) } }))
    }
    for (name, matrix) in [("q", q), ("k", k), ("v", v)] {
      constant("w" + name, [3, 3], matrix)
      draft.node("MatMul", ["x", "w" + name], [name])
    }
    constant("half", [], [[0.5]])
    constant("out", [12, 1], out)
    draft.node("Transpose", ["k"], ["kt"], ["perm": .ints([0, 2, 1])])
    draft.node("MatMul", ["q", "kt"], ["products"])
    draft.node("Mul", ["products", "half"], ["scores"])
    draft.node("Softmax", ["scores"], ["attention"], ["axis": .int(-1)])
    draft.node("MatMul", ["attention", "v"], ["mixed"])
    draft.node("Flatten", ["mixed"], ["flat"])
    draft.node("MatMul", ["flat", "out"], ["y"])
    draft.output("y", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  private func product(_ a: Matrix, _ b: Matrix) -> Matrix {
    a.map { row in b[0].indices.map { j in row.indices.reduce(0) { $0 + row[$1] * b[$1][j] } } }
  }

  private func transposed(_ a: Matrix) -> Matrix { a[0].indices.map { j in a.map { $0[j] } } }

  /// Input times a gradient of which values receive one share, and queries and keys another; and the output.
  func relevance(ofValues: Double, ofScores: Double) -> (relevance: Vector, output: Double) {
    let (queries, keys, values) = (product(tokens, q), product(tokens, k), product(tokens, v))
    let attention = product(queries, transposed(keys)).map { row in
      let powers = row.map { exp(0.5 * $0) }, total = powers.reduce(0, +)
      return powers.map { $0 / total }
    }
    let ofAttention = product(out, transposed(values))
    let ofProducts = zip(attention, ofAttention).map { weights, gradient in
      let mean = zip(weights, gradient).reduce(0) { $0 + $1.0 * $1.1 }
      return zip(weights, gradient).map { 0.5 * $0 * ($1 - mean) }
    }
    let parts = [
      (product(product(transposed(attention), out), transposed(v)), ofValues),
      (product(product(ofProducts, keys), transposed(q)), ofScores),
      (product(product(transposed(ofProducts), queries), transposed(k)), ofScores),
    ]
    let gradient = parts.reduce(Vector(zeros: x.count)) { $0 + $1.1 * Vector($1.0.flatMap { $0 }) }
    let mixed = Vector(product(attention, values).flatMap { $0 })
    return (x * gradient, (mixed * Vector(out.flatMap { $0 })).sum)
  }
}
