public import NoemaTensor

/// The index of the largest or smallest element along one axis; NaN counts as largest.
///
/// - Shapes: `[…, n, …] → […, 1, …]` or without the axis; the result is int64.
/// - Source: ONNX ArgMax-1 to -13, ArgMin-1 to -13.
public struct ArgExtremum: Operator {
  /// Whether the largest is looked for.
  public var isMaximum: Bool
  /// The axis, in `0..<rank`.
  public var axis: Int
  /// Whether the axis stays with extent 1.
  public var keepsAxis: Bool
  /// Whether the last of a tie wins instead of the first.
  public var takesLast: Bool

  /// Makes the operator; the first of a tie wins unless told otherwise.
  public init(isMaximum: Bool, axis: Int, keepsAxis: Bool, takesLast: Bool = false) {
    self.isMaximum = isMaximum
    self.axis = axis
    self.keepsAxis = keepsAxis
    self.takesLast = takesLast
  }

  public var relevanceRole: RelevanceRole { .none }

  public static var onnx: [ONNXBinding] {
    [("ArgMax", true), ("ArgMin", false)].map { name, isMaximum in
      ONNXBinding(name) { node in
        let operation = ArgExtremum(
          isMaximum: isMaximum, axis: try node.axis("axis", default: 0, rank: node.rank(0)),
          keepsAxis: node.int("keepdims", default: 1) != 0,
          takesLast: node.int("select_last_index", default: 0) != 0)
        return [try node.emit(operation, node.operand(0))]
      }
    }
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].shape.indices.contains(axis), operands[0].shape[axis] > 0 else {
      throw GraphError(.operands("axis \(axis) does not fit \(operands), or is empty"))
    }
    var shape = operands[0].shape
    if keepsAxis { shape[axis] = 1 } else { shape.remove(at: axis) }
    return [TensorType(shape, .int64)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let keys = operands[0].orderKeys(), extent = operands[0].shape[axis]
    let inner = operands[0].shape[(axis + 1)...].reduce(1, *)
    let best = (0..<keys.count / extent).map { lane -> Int64 in
      let start = lane / inner * inner * extent + lane % inner
      var best = 0
      for index in 1..<max(extent, 1) {
        let key = keys[start + index * inner], leader = keys[start + best * inner]
        if isMaximum ? key > leader : key < leader { best = index }
        if takesLast && key == leader { best = index }
      }
      return Int64(best)
    }
    return [Tensor(shape: shape, best)]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil] }
}

// MARK: Export
extension ArgExtremum: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [
      writer.emit(
        isMaximum ? "ArgMax" : "ArgMin", operands,
        [
          ("axis", .int(axis)), ("keepdims", .int(keepsAxis ? 1 : 0)),
          ("select_last_index", .int(takesLast ? 1 : 0)),
        ])
    ]
  }
}
