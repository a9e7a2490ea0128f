public import NoemaTensor

/// Normalisation by stored statistics: `y = (x − mean) / √(variance + ε) · scale + shift` per channel.
///
/// - Shapes: `x [N, C, …]`, four vectors `[C]` `→ [N, C, …]`.
/// - Source: ONNX BatchNormalization-1 to -15 in inference mode; training mode is written in others.
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
      ONNXBinding("BatchNormalization") { node in
        let epsilon = node.float("epsilon", default: 1e-5)
        if node.opset >= 14, node.int("training_mode", default: 0) != 0 {
          return try fromBatch(node, epsilon)
        }
        guard node.opset >= 7 || node.int("is_test", default: 0) != 0, !node.wantsResult(1) else {
          throw node.unsupported("training mode is not supported; export the model in evaluation mode")
        }
        guard node.int("spatial", default: 1) != 0 else {
          throw node.unsupported("statistics for each element are not supported, only for each channel")
        }
        let operands = Array(try node.operands().prefix(5))
        guard operands.dropFirst().allSatisfy({ node.graph.constants[$0] != nil }) else {
          return [try fromData(node, epsilon)]
        }
        return [try node.emit(BatchNormalization(epsilon: epsilon), operands)[0]]
      }
    ]
  }

  /// Statistics that depend on data, each a vector: in smaller operators they have derivatives too.
  private static func fromData(_ node: NodeReader, _ epsilon: Double) throws -> Value {
    let vector = try vectorShape(node)
    func vectorised(_ index: Int) throws -> Value { try node.reshaped(node.operand(index), to: vector) }
    let centred = try node.difference(node.operand(0), vectorised(3))
    let deviation = try node.apply(.sqrt, node.shifted(vectorised(4), by: epsilon))
    return try node.sum(node.product(node.quotient(centred, deviation), vectorised(1)), vectorised(2))
  }

  /// Training mode: the statistics of the batch itself, and the running ones moved towards them.
  private static func fromBatch(_ node: NodeReader, _ epsilon: Double) throws -> [Value] {
    let x = try node.operand(0), vector = try vectorShape(node)
    let axes = node.shape(of: x).indices.filter { $0 != 1 }
    let mean = try node.mean(x, axes: axes), centred = try node.difference(x, mean)
    let variance = try node.mean(node.product(centred, centred), axes: axes)
    var y = try node.quotient(centred, node.apply(.sqrt, node.shifted(variance, by: epsilon)))
    y = try node.product(y, node.reshaped(node.operand(1), to: vector))
    y = try node.sum(y, node.reshaped(node.operand(2), to: vector))
    let momentum = node.float("momentum", default: 0.9)
    func moved(_ index: Int, _ statistic: Value) throws -> Value {
      try node.sum(
        node.scaled(node.operand(index), by: momentum),
        node.scaled(node.reshaped(statistic, to: [vector[0]]), by: 1 - momentum))
    }
    return [y, try moved(3, mean), try moved(4, variance)]
  }

  /// The shape in which a vector of channels broadcasts to the input.
  private static func vectorShape(_ node: NodeReader) throws -> [Int] {
    let shape = try node.type(0).shape
    guard shape.count >= 2 else { throw node.error("input \(shape) has no channels") }
    return [shape[1]] + shape[2...].map { _ in 1 }
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 5, operands[0].rank >= 2,
      operands[1...].allSatisfy({ $0.shape == [operands[0].shape[1]] })
    else {
      throw GraphError(.operands("expected an input and four vectors of its channels, found \(operands)"))
    }
    return [operands[0]]
  }

  /// What a node adds to each channel, shaped to broadcast against its result.
  func shift(_ node: Node, in graph: inout Graph) -> Value {
    let type = graph.type(of: node.results[0])
    let offset = affine(node.operands.dropFirst().map { graph.constants[$0]! }).offset
    let shape = [offset.count] + type.shape.dropFirst(2).map { _ in 1 }
    return graph.addConstant(Tensor(shape: shape, offset).converted(to: type.element))
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

// MARK: Export
extension BatchNormalization: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("BatchNormalization", operands, [("epsilon", .float(epsilon))])]
  }
}
