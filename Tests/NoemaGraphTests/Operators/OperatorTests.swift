@testable import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// One row: an operator, its operands, whether second derivatives exist everywhere.
struct OperatorCase: Sendable, CustomTestStringConvertible {
  let operation: any Operator
  let operands: [TestOperand]
  var isSmooth = true
  var testDescription: String { "\(operation)" }

  init(_ operation: any Operator, _ operands: TestOperand..., isSmooth: Bool = true) {
    self.operation = operation
    self.operands = operands
    self.isSmooth = isSmooth
  }
}

private let convolutions: [OperatorCase] = [
  // Square, strided, dilated, grouped, depthwise, asymmetric padding, 1 and 3 axes, and channel counts that
  // do and do not fill a block of 8.
  OperatorCase(
    Convolution(window: Window(kernel: [3, 3]), hasBias: true), .random([2, 3, 6, 5]), .random([4, 3, 3, 3]),
    .random([4])),
  OperatorCase(
    Convolution(window: Window(kernel: [3, 3], strides: [2, 2], paddingBefore: [1, 1]), hasBias: false),
    .random([2, 8, 7, 7]), .random([16, 8, 3, 3])),
  OperatorCase(
    Convolution(
      window: Window(kernel: [3, 3], strides: [2, 2], paddingBefore: [0, 0], paddingAfter: [1, 1]),
      hasBias: true), .random([1, 8, 8, 8]), .random([8, 8, 3, 3]), .random([8])),
  OperatorCase(
    Convolution(window: Window(kernel: [3, 2], dilations: [2, 1], paddingBefore: [2, 0]), hasBias: false),
    .random([2, 4, 7, 6]), .random([6, 4, 3, 2])),
  OperatorCase(
    Convolution(window: Window(kernel: [3, 3], paddingBefore: [1, 1]), groups: 2, hasBias: true),
    .random([2, 6, 5, 5]), .random([4, 3, 3, 3]), .random([4])),
  OperatorCase(
    Convolution(window: Window(kernel: [3, 3], paddingBefore: [1, 1]), groups: 16, hasBias: true),
    .random([2, 16, 6, 6]), .random([16, 1, 3, 3]), .random([16])),
  OperatorCase(
    Convolution(window: Window(kernel: [1, 1]), hasBias: true), .random([2, 16, 4, 4]),
    .random([8, 16, 1, 1]), .random([8])),
  OperatorCase(
    Convolution(window: Window(kernel: [3], paddingBefore: [1]), hasBias: true), .random([2, 3, 9]),
    .random([5, 3, 3]), .random([5])),
  OperatorCase(
    Convolution(window: Window(kernel: [2, 2, 2]), hasBias: false), .random([1, 2, 4, 3, 3]),
    .random([3, 2, 2, 2, 2])),
  OperatorCase(
    ConvolutionInputGradient(
      window: Window(kernel: [3, 3], strides: [2, 2], paddingBefore: [1, 1]), extents: [8, 7]),
    .random([2, 4, 4, 4]), .random([4, 3, 3, 3])),
  OperatorCase(
    ConvolutionInputGradient(window: Window(kernel: [2, 2], strides: [2, 2]), groups: 2, extents: [6, 6]),
    .random([1, 4, 3, 3]), .random([4, 3, 2, 2])),
  OperatorCase(
    ConvolutionWeightGradient(
      window: Window(kernel: [3, 3], paddingBefore: [1, 1]), weightShape: [4, 3, 3, 3]),
    .random([2, 3, 5, 5]), .random([2, 4, 5, 5])),
]

private let poolings: [OperatorCase] = [
  OperatorCase(MaxPool(window: Window(kernel: [2, 2], strides: [2, 2])), .distinct([2, 8, 6, 6])),
  OperatorCase(
    MaxPool(window: Window(kernel: [3, 3], strides: [2, 2], paddingBefore: [1, 1])), .distinct([1, 3, 7, 7])),
  OperatorCase(MaxPool(window: Window(kernel: [2], strides: [1], dilations: [2])), .distinct([2, 3, 9])),
  OperatorCase(
    AveragePool(
      window: Window(kernel: [2, 2], strides: [2, 2]), countsPadding: false, declaredPaddingAfter: [0, 0]),
    .random([2, 8, 6, 6])),
  OperatorCase(
    AveragePool(
      window: Window(kernel: [3, 3], strides: [2, 2], paddingBefore: [1, 1]), countsPadding: true,
      declaredPaddingAfter: [1, 1]), .random([1, 3, 7, 7])),
  OperatorCase(
    AveragePool(
      window: Window(kernel: [3, 3], strides: [2, 2], paddingBefore: [1, 1]), countsPadding: false,
      declaredPaddingAfter: [1, 1]), .random([1, 8, 7, 7])),
  OperatorCase(
    AveragePool(
      window: Window(kernel: [2, 2], strides: [2, 2], paddingBefore: [0, 0], paddingAfter: [1, 1]),
      countsPadding: true, declaredPaddingAfter: [0, 0]), .random([1, 3, 5, 5])),
]

private let products: [OperatorCase] = [
  OperatorCase(SquaredDistances(), .random([3, 4]), .random([5, 4])),
  OperatorCase(MatMul(), .random([3, 4]), .random([4, 5])),
  OperatorCase(
    MatMul(transposesRight: true, hasBias: true), .random([3, 4]), .random([5, 4]), .random([5])),
  OperatorCase(MatMul(transposesLeft: true), .random([4, 3]), .random([4, 5])),
  OperatorCase(MatMul(transposesLeft: true, transposesRight: true), .random([4, 3]), .random([5, 4])),
  OperatorCase(MatMul(), .random([2, 3, 4]), .random([2, 4, 5])),
  OperatorCase(Determinant(), .random([2, 3, 3])),
  // The determinant's derivatives run through inverses of larger matrices; random ones are badly conditioned.
  OperatorCase(Inverse(), .positive([3, 1, 1])),
  OperatorCase(MatMul(), .random([2, 1, 3, 4]), .random([3, 4, 2])),
  OperatorCase(
    BatchNormalization(epsilon: 1e-3), .random([2, 3, 4, 4]),
    .constant(Tensor(shape: [3], [Float(1), 2, -1])), .constant(Tensor(shape: [3], [Float(0), 1, 2])),
    .constant(Tensor(shape: [3], [Float(0.5), 0, 1])), .constant(Tensor(shape: [3], [Float(1), 2, 0.5]))),
  OperatorCase(Softmax(axis: 1, isLogarithmic: false), .random([3, 5])),
  OperatorCase(Softmax(axis: 1, isLogarithmic: true), .random([2, 4, 3])),
]

private let elementwise: [OperatorCase] =
  [Binary.Function.add, .sub, .mul].flatMap {
    [
      OperatorCase(Binary($0), .random([2, 3, 4]), .random([2, 3, 4])),
      OperatorCase(Binary($0), .random([2, 3, 4]), .random([3, 1])),
      OperatorCase(Binary($0), .random([1, 4]), .random([3, 1])),
    ]
  } + [
    OperatorCase(Binary(.div), .random([2, 3]), .positive([2, 3])),
    OperatorCase(Binary(.div), .random([2, 3]), .positive([3])),
    OperatorCase(Binary(.mod), .random([4, 3]), .distinct([4, 3])),
    OperatorCase(Binary(.remainder), .random([4, 3]), .positive([1, 3])),
    OperatorCase(Binary(.pow), .positive([2, 3]), .random([2, 3])),
    OperatorCase(Binary(.pow), .positive([4]), .constant(Tensor(Float(3)))),
    OperatorCase(Binary(.max), .distinct([3, 4]), .constant(Tensor(Float(0.003))), isSmooth: false),
    OperatorCase(
      Binary(.min), .distinct([3, 4]), .constant(Tensor(shape: [4], [Float(0.005), 0.005, -0.005, 0.015])),
      isSmooth: false),
    OperatorCase(
      Gate(lower: 0, upper: 0.05, below: 0.1, above: 0.3), .random([3, 4]),
      .constant(Tensor(shape: [3, 4], (0..<12).map { Float($0) / 100 - 0.015 }))),
    OperatorCase(
      Select(), .constant(Tensor(shape: [2, 3], [true, false, true, false, false, true])), .random([2, 3]),
      .random([3])),
  ]
  + ([.sigmoid, .tanh, .exp, .erf, .sin, .cos, .softplus, .negative, .atan, .sinh, .cosh, .asinh]
  as [ScalarFunction]).map {
    OperatorCase(Unary($0), .random([2, 8]))
  }
  + ([.log, .sqrt, .reciprocal] as [ScalarFunction]).map { OperatorCase(Unary($0), .positive([2, 8])) }
  + ([.relu, .leakyReLU(slope: 0.1), .clip(lower: -0.055, upper: 0.055), .elu(alpha: 0.7), .abs]
  as [ScalarFunction]).map {
    OperatorCase(Unary($0), .distinct([2, 8]))
  }
  + ([.tan, .asin, .acos, .atanh] as [ScalarFunction]).map { OperatorCase(Unary($0), .distinct([2, 8])) }
  + ([.gelu, .geluSlope, .tanhGELU, .tanhGELUSlope, .swish(alpha: 1), .swish(alpha: -1.7)] as [ScalarFunction])
  .map { OperatorCase(Unary($0), .random([2, 8])) }
  + ([.swishSlope(alpha: 1), .swishSlope(alpha: 0.8)] as [ScalarFunction]).map {
    OperatorCase(Unary($0), .random([2, 8]))
  }
  + ([.hardSigmoid(alpha: 9, beta: 0.5), .hardSigmoid(alpha: -9, beta: 0.4), .hardSwish, .hardSwishSlope]
  as [ScalarFunction]).map { OperatorCase(Unary($0), .distinct([2, 8])) }
  + ([.floor, .ceil, .round, .sign] as [ScalarFunction]).map { OperatorCase(Unary($0), .distinct([2, 8])) }

private let blocks: [OperatorCase] = [
  OperatorCase(LayerNormalization(axisCount: 1, epsilon: 1e-3), .random([3, 5])),
  OperatorCase(
    LayerNormalization(axisCount: 2, epsilon: 1e-3, hasScale: true, hasBias: true), .random([2, 3, 4]),
    .random([3, 4]), .random([3, 4])),
  OperatorCase(
    LayerNormalization(axisCount: 1, epsilon: 1e-3, hasBias: true), .random([2, 20]), .random([20])),
  OperatorCase(
    LayerNormalization(axisCount: 1, epsilon: 1e-3, centres: false, hasScale: true), .random([2, 2, 33]),
    .random([33])),
  OperatorCase(
    LayerNormalizationGradient(of: LayerNormalization(axisCount: 1, epsilon: 1e-2, hasScale: true)),
    .random([2, 18]), .random([2, 18]), .random([18])),
  OperatorCase(
    LayerNormalizationGradient(of: LayerNormalization(axisCount: 2, epsilon: 1e-2, centres: false)),
    .random([2, 2, 3]), .random([2, 2, 3])),
  OperatorCase(SoftmaxGradient(axis: 1), .random([3, 5]), .random([3, 5])),
  OperatorCase(SoftmaxGradient(axis: 1), .random([2, 5, 3]), .random([2, 5, 3])),
  OperatorCase(
    ScaledDotProductAttention(scale: 0.5), .random([2, 2, 3, 4]), .random([2, 2, 5, 4]),
    .random([2, 2, 5, 3])),
  OperatorCase(
    ScaledDotProductAttention(scale: 0.7, hasBias: true, keysAreColumns: true), .random([2, 2, 3, 4]),
    .random([2, 2, 4, 5]), .random([2, 2, 5, 3]), .random([2, 1, 1, 5])),
  OperatorCase(
    ScaledDotProductAttention(scale: 1, hasBias: true), .random([1, 2, 3, 2]), .random([1, 2, 17, 2]),
    .random([1, 2, 17, 1]), .random([3, 17])),
  OperatorCase(
    SqueezeExcite(activation: .tanh, gate: .sigmoid), .random([2, 4, 3, 3]), .random([2, 4, 1, 1]),
    .random([2]),
    .random([4, 2, 1, 1]), .random([4])),
]

private let movements: [OperatorCase] = [
  OperatorCase(Reshape(shape: [6, 4]), .random([2, 3, 4])),
  OperatorCase(Transpose(permutation: [2, 0, 1]), .random([2, 3, 4])),
  OperatorCase(Broadcast(shape: [2, 3, 4]), .random([3, 1])),
  OperatorCase(Slice(starts: [0, 3], counts: [2, 2], steps: [1, -2]), .random([3, 5])),
  OperatorCase(Slice(starts: [1, 0], counts: [2, 3], steps: [1, 2]), .random([3, 5])),
  OperatorCase(Pad(before: [0, 1], after: [2, 0]), .random([2, 3])),
  OperatorCase(Pad(before: [1, 0], after: [0, 1], steps: [-2, 3], fill: 0.5), .random([2, 3])),
  OperatorCase(Concatenation(axis: 1), .random([2, 3, 2]), .random([2, 1, 2]), .random([2, 4, 2])),
  OperatorCase(Split(axis: 1, sizes: [3]), .random([2, 3])),
  OperatorCase(Split(axis: 1, sizes: [2, 0, 3]), .random([2, 5, 3])),
  OperatorCase(Gather(axis: 1), .random([2, 4, 3]), .constant(Tensor(shape: [3], [Int64(3), 0, -1]))),
  OperatorCase(
    GatherGradient(axis: 0, extent: 5), .random([3, 2]), .constant(Tensor(shape: [3], [Int64(4), 0, 4]))),
  OperatorCase(Cast(to: .float32), .random([2, 3])),
]

private let reductions: [OperatorCase] = [
  OperatorCase(Reduction(.sum, axes: [0, 2], keepsAxes: true), .random([2, 3, 4])),
  OperatorCase(Reduction(.sum, axes: [1], keepsAxes: false), .random([2, 3, 4])),
  OperatorCase(Reduction(.mean, axes: [2, 3], keepsAxes: true), .random([2, 8, 3, 3])),
  OperatorCase(Reduction(.mean, axes: [2, 3], keepsAxes: false), .random([2, 3, 4, 2])),
  OperatorCase(Reduction(.product, axes: [1], keepsAxes: true), .positive([2, 3])),
  OperatorCase(Reduction(.max, axes: [1], keepsAxes: false), .distinct([3, 4]), isSmooth: false),
  OperatorCase(Reduction(.min, axes: [0, 1], keepsAxes: true), .distinct([3, 4]), isSmooth: false),
]

@Suite struct OperatorTests {
  @Test(arguments: convolutions + poolings + products + elementwise + blocks + movements + reductions)
  func isRight(_ row: OperatorCase) throws {
    #expect(try failures(of: row.operation, row.operands, isSmooth: row.isSmooth) == [])
  }

  @Test func maxPoolingGivesTheFirstOfATieTheGradient() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 1, 2, 2]), name: "x")
    graph.outputs = [try graph.apply(MaxPool(window: Window(kernel: [2, 2])), x)]
    var back = try graph.backward(from: graph.outputs[0], to: [x])
    back.graph.outputs = [back.cotangents[0]!]
    let inputs = [
      Tensor(shape: [1, 1, 2, 2], [Float(1), 1, 1, 1]), Tensor(shape: [1, 1, 1, 1], [Float(3)]),
    ]
    for result in [try Session(back.graph).run(inputs)[0], try back.graph.interpreted(inputs)[0]] {
      #expect(result.elements(as: Float.self) == [3, 0, 0, 0])
    }
  }

  @Test func kinksFollowPyTorch() throws {
    for (function, x, expected) in [
      (ScalarFunction.relu, Float(0), Float(0)), (.clip(lower: 0, upper: 6), 6, 0),
      (.clip(lower: 0, upper: 6), 0, 0),
      (.abs, 0, 0), (.leakyReLU(slope: 0.25), 0, 0.25),
    ] {
      var graph = Graph()
      let input = graph.addInput(TensorType([1]), name: "x")
      graph.outputs = [try graph.apply(Unary(function), input)]
      var back = try graph.backward(from: graph.outputs[0], to: [input])
      back.graph.outputs = [back.cotangents[0]!]
      let result = try back.graph.interpreted([Tensor(shape: [1], [x]), Tensor(shape: [1], [Float(1)])])[0]
      #expect(result.elements(as: Float.self) == [expected], "\(function) at \(x)")
    }
  }

  /// Products with none, one and two zeros have first and second derivatives, which quotients would miss.
  @Test(arguments: [[0], [1], [0, 2]]) func productsOfZeros(_ axes: [Int]) throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 3, 2]), name: "x")
    graph.outputs = [try graph.apply(Reduction(.product, axes: axes, keepsAxes: false), x)]
    let numbers = Tensor(shape: [2, 3, 2], [Float(0), 2, -1, 0, 0, 0.5, 3, 1, 0, 0, -2, 4])
    #expect(try failures(of: graph, at: [numbers]) == [])
  }

  @Test func powersOfZeroFollowPyTorch() throws {
    var graph = Graph()
    let a = graph.addInput(TensorType([4]), name: "a"), b = graph.addInput(TensorType([4]), name: "b")
    graph.outputs = [try graph.apply(Binary(.pow), a, b)]
    var back = try graph.backward(from: graph.outputs[0], to: [a, b])
    back.graph.outputs = back.cotangents.map { $0! }
    let inputs = [[Float(0), 0, 3, 2], [0, 2, 0, 3], [1, 1, 1, 1]].map { Tensor(shape: [4], $0) }
    for results in [try Session(back.graph).run(inputs), try back.graph.interpreted(inputs)] {
      #expect(results[0].elements(as: Float.self) == [0, 0, 0, 12])
      for (found, expected) in zip(results[1].elements(as: Float.self), [0, 0, 1.0986123, 5.5451774]) {
        #expect(abs(Double(found) - expected) < 1e-5)
      }
    }
  }

  /// A block that reads one value in several places passes what arrives at it once.
  @Test func valuesThatABlockReadsTwice() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 2, 5, 4]), name: "x")
    graph.outputs = [try graph.apply(ScaledDotProductAttention(scale: 0.5), x, x, x)]
    #expect(try failures(of: graph, at: [normalTensor([2, 2, 5, 4])]) == [])
  }

  /// A row of −∞ has no softmax; where it is replaced by zeros, nothing passes back through it.
  @Test(arguments: [1, 0]) func replacedRowsOfSoftmaxPassNothing(_ axis: Int) throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 2]), name: "x")
    let y = try graph.apply(Softmax(axis: axis), x)
    let isMasked = graph.addConstant(Tensor(shape: axis == 1 ? [2, 1] : [1, 2], [true, false]))
    graph.outputs = [try graph.apply(Select(), isMasked, graph.addConstant(Tensor(Float(0))), y)]
    var back = try graph.backward(from: graph.outputs[0], to: [x])
    back.graph.outputs = [back.cotangents[0]!]
    let off = -Float.infinity
    let inputs = [
      Tensor(shape: [2, 2], axis == 1 ? [off, off, 1, 1] : [off, 1, off, 1]),
      Tensor(shape: [2, 2], axis == 1 ? [3, 1, 4, 0] : [Float(3), 4, 1, 0]),
    ]
    for result in [try Session(back.graph).run(inputs)[0], try back.graph.interpreted(inputs)[0]] {
      #expect(result.elements(as: Float.self) == (axis == 1 ? [0, 0, 1, -1] : [0, 1, 0, -1]))
    }
  }

  /// Rows that fill vectors, stretches of vectors, and neither; numbers far below the largest, and none.
  @Test(arguments: [3, 16, 33, 4096, 20_011]) func longRowsOfSoftmax(_ width: Int) throws {
    var numbers = normalTensor([2, width]).elements(as: Float.self).map { 20 * $0 }
    numbers[1] = -.infinity
    let x = Tensor(shape: [2, width], numbers)
    for isLogarithmic in [false, true] {
      var graph = Graph()
      let input = graph.addInput(TensorType([2, width]), name: "x")
      graph.outputs = [try graph.apply(Softmax(axis: 1, isLogarithmic: isLogarithmic), input)]
      let found = try Session(graph).run([x])[0].elements(as: Float.self)
      let expected = try graph.interpreted([x], as: .float64)[0].elements(as: Double.self)
      for (a, b) in zip(found, expected) where a.isFinite || b.isFinite {
        #expect(abs(Double(a) - b) <= 2e-6 * max(1, abs(b)))
      }
      #expect(found[1] == (isLogarithmic ? -.infinity : 0))
    }
    numbers[width + 2] = .nan
    var graph = Graph()
    let input = graph.addInput(TensorType([2, width]), name: "x")
    graph.outputs = [try graph.apply(Softmax(axis: 1), input)]
    let found = try Session(graph).run([Tensor(shape: [2, width], numbers)])[0].elements(as: Float.self)
    #expect(found[..<width].allSatisfy { !$0.isNaN } && found[width...].allSatisfy(\.isNaN))
  }

  /// Constant matrices are rearranged once, turned or not, for rows and columns that fill no vector, with a bias, an
  /// activation and a residual fused.
  @Test(arguments: [[1, 5, 3], [2, 8, 16], [7, 13, 31], [64, 24, 40], [3, 1, 1], [33, 100, 10]])
  func productsWithConstantMatrices(_ sizes: [Int]) throws {
    let (m, k, n) = (sizes[0], sizes[1], sizes[2])
    for isTransposed in [false, true] {
      var graph = Graph()
      let x = graph.addInput(TensorType([2, m, k]), name: "x")
      let b = graph.addConstant(normalTensor(isTransposed ? [n, k] : [k, n], seed: 2))
      let bias = graph.addConstant(normalTensor([n], seed: 3))
      let plain = try graph.apply(MatMul(transposesRight: isTransposed), x, b)
      let biased = try graph.apply(MatMul(transposesRight: isTransposed, hasBias: true), x, b, bias)
      let rectified = try graph.apply(Unary(.relu), biased)
      graph.outputs = [plain, rectified, try graph.apply(Binary(.add), rectified, plain)]
      let input = normalTensor([2, m, k], seed: 1)
      for (found, expected) in zip(
        try Session(graph).run([input]), try graph.interpreted([input], as: .float64))
      {
        #expect(scaledDifference(found, expected)! < floatTolerance, "\(sizes), \(isTransposed)")
      }
    }
  }

  @Test func integerArithmeticIsExactAndNeverTraps() throws {
    let a = Tensor(shape: [3], [Int64.max, 7, -7]), b = Tensor(shape: [3], [Int64(1), 0, 2])
    #expect(try Binary(.add).evaluate([a, b])[0].elements(as: Int64.self) == [.min, 7, -5])
    #expect(try Binary(.div).evaluate([a, b])[0].elements(as: Int64.self) == [.max, 0, -3])
    #expect(try Binary(.mod).evaluate([a, b])[0].elements(as: Int64.self) == [0, 0, 1])
  }
}
