internal import CVector
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

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    let shape = results[0].shape
    guard results[0].element == .float32, results[0].count > 0 else { return nil }
    let n = shape[axis], inner = shape[(axis + 1)...].reduce(1, *), outer = results[0].count / (n * inner)
    return ClosureKernel(operands: [.plain], results: [.plain], reusableOperand: 0) {
      [isLogarithmic] memory in
      nonisolated(unsafe) let x = memory.operands[0].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let y = memory.results[0].assumingMemoryBound(to: Float.self)
      Parallel.rows(outer, of: n * inner) { rows in
        let start = rows.lowerBound * n * inner
        cv_softmax(
          x + start, y + start, Int64(rows.count), Int64(n), Int64(inner), 1, isLogarithmic ? 1 : 0)
      }
    }
  }

  /// `x̄ = y · (ȳ − Σ ȳ·y)`; for the logarithm `x̄ = ȳ − exp(y) · Σ ȳ`.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    let y = node.results[0]
    guard isLogarithmic else { return [try graph.apply(SoftmaxGradient(axis: axis), g, y, name: node.name)] }
    let total = try graph.apply(Reduction(.sum, axes: [axis], keepsAxes: true), g)
    return [try graph.apply(Binary(.sub), g, graph.apply(Binary(.mul), graph.apply(Unary(.exp), y), total))]
  }
}

/// What a softmax passes back: `y · (ȳ − Σ ȳ·y)`, from the cotangent and the softmax's result.
///
/// Where nothing arrives for a whole row, nothing passes: networks that replace the softmax of a row of −∞, which is
/// NaN, by zeros then have the derivatives of those zeros, and no NaN.
///
/// - Shapes: `ȳ […, n, …]`, `y […, n, …] → […, n, …]`.
struct SoftmaxGradient: Block {
  /// The softmax's axis.
  var axis: Int

  var relevanceRole: RelevanceRole { .normalisation }

  func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2, operands[0] == operands[1], operands[0].shape.indices.contains(axis) else {
      throw GraphError(.operands("a gradient and a result of one type are needed, found \(operands)"))
    }
    return [operands[0]]
  }

  func expand(_ operands: [Value], in graph: inout Graph) throws(GraphError) -> Value {
    let g = operands[0], zero = graph.addScalar(0, like: g)
    let largest = try graph.apply(
      Reduction(.max, axes: [axis], keepsAxes: true), graph.apply(Unary(.abs), g))
    let isSilent = try graph.apply(Comparison(function: .equal), largest, zero)
    let y = try graph.apply(Select(), isSilent, zero, operands[1])
    let mean = try graph.apply(
      Reduction(.sum, axes: [axis], keepsAxes: true), graph.apply(Binary(.mul), g, y))
    return try graph.apply(Binary(.mul), y, graph.apply(Binary(.sub), g, mean))
  }

  func runsWhole(_ operands: [TensorType]) -> Bool {
    operands[0].element == .float32 && axis == operands[0].rank - 1
  }

  func kernel(for operands: [StoredOperand], results: [TensorType]) -> (any Kernel)? {
    guard runsWhole(results), results[0].count > 0 else { return nil }
    let n = results[0].shape[axis], rows = results[0].count / n
    return ClosureKernel(operands: [.plain, .plain], results: [.plain], reusableOperand: 0) { memory in
      nonisolated(unsafe) let g = memory.operands[0].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let y = memory.operands[1].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let x = memory.results[0].assumingMemoryBound(to: Float.self)
      Parallel.rows(rows, of: n) { range in
        let start = range.lowerBound * n
        cv_softmax_gradient(g + start, y + start, x + start, Int64(range.count), Int64(n))
      }
    }
  }
}

// MARK: Export
extension Softmax: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit(isLogarithmic ? "LogSoftmax" : "Softmax", operands, [("axis", .int(axis))])]
  }
}
