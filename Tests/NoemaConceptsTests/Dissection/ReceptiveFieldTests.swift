import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaConcepts

@Suite struct ReceptiveFieldTests {
  private func weights(_ shape: [Int], seed: UInt64) -> Tensor {
    var random = RandomNumbers(seed: seed)
    return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(0.2 + random.uniform()) })
  }

  /// Convolutions, a pooling and a branch whose sum sees both; then something that sees everything.
  private func network() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 2, 20, 24])
    draft.initialiser("w1", weights([3, 2, 3, 3], seed: 1))
    draft.initialiser("w2", weights([3, 3, 3, 3], seed: 2))
    draft.initialiser("w3", weights([3, 3, 1, 1], seed: 3))
    draft.node(
      "Conv", ["x", "w1"], ["a"],
      ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1]), "strides": .ints([2, 1])])
    draft.node("Relu", ["a"], ["b"])
    draft.node("MaxPool", ["b"], ["c"], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
    draft.node(
      "Conv", ["c", "w2"], ["d"],
      ["kernel_shape": .ints([3, 3]), "pads": .ints([2, 2, 2, 2]), "dilations": .ints([2, 2])])
    draft.node("Conv", ["c", "w3"], ["e"], ["kernel_shape": .ints([1, 1])])
    draft.node("Add", ["d", "e"], ["f"])
    draft.node("Concat", ["f", "e"], ["g"], ["axis": .int(1)])
    draft.node("GlobalAveragePool", ["g"], ["h"])
    draft.node("Mul", ["g", "h"], ["i"])
    draft.output("i")
    return try Network(bytes: draft.bytes())
  }

  private func field(_ name: String) throws -> ReceptiveField {
    let graph = try network().graph(batch: 1, shapes: [:])
    return ReceptiveField(of: try value(name, of: graph), in: graph)
  }

  private func value(_ name: String, of graph: Graph) throws -> Value {
    try #require(graph.nodes.flatMap(\.results).first { graph.names(of: $0).contains(name) })
  }

  @Test func fieldsAreThoseOfTheFormula() throws {
    typealias Axis = ReceptiveField.Axis
    #expect(try field("b").axes == [Axis(start: -1, step: 2, size: 3), Axis(start: -1, step: 1, size: 3)])
    #expect(try field("c").axes == [Axis(start: -1, step: 4, size: 5), Axis(start: -1, step: 2, size: 4)])
    let whole = [Axis(start: -9, step: 4, size: 21), Axis(start: -5, step: 2, size: 12)]
    #expect(try field("d").axes == whole)
    #expect(try field("e").axes == field("c").axes)
    // Sums and joined channels see what either sees.
    #expect(try field("f").axes == whole && field("g").axes == whole)
    #expect(try field("h").axes == nil && field("i").axes == nil)
  }

  /// A change of a pixel changes just the positions whose fields hold it: weights are positive, and so is the input.
  @Test func pixelsChangeThePositionsThatSeeThem() throws {
    let network = try network()
    let graph = try network.graph(batch: 1, shapes: [:])
    let value = try value("d", of: graph)
    let field = ReceptiveField(of: value, in: graph)
    var cut = graph
    cut.outputs = [value]
    try cut.apply(Pass.canonical)
    let session = try Session(cut)
    func run(_ pixels: [Float]) throws -> [Float] {
      try session.run([Tensor(shape: [1, 2, 20, 24], pixels)])[0].elements(as: Float.self)
    }
    var random = RandomNumbers(seed: 9)
    let pixels = (0..<960).map { _ in Float(0.5 + random.uniform()) }
    let before = try run(pixels)
    let shape = graph.type(of: value).shape
    for (y, x) in [(0, 0), (7, 11), (19, 23), (12, 2)] {
      var changed = pixels
      // Larger than all others, so that no pooling hides it.
      for channel in 0..<2 { changed[(channel * 20 + y) * 24 + x] = 50 }
      let after = try run(changed)
      for row in 0..<shape[2] {
        for column in 0..<shape[3] {
          let place = row * shape[3] + column
          let box = field.box(row: row, column: column, height: 20, width: 24)
          let isInside = box.rows.contains(y) && box.columns.contains(x)
          if abs(before[place] - after[place]) > 1e-3 { #expect(isInside) }
        }
      }
      // The middle of a field is seen for sure.
      #expect(zip(before, after).contains { $0 != $1 })
    }
  }

  @Test func boxesAreCutAtTheBorder() {
    let field = ReceptiveField(axes: [.init(start: -3, step: 4, size: 8), .init(start: 0, step: 2, size: 2)])
    let first = field.box(row: 0, column: 1, height: 10, width: 9)
    #expect(first.rows == 0..<5 && first.columns == 2..<4)
    #expect(field.box(row: 2, column: 4, height: 10, width: 9).rows == 5..<10)
    #expect(field.box(row: 2, column: 4, height: 10, width: 9).columns == 8..<9)
    #expect(field.axes?[0].centre(of: 1) == 4.5)
    let everything = ReceptiveField(axes: nil).box(row: 1, column: 1, height: 4, width: 5)
    #expect(everything.rows == 0..<4 && everything.columns == 0..<5)
  }
}
