internal import NoemaTensor

/// Normalisations by an example's own statistics, written as layer normalisations or in smaller operators, which
/// gives them every derivative and rule.
///
/// - Source: ONNX LRN-1 to -13, InstanceNormalization-1 to -22, LayerNormalization-17, GroupNormalization-18
///   to -21, RMSNormalization-23, MeanVarianceNormalization-9 to -13, LpNormalization-1 to -22; onnxruntime's
///   SimplifiedLayerNormalization, SkipLayerNormalization and SkipSimplifiedLayerNormalization.
enum Normalizations {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("LRN") { node in
      let x = try node.operand(0), shape = try node.type(0).shape
      guard shape.count >= 2, let size = node.int("size"), (1...1024).contains(size) else {
        throw node.error("size is missing or absurd")
      }
      let square = try node.emit(Binary(.mul), x, x)
      var before = [Int](repeating: 0, count: shape.count), after = before
      (before[1], after[1]) = ((size - 1) / 2, size - 1 - (size - 1) / 2)
      let padded = try node.emit(Pad(before: before, after: after), square)
      var sum: Value?
      for shift in 0..<size {
        let part = try node.emit(
          Slice(
            axis: 1, start: shift, count: shape[1], rank: shape.count, of: node.graph.type(of: padded).shape),
          padded)
        sum = try sum.map { try node.emit(Binary(.add), $0, part) } ?? part
      }
      let scaled = try node.emit(
        Binary(.mul), sum!, node.scalar(node.float("alpha", default: 1e-4) / Double(size), like: x))
      let base = try node.emit(Binary(.add), scaled, node.scalar(node.float("bias", default: 1), like: x))
      let power = try node.emit(Binary(.pow), base, node.scalar(node.float("beta", default: 0.75), like: x))
      return [try node.emit(Binary(.div), x, power)]
    },
    ONNXBinding("InstanceNormalization") { node in
      let shape = try node.type(0).shape
      guard shape.count >= 3 else { throw node.error("input \(shape) has no spatial axes") }
      let normal = try node.emit(
        LayerNormalization(axisCount: shape.count - 2, epsilon: node.float("epsilon", default: 1e-5)),
        node.operand(0))
      let vector = [shape[1]] + Array(repeating: 1, count: shape.count - 2)
      let scaled = try node.emit(Binary(.mul), normal, node.emit(Reshape(shape: vector), node.operand(1)))
      return [try node.emit(Binary(.add), scaled, node.emit(Reshape(shape: vector), node.operand(2)))]
    },
    ONNXBinding("LayerNormalization", make: layer),
    ONNXBinding("LayerNormalization", domain: "com.microsoft", make: layer),
    ONNXBinding("RMSNormalization", opset: 23...ONNXBinding.newestOpset, make: rootMeanSquare),
    // onnxruntime writes it into the default domain.
    ONNXBinding("SimplifiedLayerNormalization", make: rootMeanSquare),
    ONNXBinding("SimplifiedLayerNormalization", domain: "com.microsoft", make: rootMeanSquare),
    ONNXBinding("SkipLayerNormalization", domain: "com.microsoft") { node in
      let sum = try residual(node, bias: 4)
      return try normalized(
        sum, axis: node.shape(of: sum).count - 1, centres: true, epsilon: 1e-12,
        scale: node.operand(2), bias: node.optionalOperand(3), node) + [sum]
    },
    ONNXBinding("SkipSimplifiedLayerNormalization", domain: "com.microsoft") { node in
      let sum = try residual(node, bias: 3), axis = node.shape(of: sum).count - 1
      let results = try normalized(
        sum, axis: axis, centres: false, epsilon: 1e-12, scale: node.operand(2), bias: nil, node)
      // The mean is never computed; onnxruntime leaves its place empty.
      return [results[0], results[1], results[1], sum]
    },
    ONNXBinding("GroupNormalization", opset: 18...ONNXBinding.newestOpset) { node in
      let shape = try node.type(0).shape, groups = node.int("num_groups", default: 0)
      guard shape.count >= 2, groups > 0, shape[1] % groups == 0 else {
        throw node.error("\(groups) groups do not divide the channels of \(shape)")
      }
      let area = shape[2...].reduce(1) { $0.multipliedSaturating(by: $1) }
      let grouped = [shape[0], groups, (shape[1] / groups).multipliedSaturating(by: area)]
      var y = try node.emit(
        LayerNormalization(axisCount: 1, epsilon: node.float("epsilon", default: 1e-5)),
        node.reshaped(node.operand(0), to: grouped))
      // Scale and bias are one number a group at first, and one a channel since opset 21.
      let isPerGroup = node.opset < 21
      let vector = isPerGroup ? [groups, 1] : [shape[1]] + shape[2...].map { _ in 1 }
      if !isPerGroup { y = try node.reshaped(y, to: shape) }
      y = try node.product(y, node.reshaped(node.operand(1), to: vector))
      return [try node.reshaped(node.sum(y, node.reshaped(node.operand(2), to: vector)), to: shape)]
    },
    ONNXBinding("MeanVarianceNormalization", opset: 9...ONNXBinding.newestOpset) { node in
      let rank = try node.rank(0)
      let axes = try Set((node.ints("axes") ?? [0, 2, 3]).map { try Shapes.axis($0, rank: rank) }).sorted()
      let x = try node.operand(0), centred = try node.difference(x, node.mean(x, axes: axes))
      let deviation = try node.apply(.sqrt, node.mean(node.product(centred, centred), axes: axes))
      return [try node.quotient(centred, node.shifted(deviation, by: 1e-9))]
    },
    ONNXBinding("LpNormalization") { node in
      let x = try node.operand(0), axis = try node.axis("axis", default: -1, rank: node.rank(0))
      let total = Reduction(.sum, axes: [axis], keepsAxes: true)
      let norm: Value
      switch node.int("p", default: 2) {
      case 1: norm = try node.emit(total, node.apply(.abs, x))
      case 2: norm = try node.apply(.sqrt, node.emit(total, node.product(x, x)))
      case let p: throw node.error("p is \(p), expected 1 or 2")
      }
      // Zero over a norm of zero is zero.
      return [try node.quotient(x, node.emit(Binary(.max), norm, node.scalar(1e-37, like: x)))]
    },
  ]

  private static func layer(_ node: NodeReader) throws -> [Value] {
    try normalized(
      node.operand(0), axis: node.axis("axis", default: -1, rank: node.rank(0)), centres: true,
      scale: node.operand(1), bias: node.optionalOperand(2), node)
  }

  private static func rootMeanSquare(_ node: NodeReader) throws -> [Value] {
    try normalized(
      node.operand(0), axis: node.axis("axis", default: -1, rank: node.rank(0)), centres: false,
      scale: node.operand(1), bias: nil, node)
  }

  /// The sum of operands 0 and 1 and an optional bias.
  private static func residual(_ node: NodeReader, bias index: Int) throws -> Value {
    let sum = try node.sum(node.operand(0), node.operand(1))
    guard !node.shape(of: sum).isEmpty else { throw node.error("operands are scalars") }
    return try node.sum(sum, orNone: node.optionalOperand(index))
  }

  /// A layer normalisation, and what the node's further results ask for: the mean, where there is one, and the
  /// inverse deviation.
  private static func normalized(
    _ x: Value, axis: Int, centres: Bool, epsilon: Double = 1e-5, scale: Value, bias: Value?,
    _ node: NodeReader
  ) throws -> [Value] {
    let shape = node.shape(of: x), axes = Array(axis..<shape.count)
    let epsilon = node.float("epsilon", default: epsilon)
    let trailing = Array(shape[axis...])
    var block = LayerNormalization(axisCount: axes.count, epsilon: epsilon, centres: centres)
    var operands = [x]
    // Scale and bias may broadcast; what has the shape of the axes is part of the block.
    func fits(_ value: Value) -> Bool { node.graph.type(of: value).count == trailing.reduce(1, *) }
    block.hasScale = fits(scale)
    if block.hasScale { operands.append(try node.reshaped(scale, to: trailing)) }
    block.hasBias = block.hasScale && bias.map(fits) ?? false
    if block.hasBias { operands.append(try node.reshaped(bias!, to: trailing)) }
    var y = try node.emit(block, operands)[0]
    if !block.hasScale { y = try node.product(y, scale) }
    if let bias, !block.hasBias { y = try node.sum(y, bias) }
    // Nobody reads what stands in the places of the statistics then.
    guard (1...2).contains(where: node.wantsResult) else { return centres ? [y, y, y] : [y, y] }
    let mean = centres ? try node.mean(x, axes: axes) : nil
    let centred = try mean.map { try node.difference(x, $0) } ?? x
    let variance = try node.mean(node.product(centred, centred), axes: axes)
    let inverse = try node.apply(.reciprocal, node.apply(.sqrt, node.shifted(variance, by: epsilon)))
    return [y] + (mean.map { [$0] } ?? []) + [inverse]
  }
}
