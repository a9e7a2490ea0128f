import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

@Suite struct FuseChainsTests {
  private let shape = [2, 20, 5, 5]

  private func inputs() -> [Tensor] { [normalTensor(shape), normalTensor(shape, seed: 7)] }

  /// `a < b ? a · b : a − b`, behind a convolution that chooses a layout of its own where `convolves`.
  private func choice(_ function: Comparison.Function, convolves: Bool) throws -> Graph {
    var graph = Graph()
    let x = graph.addInput(TensorType(shape), name: "x"), b = graph.addInput(TensorType(shape), name: "b")
    var a = x
    if convolves {
      let weights = graph.addConstant(normalTensor([20, 20, 3, 3], seed: 3))
      let window = Window(kernel: [3, 3], paddingBefore: [1, 1])
      a = try graph.apply(Convolution(window: window, hasBias: false), x, weights)
    }
    let condition = try graph.apply(Comparison(function: function), a, b)
    graph.outputs = [
      try graph.apply(
        Select(), condition, graph.apply(Binary(.mul), a, b), graph.apply(Binary(.sub), a, b))
    ]
    return graph
  }

  @Test(
    arguments: [Comparison.Function.equal, .greater, .greaterOrEqual, .less, .lessOrEqual], [false, true])
  func conditionsFuse(_ function: Comparison.Function, _ convolves: Bool) throws {
    let graph = try choice(function, convolves: convolves)
    let fused = try graph.applying([.fuseChains, .removeDeadNodes])
    #expect(fused.nodes.count == (convolves ? 2 : 1))
    let result = try Session(graph).run(inputs())[0]
    #expect(scaledDifference(result, try graph.interpreted(inputs())[0])! < floatTolerance)
  }

  /// Logic of conditions, one of which comes from outside and one of which goes out.
  @Test(arguments: [Comparison.Function.and, .or, .xor]) func conditionsComeAndGo(
    _ function: Comparison.Function
  ) throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([3, 300]), name: "x")
    let given = graph.addInput(TensorType([3, 300], .bool), name: "given")
    let isPositive = try graph.apply(Comparison(function: .greater), x, graph.addScalar(0, like: x))
    let both = try graph.apply(Comparison(function: function), isPositive, given)
    let neither = try graph.apply(Unary(.not), both)
    graph.outputs = [
      try graph.apply(Select(), neither, x, graph.addScalar(-1, like: x)), both,
    ]
    let flags = normalTensor([3, 300], seed: 5).elements(as: Float.self).map { $0 > 0 }
    let inputs = [normalTensor([3, 300]), Tensor(shape: [3, 300], flags)]
    let results = try Session(graph).run(inputs), expected = try graph.interpreted(inputs)
    #expect(results[0].elements(as: Float.self) == expected[0].elements(as: Float.self))
    #expect(results[1].elements(as: Bool.self) == expected[1].elements(as: Bool.self))
  }

  /// A condition that is repeated along an axis, or NaN on either side.
  @Test func conditionsOfOtherShapesAndNotNumbers() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([4, 6]), name: "x"), row = graph.addInput(TensorType([6]), name: "row")
    let isLess = try graph.apply(Comparison(function: .less), row, graph.addScalar(0, like: row))
    let isSame = try graph.apply(Comparison(function: .equal), x, x)
    let kept = try graph.apply(Select(), isLess, x, graph.apply(Unary(.negative), x))
    graph.outputs = [try graph.apply(Select(), isSame, kept, graph.addScalar(9, like: x))]
    var values = normalTensor([4, 6]).elements(as: Float.self)
    values[7] = .nan
    let inputs = [Tensor(shape: [4, 6], values), normalTensor([6], seed: 2)]
    let result = try Session(graph).run(inputs)[0].elements(as: Float.self)
    #expect(result == (try graph.interpreted(inputs)[0].elements(as: Float.self)))
    #expect(result[7] == 9)
  }
}
