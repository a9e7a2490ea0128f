internal import NoemaTensor

extension Pass {
  /// Merges a batch normalisation into the convolution or product before it, unless the value in between
  /// is hooked or read elsewhere: `γ (w x + b − μ) / σ + β` has weights `γ w / σ` and bias `γ (b − μ) / σ + β`.
  static let foldBatchNormalization = Pass(name: "fold batch normalisation") {
    graph, kept throws(GraphError) in
    let producers = graph.producers(), consumers = graph.consumers()
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      guard let norm = node.operation as? BatchNormalization, !kept.contains(node.operands[0]),
        let source = producers[node.operands[0]], consumers[node.operands[0]]?.count == 1
      else { continue }
      let statistics = node.operands[1...].compactMap { graph.constants[$0] }
      let before = graph.nodes[source]
      guard statistics.count == 4, let convolution = before.operation as? Convolution,
        convolution.epilogue == Epilogue(),
        let weight = graph.constants[before.operands[1]], weight.elementType.isFloat,
        !convolution.hasBias || graph.constants[before.operands[2]] != nil
      else { continue }
      let (factor, offset) = norm.affine(statistics)
      let bias =
        convolution.hasBias
        ? graph.constants[before.operands[2]]!.converted(to: .float64).elements(as: Double.self)
        : factor.map { _ in 0 }
      let lane = weight.shape.dropFirst().reduce(1, *)
      let scaled = weight.converted(to: .float64).elements(as: Double.self).enumerated().map {
        $1 * factor[$0 / lane]
      }
      let shifted = bias.indices.map { bias[$0] * factor[$0] + offset[$0] }
      var folded = convolution
      folded.hasBias = true
      let type = weight.elementType
      let newWeight = graph.addConstant(Tensor(shape: weight.shape, scaled).converted(to: type))
      let newBias = graph.addConstant(Tensor(shape: [shifted.count], shifted).converted(to: type))
      graph.nodes[index] = Node(
        operation: folded, operands: [before.operands[0], newWeight, newBias], results: node.results,
        name: before.name)
    }
  }

  /// Turns remaining batch normalisations into a multiplication and an addition.
  static let lowerBatchNormalization = Pass(name: "lower batch normalisation") {
    graph, kept throws(GraphError) in
    guard graph.nodes.contains(where: { $0.operation is BatchNormalization }) else { return }
    let old = graph.nodes
    graph.nodes = []
    for node in old {
      let statistics = node.operands.dropFirst().compactMap { graph.constants[$0] }
      guard let norm = node.operation as? BatchNormalization, statistics.count == 4 else {
        graph.nodes.append(node)
        continue
      }
      let (factor, offset) = norm.affine(statistics)
      let x = graph.type(of: node.operands[0])
      let shape = [x.shape[1]] + Array(repeating: 1, count: x.rank - 2)
      let product = try graph.apply(
        Binary(.mul), node.operands[0],
        graph.addConstant(Tensor(shape: shape, factor).converted(to: x.element)))
      let shift = graph.addConstant(Tensor(shape: shape, offset).converted(to: x.element))
      graph.nodes.append(
        Node(operation: Binary(.add), operands: [product, shift], results: node.results, name: node.name))
    }
  }
}
