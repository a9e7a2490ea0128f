internal import NoemaTensor

extension Graph {
  /// `R / (z + ε sgn z)` with `sgn 0 = 1`; with `ε = 0`, 0 where z is.
  mutating func quotient(_ relevance: Value, by z: Value, epsilon: Double) throws(GraphError) -> Value {
    try apply(Binary(.div), relevance, apply(Unary(.stabilized(epsilon: epsilon)), z))
  }

  /// `max(x, 0)`.
  mutating func positivePart(_ x: Value) throws(GraphError) -> Value { try apply(Unary(.relu), x) }

  /// `min(x, 0)`.
  mutating func negativePart(_ x: Value) throws(GraphError) -> Value {
    try apply(Unary(.clip(lower: -.infinity, upper: 0)), x)
  }
}

extension Tensor {
  /// A function of each element of a float tensor, of the same type.
  func mappingFloats(_ transform: (Double) -> Double) -> Tensor {
    elementType == .float64
      ? Tensor(shape: shape, withElements(as: Double.self) { $0.map(transform) })
      : Tensor(
        shape: shape,
        converted(to: .float32).withElements(as: Float.self) { $0.map { Float(transform(Double($0))) } })
  }

  var positivePart: Tensor { mappingFloats { max($0, 0) } }
  var negativePart: Tensor { mappingFloats { min($0, 0) } }
}
