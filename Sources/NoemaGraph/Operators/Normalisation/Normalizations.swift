internal import NoemaTensor

/// Normalisations by an example's own statistics, written in smaller operators, which gives them every
/// derivative and rule.
///
/// - Source: ONNX LRN-1, InstanceNormalization-1, LayerNormalization-17, LpNormalization-1, MeanVarianceNormalization.
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
      let normal = try standardised(
        node.operand(0), axes: Array(2..<shape.count), node.float("epsilon", default: 1e-5), node)
      let vector = [shape[1]] + Array(repeating: 1, count: shape.count - 2)
      let scaled = try node.emit(Binary(.mul), normal, node.emit(Reshape(shape: vector), node.operand(1)))
      return [try node.emit(Binary(.add), scaled, node.emit(Reshape(shape: vector), node.operand(2)))]
    },
    ONNXBinding("LayerNormalization") { node in
      let shape = try node.type(0).shape
      let axis = try node.axis("axis", default: -1, rank: shape.count)
      var y = try standardised(
        node.operand(0), axes: Array(axis..<shape.count), node.float("epsilon", default: 1e-5), node)
      y = try node.emit(Binary(.mul), y, node.operand(1))
      if let bias = node.optionalOperand(2) { y = try node.emit(Binary(.add), y, bias) }
      return [y]
    },
  ]

  /// `(x − mean) / √(variance + ε)` over some axes.
  private static func standardised(_ x: Value, axes: [Int], _ epsilon: Double, _ node: NodeReader) throws
    -> Value
  {
    let mean = Reduction(.mean, axes: axes, keepsAxes: true)
    let centred = try node.emit(Binary(.sub), x, node.emit(mean, x))
    let variance = try node.emit(mean, node.emit(Binary(.mul), centred, centred))
    let deviation = try node.emit(
      Unary(.sqrt), node.emit(Binary(.add), variance, node.scalar(epsilon, like: x)))
    return try node.emit(Binary(.div), centred, deviation)
  }
}
