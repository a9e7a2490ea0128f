internal import CVector
public import NoemaTensor

/// Passes a value where a control lies inside an interval: the derivative of ReLU and clips.
///
/// `g · inside` where `lower < c < upper`, `g · below` where `c ≤ lower`, `g · above` where `c ≥ upper`.
///
/// - Shapes: `g […]`, `c […] → […]`; the control may be of another element type.
public struct Gate: FloatOperator {
  /// The interval's open ends.
  public var lower: Double
  public var upper: Double
  /// Factors below, inside and above the interval.
  public var below: Double
  public var inside: Double
  public var above: Double

  /// Makes a gate; by default nothing passes outside.
  public init(
    lower: Double = -.infinity, upper: Double = .infinity, below: Double = 0, inside: Double = 1,
    above: Double = 0
  ) {
    (self.lower, self.upper, self.below, self.inside, self.above) = (lower, upper, below, inside, above)
  }

  public var relevanceRole: RelevanceRole { .activation }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2, operands[0].shape == operands[1].shape else {
      throw GraphError(.operands("expected two operands of one shape, found \(operands)"))
    }
    return [operands[0]]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let (lower, upper) = (Element(lower), Element(upper))
    let (below, inside, above) = (Element(below), Element(inside), Element(above))
    let g = operands[0].elements(as: Element.self)
    return operands[1].converted(to: operands[0].elementType).withElements(as: Element.self) { c in
      [
        Tensor(
          shape: operands[0].shape,
          zip(g, c).map { g, c in c <= lower ? g * below : c >= upper ? g * above : g * inside })
      ]
    }
  }

  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    try Chain(.gate(self), operandCount: 2).kernel(for: operands, results: results)
  }

  /// Linear in `g`; the control's derivative is zero almost everywhere.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil] }
    // ThresholdedRelu gates a value by itself; the sum of both paths is this one.
    return [try graph.apply(self, g, node.operands[1]), nil]
  }
}

// MARK: Export
extension Gate: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let g = operands[0], control = operands[1], like = node.operands[1]
    func scaled(_ factor: Double) -> String {
      factor == 1 ? g : writer.emit("Mul", [g, writer.scalar(factor, like: like)])
    }
    var result = scaled(inside)
    if upper < .infinity {
      let isAbove = writer.emit("GreaterOrEqual", [control, writer.scalar(upper, like: like)])
      result = writer.emit("Where", [isAbove, scaled(above), result])
    }
    if lower > -.infinity {
      let isBelow = writer.emit("LessOrEqual", [control, writer.scalar(lower, like: like)])
      result = writer.emit("Where", [isBelow, scaled(below), result])
    }
    return [result]
  }
}

/// Where each element lies of an interval: 0 below and at its lower end, 1 inside, 2 at its upper end and above. Only
/// the execution passes make it: a byte stands in for the control of a gate that is far behind.
///
/// - Shapes: `c […] → […]`, of `uint8`.
struct Region: FloatOperator {
  /// The interval's open ends.
  var lower: Double
  var upper: Double

  var relevanceRole: RelevanceRole { .none }

  func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].element.isFloat else {
      throw GraphError(.operands("expected one operand of floats, found \(operands)"))
    }
    return [TensorType(operands[0].shape, .uint8)]
  }

  func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor] {
    let (lower, upper) = (Element(lower), Element(upper))
    return operands[0].withElements(as: Element.self) { c in
      [Tensor(shape: operands[0].shape, c.map { $0 <= lower ? UInt8(0) : $0 >= upper ? 2 : 1 })]
    }
  }

  /// One sweep in the control's layout.
  func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)? {
    guard operands[0].type.element == .float32 else { return nil }
    let layout = operands[0].layout, count = layout.byteCount(of: operands[0].type) / 4
    return ClosureKernel(operands: [layout], results: [layout]) { [lower, upper] memory in
      nonisolated(unsafe) let x = memory.operands[0].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let y = memory.results[0].assumingMemoryBound(to: UInt8.self)
      Parallel.ranges(count) { range in
        cv_regions(x, y, Float(lower), Float(upper), Int64(range.lowerBound), Int64(range.upperBound))
      }
    }
  }

  func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil] }
}
