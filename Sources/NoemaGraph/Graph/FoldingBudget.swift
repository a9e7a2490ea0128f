internal import NoemaTensor

/// What may be worked out before a network runs, while it is read and by passes: a file of a few bytes can ask for any
/// number of large constants.
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

extension Graph {
  /// Elements above which constants are left to be computed when the network runs, within its memory budget.
  private static let largestFoldedConstant = 1 << 22

  /// The results of an operator whose operands are all constant; nil where one is not, or where the results or
  /// the work exceed the budget.
  mutating func folded(_ operation: any Operator, _ operands: [Value]) throws -> [Tensor]? {
    let tensors = operands.compactMap { constants[$0] }
    guard tensors.count == operands.count else { return nil }
    let types = tensors.map { TensorType(of: $0) }, results = try operation.resultTypes(of: types)
    // Nothing is computed where nothing comes out, however long the axes beside an empty one are.
    if results.allSatisfy(\.isEmpty) {
      return try results.map { try Tensor(shape: $0.shape, elementType: $0.element) { _ in } }
    }
    return admits(operation, types, results) ? try operation.evaluate(tensors) : nil
  }

  /// Whether an operator may be evaluated; what does not grow has its memory already.
  private mutating func admits(
    _ operation: any Operator, _ operands: [TensorType], _ results: [TensorType]
  ) -> Bool {
    let most = operands.reduce(Self.largestFoldedConstant) { max($0, $1.count) }
    var bytes = 0
    for type in results {
      guard let size = try? Tensor.byteCount(shape: type.shape, elementType: type.element), type.count <= most
      else { return false }
      bytes += size
    }
    let work = (operands + results).reduce(operation.multiplyAdds(operands, results)) { $0 + $1.count }
    return folding.admits(bytes: bytes, work: work)
  }
}
