internal import CDNNL
internal import CVector
internal import NoemaTensor

/// Attention that reads queries, keys and values where they lie, and writes its heads side by side if asked to; only
/// the execution passes make it.
///
/// The scores of a few examples at a time stay in cache.
struct StridedAttention: Operator {
  /// The attention.
  var block: ScaledDotProductAttention
  /// How queries, keys and values lie in operands 0 to 2.
  var views: [StridedView]
  /// Whether the result is `[batch, queries, heads, width]`.
  var joinsHeads = false

  init(_ block: ScaledDotProductAttention, views: [StridedView], joinsHeads: Bool = false) {
    self.block = block
    self.views = views
    self.joinsHeads = joinsHeads
  }

  var name: String { block.name }
  var relevanceRole: RelevanceRole { block.relevanceRole }

  private var viewTypes: [TensorType] { views.map { TensorType($0.shape, .float32) } }

  func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    let type = try block.resultTypes(of: viewTypes + operands.dropFirst(3))[0], y = type.shape
    return [joinsHeads ? TensorType([y[0], y[2], y[1], y[3]], type.element) : type]
  }

  func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int {
    let width = results[0].shape[3]
    return block.multiplyAdds(viewTypes, [TensorType([1, 1, 1, width])])
  }

  func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let seen = try zip(operands, views).map { tensor, view in
      try tensor.gathered(shape: view.shape, strides: view.strides, offset: view.offset)
    }
    let y = try block.evaluate(seen + operands.dropFirst(3))
    return joinsHeads ? try Transpose(permutation: [0, 2, 1, 3]).evaluate(y) : y
  }

  func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    throw GraphError(.notDifferentiable("a fused attention has no derivative; differentiate before fusing"))
  }

  func kernel(for operands: [StoredOperand], results: [TensorType]) -> (any Kernel)? {
    AttentionKernel(self, operands: operands)
  }
}

/// Two products and a softmax for some examples at a time.
private final class AttentionKernel: Kernel {
  let operandLayouts: [Layout]
  let resultLayouts: [Layout] = [.plain]
  let scratchByteCount: Int
  private let views: [StridedView]
  private let scale: Float
  private let batch, heads, queries, keys, group: Int
  private let resultStride: Int
  private let biasStrides: [Int]?
  private let scores, output: DNNLPrimitive
  var implementation: String { "noema \(scores.implementation)" }

  init?(_ attention: StridedAttention, operands: [StoredOperand]) {
    var views = attention.views
    if !attention.block.keysAreColumns { views[1] = views[1].permuted([0, 1, 3, 2]) }
    let q = views[0].shape, width = views[2].shape[3]
    (batch, heads, queries, keys) = (q[0], q[1], q[2], views[1].shape[3])
    guard operands.allSatisfy({ $0.type.element == .float32 }) else { return nil }
    // A group's scores take a megabyte at most; groups of one size.
    let largest = max(1, (1 << 18) / max(1, heads * queries * keys))
    let batch = batch
    let size = (1...batch).last { $0 <= largest && batch % $0 == 0 } ?? 1
    group = size
    let strides =
      attention.joinsHeads
      ? [queries * heads * width, width, heads * width, 1]
      : [heads * queries * width, queries * width, width, 1]
    resultStride = strides[0]
    func layout(_ view: StridedView) -> DNNLLayout? {
      .strided([size] + view.shape.dropFirst(), view.strides)
    }
    guard let left = layout(views[0]), let right = layout(views[1]), let values = layout(views[2]),
      let inside = DNNLLayout.plain([group, heads, queries, keys]),
      let outside = DNNLLayout.strided([group, heads, queries, width], strides),
      let scores = DNNLPrimitive(ndnnl_matmul(left.handle, right.handle, nil, inside.handle, 0, nil)),
      let output = DNNLPrimitive(ndnnl_matmul(inside.handle, values.handle, nil, outside.handle, 0, nil))
    else { return nil }
    self.views = views
    self.scores = scores
    self.output = output
    scale = Float(attention.block.scale)
    scratchByteCount = group * heads * queries * keys * 4
    biasStrides =
      attention.block.hasBias
      ? Shapes.broadcastStrides(operands[3].type.shape, to: [batch, heads, queries, keys]) : nil
    operandLayouts = operands.map { _ in .plain }
  }

  func run(_ memory: KernelMemory) throws {
    for first in stride(from: 0, to: batch, by: group) {
      func part(_ index: Int) -> UnsafeMutableRawPointer {
        memory.operands[index] + (views[index].offset + first * views[index].strides[0]) * 4
      }
      try scores.execute(
        (Int32(ndnnl_source), part(0)), (Int32(ndnnl_weights), part(1)), (Int32(ndnnl_result), memory.scratch)
      )
      softmax(memory, first)
      try output.execute(
        (Int32(ndnnl_source), memory.scratch), (Int32(ndnnl_weights), part(2)),
        (Int32(ndnnl_result), memory.results[0] + first * resultStride * 4))
    }
  }

  private func softmax(_ memory: KernelMemory, _ first: Int) {
    let (heads, queries, keys, scale) = (heads, queries, keys, scale)
    nonisolated(unsafe) let values = memory.scratch.assumingMemoryBound(to: Float.self)
    guard let strides = biasStrides else {
      Parallel.rows(group * heads * queries, of: keys) { rows in
        let start = values + rows.lowerBound * keys
        cv_softmax(start, start, Int64(rows.count), Int64(keys), 1, scale, 0)
      }
      return
    }
    nonisolated(unsafe) let bias = memory.operands[3].assumingMemoryBound(to: Float.self)
    Parallel.rows(group * heads * queries, of: keys) { rows in
      for row in rows {
        let example = first + row / (heads * queries), head = row / queries % heads, query = row % queries
        let start = values + row * keys
        cv_softmax_biased(
          start, start, Int64(keys), scale,
          bias + example * strides[0] + head * strides[1] + query * strides[2], Int64(strides[3]))
      }
    }
  }
}
