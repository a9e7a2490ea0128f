public import NoemaTensor

/// Puts a tensor among constants: `before` and `after` each axis, and between elements `step` apart.
///
/// The adjoint of `Slice`; with steps of 1 it is the usual padding.
///
/// - Source: ONNX Pad-2 to -23 (the constant mode; others become gathers).
public struct Pad: Operator {
  /// Constants before and after each axis.
  public var before, after: [Int]
  /// The distance between elements; negative lays them out backwards.
  public var steps: [Int]
  /// The constant.
  public var fill: Double

  /// Makes a padding by zeros with steps of 1 unless told otherwise.
  public init(before: [Int], after: [Int], steps: [Int]? = nil, fill: Double = 0) {
    self.before = before
    self.after = after
    self.steps = steps ?? before.map { _ in 1 }
    self.fill = fill
  }

  public var relevanceRole: RelevanceRole { .movement }
}

// MARK: ONNX
extension Pad {
  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("Pad") { node in
        let shape = try node.type(0).shape
        guard let given = try node.integers(attribute: "pads", operand: 1), given.count % 2 == 0 else {
          throw node.error("pads are missing")
        }
        let axes =
          try node.optionalConstant(3)?.integers().map { try Shapes.axis($0, rank: shape.count) }
          ?? Array(0..<given.count / 2)
        guard axes.count == given.count / 2, axes.allSatisfy({ $0 < shape.count }) else {
          throw node.error("pads \(given) do not fit \(shape)")
        }
        var before = shape.map { _ in 0 }, after = before
        for (index, axis) in axes.enumerated() {
          before[axis] = given[index]
          after[axis] = given[axes.count + index]
        }
        guard (before + after).allSatisfy({ $0.magnitude < 1 << 31 }) else {
          throw node.error("pads \(given) are absurd")
        }
        let mode = node.string("mode", default: "constant")
        if mode != "constant" { return [try gathered(node, mode, before, after, shape)] }
        let fill =
          try node.optionalConstant(2)?.converted(to: .float64).elements(as: Double.self).first
          ?? node.float("value", default: 0)
        return [try constant(node, before, after, fill, shape)]
      }
    ]
  }

  /// Negative pads cut; the rest is padding.
  private static func constant(
    _ node: NodeReader, _ before: [Int], _ after: [Int], _ fill: Double, _ shape: [Int]
  ) throws -> Value {
    var x = try node.operand(0)
    if (before + after).contains(where: { $0 < 0 }) {
      let starts = before.map { max(0, -$0) }
      let counts = shape.indices.map { max(0, shape[$0] - starts[$0] - max(0, -after[$0])) }
      x = try node.emit(Slice(starts: starts, counts: counts, steps: shape.map { _ in 1 }), x)
    }
    let pad = Pad(before: before.map { max(0, $0) }, after: after.map { max(0, $0) }, fill: fill)
    return pad.before + pad.after == (before + after).map { _ in 0 } ? x : try node.emit(pad, x)
  }

  /// Reflecting, repeating and wrapping read existing elements along one axis after the other.
  private static func gathered(
    _ node: NodeReader, _ mode: String, _ before: [Int], _ after: [Int], _ shape: [Int]
  ) throws -> Value {
    var x = try node.operand(0)
    for (axis, extent) in shape.enumerated() where before[axis] != 0 || after[axis] != 0 {
      guard extent > 0, (0...1 << 24).contains(before[axis] + extent + after[axis]) else {
        throw node.error(
          "axis \(axis) is empty, or pads \(before[axis]) and \(after[axis]) are absurdly large")
      }
      let indices = try (-before[axis]..<extent + after[axis]).map { position -> Int64 in
        switch mode {
        case "edge": return Int64(min(max(position, 0), extent - 1))
        case "wrap": return Int64(((position % extent) + extent) % extent)
        case "reflect":
          if extent == 1 { return 0 }
          let period = 2 * (extent - 1), at = ((position % period) + period) % period
          return Int64(at < extent ? at : period - at)
        default: throw node.unsupported("mode '\(mode)' is not supported")
        }
      }
      x = try node.emit(Gather(axis: axis), x, node.constant(Tensor(shape: [indices.count], indices)))
    }
    return x
  }
}

// MARK: Result types, kernels, derivative
extension Pad {
  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, before.count == operands[0].rank, (before + after).allSatisfy({ $0 >= 0 })
    else {
      throw GraphError(.operands("a padding of \(before.count) axes does not fit \(operands)"))
    }
    return [TensorType(extents(operands[0].shape), operands[0].element)]
  }

  private func extents(_ shape: [Int]) -> [Int] {
    shape.indices.map { before[$0] + after[$0] + (shape[$0] == 0 ? 0 : (shape[$0] - 1) * abs(steps[$0]) + 1) }
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let x = operands[0], shape = x.shape, target = extents(shape)
    let strides = Shapes.strides(target)
    var offset = 0
    for axis in shape.indices where shape[axis] > 0 {
      offset += strides[axis] * (before[axis] + (steps[axis] < 0 ? (shape[axis] - 1) * -steps[axis] : 0))
    }
    let walk = zip(strides, steps).map { $0 * $1 }
    let filler = Tensor(fill).converted(to: x.elementType)
    func place<Word: FixedWidthInteger>(_ word: Word.Type) throws -> Tensor {
      try Tensor(shape: target, elementType: x.elementType) { bytes in
        let y = bytes.bindMemory(to: Word.self)
        y.update(repeating: filler.withBytes { $0.load(as: Word.self) })
        x.withBytes { source in
          let source = source.bindMemory(to: Word.self)
          Shapes.forEach(shape, walk) { y[offset + $1] = source[$0] }
        }
      }
    }
    switch x.elementType.byteCount {
    case 8: return [try place(UInt64.self)]
    case 4: return [try place(UInt32.self)]
    case 2: return [try place(UInt16.self)]
    default: return [try place(UInt8.self)]
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    let shape = graph.type(of: node.operands[0]).shape
    let starts = shape.indices.map { axis in
      before[axis] + (steps[axis] < 0 && shape[axis] > 0 ? (shape[axis] - 1) * -steps[axis] : 0)
    }
    return [try graph.apply(Slice(starts: starts, counts: shape, steps: steps), g)]
  }
}

// MARK: Export
extension Pad: ExportableOperator {
  /// Steps become gaps behind each element, in an axis of their own that then merges with the element's.
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let rank = steps.count, shape = writer.type(of: node.operands[0]).shape
    let constant = writer.scalar(fill, like: node.operands[0])
    func padded(_ x: String, _ before: [Int], _ after: [Int]) -> String {
      writer.emit("Pad", [x, writer.integers(before + after), constant], [("mode", .string("constant"))])
    }
    var x = operands[0]
    let backwards = (0..<rank).filter { steps[$0] < 0 }
    if !backwards.isEmpty {
      let minus = writer.integers(backwards.map { _ in -1 })
      x = writer.emit(
        "Slice",
        [x, minus, writer.integers(backwards.map { _ in -1 << 31 }), writer.integers(backwards), minus])
    }
    let gaps = steps.map { abs($0) - 1 }
    if gaps.contains(where: { $0 > 0 }) {
      x = writer.emit("Reshape", [x, writer.integers(shape.flatMap { [$0, 1] })])
      x = padded(x, Array(repeating: 0, count: 2 * rank), gaps.flatMap { [0, $0] })
      x = writer.emit("Reshape", [x, writer.integers((0..<rank).map { shape[$0] * (gaps[$0] + 1) })])
    }
    return [padded(x, before, (0..<rank).map { after[$0] - (shape[$0] > 0 ? gaps[$0] : 0) })]
  }
}
