internal import CDNNL
public import NoemaTensor

/// The adjoint of a convolution in its input, which is also the transposed convolution.
///
/// - Shapes: `ȳ [N, O, …]`, `w [O, C / groups, k…] → [N, C, extents…]`.
/// - Source: ONNX ConvTranspose-1 to -22, whose weight `[C, M / groups, k…]` plays the part of `w`.
public struct ConvolutionInputGradient: FloatOperator {
  /// The window of the convolution.
  public var window: Window
  /// The number of groups.
  public var groups: Int = 1
  /// The spatial extents of the convolution's input.
  public var extents: [Int]

  /// Makes the adjoint of a convolution.
  public init(window: Window, groups: Int = 1, extents: [Int]) {
    self.window = window
    self.groups = groups
    self.extents = extents
  }

  public var relevanceRole: RelevanceRole { .linear }
}

// MARK: ONNX
extension ConvolutionInputGradient {
  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("ConvTranspose") { node in
        let x = try node.type(0).shape, w = try node.type(1).shape
        guard x.count >= 3, w.count == x.count else {
          throw node.error("input \(x) and weight \(w) need the same rank of 3 or more")
        }
        let (window, extents) = try transposedWindow(node, x: x, w: w)
        let groups = node.int("group", default: 1)
        let y = try node.emit(
          ConvolutionInputGradient(window: window, groups: groups, extents: extents), node.operand(0),
          node.operand(1))
        guard let bias = node.optionalOperand(2) else { return [y] }
        let shape = [w[1].multipliedSaturating(by: groups)] + Array(repeating: 1, count: extents.count)
        return [try node.emit(Binary(.add), y, node.emit(Reshape(shape: shape), bias))]
      }
    ]
  }

  /// The window of the convolution that a transposed one inverts, and the extents that it restores.
  private static func transposedWindow(_ node: NodeReader, x: [Int], w: [Int]) throws -> (Window, [Int]) {
    let kernel = node.ints("kernel_shape") ?? Array(w[2...])
    var window = Window(kernel: kernel, strides: node.ints("strides"), dilations: node.ints("dilations"))
    let rank = kernel.count
    let extra = node.ints("output_padding") ?? Array(repeating: 0, count: rank)
    let pads = node.ints("pads") ?? Array(repeating: 0, count: 2 * rank)
    guard rank == x.count - 2, extra.count == rank, pads.count == 2 * rank, window.strides.count == rank,
      window.dilations.count == rank,
      (kernel + window.strides + window.dilations).allSatisfy({ (1..<1 << 20).contains($0) }),
      (pads + extra).allSatisfy({ (0..<1 << 20).contains($0) })
    else { throw node.error("attributes do not fit \(x.count - 2) spatial axes") }
    let full = (0..<rank).map { axis -> Int in
      let reach = window.dilations[axis] * (kernel[axis] - 1) + 1
      return window.strides[axis] * (x[axis + 2] - 1) + extra[axis] + reach
    }
    let automatic = node.string("auto_pad", default: "NOTSET")
    let same = automatic.hasPrefix("SAME") ? (0..<rank).map { x[$0 + 2] * window.strides[$0] } : nil
    let extents: [Int]
    if let shape = node.ints("output_shape") ?? same {
      guard shape.count >= rank, shape.allSatisfy({ $0 >= 0 }) else {
        throw node.error("the result's shape \(shape) does not fit \(rank) spatial axes")
      }
      extents = Array(shape.suffix(rank))
      for axis in 0..<rank {
        let total = max(0, full[axis] - extents[axis])
        window.paddingBefore[axis] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2
        window.paddingAfter[axis] = total - window.paddingBefore[axis]
      }
    } else {
      window.paddingBefore = Array(pads[..<rank])
      window.paddingAfter = Array(pads[rank...])
      extents = (0..<rank).map { full[$0] - window.paddingBefore[$0] - window.paddingAfter[$0] }
    }
    return (window, extents)
  }
}

// MARK: Result types
extension ConvolutionInputGradient {
  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2 else {
      throw GraphError(.operands("expected 2 operands, found \(operands.count)"))
    }
    let y = operands[0].shape, w = operands[1].shape
    guard y.count == window.rank + 2, w.count == y.count else {
      throw GraphError(.operands("operand \(y) and weight \(w) do not fit kernel \(window.kernel)"))
    }
    let x = [y[0], w[1] * groups] + extents
    try ConvolutionShapes.check(x, w, window, groups)
    let windows = try window.resultExtents(extents)
    guard y[1] == w[0], zip(y[2...], windows).allSatisfy({ $0 <= $1 }), windows == Array(y[2...]) else {
      throw GraphError(.operands("operand \(y) is no result of a convolution of \(x) by \(w)"))
    }
    return [TensorType(x, operands[0].element)]
  }

  public func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int {
    Shapes.work(operands[0].count, operands[1].shape.dropFirst().reduce(1, *))
  }
}

// MARK: Kernels
extension ConvolutionInputGradient {
  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    var x = [Element](repeating: 0, count: shape.reduce(1, *))
    operands[0].withElements(as: Element.self) { y in
      operands[1].withElements(as: Element.self) { w in
        x.withUnsafeMutableBufferPointer { x in
          ConvolutionShapes.forEachProduct(shape, operands[1].shape, operands[0].shape, window, groups) {
            x[$2] += w[$1] * y[$0]
          }
        }
      }
    }
    return [Tensor(shape: shape, x)]
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard results[0].count > 0, operands[0].type.count > 0, let result = DNNLLayout.any(results[0].shape),
      let preferred = operands[0].preferred, let free = DNNLLayout.any(operands[0].type.shape),
      let weights = ConvolutionShapes.weightLayout(operands[1], groups)
    else { return nil }
    func make(_ cotangent: DNNLLayout) -> DNNLPrimitive? {
      window.withDNNL { window, _ in
        DNNLPrimitive(
          ndnnl_convolution_source_gradient(result.handle, weights.handle, cotangent.handle, window))
      }
    }
    var chosen: DNNLPrimitive?
    // With few result channels vectors run empty; a matrix product on plain memory takes a third of the time.
    if groups == 1, results[0].shape[1] <= 4, let plain = DNNLLayout.plain(operands[0].type.shape),
      let product = make(plain), product.implementation.contains("gemm")
    {
      chosen = product
    }
    if chosen == nil {
      chosen = make(preferred)
      if chosen == nil || !chosen!.implementation.hasPrefix("jit"), let other = make(free),
        chosen == nil || other.implementation.hasPrefix("jit")
      {
        chosen = other
      }
    }
    guard let primitive = chosen, let wanted = primitive.layout(Int32(ndnnl_weights)) else { return nil }
    return DNNLKernel(
      primitive,
      arguments: [(Int32(ndnnl_result_cotangent), 0), (Int32(ndnnl_weights), 1)],
      operands: operands, result: results[0], resultArgument: Int32(ndnnl_source_cotangent),
      layouts: [1: ConvolutionShapes.layout(wanted, operands[1].type.shape, groups)])
  }
}

// MARK: Derivative
extension ConvolutionInputGradient {
  /// Linear in both operands: the adjoints are the convolution itself and its weight gradient.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let x = cotangents[0] else { return [nil, nil] }
    let y = try graph.apply(
      Convolution(window: window, groups: groups, hasBias: false), x, node.operands[1], name: node.name)
    if graph.constants[node.operands[1]] != nil { return [y, nil] }
    let w = graph.type(of: node.operands[1]).shape
    return [
      y,
      try graph.apply(
        ConvolutionWeightGradient(window: window, groups: groups, weightShape: w), x, node.operands[0],
        name: node.name),
    ]
  }
}

// MARK: Export
extension ConvolutionInputGradient: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let y = writer.type(of: node.operands[0]).shape
    return [exported(operands[0], operands[1], extents: Array(y[2...]), to: writer)]
  }

  /// A transposed convolution of `y`, whose spatial extents are given.
  func exported(_ y: String, _ weights: String, extents given: [Int], to writer: ONNXWriter) -> String {
    // What the convolution's windows did not reach is put behind.
    let extra = extents.indices.map { axis in
      let reach = window.dilations[axis] * (window.kernel[axis] - 1) + 1
      return extents[axis] + window.paddingBefore[axis] + window.paddingAfter[axis] - reach
        - window.strides[axis] * (given[axis] - 1)
    }
    return writer.emit(
      "ConvTranspose", [y, weights],
      window.attributes([("group", .int(groups)), ("output_padding", .ints(extra))]))
  }
}
