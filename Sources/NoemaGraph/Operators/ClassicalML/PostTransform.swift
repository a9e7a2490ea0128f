internal import NoemaTensor

/// What a classical model does to its scores last.
///
/// - Source: ONNX ai.onnx.ml, the attribute `post_transform` of its models.
enum PostTransform: String, CaseIterable {
  case none = "NONE"
  case softmax = "SOFTMAX"
  case logistic = "LOGISTIC"
  case softmaxZero = "SOFTMAX_ZERO"
  case probit = "PROBIT"
}

extension NodeReader {
  /// The transform that the node names, or that `TreeEnsemble` numbers.
  func postTransform() throws -> PostTransform {
    if let number = int("post_transform"), string("post_transform", default: "").isEmpty {
      guard PostTransform.allCases.indices.contains(number) else {
        throw error("there is no post_transform \(number)")
      }
      return PostTransform.allCases[number]
    }
    let name = string("post_transform", default: "NONE")
    guard let transform = PostTransform(rawValue: name) else {
      throw error("there is no post_transform \(name)")
    }
    return transform
  }

  /// Scores `[examples, classes]` after a transform.
  func transformed(_ scores: Value, _ transform: PostTransform) throws -> Value {
    switch transform {
    case .none: return scores
    case .softmax: return try emit(Softmax(axis: 1), scores)
    case .logistic: return try apply(.sigmoid, scores)
    case .softmaxZero: return try softmaxKeepingZeros(scores)
    case .probit: return try probit(scores)
    }
  }

  /// A softmax of the scores that are not 0; the others stay 0.
  private func softmaxKeepingZeros(_ scores: Value) throws -> Value {
    let largest = try emit(Reduction(.max, axes: [1], keepsAxes: true), scores)
    let powers = try apply(.exp, difference(scores, largest))
    let isCounted = try emit(
      Comparison(function: .greater), apply(.abs, scores), scalar(1e-7, like: scores))
    let counted = try emit(Select(), isCounted, powers, scalar(0, like: scores))
    return try quotient(counted, emit(Reduction(.sum, axes: [1], keepsAxes: true), counted))
  }

  /// The quantile function of the normal distribution, by Winitzki's formula for the inverse error function: what
  /// ONNX Runtime computes, to three digits.
  private func probit(_ scores: Value) throws -> Value {
    let a = 0.147
    let x = try shifted(scaled(scores, by: 2), by: -1)
    let log = try apply(.log, product(difference(scalar(1, like: x), x), shifted(x, by: 1)))
    let b = try shifted(scaled(log, by: 0.5), by: 2 / (3.14159 * a))
    let root = try apply(.sqrt, difference(product(b, b), scaled(log, by: 1 / a)))
    let inverse = try product(apply(.sign, x), apply(.sqrt, difference(root, b)))
    return try scaled(inverse, by: 2.0.squareRoot())
  }
}
