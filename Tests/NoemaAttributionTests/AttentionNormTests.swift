import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Norms of sums of a few float32 products.
private let normTolerance = 1e-4

private let images = normalTensor([3, 1, 4, 6], seed: 7)
private let classes = [1, 1, 1]

/// The lengths of what tokens give to each other, `‖Σ_heads α v W‖`, vector by vector in double precision.
private struct Naive {
  private let width = 4, heads = 2
  private let tokens: Int
  private let weights, values: [Double]
  private let projection: Matrix

  init(_ transformer: TinyTransformer, _ inputs: [Tensor], layer: Int) throws {
    tokens = transformer.tokens
    let hooked = try HookedNetwork(
      transformer.network(), layers: ["weights\(layer)", "v\(layer)"], examples: inputs[0].shape[0])
    let read = try hooked.read(inputs).activations
    (weights, values) = (read[0].floats.map { Double($0) }, read[1].floats.map { Double($0) })
    projection = Matrix(
      rowCount: width, columnCount: width,
      elements: normalTensor([width, width], seed: UInt64(100 * layer + 4)).floats.map { Double($0) })
  }

  func length(_ example: Int, from: Int, to: Int) -> Double {
    var vector = [Double](repeating: 0, count: width)
    for head in 0..<heads {
      let weight = weights[((example * heads + head) * tokens + from) * tokens + to]
      for feature in 0..<width / heads {
        let row = head * width / heads + feature
        let value = values[(example * tokens + to) * width + row]
        for column in 0..<width { vector[column] += weight * value * projection[row, column] }
      }
    }
    return vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  /// The patches' entries of the class token's row.
  func patches(_ example: Int) -> [Float] { (1..<tokens).map { Float(length(example, from: 0, to: $0)) } }
}

@Suite struct AttentionNormTests {
  private func differs(_ found: Tensor, _ expected: [Float]) -> Double {
    scaledDifference(found, Tensor(shape: found.shape, expected))!
  }

  @Test(arguments: TinyTransformer.Style.allCases)
  func lengthsFollowTheirFormula(_ style: TinyTransformer.Style) throws {
    let found = try explain(
      RawAttention(weighsValues: true), TinyTransformer(style: style).network(), images, classes: classes)
    let naive = try Naive(TinyTransformer(), [images], layer: 1)
    #expect(found.values[0].shape == [3, 2, 3])
    #expect(differs(found.values[0], (0..<3).flatMap(naive.patches)) < normTolerance)
    #expect(found.expectedSums == nil)
  }

  @Test func layersAreChosenAndAveraged() throws {
    let network = try TinyTransformer().network()
    let rows = try (0..<2).map { layer in
      let naive = try Naive(TinyTransformer(), [images], layer: layer)
      return (0..<3).flatMap(naive.patches)
    }
    let first = try explain(
      RawAttention(weighsValues: true), network, images, classes: classes, layers: ["weights0"])
    #expect(differs(first.values[0], rows[0]) < normTolerance)
    let mean = try explain(
      RawAttention(averagesLayers: true, weighsValues: true), network, images, classes: classes)
    #expect(differs(mean.values[0], zip(rows[0], rows[1]).map { ($0 + $1) / 2 }) < normTolerance)
  }

  /// Where all attend to all alike, weights tell tokens apart no more, and what they weigh does.
  @Test func uniformWeightsOfUnequalValues() throws {
    let transformer = TinyTransformer(isUniform: true)
    let weights = try explain(RawAttention(), transformer.network(), images, classes: classes).values[0]
      .floats
    #expect(weights.allSatisfy { abs($0 - 1.0 / 7) < 1e-6 })
    let lengths = try explain(
      RawAttention(weighsValues: true), transformer.network(), images, classes: classes
    ).values[0].floats
    #expect(lengths.max()! > 1.5 * lengths.min()!)
  }

  /// Of all tokens the mean over those that attend.
  @Test func meanOfAllTokens() throws {
    let transformer = TinyTransformer(hasClassToken: false, tokens: 6)
    let found = try explain(
      RawAttention(weighsValues: true, attending: .mean), transformer.network(), images, classes: classes)
    let naive = try Naive(transformer, [images], layer: 1)
    let expected = (0..<3).flatMap { example in
      (0..<6).map { to in Float((0..<6).reduce(0) { $0 + naive.length(example, from: $1, to: to) } / 6) }
    }
    #expect(differs(found.values[0], expected) < normTolerance)
  }

  @Test(arguments: AttendingToken.allCases)
  func paddingDoesNotMatter(_ attending: AttendingToken) throws {
    func values(padding: Int) throws -> [Float] {
      let network = try TinyTransformer(isImage: false, tokens: 4 + padding).network()
      let ids: [Int64] = [3, 1, 4, 5] + Array(repeating: 0, count: padding)
      let mask: [Float] = [1, 1, 1, 1] + Array(repeating: 0, count: padding)
      return try RawAttention(weighsValues: true, attending: attending).attributor(for: Subject(network))
        .attribute(
          [Tensor(shape: [1, ids.count], ids), Tensor(shape: [1, ids.count], mask)], classes: [1]
        ).values[0].floats
    }
    let bare = try values(padding: 0), padded = try values(padding: 3)
    #expect(padded[4...].allSatisfy { $0 == 0 } && bare.contains { $0 > 0 })
    #expect(
      scaledDifference(Tensor(shape: [4], Array(padded[..<4])), Tensor(shape: [4], bare))! < normTolerance)
  }

  /// One head whose result is added as it is: weights are read, and what they weigh has no projection.
  @Test func attentionWithoutAProjectionIsRefused() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 5, 4])
    for (index, name) in ["wq", "wk", "wv"].enumerated() {
      draft.initialiser(name, normalTensor([4, 4], seed: UInt64(index + 1)))
      draft.node("MatMul", ["x", name], [String(name.dropFirst())])
    }
    draft.node("Transpose", ["k"], ["columns"], ["perm": .ints([0, 2, 1])])
    draft.node("MatMul", ["q", "columns"], ["scores"])
    draft.node("Softmax", ["scores"], ["weights"], ["axis": .int(-1)])
    draft.node("MatMul", ["weights", "v"], ["mixed"])
    draft.node("Add", ["x", "mixed"], ["sum"])
    draft.node("ReduceMean", ["sum"], ["logits"], ["axes": .ints([1]), "keepdims": .int(0)])
    draft.output("logits", [nil, 4])
    let network = try Network(bytes: draft.bytes())
    _ = try RawAttention().attributor(for: Subject(network))
    let error = #expect(throws: GraphError.self) {
      try RawAttention(weighsValues: true).attributor(for: Subject(network))
    }
    #expect(
      error?.description
        == "what follows attention 'weights' is no product with constant weights that takes every token's heads "
        + "together")
  }
}
