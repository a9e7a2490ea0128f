import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

private func positions(_ numbers: [Int64], _ shape: [Int]? = nil) -> TestOperand {
  .constant(Tensor(shape: shape ?? [numbers.count], numbers))
}

private let rows: [OperatorCase] = [
  OperatorCase(Take(), .random([2, 3]), positions([5, 0, -1, 5], [2, 2])),
  OperatorCase(ScatterAdd(shape: [2, 3]), .random([4]), positions([5, 0, -1, 5])),
  OperatorCase(Scatter(.none), .random([2, 3]), .random([3]), positions([4, 0, -1])),
  OperatorCase(Scatter(.add), .random([2, 3]), .random([3]), positions([4, 4, 1])),
  OperatorCase(Scatter(.mul), .positive([2, 3]), .positive([3]), positions([4, 4, 1])),
  OperatorCase(Scatter(.max), .distinct([4]), .distinct([3]), positions([2, 2, 1]), isSmooth: false),
  OperatorCase(Scatter(.min), .distinct([4]), .distinct([3]), positions([2, 2, 1]), isSmooth: false),
  OperatorCase(Positions(.elements(axis: 1), in: [2, 4]), positions([3, -1, 0, 2], [2, 2])),
  OperatorCase(Positions(.tuples(batchAxes: 1), in: [2, 3, 2]), positions([2, -3], [2, 1])),
  OperatorCase(Positions(.reversed(time: 1, batch: 0), in: [2, 3, 2]), positions([2, 3])),
  OperatorCase(Positions(.slots(axis: 1, length: 2, wraps: true), in: [2, 3]), positions([2, 0])),
  OperatorCase(ArgExtremum(isMaximum: true, axis: 1, keepsAxis: false), .random([2, 3, 2])),
  OperatorCase(TopKIndices(count: 2, axis: 0), .random([3, 2])),
  OperatorCase(CumulativeSum(axis: 1), .random([2, 5, 3])),
  OperatorCase(CumulativeSum(axis: 0, isExclusive: true, isReversed: true), .random([4, 2])),
]

@Suite struct IndexingTests {
  @Test(arguments: rows)
  func isRight(_ row: OperatorCase) throws {
    #expect(try failures(of: row.operation, row.operands, isSmooth: row.isSmooth) == [])
  }

  /// One node on an input `x`, with constants as further operands.
  private func run(
    _ operation: String, _ x: Tensor, _ constants: [Tensor], opset: Int = 24, results: Int = 1,
    _ attributes: [String: ModelDraft.Attribute] = [:]
  ) throws -> [Tensor] {
    var draft = ModelDraft(opset: opset)
    draft.initialiser("x", x)
    for (index, tensor) in constants.enumerated() { draft.initialiser("c\(index)", tensor) }
    let names = (0..<results).map { "y\($0)" }
    draft.node(operation, ["x"] + constants.indices.map { "c\($0)" }, names, attributes)
    for name in names { draft.output(name) }
    return try Network(bytes: draft.bytes()).graph().interpreted([])
  }

  @Test func gathersElementsAlongAnAxis() throws {
    let x = Tensor(shape: [2, 2], [Float(1), 2, 3, 4])
    let y = try run(
      "GatherElements", x, [Tensor(shape: [2, 2], [Int64(0), 0, -1, 0])], ["axis": .int(1)])[0]
    #expect(y.elements(as: Float.self) == [1, 1, 4, 3])
  }

  /// Zeros among the factors: in the operand, in an update, in both, in two updates of one element.
  @Test func scatteredZerosHaveDerivatives() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([5]), name: "x"),
      updates = graph.addInput(TensorType([6]), name: "updates")
    let places = graph.addConstant(Tensor(shape: [6], [Int64(0), 1, 2, 3, 3, 4]))
    graph.outputs = [try graph.apply(Scatter(.mul), x, updates, places)]
    let inputs = [
      Tensor(shape: [5], [Float(0), 2, 0, 3, 5]), Tensor(shape: [6], [Float(2), 0, 0, 0, 0, 7]),
    ]
    #expect(try failures(of: graph, at: inputs, isSmooth: false) == [])
  }

  @Test func scattersWithEveryReduction() throws {
    let x = Tensor(shape: [3], [Int32(2), 2, 2]), indices = Tensor(shape: [2, 1], [Int64(1), 1])
    for (reduction, expected) in [
      ("none", [2, 4, 2]), ("add", [2, 9, 2]), ("mul", [2, 24, 2]), ("max", [2, 4, 2]), ("min", [2, 2, 2]),
    ] {
      let y = try run(
        "ScatterND", x, [indices, Tensor(shape: [2], [Int32(3), 4])], ["reduction": .string(reduction)])[0]
      #expect(y.elements(as: Int32.self).map(Int.init) == expected, "\(reduction)")
    }
  }

  @Test func topKPutsTheFirstOfATieFirstAndNaNOnTop() throws {
    let x = Tensor(shape: [5], [Float(1), 3, .nan, 3, -1])
    let y = try run("TopK", x, [Tensor(shape: [1], [Int64(3)])], results: 2)
    #expect(y[1].elements(as: Int64.self) == [2, 1, 3])
    let least = try run(
      "TopK", x, [Tensor(shape: [1], [Int64(2)])], results: 2, ["largest": .int(0)])
    #expect(least[0].elements(as: Float.self) == [-1, 1])
  }

  @Test func topKPassesTheCotangentToThePicked() throws {
    var draft = ModelDraft(opset: 24)
    draft.input("x", [4])
    draft.initialiser("k", Tensor(shape: [1], [Int64(2)]))
    draft.node("TopK", ["x", "k"], ["y", "i"])
    draft.output("y")
    let graph = try Network(bytes: draft.bytes()).graph()
    var back = try graph.backward(from: graph.outputs[0], to: graph.inputs)
    back.graph.outputs = [back.cotangents[0]!]
    let result = try back.graph.interpreted([
      Tensor(shape: [4], [Float(1), 4, 2, 3]), Tensor(shape: [2], [Float(10), 20]),
    ])[0]
    #expect(result.elements(as: Float.self) == [0, 10, 0, 20])
  }

  @Test func argMaxOfATieTakesFirstOrLast() throws {
    let x = Tensor(shape: [1, 4], [Int64(5), 7, 7, 1])
    for (last, expected) in [(0, Int64(1)), (1, 2)] {
      let y = try run("ArgMax", x, [], ["axis": .int(1), "select_last_index": .int(last)])[0]
      #expect(y.elements(as: Int64.self) == [expected])
    }
  }

  @Test func extremaOfOneTieShareAScattersCotangent() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([2]), name: "x"), u = graph.addInput(TensorType([2]), name: "u")
    let at = graph.addConstant(Tensor(shape: [2], [Int64(0), 0]))
    graph.outputs = [try graph.apply(Scatter(.max), x, u, at)]
    var back = try graph.backward(from: graph.outputs[0], to: [x, u])
    back.graph.outputs = back.cotangents.map { $0! }
    let result = try back.graph.interpreted([
      Tensor(shape: [2], [Float(3), 1]), Tensor(shape: [2], [Float(3), 2]),
      Tensor(shape: [2], [Float(8), 1]),
    ])
    #expect(result[0].elements(as: Float.self) == [4, 1])
    #expect(result[1].elements(as: Float.self) == [4, 0])
  }

  @Test func indicesOutsideAreAnError() throws {
    let x = Tensor(shape: [2, 2], [Float(1), 2, 3, 4])
    for (operation, index) in [("GatherElements", Int64(2)), ("GatherElements", .min), ("GatherND", -3)] {
      #expect(throws: GraphError.self) { try run(operation, x, [Tensor(shape: [1, 1], [index])]) }
    }
    #expect(throws: GraphError.self) {
      try run("ReverseSequence", x, [Tensor(shape: [2], [Int64(3), 1])])
    }
    #expect(throws: GraphError.self) { try run("TopK", x, [Tensor(shape: [1], [Int64(9)])], results: 2) }
    #expect(throws: GraphError.self) { try run("OneHot", x, [Tensor(Int64.max), x]) }
  }

  @Test func shapesThatDependOnDataAreRefused() throws {
    var draft = ModelDraft()
    draft.input("x", [4])
    draft.node("NonZero", ["x"], ["y"])
    draft.output("y")
    let network = try Network(bytes: draft.bytes())
    let error = #expect(throws: GraphError.self) { try network.graph() }
    #expect(error?.category == .unsupported)
  }
}
