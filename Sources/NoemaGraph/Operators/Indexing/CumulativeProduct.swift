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

extension Graph {
  /// For each element the product of all others along some axes, without quotients.
  mutating func productOfOthers(_ x: Value, along axes: [Int]) throws(GraphError) -> Value {
    let shape = type(of: x).shape
    let order = shape.indices.filter { !axes.contains($0) } + axes
    let moved = order.map { shape[$0] }
    let count = axes.reduce(1) { $0 * shape[$1] }
    if count <= 1 { return try broadcast(addScalar(1, like: x), to: shape) }
    let rows = try apply(
      Reshape(shape: [moved.dropLast(axes.count).reduce(1, *), count]),
      apply(Transpose(permutation: order), x))
    let others = try apply(
      Binary(.mul), exclusiveProducts(rows, isReversed: false), exclusiveProducts(rows, isReversed: true))
    return try apply(
      Transpose(permutation: order.indices.map { order.firstIndex(of: $0)! }),
      apply(Reshape(shape: moved), others))
  }

  /// For each element of a row the product of those before it, or behind it.
  private mutating func exclusiveProducts(_ rows: Value, isReversed: Bool) throws(GraphError) -> Value {
    let shape = type(of: rows).shape
    var graph = self
    func shifted(_ x: Value, by places: Int) throws(GraphError) -> Value {
      let kept = try graph.apply(
        Slice(starts: [0, isReversed ? places : 0], counts: [shape[0], shape[1] - places], steps: [1, 1]), x)
      let pads = (near: [0, places], far: [0, 0])
      return try graph.apply(
        Pad(before: isReversed ? pads.far : pads.near, after: isReversed ? pads.near : pads.far, fill: 1),
        kept)
    }
    var y = try shifted(rows, by: 1)
    var reach = 1
    while reach < shape[1] {
      y = try graph.apply(Binary(.mul), y, shifted(y, by: reach))
      reach *= 2
    }
    self = graph
    return y
  }
}
