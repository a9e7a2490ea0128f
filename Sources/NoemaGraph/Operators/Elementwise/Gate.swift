public import NoemaTensor

/// Passes a value where a control lies inside an interval: the derivative of ReLU and clips.
///
/// `g · inside` where `lower < c < upper`, `g · below` where `c ≤ lower`, `g · above` where `c ≥ upper`.
///
/// With three operands `g` is the sum of the first two; the control is always the last.
///
/// - Shapes: `g […]`, `c […] → […]`.
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
    guard (2...3).contains(operands.count), operands.allSatisfy({ $0.shape == operands[0].shape }) else {
      throw GraphError(.operands("expected two or three operands of one shape, found \(operands)"))
    }
    return [operands[0]]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let (lower, upper) = (Element(lower), Element(upper))
    let (below, inside, above) = (Element(below), Element(inside), Element(above))
    var g = operands[0].elements(as: Element.self)
    if operands.count == 3 {
      operands[1].withElements(as: Element.self) { other in for i in g.indices { g[i] += other[i] } }
    }
    return operands[operands.count - 1].withElements(as: Element.self) { c in
      [
        Tensor(
          shape: operands[0].shape,
          zip(g, c).map { g, c in c <= lower ? g * below : c >= upper ? g * above : g * inside })
      ]
    }
  }

  /// One sweep in the cotangent's layout, which the gradient before it chose and the one behind it wants; the
  /// control's where the cotangent has none. Zero padding stays zero because `g` is zero there.
  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard results[0].element == .float32 else { return nil }
    let layout = operands.first { $0.layout != .plain }?.layout ?? .plain
    let count = layout.byteCount(of: results[0]) / 4
    let (lower, upper) = (Float(lower), Float(upper))
    let (below, inside, above) = (Float(below), Float(inside), Float(above))
    let layouts = operands.map { _ in layout }
    let addsOperand = operands.count == 3
    return ClosureKernel(operands: layouts, results: [layout], reusableOperand: 0) { memory in
      nonisolated(unsafe) let g = memory.operands[0].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let other = memory.operands[1].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let c = memory.operands[memory.operands.count - 1].assumingMemoryBound(
        to: Float.self)
      nonisolated(unsafe) let result = memory.results[0].assumingMemoryBound(to: Float.self)
      @Sendable func factor(_ c: Float) -> Float { c <= lower ? below : c >= upper ? above : inside }
      Parallel.ranges(count) { range in
        // Two loops, so that neither asks at every element which one it is.
        if addsOperand {
          for i in range { result[i] = (g[i] + other[i]) * factor(c[i]) }
        } else {
          for i in range { result[i] = g[i] * factor(c[i]) }
        }
      }
    }
  }

  /// Linear in `g`; the control's derivative is zero almost everywhere.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil] }
    // ThresholdedRelu gates a value by itself; the sum of both paths is this one.
    let passed = try graph.apply(self, g, node.operands[node.operands.count - 1])
    return node.operands.dropLast().map { _ in passed } + [nil]
  }
}

// MARK: Export
extension Gate: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let control = operands[operands.count - 1], like = node.operands[node.operands.count - 1]
    let g = operands.count == 3 ? writer.emit("Add", Array(operands[..<2])) : operands[0]
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
