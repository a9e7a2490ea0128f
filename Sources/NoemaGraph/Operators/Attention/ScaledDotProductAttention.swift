internal import NoemaTensor

/// Attention of each head: `softmax(scale · q kᵀ + bias) v`.
///
/// - Shapes: `q [batch, heads, queries, size]`, `k [batch, heads, keys, size]` (or the last two axes exchanged),
///   `v [batch, heads, keys, width]`, optional bias that broadcasts to `[batch, heads, queries, keys]` `→ [batch,
///   heads, queries, width]`.
/// - Source: Vaswani et al., Attention Is All You Need (2017), eq. 1.
public struct ScaledDotProductAttention: Block {
  /// What the products of queries and keys are multiplied by.
  public var scale: Double
  /// Whether operand 3 is added to the scores.
  public var hasBias: Bool
  /// Whether the keys come as `[batch, heads, size, keys]`.
  public var keysAreColumns: Bool

  /// Makes an attention.
  public init(scale: Double, hasBias: Bool = false, keysAreColumns: Bool = false) {
    self.scale = scale
    self.hasBias = hasBias
    self.keysAreColumns = keysAreColumns
  }

  public var relevanceRole: RelevanceRole { .product }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == (hasBias ? 4 : 3), operands[..<3].allSatisfy({ $0.rank == 4 }) else {
      throw GraphError(.operands("queries, keys and values of rank 4 are needed, found \(operands)"))
    }
    let q = operands[0].shape, k = operands[1].shape, v = operands[2].shape
    let (keys, size) = keysAreColumns ? (k[3], k[2]) : (k[2], k[3])
    let scores = [q[0], q[1], q[2], keys]
    let biased = hasBias ? try Shapes.broadcast(operands[3].shape, scores) : scores
    guard k[..<2] == q[..<2], v[..<2] == q[..<2], size == q[3], keys == v[2], biased == scores else {
      throw GraphError(.operands("queries, keys and values do not fit: \(operands)"))
    }
    return [TensorType([q[0], q[1], q[2], v[3]], operands[0].element)]
  }

  public func expand(_ operands: [Value], in graph: inout Graph) throws(GraphError) -> Value {
    let q =
      scale == 1
      ? operands[0]
      : try graph.apply(
        Binary(.mul), operands[0], graph.addScalar(scale, like: operands[0]))
    var scores = try graph.apply(MatMul(transposesRight: !keysAreColumns), q, operands[1])
    if hasBias { scores = try graph.apply(Binary(.add), scores, operands[3]) }
    return try graph.apply(MatMul(), graph.apply(Softmax(axis: 3), scores), operands[2])
  }

  public func runsWhole(_ operands: [TensorType]) -> Bool {
    operands.allSatisfy { $0.element == .float32 && $0.count > 0 }
  }

  public func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int {
    let q = operands[0].shape, keys = operands[2].shape[2]
    return Shapes.work(Shapes.work(q[0] * q[1] * q[2], keys), q[3] + results[0].shape[3])
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    let views = operands[..<3].map { StridedView(of: $0.type.shape) }
    return StridedAttention(self, views: Array(views)).kernel(for: operands, results: results)
  }
}
