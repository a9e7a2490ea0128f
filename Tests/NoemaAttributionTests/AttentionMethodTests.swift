import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// A small transformer with two heads of width 2, before every layer a normalisation, in the forms that
/// exporters write.
struct TinyTransformer {
  /// How attention is written.
  enum Style: CaseIterable {
    /// Products and a softmax of `[n, heads, tokens, tokens]`.
    case plain
    /// The same of `[n · heads, tokens, tokens]`.
    case flat
    /// One operator, whose weights have no name.
    case fused
  }

  var style = Style.plain
  /// Images of 4 × 6 in patches of 2 × 2, or else texts of tokens and a mask.
  var isImage = true
  var hasClassToken = true
  var layers = 2
  var tokens = 7
  /// Queries of zeros attend to all tokens alike.
  var isUniform = false
  /// Whether a ReLU closes the output for every example.
  var isDead = false

  static let vocabulary = 6
  private static let width = 4

  /// Names: `tokens`; for each layer `norm<i>`, `weights<i>` and `block<i>`; `final`; `logits`.
  func network() throws -> Network {
    var draft = ModelDraft(opset: style == .fused ? 23 : 17)
    let width = Self.width
    func matrix(_ name: String, _ rows: Int, _ columns: Int, _ seed: UInt64, zero: Bool = false) {
      let tensor = normalTensor([rows, columns], seed: seed)
      draft.initialiser(name, zero ? Tensor(shape: [rows, columns], repeating: Float(0)) : tensor)
    }
    func integers(_ name: String, _ values: [Int]) {
      draft.initialiser(name, Tensor(shape: [values.count], values.map { Int64($0) }))
    }
    draft.initialiser("one", Tensor(shape: [width], repeating: Float(1)))
    draft.initialiser("root", Tensor(shape: [], [Float(2).squareRoot()]))
    integers("apart", [0, 0, 2, 2])
    integers("together", [0, 0, width])
    integers("rows", [-1, tokens, 2])
    integers("columns", [-1, 2, tokens])
    integers("heads", [-1, 2, tokens, 2])
    if isImage { addPatches(to: &draft) } else { addWords(to: &draft) }
    var stream = "tokens"
    for layer in 0..<layers {
      let norm = "norm\(layer)", seed = UInt64(100 * layer)
      draft.node("LayerNormalization", [stream, "one"], [norm], ["axis": .int(-1)])
      for (index, part) in ["q", "k", "v", "o"].enumerated() {
        matrix("w\(part)\(layer)", width, width, seed + UInt64(index) + 1, zero: isUniform && part == "q")
        if part != "o" { draft.node("MatMul", [norm, "w\(part)\(layer)"], ["\(part)\(layer)"]) }
      }
      addAttention(layer, to: &draft)
      draft.node("MatMul", ["mixed\(layer)", "wo\(layer)"], ["projected\(layer)"])
      draft.node("Add", [stream, "projected\(layer)"], ["block\(layer)"])
      stream = "block\(layer)"
    }
    draft.node("LayerNormalization", [stream, "one"], ["final"], ["axis": .int(-1)])
    if hasClassToken {
      draft.initialiser("first", Tensor(Int64(0)))
      draft.node("Gather", ["final", "first"], ["pooled"], ["axis": .int(1)])
    } else {
      draft.node("ReduceMean", ["final"] + (style == .fused ? ["middle"] : []), ["pooled"], reduction)
      integers("middle", [1])
    }
    matrix("head", width, 3, 50)
    draft.node("MatMul", ["pooled", "head"], [isDead ? "open" : "logits"])
    if isDead {
      draft.initialiser("far", Tensor(shape: [], [Float(100)]))
      draft.node("Sub", ["open", "far"], ["below"])
      draft.node("Relu", ["below"], ["logits"])
    }
    draft.output("logits", [nil, 3])
    return try Network(bytes: draft.bytes())
  }

  private var reduction: [String: ModelDraft.Attribute] {
    style == .fused ? ["keepdims": .int(0)] : ["axes": .ints([1]), "keepdims": .int(0)]
  }

  private func addPatches(to draft: inout ModelDraft) {
    draft.input("x", [nil, 1, 4, 6])
    draft.initialiser("patch", normalTensor([Self.width, 1, 2, 2], seed: 40))
    draft.initialiser("flatten", Tensor(shape: [3], [Int64(0), Int64(Self.width), 6]))
    draft.node("Conv", ["x", "patch"], ["cut"], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
    draft.node("Reshape", ["cut", "flatten"], ["flat"])
    draft.node("Transpose", ["flat"], [hasClassToken ? "patches" : "tokens"], ["perm": .ints([0, 2, 1])])
    guard hasClassToken else { return }
    draft.initialiser("class", normalTensor([1, 1, Self.width], seed: 41))
    draft.initialiser("zero", Tensor(shape: [1], [Int64(0)]))
    draft.initialiser("tail", Tensor(shape: [2], [Int64(1), Int64(Self.width)]))
    draft.node("Shape", ["x"], ["shape"])
    draft.node("Gather", ["shape", "zero"], ["batch"], ["axis": .int(0)])
    draft.node("Concat", ["batch", "tail"], ["wide"], ["axis": .int(0)])
    draft.node("Expand", ["class", "wide"], ["classes"])
    draft.node("Concat", ["classes", "patches"], ["tokens"], ["axis": .int(1)])
  }

  private func addWords(to draft: inout ModelDraft) {
    draft.input("ids", [nil, tokens], .int64)
    draft.input("mask", [nil, tokens])
    draft.initialiser("words", normalTensor([Self.vocabulary, Self.width], seed: 42))
    draft.initialiser("unit", Tensor(shape: [], [Float(1)]))
    draft.initialiser("low", Tensor(shape: [], [Float(-10_000)]))
    draft.initialiser("beside", Tensor(shape: [4], [Int64(0), 1, 1, Int64(tokens)]))
    draft.node("Gather", ["words", "ids"], ["tokens"], ["axis": .int(0)])
    draft.node("Sub", ["unit", "mask"], ["absent"])
    draft.node("Mul", ["absent", "low"], ["lowered"])
    draft.node("Reshape", ["lowered", "beside"], ["bias"])
  }

  private func addAttention(_ layer: Int, to draft: inout ModelDraft) {
    func name(_ text: String) -> String { text + "\(layer)" }
    if style == .fused {
      draft.node(
        "Attention", [name("q"), name("k"), name("v")], [name("mixed")],
        ["q_num_heads": .int(2), "kv_num_heads": .int(2)])
      return
    }
    for part in ["q", "k", "v"] {
      draft.node("Reshape", [name(part), "apart"], [name("\(part)Apart")])
      draft.node(
        "Transpose", [name("\(part)Apart")], [name("\(part)Heads")],
        ["perm": .ints(part == "k" ? [0, 2, 3, 1] : [0, 2, 1, 3])])
      if style == .flat {
        draft.node(
          "Reshape", [name("\(part)Heads"), part == "k" ? "columns" : "rows"], [name("\(part)Flat")])
      }
    }
    let end = style == .flat ? "Flat" : "Heads"
    draft.node("MatMul", [name("q\(end)"), name("k\(end)")], [name("products")])
    draft.node("Div", [name("products"), "root"], [name("scores")])
    let masked = isImage ? "scores" : "masked"
    if !isImage { draft.node("Add", [name("scores"), "bias"], [name(masked)]) }
    draft.node("Softmax", [name(masked)], [name("weights")], ["axis": .int(-1)])
    draft.node("MatMul", [name("weights"), name("v\(end)")], [name(style == .flat ? "weighted" : "heads")])
    if style == .flat { draft.node("Reshape", [name("weighted"), "heads"], [name("heads")]) }
    draft.node("Transpose", [name("heads")], [name("back")], ["perm": .ints([0, 2, 1, 3])])
    draft.node("Reshape", [name("back"), "together"], [name("mixed")])
  }
}

/// What a naive reading of the papers needs: weights, and derivatives of class 1, of each layer, head by
/// head.
private struct Heads {
  let weights, gradients: [Tensor]
  let tokens: Int

  init(_ transformer: TinyTransformer, _ inputs: [Tensor]) throws {
    tokens = transformer.tokens
    let count = inputs[0].shape[0]
    let hooked = try HookedNetwork(
      try transformer.network(), layers: (0..<transformer.layers).map { "weights\($0)" }, gradients: 1,
      examples: count)
    let readings = try hooked.read(inputs, classes: [Array(repeating: 1, count: count)])
    (weights, gradients) = (readings.activations, readings.gradients)
  }

  /// The mean over heads of a function of weights and derivatives.
  func mean(_ layer: Int, _ example: Int, _ value: (Double, Double) -> Double) -> Matrix {
    var matrix = Matrix(rowCount: tokens, columnCount: tokens)
    let a = weights[layer].floats, g = gradients[layer].floats
    for head in 0..<2 {
      for at in 0..<tokens * tokens {
        let index = (example * 2 + head) * tokens * tokens + at
        matrix.elements[at] += value(Double(a[index]), Double(g[index])) / 2
      }
    }
    return matrix
  }

  /// `(A + I) / 2`.
  func residual(_ layer: Int, _ example: Int) -> Matrix {
    var matrix = mean(layer, example) { weight, _ in weight }
    for i in 0..<tokens { matrix[i, i] += 1 }
    for i in matrix.elements.indices { matrix.elements[i] /= 2 }
    return matrix
  }
}

/// The patches of the class token's row.
private func patches(_ matrix: Matrix) -> [Float] { matrix.row(0).dropFirst().map { Float($0) } }

private let images = normalTensor([3, 1, 4, 6], seed: 7)
private let classes = [1, 1, 1]

/// Products of a few float32 matrices.
private let attentionTolerance = 1e-5

@Suite struct AttentionMethodTests {
  private func differs(_ found: Tensor, _ expected: [Float]) -> Double {
    scaledDifference(found, Tensor(shape: found.shape, expected))!
  }

  @Test func rawAttentionIsTheMeanOfHeads() throws {
    let transformer = TinyTransformer(), heads = try Heads(transformer, [images])
    let last = try explain(RawAttention(), transformer.network(), images, classes: classes).values[0]
    #expect(last.shape == [3, 2, 3])
    let expected = (0..<3).flatMap { patches(heads.mean(1, $0) { weight, _ in weight }) }
    #expect(differs(last, expected) < attentionTolerance)
    let all = try explain(RawAttention(averagesLayers: true), transformer.network(), images, classes: classes)
    let first = (0..<3).flatMap { patches(heads.mean(0, $0) { weight, _ in weight }) }
    #expect(differs(all.values[0], zip(first, expected).map { ($0 + $1) / 2 }) < attentionTolerance)
    // One layer by its name.
    let named = try explain(
      RawAttention(), transformer.network(), images, classes: classes, layers: ["weights0"])
    #expect(differs(named.values[0], first) < attentionTolerance)
  }

  @Test func headsAreFusedAsAsked() throws {
    let transformer = TinyTransformer(), heads = try Heads(transformer, [images])
    let least = try explain(RawAttention(heads: .min), transformer.network(), images, classes: classes)
      .values[0]
    let most = try explain(RawAttention(heads: .max), transformer.network(), images, classes: classes).values[
      0]
    let a = heads.weights[1].floats
    var pairs: [(Float, Float)] = []
    for example in 0..<3 {
      for token in 1..<7 { pairs.append((a[example * 98 + token], a[example * 98 + 49 + token])) }
    }
    #expect(differs(least, pairs.map { min($0.0, $0.1) }) < attentionTolerance)
    #expect(differs(most, pairs.map { max($0.0, $0.1) }) < attentionTolerance)
  }

  @Test func rolloutIsTheProductOfMatrices() throws {
    let transformer = TinyTransformer(layers: 3), heads = try Heads(transformer, [images])
    let found = try explain(AttentionRollout(), transformer.network(), images, classes: classes)
    let expected = (0..<3).flatMap { example in
      patches(
        heads.residual(2, example).times(heads.residual(1, example)).times(heads.residual(0, example)))
    }
    #expect(differs(found.values[0], expected) < attentionTolerance)
    #expect(found.values[0].floats.allSatisfy { $0 > 0 })
  }

  /// `((U + I) / 2)² = (3 U + I) / 4` where all attend to all alike.
  @Test func rolloutOfUniformAttention() throws {
    let found = try explain(
      AttentionRollout(), TinyTransformer(isUniform: true).network(), images, classes: classes)
    #expect(differs(found.values[0], Array(repeating: 3 / 28, count: 18)) < attentionTolerance)
  }

  /// Of 49 weights the 24 smallest go, but for those of the class token's column.
  @Test func rolloutDiscardsTheSmallestWeights() throws {
    let transformer = TinyTransformer(layers: 1), heads = try Heads(transformer, [images])
    let found = try explain(AttentionRollout(discarded: 0.5), transformer.network(), images, classes: classes)
    var expected: [Float] = []
    for example in 0..<3 {
      let matrix = heads.mean(0, example) { weight, _ in weight }
      let limit = matrix.elements.sorted()[24]
      var row = matrix.row(0).enumerated().map { $0 > 0 && $1 < limit ? 0 : $1 }
      row[0] += 1
      let sum = row.reduce(0, +)
      expected += row.dropFirst().map { Float($0 / sum) }
    }
    #expect(expected.contains(0))
    #expect(differs(found.values[0], expected) < attentionTolerance)
  }

  /// Through two layers the largest flow is limited token by token, and in one layer it is the weight itself.
  @Test func flowIsLimitedByEveryTokenOnTheWay() throws {
    let transformer = TinyTransformer(), heads = try Heads(transformer, [images])
    let found = try explain(AttentionFlow(), transformer.network(), images, classes: classes)
    var expected: [Float] = []
    for example in 0..<3 {
      let upper = heads.residual(1, example), lower = heads.residual(0, example)
      expected += (1..<7).map { to in Float((0..<7).reduce(0) { $0 + min(upper[0, $1], lower[$1, to]) }) }
    }
    #expect(differs(found.values[0], expected) < attentionTolerance)
    let single = TinyTransformer(layers: 1), weights = try Heads(single, [images])
    let direct = try explain(AttentionFlow(), single.network(), images, classes: classes)
    #expect(
      differs(direct.values[0], (0..<3).flatMap { patches(weights.residual(0, $0)) }) < attentionTolerance)
  }

  /// A flow through three layers is the least cut that separates token from token.
  @Test func flowIsTheLeastCut() throws {
    let transformer = TinyTransformer(layers: 3), heads = try Heads(transformer, [images.rows(0..<1)])
    let found = try explain(AttentionFlow(), transformer.network(), images.rows(0..<1), classes: [1])
    let top = heads.residual(2, 0), middle = heads.residual(1, 0), bottom = heads.residual(0, 0)
    for to in 1..<7 {
      var least = Double.infinity
      for above in 0..<128 {
        // Tokens behind the second layer that lie on the source's side; those behind the first then choose
        // one by one.
        func isNear(_ token: Int) -> Bool { above >> token & 1 == 1 }
        var cut = (0..<7).reduce(0.0) { isNear($1) ? $0 : $0 + top[0, $1] }
        for token in 0..<7 {
          cut += min(bottom[token, to], (0..<7).reduce(0.0) { isNear($1) ? $0 + middle[$1, token] : $0 })
        }
        least = min(least, cut)
      }
      #expect(abs(Double(found.values[0].floats[to - 1]) - least) < attentionTolerance)
    }
  }

  @Test func relevanceIsChefersMatrix() throws {
    let transformer = TinyTransformer(layers: 3), heads = try Heads(transformer, [images])
    let found = try explain(AttentionRelevance(), transformer.network(), images, classes: classes)
    var expected: [Float] = []
    for example in 0..<3 {
      var relevance = Matrix(rowCount: 7, columnCount: 7)
      for i in 0..<7 { relevance[i, i] = 1 }
      for layer in 0..<3 {
        let change = heads.mean(layer, example) { max($0 * $1, 0) }.times(relevance)
        for i in relevance.elements.indices { relevance.elements[i] += change.elements[i] }
      }
      expected += patches(relevance)
    }
    #expect(expected.contains { $0 > 0 })
    #expect(differs(found.values[0], expected) < 1e-4)
    #expect(found.remarks.isEmpty)
  }

  @Test func attentionTimesGradientSumsHeads() throws {
    let transformer = TinyTransformer(), heads = try Heads(transformer, [images])
    func rows(_ layer: Int) -> [Float] {
      (0..<3).flatMap { patches(heads.mean(layer, $0) { max($0 * $1, 0) }).map { 2 * $0 } }
    }
    let last = try explain(AttentionTimesGradient(), transformer.network(), images, classes: classes)
    #expect(differs(last.values[0], rows(1)) < 1e-4)
    let all = try explain(
      AttentionTimesGradient(sumsLayers: true), transformer.network(), images, classes: classes)
    #expect(differs(all.values[0], zip(rows(0), rows(1)).map { $0 + $1 }) < 1e-4)
  }

  /// However an exporter writes attention, it is the same attention.
  @Test(arguments: [TinyTransformer.Style.flat, .fused])
  func stylesAgree(_ style: TinyTransformer.Style) throws {
    let methods: [any AttributionMethod] = [
      RawAttention(), AttentionRollout(), AttentionFlow(), AttentionTimesGradient(), AttentionRelevance(),
    ]
    for method in methods {
      func values(_ style: TinyTransformer.Style) throws -> Tensor {
        var subject = Subject(try TinyTransformer(style: style).network())
        subject.examples = 3
        return try method.attributor(for: subject).attribute([images], classes: classes).values[0]
      }
      #expect(scaledDifference(try values(style), try values(.plain))! < 1e-4, "\(method)")
    }
  }

  @Test(arguments: [1, 2, 3])
  func batchesDoNotMatter(_ batch: Int) throws {
    let network = try TinyTransformer(style: .flat).network()
    let whole = try explain(AttentionRelevance(), network, images, classes: classes).values[0]
    let part = try explain(
      AttentionRelevance(), network, images.rows(1..<2), classes: [1], maximumBatch: batch)
    #expect(scaledDifference(part.values[0], whole.rows(1..<2))! < 1e-4)
  }

  // MARK: Texts

  private func text(_ ids: [Int64], padding: Int) -> [Tensor] {
    let tokens = ids.count + padding
    let mask = ids.map { _ in Float(1) } + Array(repeating: 0, count: padding)
    return [
      Tensor(shape: [1, tokens], ids + Array(repeating: 0, count: padding)),
      Tensor(shape: [1, tokens], mask),
    ]
  }

  /// Padding gets nothing, and changes nothing for the others, whichever token is explained.
  @Test(arguments: AttendingToken.allCases)
  func paddingDoesNotMatter(_ attending: AttendingToken) throws {
    let methods: [any AttributionMethod] = [
      RawAttention(attending: attending), AttentionRollout(discarded: 0.3, attending: attending),
      AttentionFlow(attending: attending), AttentionTimesGradient(attending: attending),
      AttentionRelevance(attending: attending),
    ]
    for method in methods {
      func values(padding: Int) throws -> [Float] {
        let network = try TinyTransformer(isImage: false, tokens: 4 + padding).network()
        return try method.attributor(for: Subject(network)).attribute(
          text([3, 1, 4, 5], padding: padding), classes: [1]
        ).values[0].floats
      }
      let bare = try values(padding: 0), padded = try values(padding: 3)
      #expect(padded.count == 7 && padded[4...].allSatisfy { $0 == 0 })
      #expect(
        scaledDifference(Tensor(shape: [4], Array(padded[..<4])), Tensor(shape: [4], bare))! < 1e-4,
        "\(method)")
    }
  }

  @Test func theExplainedTokenGetsNothing() throws {
    let network = try TinyTransformer(isImage: false, tokens: 4).network()
    for (attending, own) in [(AttendingToken.classToken, 0), (.last, 3)] {
      let found = try AttentionRollout(attending: attending).attributor(for: Subject(network)).attribute(
        text([3, 1, 4, 5], padding: 0), classes: [1]
      ).values[0]
      #expect(found.shape == [1, 4])
      #expect(found.floats[own] == 0 && found.floats.filter { $0 > 0 }.count == 3)
    }
    // The rows of a rollout sum to 1, and so does their mean.
    let mean = try AttentionRollout(attending: .mean).attributor(for: Subject(network)).attribute(
      text([3, 1, 4, 5], padding: 0), classes: [1])
    #expect(abs(mean.sums[0] - 1) < attentionTolerance)
  }

  // MARK: Layouts and errors

  @Test func tokensLieAsTold() throws {
    let network = try TinyTransformer().network()
    let row = try explain(
      RawAttention(layout: .tokens(leading: 0, grid: [7])), network, images, classes: classes
    ).values[0]
    let grid = try explain(RawAttention(), network, images, classes: classes).values[0]
    #expect(row.shape == [3, 7])
    for example in 0..<3 {
      #expect(row.floats[example * 7] == 0)
      #expect(
        Array(row.floats[example * 7 + 1..<example * 7 + 7])
          == Array(grid.floats[example * 6..<example * 6 + 6]))
    }
  }

  @Test func meanOfPatchesWithoutAClassToken() throws {
    let network = try TinyTransformer(hasClassToken: false, tokens: 6).network()
    let found = try explain(AttentionRelevance(attending: .mean), network, images, classes: classes)
    #expect(found.values[0].shape == [3, 2, 3])
    let error = #expect(throws: GraphError.self) {
      try explain(AttentionRelevance(), network, images, classes: classes)
    }
    #expect(
      error?.description
        == "the 6 tokens are patches, without a class token; explain the mean of all tokens instead "
        + "(--attending mean)")
  }

  @Test func deadOutputsAreRemarkedOn() throws {
    let found = try explain(
      AttentionRelevance(), TinyTransformer(isDead: true).network(), images, classes: classes)
    #expect(found.values[0].floats.allSatisfy { $0 == 0 })
    #expect(
      found.remarks[2] == "all derivatives at the attention weights are zero, and so are the attributions")
  }

  @Test func wrongCallsAreExplained() throws {
    let network = try TinyTransformer().network()
    let cases: [(any AttributionMethod, Network, [String], GraphError.Kind)] = [
      (
        RawAttention(), try ClosedForm.dense(), [],
        .unsupported(
          "the network has no attention: no softmax of products of queries and keys that the output "
            + "depends on"
        )
      ),
      (
        RawAttention(), network, ["weights2"],
        .unknownName("weights2", what: "attention map", suggestions: ["weights0", "weights1"])
      ),
      (
        AttentionRollout(discarded: 1), network, [],
        .input("attention rollout leaves out a share from 0 to below 1, found 1.0")
      ),
      (
        RawAttention(layout: .channelsFirst), network, [],
        .input("attention is among tokens; give their layout, or leave it to be found")
      ),
      (
        RawAttention(layout: .tokens(leading: 1, grid: [2, 2])), network, [],
        .input("1 leading tokens and a grid of 2×2 do not make 7 tokens")
      ),
      (
        AttentionFlow(), try TinyTransformer(isImage: false, tokens: 129).network(), [],
        .unsupported(
          "attention flow is worked out for up to 128 tokens, this network has 129; use attention rollout")
      ),
    ]
    for (method, network, layers, kind) in cases {
      let error = #expect(throws: GraphError.self) {
        try method.attributor(for: Subject(network, layers: layers))
      }
      #expect(error?.kind == kind)
    }
    let error = #expect(throws: GraphError.self) {
      try explain(RawAttention(), network, images, classes: [0, 3, 0])
    }
    #expect(error?.kind == .input("class 3 does not exist; the network has classes 0 to 2"))
  }
}
