internal import NoemaTensor

/// Shorthand for bindings that write an operator as a formula of others.
extension NodeReader {
  func shape(of value: Value) -> [Int] { graph.type(of: value).shape }

  func sum(_ a: Value, _ b: Value) throws -> Value { try emit(Binary(.add), a, b) }
  func difference(_ a: Value, _ b: Value) throws -> Value { try emit(Binary(.sub), a, b) }
  func product(_ a: Value, _ b: Value) throws -> Value { try emit(Binary(.mul), a, b) }
  func quotient(_ a: Value, _ b: Value) throws -> Value { try emit(Binary(.div), a, b) }

  /// `x + number`; nothing for 0.
  func shifted(_ x: Value, by number: Double) throws -> Value {
    number == 0 ? x : try sum(x, scalar(number, like: x))
  }
  /// `x · number`; nothing for 1.
  func scaled(_ x: Value, by number: Double) throws -> Value {
    number == 1 ? x : try product(x, scalar(number, like: x))
  }

  func apply(_ function: ScalarFunction, _ x: Value) throws -> Value { try emit(Unary(function), x) }

  func mean(_ x: Value, axes: [Int]) throws -> Value {
    try emit(Reduction(.mean, axes: axes, keepsAxes: true), x)
  }

  func reshaped(_ x: Value, to target: [Int]) throws -> Value {
    shape(of: x) == target ? x : try emit(Reshape(shape: target), x)
  }
  func transposed(_ x: Value, _ permutation: [Int]) throws -> Value {
    permutation == Array(permutation.indices) ? x : try emit(Transpose(permutation: permutation), x)
  }
  /// The operand with its last two axes exchanged.
  func matrixTransposed(_ x: Value) throws -> Value {
    var order = Array(shape(of: x).indices)
    order.swapAt(order.count - 1, order.count - 2)
    return try transposed(x, order)
  }
  func slice(_ x: Value, axis: Int, _ range: Range<Int>) throws -> Value {
    let from = shape(of: x)
    if range == 0..<from[axis] { return x }
    return try emit(
      Slice(axis: axis, start: range.lowerBound, count: range.count, rank: from.count, of: from), x)
  }
  func parts(_ x: Value, axis: Int, _ sizes: [Int]) throws -> [Value] {
    sizes.count == 1 ? [x] : try emit(Split(axis: axis, sizes: sizes), [x])
  }
  func joined(_ values: [Value], axis: Int) throws -> Value {
    values.count == 1 ? values[0] : try emit(Concatenation(axis: axis), values)[0]
  }

  /// Zeros of the element type of another value.
  func zeros(_ shape: [Int], like value: Value) throws -> Value {
    try emit(Broadcast(shape: shape), scalar(0, like: value))
  }
}
