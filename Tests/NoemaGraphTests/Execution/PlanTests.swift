import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

/// Compiled graphs against the reference kernels.
@Suite struct PlanTests {
  /// Every value as an output: none may be overwritten by a later step, fused away or left in another layout.
  @Test func everyValueCanBeRead() throws {
    let graph = try residualNetwork().graph(batch: 2), x = normalTensor([2, 2, 6, 6])
    var all = graph
    all.outputs = graph.layers().map(\.value)
    for (index, (found, expected)) in zip(try Session(all).run([x]), try all.interpreted([x])).enumerated() {
      #expect(scaledDifference(found, expected)! < floatTolerance, "layer \(index)")
    }
  }

  /// Graphs of random wiring: values live for long and short, are read once and often, shared and in place.
  @Test(arguments: 0..<30)
  func randomWiringIsRight(_ seed: Int) throws {
    var random = RandomNumbers(seed: UInt64(seed)), graph = Graph()
    var values = [graph.addInput(TensorType([2, 8, 5, 5]), name: "x")]
    for step in 0..<25 {
      func pick() -> Value { values[max(0, values.count - 1 - random.index(below: 6))] }
      let operand = pick()
      switch random.index(below: 7) {
      case 0: values.append(try graph.apply(Unary(.tanh), operand))
      case 1: values.append(try graph.apply(Unary(.relu), operand))
      case 2: values.append(try graph.apply(Binary(.add), operand, pick()))
      case 3: values.append(try graph.apply(Binary(.mul), operand, pick()))
      case 4:
        let turned = try graph.apply(Transpose(permutation: [0, 1, 3, 2]), operand)
        values.append(try graph.apply(Reshape(shape: [2, 8, 5, 5]), turned))
      default:
        let weight = normalTensor([8, 8, 3, 3], seed: UInt64(100 + step))
        let small = Tensor(shape: weight.shape, weight.elements(as: Float.self).map { $0 / 8 })
        values.append(
          try graph.apply(
            Convolution(window: Window(kernel: [3, 3], paddingBefore: [1, 1]), hasBias: false), operand,
            graph.addConstant(small)))
      }
    }
    graph.outputs = [values.last!, values[12], values[20]]
    let session = try Session(graph)
    // The second run finds the memory as the first one left it.
    for inputSeed in [1, 2] {
      let x = normalTensor([2, 8, 5, 5], seed: UInt64(inputSeed))
      for (found, expected) in zip(try session.run([x]), try graph.interpreted([x])) {
        #expect(scaledDifference(found, expected)! < floatTolerance)
      }
    }
  }

  @Test func inputsAndConstantsAsOutputs() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 3]), name: "x")
    let constant = graph.addConstant(normalTensor([4], seed: 3))
    let y = try graph.apply(Unary(.relu), x)
    graph.outputs = [x, constant, y, y]
    let input = normalTensor([2, 3])
    let found = try Session(graph).run([input])
    #expect(found[0] == input && found[1] == normalTensor([4], seed: 3) && found[2] == found[3])
    // The input is not overwritten in place.
    #expect(input == normalTensor([2, 3]))
  }

  @Test func wrongInputsAreExplained() throws {
    let session = try Session(try residualNetwork().graph(batch: 2))
    for (inputs, message) in [
      ([], "expected 1 inputs, found 0"),
      ([normalTensor([1, 2, 6, 6])], "expected an input of float32[2×2×6×6], found float32[1×2×6×6]"),
      (
        [normalTensor([2, 2, 6, 6]).converted(to: .float64)],
        "expected an input of float32[2×2×6×6], found float64[2×2×6×6]"
      ),
    ] as [([Tensor], String)] {
      let error = #expect(throws: GraphError.self) { try session.run(inputs) }
      #expect(error?.description == message)
    }
  }
}
