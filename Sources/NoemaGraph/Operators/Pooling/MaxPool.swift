internal import CDNNL
public import NoemaTensor

/// The largest element of each window; the first in row-major order wins a tie.
///
/// - Shapes: `[N, C, …] → [N, C, …]`.
/// - Source: ONNX MaxPool-1 to -22, GlobalMaxPool-1.
public struct MaxPool: FloatOperator {
  /// The sliding window.
  public var window: Window

  /// Makes a max pooling.
  public init(window: Window) {
    self.window = window
  }

  public var relevanceRole: RelevanceRole { .pooling }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("MaxPool") { node in
        let type = try node.type(0)
        guard type.rank >= 3, let kernel = node.ints("kernel_shape") else {
          throw node.error("kernel_shape is missing")
        }
        let window = try Window(
          node, kernel: kernel, spatial: Array(type.shape[2...]), ceil: node.int("ceil_mode", default: 0) != 0
        )
        var x = try node.operand(0)
        if !type.element.isFloat { x = try node.emit(Cast(to: .float64), x) }
        var y = try node.emit(MaxPool(window: window), x)
        if !type.element.isFloat { y = try node.emit(Cast(to: type.element), y) }
        guard node.wantsResult(1) else { return [y] }
        let isColumnMajor = node.int("storage_order", default: 0) != 0
        return [y, try node.emit(MaxPoolIndices(window: window, isColumnMajor: isColumnMajor), x)]
      },
      ONNXBinding("GlobalMaxPool") { node in
        let x = try node.type(0).shape
        guard x.count >= 3 else { throw node.error("input \(x) has no spatial axes") }
        return [try node.emit(MaxPool(window: Window(kernel: Array(x[2...]))), node.operand(0))]
      },
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].rank == window.rank + 2 else {
      throw GraphError(.operands("operands \(operands) do not fit window \(window.kernel)"))
    }
    let x = operands[0].shape
    return [TensorType(Array(x[..<2]) + (try window.resultExtents(Array(x[2...]))), operands[0].element)]
  }

  /// The offset in the operand of each window's winner; -1 when a window lies in the padding.
  func winners<Element: FloatElement>(_ tensor: Tensor, _ type: Element.Type, _ result: [Int]) -> [Int] {
    let shape = tensor.shape, spatial = Array(shape[2...])
    let area = spatial.reduce(1, *), windows = result[2...].reduce(1, *)
    var winners = [Int](repeating: -1, count: result.reduce(1, *))
    tensor.withElements(as: Element.self) { x in
      window.forEachElement(spatial, Array(result[2...])) { position, _, offset in
        for plane in 0..<shape[0] * shape[1] {
          let at = plane * area + offset, slot = plane * windows + position
          let best = winners[slot]
          if best < 0 || x[at] > x[best] || (x[at].isNaN && !x[best].isNaN) { winners[slot] = at }
        }
      }
    }
    return winners
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let winners = winners(operands[0], type, shape)
    return operands[0].withElements(as: Element.self) { x in
      [Tensor(shape: shape, winners.map { $0 < 0 ? -Element.infinity : x[$0] })]
    }
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard results[0].count > 0,
      let primitive = PoolPrimitive.forward(operands[0], results[0], window, .max, forGradient: false)
    else { return nil }
    return DNNLKernel(
      primitive, arguments: [(Int32(ndnnl_source), 0)], operands: operands, result: results[0],
      resultArgument: Int32(ndnnl_result))
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    return [try graph.apply(MaxPoolGradient(window: window), node.operands[0], g, name: node.name)]
  }
}

/// Hands each cotangent of a max pooling to the window's winner.
///
/// - Shapes: `x [N, C, …]`, `ȳ` like the pooling's result `→` like x.
public struct MaxPoolGradient: FloatOperator {
  /// The pooling's window.
  public var window: Window

  /// Makes the adjoint of a max pooling.
  public init(window: Window) {
    self.window = window
  }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2,
      try MaxPool(window: window).resultTypes(of: [operands[0]])[0].shape == operands[1].shape
    else {
      throw GraphError(.operands("cotangent \(operands.last.map { "\($0)" } ?? "") does not fit the pooling"))
    }
    return [operands[0]]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let winners = MaxPool(window: window).winners(operands[0], type, operands[1].shape)
    var x = [Element](repeating: 0, count: operands[0].count)
    operands[1].withElements(as: Element.self) { g in
      for (slot, winner) in winners.enumerated() where winner >= 0 { x[winner] += g[slot] }
    }
    return [Tensor(shape: operands[0].shape, x)]
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard operands[1].type.count > 0 else { return nil }
    return MaxPoolGradientKernel(operands, window, operands[1].type)
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil] }
    return [nil, try graph.apply(MaxPoolSelection(window: window), node.operands[0], g)]
  }
}

/// Reads a tangent at the winners of a max pooling: the adjoint of `MaxPoolGradient`.
///
/// - Shapes: `x [N, C, …]`, `t` like x `→` like the pooling's result.
public struct MaxPoolSelection: FloatOperator {
  /// The pooling's window.
  public var window: Window

  /// Makes the selection of a max pooling.
  public init(window: Window) {
    self.window = window
  }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2, operands[0].shape == operands[1].shape else {
      throw GraphError(.operands("expected two operands of one shape, found \(operands)"))
    }
    return try MaxPool(window: window).resultTypes(of: [operands[0]])
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let winners = MaxPool(window: window).winners(operands[0], type, shape)
    return operands[1].withElements(as: Element.self) { t in
      [Tensor(shape: shape, winners.map { $0 < 0 ? 0 : t[$0] })]
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil] }
    return [nil, try graph.apply(MaxPoolGradient(window: window), node.operands[0], g)]
  }
}

/// Makes oneDNN's pooling primitives.
enum PoolPrimitive {
  enum Kind {
    case max, averageWithPadding, averageWithoutPadding
    var code: Int32 {
      switch self {
      case .max: Int32(ndnnl_pool_max)
      case .averageWithPadding: Int32(ndnnl_pool_average_with_padding)
      case .averageWithoutPadding: Int32(ndnnl_pool_average_without_padding)
      }
    }
  }

  static func forward(
    _ operand: StoredOperand, _ result: TensorType, _ window: Window, _ kind: Kind, forGradient: Bool
  ) -> DNNLPrimitive? {
    // oneDNN writes out the code for each column of a window, which takes minutes for absurd ones.
    guard window.kernel.allSatisfy({ $0 <= 1 << 10 }), let source = operand.described,
      let destination = DNNLLayout.any(result.shape)
    else { return nil }
    return window.withDNNL { window, kernel in
      DNNLPrimitive(
        ndnnl_pool_forward(source.handle, destination.handle, kernel, window, kind.code, forGradient ? 1 : 0))
    }
  }

  static func gradient(
    _ source: DNNLLayout, _ result: DNNLLayout, _ window: Window, _ kind: Kind, _ forward: DNNLPrimitive
  ) -> DNNLPrimitive? {
    window.withDNNL { window, kernel in
      DNNLPrimitive(
        ndnnl_pool_gradient(source.handle, result.handle, kernel, window, kind.code, forward.handle))
    }
  }
}

/// Pools again to learn the winners, then hands the cotangents out; nothing has to be kept from the forward pass.
private final class MaxPoolGradientKernel: Kernel {
  let forward, backward: DNNLPrimitive
  let operandLayouts: [Layout]
  let resultLayouts: [Layout]
  let scratchByteCount: Int
  private let resultBytes: Int

  init?(_ operands: [StoredOperand], _ window: Window, _ result: TensorType) {
    guard let forward = PoolPrimitive.forward(operands[0], result, window, .max, forGradient: true),
      let pooled = forward.layout(Int32(ndnnl_result)), let source = operands[0].described,
      let backward = PoolPrimitive.gradient(source, pooled, window, .max, forward),
      let given = backward.layout(Int32(ndnnl_source_cotangent)),
      let workspace = forward.layout(Int32(ndnnl_workspace))
    else { return nil }
    self.forward = forward
    self.backward = backward
    operandLayouts = [operands[0].layout, Layout(pooled, shape: result.shape)]
    resultLayouts = [Layout(given, shape: operands[0].type.shape)]
    resultBytes = (pooled.byteCount + 63) / 64 * 64
    scratchByteCount = resultBytes + workspace.byteCount
  }

  func run(_ memory: KernelMemory) throws {
    let workspace = memory.scratch + resultBytes
    try forward.execute(
      (Int32(ndnnl_source), memory.operands[0]), (Int32(ndnnl_result), memory.scratch),
      (Int32(ndnnl_workspace), workspace))
    try backward.execute(
      (Int32(ndnnl_result_cotangent), memory.operands[1]), (Int32(ndnnl_workspace), workspace),
      (Int32(ndnnl_source_cotangent), memory.results[0]))
  }
}

// MARK: Export
extension MaxPool: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("MaxPool", operands, window.attributes())]
  }

  /// The winners' offsets in the whole operand, one after the other.
  fileprivate func winners(_ x: String, to writer: ONNXWriter) -> String {
    let indices = writer.emit("MaxPool", [x], window.attributes(), resultCount: 2)[1]
    return writer.emit("Reshape", [indices, writer.integers([-1])])
  }
}

extension MaxPoolGradient: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let shape = writer.type(of: node.operands[0]).shape
    let winners = MaxPool(window: window).winners(operands[0], to: writer)
    let g = writer.emit("Reshape", [operands[1], writer.integers([-1])])
    let zeros = writer.emit(
      "Expand", [writer.scalar(0, like: node.operands[0]), writer.integers([shape.reduce(1, *)])])
    let sums = writer.emit(
      "ScatterElements", [zeros, winners, g], [("axis", .int(0)), ("reduction", .string("add"))])
    return [writer.emit("Reshape", [sums, writer.integers(shape)])]
  }
}

extension MaxPoolSelection: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let winners = MaxPool(window: window).winners(operands[0], to: writer)
    let t = writer.emit("Reshape", [operands[1], writer.integers([-1])])
    let picked = writer.emit("GatherElements", [t, winners], [("axis", .int(0))])
    return [writer.emit("Reshape", [picked, writer.integers(writer.type(of: node.results[0]).shape)])]
  }
}
