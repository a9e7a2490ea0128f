internal import NoemaTensor

/// What a node holds of biases, and its own one, shared among its operands; what arrives sums to what passes.
struct BiasRule: BackwardRule {
  let split: BiasSplit
  /// The values that take shares.
  var data: Set<Value>
  /// The bias terms of nodes' results.
  var own: [Value: Value]

  var name: String { "bias" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    var masses: [Value?] = []
    for (result, arrived) in zip(node.results, cotangents) {
      guard let arrived, let term = own[result] else {
        masses.append(arrived ?? own[result])
        continue
      }
      masses.append(try graph.apply(Binary(.add), arrived, term))
    }
    let carriers = node.operands.indices.filter { data.contains(node.operands[$0]) }
    // Only movements have several results.
    guard masses.count == 1, let mass = masses[0] else {
      return try node.operation.pullback(of: masses, through: node, in: &graph)
    }
    if carriers.isEmpty { return node.operands.map { _ in nil } }
    return try share(mass, node, carriers, &graph)
  }

  private func share(
    _ mass: Value, _ node: Node, _ carriers: [Int], _ graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    func moved() throws(GraphError) -> [Value?] {
      try node.operation.pullback(of: [mass], through: node, in: &graph)
    }
    let isAlone = carriers == [0]
    switch node.operation {
    case is Convolution, is MatMul, is ConvolutionInputGradient:
      if let map = LinearMap(node, sum: nil, in: graph), carriers == [map.input] {
        var parts = [Value?](repeating: nil, count: node.operands.count)
        parts[map.input] = try LayerShares(split: split, map: map).share(mass, in: &graph)
        return parts
      }
      return try factors(mass, node, carriers, &graph)
    case let binary as Binary where carriers.count == 2:
      switch binary.function {
      case .add, .sub: return try sum(mass, node, isDifference: binary.function == .sub, &graph)
      case .min, .max: return try moved()
      case .mul, .div, .pow, .mod, .remainder: return try halves(mass, node, &graph)
      }
    case is Binary, is Unary: return try pass(mass, node, to: carriers[0], &graph)
    // A gate of a value by itself.
    case is Gate: return try pass(mass, node, to: 0, &graph)
    case is Select: return carriers.count == 2 ? try moved() : try pass(mass, node, to: carriers[0], &graph)
    case let pad as Pad:
      return [try graph.besides(pad, mass, extents: graph.type(of: node.operands[0]).shape)]
    case let joined as Concatenation: return try self.joined(joined, mass, node, &graph)
    case let scatter as Scatter where scatter.reduction == .none && carriers.count == 2: return try moved()
    case is Scatter where isAlone: return try pass(mass, node, to: 0, &graph)
    case let reduction as Reduction:
      switch reduction.function {
      case .sum, .mean: return try linear(mass, node, &graph)
      case .min, .max: return try moved()
      case .product:
        let mean = Reduction(.mean, axes: reduction.axes, keepsAxes: reduction.keepsAxes)
        return try mean.pullback(of: [mass], through: node, in: &graph)
      }
    case is AveragePool, is AxisMap, is RegionAlign: if isAlone { return try linear(mass, node, &graph) }
    // An exclusive sum begins with a unit that reads nothing.
    case let sum as CumulativeSum: if !sum.isExclusive { return try linear(mass, node, &graph) }
    case is MaxPool: return try moved()
    case is LayerNormalization where isAlone: return try pass(mass, node, to: 0, &graph)
    case let block as any Block: return try parts(of: block, mass, node, carriers, &graph)
    default:
      if isAlone, node.operation.relevanceRole == .movement { return try moved() }
      if carriers.count == 1, graph.type(of: node.operands[carriers[0]]).shape == graph.type(of: mass).shape {
        return try pass(mass, node, to: carriers[0], &graph)
      }
    }
    throw GraphError(.unsupported("bias attribution has no rule for this operator; take full gradients"))
  }

  // MARK: Elements

  private func pass(
    _ mass: Value, _ node: Node, to carrier: Int, _ graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    var parts = [Value?](repeating: nil, count: node.operands.count)
    parts[carrier] = try graph.reduce(mass, toShapeOf: node.operands[carrier])
    return parts
  }

  private func halves(_ mass: Value, _ node: Node, _ graph: inout Graph) throws(GraphError) -> [Value?] {
    let half = try graph.apply(Binary(.mul), mass, graph.addScalar(0.5, like: mass))
    return [
      try graph.reduce(half, toShapeOf: node.operands[0]),
      try graph.reduce(half, toShapeOf: node.operands[1]),
    ]
  }

  /// A unit with two inputs.
  private func sum(
    _ mass: Value, _ node: Node, isDifference: Bool, _ graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    let (a, b) = (node.operands[0], node.operands[1])
    let first = try graph.apply(Binary(.mul), mass, shareOfFirst(a, b, mass, isDifference, &graph))
    let second = try graph.apply(Binary(.sub), mass, first)
    return [try graph.reduce(first, toShapeOf: a), try graph.reduce(second, toShapeOf: b)]
  }

  private func shareOfFirst(
    _ a: Value, _ b: Value, _ mass: Value, _ isDifference: Bool, _ graph: inout Graph
  ) throws(GraphError) -> Value {
    guard split != .uniform else { return graph.addScalar(0.5, like: a) }
    let (first, second) = (try graph.apply(Unary(.abs), a), try graph.apply(Unary(.abs), b))
    guard let (kind, temperature) = split.score else {
      // Half of it where both are 0.
      let part = try graph.apply(Binary(.add), first, graph.addScalar(Graph.leastSize, like: a))
      let rest = try graph.apply(Binary(.add), second, graph.addScalar(Graph.leastSize, like: a))
      return try graph.apply(Binary(.div), part, graph.apply(Binary(.add), part, rest))
    }
    let lead: Value
    switch kind {
    case .magnitude: lead = try graph.apply(Binary(.sub), first, second)
    case .negativeMagnitude: lead = try graph.apply(Binary(.sub), second, first)
    case .alongMass:
      let signed = try graph.apply(Binary(isDifference ? .add : .sub), a, b)
      lead = try graph.apply(Binary(.mul), signed, graph.apply(Unary(.sign), mass))
    }
    return try graph.apply(
      Unary(.sigmoid), graph.apply(Binary(.div), lead, graph.addScalar(temperature, like: a)))
  }

  // MARK: Sums and products

  /// A node that is linear in operand 0, with weights of its own.
  private func linear(_ mass: Value, _ node: Node, _ graph: inout Graph) throws(GraphError) -> [Value?] {
    try shared(mass, among: [0], node.operation, node.operands, node.name, &graph)
  }

  /// A product of two matrices, or a convolution, whose factors both depend on data, or whose weights are computed.
  private func factors(
    _ mass: Value, _ node: Node, _ carriers: [Int], _ graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard carriers.allSatisfy({ $0 < 2 }) else {
      throw GraphError(.unsupported("bias attribution has no rule for a layer whose bias depends on data"))
    }
    var operation = node.operation
    if var convolution = operation as? Convolution {
      convolution.hasBias = false
      operation = convolution
    } else if var product = operation as? MatMul {
      product.hasBias = false
      operation = product
    }
    let parts = try shared(
      mass, among: carriers, operation, Array(node.operands.prefix(2)), node.name, &graph, areFactors: true)
    return parts + node.operands.dropFirst(2).map { _ in nil }
  }

  /// In proportion to magnitudes, or to the weights alone where the split is uniform or nothing but zeros is read.
  private func shared(
    _ mass: Value, among carriers: [Int], _ operation: any Operator, _ operands: [Value], _ name: String,
    _ graph: inout Graph, areFactors: Bool = false
  ) throws(GraphError) -> [Value?] {
    func part(
      _ mass: Value, _ size: (Value, inout Graph) throws(GraphError) -> Value, _ graph: inout Graph
    ) throws(GraphError) -> (parts: [Value?], rest: Value) {
      var sizes = operands
      for index in operands.indices where areFactors || carriers.contains(index) {
        sizes[index] = try size(operands[index], &graph)
      }
      let total = try graph.add(operation, sizes, name: name)[0]
      let (quota, rest) = try graph.quotas(mass, of: total)
      let there = Node(operation: operation, operands: sizes, results: [total], name: name)
      let slopes = try operation.pullback(of: [quota], through: there, in: &graph)
      var parts = [Value?](repeating: nil, count: operands.count)
      for index in carriers {
        guard let slope = slopes[index] else { continue }
        var share = try graph.apply(Binary(.mul), sizes[index], slope)
        if carriers.count > 1 {
          share = try graph.apply(
            Binary(.mul), share, graph.addScalar(1 / Double(carriers.count), like: share))
        }
        parts[index] = share
      }
      return (parts, rest)
    }
    func ones(_ value: Value, _ graph: inout Graph) throws(GraphError) -> Value {
      try graph.ones(like: value)
    }
    func magnitudes(_ value: Value, _ graph: inout Graph) throws(GraphError) -> Value {
      try graph.apply(Unary(.abs), value)
    }
    if split == .uniform { return try part(mass, ones, &graph).parts }
    let (own, rest) = try part(mass, magnitudes, &graph)
    let equal = try part(rest, ones, &graph).parts
    var result: [Value?] = []
    for (a, b) in zip(own, equal) {
      guard let a, let b else {
        result.append(nil)
        continue
      }
      result.append(try graph.apply(Binary(.add), a, b))
    }
    return result
  }

  // MARK: Constants beside data

  /// Constants that are joined to data: along the axis, their mass goes to all data alike.
  private func joined(
    _ operation: Concatenation, _ mass: Value, _ node: Node, _ graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    var parts = try operation.pullback(of: [mass], through: node, in: &graph)
    var lost: Value?
    var extent = 0
    for (index, operand) in node.operands.enumerated() {
      if data.contains(operand) {
        extent += graph.type(of: operand).shape[operation.axis]
        continue
      }
      guard let part = parts[index] else { continue }
      let sum = try graph.apply(Reduction(.sum, axes: [operation.axis], keepsAxes: true), part)
      lost = try lost.map { other throws(GraphError) in try graph.apply(Binary(.add), other, sum) } ?? sum
      parts[index] = nil
    }
    guard let lost, extent > 0 else { return parts }
    let each = try graph.apply(Binary(.mul), lost, graph.addScalar(1 / Double(extent), like: lost))
    for index in parts.indices {
      guard let part = parts[index] else { continue }
      parts[index] = try graph.apply(Binary(.add), part, each)
    }
    return parts
  }

  // MARK: Blocks

  /// The parts of a block, which have no terms of their own: the block's is at its result.
  private func parts(
    of block: any Block, _ mass: Value, _ node: Node, _ carriers: [Int], _ graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    let start = graph.nodes.count
    let y = try block.expand(node.operands, in: &graph)
    let own = Array(graph.nodes[start...])
    let targets = Set(carriers.map { node.operands[$0] })
    var inner = targets
    for part in own where part.operands.contains(where: inner.contains) { inner.formUnion(part.results) }
    let rule = BiasRule(split: split, data: inner, own: [:])
    let arrived = try graph.passBackward(
      [y: mass], through: own, to: targets, rules: BackwardRules { _, _ in rule })
    // An operand that is read twice has everything in one place.
    return node.operands.indices.map { index in
      let operand = node.operands[index]
      return targets.contains(operand) && node.operands.firstIndex(of: operand) == index
        ? arrived[operand] : nil
    }
  }
}

extension Graph {
  /// Sums of magnitudes below this count as 0.
  fileprivate static let leastSize = 1e-20

  /// What units hold, divided by the sizes of what it is shared among, and what is left where there is nothing.
  mutating func quotas(_ mass: Value, of size: Value) throws(GraphError) -> (quota: Value, rest: Value) {
    let isSilent = try apply(
      Comparison(function: .less), apply(Unary(.abs), size), addScalar(Self.leastSize, like: size))
    let rest = try apply(Select(), isSilent, mass, addScalar(0, like: mass))
    return (try quotient(apply(Binary(.sub), mass, rest), by: size, epsilon: 0), rest)
  }

  /// What lies in a padding brought to the element next to it.
  fileprivate mutating func besides(
    _ pad: Pad, _ mass: Value, extents: [Int]
  ) throws(GraphError) -> Value {
    var result = mass
    for (axis, extent) in extents.enumerated() {
      let step = pad.steps[axis], reach = type(of: mass).shape[axis]
      guard pad.before[axis] > 0 || pad.after[axis] > 0 || step != 1 else { continue }
      guard extent > 0 else {
        throw GraphError(.unsupported("a padding of nothing gives its bias to nobody"))
      }
      var sums = [[(source: Int, weight: Double)]](repeating: [], count: extent)
      for place in 0..<reach {
        let nearest = (Double(place - pad.before[axis]) / Double(abs(step))).rounded()
        let element = min(max(Int(nearest), 0), extent - 1)
        sums[step > 0 ? element : extent - 1 - element].append((place, 1))
      }
      result = try apply(AxisMap(axis: axis, extent: reach, sums: sums), result)
    }
    return result
  }
}
