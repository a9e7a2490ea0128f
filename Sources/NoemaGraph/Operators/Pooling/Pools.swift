internal import NoemaTensor

/// Poolings and unpoolings written in other operators.
///
/// - Source: ONNX LpPool-2 to -22, GlobalLpPool-2, MaxUnpool-9 to -22, Col2Im-18, CenterCropPad-18.
enum Pools {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("LpPool", opset: 2...ONNXBinding.newestOpset) { node in
      let x = try node.type(0).shape
      guard x.count >= 3, let kernel = node.ints("kernel_shape") else {
        throw node.error("kernel_shape is missing")
      }
      let window = try Window(
        node, kernel: kernel, spatial: Array(x[2...]), ceil: node.int("ceil_mode", default: 0) != 0)
      return [
        try norm(node) { powers in
          // A mean that counts all padding, times the window's size, is a sum.
          let mean = AveragePool(
            window: window, countsPadding: true, declaredPaddingAfter: window.paddingAfter)
          let size = kernel.reduce(1) { $0 * Double($1) }
          return try node.emit(Binary(.mul), node.emit(mean, powers), node.scalar(size, like: powers))
        }
      ]
    },
    ONNXBinding("GlobalLpPool", opset: 2...ONNXBinding.newestOpset) { node in
      let rank = try node.rank(0)
      guard rank >= 3 else { throw node.error("input has no spatial axes") }
      return [try norm(node) { try node.emit(Reduction(.sum, axes: Array(2..<rank), keepsAxes: true), $0) }]
    },
    ONNXBinding("MaxUnpool") { node in [try maxUnpool(node)] },
    ONNXBinding("Col2Im", opset: 18...ONNXBinding.newestOpset) { node in [try columnsToImage(node)] },
    ONNXBinding("CenterCropPad", opset: 18...ONNXBinding.newestOpset) { node in [try centre(node)] },
  ]

  /// `(Σ |x|ᵖ)^(1/p)` with the sum given.
  private static func norm(_ node: NodeReader, _ sum: (Value) throws -> Value) throws -> Value {
    let x = try node.operand(0), p = node.int("p", default: 2)
    guard p > 0 else { throw node.error("p is \(p), expected 1 or more") }
    if p == 2 { return try node.emit(Unary(.sqrt), sum(node.emit(Binary(.mul), x, x))) }
    let magnitude = try node.emit(Unary(.abs), x)
    if p == 1 { return try sum(magnitude) }
    let total = try sum(node.emit(Binary(.pow), magnitude, node.scalar(Double(p), like: x)))
    return try node.emit(Binary(.pow), total, node.scalar(1 / Double(p), like: x))
  }

  /// Each element to where the pooling found it, among zeros.
  private static func maxUnpool(_ node: NodeReader) throws -> Value {
    let x = try node.type(0), kernel = node.ints("kernel_shape") ?? []
    let rank = kernel.count, strides = node.ints("strides") ?? kernel.map { _ in 1 }
    let pads = node.ints("pads") ?? Array(repeating: 0, count: 2 * rank)
    guard rank > 0, x.rank == rank + 2, strides.count == rank, pads.count == 2 * rank,
      (kernel + strides).allSatisfy({ (1..<1 << 20).contains($0) }),
      pads.allSatisfy({ (0..<1 << 20).contains($0) })
    else { throw node.error("kernel \(kernel), strides \(strides) and pads \(pads) do not fit \(x)") }
    let inferred =
      Array(x.shape[..<2])
      + (0..<rank).map { (x.shape[$0 + 2] - 1) * strides[$0] + kernel[$0] - pads[$0] - pads[rank + $0] }
    let target = try node.optionalConstant(2)?.integers() ?? inferred
    guard inferred.allSatisfy({ $0 >= 0 }), target.count == x.rank,
      zip(target, inferred).allSatisfy({ $0 >= $1 }),
      (try? Tensor.byteCount(shape: target, elementType: x.element)) != nil
    else { throw node.error("an output of \(target) does not hold the \(inferred) that was pooled") }
    // Positions count within what was pooled; a larger output goes on behind it.
    let zero = node.constant(Tensor(Double(0)).converted(to: x.element))
    let empty = try node.emit(Broadcast(shape: inferred), zero)
    let y = try node.emit(
      Scatter(.none), empty, node.operand(0), node.emit(Cast(to: .int64), node.operand(1)))
    if target == inferred { return y }
    return try node.emit(
      Pad(before: target.map { _ in 0 }, after: zip(target, inferred).map { $0 - $1 }), y)
  }

  /// Blocks added up where they overlap: a transposed convolution whose weights put each element of a block
  /// in its place.
  private static func columnsToImage(_ node: NodeReader) throws -> Value {
    let x = try node.type(0), image = try node.constant(1).integers(), block = try node.constant(2).integers()
    let size = block.reduce(1) { $0.multipliedSaturating(by: $1) }
    guard x.rank == 3, !block.isEmpty, size > 0, x.shape[1] % size == 0, image.count == block.count,
      image.allSatisfy({ (0..<1 << 20).contains($0) }), x.shape[1].multipliedSaturating(by: size) <= 1 << 26
    else { throw node.error("columns of \(x) do not fit blocks of \(block) in an image of \(image)") }
    let window = try Window(node, kernel: block, spatial: image)
    let positions = try window.resultExtents(image), channels = x.shape[1] / size
    guard positions.reduce(1, { $0.multipliedSaturating(by: $1) }) == x.shape[2] else {
      throw node.error("\(x.shape[2]) blocks, expected \(positions) of them in an image of \(image)")
    }
    let places = (0..<x.shape[1]).flatMap { row in (0..<size).map { Float($0 == row % size ? 1 : 0) } }
    let weights = node.constant(
      Tensor(shape: [x.shape[1], 1] + block, places).converted(to: x.element))
    let columns = try node.emit(Reshape(shape: Array(x.shape[..<2]) + positions), node.operand(0))
    return try node.emit(
      ConvolutionInputGradient(window: window, groups: channels, extents: image), columns, weights)
  }

  /// Cuts and pads the same on both sides; one more behind where it is uneven.
  private static func centre(_ node: NodeReader) throws -> Value {
    let shape = try node.type(0).shape, target = try node.constant(1).integers()
    let axes = try node.ints("axes")?.map { try Shapes.axis($0, rank: shape.count) } ?? Array(shape.indices)
    guard axes.count == target.count, target.allSatisfy({ $0 >= 0 }) else {
      throw node.error("a target of \(target) does not fit axes \(axes) of \(shape)")
    }
    var slice = Slice(starts: shape.map { _ in 0 }, counts: shape, steps: shape.map { _ in 1 })
    var pad = Pad(before: slice.starts, after: slice.starts)
    for (axis, extent) in zip(axes, target) {
      let difference = extent - shape[axis]
      if difference < 0 {
        (slice.starts[axis], slice.counts[axis]) = (-difference / 2, extent)
      } else {
        (pad.before[axis], pad.after[axis]) = (difference / 2, difference - difference / 2)
      }
    }
    return try node.emit(pad, node.emit(slice, node.operand(0)))
  }
}
