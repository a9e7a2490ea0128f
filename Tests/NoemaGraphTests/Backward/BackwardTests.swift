import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Central differences in float64 over smooth functions of size one.
private let differenceTolerance = 1e-6

@Suite struct BackwardTests {
  private func random(_ shape: [Int], _ seed: UInt64) -> Tensor {
    var random = RandomNumbers(seed: seed)
    return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in random.normal() })
  }

  /// `f(x) = Σ softplus(tanh(x W) V)`: smooth, with curvature in all directions.
  private func smoothNetwork() throws -> (graph: Graph, x: Value) {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 3]), name: "x")
    let hidden = try graph.apply(
      Unary(.tanh), graph.apply(MatMul(), x, graph.addConstant(random([3, 4], 1).converted(to: .float32))))
    let out = try graph.apply(
      Unary(.softplus),
      graph.apply(MatMul(), hidden, graph.addConstant(random([4, 2], 2).converted(to: .float32))))
    graph.outputs = [try graph.apply(Reduction(.sum, axes: [0, 1], keepsAxes: false), out)]
    return (graph, x)
  }

  private func moved(_ x: Tensor, _ direction: Tensor, _ step: Double) -> Tensor {
    Tensor(
      shape: x.shape,
      zip(x.elements(as: Double.self), direction.elements(as: Double.self)).map { $0 + step * $1 })
  }

  /// The Hessian's product with a direction, by differentiating twice and by differences of the gradient.
  @Test func secondDerivativeEqualsDifferences() throws {
    let (graph, x) = try smoothNetwork()
    var first = try graph.backward(from: graph.outputs[0], to: [x])
    let slope = first.cotangents[0]!
    first.graph.outputs = [slope]
    let second = try first.graph.backward(from: slope, to: [x])
    var hessian = second.graph
    hessian.outputs = [second.cotangents[0]!]
    let one = Tensor(1.0)
    for seed in 3..<8 {
      let point = random([2, 3], UInt64(seed)), direction = random([2, 3], UInt64(seed + 10))
      let found = try hessian.interpreted([point, one, direction], as: .float64)[0]
      let step = 1e-5
      func gradient(_ step: Double) throws -> [Double] {
        try first.graph.interpreted([moved(point, direction, step), one], as: .float64)[0]
          .elements(as: Double.self)
      }
      let expected = zip(try gradient(step), try gradient(-step)).map { ($0 - $1) / (2 * step) }
      for (a, b) in zip(found.elements(as: Double.self), expected) {
        #expect(abs(a - b) < differenceTolerance)
      }
      #expect(found.elements(as: Double.self).contains { abs($0) > 1e-3 })
    }
  }

  /// `y = x² · x + x · exp(x)` with every use of `x` and of `x²` one value: contributions add up.
  @Test func contributionsOfSharedValuesAdd() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([5]), name: "x")
    let square = try graph.apply(Binary(.mul), x, x)
    let cube = try graph.apply(Binary(.mul), square, x)
    let grown = try graph.apply(Binary(.mul), x, graph.apply(Unary(.exp), x))
    graph.outputs = [try graph.apply(Binary(.add), cube, grown)]
    var back = try graph.backward(from: graph.outputs[0], to: [x, square])
    back.graph.outputs = back.cotangents.map { $0! }
    let point = random([5], 1), seed = random([5], 2)
    let found = try back.graph.interpreted([point, seed], as: .float64).map { $0.elements(as: Double.self) }
    let exponential = try Unary(.exp).evaluate([point])[0].elements(as: Double.self)
    for (index, x) in point.elements(as: Double.self).enumerated() {
      let g = seed.elements(as: Double.self)[index]
      #expect(abs(found[0][index] - g * (3 * x * x + (1 + x) * exponential[index])) < differenceTolerance)
      // The square is a value of its own: what flows into it is x.
      #expect(abs(found[1][index] - g * x) < differenceTolerance)
    }
  }

  /// Overlapping windows over few distinct numbers: nearly every window has ties.
  @Test(arguments: [2, 3])
  func tiesInMaxPoolingGoToTheFirstMaximum(_ kernel: Int) throws {
    let window = Window(kernel: [kernel, kernel], strides: [1, 2])
    var random = RandomNumbers(seed: 4)
    let x = Tensor(shape: [2, 3, 6, 7], (0..<252).map { _ in Float(random.index(below: 3)) })
    var graph = Graph()
    let input = graph.addInput(TensorType(x.shape), name: "x")
    graph.outputs = [try graph.apply(MaxPool(window: window), input)]
    var back = try graph.backward(from: graph.outputs[0], to: [input])
    back.graph.outputs = [back.cotangents[0]!]
    let shape = graph.type(of: graph.outputs[0]).shape
    let seed = Tensor(shape: shape, (0..<shape.reduce(1, *)).map { Float($0 + 1) })

    var expected = [Float](repeating: 0, count: 252)
    let values = x.elements(as: Float.self), cotangents = seed.elements(as: Float.self)
    for plane in 0..<6 {
      for row in 0..<shape[2] {
        for column in 0..<shape[3] {
          var best = -1
          for y in row..<row + kernel {
            for x in 2 * column..<2 * column + kernel {
              let at = plane * 42 + y * 7 + x
              if best < 0 || values[at] > values[best] { best = at }
            }
          }
          expected[best] += cotangents[(plane * shape[2] + row) * shape[3] + column]
        }
      }
    }
    for found in [try Session(back.graph).run([x, seed])[0], try back.graph.interpreted([x, seed])[0]] {
      #expect(found.elements(as: Float.self) == expected)
    }
  }

  @Test func valuesWithoutInfluenceReceiveNothing() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([3]), name: "x"), y = graph.addInput(TensorType([3]), name: "y")
    let aside = try graph.apply(Unary(.exp), x)
    graph.outputs = [try graph.apply(Unary(.tanh), x)]
    let back = try graph.backward(from: graph.outputs[0], to: [x, y, aside, graph.outputs[0]])
    #expect(back.cotangents[0] != nil)
    #expect(back.cotangents[1] == nil && back.cotangents[2] == nil)
    #expect(back.cotangents[3] == back.seed)
    #expect(back.graph.firstViolation() == nil)
  }

  /// Only what lies between the start and the targets is gone through.
  @Test func backwardStopsAtItsTargets() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([3]), name: "x")
    let hidden = try graph.apply(Unary(.exp), x)
    graph.outputs = [try graph.apply(Unary(.tanh), hidden)]
    let toHidden = try graph.backward(from: graph.outputs[0], to: [hidden]).graph.nodes.count
    let toInput = try graph.backward(from: graph.outputs[0], to: [x]).graph.nodes.count
    #expect(toHidden < toInput)
  }

  /// Guided backpropagation as a rule set: only positive quantities pass an active ReLU.
  @Test func rulesReplaceDerivatives() throws {
    struct Guided: BackwardRule {
      var name: String { "guided" }
      func propagate(
        _ cotangents: [Value?], through node: Node, in graph: inout Graph
      ) throws(GraphError) -> [Value?] {
        let passed = try graph.apply(Unary(.relu), cotangents[0]!)
        return try GradientRule().propagate([passed], through: node, in: &graph)
      }
    }
    var graph = Graph()
    let x = graph.addInput(TensorType([4]), name: "x")
    graph.outputs = [try graph.apply(Unary(.negative), graph.apply(Unary(.relu), x))]
    let rules = BackwardRules { node, _ in
      if (node.operation as? Unary)?.function == .relu { return Guided() }
      return GradientRule()
    }
    var back = try graph.backward(from: graph.outputs[0], to: [x], rules: rules)
    back.graph.outputs = [back.cotangents[0]!]
    let found = try back.graph.interpreted([
      Tensor(shape: [4], [Float(1), 2, -1, 3]), Tensor(shape: [4], [Float(-5), 7, -5, -6]),
    ])[0]
    #expect(found.elements(as: Float.self) == [5, 0, 0, 6])
  }
}
