internal import CDNNL
public import NoemaTensor

/// The mean of each window.
///
/// - Shapes: `[N, C, …] → [N, C, …]`.
/// - Source: ONNX AveragePool-1 to -22. With a rounded-up extent, elements beyond the declared padding never
///   count, as in PyTorch and ONNX Runtime.
public struct AveragePool: FloatOperator {
  /// The sliding window, its end padding grown where the extent is rounded up.
  public var window: Window
  /// Whether the declared padding counts in the divisor.
  public var countsPadding: Bool
  /// The padding after each axis that counts as declared; beyond it nothing counts.
  public var declaredPaddingAfter: [Int]

  /// Makes an average pooling.
  public init(window: Window, countsPadding: Bool, declaredPaddingAfter: [Int]) {
    self.window = window
    self.countsPadding = countsPadding
    self.declaredPaddingAfter = declaredPaddingAfter
  }

  public var relevanceRole: RelevanceRole { .pooling }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("AveragePool") { node in
        let x = try node.type(0).shape
        guard x.count >= 3, let kernel = node.ints("kernel_shape") else {
          throw node.error("kernel_shape is missing")
        }
        let spatial = Array(x[2...])
        let declared = try Window(node, kernel: kernel, spatial: spatial)
        let ceil = node.int("ceil_mode", default: 0) != 0
        let window = try Window(node, kernel: kernel, spatial: spatial, ceil: ceil)
        return [
          try node.emit(
            AveragePool(
              window: window, countsPadding: node.int("count_include_pad", default: 0) != 0,
              declaredPaddingAfter: declared.paddingAfter), node.operand(0))
        ]
      }
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    try MaxPool(window: window).resultTypes(of: operands)
  }

  /// The divisor of each window.
  func divisors(_ spatial: [Int], _ result: [Int]) -> [Double] {
    guard countsPadding else { return window.insideCounts(spatial, result) }
    // Count over the extent with its declared padding as if it were data.
    var padded = window
    padded.paddingBefore = window.paddingBefore.map { _ in 0 }
    let extents = spatial.indices.map { spatial[$0] + window.paddingBefore[$0] + declaredPaddingAfter[$0] }
    return padded.insideCounts(extents, result)
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let x = operands[0].shape, spatial = Array(x[2...])
    let shape = try resultTypes(of: [TensorType(of: operands[0])])[0].shape
    let area = spatial.reduce(1, *), windows = shape[2...].reduce(1, *)
    let divisors = divisors(spatial, Array(shape[2...]))
    var y = [Element](repeating: 0, count: shape.reduce(1, *))
    operands[0].withElements(as: Element.self) { x in
      window.forEachElement(spatial, Array(shape[2...])) { position, _, offset in
        for plane in 0..<shape[0] * shape[1] { y[plane * windows + position] += x[plane * area + offset] }
      }
    }
    for i in y.indices { y[i] /= Element(divisors[i % windows]) }
    return [Tensor(shape: shape, y)]
  }

  /// The pooling kind for oneDNN; nil when the divisor differs from what it computes.
  var dnnlKind: PoolPrimitive.Kind? {
    if !countsPadding { return .averageWithoutPadding }
    return window.paddingAfter == declaredPaddingAfter ? .averageWithPadding : nil
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard results[0].count > 0, let kind = dnnlKind,
      let primitive = PoolPrimitive.forward(operands[0], results[0], window, kind, forGradient: false)
    else { return nil }
    return DNNLKernel(
      primitive, arguments: [(Int32(ndnnl_source), 0)], operands: operands, result: results[0],
      resultArgument: Int32(ndnnl_result))
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    let extents = Array(graph.type(of: node.operands[0]).shape[2...])
    return [try graph.apply(AveragePoolGradient(pool: self, extents: extents), g, name: node.name)]
  }
}

/// The adjoint of an average pooling.
///
/// - Shapes: like the pooling's result `→ [N, C, extents…]`.
public struct AveragePoolGradient: FloatOperator {
  /// The pooling.
  public var pool: AveragePool
  /// The spatial extents of its input.
  public var extents: [Int]

  /// Makes the adjoint of an average pooling.
  public init(pool: AveragePool, extents: [Int]) {
    self.pool = pool
    self.extents = extents
  }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].rank == pool.window.rank + 2,
      try pool.window.resultExtents(extents) == Array(operands[0].shape[2...])
    else { throw GraphError(.operands("cotangent \(operands) does not fit the pooling of \(extents)")) }
    return [TensorType(Array(operands[0].shape[..<2]) + extents, operands[0].element)]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let result = Array(operands[0].shape[2...]), shape = Array(operands[0].shape[..<2]) + extents
    let area = extents.reduce(1, *), windows = result.reduce(1, *)
    let divisors = pool.divisors(extents, result)
    var x = [Element](repeating: 0, count: shape.reduce(1, *))
    operands[0].withElements(as: Element.self) { y in
      pool.window.forEachElement(extents, result) { position, _, offset in
        for plane in 0..<shape[0] * shape[1] {
          x[plane * area + offset] += y[plane * windows + position] / Element(divisors[position])
        }
      }
    }
    return [Tensor(shape: shape, x)]
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard results[0].count > 0, operands[0].type.count > 0, let kind = pool.dnnlKind,
      let cotangent = operands[0].described
    else { return nil }
    // Blocked cotangents ask for a blocked result; a plain one for a plain result.
    let source: DNNLLayout? = operands[0].layout == .plain ? .plain(results[0].shape) : .any(results[0].shape)
    let forwardOperand = StoredOperand(type: results[0], layout: .plain, constant: nil)
    guard let source,
      let forward = PoolPrimitive.forward(
        forwardOperand, operands[0].type, pool.window, kind, forGradient: true),
      let primitive = PoolPrimitive.gradient(source, cotangent, pool.window, kind, forward)
    else { return nil }
    return DNNLKernel(
      primitive, arguments: [(Int32(ndnnl_result_cotangent), 0)], operands: operands, result: results[0],
      resultArgument: Int32(ndnnl_source_cotangent))
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    return [try graph.apply(pool, g)]
  }
}

// MARK: Export
extension AveragePool: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    guard window.dilations.allSatisfy({ $0 == 1 }) else {
      throw GraphError(.unsupported("an average pooling with gaps has no ONNX form before opset 19"))
    }
    return [
      writer.emit(
        "AveragePool", operands,
        [
          ("kernel_shape", .ints(window.kernel)), ("strides", .ints(window.strides)),
          ("pads", .ints(window.paddingBefore + declaredPaddingAfter)),
          ("ceil_mode", .int(declaredPaddingAfter == window.paddingAfter ? 0 : 1)),
          ("count_include_pad", .int(countsPadding ? 1 : 0)),
        ])
    ]
  }
}

extension AveragePoolGradient: ExportableOperator {
  /// Each cotangent divided by its window's divisor and spread by a transposed convolution with ones.
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let g = writer.type(of: node.operands[0])
    let given = Array(g.shape[2...])
    let divisors = Tensor(shape: [1, 1] + given, pool.divisors(extents, given)).converted(to: g.element)
    let ones = Tensor(
      shape: [g.shape[1], 1] + pool.window.kernel,
      repeating: 1.0
    ).converted(to: g.element)
    let spread = ConvolutionInputGradient(window: pool.window, groups: g.shape[1], extents: extents)
    return [
      spread.exported(
        writer.emit("Div", [operands[0], writer.constant(divisors)]), writer.constant(ones), extents: given,
        to: writer)
    ]
  }
}
