public import NoemaTensor

/// The running sum along one axis.
///
/// - Shapes: `[…] → […]`.
/// - Source: ONNX CumSum-11 to -14.
public struct CumulativeSum: Operator {
  /// The axis, in `0..<rank`.
  public var axis: Int
  /// Whether an element is left out of its own sum.
  public var isExclusive: Bool
  /// Whether the sum runs from the end.
  public var isReversed: Bool

  /// Makes a running sum.
  public init(axis: Int, isExclusive: Bool = false, isReversed: Bool = false) {
    self.axis = axis
    self.isExclusive = isExclusive
    self.isReversed = isReversed
  }

  public var relevanceRole: RelevanceRole { .addition }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("CumSum", opset: 11...ONNXBinding.newestOpset) { node in
        guard let given = try node.constant(1).integers().first else {
          throw node.error("the axis is missing")
        }
        let sum = CumulativeSum(
          axis: try Shapes.axis(given, rank: node.rank(0)),
          isExclusive: node.int("exclusive", default: 0) != 0,
          isReversed: node.int("reverse", default: 0) != 0)
        return [try node.emit(sum, node.operand(0))]
      }
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].shape.indices.contains(axis) else {
      throw GraphError(.operands("axis \(axis) does not fit \(operands)"))
    }
    return operands
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    switch operands[0].elementType {
    case .float32: return [run(operands[0], as: Float.self, zero: 0) { $0 + $1 }]
    case .float64: return [run(operands[0], as: Double.self, zero: 0) { $0 + $1 }]
    case let type:
      let wide = operands[0].converted(to: .int64)
      return [run(wide, as: Int64.self, zero: 0) { $0 &+ $1 }.wrapped(to: type)]
    }
  }

  private func run<Element: TensorElement>(
    _ tensor: Tensor, as type: Element.Type, zero: Element, _ add: (Element, Element) -> Element
  ) -> Tensor {
    let shape = tensor.shape, extent = shape[axis], inner = shape[(axis + 1)...].reduce(1, *)
    var y = tensor.elements(as: Element.self)
    guard !y.isEmpty else { return tensor }
    for lane in 0..<y.count / extent {
      let start = lane / inner * inner * extent + lane % inner
      var sum = zero
      for index in 0..<extent {
        let at = start + (isReversed ? extent - 1 - index : index) * inner
        let before = sum
        sum = add(sum, y[at])
        y[at] = isExclusive ? before : sum
      }
    }
    return Tensor(shape: shape, y)
  }

  /// The sum of the cotangents the other way round.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    let back = CumulativeSum(axis: axis, isExclusive: isExclusive, isReversed: !isReversed)
    return [try graph.apply(back, g)]
  }
}

// MARK: Export
extension CumulativeSum: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let axis = writer.constant(Tensor(Int64(self.axis)))
    return [
      writer.emit(
        "CumSum", [operands[0], axis],
        [("exclusive", .int(isExclusive ? 1 : 0)), ("reverse", .int(isReversed ? 1 : 0))])
    ]
  }
}
