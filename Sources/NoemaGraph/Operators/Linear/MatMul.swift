internal import CDNNL
public import NoemaTensor

/// A matrix product over the last two axes, leading axes broadcast, with an optional bias along the last axis
/// and an optional epilogue that only the execution passes add.
///
/// - Shapes: `a […, m, k]` (or transposed), `b […, k, n]` (or transposed), optional bias `[n]` `→ […, m, n]`.
/// - Source: ONNX MatMul-1 to -13, Gemm-1 to -13.
public struct MatMul: FloatOperator {
  /// Whether the last two axes of the first operand are swapped.
  public var transposesLeft: Bool
  /// Whether the last two axes of the second operand are swapped.
  public var transposesRight: Bool
  /// Whether operand 2 is a bias.
  public var hasBias: Bool
  /// What happens to the result before it is stored.
  public var epilogue = Epilogue()

  /// Makes a product; nothing is transposed and there is no bias unless told otherwise.
  public init(transposesLeft: Bool = false, transposesRight: Bool = false, hasBias: Bool = false) {
    self.transposesLeft = transposesLeft
    self.transposesRight = transposesRight
    self.hasBias = hasBias
  }

  public var relevanceRole: RelevanceRole { .linear }
}

// MARK: ONNX
extension MatMul {
  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("Gemm", make: gemm),
      ONNXBinding("MatMul") { node in
        var a = try node.operand(0), b = try node.operand(1)
        let aShape = try node.type(0).shape, bShape = try node.type(1).shape
        guard !aShape.isEmpty, !bShape.isEmpty else { throw node.error("operands need rank 1 or more") }
        // A vector becomes a matrix of one row or column, which is dropped from the result.
        if aShape.count == 1 { a = try node.emit(Reshape(shape: [1] + aShape), a) }
        if bShape.count == 1 { b = try node.emit(Reshape(shape: bShape + [1]), b) }
        let element = try node.type(0).element
        let y: Value
        if element.isFloat {
          y = try node.emit(MatMul(), a, b)
        } else {
          // Exact as long as no sum exceeds 2⁵³.
          let product = try node.emit(
            MatMul(), node.emit(Cast(to: .float64), a), node.emit(Cast(to: .float64), b))
          y = try node.emit(Cast(to: element), product)
        }
        guard aShape.count == 1 || bShape.count == 1 else { return [y] }
        var shape = node.graph.type(of: y).shape
        if bShape.count == 1 { shape.removeLast() }
        if aShape.count == 1 { shape.remove(at: shape.count - (bShape.count == 1 ? 1 : 2)) }
        return [try node.emit(Reshape(shape: shape), y)]
      },
    ]
  }

  /// `α · a b + β · c`, either matrix transposed or not.
  static func gemm(_ node: NodeReader) throws -> [Value] {
    let alpha = node.float("alpha", default: 1), beta = node.float("beta", default: 1)
    if try !node.type(0).element.isFloat {
      throw node.unsupported("a product of integers is not supported; use MatMul")
    }
    var a = try node.operand(0)
    if alpha != 1 { a = try node.emit(Binary(.mul), a, node.scalar(alpha, like: a)) }
    let left = node.int("transA", default: 0) != 0, right = node.int("transB", default: 0) != 0
    let b = try node.operand(1)
    guard try node.rank(0) == 2, try node.rank(1) == 2 else { throw node.error("operands need rank 2") }
    guard var c = node.optionalOperand(2), beta != 0 else {
      return [try node.emit(MatMul(transposesLeft: left, transposesRight: right), a, b)]
    }
    if beta != 1 { c = try node.emit(Binary(.mul), c, node.scalar(beta, like: c)) }
    let columns = try node.type(1).shape[right ? 0 : 1]
    let third = try node.type(2)
    if third.count == columns && third.shape.last == columns {
      let bias = try node.emit(Reshape(shape: [columns]), c)
      return [
        try node.emit(MatMul(transposesLeft: left, transposesRight: right, hasBias: true), a, b, bias)
      ]
    }
    return [
      try node.emit(
        Binary(.add), node.emit(MatMul(transposesLeft: left, transposesRight: right), a, b), c)
    ]
  }
}

// MARK: Result types
extension MatMul {
  private func swapped(_ shape: [Int], _ swap: Bool) -> [Int] {
    swap ? Array(shape.dropLast(2)) + [shape[shape.count - 1], shape[shape.count - 2]] : shape
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2 + (hasBias ? 1 : 0) + (epilogue.addsResidual ? 1 : 0), operands[0].rank >= 2,
      operands[1].rank >= 2
    else {
      throw GraphError(.operands("expected matrices\(hasBias ? " and a bias" : ""), found \(operands)"))
    }
    let a = swapped(operands[0].shape, transposesLeft), b = swapped(operands[1].shape, transposesRight)
    guard a[a.count - 1] == b[b.count - 2] else {
      throw GraphError(
        .operands(
          "inner extents of \(operands[0]) and \(operands[1]) differ: \(a[a.count - 1]) and \(b[b.count - 2])"
        ))
    }
    if hasBias, operands[2].shape != [b[b.count - 1]] {
      throw GraphError(.operands("bias \(operands[2].shape) does not fit \(b[b.count - 1]) columns"))
    }
    let lead = try Shapes.broadcast(Array(a.dropLast(2)), Array(b.dropLast(2)))
    return [TensorType(lead + [a[a.count - 2], b[b.count - 1]], operands[0].element)]
  }

  public func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int {
    Shapes.work(results[0].count, swapped(operands[0].shape, transposesLeft).last ?? 0)
  }
}

// MARK: Kernels
extension MatMul {
  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let (m, n) = (shape[shape.count - 2], shape[shape.count - 1])
    let lead = Array(shape.dropLast(2))
    let a = try operands[0].broadcast(to: lead + operands[0].shape.suffix(2))
    let b = try operands[1].broadcast(to: lead + operands[1].shape.suffix(2))
    let k = a.shape[a.rank - (transposesLeft ? 2 : 1)]
    var y = [Element](repeating: 0, count: shape.reduce(1, *))
    a.withElements(as: Element.self) { a in
      b.withElements(as: Element.self) { b in
        for batch in 0..<lead.reduce(1, *) {
          for row in 0..<m {
            for inner in 0..<k {
              let x = a[batch * m * k + (transposesLeft ? inner * m + row : row * k + inner)]
              for column in 0..<n {
                y[(batch * m + row) * n + column] +=
                  x * b[batch * k * n + (transposesRight ? column * k + inner : inner * n + column)]
              }
            }
          }
        }
      }
    }
    if hasBias {
      operands[2].withElements(as: Element.self) { bias in for i in y.indices { y[i] += bias[i % n] } }
    }
    epilogue.apply(to: &y, residual: epilogue.addsResidual ? operands.last : nil)
    return [Tensor(shape: shape, y)]
  }

  /// The layout of an operand seen untransposed: strides swap in place of data.
  private func view(_ shape: [Int], _ swap: Bool, rank: Int) -> DNNLLayout? {
    let padded = Array(repeating: 1, count: rank - shape.count) + shape
    return .strided(swapped(padded, swap), swapped(Shapes.strides(padded), swap))
  }

  /// Where all share one right matrix, leading axes are rows of one large product; a constant matrix is brought into
  /// the arrangement that oneDNN likes best.
  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard results[0].element == .float32, results[0].count > 0, operands[0].type.count > 0 else { return nil }
    let isFlat = operands[1].type.rank == 2 && !transposesLeft
    func flat(_ shape: [Int]) -> [Int] {
      isFlat ? [shape.dropLast().reduce(1, *), shape[shape.count - 1]] : shape
    }
    let shape = flat(results[0].shape), rank = shape.count
    let b = swapped(operands[1].type.shape, transposesRight)
    let isPacked = isFlat && operands[1].constant != nil
    guard rank <= 5, let left = view(flat(operands[0].type.shape), transposesLeft, rank: rank),
      let result = DNNLLayout.plain(shape),
      let right = isPacked
        ? DNNLLayout.any(b) : view(operands[1].type.shape, transposesRight, rank: rank)
    else { return nil }
    let biasShape = Array(repeating: 1, count: rank - 1) + [shape[rank - 1]]
    let bias = hasBias ? DNNLLayout.plain(biasShape) : nil
    let posts = epilogue.posts
    let product = DNNLPrimitive(
      ndnnl_matmul(left.handle, right.handle, bias?.handle, result.handle, Int32(posts.count), posts))
    var primitive = product, weights: DNNLLayout?
    if isPacked, let product {
      weights = product.layout(Int32(ndnnl_weights))
      if product.implementation.contains("gemm"), let other = pointwise(rows: shape[0], of: b) {
        (primitive, weights) = (other.primitive, other.weights)
      }
      // As the operand's own axes see it.
      if transposesRight { weights = weights?.permuted([1, 0]) }
      if weights == nil { return nil }
    }
    var arguments = [(Int32(ndnnl_source), 0), (Int32(ndnnl_weights), 1)]
    if hasBias { arguments.append((Int32(ndnnl_bias), 2)) }
    return DNNLKernel(
      primitive, arguments: arguments, operands: operands, result: results[0],
      resultArgument: Int32(ndnnl_result), accumulated: epilogue.addsResidual ? operands.count - 1 : nil,
      layouts: [
        0: .plain, 1: weights.map { Layout($0, shape: operands[1].type.shape) } ?? .plain, 2: .plain,
      ], resultLayout: .plain)
  }

  /// The product of rows with a constant matrix `[k, n]` as a convolution over one axis of positions, channels last.
  ///
  /// Without AVX-512, oneDNN packs the matrix of a product anew at every call, and the weights of a convolution once.
  private func pointwise(rows: Int, of matrix: [Int]) -> (primitive: DNNLPrimitive, weights: DNNLLayout)? {
    let (k, n) = (matrix[0], matrix[1])
    guard rows > 1, let source = DNNLLayout.strided([1, k, 1, rows], [rows * k, 1, rows * k, k]),
      let result = DNNLLayout.strided([1, n, 1, rows], [rows * n, 1, rows * n, n]),
      let weights = DNNLLayout.any([n, k, 1, 1])
    else { return nil }
    let bias = hasBias ? DNNLLayout.plain([n]) : nil, posts = epilogue.posts
    let primitive = Window(kernel: [1, 1]).withDNNL { window, _ in
      DNNLPrimitive(
        ndnnl_convolution_forward(
          source.handle, weights.handle, bias?.handle, result.handle, window, Int32(posts.count), posts))
    }
    guard let primitive, primitive.implementation.hasPrefix("jit_1x1"),
      let chosen = primitive.layout(Int32(ndnnl_weights))?.reshaped(to: [n, k])?.permuted([1, 0])
    else { return nil }
    return (primitive, chosen)
  }
}

// MARK: Derivative
extension MatMul {
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return node.operands.map { _ in nil } }
    guard epilogue == Epilogue() else {
      throw GraphError(.notDifferentiable("a fused product has no derivative; differentiate before fusing"))
    }
    let a = node.operands[0], b = node.operands[1]
    func product(_ x: Value, _ left: Bool, _ y: Value, _ right: Bool) throws(GraphError) -> Value {
      try graph.apply(MatMul(transposesLeft: left, transposesRight: right), x, y, name: node.name)
    }
    // ā = ȳ bᵀ and b̄ = aᵀ ȳ, with each transposition turned round where the operand was transposed.
    let left =
      transposesLeft
      ? try product(b, transposesRight, g, true) : try product(g, false, b, !transposesRight)
    var result: [Value?] = [try graph.reduce(left, toShapeOf: a)]
    if graph.constants[b] == nil {
      let right =
        transposesRight
        ? try product(g, true, a, transposesLeft) : try product(a, !transposesLeft, g, false)
      result.append(try graph.reduce(right, toShapeOf: b))
    } else {
      result.append(nil)
    }
    if hasBias {
      result.append(
        graph.constants[node.operands[2]] == nil ? try graph.reduce(g, toShapeOf: node.operands[2]) : nil)
    }
    return result
  }
}

// MARK: Export
extension MatMul: ExportableOperator {
  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    guard epilogue == Epilogue() else { throw GraphError(.unsupported("a fused product has no ONNX form")) }
    let ranks = node.operands.map { writer.type(of: $0).rank }
    if ranks[0] == 2, ranks[1] == 2, hasBias || transposesLeft || transposesRight {
      return [
        writer.emit(
          "Gemm", operands,
          [("transA", .int(transposesLeft ? 1 : 0)), ("transB", .int(transposesRight ? 1 : 0))])
      ]
    }
    func turned(_ name: String, _ rank: Int, _ isTransposed: Bool) -> String {
      guard isTransposed else { return name }
      return writer.emit(
        "Transpose", [name], [("perm", .ints(Array(0..<rank - 2) + [rank - 1, rank - 2]))])
    }
    let product = writer.emit(
      "MatMul",
      [turned(operands[0], ranks[0], transposesLeft), turned(operands[1], ranks[1], transposesRight)])
    return [hasBias ? writer.emit("Add", [product, operands[2]]) : product]
  }
}
