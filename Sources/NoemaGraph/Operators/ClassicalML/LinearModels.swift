internal import NoemaTensor

/// Linear regression and classification: a product with a constant matrix, then a transform.
///
/// - Source: ONNX ai.onnx.ml LinearRegressor-1, LinearClassifier-1.
enum LinearModels {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("LinearRegressor", domain: "ai.onnx.ml") { node in
      let scores = try scores(node, rows: node.int("targets", default: 1))
      return [try node.asFloat(node.transformed(scores, node.postTransform()))]
    },
    ONNXBinding("LinearClassifier", domain: "ai.onnx.ml") { node in
      let (labels, count) = try node.classLabels()
      let rows = node.floats("intercepts").flatMap { $0.isEmpty ? nil : $0.count } ?? count
      let scores = try scores(node, rows: rows), transform = try node.postTransform()
      if rows == 1, count == 2 {
        return [
          try node.labels(node.winners(scores, above: 0), labels),
          try node.asFloat(node.columns(scores, transform, isProbability: true)),
        ]
      }
      guard rows == count else { throw node.error("\(rows) rows of weights do not fit \(count) classes") }
      return [
        try node.labels(node.winners(scores), labels), try node.asFloat(node.transformed(scores, transform)),
      ]
    },
  ]

  /// `x · Wᵀ + b`.
  private static func scores(_ node: NodeReader, rows: Int) throws -> Value {
    let x = try node.features()
    guard let weights = node.floats("coefficients"), !weights.isEmpty else {
      throw node.error("the coefficients are missing")
    }
    let product = try node.emit(
      MatMul(transposesRight: true), x, node.matrix(weights, rows: rows, like: x))
    guard let intercepts = node.floats("intercepts"), !intercepts.isEmpty else { return product }
    guard intercepts.count == rows else {
      throw node.error("\(intercepts.count) intercepts for \(rows) rows")
    }
    return try node.sum(product, node.matrix(intercepts, rows: 1, like: x))
  }
}
