import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

/// Patterns get their names back, however they are written, and keep their values.
@Suite struct NamingTests {
  /// Builds a graph of one input and checks what the canonical passes make of it.
  private func check(
    _ shape: [Int], becomes operations: [String], keeping kept: (Graph) -> Set<Value> = { _ in [] },
    sourceLocation: SourceLocation = #_sourceLocation,
    _ build: (inout Graph, Value) throws -> Value
  ) throws {
    var graph = Graph()
    let x = graph.addInput(TensorType(shape), name: "x")
    graph.outputs = [try build(&graph, x)]
    let named = try graph.applying(Pass.canonical, keeping: kept(graph))
    #expect(named.operations == operations, sourceLocation: sourceLocation)
    let input = normalTensor(shape)
    let expected = try graph.interpreted([input], as: .float64)[0]
    for found in [
      try named.interpreted([input], as: .float64)[0], try Session(named).run([input])[0],
      try graph.applying([.expandAll]).interpreted([input], as: .float64)[0],
    ] {
      #expect(scaledDifference(found, expected)! < 1e-5, sourceLocation: sourceLocation)
    }
  }

  /// `number ⊕ x` in either order.
  private func scaled(_ graph: inout Graph, _ x: Value, _ number: Double, _ function: Binary.Function = .mul)
    throws -> Value
  {
    try graph.apply(Binary(function), x, graph.addScalar(number, like: x))
  }

  // MARK: Functions of one variable

  @Test func geluIsNamedHoweverItIsWritten() throws {
    func normal(_ graph: inout Graph, _ x: Value, halves: Bool) throws -> Value {
      let erf = try graph.apply(Unary(.erf), scaled(&graph, x, 2.0.squareRoot(), .div))
      let sum = try scaled(&graph, erf, 1, .add)
      return halves ? try scaled(&graph, sum, 0.5) : sum
    }
    // (x · (1 + erf)) · ½, x · (½ (1 + erf)), (½ x) · (1 + erf).
    try check([2, 8], becomes: ["Gelu"]) { graph, x in
      try scaled(&graph, graph.apply(Binary(.mul), x, normal(&graph, x, halves: false)), 0.5)
    }
    try check([2, 8], becomes: ["Gelu"]) { graph, x in
      try graph.apply(Binary(.mul), normal(&graph, x, halves: true), x)
    }
    try check([2, 8], becomes: ["Gelu"]) { graph, x in
      let half = try scaled(&graph, x, 0.5)
      return try graph.apply(Binary(.mul), half, normal(&graph, x, halves: false))
    }
    // With tanh, the cube as a power.
    try check([2, 8], becomes: ["TanhGELU"]) { graph, x in
      let cube = try scaled(&graph, scaled(&graph, x, 3, .pow), 0.044715)
      let inner = try scaled(
        &graph, graph.apply(Binary(.add), x, cube), (2 / Double.pi).squareRoot())
      let outer = try scaled(&graph, graph.apply(Unary(.tanh), inner), 1, .add)
      return try graph.apply(Binary(.mul), scaled(&graph, x, 0.5), outer)
    }
  }

  @Test func otherFunctionsAreNamed() throws {
    try check([2, 8], becomes: ["HardSwish"]) { graph, x in
      let six = try graph.apply(Unary(.clip(lower: 0, upper: 6)), scaled(&graph, x, 3, .add))
      return try scaled(&graph, graph.apply(Binary(.mul), x, six), 6, .div)
    }
    try check([2, 8], becomes: ["HardSigmoid"]) { graph, x in
      try scaled(&graph, graph.apply(Unary(.clip(lower: 0, upper: 6)), scaled(&graph, x, 3, .add)), 6, .div)
    }
    try check([2, 8], becomes: ["Swish"]) { graph, x in
      try graph.apply(Binary(.mul), graph.apply(Unary(.sigmoid), x), x)
    }
    try check([2, 8], becomes: ["Swish"]) { graph, x in
      try graph.apply(Binary(.mul), x, graph.apply(Unary(.sigmoid), scaled(&graph, x, 1.702)))
    }
    try check([2, 8], becomes: ["Sigmoid"]) { graph, x in
      let one = graph.addScalar(1, like: x)
      let below = try graph.apply(
        Binary(.add), one, graph.apply(Unary(.exp), graph.apply(Unary(.negative), x)))
      return try graph.apply(Binary(.div), one, below)
    }
    // A slope for negative numbers, as PRelu is imported.
    try check([2, 8], becomes: ["LeakyReLU"]) { graph, x in
      let below = try scaled(&graph, graph.apply(Unary(.relu), graph.apply(Unary(.negative), x)), 0.25)
      return try graph.apply(Binary(.sub), graph.apply(Unary(.relu), x), below)
    }
  }

  /// A hook or another reader inside keeps the formula as it is; so does a number that is a little off.
  @Test func whatIsReadOrWrongIsLeftAlone() throws {
    try check([2, 8], becomes: ["Sigmoid", "Mul"], keeping: { [$0.nodes[0].results[0]] }) { graph, x in
      try graph.apply(Binary(.mul), graph.apply(Unary(.sigmoid), x), x)
    }
    try check([2, 8], becomes: ["Sigmoid", "Mul", "Add"]) { graph, x in
      let gate = try graph.apply(Unary(.sigmoid), x)
      return try graph.apply(Binary(.add), graph.apply(Binary(.mul), gate, x), gate)
    }
    try check([2, 8], becomes: ["Mul", "Erf", "Add", "Mul", "Mul"]) { graph, x in
      let erf = try graph.apply(Unary(.erf), scaled(&graph, x, 0.7))
      return try scaled(&graph, graph.apply(Binary(.mul), x, scaled(&graph, erf, 1, .add)), 0.5)
    }
    // The derivative of the larger of two is shared at a tie, that of ReLU is not.
    try check([2, 8], becomes: ["Max"]) { graph, x in try scaled(&graph, x, 0, .max) }
  }

  /// The derivative of a named function is that of its formula.
  @Test func namedFunctionsKeepTheirDerivatives() throws {
    let functions: [ScalarFunction] = [
      .gelu, .tanhGELU, .swish(alpha: 1.3), .hardSwish, .hardSigmoid(alpha: 0.2, beta: 0.5), .geluSlope,
      .tanhGELUSlope, .swishSlope(alpha: 1.3), .hardSwishSlope,
    ]
    for function in functions {
      var graph = Graph()
      let x = graph.addInput(TensorType([24]), name: "x")
      graph.outputs = [try graph.apply(Unary(function), x)]
      let written = try graph.applying([.expandAll])
      func gradient(_ graph: Graph) throws -> [Tensor] {
        var back = try graph.backward(from: graph.outputs[0], to: [x])
        back.graph.outputs = [graph.outputs[0], back.cotangents[0]!]
        let points = Tensor(shape: [24], (0..<24).map { Float($0) / 2 - 5.8 })
        return try back.graph.interpreted([points, normalTensor([24])], as: .float64)
      }
      for (found, expected) in zip(try gradient(graph), try gradient(written)) {
        // The numbers of the formula are rounded to float32.
        #expect(scaledDifference(found, expected)! < 1e-6, "\(function)")
      }
    }
  }

  /// Fast kernels at the ends: infinities, zeros, and numbers too small for a normal float.
  @Test func functionsAreRightAtTheEnds() throws {
    let points: [Float] = [
      -.infinity, -1e30, -110, -88, -20, -.leastNonzeroMagnitude, -0.0, 0, .leastNonzeroMagnitude, 1e-8, 20,
      88, 110, 1e30, .infinity, .nan,
    ]
    let functions: [ScalarFunction] = [
      .exp, .log, .sigmoid, .tanh, .erf, .softplus, .gelu, .geluSlope, .tanhGELU, .tanhGELUSlope,
      .swish(alpha: 1), .swishSlope(alpha: 1), .hardSwish, .hardSwishSlope, .elu(alpha: 1), .sqrt, .relu,
      .clip(lower: -1, upper: 1), .sign, .reciprocal, .abs,
    ]
    for function in functions {
      var graph = Graph()
      let x = graph.addInput(TensorType([points.count]), name: "x")
      graph.outputs = [try graph.apply(Unary(function), x)]
      let input = Tensor(shape: [points.count], points)
      let fast = try Session(graph).run([input])[0].elements(as: Float.self)
      let plain = try graph.interpreted([input])[0].elements(as: Float.self)
      for (point, (a, b)) in zip(points, zip(fast, plain)) {
        let isClose = a == b || (a.isNaN && b.isNaN) || abs(a - b) <= 1e-5 * abs(b) + 1e-37
        #expect(isClose, "\(function) at \(point): \(a), expected \(b)")
      }
    }
  }

  // MARK: Normalisation

  private func normalised(
    _ graph: inout Graph, _ x: Value, power: Bool = false, reciprocal: Bool = false, centres: Bool = true
  ) throws -> Value {
    let mean = Reduction(.mean, axes: [graph.type(of: x).rank - 1], keepsAxes: true)
    let centred = centres ? try graph.apply(Binary(.sub), x, graph.apply(mean, x)) : x
    let square =
      power ? try scaled(&graph, centred, 2, .pow) : try graph.apply(Binary(.mul), centred, centred)
    let deviation = try graph.apply(Unary(.sqrt), scaled(&graph, graph.apply(mean, square), 1e-5, .add))
    return reciprocal
      ? try graph.apply(Binary(.mul), centred, graph.apply(Unary(.reciprocal), deviation))
      : try graph.apply(Binary(.div), centred, deviation)
  }

  @Test(arguments: [false, true], [false, true])
  func layerNormalizationIsNamed(_ power: Bool, _ reciprocal: Bool) throws {
    for centres in [true, false] {
      try check([2, 3, 8], becomes: ["LayerNormalization"]) { graph, x in
        try normalised(&graph, x, power: power, reciprocal: reciprocal, centres: centres)
      }
      // Scale and bias, each of a shape that broadcasts, in either order.
      try check([2, 3, 8], becomes: ["LayerNormalization"]) { graph, x in
        let y = try normalised(&graph, x, power: power, reciprocal: reciprocal, centres: centres)
        let scaled = try graph.apply(Binary(.mul), graph.addConstant(normalTensor([8], seed: 2)), y)
        return try graph.apply(Binary(.add), scaled, graph.addConstant(normalTensor([1, 1, 8], seed: 3)))
      }
    }
  }

  @Test func normalizationThatIsHookedOrAlongOtherAxesIsLeftAlone() throws {
    // The centred value is read elsewhere: what is left is RMS normalisation of it.
    try check(
      [2, 8], becomes: ["Reduction", "Sub", "LayerNormalization"], keeping: { [$0.nodes[1].results[0]] }
    ) {
      graph, x in try normalised(&graph, x)
    }
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 3, 8]), name: "x")
    let mean = Reduction(.mean, axes: [1], keepsAxes: true)
    let square = try graph.apply(Binary(.mul), x, x)
    let deviation = try graph.apply(Unary(.sqrt), scaled(&graph, graph.apply(mean, square), 1e-5, .add))
    graph.outputs = [try graph.apply(Binary(.div), x, deviation)]
    #expect(try graph.applying(Pass.canonical).operations == ["Mul", "Reduction", "Add", "Sqrt", "Div"])
  }

  // MARK: Attention

  /// Heads of a projection, as exporters write them.
  private func heads(_ graph: inout Graph, _ x: Value, _ seed: UInt64, turned: Bool = false) throws -> Value {
    let weights = graph.addConstant(normalTensor([8, 8], seed: seed))
    let apart = try graph.apply(Reshape(shape: [2, 5, 2, 4]), graph.apply(MatMul(), x, weights))
    return try graph.apply(Transpose(permutation: turned ? [0, 2, 3, 1] : [0, 2, 1, 3]), apart)
  }

  @Test func attentionIsNamedHoweverItIsScaledAndTurned() throws {
    func output(_ graph: inout Graph, _ scores: Value, _ x: Value) throws -> Value {
      let y = try graph.apply(
        MatMul(), graph.apply(Softmax(axis: 3), scores), heads(&graph, x, 9))
      return try graph.apply(
        Reshape(shape: [2, 5, 8]), graph.apply(Transpose(permutation: [0, 2, 1, 3]), y))
    }
    let projections = ["MatMul", "Reshape", "Transpose"]
    let expected =
      projections + projections + projections + ["ScaledDotProductAttention", "Transpose", "Reshape"]
    // Both sides scaled, keys turned in one go.
    try check([2, 5, 8], becomes: expected) { graph, x in
      let q = try scaled(&graph, heads(&graph, x, 2), 0.7),
        k = try scaled(&graph, heads(&graph, x, 3, turned: true), 0.7)
      return try output(&graph, graph.apply(MatMul(), q, k), x)
    }
    // Scores divided, keys turned by a transposition of their own, a mask added.
    try check([2, 5, 8], becomes: expected) { graph, x in
      let k = try graph.apply(Transpose(permutation: [0, 1, 3, 2]), heads(&graph, x, 3))
      let scores = try scaled(&graph, graph.apply(MatMul(), heads(&graph, x, 2), k), 2, .div)
      let mask = graph.addConstant(normalTensor([2, 1, 1, 5], seed: 5))
      return try output(&graph, graph.apply(Binary(.add), scores, mask), x)
    }
    // Somebody reads the weights.
    let parts = ["MatMul", "Softmax"]
    try check(
      [2, 5, 8],
      becomes: projections + projections + parts + projections + ["MatMul", "Transpose", "Reshape"],
      keeping: { graph in Set(graph.nodes.filter { $0.operation is Softmax }.map { $0.results[0] }) }
    ) { graph, x in
      try output(
        &graph, graph.apply(MatMul(), heads(&graph, x, 2), heads(&graph, x, 3, turned: true)), x)
    }
  }

  /// The plan reads queries, keys and values from one projection, and writes the heads side by side.
  @Test(arguments: [1, 3]) func attentionReadsWhatItNeedsWhereItLies(_ batch: Int) throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([batch, 5, 8]), name: "x")
    let all = try graph.apply(MatMul(), x, graph.addConstant(normalTensor([8, 24], seed: 2)))
    let parts = try graph.add(Split(axis: 2, sizes: [8, 8, 8]), [all]).map { part throws(GraphError) in
      try graph.apply(
        Transpose(permutation: [0, 2, 1, 3]), graph.apply(Reshape(shape: [batch, 5, 2, 4]), part))
    }
    let y = try graph.apply(ScaledDotProductAttention(scale: 0.5), parts[0], parts[1], parts[2])
    graph.outputs = [
      try graph.apply(Reshape(shape: [batch, 5, 8]), graph.apply(Transpose(permutation: [0, 2, 1, 3]), y))
    ]
    let planned = try graph.applying(Pass.execution)
    #expect(planned.operations == ["MatMul", "ScaledDotProductAttention", "Reshape"])
    let input = normalTensor([batch, 5, 8])
    let expected = try graph.interpreted([input], as: .float64)[0]
    #expect(scaledDifference(try planned.interpreted([input], as: .float64)[0], expected)! < exactTolerance)
    let session = try Session(graph)
    #expect(scaledDifference(try session.run([input])[0], expected)! < floatTolerance)
    // Strides that oneDNN has no fast product for cost a hundredfold.
    #expect(!session.profile().contains { $0.implementation.contains("ref") })
  }

  /// Rows, columns and blocks that fill no vector, tile or stretch; masks of every shape; hidden keys.
  @Test(arguments: [
    [1, 1, 1, 1, 1, 1], [2, 3, 5, 17, 4, 16], [1, 2, 130, 33, 7, 20], [3, 1, 49, 16, 32, 5],
    [1, 1, 700, 40, 3, 2],
  ])
  func attentionOfAnySize(_ sizes: [Int]) throws {
    let (batch, heads, queries, keys, size, width) = (
      sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]
    )
    let q = normalTensor([batch, heads, queries, size], seed: 1)
    let k = normalTensor([batch, heads, keys, size], seed: 2)
    let v = normalTensor([batch, heads, keys, width], seed: 3)
    let masks = [
      nil, [batch, heads, queries, keys], [batch, 1, 1, keys], [1, 1, queries, 1], [1, 1, 1, 1],
    ].map { shape in
      shape.map { shape in
        // Every third key is out of sight, but never the first.
        let noise = normalTensor(shape, seed: 4).elements(as: Float.self)
        let width = shape[3]
        return Tensor(
          shape: shape,
          noise.indices.map { width > 1 && $0 % width % 3 == 2 ? -.infinity : noise[$0] })
      }
    }
    for mask in masks {
      for keysAreColumns in [false, true] {
        var graph = Graph()
        let inputs =
          [q, keysAreColumns ? try Transpose(permutation: [0, 1, 3, 2]).evaluate([k])[0] : k, v]
          + (mask.map { [$0] } ?? [])
        let operands = inputs.map { graph.addInput(TensorType(of: $0), name: "") }
        let attention = ScaledDotProductAttention(
          scale: 0.6, hasBias: mask != nil, keysAreColumns: keysAreColumns)
        graph.outputs = [try graph.add(attention, operands)[0]]
        let session = try Session(graph)
        let found = try session.run(inputs)[0]
        let expected = try graph.interpreted(inputs, as: .float64)[0]
        #expect(
          scaledDifference(found, expected)! < floatTolerance, "\(mask?.shape ?? []), \(keysAreColumns)")
      }
    }
  }

  // MARK: Squeeze and excite

  @Test func squeezeExciteIsNamed() throws {
    func build(_ graph: inout Graph, _ x: Value, from source: Value) throws -> Value {
      let mean = try graph.apply(Reduction(.mean, axes: [2, 3], keepsAxes: true), source)
      let convolution = Convolution(window: Window(kernel: [1, 1]), hasBias: true)
      func constant(_ shape: [Int], _ seed: UInt64) -> Value {
        graph.addConstant(normalTensor(shape, seed: seed))
      }
      let hidden = try graph.apply(
        Unary(.relu), graph.add(convolution, [mean, constant([2, 4, 1, 1], 2), constant([2], 3)])[0])
      let gate = try graph.apply(
        Unary(.sigmoid), graph.add(convolution, [hidden, constant([4, 2, 1, 1], 4), constant([4], 5)])[0])
      return try graph.apply(Binary(.mul), gate, x)
    }
    try check([2, 4, 3, 3], becomes: ["SqueezeExcite"]) { graph, x in try build(&graph, x, from: x) }
    // A gate that is computed from something else is another thing.
    try check(
      [2, 4, 3, 3],
      becomes: ["Tanh", "Reduction", "Convolution", "Relu", "Convolution", "Sigmoid", "Mul"]
    ) { graph, x in try build(&graph, x, from: graph.apply(Unary(.tanh), x)) }
  }

  // MARK: Clean-up

  @Test func movementsThatCancelAreDropped() throws {
    try check([2, 3, 4], becomes: ["Exp", "Reshape", "Tanh"]) { graph, x in
      let there = try graph.apply(Transpose(permutation: [2, 0, 1]), graph.apply(Unary(.exp), x))
      let back = try graph.apply(Transpose(permutation: [1, 2, 0]), there)
      let flat = try graph.apply(Reshape(shape: [3, 8]), graph.apply(Reshape(shape: [24]), back))
      return try graph.apply(Unary(.tanh), scaled(&graph, graph.apply(Reshape(shape: [3, 8]), flat), 1))
    }
  }

  @Test func biasAndTranspositionBecomePartOfAProduct() throws {
    try check([2, 3, 4], becomes: ["MatMul"]) { graph, x in
      let weights = try graph.apply(
        Transpose(permutation: [1, 0]), graph.addConstant(normalTensor([5, 4], seed: 2)))
      return try graph.apply(
        Binary(.add), graph.addConstant(normalTensor([1, 5], seed: 3)), graph.apply(MatMul(), x, weights))
    }
  }
}
