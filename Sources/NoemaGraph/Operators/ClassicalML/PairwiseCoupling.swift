internal import Foundation
public import NoemaTensor

/// Probabilities of classes from those of each class against each other one.
///
/// The probabilities minimise how far they are, pair by pair, from the given ratios (Wu, Lin and Weng, 2004, second
/// method), to the precision that libsvm asks for. No derivative passes.
///
/// - Shapes: `[examples, pairs] → [examples, classes]`, pairs in the order (0, 1), (0, 2), …, (1, 2), ….
/// - Source: ONNX ai.onnx.ml SVMClassifier-1 with `prob_a` and `prob_b`.
public struct PairwiseCoupling: FloatOperator {
  /// The number of classes.
  public var classCount: Int

  /// Makes the operator.
  public init(classCount: Int) { self.classCount = classCount }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, classCount > 1, operands[0].rank == 2,
      operands[0].shape[1] == classCount * (classCount - 1) / 2
    else { throw GraphError(.operands("pairs of \(classCount) classes do not fit \(operands)")) }
    return [TensorType([operands[0].shape[0], classCount], operands[0].element)]
  }

  public func evaluate<Element: FloatElement>(
    _ operands: [Tensor], as type: Element.Type
  ) throws -> [Tensor] {
    let pairs = operands[0].elements(as: Element.self), width = operands[0].shape[1]
    let rows = operands[0].shape[0]
    let result = (0..<rows).flatMap { row in
      coupled(pairs[row * width..<(row + 1) * width].map { Double($0) }).map { Element($0) }
    }
    return [Tensor(shape: [rows, classCount], result)]
  }

  private func coupled(_ pairs: [Double]) -> [Double] {
    let k = classCount
    var ratio = [Double](repeating: 0, count: k * k), pair = 0
    for i in 0..<k {
      for j in i + 1..<k {
        let bounded = min(max(pairs[pair], 1e-7), 1 - 1e-7)
        (ratio[i * k + j], ratio[j * k + i]) = (bounded, 1 - bounded)
        pair += 1
      }
    }
    // The quadratic form: row i says how p falls apart from the ratios of class i.
    var q = [Double](repeating: 0, count: k * k)
    for i in 0..<k {
      for j in 0..<k where j != i {
        q[i * k + i] += ratio[j * k + i] * ratio[j * k + i]
        q[i * k + j] = -ratio[j * k + i] * ratio[i * k + j]
      }
    }
    var p = [Double](repeating: 1 / Double(k), count: k)
    var qp = [Double](repeating: 0, count: k)
    for _ in 0..<max(100, k) {
      var form = 0.0
      for i in 0..<k {
        qp[i] = (0..<k).reduce(0) { $0 + q[i * k + $1] * p[$1] }
        form += p[i] * qp[i]
      }
      let error = qp.reduce(0) { max($0, abs($1 - form)) }
      if error < 0.005 / Double(k) { break }
      for i in 0..<k {
        let change = (form - qp[i]) / q[i * k + i]
        p[i] += change
        form =
          (form + change * (change * q[i * k + i] + 2 * qp[i])) / (1 + change) / (1 + change)
        for j in 0..<k {
          qp[j] = (qp[j] + change * q[i * k + j]) / (1 + change)
          p[j] /= 1 + change
        }
      }
    }
    return p
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil] }
}
