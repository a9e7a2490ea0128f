import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

private let map = AxisMap(
  axis: 1, extent: 4, sums: [[(0, 0.25), (1, 0.75)], [(3, 1)], [], [(1, -0.5), (2, 1), (3, 0.5)], [(0, 2)]])
private let regions = TestOperand.constant(
  Tensor(shape: [2, 4], [Float(0.5), 0, 4.2, 3.1, -2, 1, 2.5, 9]))
private let images = TestOperand.constant(Tensor(shape: [2], [Int64(1), 0]))
private let grid = RegionGrid(height: 2, width: 3, samples: 2)
private let adaptive = RegionGrid(height: 2, width: 2, samples: 0, scale: 0.5, isCentred: false)

private let rows: [OperatorCase] = [
  OperatorCase(map, .random([2, 4, 3])),
  OperatorCase(map.transposed, .random([2, 5, 3])),
  OperatorCase(AxisMap(axis: 0, extent: 2, sums: [[(1, 1)], [(0, 0.5), (1, 0.5)]]), .random([2])),
  OperatorCase(
    SamplePositions(in: [2, 3, 4, 5], offsets: [0, 1], padding: .reflection), .random([2, 3]),
    .random([2, 3])),
  OperatorCase(RegionAlign(grid), .random([2, 2, 4, 5]), regions, images),
  OperatorCase(RegionAlign(adaptive), .random([2, 2, 4, 5]), regions, images),
  OperatorCase(RegionAlignGradient(grid, shape: [2, 2, 4, 5]), .random([2, 2, 2, 3]), regions, images),
  OperatorCase(RegionWinners(grid), .random([2, 2, 4, 5]), regions, images),
  OperatorCase(
    RegionMaximum(height: 2, width: 2), .random([1, 2, 4, 4]),
    .constant(Tensor(shape: [1, 5], [Float(0), 1, 0, 9, 2]))),
  OperatorCase(
    MaxPoolIndices(window: Window(kernel: [2, 2], strides: [2, 2]), isColumnMajor: true),
    .distinct([1, 2, 4, 4])),
]

/// One node with float inputs and constants, under its ONNX name.
private struct NodeCase: Sendable, CustomTestStringConvertible {
  let operation: String
  let inputs: [[Int]]
  var constants: [(name: String, tensor: Tensor)] = []
  /// The node's operands by name: inputs are x0, x1, …
  let operands: [String]
  var attributes: [String: ModelDraft.Attribute] = [:]
  var opset = 22
  var testDescription: String { "\(operation) \(inputs) \(attributes)" }

  func graph() throws -> Graph {
    var draft = ModelDraft(opset: opset)
    for (index, shape) in inputs.enumerated() { draft.input("x\(index)", shape) }
    for (name, tensor) in constants { draft.initialiser(name, tensor) }
    draft.node(operation, operands, ["y"], attributes)
    draft.output("y")
    return try Network(bytes: draft.bytes()).graph(batch: inputs[0][0])
  }
}

private func scales(_ numbers: [Float]) -> [(name: String, tensor: Tensor)] {
  [("s", Tensor(shape: [numbers.count], numbers))]
}

private let sampled: [NodeCase] =
  [[4, 5], [3, 3]].flatMap { out in
    ["linear", "cubic"].flatMap { mode in
      ["zeros", "border", "reflection"].map { padding in
        NodeCase(
          operation: "GridSample", inputs: [[2, 2, 4, 3], [2] + out + [2]], operands: ["x0", "x1"],
          attributes: [
            "mode": .string(mode), "padding_mode": .string(padding), "align_corners": .int(out[0] % 2),
          ])
      }
    }
  } + [
    NodeCase(operation: "GridSample", inputs: [[1, 2, 2, 3, 4], [1, 2, 2, 2, 3]], operands: ["x0", "x1"]),
    NodeCase(
      operation: "AffineGrid", inputs: [[2, 2, 3]],
      constants: [("size", Tensor(shape: [4], [Int64(2), 1, 3, 2]))], operands: ["x0", "size"]),
    NodeCase(
      operation: "DeformConv", inputs: [[1, 4, 4, 4], [2, 2, 2, 2], [1, 16, 3, 3], [2], [1, 8, 3, 3]],
      operands: ["x0", "x1", "x2", "x3", "x4"], attributes: ["group": .int(2), "offset_group": .int(2)]),
    NodeCase(
      operation: "Resize", inputs: [[1, 2, 4, 5]], constants: scales([1, 1, 0.6, 1.5]),
      operands: ["x0", "", "s"], attributes: ["mode": .string("cubic"), "antialias": .int(1)]),
    NodeCase(
      operation: "Resize", inputs: [[1, 2, 4, 5]], constants: scales([1, 1, 2, 1.5]),
      operands: ["x0", "", "s"], attributes: ["mode": .string("linear")]),
    NodeCase(
      operation: "Resize", inputs: [[1, 2, 4]], constants: scales([1, 1, 2.5]), operands: ["x0", "", "s"]),
    NodeCase(
      operation: "Col2Im", inputs: [[2, 8, 9]],
      constants: [("i", Tensor(shape: [2], [Int64(4), 4])), ("b", Tensor(shape: [2], [Int64(2), 2]))],
      operands: ["x0", "i", "b"]),
    NodeCase(
      operation: "CenterCropPad", inputs: [[3, 6]], constants: [("t", Tensor(shape: [2], [Int64(6), 3]))],
      operands: ["x0", "t"]),
    NodeCase(
      operation: "DFT", inputs: [[2, 5, 1]], constants: [("n", Tensor(Int64(6)))], operands: ["x0", "n"],
      attributes: ["onesided": .int(1)]),
    NodeCase(
      operation: "DFT", inputs: [[2, 4, 2]], operands: ["x0"],
      attributes: ["onesided": .int(1), "inverse": .int(1)]),
    NodeCase(
      operation: "STFT", inputs: [[1, 9, 1], [4]], constants: [("n", Tensor(Int64(2)))],
      operands: ["x0", "n", "x1"]),
    NodeCase(
      operation: "LpPool", inputs: [[1, 2, 5]], operands: ["x0"],
      attributes: ["kernel_shape": .ints([3]), "p": .int(3), "strides": .ints([2])]),
  ]

@Suite struct ImageOperatorTests {
  @Test(arguments: rows)
  func isRight(_ row: OperatorCase) throws {
    #expect(try failures(of: row.operation, row.operands, isSmooth: row.isSmooth) == [])
  }

  /// The gradient of `Σ ȳ y` along a direction in each input against central differences.
  @Test(arguments: sampled)
  fileprivate func derivativesAgreeWithDifferences(_ row: NodeCase) throws {
    let graph = try row.graph()
    var random = RandomNumbers(seed: 3)
    func draw(_ shape: [Int]) -> Tensor {
      Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in 0.7 * random.normal() })
    }
    let inputs = row.inputs.map { draw($0) }, directions = row.inputs.map { draw($0) }
    let cotangent = draw(graph.type(of: graph.outputs[0]).shape)
    func inner(_ a: Tensor, _ b: Tensor) -> Double {
      zip(a.elements(as: Double.self), b.elements(as: Double.self)).reduce(0) { $0 + $1.0 * $1.1 }
    }
    var back = try graph.backward(from: graph.outputs[0], to: graph.inputs)
    back.graph.outputs = back.cotangents.compactMap { $0 }
    #expect(back.graph.outputs.count == inputs.count)
    let gradients = try back.graph.interpreted(inputs + [cotangent], as: .float64)
    let fast = try Session(back.graph).run((inputs + [cotangent]).map { $0.converted(to: .float32) })
    for index in inputs.indices {
      func objective(_ step: Double) throws -> Double {
        var moved = inputs
        let sum = zip(
          inputs[index].elements(as: Double.self), directions[index].elements(as: Double.self))
        moved[index] = Tensor(shape: inputs[index].shape, sum.map { $0 + step * $1 })
        return inner(try graph.interpreted(moved, as: .float64)[0], cotangent)
      }
      let numeric = (try objective(1e-6) - objective(-1e-6)) / 2e-6
      let exact = inner(gradients[index], directions[index])
      #expect(abs(numeric - exact) <= 1e-5 * max(1, abs(exact)), "operand \(index): \(exact), not \(numeric)")
      #expect(try #require(scaledDifference(fast[index], gradients[index].converted(to: .float32))) < 1e-3)
    }
  }

  @Test func spectrumOfRealNumbersComesBack() throws {
    for length in [5, 6] {
      var draft = ModelDraft(opset: 22)
      draft.input("x", [1, length, 1])
      draft.initialiser("n", Tensor(Int64(length)))
      draft.node("DFT", ["x"], ["f"], ["onesided": .int(1)])
      draft.node("DFT", ["f", "n"], ["y"], ["onesided": .int(1), "inverse": .int(1)])
      draft.output("y")
      let x = Tensor(shape: [1, length, 1], (0..<length).map { Float($0 * $0 % 7) })
      let y = try Network(bytes: draft.bytes()).graph().interpreted([x])[0]
      #expect(y.shape == x.shape)
      #expect(try #require(scaledDifference(y, x)) < 1e-6)
    }
  }

  @Test func unpoolingPutsBackWhatPoolingFound() throws {
    var draft = ModelDraft(opset: 22)
    draft.input("x", [1, 1, 4, 4])
    let window: [String: ModelDraft.Attribute] = ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])]
    draft.node("MaxPool", ["x"], ["p", "i"], window)
    draft.node("MaxUnpool", ["p", "i"], ["y"], window)
    draft.output("y")
    let graph = try Network(bytes: draft.bytes()).graph()
    let x = (0..<16).map { Float(($0 * 7) % 16 + 1) }
    let y = try Session(graph).run([Tensor(shape: [1, 1, 4, 4], x)])[0].elements(as: Float.self)
    #expect(y.filter { $0 != 0 }.count == 4)
    #expect(zip(x, y).allSatisfy { $1 == 0 || $0 == $1 })
  }

  @Test(arguments: [
    NodeCase(
      operation: "Resize", inputs: [[1, 1, 4]], constants: scales([1, 1, 1e30]), operands: ["x0", "", "s"]),
    NodeCase(
      operation: "Resize", inputs: [[1, 1, 4]], constants: scales([1, 1, .nan]), operands: ["x0", "", "s"]),
    NodeCase(
      operation: "Resize", inputs: [[1, 1, 4]], constants: scales([1, 2]), operands: ["x0", "", "s"]),
    NodeCase(operation: "Resize", inputs: [[1, 1, 4]], operands: ["x0"]),
    NodeCase(
      operation: "Resize", inputs: [[1, 1, 4]], constants: scales([1, 1, 1e-30]), operands: ["x0", "", "s"],
      attributes: ["mode": .string("linear"), "antialias": .int(1)]),
    NodeCase(operation: "GridSample", inputs: [[1, 1, 4, 4], [1, 2, 2, 3]], operands: ["x0", "x1"]),
    NodeCase(
      operation: "MaxUnpool", inputs: [[1, 1, 2], [1, 1, 2]], operands: ["x0", "x1"],
      attributes: ["kernel_shape": .ints([Int.max])]),
  ])
  fileprivate func absurdAttributesAreRefused(_ row: NodeCase) throws {
    let error = #expect(throws: GraphError.self) {
      // An axis may also shrink to nothing, which is no error.
      let graph = try row.graph()
      if graph.type(of: graph.outputs[0]).count == 0 { throw GraphError(.operands("empty")) }
    }
    #expect(error != nil)
  }
}
