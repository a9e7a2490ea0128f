internal import NoemaGraph

/// Windows of one size at regular places in an array of any rank; the last ones end at the border.
struct WindowGrid: Sendable {
  /// The array's extents.
  let shape: [Int]
  /// The windows' extents.
  let window: [Int]
  private let strides: [Int]
  private let counts: [Int]

  /// Lays out windows.
  ///
  /// - Parameters:
  ///   - window: extents of the last axes; windows span the axes before.
  ///   - stride: steps along the same axes; half a window when empty.
  ///   - name: the array's name, for messages.
  /// - Throws: `GraphError.input` for windows that do not fit, and for strides that leave elements out.
  init(_ shape: [Int], window: [Int], stride: [Int], of name: String) throws(GraphError) {
    guard window.count <= shape.count, stride.isEmpty || stride.count == window.count else {
      throw GraphError(
        .input(
          "'\(name)' has shape \(shape) per example; a window of \(window) and a stride of \(stride) do "
            + "not fit"
        ))
    }
    let whole = Array(shape.dropLast(window.count))
    let steps = stride.isEmpty ? window.map { max(1, $0 / 2) } : stride
    (self.shape, self.window, strides) = (shape, whole + window, whole + steps)
    for (axis, extent) in shape.enumerated() {
      guard (1...max(extent, 1)).contains(self.window[axis]), extent > 0 else {
        throw GraphError(
          .input(
            "a window of \(self.window) does not fit '\(name)', which has shape \(shape) per example; "
              + "extents must be between 1 and the axis's own"))
      }
      guard (1...self.window[axis]).contains(strides[axis]) else {
        throw GraphError(
          .input(
            "a stride of \(steps) with a window of \(window) leaves out elements of '\(name)'; strides "
              + "must be between 1 and the window's extents"))
      }
    }
    counts = shape.indices.map { [window = self.window, strides] axis in
      (shape[axis] - window[axis] + strides[axis] - 1) / strides[axis] + 1
    }
  }

  /// The number of windows.
  var count: Int { counts.reduce(1, *) }

  /// The elements of a window, as ranges along the axes.
  func box(_ index: Int) -> [Range<Int>] {
    var rest = index, box = shape.map { 0..<$0 }
    for axis in shape.indices.reversed() {
      let start = rest % counts[axis] * strides[axis]
      rest /= counts[axis]
      box[axis] = start..<min(start + window[axis], shape[axis])
    }
    return box
  }

  /// The middle of a window: all of an axis that the window spans.
  func centre(_ index: Int) -> [Range<Int>] {
    zip(box(index), shape).map { range, extent in
      if range.count == extent { return range }
      let middle = (range.lowerBound + range.upperBound - 1) / 2
      return middle..<middle + 1
    }
  }

  /// Calls `body` with the offsets of a box's elements in row-major order, as ranges.
  func forEachRun(in box: [Range<Int>], _ body: (Range<Int>) -> Void) {
    guard let last = box.last else { return body(0..<1) }
    let rows = box.dropLast().reduce(1) { $0 * $1.count }
    for row in 0..<rows {
      var rest = row, offset = 0, size = shape[shape.count - 1]
      for axis in box.indices.dropLast().reversed() {
        offset += (box[axis].lowerBound + rest % box[axis].count) * size
        rest /= box[axis].count
        size *= shape[axis]
      }
      body(offset + last.lowerBound..<offset + last.upperBound)
    }
  }

  /// The number of windows that cover each element.
  var cover: [Int] {
    var found = [Int](repeating: 0, count: shape.reduce(1, *))
    for index in 0..<count {
      forEachRun(in: box(index)) { for i in $0 { found[i] += 1 } }
    }
    return found
  }
}
