internal import CDNNL
public import NoemaTensor

/// The adjoint of a convolution in its weights.
///
/// - Shapes: `x [N, C, …]`, `ȳ [N, O, …] → [O, C / groups, k…]`.
public struct ConvolutionWeightGradient: FloatOperator {
  /// The window of the convolution.
  public var window: Window
  /// The number of groups.
  public var groups: Int = 1
  /// The shape of the weights.
  public var weightShape: [Int]

  /// Makes the adjoint of a convolution.
  public init(window: Window, groups: Int = 1, weightShape: [Int]) {
    self.window = window
    self.groups = groups
    self.weightShape = weightShape
  }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2 else {
      throw GraphError(.operands("expected 2 operands, found \(operands.count)"))
    }
    let x = operands[0].shape, y = operands[1].shape
    try ConvolutionShapes.check(x, weightShape, window, groups)
    guard y == [x[0], weightShape[0]] + (try window.resultExtents(Array(x[2...]))) else {
      throw GraphError(.operands("cotangent \(y) does not fit input \(x) and weight \(weightShape)"))
    }
    return [TensorType(weightShape, operands[0].element)]
  }

  public func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int {
    Shapes.work(operands[1].count, weightShape.dropFirst().reduce(1, *))
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    var w = [Element](repeating: 0, count: weightShape.reduce(1, *))
    operands[0].withElements(as: Element.self) { x in
      operands[1].withElements(as: Element.self) { y in
        w.withUnsafeMutableBufferPointer { w in
          ConvolutionShapes.forEachProduct(operands[0].shape, weightShape, operands[1].shape, window, groups)
          {
            w[$1] += y[$0] * x[$2]
          }
        }
      }
    }
    return [Tensor(shape: weightShape, w)]
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    let grouped = ConvolutionShapes.groupedWeights(weightShape, groups)
    guard results[0].count > 0, operands[1].type.count > 0, let weights = DNNLLayout.plain(grouped),
      let source = operands[0].preferred, let cotangent = operands[1].preferred
    else { return nil }
    let primitive = window.withDNNL { window, _ in
      DNNLPrimitive(
        ndnnl_convolution_weights_gradient(source.handle, weights.handle, cotangent.handle, window))
    }
    return DNNLKernel(
      primitive, arguments: [(Int32(ndnnl_source), 0), (Int32(ndnnl_result_cotangent), 1)],
      operands: operands, result: results[0], resultArgument: Int32(ndnnl_weights_cotangent),
      resultLayout: .plain)
  }

  /// Linear in both operands.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let w = cotangents[0] else { return [nil, nil] }
    let extents = Array(graph.type(of: node.operands[0]).shape[2...])
    return [
      try graph.apply(
        ConvolutionInputGradient(window: window, groups: groups, extents: extents), node.operands[1], w,
        name: node.name),
      try graph.apply(
        Convolution(window: window, groups: groups, hasBias: false), node.operands[0], w, name: node.name),
    ]
  }
}

// MARK: Export
extension ConvolutionWeightGradient: ExportableOperator {
  /// The convolution of the transposed input by the transposed cotangent, steps and gaps exchanged.
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    guard groups == 1 else {
      throw GraphError(.unsupported("the weight gradient of a grouped convolution has no ONNX form"))
    }
    let rank = window.rank, y = writer.type(of: node.operands[1]).shape
    let swap = [1, 0] + Array(2..<2 + rank)
    let x = writer.emit("Transpose", [operands[0]], [("perm", .ints(swap))])
    let g = writer.emit("Transpose", [operands[1]], [("perm", .ints(swap))])
    let exchanged = Window(
      kernel: Array(y[2...]), strides: window.dilations, dilations: window.strides,
      paddingBefore: window.paddingBefore, paddingAfter: window.paddingAfter)
    let wide = writer.emit("Conv", [x, g], exchanged.attributes())
    let spatial = Array(2..<2 + rank)
    let cut = writer.emit(
      "Slice",
      [
        wide, writer.integers(spatial.map { _ in 0 }), writer.integers(window.kernel),
        writer.integers(spatial),
      ])
    return [writer.emit("Transpose", [cut], [("perm", .ints(swap))])]
  }
}
