internal import NoemaTensor

extension Pass {
  /// Recognises layer and RMS normalisation over the last axes in what exporters write for them: a quotient or a
  /// product with the reciprocal, squares as powers or products, then scale and bias.
  static let nameNormalizations = Pass(name: "name normalisations") { graph, kept throws(GraphError) in
    let matcher = Matcher(graph, keeping: kept)
    var done = Set<Int>()
    for root in graph.nodes.indices.reversed() where !done.contains(root) {
      guard let found = Normalization(root: root, matcher) else { continue }
      var block = found.block, operands = [found.source]
      let trailing = Array(matcher.shape(found.source).suffix(block.axisCount))
      for (parameter, isBias) in [(found.scale, false), (found.bias, true)] {
        guard let parameter else { continue }
        if isBias { block.hasBias = true } else { block.hasScale = true }
        operands.append(
          matcher.shape(parameter) == trailing
            ? parameter : graph.addConstant(matcher.constant(parameter)!.reshaped(to: trailing)))
      }
      graph.nodes[root].operation = block
      graph.nodes[root].operands = operands
      done.formUnion(found.inside)
    }
  }
}

/// A normalisation that ends at a node.
private struct Normalization {
  private(set) var block: LayerNormalization
  private(set) var source: Value
  private(set) var scale: Value?
  private(set) var bias: Value?
  /// The nodes that only it needs, without its root.
  private(set) var inside: Set<Int> = []
  /// `x` of `x − mean x`, and the nodes of the difference.
  private var uncentred: (source: Value, nodes: Set<Int>)?

  /// Starts at the last node: a sum with the bias, a product with the scale, or the quotient itself.
  init?(root: Int, _ matcher: Matcher) {
    let rootNode = matcher.nodes[root]
    guard let last = rootNode.operation as? Binary, [.add, .mul, .div].contains(last.function) else {
      return nil
    }
    var node = rootNode
    block = LayerNormalization(axisCount: 1, epsilon: 0)
    source = rootNode.results[0]
    let shape = matcher.shape(source)
    /// The private operand of the node, and the other one if it may be a scale or bias.
    func step() -> (next: Value, parameter: Value)? {
      for (at, other) in [(0, 1), (1, 0)] {
        let next = node.operands[at], parameter = node.operands[other]
        guard matcher.isPrivate(next), let maker = matcher.producers[next],
          matcher.nodes[maker].operation is Binary, matcher.shape(next) == shape,
          Self.isParameter(parameter, of: shape, matcher)
        else { continue }
        return (next, parameter)
      }
      return nil
    }
    if last.function == .add {
      guard let (next, parameter) = step() else { return nil }
      bias = parameter
      inside.insert(matcher.producers[next]!)
      node = matcher.nodes[matcher.producers[next]!]
    }
    if (node.operation as? Binary)?.function == .mul, let (next, parameter) = step() {
      scale = parameter
      inside.insert(matcher.producers[next]!)
      node = matcher.nodes[matcher.producers[next]!]
    }
    guard matchCore(node, matcher) else { return nil }
    // The difference belongs to the pattern when nothing else needs it.
    if let uncentred, matcher.arePrivate(inside.union(uncentred.nodes), to: root) {
      source = uncentred.source
      block.centres = true
      inside.formUnion(uncentred.nodes)
    }
    guard matcher.arePrivate(inside, to: root) else { return nil }
    let trailing = shape.suffix(block.axisCount).reduce(1, *)
    for parameter in [scale, bias].compactMap(\.self) {
      let own = matcher.shape(parameter)
      guard own.reduce(1, *) == trailing,
        own == Array(shape.suffix(block.axisCount)) || matcher.constant(parameter) != nil
      else { return nil }
    }
  }

  /// Whether a value may be what each element of the last axes is multiplied by or shifted by.
  private static func isParameter(_ value: Value, of shape: [Int], _ matcher: Matcher) -> Bool {
    let own = matcher.shape(value).drop { $0 == 1 }
    return !own.isEmpty && own.count < shape.count && Array(own) == Array(shape.suffix(own.count))
  }

  /// `d / √(mean d² + ε)` or `d · (1 / √(…))`, where `d` is `x − mean x` or `x`.
  private mutating func matchCore(_ node: Node, _ matcher: Matcher) -> Bool {
    guard let binary = node.operation as? Binary else { return false }
    switch binary.function {
    case .div: return matchDeviation(node.operands[1], of: node.operands[0], isInverse: false, matcher)
    case .mul:
      return matchDeviation(node.operands[1], of: node.operands[0], isInverse: true, matcher)
        || matchDeviation(node.operands[0], of: node.operands[1], isInverse: true, matcher)
    default: return false
    }
  }

  private mutating func matchDeviation(
    _ value: Value, of centred: Value, isInverse: Bool, _ matcher: Matcher
  ) -> Bool {
    var inside: Set<Int> = []
    func maker<Operation: Operator>(_ value: Value, _ type: Operation.Type) -> (
      operation: Operation, node: Node
    )? {
      guard let found = matcher.maker(value, type) else { return nil }
      inside.insert(matcher.producers[value]!)
      return found
    }
    // √ or, inverted, 1 / √ or a power of −½.
    var root = value
    var isRooted = false
    if isInverse {
      if let reciprocal = maker(root, Unary.self), reciprocal.operation.function == .reciprocal {
        root = reciprocal.node.operands[0]
      } else if let quotient = maker(root, Binary.self) {
        switch quotient.operation.function {
        case .div where matcher.scalar(quotient.node.operands[0]) == 1: root = quotient.node.operands[1]
        case .pow where matcher.scalar(quotient.node.operands[1]) == -0.5:
          root = quotient.node.operands[0]
          isRooted = true
        default: return false
        }
      } else {
        return false
      }
    }
    if !isRooted {
      if let unary = maker(root, Unary.self), unary.operation.function == .sqrt {
        root = unary.node.operands[0]
      } else if let power = maker(root, Binary.self), power.operation.function == .pow,
        matcher.scalar(power.node.operands[1]) == 0.5
      {
        root = power.node.operands[0]
      } else {
        return false
      }
    }
    guard let sum = maker(root, Binary.self), sum.operation.function == .add else { return false }
    let at = matcher.scalar(sum.node.operands[1]) != nil ? 1 : 0
    guard let epsilon = matcher.scalar(sum.node.operands[at]),
      let mean = maker(sum.node.operands[1 - at], Reduction.self), mean.operation.function == .mean,
      let square = maker(mean.node.operands[0], Binary.self)
    else { return false }
    // The squares may be of another difference of the same values.
    let squared = square.node.operands[0]
    switch square.operation.function {
    case .mul where square.node.operands[1] == squared: break
    case .pow where matcher.scalar(square.node.operands[1]) == 2: break
    default: return false
    }
    let rank = matcher.shape(centred).count, axes = mean.operation.axes
    guard mean.operation.keepsAxes, !axes.isEmpty, axes == Array(rank - axes.count..<rank) else {
      return false
    }
    block.axisCount = axes.count
    block.epsilon = epsilon
    /// `x` of `x − mean x` over these axes.
    func uncentred(_ value: Value) -> Value? {
      guard let difference = matcher.maker(value, Binary.self), difference.operation.function == .sub,
        let mean = matcher.maker(difference.node.operands[1], Reduction.self),
        mean.operation.function == .mean,
        mean.operation.axes == axes, mean.operation.keepsAxes,
        mean.node.operands[0] == difference.node.operands[0]
      else { return nil }
      return difference.node.operands[0]
    }
    let x = uncentred(centred)
    guard squared == centred || (x != nil && uncentred(squared) == x) else { return false }
    source = centred
    block.centres = false
    self.inside.formUnion(inside)
    if let x {
      var nodes: Set<Int> = []
      for value in Set([centred, squared]) {
        let node = matcher.producers[value]!
        nodes.formUnion([node, matcher.producers[matcher.nodes[node].operands[1]]!])
      }
      self.uncentred = (x, nodes)
    }
    return true
  }
}
