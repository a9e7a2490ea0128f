import NoemaGraph
import NoemaTensor
import Testing

@Suite struct TransformerAttributionTests {
  /// What arrives at the inputs of `[1, n]`, given what they hold and what the result has.
  private func arrivals(
    _ inputs: [[Double]], _ relevance: [Double], make: (inout Graph, [Value]) throws -> Value
  ) throws -> [[Double]] {
    var graph = Graph()
    let values = inputs.map { graph.addInput(TensorType([1, $0.count]), name: "x") }
    let y = try make(&graph, values)
    graph.outputs = [y]
    var back = try graph.backward(
      from: y, to: values, rules: BackwardRules.transformerAttribution(for: graph, from: y))
    back.graph.outputs = back.cotangents.compactMap { $0 }
    let all = (inputs + [relevance]).map { Tensor(shape: [1, $0.count], $0) }
    return try back.graph.interpreted(all, as: .float64).map { $0.elements(as: Double.self) }
  }

  private func expectClose(
    _ found: [[Double]], _ expected: [[Double]], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(found.map(\.count) == expected.map(\.count), sourceLocation: sourceLocation)
    for (a, b) in zip(found.joined(), expected.joined()) {
      #expect(abs(a - b) < 1e-4, "\(found)", sourceLocation: sourceLocation)
    }
  }

  /// `a = (6, −2)` and `b = (−4, 3)` of the relevance (2, 1): totals of 4 and −1 share the 3 as 4 : 1.
  @Test func sumsAreBalanced() throws {
    let found = try arrivals([[3, -2], [-2, 3]], [2, 1]) { graph, x in
      try graph.apply(Binary(.add), x[0], x[1])
    }
    expectClose(found, [[3.6, -1.2], [2.4, -1.8]])
    let difference = try arrivals([[3, -2], [2, -3]], [2, 1]) { graph, x in
      try graph.apply(Binary(.sub), x[0], x[1])
    }
    expectClose(difference, [[3.6, -1.2], [2.4, -1.8]])
  }

  /// A sum that cancels hands on no more than it got.
  @Test func cancellationDoesNotExplode() throws {
    let found = try arrivals([[1, 5], [-0.999, 5]], [4, 2]) { graph, x in
      try graph.apply(Binary(.add), x[0], x[1])
    }
    let totals = found.map { $0.reduce(0, +) }
    #expect(abs(totals.reduce(0, +) - 6) < 1e-9 && totals.allSatisfy { abs($0) <= 6 })
  }

  /// Barred by −∞, an element is worth nothing and spoils nothing.
  @Test func masksOfInfinity() throws {
    let found = try arrivals([[3, 1, 2]], [2, 0, 1]) { graph, x in
      let mask = graph.addConstant(Tensor(shape: [3], [Float(0), -.infinity, 0]))
      return try graph.apply(Softmax(axis: 1), graph.apply(Binary(.add), x[0], mask))
    }
    expectClose(found, [[2, 0, 1]])
  }

  /// Of `1 · 1 − 2 · (−1)` the inputs have a third and two, whatever the bias.
  @Test func biasesAreLeftOut() throws {
    let found = try arrivals([[1, -2]], [3, 0]) { graph, x in
      let weights = graph.addConstant(Tensor(shape: [2, 2], [Float(1), 4, -1, 5]))
      let bias = graph.addConstant(Tensor(shape: [2], [Float(5), -1]))
      return try graph.add(MatMul(hasBias: true), [x[0], weights, bias])[0]
    }
    expectClose(found, [[1, 2]])
  }

  @Test func normalisationsPass() throws {
    let found = try arrivals([[1, -2, 4]], [3, 1, -2]) { graph, x in
      let norm = LayerNormalization(axisCount: 1, epsilon: 1e-5)
      return try graph.apply(Softmax(axis: 1), graph.apply(norm, x[0]))
    }
    expectClose(found, [[3, 1, -2]])
  }

  /// Both sides of a product get half.
  @Test func productsShareInHalves() throws {
    let found = try arrivals([[2, 3], [5, 7]], [4, -6]) { graph, x in
      let row = try graph.apply(Reshape(shape: [1, 2, 1]), x[0])
      let column = try graph.apply(Reshape(shape: [1, 1, 2]), x[1])
      let products = try graph.apply(MatMul(), column, row)
      // `31` twice, so that there are two results.
      return try graph.apply(
        Reshape(shape: [1, 2]), graph.apply(Broadcast(shape: [1, 1, 2]), products))
    }
    // Of −2 the sides get −1 each: 10 and 21 of 31.
    expectClose(found, [[-10.0 / 31, -21.0 / 31], [-10.0 / 31, -21.0 / 31]])
  }
}
