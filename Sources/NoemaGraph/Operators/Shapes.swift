internal import NoemaTensor

/// Shape arithmetic that operators share.
enum Shapes {
  /// An extent, axis or position of an ONNX file: beyond ±2³¹ all are equally out of reach, and products of two
  /// that are within do not overflow.
  static func bounded(_ number: Int) -> Int { min(max(number, -1 << 31), 1 << 31) }

  /// A number of multiply-adds: a product that stays within bounds, so that sums over nodes do too.
  static func work(_ count: Int, _ each: Int) -> Int { min(count.multipliedSaturating(by: each), 1 << 46) }

  /// The row-major strides of a shape.
  static func strides(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in stride(from: shape.count - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    return strides
  }

  /// The shape that two shapes broadcast to, by NumPy's rules.
  static func broadcast(_ a: [Int], _ b: [Int]) throws(GraphError) -> [Int] {
    let rank = max(a.count, b.count)
    var result = [Int](repeating: 1, count: rank)
    for axis in 0..<rank {
      let x = axis < rank - a.count ? 1 : a[axis - (rank - a.count)]
      let y = axis < rank - b.count ? 1 : b[axis - (rank - b.count)]
      guard x == y || x == 1 || y == 1 else {
        throw GraphError(.operands("shapes \(a) and \(b) do not broadcast: axis \(axis) has \(x) and \(y)"))
      }
      result[axis] = x == 1 ? y : x
    }
    return result
  }

  /// Strides that walk an operand of `shape` along the axes of `target`, 0 where it repeats.
  static func broadcastStrides(_ shape: [Int], to target: [Int]) -> [Int] {
    let own = strides(shape)
    let offset = target.count - shape.count
    return target.indices.map { axis in
      axis < offset || (shape[axis - offset] == 1 && target[axis] != 1) ? 0 : own[axis - offset]
    }
  }

  /// An axis counted from the front.
  static func axis(_ axis: Int, rank: Int) throws(GraphError) -> Int {
    let resolved = axis < 0 ? axis + rank : axis
    guard (0..<rank).contains(resolved) else {
      throw GraphError(.operands("axis \(axis) does not exist in rank \(rank)"))
    }
    return resolved
  }

  /// Calls `body` with the offsets that several operands have for each element of `shape`, in row-major
  /// order. `strides` holds one list of strides per operand.
  @inline(__always)
  static func forEach(_ shape: [Int], _ strides: [Int], _ body: (_ index: Int, _ offset: Int) -> Void) {
    let count = shape.reduce(1, *)
    if count == 0 { return }
    guard let last = shape.last else { return body(0, 0) }
    var position = [Int](repeating: 0, count: shape.count)
    let step = strides[shape.count - 1]
    var base = 0
    var index = 0
    while index < count {
      var offset = base
      for _ in 0..<last {
        body(index, offset)
        index += 1
        offset += step
      }
      var axis = shape.count - 2
      while axis >= 0 {
        position[axis] += 1
        base += strides[axis]
        if position[axis] < shape[axis] { break }
        base -= strides[axis] * shape[axis]
        position[axis] = 0
        axis -= 1
      }
      if axis < 0 { break }
    }
  }
}

extension Tensor {
  /// A copy read through `strides` from `offset` on: the reference kernel of every movement.
  func gathered(shape: [Int], strides: [Int], offset: Int = 0) throws -> Tensor {
    func copy<Word>(_ word: Word.Type) throws -> Tensor {
      try Tensor(shape: shape, elementType: elementType) { bytes in
        let target = bytes.bindMemory(to: Word.self)
        withBytes { source in
          let source = source.bindMemory(to: Word.self)
          Shapes.forEach(shape, strides) { target[$0] = source[offset + $1] }
        }
      }
    }
    switch elementType.byteCount {
    case 8: return try copy(UInt64.self)
    case 4: return try copy(UInt32.self)
    case 2: return try copy(UInt16.self)
    default: return try copy(UInt8.self)
    }
  }

  /// The tensor repeated to a shape it broadcasts to.
  func broadcast(to target: [Int]) throws -> Tensor {
    shape == target ? self : try gathered(shape: target, strides: Shapes.broadcastStrides(shape, to: target))
  }

  /// The elements as bounded integers; for shapes, axes and indices.
  func integers() -> [Int] {
    converted(to: .int64).elements(as: Int64.self).map { Shapes.bounded(Int($0)) }
  }
}
