internal import Foundation
public import NoemaTensor

/// Softmax along one axis, `exp(x − max x) / Σ exp(x − max x)`, or its logarithm.
///
/// - Shapes: `[…, n, …] → […, n, …]`.
/// - Source: ONNX Softmax-1 to -13, LogSoftmax-1 to -13; before version 13 trailing axes are flattened.
public struct Softmax: FloatOperator {
  /// The axis that sums to one, in `0..<rank`.
  public var axis: Int
  /// Whether the logarithm is taken.
  public var isLogarithmic: Bool

  /// Makes a softmax.
  public init(axis: Int, isLogarithmic: Bool = false) {
    self.axis = axis
    self.isLogarithmic = isLogarithmic
  }

  public var relevanceRole: RelevanceRole { .normalisation }

  public static var onnx: [ONNXBinding] {
    [("Softmax", false), ("LogSoftmax", true)].map { name, isLogarithmic in
      ONNXBinding(name) { node in
        [try alongAxis(node) { Softmax(axis: $0, isLogarithmic: isLogarithmic) }]
      }
    }
  }

  /// Applies an operator along the node's axis; before opset 13 that is all axes from there on, taken as one.
  static func alongAxis(_ node: NodeReader, _ operation: (Int) -> any Operator) throws -> Value {
    let shape = try node.type(0).shape, x = try node.operand(0)
    let axis = try node.axis("axis", default: node.opset < 13 ? 1 : -1, rank: shape.count)
    if node.opset >= 13 || axis == shape.count - 1 { return try node.emit(operation(axis), x) }
    let flat = [shape[..<axis].reduce(1, *), shape[axis...].reduce(1, *)]
    return try node.reshaped(node.emit(operation(1), node.reshaped(x, to: flat)), to: shape)
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].shape.indices.contains(axis) else {
      throw GraphError(.operands("axis \(axis) does not fit \(operands)"))
    }
    return operands
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = operands[0].shape, n = shape[axis]
    let inner = shape[(axis + 1)...].reduce(1, *)
    var y = operands[0].elements(as: Element.self)
    guard n > 0 else { return [operands[0]] }
    y.withUnsafeMutableBufferPointer { y in
      for lane in 0..<y.count / n {
        let start = lane / inner * inner * n + lane % inner
        var largest = -Element.infinity
        for i in 0..<n { largest = max(largest, y[start + i * inner]) }
        var sum = 0.0
        for i in 0..<n { sum += Foundation.exp(Double(y[start + i * inner] - largest)) }
        for i in 0..<n {
          let shifted = Double(y[start + i * inner] - largest)
          y[start + i * inner] = Element(
            isLogarithmic ? shifted - Foundation.log(sum) : Foundation.exp(shifted) / sum)
        }
      }
    }
    return [Tensor(shape: shape, y)]
  }

  /// `x̄ = y · (ȳ − Σ ȳ·y)`; for the logarithm `x̄ = ȳ − exp(y) · Σ ȳ`.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    let y = node.results[0]
    let sum = Reduction(.sum, axes: [axis], keepsAxes: true)
    if isLogarithmic {
      let spread = try graph.apply(Binary(.mul), graph.apply(Unary(.exp), y), graph.apply(sum, g))
      return [try graph.apply(Binary(.sub), g, spread)]
    }
    let mean = try graph.apply(sum, graph.apply(Binary(.mul), g, y))
    return [try graph.apply(Binary(.mul), y, graph.apply(Binary(.sub), g, mean))]
  }
}

// MARK: Export
extension Softmax: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit(isLogarithmic ? "LogSoftmax" : "Softmax", operands, [("axis", .int(axis))])]
  }
}
