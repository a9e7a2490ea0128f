internal import CDNNL
internal import CVector
internal import Foundation
public import NoemaTensor

/// A reduction over some axes.
///
/// - Source: ONNX ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, and the L1, L2, square-sum and
///   log-sum forms written in terms of them; GlobalAveragePool.
public struct Reduction: Operator {
  /// What is computed.
  public enum Function: String, Sendable, Hashable { case sum, mean, max, min, product }

  /// What is computed.
  public var function: Function
  /// The axes that vanish, ascending.
  public var axes: [Int]
  /// Whether reduced axes stay with extent 1.
  public var keepsAxes: Bool

  /// Makes a reduction.
  public init(_ function: Function, axes: [Int], keepsAxes: Bool) {
    self.function = function
    self.axes = axes.sorted()
    self.keepsAxes = keepsAxes
  }

  public var relevanceRole: RelevanceRole { function == .mean || function == .max ? .pooling : .addition }
}

// MARK: ONNX
extension Reduction {
  public static var onnx: [ONNXBinding] {
    func binding(
      _ name: String, _ function: Function, before: ScalarFunction? = nil, after: ScalarFunction? = nil,
      squares: Bool = false
    ) -> ONNXBinding {
      ONNXBinding(name) { node in
        var x = try node.operand(0)
        if let before { x = try node.emit(Unary(before), x) }
        if squares { x = try node.emit(Binary(.mul), x, x) }
        x = try reduce(function, x, node)
        return [try after.map { try node.emit(Unary($0), x) } ?? x]
      }
    }
    return [
      binding("ReduceSum", .sum), binding("ReduceMean", .mean), binding("ReduceMax", .max),
      binding("ReduceMin", .min), binding("ReduceProd", .product), binding("ReduceL1", .sum, before: .abs),
      binding("ReduceL2", .sum, after: .sqrt, squares: true), binding("ReduceSumSquare", .sum, squares: true),
      binding("ReduceLogSum", .sum, after: .log),
      ONNXBinding("ReduceLogSumExp") { node in
        // Shifted by the maximum, so that nothing overflows.
        let x = try node.operand(0), shape = try node.type(0).shape
        let axes = try axes(node, rank: shape.count)
        let largest = try node.emit(Reduction(.max, axes: axes, keepsAxes: true), x)
        let sum = try node.emit(
          Reduction(.sum, axes: axes, keepsAxes: true),
          node.emit(Unary(.exp), node.emit(Binary(.sub), x, largest)))
        let y = try node.emit(Binary(.add), node.emit(Unary(.log), sum), largest)
        let keeps = node.int("keepdims", default: 1) != 0
        let target = Reduction(.sum, axes: axes, keepsAxes: keeps).resultShape(shape)
        return [try node.emit(Reshape(shape: target), y)]
      },
      ONNXBinding("GlobalAveragePool") { node in
        let rank = try node.rank(0)
        guard rank >= 3 else { throw node.error("input has no spatial axes") }
        return [try node.emit(Reduction(.mean, axes: Array(2..<rank), keepsAxes: true), node.operand(0))]
      },
    ]
  }

  private static func axes(_ node: NodeReader, rank: Int) throws -> [Int] {
    let given = try node.integers(attribute: "axes", operand: 1) ?? []
    if given.isEmpty { return node.int("noop_with_empty_axes", default: 0) != 0 ? [] : Array(0..<rank) }
    return try Array(Set(given.map { try Shapes.axis($0, rank: rank) })).sorted()
  }

  private static func reduce(_ function: Function, _ x: Value, _ node: NodeReader) throws -> Value {
    let axes = try axes(node, rank: node.rank(0))
    return try node.emit(Reduction(function, axes: axes, keepsAxes: node.int("keepdims", default: 1) != 0), x)
  }
}

// MARK: Result types
extension Reduction {
  func resultShape(_ shape: [Int]) -> [Int] {
    keepsAxes
      ? shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
      : shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, axes.allSatisfy({ operands[0].shape.indices.contains($0) }) else {
      throw GraphError(.operands("axes \(axes) do not fit \(operands)"))
    }
    return [TensorType(resultShape(operands[0].shape), operands[0].element)]
  }
}

// MARK: Kernels
extension Reduction {
  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    switch operands[0].elementType {
    case .float32: return try evaluate(operands, as: Float.self)
    case .float64: return try evaluate(operands, as: Double.self)
    default: return [integers(operands[0])]
    }
  }

  /// Sums and products wrap like the element type; means truncate.
  private func integers(_ tensor: Tensor) -> Tensor {
    let shape = tensor.shape, type = tensor.elementType
    let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    let start: Int64 =
      switch function {
      case .sum, .mean: 0
      case .product: 1
      case .max: type == .bool ? 0 : .min
      case .min: type == .bool ? 1 : .max
      }
    var y = [Int64](repeating: start, count: kept.reduce(1, *))
    tensor.converted(to: .int64).withElements(as: Int64.self) { x in
      y.withUnsafeMutableBufferPointer { y in
        Shapes.forEach(shape, Shapes.broadcastStrides(kept, to: shape)) { index, offset in
          switch function {
          case .sum, .mean: y[offset] = y[offset] &+ x[index]
          case .max: y[offset] = Swift.max(y[offset], x[index])
          case .min: y[offset] = Swift.min(y[offset], x[index])
          case .product: y[offset] = y[offset] &* x[index]
          }
        }
      }
    }
    if function == .mean {
      let count = Int64(axes.reduce(1) { $0 * shape[$1] })
      y = y.map { count == 0 ? 0 : $0 / count }
    }
    let result = Tensor(shape: resultShape(shape), y)
    // The extremum of nothing is the type's own end.
    return function == .max || function == .min ? result.converted(to: type) : result.wrapped(to: type)
  }

  private func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = operands[0].shape
    let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    let strides = Shapes.broadcastStrides(kept, to: shape)
    // Sums accumulate in double precision.
    let start: Double =
      switch function {
      case .sum, .mean: 0
      case .max: -.infinity
      case .min: .infinity
      case .product: 1
      }
    var y = [Double](repeating: start, count: kept.reduce(1, *))
    operands[0].withElements(as: Element.self) { x in
      y.withUnsafeMutableBufferPointer { y in
        Shapes.forEach(shape, strides) { index, offset in
          let value = Double(x[index])
          switch function {
          case .sum, .mean: y[offset] += value
          case .max: y[offset] = value.isNaN || value > y[offset] ? value : y[offset]
          case .min: y[offset] = value.isNaN || value < y[offset] ? value : y[offset]
          case .product: y[offset] *= value
          }
        }
      }
    }
    let divisor = function == .mean ? Double(axes.reduce(1) { $0 * shape[$1] }) : 1
    return [Tensor(shape: resultShape(shape), y.map { Element($0 / divisor) })]
  }

  /// A mean over all spatial axes is one pooling window, which reads the blocked layout as it lies.
  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    let shape = operands[0].type.shape
    guard function == .mean, (3...5).contains(shape.count), axes == Array(2..<shape.count),
      results[0].count > 0, operands[0].type.element == .float32
    else { return sweep(operands[0].type, results[0]) }
    let pooled = TensorType(Array(shape[..<2]) + axes.map { _ in 1 })
    guard
      let primitive = PoolPrimitive.forward(
        operands[0], pooled, Window(kernel: Array(shape[2...])), .averageWithoutPadding, forGradient: false),
      let chosen = primitive.layout(Int32(ndnnl_result))
    else { return nil }
    // With extents of 1 the plain and the blocked arrangement hold the same floats in the same order,
    // unless channels are padded.
    let isDense = chosen.byteCount == pooled.byteCount
    if !isDense && !keepsAxes { return sweep(operands[0].type, results[0]) }
    return DNNLKernel(
      primitive, arguments: [(Int32(ndnnl_source), 0)], operands: operands, result: pooled,
      resultArgument: Int32(ndnnl_result), resultLayout: isDense ? .plain : .chosen(chosen))
  }
}

extension Reduction {
  /// Axes that follow each other are one axis between an outer and an inner one.
  private func sweep(_ operand: TensorType, _ result: TensorType) -> (any Kernel)? {
    let operation: Int
    switch function {
    case .sum, .mean: operation = cv_reduce_sum
    case .max: operation = cv_reduce_max
    case .min: operation = cv_reduce_min
    case .product: return nil
    }
    let shape = operand.shape
    // Axes of extent 1 do not come in between.
    let wide = axes.filter { shape[$0] != 1 }
    guard operand.element == .float32, operand.count > 0, let first = wide.first, let last = wide.last,
      (first...last).allSatisfy({ shape[$0] == 1 || wide.contains($0) })
    else { return nil }
    let n = shape[first...last].reduce(1, *), inner = shape[(last + 1)...].reduce(1, *)
    let outer = operand.count / (n * inner)
    let factor = function == .mean ? 1 / Float(n) : 1
    return ClosureKernel(operands: [.plain], results: [.plain]) { memory in
      nonisolated(unsafe) let x = memory.operands[0].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let y = memory.results[0].assumingMemoryBound(to: Float.self)
      Parallel.rows(outer, of: n * inner) { rows in
        cv_reduce(
          x + rows.lowerBound * n * inner, y + rows.lowerBound * inner, Int64(rows.count), Int64(n),
          Int64(inner), Int32(operation), factor)
      }
    }
  }
}

// MARK: Derivative
extension Reduction {
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    let x = node.operands[0], shape = graph.type(of: x).shape
    let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    func wide(_ value: Value) throws(GraphError) -> Value {
      try graph.broadcast(graph.apply(Reshape(shape: kept), value), to: shape)
    }
    switch function {
    case .sum: return [try wide(g)]
    case .mean:
      let count = Double(axes.reduce(1) { $0 * shape[$1] })
      return [try wide(graph.apply(Binary(.mul), g, graph.addScalar(1 / count, like: g)))]
    case .product: return [try graph.apply(Binary(.mul), wide(g), graph.productOfOthers(x, along: axes))]
    case .max, .min:
      // Ties share the cotangent equally, as PyTorch's amax does.
      let difference = try graph.apply(Unary(.abs), graph.apply(Binary(.sub), x, wide(node.results[0])))
      let winners = try graph.apply(
        Binary(.sub), graph.addScalar(1, like: x), graph.apply(Unary(.sign), difference))
      let count = try graph.apply(Reduction(.sum, axes: axes, keepsAxes: true), winners)
      let share = try graph.apply(Binary(.div), winners, count)
      return [try graph.apply(Binary(.mul), wide(g), share)]
    }
  }
}

// MARK: Export
extension Reduction: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let keeps = ("keepdims", ONNXWriter.Attribute.int(keepsAxes ? 1 : 0))
    // No axes would mean all of them.
    guard !axes.isEmpty else { return [writer.emit("Identity", operands)] }
    let name =
      switch function {
      case .sum: "ReduceSum"
      case .mean: "ReduceMean"
      case .max: "ReduceMax"
      case .min: "ReduceMin"
      case .product: "ReduceProd"
      }
    return [writer.emit(name, [operands[0], writer.integers(axes)], [keeps])]
  }
}
