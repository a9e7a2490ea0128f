import NoemaGraph
import NoemaTensor
import Testing

/// A small network from an input `x` to two class outputs, for decompositions.
struct BiasNetwork: Sendable, CustomTestStringConvertible {
  var name: String
  /// The input's shape, examples first.
  var shape: [Int] = [2, 2, 6, 5]
  /// Whether nothing but constants that are added keeps it from being homogeneous.
  var isHomogeneous = false
  var make: @Sendable (inout Graph, Value) throws -> Value
  var testDescription: String { name }

  /// The network, its input and its output.
  func graph() throws -> (graph: Graph, x: Value, y: Value) {
    var graph = Graph()
    let x = graph.addInput(TensorType(shape), name: "x")
    let y = try make(&graph, x)
    graph.outputs = [y]
    return (graph, x, y)
  }

  /// An input, and what each class output of each example counts.
  func inputs() -> [Tensor] {
    let choice = Tensor(shape: [2, 2], [1.0, 0, 0.25, -1])
    return [
      Tensor(shape: shape, normalTensor(shape, seed: 77).elements(as: Float.self).map { Double($0) }), choice,
    ]
  }
}

extension Graph {
  /// A constant of normal numbers.
  mutating func draw(_ shape: [Int], _ seed: UInt64, around centre: Float = 0) -> Value {
    let numbers = normalTensor(shape, seed: seed).elements(as: Float.self)
    return addConstant(Tensor(shape: shape, numbers.map { centre + 0.7 * $0 }))
  }

  mutating func convolve(
    _ x: Value, _ channels: Int, seed: UInt64, padding: Int = 1, strides: [Int] = [1, 1], hasBias: Bool = true
  ) throws -> Value {
    let weights = draw([channels, type(of: x).shape[1], 3, 3], seed)
    let window = Window(kernel: [3, 3], strides: strides, paddingBefore: [padding, padding])
    let bias = hasBias ? [draw([channels], seed + 1)] : []
    return try add(
      Convolution(window: window, hasBias: hasBias), [x, weights] + bias, name: "convolution \(seed)")[0]
  }

  mutating func normalize(_ x: Value, seed: UInt64) throws -> Value {
    let channels = type(of: x).shape[1]
    let statistics = (0..<3).map { draw([channels], seed + UInt64($0)) }
    let variance = addConstant(Tensor(shape: [channels], (0..<channels).map { 0.5 + Float($0) }))
    return try add(BatchNormalization(epsilon: 1e-3), [x] + statistics + [variance])[0]
  }

  mutating func dense(_ x: Value, _ units: Int, seed: UInt64, hasBias: Bool = true) throws -> Value {
    let weights = draw([type(of: x).shape.last!, units], seed)
    let bias = hasBias ? [draw([units], seed + 1)] : []
    return try add(MatMul(hasBias: hasBias), [x, weights] + bias, name: "dense \(seed)")[0]
  }

  /// Two classes from a map of channels, by means over positions.
  mutating func classify(_ map: Value, seed: UInt64 = 90) throws -> Value {
    let axes = Array(2..<type(of: map).rank)
    return try dense(apply(Reduction(.mean, axes: axes, keepsAxes: false), map), 2, seed: seed)
  }

  /// Two classes from everything.
  mutating func flatten(_ x: Value, seed: UInt64 = 95) throws -> Value {
    let shape = type(of: x).shape
    return try dense(
      apply(Reshape(shape: [shape[0], shape.dropFirst().reduce(1, *)]), x), 2, seed: seed)
  }
}

extension BiasNetwork {
  static let all: [BiasNetwork] = images + tables + tokens

  static let images: [BiasNetwork] = [
    BiasNetwork(name: "convolution, batch normalisation, rectifier", isHomogeneous: true) { graph, x in
      let normal = try graph.normalize(graph.convolve(x, 3, seed: 1), seed: 3)
      return try graph.classify(
        graph.convolve(graph.apply(Unary(.relu), normal), 4, seed: 7, strides: [2, 1]))
    },
    BiasNetwork(name: "padding by a number", isHomogeneous: true) { graph, x in
      let pad = Pad(before: [0, 0, 2, 1], after: [0, 0, 0, 3], fill: 0.7)
      let map = try graph.convolve(graph.apply(pad, x), 3, seed: 1, padding: 0, hasBias: false)
      return try graph.flatten(graph.apply(Unary(.leakyReLU(slope: 0.2)), map))
    },
    BiasNetwork(name: "ReLU6") { graph, x in
      let map = try graph.convolve(
        graph.apply(Binary(.mul), x, graph.addConstant(Tensor(Float(4)))), 4, seed: 1)
      return try graph.classify(
        graph.convolve(graph.apply(Unary(.clip(lower: 0, upper: 6)), map), 3, seed: 5))
    },
    BiasNetwork(name: "GELU and a gate") { graph, x in
      let map = try graph.apply(Unary(.gelu), graph.convolve(x, 4, seed: 1))
      let gate = try graph.apply(Unary(.sigmoid), graph.convolve(map, 4, seed: 5))
      return try graph.classify(graph.apply(Binary(.mul), map, gate))
    },
    BiasNetwork(name: "residual addition", isHomogeneous: true) { graph, x in
      let map = try graph.apply(Unary(.relu), graph.convolve(x, 3, seed: 1))
      let branch = try graph.convolve(graph.apply(Unary(.relu), graph.convolve(map, 3, seed: 4)), 3, seed: 8)
      let moved = try graph.apply(Binary(.sub), branch, graph.apply(Unary(.abs), map))
      return try graph.classify(graph.apply(Unary(.relu), graph.apply(Binary(.add), moved, map)))
    },
    BiasNetwork(name: "poolings", isHomogeneous: true) { graph, x in
      let map = try graph.convolve(x, 3, seed: 1)
      let highest = try graph.apply(
        MaxPool(window: Window(kernel: [3, 2], strides: [2, 1], paddingBefore: [1, 0])), map)
      let window = Window(kernel: [2, 3], strides: [1, 1], paddingBefore: [1, 1])
      let mean = try graph.apply(
        AveragePool(window: window, countsPadding: false, declaredPaddingAfter: [1, 1]), highest)
      let top = try graph.apply(
        Reduction(.max, axes: [2], keepsAxes: false), graph.convolve(mean, 3, seed: 5))
      return try graph.flatten(top)
    },
    BiasNetwork(name: "transposed convolution and interpolation", isHomogeneous: true) { graph, x in
      // Steps of 3 with a kernel of 2 leave out positions that are made of the bias alone.
      let up = ConvolutionInputGradient(
        window: Window(kernel: [2, 2], strides: [3, 2]), extents: [17, 10])
      var map = try graph.apply(up, x, graph.draw([2, 3, 2, 2], 1), name: "up")
      map = try graph.apply(Binary(.add), map, graph.draw([3, 1, 1], 2))
      let half = AxisMap(
        axis: 2, extent: 17,
        sums: (0..<8).map { [(source: 2 * $0, weight: 0.5), (source: 2 * $0 + 1, weight: 0.5)] })
      return try graph.classify(graph.apply(Unary(.relu), graph.apply(half, map)))
    },
    BiasNetwork(name: "squeeze and excitation") { graph, x in
      let map = try graph.apply(Unary(.relu), graph.convolve(x, 4, seed: 1))
      let parameters = [
        graph.draw([2, 4, 1, 1], 5), graph.draw([2], 6), graph.draw([4, 2, 1, 1], 7), graph.draw([4], 8),
      ]
      return try graph.classify(
        graph.add(SqueezeExcite(activation: .relu, gate: .sigmoid), [map] + parameters)[0])
    },
    BiasNetwork(name: "channels joined with constants and split", isHomogeneous: true) { graph, x in
      let map = try graph.convolve(x, 3, seed: 1)
      let joined = try graph.add(Concatenation(axis: 1), [map, graph.draw([2, 2, 6, 5], 4), map])[0]
      let parts = try graph.add(Split(axis: 1, sizes: [4, 4]), [joined])
      return try graph.classify(
        graph.apply(Binary(.max), graph.apply(Unary(.relu), parts[0]), graph.apply(Unary(.relu), parts[1])))
    },
  ]

  static let tables: [BiasNetwork] = [
    BiasNetwork(name: "smooth functions", shape: [2, 7]) { graph, x in
      var y = try graph.apply(Unary(.tanh), graph.dense(x, 6, seed: 1))
      y = try graph.apply(Unary(.softplus), graph.dense(y, 6, seed: 3))
      y = try graph.apply(Unary(.log), y)
      return try graph.apply(Softmax(axis: 1, isLogarithmic: true), graph.dense(y, 2, seed: 5))
    },
    BiasNetwork(name: "quotients and powers", shape: [2, 7]) { graph, x in
      let y = try graph.dense(x, 6, seed: 1)
      let one = graph.addConstant(Tensor(Float(1))), two = graph.addConstant(Tensor(Float(2)))
      let square = try graph.apply(Binary(.pow), y, two)
      let below = try graph.apply(Binary(.add), square, one)
      let share = try graph.apply(Binary(.div), y, below)
      let inverse = try graph.apply(Binary(.div), two, below)
      let difference = try graph.apply(Binary(.sub), one, share)
      return try graph.dense(graph.add(Concatenation(axis: 1), [difference, inverse])[0], 2, seed: 3)
    },
    BiasNetwork(name: "extrema with numbers", shape: [2, 7]) { graph, x in
      let y = try graph.dense(x, 6, seed: 1)
      let low = graph.addConstant(Tensor(Float(-0.5))), high = graph.draw([6], 4)
      let bounded = try graph.apply(Binary(.min), graph.apply(Binary(.max), y, low), high)
      return try graph.dense(bounded, 2, seed: 3)
    },
    BiasNetwork(name: "extrema with 0", shape: [2, 7], isHomogeneous: true) { graph, x in
      let zero = graph.addConstant(Tensor(Float(0)))
      let y = try graph.apply(Binary(.max), graph.dense(x, 6, seed: 1), zero)
      return try graph.dense(y, 2, seed: 3)
    },
    BiasNetwork(name: "selection by data, and steps", shape: [2, 7], isHomogeneous: true) { graph, x in
      let y = try graph.dense(x, 6, seed: 1)
      let zero = graph.addConstant(Tensor(Float(0)))
      let isHigh = try graph.apply(Comparison(function: .greater), y, zero)
      let chosen = try graph.apply(Select(), isHigh, y, graph.draw([6], 4))
      // A step has no derivative: what it adds is a constant here.
      let stepped = try graph.apply(Binary(.add), chosen, graph.apply(Unary(.floor), y))
      return try graph.dense(stepped, 2, seed: 5)
    },
    BiasNetwork(name: "products of all and running sums", shape: [2, 4]) { graph, x in
      let y = try graph.dense(x, 3, seed: 1)
      let whole = try graph.apply(Reduction(.product, axes: [1], keepsAxes: true), y)
      let running = try graph.apply(CumulativeSum(axis: 1), y)
      return try graph.dense(graph.apply(Binary(.add), running, whole), 2, seed: 3)
    },
    BiasNetwork(name: "threshold", shape: [2, 7], isHomogeneous: true) { graph, x in
      let y = try graph.dense(x, 6, seed: 1)
      return try graph.dense(graph.apply(Gate(lower: 0.4), y, y), 2, seed: 3)
    },
  ]

  private static let heads: @Sendable (inout Graph, Value, UInt64) throws -> Value = { graph, x, seed in
    try graph.apply(Reshape(shape: [2, 1, 5, 4]), graph.dense(x, 4, seed: seed))
  }

  static let tokens: [BiasNetwork] = [
    BiasNetwork(name: "layer normalisation", shape: [2, 5, 4]) { graph, x in
      let norm = LayerNormalization(axisCount: 1, epsilon: 1e-5, hasScale: true, hasBias: true)
      let y = try graph.apply(norm, graph.dense(x, 6, seed: 1), graph.draw([6], 3), graph.draw([6], 4))
      let root = LayerNormalization(axisCount: 2, epsilon: 1e-5, centres: false)
      return try graph.flatten(graph.apply(root, graph.dense(y, 3, seed: 5)))
    },
    BiasNetwork(name: "attention as a block", shape: [2, 5, 4]) { graph, x in
      let (q, k, v) = (try heads(&graph, x, 1), try heads(&graph, x, 3), try heads(&graph, x, 5))
      return try graph.flatten(graph.apply(ScaledDotProductAttention(scale: 0.5), q, k, v))
    },
    BiasNetwork(name: "attention with a mask of −∞", shape: [2, 5, 4]) { graph, x in
      let (q, k, v) = (try heads(&graph, x, 1), try heads(&graph, x, 3), try heads(&graph, x, 5))
      let mask = graph.addConstant(Tensor(shape: [5, 5], (0..<25).map { $0 % 5 <= $0 / 5 }))
      let never = graph.addConstant(Tensor(-Float.infinity))
      let scores = try graph.apply(
        Select(), mask, graph.apply(MatMul(transposesRight: true), q, k), never)
      return try graph.flatten(graph.apply(MatMul(), graph.apply(Softmax(axis: 3), scores), v))
    },
    BiasNetwork(name: "a class token, and tokens by tokens", shape: [2, 5, 4]) { graph, x in
      let joined = try graph.add(Concatenation(axis: 1), [graph.draw([2, 1, 4], 1), x])[0]
      let moved = try graph.apply(Binary(.add), joined, graph.draw([6, 4], 2))
      let products = try graph.apply(MatMul(transposesRight: true), moved, moved)
      let indices = graph.addConstant(Tensor(shape: [2], [Int64(0), 3]))
      return try graph.flatten(graph.apply(Gather(axis: 1), products, indices))
    },
    BiasNetwork(name: "weights before data", shape: [2, 5, 4], isHomogeneous: true) { graph, x in
      let y = try graph.apply(MatMul(), graph.draw([3, 5], 1), x, name: "mix")
      return try graph.flatten(
        graph.apply(Unary(.relu), graph.apply(Binary(.add), y, graph.draw([3, 1], 2))))
    },
  ]
}
