import Foundation
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Graphs that are written as ONNX and read again compute the same.
@Suite struct ExportTests {
  private func check(_ graph: Graph, seed: UInt64 = 3, sourceLocation: SourceLocation = #_sourceLocation)
    throws
  {
    var random = RandomNumbers(seed: seed)
    let inputs = graph.inputs.map { input in
      let type = graph.type(of: input)
      return Tensor(shape: type.shape, (0..<type.count).map { _ in Float(random.normal()) }).converted(
        to: type.element)
    }
    let read = try Network(bytes: try graph.onnx()).graph(
      batch: graph.inputs.first.map { graph.type(of: $0).shape.first ?? 1 } ?? 1)
    #expect(read.inputs.count == graph.inputs.count, sourceLocation: sourceLocation)
    for (found, expected) in zip(try read.interpreted(inputs), try graph.interpreted(inputs)) {
      #expect(found.shape == expected.shape, sourceLocation: sourceLocation)
      // Integers have no distance when they are equal.
      #expect(scaledDifference(found, expected) ?? 0 < 1e-5, sourceLocation: sourceLocation)
    }
  }

  /// Pads with gaps and backwards, slices backwards, gathers and their adjoints, every binary and unary function.
  @Test func singleOperators() throws {
    let x = [2, 3, 6, 5]
    let operators: [(any Operator, [[Int]])] = [
      (Pad(before: [0, 1, 2, 0], after: [1, 0, 0, 3], fill: 2.5), [x]),
      (Pad(before: [0, 0, 1, 2], after: [0, 0, 0, 0], steps: [1, 1, 2, -3]), [x]),
      (Slice(starts: [0, 2, 5, 0], counts: [2, 3, 3, 2], steps: [1, -1, -2, 3]), [x]),
      (Concatenation(axis: 1), [x, [2, 1, 6, 5]]), (Transpose(permutation: [2, 0, 3, 1]), [x]),
      (Broadcast(shape: [2, 4, 3]), [[4, 1]]), (Reshape(shape: [6, 30]), [x]), (Select(), []),
      (Reduction(.sum, axes: [1, 3], keepsAxes: false), [x]),
      (Reduction(.max, axes: [2], keepsAxes: true), [x]),
      (Reduction(.mean, axes: [0, 1], keepsAxes: true), [x]),
      (Reduction(.product, axes: [3], keepsAxes: false), [x]),
      (Gate(lower: 0, upper: 1, below: 0.25, inside: 2, above: -1), [x, x]), (Gate(lower: 0), [x, x]),
      (Softmax(axis: 1), [x]), (Softmax(axis: 3, isLogarithmic: true), [x]),
      (MatMul(transposesRight: true), [[2, 3, 4], [5, 4]]),
      (MatMul(transposesLeft: true, hasBias: true), [[4, 3], [4, 5], [5]]),
      (
        MaxPool(
          window: Window(kernel: [3, 2], strides: [2, 1], paddingBefore: [1, 0], paddingAfter: [1, 1])), [x]
      ),
    ]
    for (operation, shapes) in operators where !shapes.isEmpty {
      var graph = Graph()
      let operands = shapes.enumerated().map { graph.addInput(TensorType($1), name: "x\($0)") }
      graph.outputs = try graph.add(operation, operands)
      try check(graph)
    }
    var parts = Graph()
    parts.outputs = try parts.add(
      Split(axis: 1, sizes: [1, 0, 2]), [parts.addInput(TensorType(x), name: "x")])
    try check(parts)
    var taken = Graph()
    let positions = taken.addConstant(Tensor(shape: [2, 3], [0, -1, 7, 7, 3, 179] as [Int64]))
    let picked = try taken.apply(Take(), taken.addInput(TensorType(x), name: "x"), positions)
    taken.outputs = [picked, try taken.apply(ScatterAdd(shape: [12, 15]), picked, positions)]
    try check(taken)
    for function: Binary.Function in [.add, .sub, .mul, .div, .min, .max] {
      var graph = Graph()
      let a = graph.addInput(TensorType(x), name: "a"), b = graph.addInput(TensorType([3, 1, 5]), name: "b")
      graph.outputs = [try graph.apply(Binary(function), a, b)]
      try check(graph)
    }
    for function: ScalarFunction in [
      .relu, .leakyReLU(slope: 0.1), .clip(lower: -0.5, upper: .infinity), .elu(alpha: 0.7), .sigmoid, .tanh,
      .exp,
      .abs, .negative, .reciprocal, .erf, .sin, .cos, .softplus, .floor, .sign,
    ] {
      var graph = Graph()
      graph.outputs = [try graph.apply(Unary(function), graph.addInput(TensorType(x), name: "x"))]
      try check(graph)
    }
  }

  /// Resampling, reading and writing at positions, sorting, sums that run, and what their derivatives add.
  @Test func indexingAndResampling() throws {
    let map = AxisMap(
      axis: 1, extent: 3, sums: [[(0, 0.25), (2, 0.75)], [(1, 1)], [], [(0, -1), (1, 2), (2, 3)]])
    let long = AxisMap(axis: 0, extent: 4096, sums: (0..<2048).map { [($0, 0.5), (4095 - $0, 1.5)] })
    let operators: [(any Operator, [Int])] = [
      (map, [2, 3, 4]), (map.transposed, [2, 4, 3]), (long, [4096, 2]), (long.transposed, [2048, 1]),
      (CumulativeSum(axis: 1, isExclusive: true), [2, 3, 4]), (CumulativeSum(axis: 0, isReversed: true), [5]),
      (TopKIndices(count: 2, axis: 1, isMaximum: false), [2, 5, 3]), (Hardmax(axis: 1), [2, 5, 3]),
      (ArgExtremum(isMaximum: true, axis: 2, keepsAxis: false), [2, 5, 3]),
      (ArgExtremum(isMaximum: false, axis: 0, keepsAxis: true, takesLast: true), [4, 3]),
      (Determinant(), [2, 3, 3]),
    ]
    for (operation, shape) in operators {
      var graph = Graph()
      graph.outputs = try graph.add(operation, [graph.addInput(TensorType(shape), name: "x")])
      try check(graph)
    }
    for (rule, indices) in [
      (.elements(axis: 1), Tensor(shape: [2, 2, 4], (0..<16).map { Int64($0 % 3) - 1 })),
      (.tuples(batchAxes: 1), Tensor(shape: [2, 3, 1], [Int64(0), 2, -1, 1, 1, 0])),
      (.reversed(time: 1, batch: 0), Tensor(shape: [2], [Int64(2), 3])),
    ] as [(Positions.Rule, Tensor)] {
      var graph = Graph()
      let x = graph.addInput(TensorType([2, 3, 4]), name: "x")
      let positions = try graph.apply(Positions(rule, in: [2, 3, 4]), graph.addConstant(indices))
      graph.outputs = [try graph.apply(Take(), x, positions)]
      try check(graph)
    }
    for reduction in [Scatter.Reduction.none, .add, .mul, .max, .min] {
      var graph = Graph()
      let x = graph.addInput(TensorType([2, 3]), name: "x"),
        updates = graph.addInput(TensorType([4]), name: "u")
      let repeats: Int64 = reduction == .none ? 3 : 5
      let places = graph.addConstant(Tensor(shape: [4], [5, -1, repeats, 0]))
      graph.outputs = [try graph.apply(Scatter(reduction), x, updates, places)]
      try check(graph)
      var back = try graph.backward(from: graph.outputs[0], to: [x, updates])
      back.graph.outputs = back.cotangents.map { $0! }
      try check(back.graph)
    }
    var draft = ModelDraft()
    draft.input("x", [nil, 2, 5, 4])
    draft.initialiser("scales", Tensor(shape: [4], [Float(1), 1, 1.6, 2]))
    draft.initialiser("k", Tensor(shape: [1], [Int64(3)]))
    draft.node("Resize", ["x", "", "scales"], ["h"], ["mode": .string("cubic")])
    draft.node("TopK", ["h", "k"], ["y", "i"], ["axis": .int(3)])
    draft.output("y")
    let network = try Network(bytes: draft.bytes()).graph(batch: 2).applying(Pass.canonical)
    var back = try network.backward(from: network.outputs[0], to: network.inputs)
    back.graph.outputs.append(back.cotangents[0]!)
    try check(back.graph)
  }

  /// Forward passes, gradients and gradients of gradients through everything that a convolutional network has.
  @Test func gradientsOfNetworks() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 3, 9, 8])
    func noise(_ shape: [Int], _ seed: UInt64) -> Tensor {
      var random = RandomNumbers(seed: seed)
      return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.normal()) })
    }
    draft.initialiser("w1", noise([4, 3, 3, 3], 1))
    draft.initialiser("b1", noise([4], 2))
    draft.initialiser("w2", noise([4, 1, 3, 3], 3))
    draft.initialiser("w3", noise([5, 4], 4))
    draft.initialiser("rows", Tensor(shape: [3], [0, 2, 2] as [Int64]))
    draft.node("Conv", ["x", "w1", "b1"], ["c"], ["strides": .ints([2, 1]), "pads": .ints([1, 0, 1, 2])])
    draft.node("Relu", ["c"], ["r"])
    draft.node("Conv", ["r", "w2"], ["d"], ["group": .int(4), "pads": .ints([1, 1, 1, 1])])
    draft.node("Sigmoid", ["d"], ["s"])
    draft.node("Mul", ["s", "r"], ["m"])
    draft.node("MaxPool", ["m"], ["p"], ["kernel_shape": .ints([2, 2]), "strides": .ints([1, 2])])
    draft.node("Gather", ["p", "rows"], ["g"], ["axis": .int(3)])
    draft.node(
      "AveragePool", ["g"], ["a"],
      ["kernel_shape": .ints([2, 2]), "ceil_mode": .int(1), "strides": .ints([2, 2])])
    draft.node("GlobalAveragePool", ["a"], ["q"])
    draft.node("Flatten", ["q"], ["f"])
    draft.node("Gemm", ["f", "w3"], ["y"], ["transB": .int(1)])
    draft.output("y", [nil, 5])
    let graph = try Network(bytes: draft.bytes()).graph(batch: 2)
    try check(graph)
    var back = try graph.backward(from: graph.outputs[0], to: [graph.inputs[0]])
    back.graph.outputs = [graph.outputs[0], try #require(back.cotangents[0])]
    try check(back.graph)
    var again = try back.graph.backward(from: back.graph.outputs[1], to: [graph.inputs[0]])
    again.graph.outputs = [try #require(again.cotangents[0])]
    try check(again.graph)
  }

  @Test func partsKeepTheFilesNodes() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 4])
    draft.initialiser("w", Tensor(shape: [4, 4], (0..<16).map { Float($0) / 8 - 1 }))
    draft.initialiser("unused", Tensor(shape: [2], [1, 2] as [Float]))
    draft.node("MatMul", ["x", "w"], ["h"], name: "/first")
    draft.node("Relu", ["h"], ["r"], name: "/second")
    draft.node("Tanh", ["r"], ["y"], name: "/third")
    draft.output("y", [nil, 4])
    let path = FileManager.default.temporaryDirectory.path + "/noema-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try draft.write(to: path)
    let network = try Network(contentsOf: path)
    let x = Tensor(shape: [3, 4], (0..<12).map { Float($0) / 4 - 1 })
    let prefix = try Network(bytes: try network.extracted(to: ["r", "h"]))
    #expect(
      prefix.outputs.map(\.name) == ["r", "h"] && prefix.hasDynamicBatch && prefix.parameterCount == 16)
    let hidden = try prefix.graph(batch: 3).interpreted([x])
    let head = try Network(bytes: try network.extracted(to: ["y"], from: ["r"]))
    #expect(head.inputs.map(\.name) == ["r"] && head.parameterCount == 0)
    let whole = try network.graph(batch: 3).interpreted([x])[0]
    #expect(try head.graph(batch: 3).interpreted([hidden[0]])[0].elements(as: Float.self) == whole.elements())
    #expect(throws: GraphError.self) { try network.extracted(to: ["z"]) }
    #expect(throws: GraphError.self) { try network.extracted(to: ["h"], from: ["y"]) }
    #expect(throws: GraphError.self) { try network.extracted(to: []) }
  }
}
