public import NoemaTensor

/// Squared Euclidean distances between the rows of two matrices.
///
/// Differences are taken before they are squared: `|a|² + |b|² - 2ab` would lose near vectors in rounding.
///
/// - Shapes: `[a, features], [b, features] → [a, b]`.
/// - Source: the kernel RBF of ONNX ai.onnx.ml SVMClassifier-1 and SVMRegressor-1.
public struct SquaredDistances: FloatOperator {
  /// Makes the operator.
  public init() {}

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2, operands.allSatisfy({ $0.rank == 2 && $0.element == operands[0].element }),
      operands[0].shape[1] == operands[1].shape[1]
    else { throw GraphError(.operands("expected two matrices of as many columns, found \(operands)")) }
    return [TensorType([operands[0].shape[0], operands[1].shape[0]], operands[0].element)]
  }

  public func evaluate<Element: FloatElement>(
    _ operands: [Tensor], as type: Element.Type
  ) throws -> [Tensor] {
    let rows = operands[0].shape[0], columns = operands[1].shape[0], width = operands[0].shape[1]
    return [
      operands[0].withElements(as: Element.self) { a in
        operands[1].withElements(as: Element.self) { b in
          var result = [Element](repeating: 0, count: rows * columns)
          for row in 0..<rows {
            for column in 0..<columns {
              var sum: Element = 0
              for index in 0..<width {
                let difference = a[row * width + index] - b[column * width + index]
                sum += difference * difference
              }
              result[row * columns + column] = sum
            }
          }
          return Tensor(shape: [rows, columns], result)
        }
      }
    ]
  }

  /// `2 (a · Σ g - g b)`, and the same for the other side.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil] }
    let a = node.operands[0], b = node.operands[1]
    let two = graph.addScalar(2, like: g)
    func side(
      _ own: Value, _ other: Value, axis: Int, _ graph: inout Graph
    ) throws(GraphError) -> Value? {
      guard graph.constants[own] == nil else { return nil }
      var sums = try graph.apply(Reduction(.sum, axes: [axis], keepsAxes: true), g)
      if axis == 0 { sums = try graph.apply(Transpose(permutation: [1, 0]), sums) }
      let pulled = try graph.apply(MatMul(transposesLeft: axis == 0), g, other)
      let difference = try graph.apply(Binary(.sub), graph.apply(Binary(.mul), own, sums), pulled)
      return try graph.apply(Binary(.mul), difference, two)
    }
    return [try side(a, b, axis: 1, &graph), try side(b, a, axis: 0, &graph)]
  }
}
