internal import CDNNL

/// A sliding window: what convolutions and poolings share.
public struct Window: Sendable, Hashable {
  /// Extents of the window.
  public var kernel: [Int]
  /// Steps between windows.
  public var strides: [Int]
  /// Steps between elements of one window; 1 is dense.
  public var dilations: [Int]
  /// Padding before and after each axis.
  public var paddingBefore, paddingAfter: [Int]

  /// Makes a window; strides and dilations are 1 and padding 0 unless told otherwise.
  public init(
    kernel: [Int], strides: [Int]? = nil, dilations: [Int]? = nil, paddingBefore: [Int]? = nil,
    paddingAfter: [Int]? = nil
  ) {
    self.kernel = kernel
    self.strides = strides ?? kernel.map { _ in 1 }
    self.dilations = dilations ?? kernel.map { _ in 1 }
    self.paddingBefore = paddingBefore ?? kernel.map { _ in 0 }
    self.paddingAfter = paddingAfter ?? self.paddingBefore
  }

  /// The number of spatial axes.
  public var rank: Int { kernel.count }

  /// The extents of the windows laid over `spatial` extents.
  func resultExtents(_ spatial: [Int]) throws(GraphError) -> [Int] {
    guard spatial.count == rank, strides.count == rank, dilations.count == rank, paddingBefore.count == rank,
      paddingAfter.count == rank
    else {
      throw GraphError(.operands("a window of \(rank) axes does not fit \(spatial.count) spatial axes"))
    }
    var result: [Int] = []
    for axis in 0..<rank {
      guard kernel[axis] > 0, strides[axis] > 0, dilations[axis] > 0, kernel[axis] < 1 << 20,
        strides[axis] < 1 << 20,
        dilations[axis] < 1 << 20, paddingBefore[axis].magnitude < 1 << 20,
        paddingAfter[axis].magnitude < 1 << 20
      else { throw GraphError(.operands("the window \(self) is not positive or absurdly large")) }
      let extent =
        spatial[axis] + paddingBefore[axis] + paddingAfter[axis] - dilations[axis] * (kernel[axis] - 1) - 1
      guard extent >= 0 else {
        throw GraphError(
          .operands("a window of \(kernel[axis]) is larger than the padded extent of axis \(axis)"))
      }
      result.append(extent / strides[axis] + 1)
    }
    guard kernel.reduce(1, { $0.multipliedSaturating(by: $1) }) <= 1 << 46 else {
      throw GraphError(.operands("a window of \(kernel) is absurdly large"))
    }
    return result
  }

  /// The elements of a window, along one axis, that lie inside the operand.
  private func inside(_ extent: Int, axis: Int, at position: Int) -> Range<Int> {
    let start = position * strides[axis] - paddingBefore[axis], step = dilations[axis]
    let first = start >= 0 ? 0 : (step - 1 - start) / step
    let end = min(kernel[axis], extent > start ? (extent - start + step - 1) / step : 0)
    return min(first, end)..<end
  }

  /// How many elements of each window lie inside an operand, in row-major order.
  func insideCounts(_ spatial: [Int], _ result: [Int]) -> [Double] {
    (0..<rank).reduce([1]) { counts, axis in
      let along = (0..<result[axis]).map { Double(inside(spatial[axis], axis: axis, at: $0).count) }
      return counts.flatMap { count in along.map { count * $0 } }
    }
  }

  /// Calls `body` for each window position and each element inside the operand, in row-major order.
  ///
  /// The padding is not visited: windows may be far larger than what they lie over.
  ///
  /// - Parameter body: the window's index, the element's index in the window, the operand's spatial offset.
  func forEachElement(
    _ spatial: [Int], _ result: [Int], _ body: (_ window: Int, _ element: Int, _ offset: Int) -> Void
  ) {
    let spatialStrides = Shapes.strides(spatial), kernelStrides = Shapes.strides(kernel)
    var position = [Int](repeating: 0, count: rank)
    func visit(_ axis: Int, _ window: Int, _ element: Int, _ offset: Int) {
      guard axis < rank else { return body(window, element, offset) }
      let start = position[axis] * strides[axis] - paddingBefore[axis]
      for index in inside(spatial[axis], axis: axis, at: position[axis]) {
        visit(
          axis + 1, window, element + index * kernelStrides[axis],
          offset + (start + index * dilations[axis]) * spatialStrides[axis])
      }
    }
    for window in 0..<result.reduce(1, *) {
      Self.unravel(window, result, &position)
      visit(0, window, 0, 0)
    }
  }

  private static func unravel(_ index: Int, _ shape: [Int], _ position: inout [Int]) {
    var rest = index
    for axis in stride(from: shape.count - 1, through: 0, by: -1) {
      position[axis] = rest % shape[axis]
      rest /= shape[axis]
    }
  }

  /// Reads the window attributes of an ONNX convolution or pooling node.
  init(_ node: NodeReader, kernel: [Int], spatial: [Int], ceil: Bool = false) throws {
    guard kernel.count == spatial.count, !kernel.isEmpty else {
      throw node.error("kernel \(kernel) does not fit spatial extents \(spatial)")
    }
    self.init(kernel: kernel, strides: node.ints("strides"), dilations: node.ints("dilations"))
    let pads = node.ints("pads") ?? Array(repeating: 0, count: 2 * kernel.count)
    guard pads.count == 2 * rank, strides.count == rank, dilations.count == rank,
      (kernel + strides + dilations).allSatisfy({ (1..<1 << 20).contains($0) }),
      pads.allSatisfy({ (0..<1 << 20).contains($0) })
    else {
      throw node.error(
        "kernel \(kernel), strides \(strides), dilations \(dilations), pads \(pads) do not fit")
    }
    paddingBefore = Array(pads[..<rank])
    paddingAfter = Array(pads[rank...])
    let automatic = node.string("auto_pad", default: "NOTSET")
    for axis in 0..<rank {
      let reach = dilations[axis] * (kernel[axis] - 1) + 1
      switch automatic {
      case "SAME_UPPER", "SAME_LOWER":
        let windows = (spatial[axis] + strides[axis] - 1) / strides[axis]
        let total = max(0, (windows - 1) * strides[axis] + reach - spatial[axis])
        paddingBefore[axis] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2
        paddingAfter[axis] = total - paddingBefore[axis]
      case "VALID": (paddingBefore[axis], paddingAfter[axis]) = (0, 0)
      case "NOTSET": break
      default: throw node.error("auto_pad '\(automatic)' does not exist")
      }
      if ceil { extendForCeiling(axis, spatial[axis], reach) }
    }
  }

  /// Pads the end so that rounding down gives what rounding up would; a window may not start in the padding.
  private mutating func extendForCeiling(_ axis: Int, _ extent: Int, _ reach: Int) {
    let room = extent + paddingBefore[axis] + paddingAfter[axis] - reach
    guard room >= 0 else { return }
    var windows = (room + strides[axis] - 1) / strides[axis] + 1
    if (windows - 1) * strides[axis] >= extent + paddingBefore[axis] { windows -= 1 }
    paddingAfter[axis] = max(
      paddingAfter[axis], (windows - 1) * strides[axis] + reach - extent - paddingBefore[axis])
  }

  /// Calls `body` with the window as oneDNN wants it; dilation counts the gaps.
  func withDNNL<Result>(_ body: (UnsafePointer<ndnnl_window>, UnsafePointer<Int64>) -> Result) -> Result {
    let kernel = kernel.map(Int64.init), strides = strides.map(Int64.init)
    let dilations = dilations.map { Int64($0 - 1) }
    let before = paddingBefore.map(Int64.init), after = paddingAfter.map(Int64.init)
    return strides.withUnsafeBufferPointer { strides in
      dilations.withUnsafeBufferPointer { dilations in
        before.withUnsafeBufferPointer { before in
          after.withUnsafeBufferPointer { after in
            var window = ndnnl_window(
              spatial_rank: Int32(rank), strides: strides.baseAddress, dilations: dilations.baseAddress,
              padding_before: before.baseAddress, padding_after: after.baseAddress)
            return kernel.withUnsafeBufferPointer { kernel in
              withUnsafePointer(to: &window) { body($0, kernel.baseAddress!) }
            }
          }
        }
      }
    }
  }
}

// MARK: Export
extension Window {
  /// The attributes of ONNX's convolutions and poolings.
  func attributes(_ more: [(String, ONNXWriter.Attribute)] = []) -> [(String, ONNXWriter.Attribute)] {
    [
      ("kernel_shape", .ints(kernel)), ("strides", .ints(strides)), ("dilations", .ints(dilations)),
      ("pads", .ints(paddingBefore + paddingAfter)),
    ] + more
  }
}
