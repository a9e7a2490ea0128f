import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

@Suite struct StridedViewTests {
  private func seen(_ view: StridedView, of tensor: Tensor) throws -> Tensor {
    try tensor.gathered(shape: view.shape, strides: view.strides, offset: view.offset)
  }

  /// Reshapes of what was turned and cut: where strides can say it, they say the right thing.
  @Test func reshapesOfMovedBlocks() throws {
    let tensor = normalTensor([4, 6, 10])
    let whole = StridedView(of: tensor.shape)
    let slice = Slice(starts: [1, 0, 2], counts: [2, 6, 8], steps: [1, 1, 1])
    let cut = whole.sliced(slice), turned = whole.permuted([1, 0, 2])
    let rows: [(StridedView, [Int], Bool)] = [
      (whole, [240], true), (whole, [2, 2, 60], true), (whole, [4, 3, 2, 1, 10], true),
      (cut, [2, 6, 2, 4], true), (cut, [12, 8], true), (cut, [2, 48], false), (cut, [96], false),
      (turned, [6, 2, 2, 5, 2], true), (turned, [24, 10], false), (turned, [1, 6, 1, 4, 10], true),
      (turned, [6, 40], false), (whole.permuted([2, 1, 0]), [10, 24], false),
    ]
    for (view, shape, isPossible) in rows {
      let reshaped = view.reshaped(to: shape)
      #expect((reshaped != nil) == isPossible, "\(view.shape) to \(shape)")
      guard let reshaped else { continue }
      #expect(try seen(reshaped, of: tensor) == seen(view, of: tensor).reshaped(to: shape))
    }
  }

  /// Heads split off and turned, for one example: the axis of examples keeps a stride that products are fast for.
  @Test func axesOfOneElementHaveStrides() {
    let heads = StridedView(of: [1, 7, 12]).reshaped(to: [1, 7, 3, 4])!.permuted([0, 2, 1, 3])
    #expect(heads.strides == [84, 4, 12, 1])
    #expect(StridedView(of: [5, 6]).reshaped(to: [1, 5, 1, 6, 1])!.strides == [30, 6, 6, 1, 1])
  }

  /// Every way to copy a block: contiguous rows, turned squares with and without axes in between, repeated
  /// elements, steps, and elements of every size.
  @Test(arguments: [ElementType.float32, .float64, .uint8, .int16])
  func copiesAreRight(_ type: ElementType) throws {
    let tensor = Tensor(shape: [3, 18, 2, 21], (0..<3 * 18 * 2 * 21).map { Int64($0 % 251) }).converted(
      to: type)
    let orders = [
      [0, 1, 2, 3], [3, 2, 1, 0], [0, 3, 2, 1], [2, 0, 3, 1], [1, 0, 2, 3], [0, 3, 1, 2], [3, 0, 1, 2],
    ]
    for order in orders {
      var graph = Graph()
      let x = graph.addInput(TensorType(tensor.shape, type), name: "x")
      let slice = Slice(starts: [2, 1, 0, 20], counts: [3, 8, 2, 10], steps: [-1, 2, 1, -2])
      let turned = try graph.apply(Transpose(permutation: order), x)
      graph.outputs = [
        turned, try graph.apply(Transpose(permutation: order), graph.apply(slice, x)),
        try graph.apply(Broadcast(shape: [2, 3, 18, 2, 21]), x),
        try graph.apply(
          Broadcast(shape: [5, 3, 18, 2, 21]), graph.apply(slice, x, name: "").cut(in: &graph)),
      ]
      for (found, expected) in zip(try Session(graph).run([tensor]), try graph.interpretedExactly([tensor])) {
        #expect(found == expected, "\(order)")
      }
    }
  }
}

extension StridedViewTests {
  /// More axes than the fast loops take.
  @Test func manyAxesAreCopied() throws {
    let shape = (0..<18).map { $0 % 6 == 0 ? 2 : 1 }, tensor = normalTensor(shape)
    var graph = Graph()
    let x = graph.addInput(TensorType(shape), name: "x")
    graph.outputs = [
      try graph.apply(Transpose(permutation: (0..<18).reversed()), x),
      try graph.apply(Broadcast(shape: shape.enumerated().map { $0 == 17 ? 3 : $1 }), x),
    ]
    for (found, expected) in zip(try Session(graph).run([tensor]), try graph.interpreted([tensor])) {
      #expect(found == expected)
    }
  }
}

extension Value {
  /// One column of a value of rank 4, so that it repeats along three axes.
  fileprivate func cut(in graph: inout Graph) throws -> Value {
    let shape = graph.type(of: self).shape
    let column = Slice(starts: [0, 0, 0, 0], counts: [3, 1, 1, 1], steps: [1, 1, 1, 1])
    #expect(shape.count == 4)
    return try graph.apply(column, self)
  }
}

extension Graph {
  /// The reference kernels' results, element types as they are.
  fileprivate func interpretedExactly(_ inputs: [Tensor]) throws -> [Tensor] {
    try interpreted(inputs, as: inputs[0].elementType.isFloat ? inputs[0].elementType : .float32)
  }
}
