internal import NoemaTensor

/// Losses of classification, written in smaller operators.
///
/// - Source: ONNX NegativeLogLikelihoodLoss-12 to -22, SoftmaxCrossEntropyLoss-12 to -13.
enum Losses {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("NegativeLogLikelihoodLoss", opset: 12...ONNXBinding.newestOpset) { node in
      [try likelihood(node.operand(0), node)]
    },
    ONNXBinding("SoftmaxCrossEntropyLoss", opset: 12...ONNXBinding.newestOpset) { node in
      guard try node.rank(0) >= 2 else { throw node.error("scores \(try node.type(0)) have no classes") }
      let logarithms = try node.emit(Softmax(axis: 1, isLogarithmic: true), node.operand(0))
      return [try likelihood(logarithms, node), logarithms]
    },
  ]

  /// `−w[t] · x[t]` for the class t of each target, reduced as the node says.
  private static func likelihood(_ x: Value, _ node: NodeReader) throws -> Value {
    let shape = node.shape(of: x), target = try node.operand(1)
    guard shape.count >= 2, node.shape(of: target) == [shape[0]] + shape[2...], shape[1] <= 1 << 24 else {
      throw node.error("targets \(try node.type(1)) do not fit scores of shape \(shape)")
    }
    // No target equals the number that stands for an ignored class.
    let ignored = node.exactInt("ignore_index")
    let classes = (0..<shape[1]).map { $0 == ignored ? Int64.min : Int64($0) }
    let column = [shape[1]] + shape[2...].map { _ in 1 }
    let isTarget = try node.emit(
      Comparison(function: .equal), node.reshaped(target, to: [shape[0], 1] + shape[2...]),
      node.constant(Tensor(shape: column, classes)))
    func picked(_ value: Value) throws -> Value {
      try node.emit(
        Reduction(.sum, axes: [1], keepsAxes: false),
        node.emit(Select(), isTarget, value, node.scalar(0, like: x)))
    }
    let one = node.scalar(1, like: x)
    let weight = try picked(node.optionalOperand(2).map { try node.reshaped($0, to: column) } ?? one)
    let losses = try node.apply(.negative, node.product(picked(x), weight))
    func total(_ value: Value) throws -> Value {
      try node.emit(Reduction(.sum, axes: Array(0..<shape.count - 1), keepsAxes: false), value)
    }
    switch node.string("reduction", default: "mean") {
    case "none": return losses
    case "sum": return try total(losses)
    case "mean": return try node.quotient(total(losses), total(weight))
    case let other: throw node.error("reduction '\(other)' is none of none, sum, mean")
    }
  }
}
