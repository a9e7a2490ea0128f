internal import NoemaTensor

extension Pass {
  /// Merges a spatial padding by zeros into the convolution that reads it, unless the padded value is hooked.
  static let foldPadding = Pass(name: "fold padding") { graph, kept throws(GraphError) in
    let producers = graph.producers()
    for index in graph.nodes.indices {
      guard var convolution = graph.nodes[index].operation as? Convolution,
        !kept.contains(graph.nodes[index].operands[0]),
        let source = producers[graph.nodes[index].operands[0]],
        let pad = graph.nodes[source].operation as? Pad,
        pad.fill == 0, pad.steps.allSatisfy({ $0 == 1 }),
        pad.before[0] + pad.before[1] + pad.after[0] + pad.after[1] == 0
      else { continue }
      for axis in 0..<convolution.window.rank {
        convolution.window.paddingBefore[axis] += pad.before[axis + 2]
        convolution.window.paddingAfter[axis] += pad.after[axis + 2]
      }
      graph.nodes[index].operation = convolution
      graph.nodes[index].operands[0] = graph.nodes[source].operands[0]
    }
  }
}
