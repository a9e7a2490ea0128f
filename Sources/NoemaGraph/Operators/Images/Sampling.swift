internal import NoemaTensor

/// Reading a tensor at computed points, as weighted sums of the elements around them: derivatives with
/// respect to both the tensor and the points follow.
///
/// - Source: ONNX GridSample-16 to -22, AffineGrid-20, DeformConv-19 and -22.
enum Sampling {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("GridSample", opset: 16...ONNXBinding.newestOpset) { node in [try gridSample(node)] },
    ONNXBinding("AffineGrid", opset: 20...ONNXBinding.newestOpset) { node in [try affineGrid(node)] },
    ONNXBinding("DeformConv", opset: 19...ONNXBinding.newestOpset) { node in [try deformableConvolution(node)]
    },
  ]

  /// How a value between elements comes about.
  private enum Mode { case nearest, linear, cubic }

  /// `x [N, C, spatial…]` at coordinates `[N, out…]`, one value a spatial axis, in elements.
  private static func sample(
    _ node: NodeReader, _ x: Value, at coordinates: [Value], _ mode: Mode,
    _ padding: SamplePositions.Padding = .zeros, mirrorsAtCentres: Bool = false
  ) throws -> Value {
    let shape = node.graph.type(of: x).shape
    let bases = try coordinates.map { try node.emit(Unary(mode == .nearest ? .round : .floor), $0) }
    // The weights of each axis, by the distance of the element from the base.
    var taps: [[(offset: Int, weight: Value?)]] = []
    for (base, coordinate) in zip(bases, coordinates) {
      if mode == .nearest { taps.append([(0, nil)]); continue }
      let t = try node.emit(Binary(.sub), coordinate, base)
      taps.append(mode == .linear ? try linearTaps(node, t) : try cubicTaps(node, t))
    }
    var corners: [(offsets: [Int], weight: Value?)] = [([], nil)]
    for axis in taps {
      corners = try corners.flatMap { corner in
        try axis.map { tap in
          let weight: Value? =
            if let a = corner.weight, let b = tap.weight { try node.emit(Binary(.mul), a, b) } else {
              tap.weight
            }
          return (corner.offsets + [tap.offset], weight)
        }
      }
    }
    var sum: Value?
    for corner in corners {
      let positions = SamplePositions(
        in: shape, offsets: corner.offsets, padding: padding, mirrorsAtCentres: mirrorsAtCentres)
      var term = try node.emit(Take(), x, node.emit(positions, bases)[0])
      if let weight = corner.weight {
        var wide = node.graph.type(of: weight).shape
        wide.insert(1, at: 1)
        term = try node.emit(Binary(.mul), term, node.emit(Reshape(shape: wide), weight))
      }
      sum = try sum.map { try node.emit(Binary(.add), $0, term) } ?? term
    }
    return sum!
  }

  private static func linearTaps(_ node: NodeReader, _ t: Value) throws -> [(offset: Int, weight: Value?)] {
    [(0, try node.emit(Binary(.sub), node.scalar(1, like: t), t)), (1, t)]
  }

  /// Cubic convolution with the coefficient -0.75, its four polynomials by Horner's rule.
  private static func cubicTaps(_ node: NodeReader, _ t: Value) throws -> [(offset: Int, weight: Value?)] {
    let a = -0.75
    let polynomials = [
      [0, a, -2 * a, a], [1, 0, -(a + 3), a + 2], [0, -a, 2 * a + 3, -(a + 2)], [0, 0, a, -a],
    ]
    return try polynomials.enumerated().map { index, coefficients in
      var y = node.scalar(coefficients[3], like: t)
      for coefficient in coefficients.dropLast().reversed() {
        y = try node.emit(
          Binary(.add), node.emit(Binary(.mul), y, t), node.scalar(coefficient, like: t))
      }
      return (index - 1, y)
    }
  }

  private static func scaled(_ node: NodeReader, _ x: Value, by factor: Double, plus shift: Double) throws
    -> Value
  {
    let product = try node.emit(Binary(.mul), x, node.scalar(factor, like: x))
    return try node.emit(Binary(.add), product, node.scalar(shift, like: x))
  }

  // MARK: GridSample

  private static func gridSample(_ node: NodeReader) throws -> Value {
    let shape = try node.type(0).shape, grid = try node.type(1).shape, rank = shape.count - 2
    guard (1...3).contains(rank), grid.count == shape.count, grid.last == rank, grid[0] == shape[0] else {
      throw node.error("a grid of \(grid) does not fit an input of \(shape)")
    }
    let mode: Mode
    switch node.string("mode", default: "linear") {
    case "nearest": mode = .nearest
    case "linear", "bilinear": mode = .linear
    case "cubic", "bicubic": mode = .cubic
    case let other: throw node.error("mode '\(other)' does not exist")
    }
    let name = node.string("padding_mode", default: "zeros")
    guard let padding = SamplePositions.Padding(rawValue: name) else {
      throw node.error("padding_mode '\(name)' does not exist")
    }
    let aligns = node.int("align_corners", default: 0) != 0
    let coordinates = try (0..<rank).map { axis -> Value in
      // The grid lists the innermost axis first.
      let component = try node.emit(
        Slice(axis: rank + 1, start: rank - 1 - axis, count: 1, rank: rank + 2, of: grid), node.operand(1))
      let flat = try node.emit(Reshape(shape: grid.dropLast()), component)
      let extent = Double(shape[axis + 2])
      return try scaled(node, flat, by: (aligns ? extent - 1 : extent) / 2, plus: (extent - 1) / 2)
    }
    return try sample(node, node.operand(0), at: coordinates, mode, padding, mirrorsAtCentres: aligns)
  }

  // MARK: AffineGrid

  /// The matrices applied to the points of a regular grid between -1 and 1.
  private static func affineGrid(_ node: NodeReader) throws -> Value {
    let theta = try node.type(0), size = try node.constant(1).integers(), rank = size.count - 2
    guard (2...3).contains(rank), theta.shape == [size[0], rank, rank + 1], size.allSatisfy({ $0 > 0 }),
      size[2...].reduce(1, { $0.multipliedSaturating(by: $1) }) <= 1 << 22
    else {
      throw node.error("a size of \(size) does not fit matrices of \(theta.shape), or is absurdly large")
    }
    let aligns = node.int("align_corners", default: 0) != 0, spatial = Array(size[2...])
    let strides = Shapes.strides(spatial), count = spatial.reduce(1, *)
    let points = (0..<count).flatMap { point -> [Double] in
      let coordinates = (0..<rank).reversed().map { axis -> Double in
        let at = Double(point / strides[axis] % spatial[axis]), extent = Double(spatial[axis])
        if aligns { return extent == 1 ? 0 : 2 * at / (extent - 1) - 1 }
        return (2 * at + 1) / extent - 1
      }
      return coordinates + [1]
    }
    let base = node.constant(Tensor(shape: [count, rank + 1], points).converted(to: theta.element))
    let turned = try node.emit(Transpose(permutation: [0, 2, 1]), node.operand(0))
    return try node.emit(
      Reshape(shape: [size[0]] + spatial + [rank]), node.emit(MatMul(), base, turned))
  }

  // MARK: DeformConv

  /// Samples under a window whose elements are moved by offsets, then one product with the weights.
  private static func deformableConvolution(_ node: NodeReader) throws -> Value {
    let x = try node.type(0).shape, w = try node.type(1).shape, offsets = try node.type(2).shape
    let rank = x.count - 2
    guard rank >= 1, w.count == x.count, offsets.count == x.count else {
      throw node.error("input \(x), weight \(w) and offsets \(offsets) need the same rank of 3 or more")
    }
    let kernel = Array(w[2...]), groups = node.int("group", default: 1)
    let window = try Window(node, kernel: kernel, spatial: Array(x[2...]))
    let out = try window.resultExtents(Array(x[2...]))
    let taps = kernel.reduce(1) { $0.multipliedSaturating(by: $1) }
    let sets = node.int("offset_group", default: 1), n = x[0], channels = x[1]
    guard groups > 0, sets > 0, channels % sets == 0, channels % groups == 0, w[0] % groups == 0,
      w[1] == channels / groups, taps < 1 << 16,
      offsets == [n, sets.multipliedSaturating(by: taps * rank)] + out
    else { throw node.error("weight \(w) or offsets \(offsets) do not fit an input of \(x)") }
    let split = try node.emit(Reshape(shape: [n * sets, taps, rank] + out), node.operand(2))
    let splitShape = [n * sets, taps, rank] + out
    let coordinates = try (0..<rank).map { axis -> Value in
      let moved = try node.emit(
        Reshape(shape: [n * sets, taps] + out),
        node.emit(Slice(axis: 2, start: axis, count: 1, rank: rank + 3, of: splitShape), split))
      return try node.emit(Binary(.add), moved, base(node, window, out, axis, like: moved))
    }
    let planes = try node.emit(
      Reshape(shape: [n * sets, channels / sets] + x[2...]), node.operand(0))
    var samples = try sample(node, planes, at: coordinates, .linear)
    if let mask = node.optionalOperand(4) {
      let factor = try node.emit(Reshape(shape: [n * sets, 1, taps] + out), mask)
      samples = try node.emit(Binary(.mul), samples, factor)
    }
    let area = out.reduce(1, *), depth = w[1] * taps
    let columns = try node.emit(Reshape(shape: [n, groups, depth, area]), samples)
    let weights = try node.emit(Reshape(shape: [groups, w[0] / groups, depth]), node.operand(1))
    let y = try node.emit(Reshape(shape: [n, w[0]] + out), node.emit(MatMul(), weights, columns))
    guard let bias = node.optionalOperand(3) else { return y }
    return try node.emit(
      Binary(.add), y, node.emit(Reshape(shape: [w[0]] + out.map { _ in 1 }), bias))
  }

  /// Where the window's elements lie along an axis before they are moved: `[taps, out…]`.
  private static func base(
    _ node: NodeReader, _ window: Window, _ out: [Int], _ axis: Int, like other: Value
  ) -> Value {
    let shape = window.kernel + out, strides = Shapes.strides(shape)
    let places = (0..<shape.reduce(1, *)).map { index -> Double in
      let tap = index / strides[axis] % window.kernel[axis]
      let at = index / strides[window.rank + axis] % out[axis]
      return Double(at * window.strides[axis] - window.paddingBefore[axis] + tap * window.dilations[axis])
    }
    let taps = window.kernel.reduce(1, *)
    return node.constant(
      Tensor(shape: [taps] + out, places).converted(to: node.graph.type(of: other).element))
  }
}
