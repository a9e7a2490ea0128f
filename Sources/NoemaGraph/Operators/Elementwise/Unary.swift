public import NoemaTensor

/// A scalar function applied to every element.
///
/// - Shapes: `[…] → […]`.
/// - Source: the ONNX operators listed in `ScalarFunction`, and Clip-1 to -13, LeakyRelu, Elu.
public struct Unary: Operator {
  /// The function.
  public var function: ScalarFunction

  /// Makes the operator of a function.
  public init(_ function: ScalarFunction) { self.function = function }

  public var name: String {
    "\(function)".split(separator: "(").first.map { $0.prefix(1).uppercased() + $0.dropFirst() } ?? ""
  }
  public var relevanceRole: RelevanceRole { .activation }
}

// MARK: ONNX
extension Unary {
  public static var onnx: [ONNXBinding] {
    ScalarFunction.onnxNames.map { ONNXBinding($0.0, Unary($0.1)) } + [
      ONNXBinding("LeakyRelu") { node in
        [try node.emit(Unary(.leakyReLU(slope: node.float("alpha", default: 0.01))), node.operand(0))]
      },
      ONNXBinding("Elu") { node in
        [try node.emit(Unary(.elu(alpha: node.float("alpha", default: 1))), node.operand(0))]
      },
      ONNXBinding("Clip") { node in [try clip(node)] },
      ONNXBinding("ThresholdedRelu") { node in
        let x = try node.operand(0)
        return [try node.emit(Gate(lower: node.float("alpha", default: 1)), x, x)]
      },
      ONNXBinding("Not") { node in [try node.emit(Unary(.not), node.operand(0))] },
    ]
  }

  /// Constant bounds of floats are one function; other bounds are a maximum and a minimum.
  private static func clip(_ node: NodeReader) throws -> Value {
    let x = try node.operand(0), bounds = [node.optionalOperand(1), node.optionalOperand(2)]
    if try node.type(0).element.isFloat,
      bounds.allSatisfy({ $0.map { node.graph.constants[$0] != nil } ?? true })
    {
      func bound(_ key: String, _ index: Int, _ value: Double) throws -> Double {
        let tensor = try node.optionalConstant(index)?.converted(to: .float64)
        return tensor?.elements(as: Double.self).first ?? node.float(key, default: value)
      }
      // Where they cross, the upper bound wins.
      let upper = try bound("max", 2, .infinity)
      return try node.emit(Unary(.clip(lower: min(bound("min", 1, -.infinity), upper), upper: upper)), x)
    }
    var y = x
    for (bound, function) in zip(bounds, [Binary.Function.max, .min]) {
      guard let bound else { continue }
      guard node.graph.type(of: bound).count == 1 else { throw node.error("a bound is no scalar") }
      y = try node.emit(Binary(function), y, node.emit(Reshape(shape: []), bound))
    }
    return y
  }
}

// MARK: Result types
extension Unary {
  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1 else {
      throw GraphError(.operands("expected 1 operand, found \(operands.count)"))
    }
    return operands
  }
}

// MARK: Kernels
extension Unary {
  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let x = operands[0]
    switch x.elementType {
    case .float32: return [Tensor(shape: x.shape, x.withElements(as: Float.self) { $0.map(function.value) })]
    case .float64: return [Tensor(shape: x.shape, x.withElements(as: Double.self) { $0.map(function.value) })]
    default:
      if function.integerValue(0) != nil {
        let exact = x.converted(to: .int64).withElements(as: Int64.self) {
          $0.map { function.integerValue($0)! }
        }
        return [Tensor(shape: x.shape, exact).wrapped(to: x.elementType)]
      }
      let wide = x.converted(to: .float64)
      return [
        Tensor(shape: x.shape, wide.withElements(as: Double.self) { $0.map(function.value) }).converted(
          to: x.elementType)
      ]
    }
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard results[0].element == .float32, results[0].count > 0 else { return nil }
    guard let function = Elementwise(self) else { return sweep(results[0]) }
    return try Chain(function, operandCount: 1).kernel(for: operands, results: results)
  }

  /// Functions that programs lack: one plain sweep by their reference value.
  private func sweep(_ result: TensorType) -> any Kernel {
    ClosureKernel(operands: [.plain], results: [.plain], reusableOperand: 0) { [function] memory in
      nonisolated(unsafe) let x = memory.operands[0].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let y = memory.results[0].assumingMemoryBound(to: Float.self)
      Parallel.ranges(result.count, grain: 1 << 12) { range in
        for i in range { y[i] = function.value(x[i]) }
      }
    }
  }
}

// MARK: Derivative
extension Unary {
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    return [try function.pullback(g, x: node.operands[0], y: node.results[0], in: &graph)]
  }
}

// MARK: Export
extension Unary: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    switch function {
    case .leakyReLU(let slope): return [writer.emit("LeakyRelu", operands, [("alpha", .float(slope))])]
    case .elu(let alpha): return [writer.emit("Elu", operands, [("alpha", .float(alpha))])]
    case .clip(let lower, let upper):
      let bounds = [lower, upper].map { $0.isFinite ? writer.scalar($0, like: node.operands[0]) : "" }
      return [writer.emit("Clip", operands + bounds)]
    case .not: return [writer.emit("Not", operands)]
    default:
      guard let name = ScalarFunction.onnxNames.first(where: { $0.1 == function })?.0 else {
        throw GraphError(.unsupported("\(function) has no ONNX form"))
      }
      return [writer.emit(name, operands)]
    }
  }
}
