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
      let x = try node.operand(0)
      let axis = try Shapes.axis(given, rank: node.rank(0))
      let isExclusive = node.int("exclusive", default: 0) != 0
      let isReversed = node.int("reverse", default: 0) != 0
      return [
        try node.build { graph throws(GraphError) in
          try graph.runningProducts(x, axis: axis, isExclusive: isExclusive, isReversed: isReversed)
        }
      ]
    }
  ]
}

extension Graph {
  /// For each element the product of those before it along an axis, or behind it when reversed, with itself unless
  /// exclusive.
  mutating func runningProducts(
    _ x: Value, axis: Int, isExclusive: Bool, isReversed: Bool
  ) throws(GraphError) -> Value {
    let extent = type(of: x).shape[axis]
    if extent == 0 { return x }
    var y = x
    if isExclusive { y = try shifted(y, axis: axis, by: 1, isReversed: isReversed) }
    var reach = 1
    while reach < extent {
      y = try apply(Binary(.mul), y, shifted(y, axis: axis, by: reach, isReversed: isReversed))
      reach *= 2
    }
    return y
  }

  /// The elements of an axis some places further on, behind ones; or further back, before ones.
  private mutating func shifted(
    _ x: Value, axis: Int, by places: Int, isReversed: Bool
  ) throws(GraphError) -> Value {
    let shape = type(of: x).shape, zeros = shape.map { _ in 0 }
    var slice = Slice(starts: zeros, counts: shape, steps: shape.map { _ in 1 }), ones = zeros
    slice.starts[axis] = isReversed ? places : 0
    slice.counts[axis] -= places
    ones[axis] = places
    return try apply(
      Pad(before: isReversed ? zeros : ones, after: isReversed ? ones : zeros, fill: 1), apply(slice, x))
  }

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
      Binary(.mul), runningProducts(rows, axis: 1, isExclusive: true, isReversed: false),
      runningProducts(rows, axis: 1, isExclusive: true, isReversed: true))
    return try apply(
      Transpose(permutation: order.indices.map { order.firstIndex(of: $0)! }),
      apply(Reshape(shape: moved), others))
  }
}
