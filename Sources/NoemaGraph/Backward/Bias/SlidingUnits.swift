internal import NoemaTensor

/// The units of a convolution or of a transposed one: which positions of the input each position of the result reads.
struct SlidingUnits: Sendable, Hashable {
  /// The window; of a transposed convolution that of the convolution whose adjoint it is.
  let window: Window
  /// The number of groups of channels.
  let groups: Int
  /// Spatial extents of the input and of the result.
  let extents, results: [Int]
  /// Whether it is a transposed convolution.
  let isTransposed: Bool

  /// The units of a convolution of an input of a shape.
  init(_ convolution: Convolution, _ shape: [Int]) throws(GraphError) {
    (window, groups, isTransposed) = (convolution.window, convolution.groups, false)
    extents = Array(shape[2...])
    results = try convolution.window.resultExtents(extents)
  }

  /// The units of a transposed convolution of an input of a shape.
  init(_ transposed: ConvolutionInputGradient, _ shape: [Int]) {
    (window, groups, isTransposed) = (transposed.window, transposed.groups, true)
    (extents, results) = (Array(shape[2...]), transposed.extents)
  }

  /// The adjoint of the same map with one channel for each group, of a value and of weights `[groups, 1, k…]`.
  var adjoint: any Operator {
    isTransposed
      ? Convolution(window: window, groups: groups, hasBias: false)
      : ConvolutionInputGradient(window: window, groups: groups, extents: extents)
  }

  /// Calls `body` with each position of the result, element of the kernel and position of the input that meet.
  func forEachMeeting(_ body: (_ result: Int, _ element: Int, _ position: Int) -> Void) {
    if isTransposed {
      window.forEachElement(results, extents) { body($2, $1, $0) }
    } else {
      window.forEachElement(extents, results, body)
    }
  }

  /// How many positions each position of the result reads.
  var inputCounts: [Double] {
    var counts = [Double](repeating: 0, count: results.reduce(1, *))
    forEachMeeting { result, _, _ in counts[result] += 1 }
    return counts
  }
}
