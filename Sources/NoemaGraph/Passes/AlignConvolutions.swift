extension Pass {
  /// Lets convolutions store their results in blocks of channels where kernels around them like those.
  ///
  /// Forward kernels of some machines prefer channels last, kernels of gradients and of depthwise convolutions
  /// blocks of channels; wherever the two meet, values would have to be reordered, and depthwise kernels for
  /// channels last take up to twice the time.
  static let alignConvolutions = Pass(name: "align convolutions") { graph, _ throws(GraphError) in
    let prefersBlocks = graph.nodes.contains { node in
      node.operation is ConvolutionInputGradient
        || (node.operation as? Convolution).map { $0.isDepthwise(graph.type(of: node.operands[1]).shape) }
          ?? false
    }
    guard prefersBlocks else { return }
    for index in graph.nodes.indices {
      guard var convolution = graph.nodes[index].operation as? Convolution else { continue }
      convolution.prefersBlocks = true
      graph.nodes[index].operation = convolution
    }
  }
}
