internal import CDNNL
public import NoemaTensor

/// Cross-correlation over 1 to 3 spatial axes, with groups: `y[o] = Σ_i w[o, i] ⋆ x[i] + b[o]`, then an
/// optional epilogue that only the execution passes add.
///
/// - Shapes: `x [N, C, …]`, `w [O, C / groups, k…]`, optional `b [O]`, optional residual like the result
///   `→ [N, O, …]`.
/// - Source: ONNX Conv-1 to Conv-22.
public struct Convolution: FloatOperator {
  /// The sliding window.
  public var window: Window
  /// The number of groups that channels are split into.
  public var groups: Int = 1
  /// Whether operand 2 is a bias.
  public var hasBias: Bool
  /// What happens to the result before it is stored.
  public var epilogue = Epilogue()
  /// Whether the result lies as the gradient of this convolution likes its cotangent, which is in blocks of channels;
  /// only the execution passes ask.
  var prefersBlocks = false

  /// Makes a convolution.
  public init(window: Window, groups: Int = 1, hasBias: Bool) {
    self.window = window
    self.groups = groups
    self.hasBias = hasBias
  }

  /// Linear: relevance is shared out by weights.
  public var relevanceRole: RelevanceRole { .linear }
}

/// What a fused kernel does to `Wx + b`: adds the last operand, then applies an activation.
public struct Epilogue: Sendable, Hashable {
  /// Whether the last operand is added.
  public var addsResidual = false
  /// The activation applied last.
  public var activation: ScalarFunction?

  /// Makes an epilogue that does nothing.
  public init() {}

  /// The operations in oneDNN's terms.
  var posts: [ndnnl_post_operation] {
    var list: [ndnnl_post_operation] = []
    if addsResidual { list.append(ndnnl_post_operation(kind: Int32(ndnnl_post_sum), alpha: 1, beta: 0)) }
    if let code = activation?.eltwise {
      list.append(ndnnl_post_operation(kind: code.algorithm, alpha: code.alpha, beta: code.beta))
    }
    return list
  }

  func apply<Element: FloatElement>(to result: inout [Element], residual: Tensor?) {
    if let residual {
      residual.withElements(as: Element.self) { extra in for i in result.indices { result[i] += extra[i] } }
    }
    if let activation { for i in result.indices { result[i] = activation.value(result[i]) } }
  }
}

// MARK: ONNX
extension Convolution {
  /// `Conv`; kernels and groups are checked against the shapes of a node.
  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("Conv") { [try convolution($0)] }
    ]
  }

  /// What a node's operands 0 to 2 and attributes convolve to.
  static func convolution(_ node: NodeReader) throws -> Value {
    let x = try node.type(0).shape, w = try node.type(1).shape
    guard x.count >= 3, w.count == x.count else {
      throw node.error("input \(x) and weight \(w) need the same rank of 3 or more")
    }
    let window = try Window(
      node, kernel: node.ints("kernel_shape") ?? Array(w[2...]), spatial: Array(x[2...]))
    let bias = node.optionalOperand(2)
    return try node.emit(
      Convolution(window: window, groups: node.int("group", default: 1), hasBias: bias != nil),
      [node.operand(0), node.operand(1)] + (bias.map { [$0] } ?? []))[0]
  }
}

// MARK: Result types
extension Convolution {
  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2 + (hasBias ? 1 : 0) + (epilogue.addsResidual ? 1 : 0) else {
      throw GraphError(
        .operands("expected a weight\(hasBias ? " and a bias" : ""), found \(operands.count) operands"))
    }
    let x = operands[0].shape, w = operands[1].shape
    try ConvolutionShapes.check(x, w, window, groups)
    if hasBias && operands[2].shape != [w[0]] {
      throw GraphError(.operands("bias \(operands[2].shape) does not fit \(w[0]) channels"))
    }
    return [TensorType([x[0], w[0]] + (try window.resultExtents(Array(x[2...]))), operands[0].element)]
  }

  public func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int {
    Shapes.work(results[0].count, operands[1].shape.dropFirst().reduce(1, *))
  }
}

/// Checks and loops that the three faces of a convolution share.
enum ConvolutionShapes {
  static func check(_ x: [Int], _ w: [Int], _ window: Window, _ groups: Int) throws(GraphError) {
    guard x.count == window.rank + 2, w.count == x.count, groups > 0, w[0] % groups == 0,
      w[1] * groups == x[1],
      Array(w[2...]) == window.kernel
    else {
      throw GraphError(
        .operands("input \(x) and weight \(w) do not fit kernel \(window.kernel) in \(groups) groups"))
    }
  }

  /// Calls `body` with the offsets of every multiplication `y += w · x`.
  static func forEachProduct(
    _ x: [Int], _ w: [Int], _ y: [Int], _ window: Window, _ groups: Int,
    _ body: (_ y: Int, _ w: Int, _ x: Int) -> Void
  ) {
    let spatial = Array(x[2...]), extents = Array(y[2...])
    let xArea = spatial.reduce(1, *), yArea = extents.reduce(1, *), kernel = window.kernel.reduce(1, *)
    let outputs = w[0] / groups, inputs = w[1]
    window.forEachElement(spatial, extents) { position, element, offset in
      for n in 0..<x[0] {
        for o in 0..<w[0] {
          let yIndex = (n * w[0] + o) * yArea + position
          let firstInput = n * x[1] + o / outputs * inputs
          for i in 0..<inputs {
            body(yIndex, (o * inputs + i) * kernel + element, (firstInput + i) * xArea + offset)
          }
        }
      }
    }
  }

  /// Weights as oneDNN wants them: groups are an axis of their own.
  static func groupedWeights(_ w: [Int], _ groups: Int) -> [Int] {
    groups == 1 ? w : [groups, w[0] / groups] + w[1...]
  }

  /// The weights' layout: free when they are constant, so that they are reordered once.
  static func weightLayout(_ operand: StoredOperand, _ groups: Int) -> DNNLLayout? {
    let shape = groupedWeights(operand.type.shape, groups)
    return .any(shape)
  }

  /// The layout that a primitive wants for the grouped weights, told apart from plain memory.
  static func layout(_ wanted: DNNLLayout, _ w: [Int], _ groups: Int) -> Layout {
    let plain = DNNLLayout.plain(groupedWeights(w, groups))
    return plain == wanted ? .plain : .chosen(wanted)
  }
}

// MARK: Kernels
extension Convolution {
  /// The reference: every product in order, in the element type asked for.
  ///
  /// - Throws: `GraphError` for shapes that do not fit.
  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let area = shape[2...].reduce(1, *)
    var y = [Element](repeating: 0, count: shape.reduce(1, *))
    if hasBias {
      operands[2].withElements(as: Element.self) { b in for i in y.indices { y[i] = b[i / area % shape[1]] } }
    }
    operands[0].withElements(as: Element.self) { x in
      operands[1].withElements(as: Element.self) { w in
        y.withUnsafeMutableBufferPointer { y in
          ConvolutionShapes.forEachProduct(operands[0].shape, operands[1].shape, shape, window, groups) {
            y[$0] += w[$1] * x[$2]
          }
        }
      }
    }
    epilogue.apply(to: &y, residual: epilogue.addsResidual ? operands.last : nil)
    return [Tensor(shape: shape, y)]
  }

  /// oneDNN's convolution in the layout that suits it and its neighbours; nil for what oneDNN does not take.
  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard results[0].count > 0, let source = operands[0].preferred,
      let free = DNNLLayout.any(operands[0].type.shape), let anywhere = DNNLLayout.any(results[0].shape),
      let weights = ConvolutionShapes.weightLayout(operands[1], groups)
    else { return nil }
    let cotangent = window.withDNNL { window, _ in
      prefersBlocks
        ? DNNLLayout(
          owning: ndnnl_convolution_cotangent_layout(free.handle, weights.handle, anywhere.handle, window))
        : nil
    }
    let result = cotangent ?? anywhere
    let bias = hasBias ? DNNLLayout.plain(operands[2].type.shape) : nil
    func make(_ source: DNNLLayout) -> DNNLPrimitive? {
      window.withDNNL { window, _ in
        DNNLPrimitive(
          ndnnl_convolution_forward(
            source.handle, weights.handle, bias?.handle, result.handle, window, Int32(epilogue.posts.count),
            epilogue.posts))
      }
    }
    // A layout left by the operator before may rule out the fast implementations; compare with a free choice.
    var chosen = make(source)
    if chosen.map(Self.isFast) != true, let other = make(free), chosen == nil || Self.isFast(other) {
      chosen = other
    }
    guard let primitive = chosen, let wanted = primitive.layout(Int32(ndnnl_weights)) else { return nil }
    var arguments = [(Int32(ndnnl_source), 0), (Int32(ndnnl_weights), 1)]
    if hasBias { arguments.append((Int32(ndnnl_bias), 2)) }
    return DNNLKernel(
      primitive, arguments: arguments, operands: operands, result: results[0],
      resultArgument: Int32(ndnnl_result), accumulated: epilogue.addsResidual ? operands.count - 1 : nil,
      layouts: [1: ConvolutionShapes.layout(wanted, operands[1].type.shape, groups)])
  }
}

extension Convolution {
  /// Whether a primitive runs code written for its shapes ("jit…", "br…"), not "gemm" or "ref".
  private static func isFast(_ primitive: DNNLPrimitive) -> Bool {
    primitive.implementation.hasPrefix("jit") || primitive.implementation.hasPrefix("br")
  }

  /// Whether each channel is convolved by itself.
  func isDepthwise(_ weights: [Int]) -> Bool { groups > 1 && weights[1] == 1 && weights[0] == groups }
}

// MARK: Derivative
extension Convolution {
  /// `x̄ = wᵀ ⋆ ȳ`, `w̄ = x ⋆ ȳ`, `b̄ = Σ ȳ` over examples and positions.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let y = cotangents[0] else { return node.operands.map { _ in nil } }
    guard epilogue == Epilogue() else {
      throw GraphError(
        .notDifferentiable("a fused convolution has no derivative; differentiate before fusing"))
    }
    let x = graph.type(of: node.operands[0]).shape, w = graph.type(of: node.operands[1]).shape
    let source = try graph.apply(
      ConvolutionInputGradient(window: window, groups: groups, extents: Array(x[2...])), y, node.operands[1],
      name: node.name)
    // Constant weights have no use for a derivative.
    if graph.constants[node.operands[1]] != nil {
      return [source] + node.operands.dropFirst().map { _ in nil }
    }
    let weights = try graph.apply(
      ConvolutionWeightGradient(window: window, groups: groups, weightShape: w), node.operands[0], y,
      name: node.name)
    var result: [Value?] = [source, weights]
    if hasBias {
      let axes = [0] + Array(2..<x.count)
      result.append(try graph.apply(Reduction(.sum, axes: axes, keepsAxes: false), y))
    }
    return result
  }
}

// MARK: Export
extension Convolution: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    guard epilogue == Epilogue() else {
      throw GraphError(.unsupported("a fused convolution has no ONNX form"))
    }
    return [writer.emit("Conv", operands, window.attributes([("group", .int(groups))]))]
  }
}
