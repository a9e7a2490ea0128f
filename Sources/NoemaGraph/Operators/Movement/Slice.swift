public import NoemaTensor

/// A regular part of a tensor: `count` elements of each axis from `start` on, `step` apart.
///
/// - Source: ONNX Slice-1 to -13, Split-2 to -18.
public struct Slice: Operator {
  /// The first position of each axis.
  public var starts: [Int]
  /// The number of elements of each axis.
  public var counts: [Int]
  /// The distance between elements of each axis; negative walks backwards.
  public var steps: [Int]

  /// Makes a slice.
  public init(starts: [Int], counts: [Int], steps: [Int]) {
    self.starts = starts
    self.counts = counts
    self.steps = steps
  }

  /// A contiguous part of one axis of a shape.
  init(axis: Int, start: Int, count: Int, rank: Int, of shape: [Int]) {
    self.init(
      starts: Array(repeating: 0, count: rank), counts: shape, steps: Array(repeating: 1, count: rank))
    starts[axis] = start
    counts[axis] = count
  }

  public var relevanceRole: RelevanceRole { .movement }
}

// MARK: ONNX
extension Slice {
  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("Slice") { node in
        let shape = try node.type(0).shape
        guard let starts = try node.integers(attribute: "starts", operand: 1),
          let ends = try node.integers(attribute: "ends", operand: 2)
        else { throw node.error("starts or ends are missing") }
        let axes = try node.integers(attribute: "axes", operand: 3) ?? Array(starts.indices)
        let steps = try node.optionalConstant(4)?.integers() ?? starts.map { _ in 1 }
        guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count else {
          throw node.error("starts, ends, axes and steps differ in length")
        }
        var slice = Slice(starts: shape.map { _ in 0 }, counts: shape, steps: shape.map { _ in 1 })
        for (index, given) in axes.enumerated() {
          let axis = try Shapes.axis(given, rank: shape.count)
          guard steps[index] != 0 else { throw node.error("a step is 0") }
          slice.set(axis, start: starts[index], end: ends[index], step: steps[index], extent: shape[axis])
        }
        return [try node.emit(slice, node.operand(0))]
      },
      ONNXBinding("Split") { node in
        let shape = try node.type(0).shape
        let axis = try node.axis("axis", default: 0, rank: shape.count)
        let sizes: [Int]
        if let given = try node.integers(attribute: "split", operand: 1) {
          sizes = given
        } else {
          let parts = node.int("num_outputs", default: node.resultCount)
          guard parts > 0, parts <= 1 << 16 else { throw node.error("cannot split into \(parts) parts") }
          let size = (shape[axis] + parts - 1) / parts
          sizes = (0..<parts).map { max(0, min(size, shape[axis] - $0 * size)) }
        }
        guard sizes.reduce(0, +) == shape[axis], sizes.allSatisfy({ $0 >= 0 }) else {
          throw node.error("parts \(sizes) do not fill \(shape[axis])")
        }
        var start = 0
        return try sizes.map { size in
          defer { start += size }
          return try node.emit(
            Slice(axis: axis, start: start, count: size, rank: shape.count, of: shape), node.operand(0))
        }
      },
    ]
  }

  /// Sets one axis from ONNX's start and end, which may count from the back and lie outside.
  private mutating func set(_ axis: Int, start: Int, end: Int, step: Int, extent: Int) {
    func resolve(_ index: Int, _ range: ClosedRange<Int>) -> Int {
      min(max(index < 0 ? max(index, -extent - 1) + extent : index, range.lowerBound), range.upperBound)
    }
    if step > 0 {
      let from = resolve(start, 0...extent), to = resolve(end, 0...extent)
      (starts[axis], steps[axis]) = (from, step)
      counts[axis] = max(0, (to - from - 1) / step + (to > from ? 1 : 0))
    } else {
      let from = resolve(start, -1...max(extent - 1, -1)), to = resolve(end, -1...max(extent - 1, -1))
      (starts[axis], steps[axis]) = (max(from, 0), max(step, -(1 << 40)))
      counts[axis] = from > to ? (from - to - 1) / -max(step, -(1 << 40)) + 1 : 0
    }
    // Steps that are not taken could still overflow a product.
    if counts[axis] <= 1 { steps[axis] = 1 }
  }
}

// MARK: Result types, kernels, derivative
extension Slice {
  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, starts.count == operands[0].rank else {
      throw GraphError(.operands("a slice of \(starts.count) axes does not fit \(operands)"))
    }
    for (axis, extent) in operands[0].shape.enumerated() where counts[axis] > 0 {
      let last = starts[axis] + (counts[axis] - 1) * steps[axis]
      guard (0..<extent).contains(starts[axis]), (0..<extent).contains(last) else {
        throw GraphError(.operands("slice \(starts) × \(counts) by \(steps) leaves \(operands[0])"))
      }
    }
    return [TensorType(counts, operands[0].element)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let strides = Shapes.strides(operands[0].shape)
    let offset = counts.contains(0) ? 0 : zip(starts, strides).reduce(0) { $0 + $1.0 * $1.1 }
    return [
      try operands[0].gathered(shape: counts, strides: zip(strides, steps).map { $0 * $1 }, offset: offset)
    ]
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) -> (any Kernel)? {
    if counts.contains(0) { return nil }
    return CopyKernel(StridedView(of: operands[0].type.shape).sliced(self), results[0].element)
  }

  /// The cotangent is put back in its place among zeros.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    let extents = graph.type(of: node.operands[0]).shape
    var pad = Pad(before: starts, after: starts, steps: steps)
    for axis in extents.indices {
      let last = starts[axis] + (counts[axis] - 1) * steps[axis]
      if counts[axis] == 0 { (pad.before[axis], pad.after[axis]) = (extents[axis], 0); continue }
      pad.before[axis] = min(starts[axis], last)
      pad.after[axis] = extents[axis] - 1 - max(starts[axis], last)
    }
    return [try graph.apply(pad, g)]
  }
}

// MARK: Export
extension Slice: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let ends = starts.indices.map { axis in
      let end = starts[axis] + counts[axis] * steps[axis]
      // Walking backwards past the front: a negative end would count from the back.
      return end < 0 ? -1 << 31 : end
    }
    let axes = Array(starts.indices)
    return [
      writer.emit("Slice", [operands[0]] + [starts, ends, axes, steps].map(writer.integers))
    ]
  }
}
