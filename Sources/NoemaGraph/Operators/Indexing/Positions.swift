public import NoemaTensor

/// Where the elements lie that an ONNX operator means by its indices.
///
/// - Shapes: one operand of integers; the result, int64, counts elements of `shape` in row-major order.
/// - Source: the index rules of ONNX GatherElements, GatherND, ScatterElements, ScatterND,
///   ReverseSequence and TensorScatter.
public struct Positions: Operator {
  /// How integers mean positions.
  public enum Rule: Sendable, Hashable {
    /// Indices `[i…]` of the tensor's rank replace the coordinate along one axis.
    case elements(axis: Int)
    /// Each row of `[b…, i…, k]` holds coordinates of `k` axes behind the batch axes; what lies behind them
    /// is taken whole.
    case tuples(batchAxes: Int)
    /// Lengths `[n]` of the sequences along one axis that are reversed; each belongs to a place of
    /// another axis.
    case reversed(time: Int, batch: Int)
    /// Starts `[n]`, one an example, of `length` neighbours along one axis, wrapping around or not.
    case slots(axis: Int, length: Int, wraps: Bool)
  }

  /// How integers mean positions.
  public var rule: Rule
  /// The shape of the tensor that is addressed.
  public var shape: [Int]

  /// Makes the positions of a rule in a tensor of a shape.
  public init(_ rule: Rule, in shape: [Int]) {
    self.rule = rule
    self.shape = shape
  }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, !operands[0].element.isFloat, let result = resultShape(operands[0].shape)
    else {
      throw GraphError(.operands("indices \(operands) do not fit a tensor of shape \(shape)"))
    }
    return [TensorType(result, .int64)]
  }

  private func resultShape(_ indices: [Int]) -> [Int]? {
    switch rule {
    case .elements(let axis):
      let fits =
        indices.count == shape.count && shape.indices.contains(axis)
        && shape.indices.allSatisfy { $0 == axis || indices[$0] <= shape[$0] }
      return fits ? indices : nil
    case .tuples(let batchAxes):
      guard let width = indices.last, batchAxes >= 0, width >= 0, batchAxes < indices.count,
        width <= shape.count - batchAxes, indices[..<batchAxes].elementsEqual(shape[..<batchAxes])
      else { return nil }
      return indices.dropLast() + shape[(batchAxes + width)...]
    case .reversed(let time, let batch):
      guard shape.indices.contains(time), shape.indices.contains(batch), time != batch else { return nil }
      return indices == [shape[batch]] ? shape : nil
    case .slots(let axis, let length, _):
      guard axis > 0, axis < shape.count, (0...shape[axis]).contains(length) else { return nil }
      var result = shape
      result[axis] = length
      return indices == [shape[0]] ? result : nil
    }
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let result = try resultTypes(of: [TensorType(of: operands[0])])[0].shape
    var positions = [Int](repeating: 0, count: result.reduce(1, *))
    switch rule {
    case .elements(let axis): try elements(axis, operands[0], &positions)
    case .tuples(let batchAxes): try tuples(batchAxes, operands[0], &positions)
    case .reversed(let time, let batch): try reverse(time, batch, operands[0], &positions)
    case .slots(let axis, let length, let wraps): try slots(axis, length, wraps, operands[0], &positions)
    }
    return [Tensor(shape: result, positions.map { Int64($0) })]
  }

  private func elements(_ axis: Int, _ tensor: Tensor, _ positions: inout [Int]) throws {
    let indices = try Gather.resolve(tensor, extent: shape[axis])
    let own = Shapes.strides(shape)
    var walk = own
    walk[axis] = 0
    Shapes.forEach(tensor.shape, walk) { positions[$0] = $1 + indices[$0] * own[axis] }
  }

  private func tuples(_ batchAxes: Int, _ tensor: Tensor, _ positions: inout [Int]) throws {
    let width = tensor.shape.last!, rows = tensor.shape.dropLast().reduce(1, *)
    let inner = shape[(batchAxes + width)...].reduce(1, *), strides = Shapes.strides(shape)
    let examples = shape[..<batchAxes].reduce(1, *), size = shape[batchAxes...].reduce(1, *)
    let indices = tensor.integers()
    for row in 0..<rows {
      var start = row / max(rows / max(examples, 1), 1) * size
      for column in 0..<width {
        let extent = shape[batchAxes + column], given = indices[row * width + column]
        let index = given < 0 ? given + extent : given
        guard (0..<extent).contains(index) else {
          throw GraphError(.operands("index \(given) lies outside an axis of \(extent)"))
        }
        start += index * strides[batchAxes + column]
      }
      for offset in 0..<inner { positions[row * inner + offset] = start + offset }
    }
  }

  private func reverse(_ time: Int, _ batch: Int, _ tensor: Tensor, _ positions: inout [Int]) throws {
    let lengths = tensor.integers(), strides = Shapes.strides(shape)
    if let wrong = lengths.first(where: { $0 < 0 || $0 > shape[time] }) {
      throw GraphError(.operands("a sequence of \(wrong) does not fit an axis of \(shape[time])"))
    }
    for position in positions.indices {
      let at = position / strides[time] % shape[time]
      let length = lengths[position / strides[batch] % shape[batch]]
      positions[position] = at < length ? position + (length - 1 - 2 * at) * strides[time] : position
    }
  }

  private func slots(
    _ axis: Int, _ length: Int, _ wraps: Bool, _ tensor: Tensor, _ positions: inout [Int]
  ) throws {
    let starts = tensor.integers(), extent = shape[axis]
    if let wrong = starts.first(where: { $0 < 0 || (!wraps && $0 > extent - length) }) {
      throw GraphError(.operands("\(length) slots from \(wrong) on leave an axis of \(extent)"))
    }
    var result = shape
    result[axis] = length
    let walk = Shapes.strides(shape), own = Shapes.strides(result)
    Shapes.forEach(result, walk) { index, offset in
      let at = index / own[axis] % length
      let slot = (starts[index / own[0]] + at) % extent
      positions[index] = offset + (slot - at) * walk[axis]
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil] }
}

// MARK: Export
extension Positions: ExportableOperator {
  /// The ONNX operator whose indices these are, applied to the positions of all elements.
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let bounds = [0, shape.reduce(1, *), 1].map { writer.constant(Tensor(Int64($0))) }
    let all = writer.emit("Reshape", [writer.emit("Range", bounds), writer.integers(shape)])
    switch rule {
    case .elements(let axis):
      return [writer.emit("GatherElements", [all, operands[0]], [("axis", .int(axis))])]
    case .tuples(let batchAxes):
      return [writer.emit("GatherND", [all, operands[0]], [("batch_dims", .int(batchAxes))])]
    case .reversed(let time, let batch):
      return [
        writer.emit(
          "ReverseSequence", [all, operands[0]], [("time_axis", .int(time)), ("batch_axis", .int(batch))])
      ]
    case .slots: throw GraphError(.unsupported("slots cannot be written at opset \(ONNXWriter.opset)"))
    }
  }
}
