import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

@Suite struct FoldPaddingTests {
  private func graph(_ pad: Pad) throws -> Graph {
    var graph = Graph()
    let x = graph.addInput(TensorType([2, 2, 5, 6]), name: "x")
    let padded = try graph.apply(pad, x)
    let channels = graph.type(of: padded).shape[1]
    graph.outputs = [
      try graph.apply(
        Convolution(
          window: Window(kernel: [3, 3], strides: [2, 1], paddingBefore: [1, 0], paddingAfter: [0, 1]),
          hasBias: false), padded, graph.addConstant(normalTensor([3, channels, 3, 3], seed: 2)))
    ]
    return graph
  }

  @Test(arguments: [
    (Pad(before: [0, 0, 1, 2], after: [0, 0, 0, 1]), true),
    (Pad(before: [0, 0, 0, 0], after: [0, 0, 1, 1]), true),
    // A constant other than zero, channels, and elements apart are not what a convolution pads with.
    (Pad(before: [0, 0, 1, 1], after: [0, 0, 1, 1], fill: 0.5), false),
    (Pad(before: [0, 1, 0, 0], after: [0, 0, 0, 0]), false),
    (Pad(before: [0, 0, 0, 0], after: [0, 0, 0, 0], steps: [1, 1, 2, 1]), false),
  ])
  func onlySpatialZerosAreMerged(_ pad: Pad, _ isMerged: Bool) throws {
    let graph = try graph(pad), x = normalTensor([2, 2, 5, 6])
    let folded = try graph.applying(Pass.canonical)
    #expect(folded.operations == (isMerged ? ["Convolution"] : ["Pad", "Convolution"]))
    #expect(
      scaledDifference(
        try folded.interpreted([x], as: .float64)[0], try graph.interpreted([x], as: .float64)[0])!
        < exactTolerance)
  }

  @Test func hookedPaddingStays() throws {
    let graph = try graph(Pad(before: [0, 0, 1, 1], after: [0, 0, 1, 1]))
    let padded = graph.nodes[0].results[0]
    #expect(try graph.applying(Pass.canonical, keeping: [padded]).operations == ["Pad", "Convolution"])
  }
}
