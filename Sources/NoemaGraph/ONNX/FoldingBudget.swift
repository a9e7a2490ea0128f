/// What may be worked out while a network is read: a file of a few bytes can ask for any number of large constants.
struct FoldingBudget: Sendable {
  /// Bytes that may still be taken; negative when more were.
  private(set) var bytes: Int
  /// Multiply-adds and elements that may still be visited.
  private(set) var work: Int

  /// Work that is always done: arithmetic on shapes.
  private static let smallWork = 1 << 12

  /// A budget for a network of so many bytes of weights, which may all be rearranged once.
  init(weightByteCount: Int = 0) {
    bytes = 1 << 29 + weightByteCount
    work = 1 << 27 + 4 * weightByteCount
  }

  /// Whether more was taken than there is.
  var isExceeded: Bool { bytes < 0 }

  /// Takes what a constant needs, if it is there.
  mutating func admits(bytes: Int, work: Int) -> Bool {
    guard bytes <= self.bytes, work <= max(self.work, Self.smallWork) else { return false }
    self.bytes -= bytes
    self.work = max(0, self.work - work)
    return true
  }

  /// Takes what a constant has needed already.
  mutating func take(_ type: TensorType) {
    bytes -= type.byteCount
    work = max(0, work - type.count)
  }
}
