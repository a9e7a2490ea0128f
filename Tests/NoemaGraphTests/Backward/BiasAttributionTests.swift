import Foundation
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Float64 against a second implementation, as a share of the largest magnitude.
private let shareTolerance = 1e-10
/// Constants that are made of others, such as folded parameters and weights of means, are rounded to float32.
private let constantTolerance = 1e-7
/// Float32 kernels with denominators that may be small, against float64.
private let singleTolerance = 1e-4

@Suite struct BiasAttributionTests {
  static let splits: [BiasSplit] = [
    .contribution(), .contribution(temperature: 0.2), .compensation(temperature: 0.5), .signed(), .uniform,
    .proportional,
  ]

  /// A layer with weights: what the splits are about.
  struct Layer: Sendable, CustomTestStringConvertible {
    var name: String
    /// The input's shape, examples first, and the weights'.
    var shape, weights: [Int]
    var make: @Sendable (inout Graph, Value, Value) throws -> Value
    var testDescription: String { name }
  }

  private static func convolution(_ groups: Int, _ window: Window)
    -> @Sendable (inout Graph, Value, Value) throws
    -> Value
  {
    { graph, x, w in try graph.apply(Convolution(window: window, groups: groups, hasBias: false), x, w) }
  }

  static let layers: [Layer] = [
    Layer(name: "product", shape: [2, 7], weights: [7, 5]) { graph, x, w in try graph.apply(MatMul(), x, w) },
    Layer(name: "product with transposed weights", shape: [2, 3, 7], weights: [5, 7]) { graph, x, w in
      try graph.apply(MatMul(transposesRight: true), x, w)
    },
    Layer(name: "product of transposed data", shape: [2, 7, 3], weights: [7, 5]) { graph, x, w in
      try graph.apply(MatMul(transposesLeft: true), x, w)
    },
    Layer(name: "weights before data", shape: [2, 7, 3], weights: [5, 7]) { graph, x, w in
      try graph.apply(MatMul(), w, x)
    },
    Layer(name: "weights before data, both transposed", shape: [2, 3, 7], weights: [7, 5]) { graph, x, w in
      try graph.apply(MatMul(transposesLeft: true, transposesRight: true), w, x)
    },
    Layer(
      name: "convolution", shape: [2, 2, 5, 4], weights: [3, 2, 3, 2],
      make: convolution(
        1, Window(kernel: [3, 2], strides: [2, 1], paddingBefore: [1, 0], paddingAfter: [1, 1]))),
    Layer(
      name: "grouped and dilated convolution", shape: [2, 4, 7], weights: [6, 2, 3],
      make: convolution(2, Window(kernel: [3], dilations: [2], paddingBefore: [2], paddingAfter: [1]))),
    Layer(
      name: "depthwise convolution", shape: [2, 3, 4, 4], weights: [3, 1, 2, 2],
      make: convolution(3, Window(kernel: [2, 2], paddingBefore: [1, 1], paddingAfter: [0, 0]))),
    Layer(
      name: "convolution with windows of padding alone", shape: [2, 2, 3, 3], weights: [2, 2, 1, 1],
      make: convolution(1, Window(kernel: [1, 1], paddingBefore: [1, 0], paddingAfter: [1, 1]))),
    Layer(name: "transposed convolution", shape: [2, 4, 3, 2], weights: [4, 2, 3, 2]) { graph, x, w in
      let window = Window(kernel: [3, 2], strides: [2, 1], paddingBefore: [1, 0])
      return try graph.apply(ConvolutionInputGradient(window: window, groups: 2, extents: [5, 3]), x, w)
    },
    Layer(name: "transposed convolution with gaps", shape: [2, 2, 4], weights: [2, 3, 2]) { graph, x, w in
      try graph.apply(
        ConvolutionInputGradient(window: Window(kernel: [2], strides: [3]), extents: [11]), x, w)
    },
  ]

  private func draw(_ shape: [Int], _ seed: UInt64) -> [Double] {
    normalTensor(shape, seed: seed).elements(as: Float.self).map { Double($0) }
  }

  /// An input of both signs with zeros, whose second example is 0 throughout.
  private func input(_ shape: [Int]) -> [Double] {
    var x = draw(shape, 5)
    for i in x.indices where i % 4 == 1 || i >= x.count / 2 { x[i] = 0 }
    return x
  }

  /// The layer as a matrix of one example, for weights.
  private func matrix(_ layer: Layer, _ weights: [Double]) throws -> [[Double]] {
    var graph = Graph()
    let x = graph.addInput(TensorType(layer.shape, .float64), name: "x")
    let w = graph.addConstant(Tensor(shape: layer.weights, weights))
    graph.outputs = [try layer.make(&graph, x, w)]
    let size = layer.shape.dropFirst().reduce(1, *)
    var rows: [[Double]] = []
    for i in 0..<size {
      var unit = [Double](repeating: 0, count: 2 * size)
      unit[i] = 1
      let y = try graph.interpreted([Tensor(shape: layer.shape, unit)], as: .float64)[0]
      let column = y.elements(as: Double.self).prefix(y.count / 2)
      if rows.isEmpty { rows = column.map { _ in [Double](repeating: 0, count: size) } }
      for (j, value) in column.enumerated() { rows[j][i] = value }
    }
    return rows
  }

  /// What one unit gives the inputs that it reads, as the paper has it; all of them where it reads none.
  private func shares(
    _ split: BiasSplit, _ contributions: [Double], _ isRead: [Bool], _ mass: Double
  ) -> [Double] {
    let read = contributions.indices.filter { isRead[$0] }
    var result = [Double](repeating: 0, count: contributions.count)
    if read.isEmpty { return result.map { _ in mass / Double(result.count) } }
    func weights(_ s: Double) -> Double {
      switch split {
      case .contribution(let t): Foundation.exp(abs(s) / t)
      case .compensation(let t): Foundation.exp(-abs(s) / t)
      case .signed(let t): Foundation.exp(s * (mass < 0 ? -1 : 1) / t)
      case .uniform: 1
      case .proportional: abs(s)
      }
    }
    let parts = read.map { weights(contributions[$0]) }, total = parts.reduce(0, +)
    for (place, part) in zip(read, parts) {
      result[place] = mass * (total > 0 ? part / total : 1 / Double(read.count))
    }
    return result
  }

  private func largest(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } / max(b.reduce(0) { max($0, abs($1)) }, 1e-30)
  }

  /// One layer whose units hold given masses: an added constant, with the derivative 1.
  @Test(arguments: layers, splits)
  func layersShareAsDefined(_ layer: Layer, _ split: BiasSplit) throws {
    let weights = draw(layer.weights, 3), x = input(layer.shape)
    let rows = try matrix(layer, weights)
    let reach = try matrix(layer, weights.map { _ in 1 })
    let masses = draw([2, rows.count], 9)
    func build(_ element: ElementType) throws -> Graph {
      var graph = Graph()
      let input = graph.addInput(TensorType(layer.shape, element), name: "x")
      let w = graph.addConstant(Tensor(shape: layer.weights, weights).converted(to: element))
      let z = try layer.make(&graph, input, w)
      let shape = graph.type(of: z).shape
      let held = graph.addConstant(Tensor(shape: shape, masses).converted(to: element))
      let y = try graph.apply(Binary(.add), z, held)
      let seed = graph.addConstant(Tensor(shape: shape, repeating: 1.0).converted(to: element))
      let parts = try graph.addBiasDecomposition(of: y, seed: seed, at: [input])
      graph.outputs = try graph.addBiasAttribution(of: parts, split: split)
      return graph
    }
    let size = x.count / 2
    var expected = [Double](repeating: 0, count: x.count)
    for example in 0..<2 {
      for (unit, row) in rows.enumerated() {
        let contributions = row.indices.map { row[$0] * x[example * size + $0] }
        let given = shares(
          split, contributions, reach[unit].map { $0 != 0 }, masses[example * rows.count + unit])
        for i in 0..<size { expected[example * size + i] += given[i] }
      }
    }
    let exact = try build(.float64).interpreted([Tensor(shape: layer.shape, x)], as: .float64)[0]
    #expect(largest(exact.elements(as: Double.self), expected) < shareTolerance)
    let single = try Session(build(.float32)).run([Tensor(shape: layer.shape, x).converted(to: .float32)])[0]
    #expect(largest(single.converted(to: .float64).elements(as: Double.self), expected) < singleTolerance)
  }

  /// Whatever the network and the split: what arrives at the input is what the terms sum to.
  @Test(arguments: BiasNetwork.all, splits)
  func sharesSumToTheTerms(_ network: BiasNetwork, _ split: BiasSplit) throws {
    let built = try network.graph()
    var graph = built.graph
    let choice = graph.addInput(graph.type(of: built.y), name: "class")
    let parts = try graph.addBiasDecomposition(of: built.y, seed: choice, at: [built.x])
    graph.outputs = try graph.addBiasAttribution(of: parts, split: split) + parts.terms.map(\.product)
    let inputs = network.inputs()
    let exact = try graph.interpreted(inputs, as: .float64).map { $0.elements(as: Double.self) }
    let terms = exact.dropFirst().flatMap { $0 }
    let bias = terms.reduce(0, +), size = (terms + exact[0]).reduce(0) { $0 + abs($1) }
    #expect(abs(exact[0].reduce(0, +) - bias) < constantTolerance * size)
    #expect(exact[0].contains { $0 != 0 })
    let single = try Session(graph).run(inputs.map { $0.converted(to: .float32) })[0]
    let total = single.elements(as: Float.self).reduce(0) { $0 + Double($1) }
    #expect(abs(total - bias) < 1e-5 * size)
  }

  /// Three layers with rectifiers, step by step: the masses of units, split over inputs, and each layer's own share.
  @Test(arguments: splits)
  func massGoesDownLayerByLayer(_ split: BiasSplit) throws {
    let widths = [4, 6, 5, 2]
    let weights = (0..<3).map { draw([widths[$0], widths[$0 + 1]], UInt64(20 + $0)) }
    let biases = (0..<3).map { draw([widths[$0 + 1]], UInt64(30 + $0)) }
    let x = draw([4], 40), target = 1
    // Forward.
    var inputs: [[Double]] = [], sums: [[Double]] = [], h = x
    for layer in 0..<3 {
      let z = (0..<widths[layer + 1]).map { q in
        h.indices.reduce(biases[layer][q]) { $0 + h[$1] * weights[layer][$1 * widths[layer + 1] + q] }
      }
      inputs.append(h)
      sums.append(z)
      h = z.map { max($0, 0) }
    }
    // Derivatives at each layer's result.
    var gradients = [[Double]](repeating: [], count: 3)
    gradients[2] = [0, 1]
    for layer in [1, 0] {
      gradients[layer] = (0..<widths[layer + 1]).map { p in
        guard sums[layer][p] > 0 else { return 0 }
        return (0..<widths[layer + 2]).reduce(0) {
          $0 + weights[layer + 1][p * widths[layer + 2] + $1] * gradients[layer + 1][$1]
        }
      }
    }
    // Backward.
    var mass = [0, biases[2][target]]
    for layer in [2, 1, 0] {
      var below = [Double](repeating: 0, count: widths[layer])
      for q in mass.indices {
        let contributions = below.indices.map {
          weights[layer][$0 * widths[layer + 1] + q] * inputs[layer][$0]
        }
        let given = shares(split, contributions, below.map { _ in true }, mass[q])
        for p in below.indices { below[p] += given[p] }
      }
      if layer > 0 { for p in below.indices { below[p] += biases[layer - 1][p] * gradients[layer - 1][p] } }
      mass = below
    }
    var graph = Graph()
    let input = graph.addInput(TensorType([1, 4], .float64), name: "x")
    var y = input
    for layer in 0..<3 {
      let w = graph.addConstant(Tensor(shape: [widths[layer], widths[layer + 1]], weights[layer]))
      let b = graph.addConstant(Tensor(shape: [widths[layer + 1]], biases[layer]))
      y = try graph.apply(MatMul(hasBias: true), y, w, b)
      if layer < 2 { y = try graph.apply(Unary(.relu), y) }
    }
    let seed = graph.addConstant(Tensor(shape: [1, 2], [0.0, 1]))
    let parts = try graph.addBiasDecomposition(of: y, seed: seed, at: [input])
    graph.outputs = try graph.addBiasAttribution(of: parts, split: split)
    let found = try graph.interpreted([Tensor(shape: [1, 4], x)], as: .float64)[0].elements(as: Double.self)
    #expect(largest(found, mass) < shareTolerance)
  }

  /// Two values that are added are two inputs of a unit.
  @Test(arguments: splits)
  func sumsAreUnitsOfTwoInputs(_ split: BiasSplit) throws {
    let a = [3.0, -1, 0, 2], b = [-1.0, -1, 0, 0.5], mass = [2.0, -4, 6, -8]
    for isDifference in [false, true] {
      var graph = Graph()
      let values = ["a", "b"].map { graph.addInput(TensorType([1, 4], .float64), name: $0) }
      let sum = try graph.apply(Binary(isDifference ? .sub : .add), values[0], values[1])
      let y = try graph.apply(Binary(.add), sum, graph.addConstant(Tensor(shape: [1, 4], mass)))
      let seed = graph.addConstant(Tensor(shape: [1, 4], repeating: 1.0))
      let parts = try graph.addBiasDecomposition(of: y, seed: seed, at: values)
      graph.outputs = try graph.addBiasAttribution(of: parts, split: split)
      let found = try graph.interpreted([a, b].map { Tensor(shape: [1, 4], $0) }, as: .float64)
      for i in 0..<4 {
        let given = shares(split, [a[i], isDifference ? -b[i] : b[i]], [true, true], mass[i])
        #expect(abs(found[0].elements(as: Double.self)[i] - given[0]) < shareTolerance)
        #expect(abs(found[1].elements(as: Double.self)[i] - given[1]) < shareTolerance)
      }
    }
  }

  /// What the padding holds goes to the element next to it.
  @Test func paddingGivesToItsNeighbours() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 3], .float64), name: "x")
    let padded = try graph.apply(Pad(before: [0, 2], after: [0, 1], fill: 5), x)
    let seed = graph.addConstant(Tensor(shape: [1, 6], [1.0, 10, 100, 1000, 10_000, 100_000]))
    let parts = try graph.addBiasDecomposition(of: padded, seed: seed, at: [x])
    graph.outputs = try graph.addBiasAttribution(of: parts, split: .proportional)
    let found = try graph.interpreted([Tensor(shape: [1, 3], [1.0, 2, 3])], as: .float64)[0]
    #expect(found.elements(as: Double.self) == [55, 0, 500_000])
  }

  @Test(arguments: [0, -1, Double.nan, .infinity])
  func temperaturesOutOfRangeAreRefused(_ temperature: Double) throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 2]), name: "x")
    let y = try graph.dense(x, 2, seed: 1)
    let parts = try graph.addBiasDecomposition(of: y, seed: graph.draw([1, 2], 3), at: [x])
    for split in [
      BiasSplit.contribution(temperature: temperature), .compensation(temperature: temperature),
      .signed(temperature: temperature),
    ] {
      let error = #expect(throws: GraphError.self) { try graph.addBiasAttribution(of: parts, split: split) }
      #expect(error?.description.contains("a temperature above 0") ?? false)
    }
  }

  /// An operator that no rule covers is named.
  @Test func uncoveredOperatorsAreNamed() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 3]), name: "x")
    let sum = try graph.apply(CumulativeSum(axis: 1, isExclusive: true), x, name: "before")
    let y = try graph.apply(Binary(.add), sum, graph.draw([1, 3], 1))
    let parts = try graph.addBiasDecomposition(of: y, seed: graph.draw([1, 3], 2), at: [x])
    let error = #expect(throws: GraphError.self) {
      try graph.addBiasAttribution(of: parts, split: .proportional)
    }
    #expect(
      error?.description
        == "CumulativeSum node 'before': bias attribution has no rule for this operator; take full gradients")
  }
}
