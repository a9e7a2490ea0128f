extension Pass {
  /// Lets convolutions of a graph with a way back store their results as that way likes them.
  ///
  /// Forward kernels of some machines prefer channels last, kernels of gradients blocks of channels; wherever the two
  /// meet, at every rectifier, values would have to be reordered.
  static let alignConvolutions = Pass(name: "align convolutions") { graph, _ throws(GraphError) in
    guard graph.nodes.contains(where: { $0.operation is ConvolutionInputGradient }) else { return }
    for index in graph.nodes.indices {
      guard var convolution = graph.nodes[index].operation as? Convolution else { continue }
      convolution.followsGradient = true
      graph.nodes[index].operation = convolution
    }
  }
}
