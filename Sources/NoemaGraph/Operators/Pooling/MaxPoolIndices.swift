public import NoemaTensor

/// Where a max pooling found the largest element of each window, counted over the whole operand.
///
/// - Shapes: `[N, C, …] → [N, C, …]`; the result is int64, -1 where a window lies in the padding.
/// - Source: the second result of ONNX MaxPool-8 to -22.
public struct MaxPoolIndices: FloatOperator {
  /// The pooling's window.
  public var window: Window
  /// Whether spatial positions count along the first axis first.
  public var isColumnMajor: Bool

  /// Makes the operator.
  public init(window: Window, isColumnMajor: Bool = false) {
    self.window = window
    self.isColumnMajor = isColumnMajor
  }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    [TensorType(try MaxPool(window: window).resultTypes(of: operands)[0].shape, .int64)]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    var winners = MaxPool(window: window).winners(operands[0], type, shape)
    if isColumnMajor {
      let spatial = Array(operands[0].shape[2...]), area = spatial.reduce(1, *)
      let strides = Shapes.strides(spatial)
      for index in winners.indices where winners[index] >= 0 {
        let plane = winners[index] / area
        var position = 0, step = 1
        for axis in spatial.indices {
          position += winners[index] / strides[axis] % spatial[axis] * step
          step *= spatial[axis]
        }
        winners[index] = plane * area + position
      }
    }
    return [Tensor(shape: shape, winners.map { Int64($0) })]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil] }
}
