public import NoemaTensor

/// A tensor cut along an axis into parts that follow each other: the adjoint of `Concatenation`.
///
/// One node with many results costs one pass over memory in either direction, where as many slices would
/// each put their cotangent among zeros.
///
/// - Shapes: `[…, n, …] → […, n₁, …], […, n₂, …], …` with `n = n₁ + n₂ + …`.
public struct Split: Operator {
  /// The axis, in `0..<rank`.
  public var axis: Int
  /// The extent of each part.
  public var sizes: [Int]

  /// Makes a split.
  public init(axis: Int, sizes: [Int]) {
    self.axis = axis
    self.sizes = sizes
  }

  public var relevanceRole: RelevanceRole { .movement }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].shape.indices.contains(axis), sizes.allSatisfy({ $0 >= 0 }),
      sizes.reduce(0, +) == operands[0].shape[axis]
    else { throw GraphError(.operands("parts \(sizes) do not fill axis \(axis) of \(operands)")) }
    return sizes.map { size in
      var type = operands[0]
      type.shape[axis] = size
      return type
    }
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let strides = Shapes.strides(operands[0].shape)
    var start = 0
    return try sizes.map { size in
      var shape = operands[0].shape
      shape[axis] = size
      defer { start += size }
      return try operands[0].gathered(
        shape: shape, strides: strides, offset: shape.contains(0) ? 0 : start * strides[axis])
    }
  }

  /// Rows of the operand are copied to the parts in turn.
  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    let type = operands[0].type
    let outer = type.shape[..<axis].reduce(1, *)
    let inner = type.shape[(axis + 1)...].reduce(1, *) * type.element.byteCount
    let lengths = sizes.map { $0 * inner }
    return ClosureKernel(operands: [.plain], results: results.map { _ in .plain }) { memory in
      var source = memory.operands[0]
      for row in 0..<outer {
        for (part, length) in zip(memory.results, lengths) {
          (part + row * length).copyMemory(from: source, byteCount: length)
          source += length
        }
      }
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let some = cotangents.compactMap({ $0 }).first else { return [nil] }
    var parts: [Value] = []
    for (cotangent, result) in zip(cotangents, node.results) {
      if let cotangent { parts.append(cotangent); continue }
      let zero = graph.addScalar(0, like: some)
      parts.append(try graph.broadcast(zero, to: graph.type(of: result).shape))
    }
    return [try graph.add(Concatenation(axis: axis), parts)[0]]
  }
}

// MARK: Export
extension Split: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    writer.emit(
      "Split", [operands[0], writer.integers(sizes)], [("axis", .int(axis))], resultCount: sizes.count)
  }
}
