public import NoemaTensor

/// The determinant of square matrices.
///
/// - Shapes: `[…, n, n] → […]`.
/// - Source: ONNX Det-11 to -22.
public struct Determinant: FloatOperator {
  /// Makes the operator.
  public init() {}

  public var relevanceRole: RelevanceRole { .product }

  public static var onnx: [ONNXBinding] { [ONNXBinding("Det", Determinant())] }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    try Elimination.check(operands)
    return [TensorType(operands[0].shape.dropLast(2), operands[0].element)]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let y = Elimination.each(operands[0], as: type) { Element($0.determinant) }
    return [Tensor(shape: operands[0].shape.dropLast(2), y)]
  }

  /// `ȳ · y · A⁻ᵀ`; not defined where the matrix is singular.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    let shape = graph.type(of: node.operands[0]).shape
    let factor = try graph.apply(Binary(.mul), g, node.results[0])
    let scale = try graph.apply(Reshape(shape: shape.dropLast(2) + [1, 1]), factor)
    let inverse = try graph.apply(Inverse(), node.operands[0])
    return [try graph.apply(Binary(.mul), graph.transposed(inverse), scale)]
  }
}

/// The inverse of square matrices; infinite or NaN where one is singular.
///
/// - Shapes: `[…, n, n] → […, n, n]`.
public struct Inverse: FloatOperator {
  /// Makes the operator.
  public init() {}

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    try Elimination.check(operands)
    return operands
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let y = Elimination.each(operands[0], as: type) { $0.inverse.map { Element($0) } }
    return [Tensor(shape: operands[0].shape, Array(y.joined()))]
  }

  /// `−A⁻ᵀ ȳ A⁻ᵀ`.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    let turned = try graph.transposed(node.results[0])
    let product = try graph.apply(MatMul(), graph.apply(MatMul(), turned, g), turned)
    return [try graph.apply(Unary(.negative), product)]
  }
}

extension Graph {
  /// A value with its last two axes exchanged.
  mutating func transposed(_ value: Value) throws(GraphError) -> Value {
    var order = Array(type(of: value).shape.indices)
    order.swapAt(order.count - 1, order.count - 2)
    return try apply(Transpose(permutation: order), value)
  }
}

/// Gauss-Jordan elimination of one matrix with row pivots, in double precision.
private struct Elimination {
  var determinant = 1.0
  var inverse: [Double]

  init(_ matrix: [Double], extent n: Int) {
    var a = matrix
    inverse = (0..<n * n).map { $0 / n == $0 % n ? 1 : 0 }
    for column in 0..<n {
      let pivot = (column..<n).max { a[$0 * n + column].magnitude < a[$1 * n + column].magnitude }!
      if pivot != column {
        determinant = -determinant
        for i in 0..<n {
          a.swapAt(pivot * n + i, column * n + i)
          inverse.swapAt(pivot * n + i, column * n + i)
        }
      }
      let lead = a[column * n + column]
      determinant *= lead
      for i in 0..<n {
        a[column * n + i] /= lead
        inverse[column * n + i] /= lead
      }
      for row in 0..<n where row != column {
        let factor = a[row * n + column]
        for i in 0..<n {
          a[row * n + i] -= factor * a[column * n + i]
          inverse[row * n + i] -= factor * inverse[column * n + i]
        }
      }
      // What follows a pivot of 0 is not a number.
      if lead == 0 { determinant = 0; break }
    }
  }

  static func check(_ operands: [TensorType]) throws(GraphError) {
    guard operands.count == 1, operands[0].rank >= 2,
      operands[0].shape.last == operands[0].shape[operands[0].rank - 2]
    else { throw GraphError(.operands("expected square matrices, found \(operands)")) }
  }

  static func each<Element: FloatElement, Result>(
    _ tensor: Tensor, as type: Element.Type, _ body: (Elimination) -> Result
  ) -> [Result] {
    let n = tensor.shape.last!, count = tensor.shape.dropLast(2).reduce(1, *)
    let numbers = tensor.converted(to: .float64).elements(as: Double.self)
    return (0..<count).map { body(Elimination(Array(numbers[$0 * n * n..<($0 + 1) * n * n]), extent: n)) }
  }
}

// MARK: Export
extension Determinant: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("Det", operands)]
  }
}
