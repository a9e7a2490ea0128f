import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

/// Well-formed files whose content cannot be meant: each is refused by name, and nothing large is allocated.
@Suite struct HostileNetworksTests {
  /// Why a draft is refused, after it was read, built and planned.
  private func refusal(_ make: (inout ModelDraft) -> Void, opset: Int = 17) throws -> GraphError {
    var draft = ModelDraft(opset: opset)
    draft.input("x", [1, 2, 4, 4])
    make(&draft)
    draft.output("y")
    let bytes = try draft.bytes()
    return try #require(
      throws: GraphError.self,
      performing: {
        let graph = try Network(bytes: bytes).graph()
        _ = graph.layers()
        _ = try Session(graph)
      })
  }

  private func integers(_ numbers: Int64...) -> Tensor { Tensor(shape: [numbers.count], numbers) }

  // MARK: Names

  @Test func cyclesAreRefused() throws {
    let error = try refusal {
      $0.node("Add", ["x", "b"], ["a"], name: "first")
      $0.node("Relu", ["a"], ["b"], name: "second")
      $0.node("Relu", ["b"], ["y"])
    }
    #expect(error.category == .badData)
    #expect(
      error.description.contains("node 'first' reads 'b', which no earlier node, input or initialiser makes"))
  }

  @Test func missingValuesAreNamed() throws {
    let error = try refusal { $0.node("Add", ["x", "gone"], ["y"], name: "sum") }
    #expect(error.description.contains("node 'sum' reads 'gone'"))
    let output = try refusal { $0.node("Relu", ["x"], ["z"]) }
    #expect(output.description.contains("output 'y' is never made"))
  }

  @Test func namesThatStandForTwoThingsAreRefused() throws {
    let node = try refusal {
      $0.node("Relu", ["x"], ["y"])
      $0.node("Abs", ["x"], ["y"])
    }
    #expect(node.description.contains("value 'y' is made twice"))
    let input = try refusal {
      $0.input("x", [1, 2, 4, 4])
      $0.node("Relu", ["x"], ["y"])
    }
    #expect(input.description.contains("input 'x' is declared twice"))
    let weight = try refusal {
      $0.initialiser("w", Tensor(Float(1)))
      $0.initialiser("w", Tensor(Float(2)))
      $0.node("Mul", ["x", "w"], ["y"])
    }
    #expect(weight.description.contains("initialiser 'w' is given twice"))
    let both = try refusal {
      $0.initialiser("w", Tensor(Float(1)))
      $0.node("Relu", ["x"], ["w"])
      $0.node("Mul", ["x", "w"], ["y"])
    }
    #expect(both.description.contains("value 'w' is made twice"))
  }

  // MARK: Sizes

  @Test(arguments: [[Int.max, 2], [1 << 31, 1 << 31, 1 << 31], [1 << 62], [1 << 32, 0, 1 << 32]])
  func inputsBeyondAllMemoryAreRefused(_ shape: [Int]) throws {
    var draft = ModelDraft()
    draft.input("x", [1] + shape.map { Optional($0) })
    draft.node("Relu", ["x"], ["y"])
    draft.output("y")
    let bytes = try draft.bytes()
    // An extent of 0 in a file means that the axis is free.
    let shapes = ["x": [1] + shape]
    let error = #expect(throws: GraphError.self) { try Network(bytes: bytes).graph(shapes: shapes) }
    #expect(
      error?.description.contains("of input 'x' is negative or too large") == true,
      "\(String(describing: error))")
  }

  /// Two billion elements along an axis are a network like any other, until memory is taken.
  @Test func longAxesArePlanned() throws {
    var draft = ModelDraft()
    draft.input("x", [1, 1 << 31])
    draft.node("Relu", ["x"], ["h"])
    draft.node("ReduceSum", ["h"], ["y"], ["keepdims": .int(1)])
    draft.output("y")
    let graph = try Network(bytes: draft.bytes()).graph()
    #expect(graph.layers().map(\.shape) == [[1, 1 << 31], [1, 1]])
    #expect(try Session(graph).workingByteCount >= 1 << 33)
  }

  /// oneDNN would take many seconds to write code that rearranges an axis of 2²⁴ elements.
  @Test func longAxesAreNotRearranged() throws {
    var draft = ModelDraft()
    draft.input("x", [2, 3, 6, 1 << 24])
    draft.initialiser("w", Tensor(shape: [4, 3, 3, 2], [Float](repeating: 1, count: 72)))
    draft.node("Conv", ["x", "w"], ["y"])
    draft.output("y")
    let session = try Session(try Network(bytes: draft.bytes()).graph())
    #expect(session.profile().map(\.implementation) == ["reference"])
  }

  @Test(
    arguments: [([3, 2], 4), ([2], 3), ([1 << 40, 1 << 40], 4), ([-2, -2], 4), ([.max], 1), ([0], 1)]
      as [([Int], Int)])
  func weightsHaveToFillTheirShape(_ shape: [Int], _ count: Int) throws {
    var draft = ModelDraft()
    draft.input("x", [1, 2])
    draft.initialiser("w", shape: shape, floats: (0..<count).map { Float($0) })
    draft.node("Mul", ["x", "w"], ["y"])
    draft.output("y")
    let bytes = try draft.bytes()
    let error = #expect(throws: GraphError.self) { try Network(bytes: bytes) }
    #expect(error?.place == "tensor 'w'")
    #expect(error?.category == .badData)
  }

  /// Each asks for terabytes, or for more than there are numbers.
  @Test func absurdResultsAreRefused() throws {
    let edge = Int64(1) << 40
    let makers: [(String, (inout ModelDraft) -> Void)] = [
      (
        "Expand",
        {
          $0.initialiser("n", self.integers(edge, edge, 1, 2, 4, 4)); $0.node("Expand", ["x", "n"], ["y"])
        }
      ),
      (
        "Tile",
        {
          $0.initialiser("n", self.integers(edge, edge, edge, 1)); $0.node("Tile", ["x", "n"], ["y"])
        }
      ),
      (
        "ConstantOfShape",
        {
          $0.initialiser("n", self.integers(edge, edge))
          $0.node("ConstantOfShape", ["n"], ["c"])
          $0.node("Add", ["x", "c"], ["y"])
        }
      ),
      (
        "Range",
        {
          for (name, number) in [("from", 0.0), ("to", 1e12), ("step", 1)] {
            $0.initialiser(name, Tensor(number))
          }
          $0.node("Range", ["from", "to", "step"], ["y"])
        }
      ),
      (
        "Range",
        {
          for (name, number) in [("from", 0.0), ("to", .nan), ("step", 0)] {
            $0.initialiser(name, Tensor(number))
          }
          $0.node("Range", ["from", "to", "step"], ["y"])
        }
      ),
      (
        "Resize",
        {
          $0.initialiser("s", Tensor(shape: [4], [Float(1), 1, 1e12, 1e12]))
          $0.node("Resize", ["x", "", "s"], ["y"])
        }
      ),
      (
        "Resize",
        {
          $0.initialiser("s", Tensor(shape: [4], [Float(1), 1, .nan, .infinity]))
          $0.node("Resize", ["x", "", "s"], ["y"])
        }
      ),
      (
        "Pad",
        {
          $0.initialiser("p", self.integers(0, 0, edge, edge, 0, 0, edge, edge))
          $0.node("Pad", ["x", "p"], ["y"])
        }
      ),
      (
        "OneHot",
        {
          $0.initialiser("d", self.integers(edge))
          $0.initialiser("v", Tensor(shape: [2], [Float(0), 1]))
          $0.node("OneHot", ["x", "d", "v"], ["y"])
        }
      ),
    ]
    for (name, make) in makers {
      let error = try refusal(make)
      #expect(error.place.hasPrefix(name), "\(name): \(error)")
      #expect(error.category == .badData, "\(name): \(error)")
    }
  }

  @Test(arguments: [
    ("strides", [0, 1]), ("strides", [-1, 1]), ("strides", [.max, .max]), ("dilations", [.max, 1]),
    ("dilations", [0, 1]), ("kernel_shape", [.max, .max]), ("kernel_shape", [-1, 3]), ("kernel_shape", []),
    ("pads", [.max, .max, .max, .max]), ("pads", [-1, 0, 0, 0]), ("pads", [1]), ("strides", [1]),
  ])
  func absurdWindowsAreRefused(_ key: String, _ numbers: [Int]) throws {
    for operation in ["Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool"] {
      let isPool = operation.hasSuffix("Pool")
      let error = try refusal { draft in
        draft.initialiser("w", Tensor(shape: [2, 2, 3, 3], repeating: Float(1)))
        var attributes: [String: ModelDraft.Attribute] = ["kernel_shape": .ints([3, 3])]
        attributes[key] = .ints(numbers)
        draft.node(operation, isPool ? ["x"] : ["x", "w"], ["y"], name: "n", attributes)
      }
      #expect(error.place.contains("'n'"), "\(operation): \(error)")
    }
  }

  /// Windows far larger than what they lie over cost no more than that.
  @Test func hugeWindowsOverPaddingAreCheap() throws {
    let side = (1 << 20) - 1
    for operation in ["MaxPool", "AveragePool"] {
      for counts in [0, 1] {
        var draft = ModelDraft()
        draft.input("x", [1, 1, 4, 4])
        draft.node(
          operation, ["x"], ["y"],
          [
            "kernel_shape": .ints([side, side]), "pads": .ints(Array(repeating: side / 2, count: 4)),
            "count_include_pad": .int(counts),
          ])
        draft.output("y")
        let graph = try Network(bytes: draft.bytes()).graph()
        let x = Tensor(shape: [1, 1, 4, 4], (0..<16).map { Float($0) })
        let y = try graph.interpreted([x])[0].elements(as: Float.self)
        #expect(y.count == 16)
        #expect(
          operation == "MaxPool" ? y.allSatisfy { $0 == 15 } : counts == 1 || y.allSatisfy { $0 == 7.5 })
      }
    }
  }

  /// oneDNN divided by an extent that it had cut to 32 bits, and wrote code for each column of a wide window.
  @Test(arguments: [1 << 33, 1 << 31]) func extentsBeyond32BitsAreCompiled(_ width: Int) throws {
    for operation in ["Conv", "MaxPool", "AveragePool", "Relu", "Softmax", "Add"] {
      var draft = ModelDraft()
      draft.input("x", [1, 2, 1, width])
      draft.initialiser("w", Tensor(shape: [2, 2, 1, 3], repeating: Float(1)))
      let attributes: [String: ModelDraft.Attribute] =
        ["Relu", "Softmax", "Add"].contains(operation) ? [:] : ["kernel_shape": .ints([1, 3])]
      let operands = ["Conv": ["x", "w"], "Add": ["x", "x"]][operation] ?? ["x"]
      draft.node(operation, operands, ["y"], attributes)
      draft.output("y")
      let session = try Session(Network(bytes: draft.bytes()).graph())
      #expect(session.outputTypes[0].shape.last == (attributes.isEmpty ? width : width - 2))
    }
  }

  @Test(.timeLimit(.minutes(1))) func wideWindowsAreCompiledAtOnce() throws {
    for operation in ["MaxPool", "AveragePool"] {
      var draft = ModelDraft()
      draft.input("x", [1, 3, 8, 8])
      draft.node(
        operation, ["x"], ["y"], ["kernel_shape": .ints([2, 1 << 15]), "auto_pad": .string("SAME_UPPER")])
      draft.output("y")
      let graph = try Network(bytes: draft.bytes()).graph(), x = normalTensor([1, 3, 8, 8])
      let start = ContinuousClock.now
      let found = try Session(graph).run([x])[0]
      #expect(ContinuousClock.now - start < .seconds(5))
      #expect(try scaledDifference(found, graph.interpreted([x], as: .float64)[0])! < 1e-5)
    }
  }

  /// An input that nobody could hold, and a small picture of it.
  @Test(arguments: ["nearest", "linear"]) func resizedAxesAreBounded(_ mode: String) throws {
    var draft = ModelDraft()
    draft.input("x", [1, 1, 2, (1 << 40) - 1])
    draft.initialiser("sizes", Tensor(shape: [4], [Int64(1), 1, 2, 4]))
    draft.node("Resize", ["x", "", "", "sizes"], ["y"], name: "n", ["mode": .string(mode)])
    draft.output("y")
    let error = #expect(throws: GraphError.self) { try Network(bytes: draft.bytes()).graph() }
    #expect(error?.description.contains("absurdly large") == true)
  }

  /// A file whose constants stay within the budget cannot make a pass do what was refused while it was read.
  @Test(.timeLimit(.minutes(1))) func passesKeepToTheBudget() throws {
    var graph = Graph()
    graph.folding = FoldingBudget(weightByteCount: 0)
    let x = graph.addInput(TensorType([2048, 2048]), name: "x")
    var a = graph.addConstant(Tensor(shape: [2048, 2048], [Float](repeating: 1e-4, count: 1 << 22)))
    for _ in 0..<40 { a = try graph.apply(MatMul(), a, a) }
    graph.outputs = [try graph.apply(Binary(.add), x, a)]
    // Eight thousand million multiplications each: none is done by a reference kernel.
    let folded = try graph.applying([.foldConstants])
    #expect(folded.nodes.count == graph.nodes.count)
  }

  /// An empty axis beside an endless one: nothing comes out, so nothing is computed.
  @Test(.timeLimit(.minutes(1)), arguments: ["AveragePool", "MaxPool"])
  func emptyAxesBesideLongOnesCostNothing(_ operation: String) throws {
    let shape = [1, 0, (1 << 40) - 1]
    var draft = ModelDraft()
    draft.input("x", [1])
    draft.initialiser("none", try Tensor(shape: shape, elementType: .float32) { _ in })
    draft.node(operation, ["none"], ["p"], ["kernel_shape": .ints([3])])
    draft.node("Size", ["p"], ["s"])
    draft.node("Cast", ["s"], ["f"], ["to": .int(1)])
    draft.node("Add", ["x", "f"], ["y"])
    draft.output("y")
    let graph = try Network(bytes: draft.bytes()).graph()
    let result = try Session(graph).run([Tensor(shape: [1], [Float(2)])])[0]
    #expect(result.elements(as: Float.self) == [2])
  }

  /// A few bytes a node, and each would take 128 MiB while the file is read.
  @Test func constantsWorkedOutWhileReadingAreBounded() throws {
    let error = try refusal { draft in
      draft.initialiser("from", Tensor(Double(0)))
      draft.initialiser("step", Tensor(Double(1)))
      var sum = "x"
      for index in 0..<40 {
        draft.initialiser("to\(index)", Tensor(Double(1 << 22 - index)))
        draft.node("Range", ["from", "to\(index)", "step"], ["r\(index)"])
        draft.node("Gather", ["r\(index)", "from64"], ["g\(index)"])
        sum = "g\(index)"
      }
      draft.initialiser("from64", Tensor(Int64(0)))
      draft.node("Cast", [sum], ["y"], ["to": .int(1)])
    }
    #expect(error.description.contains("take more than 512 MiB beside the weights"))
  }

  // MARK: Versions and nesting

  @Test(arguments: [Int.max, .min, 0, -1, 1_000_000])
  func unknownOpsetsAreRefused(_ opset: Int) throws {
    let error = try refusal({ $0.node("Relu", ["x"], ["y"], name: "n") }, opset: opset)
    #expect(error.category == .unsupported)
    #expect(error.description.contains("Relu (opset \(opset)) at n"))
  }

  /// Graphs in attributes of nodes of graphs, ten thousand deep.
  @Test func nestedGraphsAreRefused() throws {
    func message(_ field: UInt8, _ content: [UInt8]) -> [UInt8] {
      var bytes = [field << 3 | 2], length = content.count
      while length >= 128 {
        bytes.append(UInt8(length & 127) | 128)
        length >>= 7
      }
      return bytes + [UInt8(length)] + content
    }
    var graph: [UInt8] = []
    // GraphProto.node = 1, NodeProto.attribute = 5, AttributeProto.g = 6.
    for _ in 0..<10_000 { graph = message(1, message(5, message(6, graph))) }
    let error = #expect(throws: GraphError.self) { try Network(bytes: message(7, graph)) }
    #expect(
      error?.description.contains("messages are nested more than") == true, "\(String(describing: error))")
  }

  /// Kernels that take memory for each position are left out for axes of millions: they ended the process.
  @Test func longAxesAreConvolvedInPlainMemory() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([1, 1, 5, 1 << 20]), name: "x")
    let weights = graph.addConstant(normalTensor([1, 1, 3, 3]))
    graph.outputs = [
      try graph.apply(Convolution(window: Window(kernel: [3, 3]), hasBias: false), x, weights)
    ]
    var back = try graph.backward(from: graph.outputs[0], to: [x])
    back.graph.outputs.append(try #require(back.cotangents[0]))
    let plan = try Plan(back.graph.applying(Pass.execution), weights: WeightCache())
    #expect(plan.steps.allSatisfy { !$0.kernel.implementation.hasPrefix("brg") })
  }
}
