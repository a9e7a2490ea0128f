public import NoemaTensor

/// Elements of a tensor at given positions: what every gather becomes once its positions are known.
///
/// - Shapes: `x […]`, `positions [i…] → [i…]`; a position counts elements in row-major order, and -1 reads 0.
/// - Source: ONNX GatherElements, GatherND, ReverseSequence, TopK and samplings, written in terms of it.
public struct Take: Operator {
  /// Makes the operator.
  public init() {}

  public var relevanceRole: RelevanceRole { .movement }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2, operands[1].element == .int64 else {
      throw GraphError(.operands("expected a tensor and int64 positions, found \(operands)"))
    }
    return [TensorType(operands[1].shape, operands[0].element)]
  }

  /// Positions within `count` elements, or -1 for none.
  static func positions(_ tensor: Tensor, within count: Int) throws(GraphError) -> [Int] {
    let positions = tensor.elements(as: Int64.self).map { Int($0) }
    if let outside = positions.first(where: { $0 < -1 || $0 >= count }) {
      throw GraphError(.operands("position \(outside) lies outside a tensor of \(count) elements"))
    }
    return positions
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let x = operands[0], positions = try Self.positions(operands[1], within: x.count)
    func copy<Word: FixedWidthInteger>(_ word: Word.Type) throws -> Tensor {
      try Tensor(shape: operands[1].shape, elementType: x.elementType) { bytes in
        let target = bytes.bindMemory(to: Word.self)
        x.withBytes { source in
          let source = source.bindMemory(to: Word.self)
          for (slot, position) in positions.enumerated() {
            target[slot] = position < 0 ? 0 : source[position]
          }
        }
      }
    }
    switch x.elementType.byteCount {
    case 8: return [try copy(UInt64.self)]
    case 4: return [try copy(UInt32.self)]
    case 2: return [try copy(UInt16.self)]
    default: return [try copy(UInt8.self)]
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil] }
    let shape = graph.type(of: node.operands[0]).shape
    return [try graph.apply(ScatterAdd(shape: shape), g, node.operands[1]), nil]
  }
}

/// Adds elements to the positions they were taken from: the adjoint of `Take`.
///
/// - Shapes: `ȳ [i…]`, `positions [i…] → shape`.
public struct ScatterAdd: FloatOperator {
  /// The result's shape.
  public var shape: [Int]

  /// Makes the adjoint of a taking.
  public init(shape: [Int]) { self.shape = shape }

  public var relevanceRole: RelevanceRole { .addition }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2, operands[0].shape == operands[1].shape, operands[1].element == .int64 else {
      throw GraphError(.operands("expected elements and as many int64 positions, found \(operands)"))
    }
    return [TensorType(shape, operands[0].element)]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    var x = [Element](repeating: 0, count: shape.reduce(1, *))
    let positions = try Take.positions(operands[1], within: x.count)
    operands[0].withElements(as: Element.self) { g in
      for (slot, position) in positions.enumerated() where position >= 0 { x[position] += g[slot] }
    }
    return [Tensor(shape: shape, x)]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil] }
    return [try graph.apply(Take(), g, node.operands[1]), nil]
  }
}

// MARK: Export
extension Take: ExportableOperator {
  /// Elements of the flat tensor with a zero behind, which position -1 then means.
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let flat = writer.emit("Reshape", [operands[0], writer.integers([-1])])
    let zero = writer.emit("Expand", [writer.scalar(0, like: node.operands[0]), writer.integers([1])])
    let longer = writer.emit("Concat", [flat, zero], [("axis", .int(0))])
    return [writer.emit("Gather", [longer, operands[1]], [("axis", .int(0))])]
  }
}

extension ScatterAdd: ExportableOperator {
  /// Sums into zeros, one more than needed for what position -1 throws away.
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let count = shape.reduce(1, *)
    let zeros = writer.emit(
      "Expand", [writer.scalar(0, like: node.operands[0]), writer.integers([count + 1])])
    let flat = operands.map { writer.emit("Reshape", [$0, writer.integers([-1])]) }
    let sums = writer.emit(
      "ScatterElements", [zeros, flat[1], flat[0]], [("axis", .int(0)), ("reduction", .string("add"))])
    let kept = writer.emit(
      "Slice", [sums, writer.integers([0]), writer.integers([count]), writer.integers([0])])
    return [writer.emit("Reshape", [kept, writer.integers(shape)])]
  }
}
