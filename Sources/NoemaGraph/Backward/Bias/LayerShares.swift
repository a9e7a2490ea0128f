internal import NoemaTensor

/// What a layer with constant weights gives each of its inputs of what its units hold of biases.
struct LayerShares {
  let split: BiasSplit
  let map: LinearMap

  /// A value shaped like the layer's input.
  func share(_ mass: Value, in graph: inout Graph) throws(GraphError) -> Value {
    if split == .uniform { return try equal(mass, &graph) }
    if let score = split.score, hasPlainWeights(graph) {
      return try softmax(
        mass, SoftmaxShares.Setting(kind: score.kind, temperature: score.temperature), &graph)
    }
    return try proportional(mass, &graph)
  }

  /// Whether one matrix serves for all rows of a product.
  private func hasPlainWeights(_ graph: Graph) -> Bool {
    map.isConvolution || graph.type(of: map.node.operands[map.weight]).rank == 2
  }

  /// `|x| ⊙ |W|ᵀ (B / |W||x|)`, and equal parts where `|W||x|` is 0.
  private func proportional(_ mass: Value, _ graph: inout Graph) throws(GraphError) -> Value {
    let weights = graph.addConstant(map.weights(in: graph).mappingFloats { abs($0) })
    let x = try graph.apply(Unary(.abs), map.x)
    let (quota, rest) = try graph.quotas(mass, of: map.apply(x, weights, in: &graph))
    let shares = try graph.apply(Binary(.mul), x, map.transposed(quota, weights, in: &graph))
    return try graph.apply(Binary(.add), shares, equal(rest, &graph))
  }

  // MARK: Equal parts

  private func equal(_ mass: Value, _ graph: inout Graph) throws(GraphError) -> Value {
    switch map.node.operation {
    case let convolution as Convolution:
      return try equal(mass, SlidingUnits(convolution, graph.type(of: map.x).shape), &graph)
    case let transposed as ConvolutionInputGradient:
      return try equal(mass, SlidingUnits(transposed, graph.type(of: map.x).shape), &graph)
    case let product as MatMul: return try equal(mass, product, &graph)
    default: throw GraphError(.unsupported("bias attribution has no rule for this layer"))
    }
  }

  /// All units of a row read the same inputs.
  private func equal(_ mass: Value, _ product: MatMul, _ graph: inout Graph) throws(GraphError) -> Value {
    let shape = graph.type(of: mass).shape, last = shape.count - 1
    let x = Array(graph.type(of: map.x).shape.suffix(2))
    // Inputs that stand in columns share what the rows of the result hold.
    let isLeft = map.input == 0, isTurned = isLeft ? product.transposesLeft : product.transposesRight
    var total = try graph.apply(Reduction(.sum, axes: [isLeft ? last : last - 1], keepsAxes: true), mass)
    if isTurned { total = try graph.swappingMatrixAxes(total) }
    let count = isLeft == isTurned ? x[0] : x[1]
    let each = try graph.apply(Binary(.mul), total, graph.addScalar(1 / Double(max(count, 1)), like: total))
    let wide = try graph.broadcast(each, to: Array(shape.dropLast(2)) + x)
    return try graph.reduce(wide, toShapeOf: map.x)
  }

  /// All units of a group at a position read the same inputs, so that one channel does for all.
  private func equal(_ mass: Value, _ units: SlidingUnits, _ graph: inout Graph) throws(GraphError) -> Value {
    let type = graph.type(of: map.x), y = graph.type(of: mass).shape
    let examples = y[0], groups = units.groups, inputs = type.shape[1] / groups
    let counts = units.inputCounts.map { $0 * Double(inputs) }
    let line = [1, 1] + units.results
    func constant(_ numbers: [Double]) -> Value {
      graph.addConstant(Tensor(shape: line, numbers).converted(to: type.element))
    }
    let total = try graph.apply(
      Reduction(.sum, axes: [2], keepsAxes: false),
      graph.apply(Reshape(shape: [examples, groups, y[1] / groups] + units.results), mass))
    let quota = try graph.apply(Binary(.div), total, constant(counts.map { max($0, 1) }))
    let kernel = graph.addConstant(
      Tensor(shape: [groups, 1] + units.window.kernel, repeating: 1.0).converted(to: type.element))
    var share = try graph.apply(units.adjoint, quota, kernel, name: map.node.name)
    if counts.contains(0) {
      // Units that read nothing but padding: all inputs share.
      let lost = try graph.apply(Binary(.mul), total, constant(counts.map { $0 == 0 ? 1 : 0 }))
      let sum = try graph.apply(Reduction(.sum, axes: Array(1..<line.count), keepsAxes: true), lost)
      let size = type.shape.dropFirst().reduce(1, *)
      share = try graph.apply(
        Binary(.add), share,
        graph.apply(Binary(.mul), sum, graph.addScalar(1 / Double(max(size, 1)), like: sum)))
    }
    let apart = try graph.apply(Reshape(shape: [examples, groups, 1] + units.extents), share)
    return try graph.apply(
      Reshape(shape: type.shape), graph.broadcast(apart, to: [examples, groups, inputs] + units.extents))
  }

  // MARK: Softmax

  private func softmax(
    _ mass: Value, _ setting: SoftmaxShares.Setting, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    switch map.node.operation {
    case let convolution as Convolution:
      return try softmax(mass, setting, SlidingUnits(convolution, graph.type(of: map.x).shape), &graph)
    case let transposed as ConvolutionInputGradient:
      return try softmax(mass, setting, SlidingUnits(transposed, graph.type(of: map.x).shape), &graph)
    case let product as MatMul: return try softmax(mass, setting, product, &graph)
    default: throw GraphError(.unsupported("bias attribution has no rule for this layer"))
    }
  }

  private func softmax(
    _ mass: Value, _ setting: SoftmaxShares.Setting, _ units: SlidingUnits, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let w = graph.type(of: map.node.operands[map.weight]).shape, kernel = w[2...].reduce(1, *)
    var weights = map.node.operands[map.weight]
    if units.isTransposed {
      let apart = [units.groups, w[0] / units.groups, w[1], kernel]
      weights = try graph.apply(
        Transpose(permutation: [0, 2, 1, 3]), graph.apply(Reshape(shape: apart), weights))
    } else {
      weights = try graph.apply(
        Reshape(shape: [units.groups, w[0] / units.groups, w[1], kernel]), weights)
    }
    let shares = try graph.apply(
      SoftmaxShares(setting: setting, units: units), map.x, weights, mass, name: map.node.name)
    guard units.inputCounts.contains(0) else { return shares }
    let isLost = Tensor(shape: [1, 1] + units.results, units.inputCounts.map { $0 == 0 ? 1.0 : 0 })
    let lost = graph.addConstant(isLost.converted(to: graph.type(of: mass).element))
    return try graph.apply(
      Binary(.add), shares, equal(graph.apply(Binary(.mul), mass, lost), units, &graph))
  }

  /// Rows of inputs and of units, each unit with a row of weights.
  private func softmax(
    _ mass: Value, _ setting: SoftmaxShares.Setting, _ product: MatMul, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let isLeft = map.input == 0
    let isTurned = isLeft ? product.transposesLeft : !product.transposesRight
    let x = isTurned ? try graph.swappingMatrixAxes(map.x) : map.x
    let held = isLeft ? mass : try graph.swappingMatrixAxes(mass)
    let hasUnitsLast = isLeft ? !product.transposesRight : product.transposesLeft
    var weights = map.node.operands[map.weight]
    if hasUnitsLast { weights = try graph.swappingMatrixAxes(weights) }
    let w = graph.type(of: weights).shape, shape = graph.type(of: x).shape
    let rows = shape.dropLast().reduce(1, *)
    var shares = try graph.apply(
      SoftmaxShares(setting: setting), graph.apply(Reshape(shape: [rows, w[1]]), x),
      graph.apply(Reshape(shape: [1, w[0], w[1], 1]), weights),
      graph.apply(Reshape(shape: [rows, w[0]]), held), name: map.node.name)
    shares = try graph.apply(Reshape(shape: shape), shares)
    return isTurned ? try graph.swappingMatrixAxes(shares) : shares
  }
}

extension Graph {
  /// The last two axes exchanged.
  fileprivate mutating func swappingMatrixAxes(_ value: Value) throws(GraphError) -> Value {
    let rank = type(of: value).rank
    return try apply(Transpose(permutation: Array(0..<rank - 2) + [rank - 1, rank - 2]), value)
  }
}
