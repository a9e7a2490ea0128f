internal import NoemaTensor

/// A block of a row-major tensor seen under other axes: what slices, transpositions and reshapes leave of it without
/// a copy.
struct StridedView: Sendable, Hashable {
  /// The position of the first element.
  var offset: Int
  /// The axes' extents.
  var shape: [Int]
  /// The distance between neighbours along each axis, in elements.
  var strides: [Int]

  /// A whole tensor.
  init(of shape: [Int]) {
    offset = 0
    self.shape = shape
    strides = Shapes.strides(shape)
  }

  /// The axes in another order.
  func permuted(_ order: [Int]) -> StridedView {
    var view = self
    view.shape = order.map { shape[$0] }
    view.strides = order.map { strides[$0] }
    return view
  }

  /// A regular part.
  func sliced(_ slice: Slice) -> StridedView {
    var view = self
    for axis in shape.indices {
      view.offset += slice.starts[axis] * strides[axis]
      view.shape[axis] = slice.counts[axis]
      view.strides[axis] = strides[axis] * slice.steps[axis]
    }
    return view
  }

  /// The same elements under another shape; nil where no strides say that.
  func reshaped(to target: [Int]) -> StridedView? {
    guard !shape.contains(0), !target.contains(0) else { return nil }
    var result = [Int](repeating: 0, count: target.count)
    // Axes of extent 1 have no say. Groups of axes of equal product are matched from the back.
    let own = shape.indices.filter { shape[$0] != 1 }
    var position = own.count - 1
    var axis = target.count - 1
    while axis >= 0 {
      if target[axis] == 1 {
        axis -= 1
        continue
      }
      guard position >= 0 else { return nil }
      var have = shape[own[position]]
      var first = position
      var wanted = target[axis]
      var last = axis
      while have != wanted {
        if have < wanted {
          // Own axes have to follow each other without a gap.
          guard first > 0,
            strides[own[first - 1]] == strides[own[first]] * shape[own[first]]
          else { return nil }
          first -= 1
          have *= shape[own[first]]
        } else {
          guard last > 0 else { return nil }
          last -= 1
          wanted *= target[last]
        }
      }
      var step = strides[own[position]]
      for index in stride(from: axis, through: last, by: -1) {
        result[index] = step
        step *= target[index]
      }
      position = first - 1
      axis = last - 1
    }
    guard position < 0 else { return nil }
    // Nothing is ever read along an axis of extent 1, but oneDNN has fast products only for a matrix that looks like
    // any other.
    for axis in target.indices.reversed() where target[axis] == 1 {
      result[axis] = axis + 1 < target.count ? result[axis + 1] * target[axis + 1] : 1
    }
    var view = self
    view.shape = target
    view.strides = result
    return view
  }
}

extension Matcher {
  /// Follows movements back to the value whose memory holds the elements.
  func view(of value: Value) -> (base: Value, view: StridedView) {
    let own = (value, StridedView(of: shape(value)))
    guard let index = producers[value] else { return own }
    let node = nodes[index]
    switch node.operation {
    case let transpose as Transpose:
      let found = view(of: node.operands[0])
      return (found.base, found.view.permuted(transpose.permutation))
    case let slice as Slice where !slice.counts.contains(0):
      let found = view(of: node.operands[0])
      return (found.base, found.view.sliced(slice))
    case let split as Split:
      guard let part = node.results.firstIndex(of: value), split.sizes[part] > 0 else { return own }
      let found = view(of: node.operands[0])
      let slice = Slice(
        axis: split.axis, start: split.sizes[..<part].reduce(0, +), count: split.sizes[part],
        rank: found.view.shape.count, of: found.view.shape)
      return (found.base, found.view.sliced(slice))
    case let reshape as Reshape:
      let found = view(of: node.operands[0])
      return found.view.reshaped(to: reshape.shape).map { (found.base, $0) } ?? own
    default: return own
    }
  }
}
