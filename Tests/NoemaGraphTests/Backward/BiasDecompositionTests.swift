import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Float64 sums of terms that partly cancel, as a share of their magnitudes.
private let sumTolerance = 1e-7
/// The same in float32.
private let floatSumTolerance = 1e-5
/// Central differences in float64.
private let differenceTolerance = 1e-6

@Suite struct BiasDecompositionTests {
  /// `Σ` of the output, of `x · ∂f/∂x`, and of all bias terms; and the magnitudes of what is summed.
  private struct Sums {
    var output = 0.0, linear = 0.0, bias = 0.0, size = 0.0
  }

  private func sums(
    _ network: BiasNetwork, countsImplicit: Bool = true, canonical: Bool = false,
    run: (Graph, [Tensor]) throws -> [Tensor] = { try $0.interpreted($1, as: .float64) }
  ) throws -> Sums {
    let built = try network.graph(), y = built.y
    var graph = built.graph
    if canonical { try graph.apply(Pass.canonical) }
    let choice = graph.addInput(graph.type(of: y), name: "class")
    let parts = try graph.addBiasDecomposition(
      of: y, seed: choice, at: [built.x], countsImplicit: countsImplicit)
    graph.outputs = [y, parts.gradients[0]] + parts.terms.map(\.product)
    let inputs = network.inputs()
    let results = try run(graph, inputs).map { $0.converted(to: .float64).elements(as: Double.self) }
    func product(_ a: [Double], _ b: Tensor) -> [Double] {
      zip(a, b.elements(as: Double.self)).map { $0 * $1 }
    }
    let linear = product(results[1], inputs[0]), bias = results.dropFirst(2).flatMap { $0 }
    return Sums(
      output: product(results[0], inputs[1]).reduce(0, +), linear: linear.reduce(0, +),
      bias: bias.reduce(0, +),
      size: (linear + bias).reduce(0) { $0 + abs($1) })
  }

  @Test(arguments: BiasNetwork.all)
  func termsSumToTheOutput(_ network: BiasNetwork) throws {
    let exact = try sums(network)
    #expect(abs(exact.linear + exact.bias - exact.output) < sumTolerance * exact.size)
    #expect(abs(exact.bias) > 1e-3)
    let single = try sums(network) { graph, inputs in
      try Session(graph).run(inputs.map { $0.converted(to: .float32) })
    }
    #expect(abs(single.linear + single.bias - single.output) < floatSumTolerance * single.size)
    #expect(abs(single.bias - exact.bias) < floatSumTolerance * single.size)
  }

  /// By Euler `x · ∂f/∂x` is how fast the output grows as the input does: what is left is the bias.
  @Test(arguments: BiasNetwork.all)
  func biasIsWhatGrowthLeaves(_ network: BiasNetwork) throws {
    let graph = try network.graph().graph, inputs = network.inputs()
    func output(_ factor: Double) throws -> Double {
      let x = Tensor(shape: network.shape, inputs[0].elements(as: Double.self).map { factor * $0 })
      let y = try graph.interpreted([x], as: .float64)[0].elements(as: Double.self)
      return zip(y, inputs[1].elements(as: Double.self)).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let step = 1e-6
    let growth = (try output(1 + step) - output(1 - step)) / (2 * step)
    let found = try sums(network)
    #expect(abs(found.bias - (try output(1) - growth)) < differenceTolerance * max(1, found.size))
  }

  /// Folding moves biases to other nodes; it changes none of the sums.
  @Test(arguments: BiasNetwork.all)
  func canonicalFormHasTheSameBias(_ network: BiasNetwork) throws {
    let plain = try sums(network), folded = try sums(network, canonical: true)
    #expect(abs(folded.linear + folded.bias - folded.output) < sumTolerance * folded.size)
    // Folded weights are rounded to the type of the file's.
    #expect(abs(folded.bias - plain.bias) < floatSumTolerance * plain.size)
  }

  @Test(arguments: BiasNetwork.all)
  func implicitBiasesAreRefusedUnlessTheyCount(_ network: BiasNetwork) throws {
    guard !network.isHomogeneous else {
      let found = try sums(network, countsImplicit: false)
      #expect(abs(found.linear + found.bias - found.output) < sumTolerance * found.size)
      return
    }
    let error = #expect(throws: GraphError.self) { try sums(network, countsImplicit: false) }
    #expect(error?.description.contains("not homogeneous") ?? false)
  }

  @Test func refusalNamesTheNode() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 2]), name: "x")
    let y = try graph.apply(Unary(.clip(lower: 0, upper: 6)), x, name: "cut")
    let choice = graph.addInput(graph.type(of: y), name: "class")
    let error = #expect(throws: GraphError.self) {
      try graph.addBiasDecomposition(of: y, seed: choice, at: [x], countsImplicit: false)
    }
    #expect(
      error?.description
        == "Clip node 'cut': the operator is not homogeneous: its result is not its derivative times its operands, "
        + "and no bias makes up for it; let implicit biases count")
  }

  /// Each term, by hand: `f = v · relu(γ (w x + b) + c) + d` for one unit each.
  @Test func termsByHand() throws {
    func decomposed(_ x: Float) throws -> [(name: String, value: Double)] {
      var graph = Graph()
      let input = graph.addInput(TensorType([1, 1]), name: "x")
      func number(_ value: Float) -> Value { graph.addConstant(Tensor(shape: [1, 1], [value])) }
      func vector(_ value: Float) -> Value { graph.addConstant(Tensor(shape: [1], [value])) }
      let z = try graph.apply(MatMul(hasBias: true), input, number(3), vector(-0.5), name: "first")
      let scaled = try graph.apply(Binary(.mul), z, number(2))
      let moved = try graph.apply(Binary(.sub), scaled, number(0.25), name: "shift")
      let open = try graph.apply(Unary(.relu), moved)
      let y = try graph.apply(MatMul(hasBias: true), open, number(-4), vector(7), name: "last")
      let choice = graph.addInput(graph.type(of: y), name: "class")
      let parts = try graph.addBiasDecomposition(of: y, seed: choice, at: [input])
      graph.outputs = parts.terms.map(\.product)
      let values = try graph.interpreted([Tensor(shape: [1, 1], [x]), Tensor(shape: [1, 1], [Float(1)])])
      return zip(parts.terms, values).map { ($0.node.name, Double($1.elements(as: Float.self)[0])) }
    }
    let open = try decomposed(1), shut = try decomposed(-1)
    #expect(open.map(\.name) == ["last", "shift", "first"] && open.map(\.value) == [7, 1, 4])
    #expect(shut.map(\.value) == [7, 0, 0])
  }

  /// Values that do not depend on the target are constants, and what lies before it does not count.
  @Test func termsBeginAtTheTarget() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 3]), name: "x"),
      aside = graph.addInput(TensorType([1, 3]), name: "z")
    let hidden = try graph.apply(Unary(.relu), graph.dense(x, 3, seed: 1), name: "hidden")
    let y = try graph.dense(graph.apply(Binary(.add), hidden, aside, name: "join"), 2, seed: 3)
    let choice = graph.addInput(graph.type(of: y), name: "class")
    let parts = try graph.addBiasDecomposition(of: y, seed: choice, at: [hidden])
    #expect(parts.terms.map(\.node.name) == ["dense 3", "join"])
    let nested = #expect(throws: GraphError.self) {
      try graph.addBiasDecomposition(of: y, seed: choice, at: [x, hidden])
    }
    #expect(nested?.description.contains("is computed from another value that is explained") ?? false)
    #expect(throws: GraphError.self) {
      try graph.addBiasDecomposition(of: hidden, seed: graph.draw([1, 3], 9), at: [aside])
    }
  }

  /// Without constants that are added there is nothing but `x · ∂f/∂x`.
  @Test func homogeneousNetworksHaveNoTerms() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 2, 6, 5]), name: "x")
    let map = try graph.convolve(x, 3, seed: 1, hasBias: false)
    let zero = graph.addConstant(Tensor(shape: [3, 1, 1], repeating: Float(0)))
    let moved = try graph.apply(Unary(.relu), graph.apply(Binary(.add), map, zero))
    let y = try graph.dense(
      graph.apply(Reduction(.mean, axes: [2, 3], keepsAxes: false), moved), 2, seed: 3, hasBias: false)
    let choice = graph.addInput(graph.type(of: y), name: "class")
    let parts = try graph.addBiasDecomposition(of: y, seed: choice, at: [x])
    #expect(parts.terms.isEmpty)
    let shares = try graph.addBiasAttribution(of: parts, split: .proportional)
    graph.outputs = shares
    let found = try graph.interpreted([
      normalTensor([2, 2, 6, 5]), Tensor(shape: [2, 2], repeating: Float(1)),
    ])
    #expect(found[0].shape == [2, 2, 6, 5] && found[0].elements(as: Float.self).allSatisfy { $0 == 0 })
  }
}
