public import NoemaGraph
internal import NoemaTensor

extension Subject {
  /// The ONNX name of the layer that class activation maps are made at when none is named: the last map of
  /// channels before its positions are brought together, or in transformers the input of the last
  /// attention.
  ///
  /// Behind the last attention only the tokens that the classifier reads have a gradient.
  ///
  /// - Throws: `GraphError.unsupported` when the network has no such layer.
  public func activationMapLayer() throws(GraphError) -> String {
    // With two examples, windows that are stacked along the first axis show.
    var graph = try network.graph(batch: network.fixedBatch ?? 2, shapes: shapes)
    try graph.writeOutAttention()
    let explained = try graph.explainedOutput(output, scale: scale)
    guard let value = graph.activationMapValue(before: explained), let name = graph.names(of: value).first
    else {
      throw GraphError(
        .unsupported("the network has no named layer of channels over positions; name the layer of the map"))
    }
    return name
  }
}

extension Graph {
  /// The value that activation maps are made at by default.
  func activationMapValue(before explained: Value) -> Value? {
    let before = ancestors(of: explained)
    guard let attention = attentionMaps().last(where: { before.contains($0.weights) }),
      !hasConvolution(behind: attention.weights, before: before)
    else { return lastMap(before) }
    return inputOfAttention(attention, batch: type(of: explained).shape[0])
  }

  private func hasConvolution(behind value: Value, before: Set<Value>) -> Bool {
    var reached: Set<Value> = [value]
    for node in nodes where node.operands.contains(where: reached.contains) {
      reached.formUnion(node.results)
      if node.operation is Convolution, before.contains(node.results[0]) { return true }
    }
    return false
  }

  /// The last layer with more than one position.
  private func lastMap(_ before: Set<Value>) -> Value? {
    guard let batch = inputs.first.flatMap({ type(of: $0).shape.first }) else { return nil }
    return layers().last { layer in
      guard layer.shape.count >= 4, layer.shape[0] == batch, before.contains(layer.value) else {
        return false
      }
      let positions = isChannelsLast(layer.value) ? layer.shape[1...].dropLast() : layer.shape[2...]
      return positions.reduce(1, *) > 1
    }?.value
  }

  /// What the queries of an attention are projected from, where it has examples first and a name.
  private func inputOfAttention(_ attention: AttentionMap, batch: Int) -> Value? {
    let producers = producers()
    func maker(_ value: Value) -> Node? { producers[value].map { nodes[$0] } }
    var value = attention.queries, isProjected = false
    while !isProjected {
      guard let node = maker(value), let source = node.operands.first(where: { constants[$0] == nil }) else {
        return nil
      }
      isProjected =
        node.operation is Convolution
        || node.operation is MatMul && node.operands.contains { constants[$0] != nil }
      value = source
    }
    while type(of: value).rank < 3 || type(of: value).shape[0] != batch || names(of: value).isEmpty {
      guard let node = maker(value), node.operation is Reshape || node.operation is Transpose else {
        return nil
      }
      value = node.operands[0]
    }
    return value
  }
}
