internal import NoemaGraph
internal import NoemaTensor

extension Node {
  /// Whether the node is an affine map of those operands that are random, all others being constants.
  func isAffine(in isRandom: (Value) -> Bool) -> Bool {
    let random = operands.map(isRandom)
    switch operation {
    case let product as MatMul:
      return product.epilogue == Epilogue() && random[0] != random[1] && !random.dropFirst(2).contains(true)
    case let convolution as Convolution:
      return convolution.epilogue == Epilogue() && random[0] && !random.dropFirst().contains(true)
    case is ConvolutionInputGradient, is BatchNormalization, is Gather:
      return random[0] && !random.dropFirst().contains(true)
    case let binary as Binary:
      switch binary.function {
      case .add, .sub: return true
      case .mul: return random[0] != random[1]
      case .div: return random[0] && !random[1]
      default: return false
      }
    case let reduction as Reduction: return [.sum, .mean].contains(reduction.function)
    case let unary as Unary: return unary.function == .negative
    case let cast as Cast: return cast.type.isFloat
    case is AveragePool, is Reshape, is Transpose, is Slice, is Split, is Concatenation, is Broadcast, is Pad:
      return true
    default: return false
    }
  }
}

extension Subject {
  /// The network from the attributed values on, and where its affine part ends.
  func affinePart(
    of graph: Graph
  ) throws(GraphError) -> (graph: Graph, explained: Value, ends: [Value]) {
    var graph = graph
    let hooks = try graph.values(named: attributedNames())
    let explained = try graph.explainedOutput(output, scale: scale)
    graph.outputs = [explained] + hooks
    try graph.begin(at: hooks, keeping: explained)
    return (graph, explained, graph.affineEnds(to: explained))
  }
}

extension Graph {
  /// The places of the nodes that a value needs, from some values on.
  func nodes(between starts: Set<Value>, and end: Value) -> Set<Int> {
    var wanted: Set<Value> = [end], found: Set<Int> = []
    for (index, node) in nodes.enumerated().reversed()
    where node.results.contains(where: { wanted.contains($0) && !starts.contains($0) }) {
      found.insert(index)
      wanted.formUnion(node.operands)
    }
    return found
  }

  /// Where affine maps of the inputs end: the values that other nodes read, or the output itself.
  func affineEnds(to end: Value) -> [Value] {
    var dependent = Set(inputs), affine = dependent, ends: [Value] = []
    let needed = nodes(between: dependent, and: end)
    for (index, node) in nodes.enumerated() where needed.contains(index) {
      let operands = node.operands.filter { dependent.contains($0) }
      guard !operands.isEmpty else { continue }
      dependent.formUnion(node.results)
      if operands.allSatisfy(affine.contains), node.isAffine(in: { dependent.contains($0) }) {
        affine.formUnion(node.results)
      } else {
        for operand in operands where affine.contains(operand) && !ends.contains(operand) {
          ends.append(operand)
        }
      }
    }
    return affine.contains(end) ? [end] : ends
  }
}
