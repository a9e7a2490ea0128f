public import NoemaTensor

/// Slices of one axis, picked by indices.
///
/// - Shapes: `x [a…, n, b…]`, `indices [i…] → [a…, i…, b…]`; negative indices count from the end.
/// - Source: ONNX Gather-1 to -13.
public struct Gather: Operator {
  /// The axis, in `0..<rank`.
  public var axis: Int

  /// Makes a gather.
  public init(axis: Int) {
    self.axis = axis
  }

  public var relevanceRole: RelevanceRole { .movement }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("Gather") { node in
        let axis = try node.axis("axis", default: 0, rank: node.rank(0))
        return try node.emit(Gather(axis: axis), node.operands())
      }
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2, operands[0].shape.indices.contains(axis), !operands[1].element.isFloat else {
      throw GraphError(.operands("axis \(axis) or the indices do not fit \(operands)"))
    }
    let x = operands[0].shape
    return [TensorType(Array(x[..<axis]) + operands[1].shape + Array(x[(axis + 1)...]), operands[0].element)]
  }

  /// Indices counted from the front.
  static func resolve(_ indices: Tensor, extent: Int) throws(GraphError) -> [Int] {
    var result = indices.integers()
    for i in result.indices {
      if result[i] < 0 { result[i] += extent }
      guard (0..<extent).contains(result[i]) else {
        throw GraphError(.operands("index \(result[i]) lies outside an axis of \(extent)"))
      }
    }
    return result
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let x = operands[0]
    let type = try resultTypes(of: operands.map { TensorType(of: $0) })[0]
    let indices = try Self.resolve(operands[1], extent: x.shape[axis])
    let outer = x.shape[..<axis].reduce(1, *), extent = x.shape[axis]
    let inner = x.shape[(axis + 1)...].reduce(1, *) * type.element.byteCount
    return [
      try Tensor(shape: type.shape, elementType: type.element) { bytes in
        guard inner > 0, let target = bytes.baseAddress else { return }
        x.withBytes { source in
          for row in 0..<outer {
            for (position, index) in indices.enumerated() {
              target.advanced(by: (row * indices.count + position) * inner)
                .copyMemory(from: source.baseAddress! + (row * extent + index) * inner, byteCount: inner)
            }
          }
        }
      }
    ]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil] }
    let extent = graph.type(of: node.operands[0]).shape[axis]
    return [try graph.apply(GatherGradient(axis: axis, extent: extent), g, node.operands[1]), nil]
  }
}

/// Adds slices to the places they were gathered from: the adjoint of `Gather`.
///
/// - Shapes: `ȳ [a…, i…, b…]`, `indices [i…] → [a…, n, b…]`.
public struct GatherGradient: FloatOperator {
  /// The gathered axis.
  public var axis: Int
  /// Its extent.
  public var extent: Int

  /// Makes the adjoint of a gather.
  public init(axis: Int, extent: Int) {
    self.axis = axis
    self.extent = extent
  }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2, operands[0].rank >= axis + operands[1].rank else {
      throw GraphError(.operands("cotangent and indices \(operands) do not fit axis \(axis)"))
    }
    let g = operands[0].shape
    return [
      TensorType(Array(g[..<axis]) + [extent] + Array(g[(axis + operands[1].rank)...]), operands[0].element)
    ]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let indices = try Gather.resolve(operands[1], extent: extent)
    let inner = shape[(axis + 1)...].reduce(1, *)
    var x = [Element](repeating: 0, count: shape.reduce(1, *))
    operands[0].withElements(as: Element.self) { g in
      for row in 0..<shape[..<axis].reduce(1, *) {
        for (position, index) in indices.enumerated() {
          for i in 0..<inner {
            x[(row * extent + index) * inner + i] += g[(row * indices.count + position) * inner + i]
          }
        }
      }
    }
    return [Tensor(shape: shape, x)]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil] }
    return [try graph.apply(Gather(axis: axis), g, node.operands[1]), nil]
  }
}

// MARK: Export
extension Gather: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    [writer.emit("Gather", operands, [("axis", .int(axis))])]
  }
}

extension GatherGradient: ExportableOperator {
  /// Slices added into zeros, the gathered axis in front.
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let indexRank = writer.type(of: node.operands[1]).rank, result = writer.type(of: node.results[0])
    let gRank = writer.type(of: node.operands[0]).rank, moved = Array(axis..<axis + indexRank)
    let rest = (0..<gRank).filter { !moved.contains($0) }
    let front = writer.emit("Transpose", [operands[0]], [("perm", .ints(moved + rest))])
    let indices = writer.emit("Unsqueeze", [operands[1], writer.integers([indexRank])])
    let wide = writer.emit("Cast", [indices], [("to", .int(Int(TensorWriter.code(.int64))))])
    var shape = result.shape
    shape.insert(shape.remove(at: axis), at: 0)
    let zeros = writer.emit(
      "Expand", [writer.scalar(0, like: node.operands[0]), writer.integers(shape)])
    let sum = writer.emit("ScatterND", [zeros, wide, front], [("reduction", .string("add"))])
    let back = Array(1..<axis + 1) + [0] + Array(axis + 1..<shape.count)
    return [writer.emit("Transpose", [sum], [("perm", .ints(back))])]
  }
}
