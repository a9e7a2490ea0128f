internal import NoemaTensor

/// ONNX operators that pick or place elements by indices, written in terms of `Take` and `Scatter`.
///
/// - Source: ONNX GatherElements-11, GatherND-11, ScatterElements-11, ScatterND-11, Scatter-9,
///   ReverseSequence-10, TensorScatter-24, OneHot-9, Trilu-14, EyeLike-9.
enum Indexing {
  static let onnx: [ONNXBinding] =
    [
      ONNXBinding("GatherElements") { node in
        let shape = try node.type(0).shape
        let axis = try node.axis("axis", default: 0, rank: shape.count)
        return [try take(node, Positions(.elements(axis: axis), in: shape))]
      },
      ONNXBinding("GatherND") { node in
        let batchAxes = node.int("batch_dims", default: 0)
        return [try take(node, Positions(.tuples(batchAxes: batchAxes), in: node.type(0).shape))]
      },
      ONNXBinding("ReverseSequence") { node in
        let shape = try node.type(0).shape
        let time = try node.axis("time_axis", default: 0, rank: shape.count)
        let batch = try node.axis("batch_axis", default: 1, rank: shape.count)
        return [try take(node, Positions(.reversed(time: time, batch: batch), in: shape))]
      },
      ONNXBinding("ScatterND") { node in
        [try scatter(node, Positions(.tuples(batchAxes: 0), in: node.type(0).shape))]
      },
      ONNXBinding("TensorScatter") { node in
        let shape = try node.type(0).shape, updates = try node.type(1).shape
        let axis = try node.axis("axis", default: -2, rank: shape.count)
        guard axis > 0, updates.count == shape.count else {
          throw node.error("an update of \(updates) does not fit a cache of \(shape) along axis \(axis)")
        }
        let mode = node.string("mode", default: "linear")
        guard mode == "linear" || mode == "circular" else {
          throw node.error("mode '\(mode)' does not exist")
        }
        let slots = Positions(
          .slots(axis: axis, length: updates[axis], wraps: mode == "circular"), in: shape)
        let starts =
          node.optionalOperand(2) ?? node.constant(Tensor(shape: [shape[0]], repeating: Int64(0)))
        return [
          try node.emit(Scatter(.none), node.operand(0), node.operand(1), node.emit(slots, starts))
        ]
      },
      ONNXBinding("OneHot") { node in [try oneHot(node)] },
      ONNXBinding("Trilu") { node in [try triangle(node)] },
      ONNXBinding("EyeLike") { node in [try identity(node)] },
    ]
    + ["Scatter", "ScatterElements"].map { name in
      ONNXBinding(name) { node in
        let shape = try node.type(0).shape
        let axis = try node.axis("axis", default: 0, rank: shape.count)
        return [try scatter(node, Positions(.elements(axis: axis), in: shape))]
      }
    }

  private static func take(_ node: NodeReader, _ positions: Positions) throws -> Value {
    try node.emit(Take(), node.operand(0), node.emit(positions, node.operand(1)))
  }

  private static func scatter(_ node: NodeReader, _ positions: Positions) throws -> Value {
    let name = node.string("reduction", default: "none")
    guard let reduction = Scatter.Reduction(rawValue: name) else {
      throw node.error("reduction '\(name)' does not exist")
    }
    return try node.emit(
      Scatter(reduction), node.operand(0), node.operand(2), node.emit(positions, node.operand(1)))
  }

  /// The second value where a running number along the new axis equals the index, counted from either end.
  private static func oneHot(_ node: NodeReader) throws -> Value {
    let indices = try node.type(0), values = try node.type(2)
    guard let depth = try node.constant(1).integers().first, (1...1 << 24).contains(depth), values.count == 2
    else { throw node.error("the depth is not positive or absurdly large, or there are not two values") }
    let axis = try node.axis("axis", default: -1, rank: indices.rank + 1)
    let flat = try node.emit(Reshape(shape: [2]), node.operand(2))
    func value(_ index: Int) throws -> Value {
      try node.emit(
        Reshape(shape: []),
        node.emit(Slice(axis: 0, start: index, count: 1, rank: 1, of: [2]), flat))
    }
    var shape = indices.shape, line = shape.map { _ in 1 }
    shape.insert(1, at: axis)
    line.insert(depth, at: axis)
    let wide = try node.emit(Reshape(shape: shape), node.operand(0))
    func hits(_ start: Int) throws -> Value {
      let numbers = Tensor(shape: line, (start..<start + depth).map(Int64.init))
      return try node.emit(
        Comparison(function: .equal), wide, node.constant(numbers.converted(to: indices.element)))
    }
    // Unsigned indices have no second way to say it.
    let isUnsigned = [.uint8, .uint16, .bool].contains(indices.element)
    let condition =
      isUnsigned ? try hits(0) : try node.emit(Comparison(function: .or), hits(0), hits(-depth))
    return try node.emit(Select(), condition, value(1), value(0))
  }

  private static func triangle(_ node: NodeReader) throws -> Value {
    let type = try node.type(0), shape = type.shape
    guard shape.count >= 2 else { throw node.error("input \(shape) is no matrix") }
    let shift = try node.optionalConstant(1)?.integers().first ?? 0
    let isUpper = node.int("upper", default: 1) != 0
    let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    guard rows.multipliedSaturating(by: columns) <= 1 << 26 else {
      throw node.error("a triangle of \(rows) × \(columns) is absurdly large")
    }
    let mask = (0..<rows).flatMap { row in
      (0..<columns).map { isUpper ? $0 - row >= shift : $0 - row <= shift }
    }
    let zero = node.constant(Tensor(Double(0)).converted(to: type.element))
    return try node.emit(
      Select(), node.constant(Tensor(shape: [rows, columns], mask)), node.operand(0), zero)
  }

  private static func identity(_ node: NodeReader) throws -> Value {
    let type = try node.type(0), shape = type.shape
    guard shape.count == 2, shape[0].multipliedSaturating(by: shape[1]) <= 1 << 26 else {
      throw node.error("input \(shape) is no matrix, or absurdly large")
    }
    let element = try node.int("dtype").map {
      try TensorReader.elementType(Int32(truncatingIfNeeded: $0), "EyeLike").type
    }
    let shift = node.int("k", default: 0)
    let diagonal = (0..<shape[0]).flatMap { row in (0..<shape[1]).map { UInt8($0 - row == shift ? 1 : 0) } }
    return node.constant(Tensor(shape: shape, diagonal).converted(to: element ?? type.element))
  }
}
