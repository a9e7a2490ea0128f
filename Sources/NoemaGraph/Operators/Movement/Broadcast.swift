public import NoemaTensor

/// Repeats elements along axes of extent 1.
///
/// - Source: ONNX Expand-8 to -13.
public struct Broadcast: Operator {
  /// The result's shape.
  public var shape: [Int]

  /// Makes a repetition.
  public init(shape: [Int]) {
    self.shape = shape
  }

  public var relevanceRole: RelevanceRole { .movement }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("Expand") { node in
        let shape = try Shapes.broadcast(node.type(0).shape, node.constant(1).integers())
        return [try node.emit(Broadcast(shape: shape), node.operand(0))]
      },
      ONNXBinding("Tile") { node in
        // Each axis gains one in front of it, repeats along that, and merges with it.
        let x = try node.type(0).shape, repeats = try node.constant(1).integers()
        guard repeats.count == x.count, repeats.allSatisfy({ $0 >= 0 }) else {
          throw node.error("repeats \(repeats) do not fit \(x)")
        }
        let apart = try node.emit(Reshape(shape: x.flatMap { [1, $0] }), node.operand(0))
        let wide = try node.emit(Broadcast(shape: zip(repeats, x).flatMap { [$0, $1] }), apart)
        return [try node.emit(Reshape(shape: zip(repeats, x).map { $0.multipliedSaturating(by: $1) }), wide)]
      },
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, try Shapes.broadcast(operands[0].shape, shape) == shape else {
      throw GraphError(.operands("\(operands) does not broadcast to \(shape)"))
    }
    return [TensorType(shape, operands[0].element)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] { [try operands[0].broadcast(to: shape)] }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) -> (any Kernel)? {
    if shape.contains(0) { return nil }
    var view = StridedView(of: operands[0].type.shape)
    view.strides = Shapes.broadcastStrides(view.shape, to: shape)
    view.shape = shape
    return CopyKernel(view, results[0].element)
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    return [try graph.reduce(g, toShapeOf: node.operands[0])]
  }
}

// MARK: Export
extension Broadcast: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("Expand", [operands[0], writer.integers(shape)])]
  }
}
