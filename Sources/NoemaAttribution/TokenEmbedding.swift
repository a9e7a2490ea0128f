public import NoemaGraph
internal import NoemaTensor

extension Subject {
  /// The ONNX name of the layer in which the tokens of an input become vectors: rows picked from a constant table by
  /// the input's numbers, before positions and segments are added. Attributions of tokens are made there.
  ///
  /// - Parameter input: the name of an input of whole numbers.
  /// - Throws: `GraphError.unknownName` for an unknown input; `.unsupported` when its numbers pick no rows of floats,
  ///   or the result has no name.
  public func embeddingLayer(of input: String) throws(GraphError) -> String {
    let graph = try network.graph(batch: network.fixedBatch ?? 1, shapes: shapes)
    let tokens = try graph.values(named: [input])[0]
    let producers = graph.producers()
    for node in graph.nodes {
      guard node.operation is Gather, node.operands.count == 2,
        graph.constants[node.operands[0]]?.elementType.isFloat == true
      else { continue }
      // Between the input and the table the numbers may change their type or shape.
      var numbers = node.operands[1]
      while numbers != tokens, let maker = producers[numbers], graph.nodes[maker].operands.count == 1 {
        numbers = graph.nodes[maker].operands[0]
      }
      if numbers == tokens, let name = graph.names(of: node.results[0]).first { return name }
    }
    throw GraphError(
      .unsupported(
        "the numbers of '\(input)' pick no rows of a table of embeddings; name the layer to attribute to with --layer"
      ))
  }
}
