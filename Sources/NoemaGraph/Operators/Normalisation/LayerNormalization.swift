internal import CVector
internal import NoemaTensor

/// A normalisation by the statistics of the last axes: `(x − mean) / √(variance + ε) · scale + bias`, or without
/// the mean `x / √(mean x² + ε) · scale` (RMS normalisation).
///
/// Group and instance normalisations are this one under another shape.
///
/// - Shapes: `x […, n…]`, optional scale and bias `[n…] → […, n…]`.
/// - Source: Ba et al., Layer Normalization (2016), eq. 4; Zhang and Sennrich, RMSNorm (2019), eq. 4; ONNX
///   LayerNormalization-17, RMSNormalization-23.
public struct LayerNormalization: Block {
  /// The number of trailing axes that are normalised together.
  public var axisCount: Int
  /// What is added to the variance.
  public var epsilon: Double
  /// Whether the mean is taken away first.
  public var centres: Bool
  /// Whether operand 1 is a scale.
  public var hasScale: Bool
  /// Whether the last operand is a bias.
  public var hasBias: Bool

  /// Makes a normalisation; without scale and bias unless told otherwise.
  public init(
    axisCount: Int, epsilon: Double, centres: Bool = true, hasScale: Bool = false, hasBias: Bool = false
  ) {
    self.axisCount = axisCount
    self.epsilon = epsilon
    self.centres = centres
    self.hasScale = hasScale
    self.hasBias = hasBias
  }

  public var relevanceRole: RelevanceRole { .normalisation }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1 + (hasScale ? 1 : 0) + (hasBias ? 1 : 0),
      (1...max(operands[0].rank, 1)).contains(axisCount), operands[0].rank > 0,
      operands.dropFirst().allSatisfy({ $0.shape == Array(operands[0].shape.suffix(axisCount)) })
    else {
      throw GraphError(
        .operands("a normalisation of the last \(axisCount) axes does not fit operands \(operands)"))
    }
    return [operands[0]]
  }

  private func axes(_ x: Value, _ graph: Graph) -> [Int] {
    let rank = graph.type(of: x).rank
    return Array(rank - axisCount..<rank)
  }

  private func mean(_ x: Value, _ graph: inout Graph) throws(GraphError) -> Value {
    try graph.apply(Reduction(.mean, axes: axes(x, graph), keepsAxes: true), x)
  }

  /// `x`, less its mean where that counts, and `√(variance + ε)`.
  private func parts(_ x: Value, _ graph: inout Graph) throws(GraphError) -> (
    centred: Value, deviation: Value
  ) {
    let centred = centres ? try graph.apply(Binary(.sub), x, mean(x, &graph)) : x
    let variance = try mean(graph.apply(Binary(.mul), centred, centred), &graph)
    let deviation = try graph.apply(
      Unary(.sqrt), graph.apply(Binary(.add), variance, graph.addScalar(epsilon, like: x)))
    return (centred, deviation)
  }

  public func expand(_ operands: [Value], in graph: inout Graph) throws(GraphError) -> Value {
    let (centred, deviation) = try parts(operands[0], &graph)
    var y = try graph.apply(Binary(.div), centred, deviation)
    if hasScale { y = try graph.apply(Binary(.mul), y, operands[1]) }
    if hasBias { y = try graph.apply(Binary(.add), y, operands[operands.count - 1]) }
    return y
  }

  public func runsWhole(_ operands: [TensorType]) -> Bool { operands[0].element == .float32 }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    let width = results[0].shape.suffix(axisCount).reduce(1, *)
    guard results[0].element == .float32, results[0].count > 0 else { return nil }
    let rows = results[0].count / width
    return ClosureKernel(
      operands: operands.map { _ in .plain }, results: [.plain], reusableOperand: 0
    ) { [self] memory in
      nonisolated(unsafe) let pointers = memory.operands.map { $0.assumingMemoryBound(to: Float.self) }
      nonisolated(unsafe) let y = memory.results[0].assumingMemoryBound(to: Float.self)
      Parallel.rows(rows, of: width) { range in
        cv_normalize(
          pointers[0] + range.lowerBound * width, hasScale ? pointers[1] : nil,
          hasBias ? pointers[pointers.count - 1] : nil, y + range.lowerBound * width, Int64(range.count),
          Int64(width), epsilon, centres ? 1 : 0)
      }
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return node.operands.map { _ in nil } }
    let x = node.operands[0]
    var result: [Value?] = [
      try graph.add(
        LayerNormalizationGradient(of: self), [g, x] + (hasScale ? [node.operands[1]] : []), name: node.name)[
          0]
    ]
    if hasScale {
      if graph.constants[node.operands[1]] == nil {
        var plain = self
        (plain.hasScale, plain.hasBias) = (false, false)
        let normal = try graph.apply(plain, x, name: node.name)
        result.append(try graph.reduce(graph.apply(Binary(.mul), g, normal), toShapeOf: node.operands[1]))
      } else {
        result.append(nil)
      }
    }
    if hasBias {
      let bias = node.operands[node.operands.count - 1]
      result.append(graph.constants[bias] == nil ? try graph.reduce(g, toShapeOf: bias) : nil)
    }
    return result
  }

  /// The derivative with respect to `x` as if the deviation were constant: `(h − mean h) / σ`.
  func slopeOfConstantDeviation(_ h: Value, at x: Value, in graph: inout Graph) throws(GraphError) -> Value {
    let (_, deviation) = try parts(x, &graph)
    let y = centres ? try graph.apply(Binary(.sub), h, mean(h, &graph)) : h
    return try graph.apply(Binary(.div), y, deviation)
  }

  /// The derivative with respect to `x`, written out: with `n = (x − mean) / σ` and `h = g · scale` it is
  /// `(h − mean h − n · mean(h · n)) / σ`, where RMS normalisation lacks the term of the mean.
  fileprivate func gradient(_ g: Value, _ x: Value, _ scale: Value?, _ graph: inout Graph) throws(GraphError)
    -> Value
  {
    let (centred, deviation) = try parts(x, &graph)
    let normal = try graph.apply(Binary(.div), centred, deviation)
    let h = try scale.map { value throws(GraphError) in try graph.apply(Binary(.mul), g, value) } ?? g
    let slope = try mean(graph.apply(Binary(.mul), h, normal), &graph)
    var y = try graph.apply(Binary(.sub), h, graph.apply(Binary(.mul), normal, slope))
    if centres { y = try graph.apply(Binary(.sub), y, mean(h, &graph)) }
    return try graph.apply(Binary(.div), y, deviation)
  }
}

/// What a layer normalisation passes back to its input.
///
/// - Shapes: `g […, n…]`, `x […, n…]`, optional scale `[n…] → […, n…]`.
struct LayerNormalizationGradient: Block {
  /// The normalisation, without its bias.
  private var normalization: LayerNormalization

  init(of normalization: LayerNormalization) {
    self.normalization = normalization
    self.normalization.hasBias = false
  }

  var relevanceRole: RelevanceRole { .normalisation }

  func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count >= 2, operands[0] == operands[1] else {
      throw GraphError(.operands("a gradient and an input of one type are needed, found \(operands)"))
    }
    return try normalization.resultTypes(of: Array(operands.dropFirst()))
  }

  func expand(_ operands: [Value], in graph: inout Graph) throws(GraphError) -> Value {
    try normalization.gradient(operands[0], operands[1], operands.count > 2 ? operands[2] : nil, &graph)
  }

  func runsWhole(_ operands: [TensorType]) -> Bool { operands[0].element == .float32 }

  func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)? {
    let width = results[0].shape.suffix(normalization.axisCount).reduce(1, *)
    guard results[0].element == .float32, results[0].count > 0 else { return nil }
    let rows = results[0].count / width
    return ClosureKernel(
      operands: operands.map { _ in .plain }, results: [.plain], reusableOperand: 0
    ) { [normalization] memory in
      nonisolated(unsafe) let pointers = memory.operands.map { $0.assumingMemoryBound(to: Float.self) }
      nonisolated(unsafe) let y = memory.results[0].assumingMemoryBound(to: Float.self)
      Parallel.rows(rows, of: width) { range in
        let start = range.lowerBound * width
        cv_normalize_gradient(
          pointers[0] + start, pointers[1] + start, pointers.count > 2 ? pointers[2] : nil, y + start,
          Int64(range.count), Int64(width), normalization.epsilon, normalization.centres ? 1 : 0)
      }
    }
  }
}
