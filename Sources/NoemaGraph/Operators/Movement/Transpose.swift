public import NoemaTensor

/// Axes in another order.
///
/// - Source: ONNX Transpose-1 to -23; DepthToSpace and SpaceToDepth are written in terms of it.
public struct Transpose: Operator {
  /// The operand's axis that each result axis takes.
  public var permutation: [Int]

  /// Makes a transposition.
  public init(permutation: [Int]) {
    self.permutation = permutation
  }

  public var relevanceRole: RelevanceRole { .movement }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("Transpose") { node in
        let rank = try node.rank(0)
        return [
          try node.emit(Transpose(permutation: node.ints("perm") ?? (0..<rank).reversed()), node.operand(0))
        ]
      },
      ONNXBinding("DepthToSpace") { node in
        let x = try node.type(0).shape
        guard x.count == 4, let block = node.int("blocksize"), (1..<1 << 20).contains(block),
          x[1] % (block * block) == 0
        else { throw node.error("input \(x) does not fit the block size") }
        let channels = x[1] / (block * block)
        let isColumnRow = node.string("mode", default: "DCR") == "CRD"
        let split =
          isColumnRow
          ? [x[0], channels, block, block, x[2], x[3]] : [x[0], block, block, channels, x[2], x[3]]
        let order = isColumnRow ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]
        let moved = try node.emit(
          Transpose(permutation: order), node.emit(Reshape(shape: split), node.operand(0)))
        return [try node.emit(Reshape(shape: [x[0], channels, x[2] * block, x[3] * block]), moved)]
      },
      ONNXBinding("SpaceToDepth") { node in
        let x = try node.type(0).shape
        guard x.count == 4, let block = node.int("blocksize"), (1..<1 << 20).contains(block),
          x[2] % block == 0, x[3] % block == 0
        else { throw node.error("input \(x) does not fit the block size") }
        let split = [x[0], x[1], x[2] / block, block, x[3] / block, block]
        let order = node.string("mode", default: "DCR") == "CRD" ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4]
        let moved = try node.emit(
          Transpose(permutation: order), node.emit(Reshape(shape: split), node.operand(0)))
        let channels = x[1].multipliedSaturating(by: block * block)
        return [try node.emit(Reshape(shape: [x[0], channels, x[2] / block, x[3] / block]), moved)]
      },
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, permutation.sorted() == Array(0..<operands[0].rank) else {
      throw GraphError(.operands("permutation \(permutation) does not fit \(operands)"))
    }
    return [TensorType(permutation.map { operands[0].shape[$0] }, operands[0].element)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let strides = Shapes.strides(operands[0].shape)
    return [
      try operands[0].gathered(
        shape: permutation.map { operands[0].shape[$0] }, strides: permutation.map { strides[$0] })
    ]
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) -> (any Kernel)? {
    CopyKernel(StridedView(of: operands[0].type.shape).permuted(permutation), results[0].element)
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    var inverse = permutation
    for (axis, source) in permutation.enumerated() { inverse[source] = axis }
    return [try graph.apply(Transpose(permutation: inverse), g)]
  }
}

// MARK: Export
extension Transpose: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("Transpose", operands, [("perm", .ints(permutation))])]
  }
}
