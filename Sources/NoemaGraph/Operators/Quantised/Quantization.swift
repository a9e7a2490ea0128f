internal import NoemaTensor

/// Integers that stand for floats, `(q - zero) · scale`, and products of them: written in floats that hold every
/// integer sum exactly, so that results are those of integer arithmetic.
///
/// No derivative passes through rounding; through `DequantizeLinear` it passes to the scale.
///
/// - Source: ONNX QuantizeLinear-10 to -28, DequantizeLinear-10 to -28, DynamicQuantizeLinear-11, MatMulInteger-10,
///   ConvInteger-10, QLinearMatMul-10 to -21, QLinearConv-10.
enum Quantization {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("DequantizeLinear", opset: 10...ONNXBinding.newestOpset) { node in
      let x = try node.operand(0), scale = try node.aligned(1), type = node.graph.type(of: scale).element
      let floats = try node.cast(x, to: type)
      guard node.optionalOperand(2) != nil else { return [try node.product(floats, scale)] }
      return [try node.product(node.difference(floats, node.cast(node.aligned(2), to: type)), scale)]
    },
    ONNXBinding("QuantizeLinear", opset: 10...ONNXBinding.newestOpset) { node in
      let scale = try node.aligned(1), type = node.graph.type(of: scale).element
      let ratio = try node.quotient(node.cast(node.operand(0), to: type), scale)
      let zero = node.optionalOperand(2) == nil ? nil : try node.aligned(2)
      return [try node.quantized(ratio, zero: zero, as: target(node))]
    },
    ONNXBinding("DynamicQuantizeLinear", opset: 11...ONNXBinding.newestOpset) { node in
      let x = try node.operand(0), axes = Array(node.shape(of: x).indices)
      let none = node.scalar(0, like: x)
      let low = try node.emit(
        Binary(.min), none, node.emit(Reduction(.min, axes: axes, keepsAxes: false), x))
      let high = try node.emit(
        Binary(.max), none, node.emit(Reduction(.max, axes: axes, keepsAxes: false), x))
      let scale = try node.scaled(node.difference(high, low), by: 1 / 255.0)
      let zero = try node.quantized(
        node.quotient(node.apply(.negative, low), scale), zero: nil, as: .uint8)
      return [try node.quantized(node.quotient(x, scale), zero: zero, as: .uint8), scale, zero]
    },
    ONNXBinding("MatMulInteger", opset: 10...ONNXBinding.newestOpset) { node in
      let product = try product(node, 0, 1, zeros: (2, 3))
      return [try node.cast(product, to: .int32)]
    },
    ONNXBinding("QLinearMatMul", opset: 10...ONNXBinding.newestOpset) { node in
      let product = try node.cast(product(node, 0, 3, zeros: (2, 5)), to: .float32)
      // One number for each column broadcasts as it is.
      let left = try rows(node, 1, of: 0), right = try node.operand(4)
      let scales = try node.quotient(node.product(left, right), node.operand(6))
      return [
        try node.quantized(
          node.product(product, scales), zero: node.operand(7), as: node.type(7).element)
      ]
    },
    ONNXBinding("ConvInteger", opset: 10...ONNXBinding.newestOpset) { node in
      let sums = try convolution(node, 0, 1, zeros: (2, 3), bias: nil)
      return [try node.cast(sums, to: .int32)]
    },
    ONNXBinding("QLinearConv", opset: 10...ONNXBinding.newestOpset) { node in
      let sums = try node.cast(convolution(node, 0, 3, zeros: (2, 5), bias: 8), to: .float32)
      let scales = try node.quotient(
        node.product(node.operand(1), channels(node, 4, rank: node.rank(0), axis: 1)), node.operand(6))
      return [
        try node.quantized(node.product(sums, scales), zero: node.operand(7), as: node.type(7).element)
      ]
    },
  ]

  /// The type of a quantised result: the zero point's, or the one that is named.
  private static func target(_ node: NodeReader) throws -> ElementType {
    if node.optionalOperand(2) != nil { return try node.type(2).element }
    guard let code = node.int("output_dtype"), code != 0 else { return .uint8 }
    return try TensorReader.elementType(Int32(truncatingIfNeeded: code), "QuantizeLinear").type
  }

  /// The float type in which products of so many terms are exact: integers of 8 bits, so no product exceeds 2¹⁶.
  private static func exact(terms: Int) -> ElementType { terms <= 1 << 8 ? .float32 : .float64 }

  /// An operand without its zero point.
  private static func centred(
    _ node: NodeReader, _ x: Value, _ zero: Value?, _ type: ElementType
  ) throws -> Value {
    let floats = try node.cast(x, to: type)
    return try zero.map { try node.difference(floats, node.cast($0, to: type)) } ?? floats
  }

  /// A number for all, or one for each row of a matrix.
  private static func rows(_ node: NodeReader, _ index: Int, of matrix: Int) throws -> Value {
    let value = try node.operand(index), shape = node.shape(of: value)
    let isColumn = shape.count == 1 && shape[0] > 1
    return try isColumn && node.rank(matrix) > 1 ? node.reshaped(value, to: shape + [1]) : value
  }

  /// A number for all, or one for each channel along an axis.
  private static func channels(_ node: NodeReader, _ index: Int, rank: Int, axis: Int) throws -> Value {
    let value = try node.operand(index), shape = node.shape(of: value)
    guard shape.count == 1, shape[0] > 1 else { return try node.reshaped(value, to: []) }
    var target = Array(repeating: 1, count: rank)
    target[axis] = shape[0]
    return try node.reshaped(value, to: target)
  }

  private static func product(
    _ node: NodeReader, _ left: Int, _ right: Int, zeros: (Int, Int)
  ) throws -> Value {
    let (a, b) = (try node.type(left), try node.type(right))
    guard a.rank > 0, b.rank > 0 else { throw node.error("operands need rank 1 or more") }
    guard a.rank > 1, b.rank > 1 else {
      throw node.unsupported("products with vectors are not supported; reshape them to matrices")
    }
    let type = exact(terms: a.shape[a.rank - 1])
    let leftZero = node.optionalOperand(zeros.0) == nil ? nil : try rows(node, zeros.0, of: left)
    let rightZero = node.optionalOperand(zeros.1)
    return try node.emit(
      MatMul(), centred(node, node.operand(left), leftZero, type),
      centred(node, node.operand(right), rightZero, type))
  }

  private static func convolution(
    _ node: NodeReader, _ image: Int, _ kernel: Int, zeros: (Int, Int), bias: Int?
  ) throws -> Value {
    let x = try node.type(image).shape, w = try node.type(kernel).shape
    guard x.count >= 3, w.count == x.count else {
      throw node.error("input \(x) and weight \(w) need the same rank of 3 or more")
    }
    let window = try Window(
      node, kernel: node.ints("kernel_shape") ?? Array(w[2...]), spatial: Array(x[2...]))
    let type = exact(terms: w.dropFirst().reduce(1, *))
    let zero = node.optionalOperand(zeros.0)
    let weightZero =
      node.optionalOperand(zeros.1) == nil
      ? nil : try channels(node, zeros.1, rank: w.count, axis: 0)
    let convolution = Convolution(window: window, groups: node.int("group", default: 1), hasBias: false)
    let sums = try node.emit(
      convolution,
      centred(node, node.operand(image), zero.map { try node.reshaped($0, to: []) }, type),
      centred(node, node.operand(kernel), weightZero, type))
    guard let bias, node.optionalOperand(bias) != nil else { return sums }
    // A bias may need more digits than the sums.
    let wide = try node.cast(sums, to: .float64)
    return try node.sum(wide, node.cast(channels(node, bias, rank: w.count, axis: 1), to: .float64))
  }
}

extension NodeReader {
  fileprivate func cast(_ x: Value, to type: ElementType) throws -> Value {
    graph.type(of: x).element == type ? x : try emit(Cast(to: type), x)
  }

  /// A scale or zero point in a shape that broadcasts: one number, one for each place of an axis, or one for each
  /// block along it.
  fileprivate func aligned(_ index: Int) throws -> Value {
    let value = try operand(index), given = shape(of: value), x = try type(0).shape
    if given.reduce(1, *) == 1 { return try reshaped(value, to: []) }
    let axis = try axis("axis", default: 1, rank: x.count)
    let block = int("block_size", default: 0)
    if block == 0 {
      guard given == [x[axis]] else { throw error("\(given) does not fit axis \(axis) of \(x)") }
      var target = x.map { _ in 1 }
      target[axis] = x[axis]
      return try reshaped(value, to: target)
    }
    var blocks = x
    guard block > 0, block <= max(1, x[axis]) else { throw error("blocks of \(block) do not fit \(x)") }
    blocks[axis] = (x[axis] + block - 1) / block
    guard given == blocks else { throw error("\(given) does not fit blocks of \(block) of \(x)") }
    let parted = try reshaped(value, to: Array(blocks[...axis]) + [1] + blocks[(axis + 1)...])
    let repeated = try emit(
      Broadcast(shape: Array(blocks[...axis]) + [block] + blocks[(axis + 1)...]), parted)
    var whole = x
    whole[axis] = blocks[axis] * block
    return try slice(reshaped(repeated, to: whole), axis: axis, 0..<x[axis])
  }

  /// Floats rounded to even, moved by the zero point and cut to the range of an integer type.
  fileprivate func quantized(_ x: Value, zero: Value?, as target: ElementType) throws -> Value {
    let range: (Double, Double)
    switch target {
    case .int8: range = (-128, 127)
    case .uint8: range = (0, 255)
    case .int16: range = (-32768, 32767)
    case .uint16: range = (0, 65535)
    default: throw unsupported("quantising to \(target) is not supported")
    }
    var rounded = try apply(.round, x)
    if let zero {
      rounded = try sum(rounded, cast(zero, to: graph.type(of: rounded).element))
    }
    return try cast(apply(.clip(lower: range.0, upper: range.1), rounded), to: target)
  }
}
