internal import CVector
internal import NoemaTensor

/// Attention that reads queries, keys and values where they lie, and writes its heads side by side if asked to; only
/// the execution passes make it.
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

/// Head by head, some queries at a time: their scores stay in cache.
private final class AttentionKernel: Kernel {
  let operandLayouts: [Layout]
  let resultLayouts: [Layout] = [.plain]
  let scratchByteCount: Int
  private let views: [StridedView]
  private let scale: Float
  private let batch, heads, queries, keys, size, width: Int
  private let resultStrides: [Int]
  private let biasStrides: [Int]?
  /// Into how many stretches the queries of a head are cut, and how many threads share all stretches.
  private let cuts, parts: Int
  private let scratchPerPart: Int

  init?(_ attention: StridedAttention, operands: [StoredOperand]) {
    guard operands.allSatisfy({ $0.type.element == .float32 }) else { return nil }
    var views = attention.views
    if attention.block.keysAreColumns { views[1] = views[1].permuted([0, 1, 3, 2]) }
    self.views = views
    let q = views[0].shape
    (batch, heads, queries, size) = (q[0], q[1], q[2], q[3])
    (keys, width) = (views[1].shape[2], views[2].shape[3])
    scale = Float(attention.block.scale)
    resultStrides =
      attention.joinsHeads
      ? [queries * heads * width, width, heads * width] : [heads * queries * width, queries * width, width]
    biasStrides =
      attention.block.hasBias
      ? Shapes.broadcastStrides(operands[3].type.shape, to: [batch, heads, queries, keys]) : nil
    // Keys and values are packed once a stretch, so that few heads are cut, and short stretches never.
    let wanted = 4 * Parallel.threadCount
    cuts = max(1, min(queries / 64, (wanted + batch * heads - 1) / (batch * heads)))
    let work = Shapes.work(Shapes.work(batch * heads * queries, keys), size + width)
    parts = min(batch * heads * cuts, max(1, work >> 15), Parallel.threadCount)
    scratchPerPart = Int(cv_attention_scratch(Int64(keys), Int64(size), Int64(width)) + 15) / 16 * 16
    scratchByteCount = parts * scratchPerPart * 4
    operandLayouts = operands.map { _ in .plain }
  }

  func run(_ memory: KernelMemory) {
    let stretches = batch * heads * cuts, (parts, scratchPerPart) = (parts, scratchPerPart)
    nonisolated(unsafe) let memory = memory, kernel = self
    Parallel.ranges(parts, grain: 1) { range in
      for part in range {
        let scratch = memory.scratch.assumingMemoryBound(to: Float.self) + part * scratchPerPart
        for stretch in part * stretches / parts..<(part + 1) * stretches / parts {
          kernel.run(stretch, memory, scratch)
        }
      }
    }
  }

  private func run(_ stretch: Int, _ memory: KernelMemory, _ scratch: UnsafeMutablePointer<Float>) {
    let example = stretch / cuts / heads, head = stretch / cuts % heads, cut = stretch % cuts
    let rows = cut * queries / cuts..<(cut + 1) * queries / cuts
    func matrix(_ operand: Int, _ offset: Int, _ strides: [Int], from row: Int = 0) -> cv_matrix {
      let start = offset + example * strides[0] + head * strides[1] + row * strides[2]
      return cv_matrix(
        base: memory.operands[operand].assumingMemoryBound(to: Float.self) + start, row: Int64(strides[2]),
        column: Int64(strides[3]))
    }
    let (q, k, v) = (views[0], views[1], views[2])
    let result =
      memory.results[0].assumingMemoryBound(to: Float.self)
      + (example * resultStrides[0] + head * resultStrides[1] + rows.lowerBound * resultStrides[2])
    func attend(_ bias: UnsafePointer<cv_matrix>?) {
      cv_attention(
        matrix(0, q.offset, q.strides, from: rows.lowerBound), matrix(1, k.offset, k.strides),
        matrix(2, v.offset, v.strides), bias, result, Int64(resultStrides[2]), Int64(rows.count), Int64(keys),
        Int64(size), Int64(width), scale, scratch)
    }
    guard let biasStrides else { return attend(nil) }
    var bias = matrix(3, 0, biasStrides, from: rows.lowerBound)
    attend(&bias)
  }
}
