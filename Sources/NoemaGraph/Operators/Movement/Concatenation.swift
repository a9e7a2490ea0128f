public import NoemaTensor

/// Tensors one after the other along an axis.
///
/// - Source: ONNX Concat-4 to -13.
public struct Concatenation: Operator {
  /// The axis, in `0..<rank`.
  public var axis: Int

  /// Makes a concatenation.
  public init(axis: Int) {
    self.axis = axis
  }

  public var relevanceRole: RelevanceRole { .movement }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("Concat") { node in
        guard node.operandCount > 0 else { throw node.error("there are no operands") }
        let axis = try node.axis("axis", default: 1, rank: node.rank(0))
        return try node.emit(Concatenation(axis: axis), node.operands())
      }
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard var result = operands.first, result.shape.indices.contains(axis) else {
      throw GraphError(.operands("axis \(axis) does not fit \(operands)"))
    }
    for operand in operands.dropFirst() {
      var shape = operand.shape
      guard shape.count == result.rank, operand.element == result.element else {
        throw GraphError(.operands("\(operand) does not fit \(result)"))
      }
      let extent = shape[axis]
      shape[axis] = result.shape[axis]
      guard shape == result.shape else {
        throw GraphError(.operands("\(operand) does not fit \(result) along axis \(axis)"))
      }
      result.shape[axis] += extent
    }
    return [result]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let type = try resultTypes(of: operands.map { TensorType(of: $0) })[0]
    let outer = type.shape[..<axis].reduce(1, *)
    let inner = type.shape[(axis + 1)...].reduce(1, *) * type.element.byteCount
    return [
      try Tensor(shape: type.shape, elementType: type.element) { bytes in
        var at = 0
        for row in 0..<outer {
          for operand in operands {
            let length = operand.shape[axis] * inner
            if length == 0 { continue }
            operand.withBytes {
              bytes.baseAddress!.advanced(by: at).copyMemory(
                from: $0.baseAddress! + row * length, byteCount: length)
            }
            at += length
          }
        }
      }
    ]
  }

  /// Rows of the operands are copied to the result in turn.
  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    let type = results[0]
    let outer = type.shape[..<axis].reduce(1, *)
    let inner = type.shape[(axis + 1)...].reduce(1, *) * type.element.byteCount
    let lengths = operands.map { $0.type.shape[axis] * inner }
    return ClosureKernel(operands: operands.map { _ in .plain }, results: [.plain]) { memory in
      var target = memory.results[0]
      for row in 0..<outer {
        for (part, length) in zip(memory.operands, lengths) {
          target.copyMemory(from: part + row * length, byteCount: length)
          target += length
        }
      }
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return node.operands.map { _ in nil } }
    let sizes = node.operands.map { graph.type(of: $0).shape[axis] }
    return try graph.add(Split(axis: axis, sizes: sizes), [g])
  }
}

// MARK: Export
extension Concatenation: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("Concat", operands, [("axis", .int(axis))])]
  }
}
