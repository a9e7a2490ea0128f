internal import NoemaTensor

extension Pass {
  /// Recognises channels that are multiplied by a gate computed from their own means.
  static let nameSqueezeExcite = Pass(name: "name squeeze-and-excite") { graph, kept throws(GraphError) in
    let matcher = Matcher(graph, keeping: kept)
    for root in graph.nodes.indices {
      let node = matcher.nodes[root]
      guard let product = node.operation as? Binary, product.function == .mul else { continue }
      for (x, weights) in [(node.operands[0], node.operands[1]), (node.operands[1], node.operands[0])] {
        guard let second = stage(weights, matcher), let first = stage(second.input, matcher),
          let mean = matcher.privateMaker(first.input, Reduction.self), mean.operation.function == .mean,
          mean.operation.keepsAxes, mean.node.operands[0] == x,
          mean.operation.axes == Array(2..<matcher.shape(x).count)
        else { continue }
        graph.nodes[root].operation = SqueezeExcite(activation: first.activation, gate: second.activation)
        graph.nodes[root].operands = [x] + first.parameters + second.parameters
        break
      }
    }
  }

  /// An activation of a 1×1 convolution with a bias.
  private static func stage(
    _ value: Value, _ matcher: Matcher
  ) -> (input: Value, parameters: [Value], activation: ScalarFunction)? {
    guard let unary = matcher.privateMaker(value, Unary.self),
      let convolution = matcher.privateMaker(unary.node.operands[0], Convolution.self),
      convolution.operation.groups == 1, convolution.operation.hasBias,
      convolution.operation.epilogue == Epilogue(),
      convolution.operation.window == Window(kernel: convolution.operation.window.kernel.map { _ in 1 })
    else { return nil }
    let operands = convolution.node.operands
    return (operands[0], Array(operands[1...]), unary.operation.function)
  }
}
