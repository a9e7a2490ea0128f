import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

/// What every pass promises: the outputs stay, kept values stay, the graph stays valid.
@Suite struct PassesTests {
  private static let all: [Pass] = [
    .foldConstants, .simplifyMovements, .shareSubexpressions, .foldPadding, .foldBatchNormalization,
    .foldIntoProducts, .nameFunctions, .nameNormalizations, .nameAttention, .nameSqueezeExcite,
    .removeDeadNodes, .expandAll, .expandBlocks, .lowerBatchNormalization, .seeThroughMovements,
    .fuseEpilogues, .keepRegions, .fuseChains, .alignConvolutions,
  ]

  @Test(arguments: all.map(\.name))
  func outputsAreUnchanged(_ name: String) throws {
    let pass = try #require(Self.all.first { $0.name == name })
    let graph = try residualNetwork().graph(batch: 2), x = normalTensor([2, 2, 6, 6])
    let rewritten = try graph.applying([pass])
    #expect(rewritten.firstViolation() == nil)
    // Folded parameters are rounded to float32 once more.
    #expect(
      scaledDifference(
        try rewritten.interpreted([x], as: .float64)[0], try graph.interpreted([x], as: .float64)[0])!
        < floatTolerance)
  }

  /// Whatever is hooked has the value that it has without any pass.
  @Test func everyHookSurvivesAllPasses() throws {
    let graph = try residualNetwork().graph(batch: 2), x = normalTensor([2, 2, 6, 6])
    for layer in graph.layers() {
      var hooked = graph
      hooked.outputs.append(layer.value)
      let expected = try hooked.interpreted([x], as: .float64)
      let rewritten = try hooked.applying(Pass.canonical + Pass.execution)
      #expect(rewritten.firstViolation() == nil)
      for (found, value) in zip(try rewritten.interpreted([x], as: .float64), expected) {
        #expect(scaledDifference(found, value)! < floatTolerance, "\(layer.name)")
      }
    }
  }

  /// Kept values are as safe as outputs.
  @Test func keptValuesSurviveAllPasses() throws {
    let graph = try residualNetwork().graph()
    for layer in graph.layers() {
      let rewritten = try graph.applying(Pass.canonical + Pass.execution, keeping: [layer.value])
      #expect(rewritten.nodes.contains { $0.results.contains(layer.value) }, "\(layer.name)")
    }
  }

  @Test func equalNodesAreComputedOnce() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 3]), name: "x")
    let a = try graph.apply(Unary(.tanh), x), b = try graph.apply(Unary(.tanh), x)
    let other = try graph.apply(Unary(.sigmoid), x)
    let sum = try graph.apply(Binary(.add), a, b)
    // Equal only once their operands are.
    let c = try graph.apply(Unary(.exp), a), d = try graph.apply(Unary(.exp), b)
    graph.outputs = [sum, try graph.apply(Binary(.mul), c, d), other]
    let shared = try graph.applying([.shareSubexpressions])
    #expect(shared.nodes.count == graph.nodes.count - 2)
    let input = normalTensor([2, 3])
    for (found, expected) in zip(try shared.interpreted([input]), try graph.interpreted([input])) {
      #expect(found == expected)
    }
    #expect(try graph.applying([.shareSubexpressions], keeping: [b, d]).nodes.count == graph.nodes.count)
  }

  @Test func deadNodesAreDropped() throws {
    var graph = Graph()
    let x = graph.addInput(TensorType([2]), name: "x")
    let live = try graph.apply(Unary(.tanh), x), dead = try graph.apply(Unary(.exp), x)
    _ = try graph.apply(Unary(.relu), dead)
    graph.outputs = [live]
    #expect(try graph.applying([.removeDeadNodes]).nodes.count == 1)
    #expect(try graph.applying([.removeDeadNodes], keeping: [dead]).nodes.count == 2)
    #expect(try graph.applying([.removeDeadNodes]).inputs == [x])
  }
}
