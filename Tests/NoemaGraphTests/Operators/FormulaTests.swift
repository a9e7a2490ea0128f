import Foundation
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// ONNX operators that are written in others: their values against loops, and all of their derivatives.
@Suite struct FormulaTests {
  /// The results of one node in double precision, after the check of kernels and derivatives.
  private func results(
    _ operation: String, _ operands: [Tensor?], domain: String = "", opset: Int = 24, results count: Int = 1,
    isSmooth: Bool = true, _ attributes: [String: ModelDraft.Attribute] = [:]
  ) throws -> [Tensor] {
    var draft = ModelDraft(opset: opset)
    if !domain.isEmpty { draft.importDomain(domain, version: 1) }
    var inputs: [Tensor] = []
    let names = operands.enumerated().map { index, operand -> String in
      guard let operand else { return "" }
      if operand.elementType == .float32 {
        draft.input("x\(index)", operand.shape.map { $0 })
        inputs.append(operand)
      } else {
        draft.initialiser("x\(index)", operand)
      }
      return "x\(index)"
    }
    draft.node(operation, names, (0..<count).map { "y\($0)" }, domain: domain, attributes)
    for index in 0..<count { draft.output("y\(index)") }
    let graph = try Network(bytes: draft.bytes()).graph()
    let found = try failures(of: graph, at: inputs, isSmooth: isSmooth)
    #expect(found == [], "\(operation)")
    return try graph.interpreted(inputs, as: .float64)
  }

  private func numbers(_ tensor: Tensor) -> [Double] {
    tensor.converted(to: .float64).elements(as: Double.self)
  }

  private func expect(_ found: Tensor, _ shape: [Int], _ values: [Double], _ comment: Comment? = nil) {
    #expect((scaledDifference(found, Tensor(shape: shape, values)) ?? .infinity) < 1e-6, comment)
  }

  /// Every assignment of positions to labels adds one product.
  @Test(arguments: [
    ("ij,jk->ik", "ij,jk->ik", [[2, 3], [3, 4]]),
    ("bij , bkj -> kib", "bij,bkj->kib", [[2, 3, 2], [2, 4, 2]]),
    ("ii->i", "ii->i", [[3, 3]]), ("iji,j", "iji,j->", [[2, 3, 2], [3]]), ("i,j", "i,j->ij", [[2], [3]]),
    ("ba", "ba->ab", [[2, 3]]), ("...ij,...jk", "xij,xjk->xik", [[4, 2, 3], [4, 3, 2]]),
    ("a...,a...->...", "axy,axy->xy", [[2, 3, 2], [2, 3, 2]]),
    ("abc,cd,be->ade", "abc,cd,be->ade", [[2, 3, 2], [2, 2], [3, 2]]),
    ("Ab,b->A", "Ab,b->A", [[2, 3], [3]]), ("i,i->i", "i,i->i", [[3], [3]]), ("ij->", "ij->", [[2, 3]]),
  ])
  func einsum(_ equation: String, _ plain: String, _ shapes: [[Int]]) throws {
    let operands = shapes.enumerated().map { normalTensor($1, seed: UInt64($0 + 1)) }
    let found = try results("Einsum", operands, ["equation": .string(equation)])[0]
    let sides = plain.components(separatedBy: "->"),
      terms = sides[0].components(separatedBy: ",").map(Array.init)
    var extents: [Character: Int] = [:]
    for (term, shape) in zip(terms, shapes) {
      for (label, extent) in zip(term, shape) { extents[label] = extent }
    }
    let labels = extents.keys.sorted(), values = operands.map(numbers)
    var y = [Double](repeating: 0, count: sides[1].reduce(1) { $0 * extents[$1]! })
    for index in 0..<labels.reduce(1, { $0 * extents[$1]! }) {
      var rest = index, at: [Character: Int] = [:]
      for label in labels { (rest, at[label]) = (rest / extents[label]!, rest % extents[label]!) }
      func offset(_ term: some Sequence<Character>) -> Int { term.reduce(0) { $0 * extents[$1]! + at[$1]! } }
      y[offset(sides[1])] += zip(terms, values).reduce(1) { $0 * $1.1[offset($1.0)] }
    }
    expect(found, sides[1].map { extents[$0]! }, y)
  }

  @Test func einsumThatDoesNotFitIsRefused() throws {
    for equation in ["ij,jk->iz", "ij->ij", "i1,jk->i", "......,jk->k", "i,jk->k", "ij,jk->ii"] {
      #expect(throws: GraphError.self, "\(equation)") {
        try results(
          "Einsum", [normalTensor([2, 3]), normalTensor([3, 4])], ["equation": .string(equation)])
      }
    }
  }

  /// `(x − mean) / √(variance + ε)` of consecutive elements.
  private func standardised(_ x: [Double], by count: Int, _ epsilon: Double = 1e-5, centres: Bool = true)
    -> [Double]
  {
    stride(from: 0, to: x.count, by: count).flatMap { start in
      let part = x[start..<start + count], mean = centres ? part.reduce(0, +) / Double(count) : 0
      let variance = part.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
      return part.map { ($0 - mean) / (variance + epsilon).squareRoot() }
    }
  }

  @Test func groupsAreNormalised() throws {
    let x = normalTensor([2, 4, 3]), normal = standardised(numbers(x), by: 6)
    for (opset, count) in [(18, 2), (21, 4)] {
      let scale = normalTensor([count], seed: 2), shift = normalTensor([count], seed: 3)
      let y = try results("GroupNormalization", [x, scale, shift], opset: opset, ["num_groups": .int(2)])[0]
      expect(
        y, [2, 4, 3],
        normal.enumerated().map { index, value in
          let at = index / 3 % 4 / (4 / count)
          return value * numbers(scale)[at] + numbers(shift)[at]
        })
    }
  }

  @Test func layersAreNormalised() throws {
    let x = normalTensor([3, 4]), skip = normalTensor([3, 4], seed: 2), scale = normalTensor([4], seed: 3)
    func scaled(_ normal: [Double]) -> [Double] { normal.enumerated().map { $1 * numbers(scale)[$0 % 4] } }
    expect(
      try results("LayerNormalization", [x, scale])[0], [3, 4], scaled(standardised(numbers(x), by: 4)))
    let further = try results("LayerNormalization", [x, scale], results: 3)
    #expect(further[1].shape == [3, 1] && further[2].shape == [3, 1])
    let square = scaled(standardised(numbers(x), by: 4, centres: false))
    expect(try results("RMSNormalization", [x, scale])[0], [3, 4], square)
    expect(try results("SimplifiedLayerNormalization", [x, scale], opset: 17)[0], [3, 4], square)
    let sum = zip(numbers(x), numbers(skip)).map(+)
    let skipped = try results(
      "SkipLayerNormalization", [x, skip, scale], domain: "com.microsoft", results: 4,
      ["epsilon": .float(1e-5)])
    expect(skipped[0], [3, 4], scaled(standardised(sum, by: 4)))
    expect(skipped[3], [3, 4], sum)
    expect(
      try results(
        "SkipSimplifiedLayerNormalization", [x, skip, scale], domain: "com.microsoft",
        ["epsilon": .float(1e-5)])[0],
      [3, 4], scaled(standardised(sum, by: 4, centres: false)))
    expect(
      try results("MeanVarianceNormalization", [x], ["axes": .ints([1])])[0], [3, 4],
      standardised(numbers(x), by: 4, 0))
    let norms = stride(from: 0, to: 12, by: 4).map {
      numbers(x)[$0..<$0 + 4].reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
    expect(
      try results("LpNormalization", [x])[0], [3, 4], numbers(x).enumerated().map { $1 / norms[$0 / 4] })
  }

  @Test func batchesAreNormalisedInTraining() throws {
    let x = normalTensor([4, 1]), one = Tensor(shape: [1], [Float(1)]), zero = Tensor(shape: [1], [Float(0)])
    let found = try results(
      "BatchNormalization", [x, one, zero, zero, one], opset: 15, results: 3,
      ["training_mode": .int(1), "momentum": .float(0.75)])
    expect(found[0], [4, 1], standardised(numbers(x), by: 4))
    let mean = numbers(x).reduce(0, +) / 4,
      variance = numbers(x).reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4
    expect(found[1], [1], [0.25 * mean])
    expect(found[2], [1], [0.75 + 0.25 * variance])
  }

  @Test func firstMaximumIsOne() throws {
    let x = Tensor(shape: [2, 3], [Float(1), 3, 3, 2, 1, 0])
    var graph = Graph()
    graph.outputs = [try graph.apply(Hardmax(axis: 1), graph.addInput(TensorType([2, 3]), name: "x"))]
    #expect(try Session(graph).run([x])[0].elements(as: Float.self) == [0, 1, 0, 1, 0, 0])
  }

  @Test(arguments: ["none", "sum", "mean"])
  func losses(_ reduction: String) throws {
    let x = normalTensor([3, 4]), weight = Tensor(shape: [4], [Float(1), 2, 0.5, 3])
    let target = Tensor(shape: [3], [Int64(3), 1, 0]),
      attributes: [String: ModelDraft.Attribute] = [
        "reduction": .string(reduction), "ignore_index": .int(1),
      ]
    // The second example is ignored.
    func reduced(_ x: [Double]) -> [Double] {
      let losses = [-3 * x[3], 0, -x[8]]
      return reduction == "none" ? losses : [losses.reduce(0, +) / (reduction == "mean" ? 4 : 1)]
    }
    let shape = reduction == "none" ? [3] : []
    expect(
      try results("NegativeLogLikelihoodLoss", [x, target, weight], attributes)[0], shape, reduced(numbers(x))
    )
    let logarithms = stride(from: 0, to: 12, by: 4).flatMap { start in
      let part = numbers(x)[start..<start + 4], sum = log(part.reduce(0) { $0 + exp($1) })
      return part.map { $0 - sum }
    }
    let entropy = try results("SoftmaxCrossEntropyLoss", [x, target, weight], results: 2, attributes)
    expect(entropy[0], shape, reduced(logarithms))
    expect(entropy[1], [3, 4], logarithms)
  }

  @Test func activationsAreRight() throws {
    let x = normalTensor([2, 5]), values = numbers(x)
    func check(
      _ name: String, domain: String = "", _ attributes: [String: ModelDraft.Attribute] = [:],
      _ f: (Double) -> Double
    ) throws {
      expect(try results(name, [x], domain: domain, attributes)[0], [2, 5], values.map(f), "\(name)")
    }
    try check("Swish", ["alpha": .float(0.5)]) { $0 / (1 + exp(-0.5 * $0)) }
    try check("Shrink", ["lambd": .float(0.25), "bias": .float(0.125)]) {
      $0 > 0.25 ? $0 - 0.125 : $0 < -0.25 ? $0 + 0.125 : 0
    }
    try check("QuickGelu", domain: "com.microsoft", ["alpha": .float(2)]) { $0 / (1 + exp(-2 * $0)) }
    try check("Gelu", domain: "com.microsoft") { 0.5 * $0 * (1 + erf($0 / 2.squareRoot())) }
    try check("FastGelu", domain: "com.microsoft") {
      0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    }
  }

  /// Two heads that share one group of keys; a cache, a mask, a bound on scores and order in time.
  @Test func attention() throws {
    let q = normalTensor([1, 2, 2, 2]), k = normalTensor([1, 1, 2, 2], seed: 2),
      v = normalTensor([1, 1, 2, 3], seed: 3)
    let pastKey = normalTensor([1, 1, 1, 2], seed: 4), pastValue = normalTensor([1, 1, 1, 3], seed: 5)
    let mask = Tensor(shape: [2, 3], [Float(0.5), -.infinity, 1, -1, 0, 0.25])
    let found = try results(
      "Attention",
      [q, k, v, Tensor(shape: [2, 3], numbers(mask)).converted(to: .float32), pastKey, pastValue],
      results: 3, isSmooth: false, ["is_causal": .int(1), "softcap": .float(2), "scale": .float(0.5)])
    let keys = numbers(pastKey) + numbers(k), rows = numbers(pastValue) + numbers(v)
    var expected: [Double] = []
    for head in 0..<2 {
      for query in 0..<2 {
        let start = (head * 2 + query) * 2
        let weights = (0..<3).map { key -> Double in
          let score = 0.5 * (0..<2).reduce(0) { $0 + numbers(q)[start + $1] * keys[key * 2 + $1] }
          return key > query + 1 ? 0 : exp(2 * tanh(score / 2) + numbers(mask)[query * 3 + key])
        }
        for column in 0..<3 {
          expected.append(
            (0..<3).reduce(0) { $0 + weights[$1] * rows[$1 * 3 + column] } / weights.reduce(0, +))
        }
      }
    }
    expect(found[0], [1, 2, 2, 3], expected)
    expect(found[1], [1, 1, 3, 2], keys)
  }

  /// A query without any key to look at yields zero.
  @Test func attentionToNothingIsZero() throws {
    let x = normalTensor([1, 1, 2, 2])
    let found = try results("Attention", [x, x, x, Tensor(shape: [2, 2], [true, true, false, false])])[0]
    #expect(numbers(found)[2...].allSatisfy { $0 == 0 })
  }

  @Test(arguments: [0, 1])
  func pairsAreTurned(_ isInterleaved: Int) throws {
    // A quarter turn maps (a, b) to (−b, a).
    let x = Tensor(shape: [1, 1, 1, 4], [Float(1), 2, 3, 4])
    let cosine = Tensor(shape: [1, 1, 2], [Float(0), 0]), sine = Tensor(shape: [1, 1, 2], [Float(1), 1])
    let found = try results("RotaryEmbedding", [x, cosine, sine], ["interleaved": .int(isInterleaved)])[0]
    expect(found, [1, 1, 1, 4], isInterleaved == 1 ? [-2, 1, -4, 3] : [-3, -4, 1, 2])
  }

  /// Both fused forms give what the plain operator gives.
  @Test func fusedAttentionIsAttention() throws {
    let x = normalTensor([2, 3, 4]), weights = normalTensor([4, 12], seed: 2),
      bias = normalTensor([12], seed: 3)
    let packed = try results(
      "Attention", [x, weights, bias], domain: "com.microsoft", ["num_heads": .int(2)])[0]
    let projected = (0..<3).map { part -> Tensor in
      let values = (0..<6).flatMap { row in
        (0..<4).map { column -> Double in
          let at = part * 4 + column
          return (0..<4).reduce(numbers(bias)[at]) {
            $0 + numbers(x)[row * 4 + $1] * numbers(weights)[$1 * 12 + at]
          }
        }
      }
      return Tensor(shape: [2, 3, 4], values).converted(to: .float32)
    }
    let heads: [String: ModelDraft.Attribute] = ["q_num_heads": .int(2), "kv_num_heads": .int(2)]
    let plain = try results("Attention", projected, heads)[0]
    #expect(scaledDifference(packed, plain)! < 1e-5)
    let separate = try results(
      "MultiHeadAttention", projected, domain: "com.microsoft", ["num_heads": .int(2)])[0]
    #expect(scaledDifference(separate, plain)! < 1e-6)
  }

  @Test func fusedProductsArePlainOnes() throws {
    let a = normalTensor([3, 2]), b = normalTensor([4, 3], seed: 2)
    let product = try results(
      "FusedMatMul", [a, b], domain: "com.microsoft",
      ["transA": .int(1), "transB": .int(1), "alpha": .float(0.5)])[0]
    let left = numbers(a), right = numbers(b)
    let expected = (0..<8).map { index -> Double in
      let row = index / 4, column = index % 4
      return (0..<3).reduce(0.0) { sum, k in sum + 0.5 * left[k * 2 + row] * right[column * 3 + k] }
    }
    expect(product, [2, 4], expected)
    let activated = try results(
      "FusedGemm", [a, b], domain: "com.microsoft", isSmooth: false,
      [
        "transA": .int(1), "transB": .int(1), "alpha": .float(0.5), "activation": .string("LeakyRelu"),
        "activation_alpha": .float(0.25),
      ])[0]
    expect(activated, [2, 4], expected.map { $0 < 0 ? 0.25 * $0 : $0 })
  }

  @Test func fusedConvolutionAddsAndActivates() throws {
    let x = normalTensor([1, 2, 3, 3]), w = normalTensor([2, 2, 1, 1], seed: 2)
    let z = normalTensor([1, 2, 3, 3], seed: 3)
    let found = try results(
      "FusedConv", [x, w, nil, z], domain: "com.microsoft", ["activation": .string("Tanh")])[0]
    let image = numbers(x), weights = numbers(w), added = numbers(z)
    let expected = (0..<18).map { index -> Double in
      let channel = index / 9, pixel = index % 9
      return tanh(
        added[index] + weights[channel * 2] * image[pixel] + weights[channel * 2 + 1] * image[9 + pixel])
    }
    expect(found, [1, 2, 3, 3], expected)
  }
}
