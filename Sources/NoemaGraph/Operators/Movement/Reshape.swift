public import NoemaTensor

/// The same elements under another shape.
///
/// - Source: ONNX Reshape-5 to -23, Flatten, Squeeze, Unsqueeze.
public struct Reshape: Operator {
  /// The result's shape.
  public var shape: [Int]

  /// Makes a reshape.
  public init(shape: [Int]) {
    self.shape = shape
  }

  public var relevanceRole: RelevanceRole { .movement }
}

// MARK: ONNX
extension Reshape {
  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("Reshape") { node in
        guard var shape = try node.integers(attribute: "shape", operand: 1) else {
          throw node.error("the shape is missing")
        }
        let from = try node.type(0).shape
        if node.int("allowzero", default: 0) == 0 {
          for axis in shape.indices where shape[axis] == 0 {
            guard axis < from.count else { throw node.error("shape \(shape) copies axis \(axis) of \(from)") }
            shape[axis] = from[axis]
          }
        }
        if let free = shape.firstIndex(of: -1) {
          let known = shape.enumerated().filter { $0.offset != free }.reduce(1) {
            $0.multipliedSaturating(by: $1.element)
          }
          let count = from.reduce(1, *)
          guard known > 0, count % known == 0 else {
            throw node.error("\(from) cannot be reshaped to \(shape)")
          }
          shape[free] = count / known
        }
        return [try node.emit(Reshape(shape: shape), node.operand(0))]
      },
      ONNXBinding("Flatten") { node in
        let shape = try node.type(0).shape
        let axis = node.int("axis", default: 1), at = axis < 0 ? axis + shape.count : axis
        guard (0...shape.count).contains(at) else {
          throw node.error("axis \(axis) does not exist in \(shape)")
        }
        return [
          try node.emit(
            Reshape(shape: [shape[..<at].reduce(1, *), shape[at...].reduce(1, *)]), node.operand(0))
        ]
      },
      ONNXBinding("Squeeze") { node in
        let shape = try node.type(0).shape
        let given = try node.integers(attribute: "axes", operand: 1)
        let axes =
          try given.map { try $0.map { try Shapes.axis($0, rank: shape.count) } }
          ?? shape.indices.filter { shape[$0] == 1 }
        guard axes.allSatisfy({ shape[$0] == 1 }) else {
          throw node.error("axes \(axes) of \(shape) are not 1")
        }
        return [
          try node.emit(
            Reshape(shape: shape.indices.filter { !axes.contains($0) }.map { shape[$0] }), node.operand(0))
        ]
      },
      ONNXBinding("Unsqueeze") { node in
        guard let given = try node.integers(attribute: "axes", operand: 1) else {
          throw node.error("axes are missing")
        }
        var shape = try node.type(0).shape
        let rank = shape.count + given.count
        for axis in try given.map({ try Shapes.axis($0, rank: rank) }).sorted() {
          guard axis <= shape.count else { throw node.error("axes \(given) do not fit \(shape)") }
          shape.insert(1, at: axis)
        }
        return [try node.emit(Reshape(shape: shape), node.operand(0))]
      },
    ]
  }
}

extension Int {
  /// The product, or the largest integer when it overflows.
  func multipliedSaturating(by other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}

// MARK: Result types, kernels, derivative
extension Reshape {
  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, shape.allSatisfy({ $0 >= 0 }),
      shape.reduce(1, { $0.multipliedSaturating(by: $1) }) == operands[0].count
    else { throw GraphError(.operands("\(operands) cannot be reshaped to \(shape)")) }
    return [TensorType(shape, operands[0].element)]
  }

  public func evaluate(_ operands: [Tensor]) -> [Tensor] { [operands[0].reshaped(to: shape)] }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) -> (any Kernel)? { ViewKernel() }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    return [try graph.apply(Reshape(shape: graph.type(of: node.operands[0]).shape), g)]
  }
}

// MARK: Export
extension Reshape: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("Reshape", [operands[0], writer.integers(shape)], [("allowzero", .int(1))])]
  }
}
