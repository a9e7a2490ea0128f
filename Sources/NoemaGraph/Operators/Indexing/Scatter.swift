public import NoemaTensor

/// Updates written into a tensor at given positions, or combined with what stands there.
///
/// - Shapes: `x […]`, `updates [i…]`, `positions [i…] →` like x; a position of -1 writes nothing.
/// - Source: ONNX ScatterElements, ScatterND and TensorScatter, written in terms of it.
public struct Scatter: Operator {
  /// What an update does to the element at its position.
  public enum Reduction: String, Sendable, Hashable {
    /// It replaces it; the last of several wins.
    case none
    case add, mul, max, min
  }

  /// What updates do.
  public var reduction: Reduction

  /// Makes a scatter.
  public init(_ reduction: Reduction) { self.reduction = reduction }

  public var relevanceRole: RelevanceRole {
    switch reduction {
    case .none: .movement
    case .add: .addition
    case .mul: .product
    case .max, .min: .pooling
    }
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 3, operands[0].element == operands[1].element,
      operands[1].shape == operands[2].shape, operands[2].element == .int64
    else {
      throw GraphError(
        .operands("expected a tensor, updates of its type and as many positions, found \(operands)"))
    }
    return [operands[0]]
  }
}

// MARK: Kernel
extension Scatter {
  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let positions = try Take.positions(operands[2], within: operands[0].count)
    switch operands[0].elementType {
    case .float32: return [combine(operands, positions, as: Float.self) { float($0, $1) }]
    case .float64: return [combine(operands, positions, as: Double.self) { float($0, $1) }]
    case let type:
      let wide = operands.prefix(2).map { $0.converted(to: .int64) }
      return [combine(wide, positions, as: Int64.self) { integer($0, $1) }.wrapped(to: type)]
    }
  }

  private func combine<Element: TensorElement>(
    _ operands: [Tensor], _ positions: [Int], as type: Element.Type, _ change: (Element, Element) -> Element
  ) -> Tensor {
    var x = operands[0].elements(as: Element.self)
    operands[1].withElements(as: Element.self) { updates in
      for (slot, position) in positions.enumerated() where position >= 0 {
        x[position] = change(x[position], updates[slot])
      }
    }
    return Tensor(shape: operands[0].shape, x)
  }

  private func float<Element: FloatElement>(_ old: Element, _ new: Element) -> Element {
    switch reduction {
    case .none: new
    case .add: old + new
    case .mul: old * new
    case .max: old.isNaN || old > new ? old : new
    case .min: old.isNaN || old < new ? old : new
    }
  }

  private func integer(_ old: Int64, _ new: Int64) -> Int64 {
    switch reduction {
    case .none: new
    case .add: old &+ new
    case .mul: old &* new
    case .max: Swift.max(old, new)
    case .min: Swift.min(old, new)
    }
  }
}

// MARK: Derivative
extension Scatter {
  /// As in PyTorch: a replaced element passes nothing on, a factor receives the product of the others, and those that
  /// reach an extremum share it equally. Several replacements of one element each receive its cotangent.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil, nil] }
    let x = node.operands[0], updates = node.operands[1], positions = node.operands[2]
    let y = node.results[0]
    func at(_ value: Value) throws(GraphError) -> Value { try graph.apply(Take(), value, positions) }
    switch reduction {
    case .none:
      let zeros = try graph.broadcast(graph.addScalar(0, like: g), to: graph.type(of: updates).shape)
      return [try graph.apply(Scatter(.none), g, zeros, positions), try at(g), nil]
    case .add: return [g, try at(g), nil]
    case .mul:
      // Products without their zeros, which are counted instead: divided by a factor they are those of the others.
      let zero = graph.addScalar(0, like: x)
      let own = try graph.equality(x, zero), theirs = try graph.equality(updates, zero)
      let count = try graph.apply(Scatter(.add), own, theirs, positions)
      let factor = try graph.apply(Binary(.add), x, own),
        update = try graph.apply(Binary(.add), updates, theirs)
      let flow = try graph.apply(Binary(.mul), g, graph.apply(Scatter(.mul), factor, update, positions))
      func share(_ flow: Value, _ zeros: Value, _ isZero: Value, _ by: Value) throws(GraphError) -> Value {
        let isAlone = try graph.equality(zeros, isZero)
        return try graph.apply(Binary(.mul), isAlone, graph.apply(Binary(.div), flow, by))
      }
      return [try share(flow, count, own, factor), try share(at(flow), at(count), theirs, update), nil]
    case .max, .min:
      let own = try graph.equality(x, y), theirs = try graph.equality(updates, at(y))
      let count = try graph.apply(Scatter(.add), own, theirs, positions)
      let share = try graph.apply(Binary(.div), g, count)
      return [
        try graph.apply(Binary(.mul), own, share), try graph.apply(Binary(.mul), theirs, at(share)), nil,
      ]
    }
  }
}

extension Graph {
  /// 1 where two values of one float type are equal, 0 elsewhere.
  mutating func equality(_ a: Value, _ b: Value) throws(GraphError) -> Value {
    let gap = try apply(Unary(.abs), apply(Binary(.sub), a, b))
    return try apply(Binary(.sub), addScalar(1, like: a), apply(Unary(.sign), gap))
  }
}

// MARK: Export
extension Scatter: ExportableOperator {
  /// On the flat tensor with one element behind, into which position -1 then writes.
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let type = writer.type(of: node.operands[0])
    let flat = operands.map { writer.emit("Reshape", [$0, writer.integers([-1])]) }
    let zero = writer.emit("Expand", [writer.scalar(0, like: node.operands[0]), writer.integers([1])])
    let longer = writer.emit("Concat", [flat[0], zero], [("axis", .int(0))])
    let written = writer.emit(
      "ScatterElements", [longer, flat[2], flat[1]],
      [("axis", .int(0)), ("reduction", .string(reduction.rawValue))])
    let kept = writer.emit(
      "Slice", [written, writer.integers([0]), writer.integers([type.count]), writer.integers([0])])
    return [writer.emit("Reshape", [kept, writer.integers(type.shape)])]
  }
}
