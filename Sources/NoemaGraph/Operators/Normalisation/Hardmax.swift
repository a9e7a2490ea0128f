public import NoemaTensor

/// One at the first largest element along an axis, zero elsewhere.
///
/// - Shapes: `[…, n, …] → […, n, …]`.
/// - Source: ONNX Hardmax-1 to -13; before version 13 trailing axes are flattened.
public struct Hardmax: FloatOperator {
  /// The axis, in `0..<rank`.
  public var axis: Int

  /// Makes the operator.
  public init(axis: Int) { self.axis = axis }

  public var relevanceRole: RelevanceRole { .none }

  public static var onnx: [ONNXBinding] {
    [ONNXBinding("Hardmax") { node in [try Softmax.alongAxis(node) { Hardmax(axis: $0) }] }]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].shape.indices.contains(axis) else {
      throw GraphError(.operands("axis \(axis) does not fit \(operands)"))
    }
    return operands
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = operands[0].shape, n = shape[axis], inner = shape[(axis + 1)...].reduce(1, *)
    var y = [Element](repeating: 0, count: operands[0].count)
    guard !y.isEmpty else { return operands }
    operands[0].withElements(as: Element.self) { x in
      for lane in 0..<y.count / n {
        let start = lane / inner * inner * n + lane % inner
        var best = start
        for at in stride(from: start, to: start + n * inner, by: inner) where x[at] > x[best] { best = at }
        y[best] = 1
      }
    }
    return [Tensor(shape: shape, y)]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil] }
}

// MARK: Export
extension Hardmax: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("Hardmax", operands, [("axis", .int(axis))])]
  }
}
