internal import NoemaTensor

/// A node seen as `z = Wx + b`, with constant weights that rules replace by others.
struct LinearMap {
  /// The node.
  let node: Node
  /// The operand that carries relevance, and the one that holds the weights.
  let input, weight: Int
  /// The constant that is added, by the node itself or by an addition behind it.
  let bias: Value?
  /// The result with the bias.
  let output: Value
  private let biasIsOperand: Bool

  /// The map of a node; nil for nodes that are not linear, or whose weights depend on data.
  ///
  /// - Parameter sum: the addition of a constant that alone reads the node's result, where there is one.
  init?(_ node: Node, sum: (bias: Value, result: Value)?, in graph: Graph) {
    self.node = node
    var own: Value?
    switch node.operation {
    case let convolution as Convolution:
      (input, weight) = (0, 1)
      if convolution.hasBias { own = node.operands[2] }
    case is ConvolutionInputGradient: (input, weight) = (0, 1)
    case let product as MatMul:
      (input, weight) = graph.constants[node.operands[1]] == nil ? (1, 0) : (0, 1)
      if product.hasBias { own = node.operands[2] }
    default: return nil
    }
    guard graph.constants[node.operands[weight]] != nil, own.map({ graph.constants[$0] != nil }) ?? true
    else {
      return nil
    }
    biasIsOperand = own != nil
    // A bias of its own and one behind it would be two: the second one stays an addition.
    bias = own ?? sum?.bias
    output = own == nil ? sum?.result ?? node.results[0] : node.results[0]
  }

  var isConvolution: Bool { !(node.operation is MatMul) }

  var x: Value { node.operands[input] }

  func weights(in graph: Graph) -> Tensor { graph.constants[node.operands[weight]]! }

  func biasTensor(in graph: Graph) -> Tensor? { bias.map { graph.constants[$0]! } }

  /// The operator without a bias.
  private var plain: any Operator {
    switch node.operation {
    case var convolution as Convolution:
      convolution.hasBias = false
      return convolution
    case var product as MatMul:
      product.hasBias = false
      return product
    default: return node.operation
    }
  }

  private func operands(_ x: Value, _ weights: Value) -> [Value] {
    input == 0 ? [x, weights] : [weights, x]
  }

  /// `Wx + b` for other inputs, weights and bias.
  func apply(
    _ x: Value, _ weights: Value, bias: Value? = nil, in graph: inout Graph
  ) throws(GraphError) -> Value {
    if let bias, biasIsOperand {
      return try graph.add(node.operation, operands(x, weights) + [bias], name: node.name)[0]
    }
    let y = try graph.add(plain, operands(x, weights), name: node.name)[0]
    return try bias.map { value throws(GraphError) in try graph.apply(Binary(.add), y, value) } ?? y
  }

  /// `Wᵀ s`, shaped like `x`, for other weights.
  func transposed(
    _ s: Value, _ weights: Value, in graph: inout Graph
  ) throws(GraphError) -> Value {
    let copy = Node(
      operation: plain, operands: operands(x, weights), results: [node.results[0]], name: node.name)
    return try copy.operation.pullback(of: [s], through: copy, in: &graph)[input]!
  }
}
