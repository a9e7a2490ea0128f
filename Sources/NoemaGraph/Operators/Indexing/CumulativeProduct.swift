internal import NoemaTensor

/// The running product along one axis, in as many steps as the extent has binary digits.
///
/// Products of elements shifted ever further have derivatives where elements are 0 as well, which quotients of the
/// result would not.
///
/// - Source: ONNX CumProd-26.
enum CumulativeProduct {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("CumProd", opset: 26...ONNXBinding.newestOpset) { node in
      guard let given = try node.constant(1).integers().first else { throw node.error("the axis is missing") }
      var y = try node.operand(0)
      let shape = node.shape(of: y)
      let axis = try Shapes.axis(given, rank: shape.count), extent = shape[axis]
      let isReversed = node.int("reverse", default: 0) != 0
      if extent == 0 { return [y] }
      if isReversed { y = try node.reversed(y, axis: axis) }
      if node.int("exclusive", default: 0) != 0 { y = try node.shifted(y, axis: axis, by: 1) }
      var reach = 1
      while reach < extent {
        y = try node.product(y, node.shifted(y, axis: axis, by: reach))
        reach *= 2
      }
      return [isReversed ? try node.reversed(y, axis: axis) : y]
    }
  ]
}

extension NodeReader {
  /// The elements of an axis in opposite order.
  fileprivate func reversed(_ x: Value, axis: Int) throws -> Value {
    let shape = shape(of: x)
    var slice = Slice(starts: shape.map { _ in 0 }, counts: shape, steps: shape.map { _ in 1 })
    (slice.starts[axis], slice.steps[axis]) = (shape[axis] - 1, -1)
    return try emit(slice, x)
  }

  /// The elements of an axis some places further on, behind ones.
  fileprivate func shifted(_ x: Value, axis: Int, by places: Int) throws -> Value {
    var front = shape(of: x)
    let kept = front[axis] - places
    front[axis] = places
    let ones = try emit(Broadcast(shape: front), scalar(1, like: x))
    return kept == 0 ? ones : try joined([ones, slice(x, axis: axis, 0..<kept)], axis: axis)
  }
}
