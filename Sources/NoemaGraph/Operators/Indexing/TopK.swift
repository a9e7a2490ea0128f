public import NoemaTensor

/// The indices of the `count` largest or smallest elements along one axis, best first; the first of a tie
/// comes first, and NaN counts as largest.
///
/// The elements themselves are gathered with these indices, which gives them their derivative.
///
/// - Shapes: `[…, n, …] → […, count, …]`; the result is int64.
/// - Source: ONNX TopK-1 to -24; unsorted results are sorted too.
public struct TopKIndices: Operator {
  /// How many are looked for.
  public var count: Int
  /// The axis, in `0..<rank`.
  public var axis: Int
  /// Whether the largest are looked for.
  public var isMaximum: Bool

  /// Makes the operator.
  public init(count: Int, axis: Int, isMaximum: Bool = true) {
    self.count = count
    self.axis = axis
    self.isMaximum = isMaximum
  }

  public var relevanceRole: RelevanceRole { .none }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("TopK") { node in
        let x = try node.operand(0), shape = try node.type(0).shape
        let axis = try node.axis("axis", default: -1, rank: shape.count)
        guard let count = try node.integers(scalar: "k", operand: 1), (0...shape[axis]).contains(count) else {
          throw node.error("k is missing, or not between 0 and the axis' extent of \(shape[axis])")
        }
        let isMaximum = node.int("largest", default: 1) != 0
        let indices = try node.emit(TopKIndices(count: count, axis: axis, isMaximum: isMaximum), x)
        let positions = try node.emit(Positions(.elements(axis: axis), in: shape), indices)
        return [try node.emit(Take(), x, positions), indices]
      }
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].shape.indices.contains(axis),
      (0...operands[0].shape[axis]).contains(count)
    else { throw GraphError(.operands("axis \(axis) of \(operands) does not hold \(count) elements")) }
    var shape = operands[0].shape
    shape[axis] = count
    return [TensorType(shape, .int64)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let keys = operands[0].orderKeys(), extent = operands[0].shape[axis]
    let inner = shape[(axis + 1)...].reduce(1, *)
    var result = [Int64](repeating: 0, count: shape.reduce(1, *))
    guard !result.isEmpty else { return [Tensor(shape: shape, result)] }
    for lane in 0..<keys.count / extent {
      let start = lane / inner * inner * extent + lane % inner
      let order = (0..<extent).sorted { a, b in
        let x = keys[start + a * inner], y = keys[start + b * inner]
        return x == y ? a < b : isMaximum ? x > y : x < y
      }
      let target = lane / inner * inner * count + lane % inner
      for rank in 0..<count { result[target + rank * inner] = Int64(order[rank]) }
    }
    return [Tensor(shape: shape, result)]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil] }
}

extension NodeReader {
  /// One integer that older opsets give as an attribute and newer ones as an operand.
  func integers(scalar key: String, operand index: Int) throws -> Int? {
    if let number = int(key) { return number }
    let numbers = try optionalConstant(index)?.integers()
    return numbers?.count == 1 ? numbers?[0] : nil
  }
}

// MARK: Export
extension TopKIndices: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let attributes: [(String, ONNXWriter.Attribute)] = [
      ("axis", .int(axis)), ("largest", .int(isMaximum ? 1 : 0)), ("sorted", .int(1)),
    ]
    return [writer.emit("TopK", [operands[0], writer.integers([count])], attributes, resultCount: 2)[1]]
  }
}
