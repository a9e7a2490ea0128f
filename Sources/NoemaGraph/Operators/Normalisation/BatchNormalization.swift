public import NoemaTensor

/// Normalisation by stored statistics: `y = (x − mean) / √(variance + ε) · scale + shift` per channel.
///
/// - Shapes: `x [N, C, …]`, four vectors `[C]` `→ [N, C, …]`.
/// - Source: ONNX BatchNormalization-7 to -15 in inference mode.
public struct BatchNormalization: FloatOperator {
  /// Added to the variance.
  public var epsilon: Double

  /// Makes a batch normalisation.
  public init(epsilon: Double) {
    self.epsilon = epsilon
  }

  public var relevanceRole: RelevanceRole { .linear }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("BatchNormalization", opset: 7...ONNXBinding.newestOpset) { node in
        if node.int("training_mode", default: 0) != 0 && (node.wantsResult(1) || node.wantsResult(2)) {
          throw node.unsupported("training mode is not supported; export the model in evaluation mode")
        }
        return [
          try node.emit(
            BatchNormalization(epsilon: node.float("epsilon", default: 1e-5)),
            Array(node.operands().prefix(5)))[0]
        ]
      }
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 5, operands[0].rank >= 2,
      operands[1...].allSatisfy({ $0.shape == [operands[0].shape[1]] })
    else {
      throw GraphError(.operands("expected an input and four vectors of its channels, found \(operands)"))
    }
    return [operands[0]]
  }

  /// The affine map per channel: `y = factor · x + offset`.
  func affine(_ constants: [Tensor]) -> (factor: [Double], offset: [Double]) {
    let vectors = constants.map { $0.converted(to: .float64).elements(as: Double.self) }
    let factor = zip(vectors[0], vectors[3]).map { $0 / ($1 + epsilon).squareRoot() }
    let offset = factor.indices.map { vectors[1][$0] - vectors[2][$0] * factor[$0] }
    return (factor, offset)
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = operands[0].shape
    let (factor, offset) = affine(Array(operands[1...]))
    let area = shape[2...].reduce(1, *)
    return operands[0].withElements(as: Element.self) { x in
      [
        Tensor(
          shape: shape,
          x.indices.map { i in
            let channel = i / area % shape[1]
            return x[i] * Element(factor[channel]) + Element(offset[channel])
          })
      ]
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return node.operands.map { _ in nil } }
    let statistics = node.operands[1...].compactMap { graph.constants[$0] }
    guard statistics.count == 4 else {
      throw GraphError(
        .notDifferentiable("batch normalisation with statistics that depend on data has no derivative here"))
    }
    let x = graph.type(of: node.operands[0])
    let factor = Tensor(
      shape: [x.shape[1]] + Array(repeating: 1, count: x.rank - 2), affine(statistics).factor)
    let product = try graph.apply(Binary(.mul), g, graph.addConstant(factor.converted(to: x.element)))
    return [product, nil, nil, nil, nil]
  }
}
