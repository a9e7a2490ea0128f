extension Graph {
  /// Adds the nodes that depend on some inputs once more, for other inputs.
  ///
  /// - Parameter replacements: what each input is replaced by.
  /// - Returns: the counterpart of each value that depends on those inputs, these included.
  mutating func duplicate(replacing replacements: [Value: Value]) throws(GraphError) -> [Value: Value] {
    var twins = replacements
    for node in nodes where node.operands.contains(where: { twins[$0] != nil }) {
      let results = try add(node.operation, node.operands.map { twins[$0] ?? $0 }, name: node.name)
      for (result, twin) in zip(node.results, results) { twins[result] = twin }
    }
    return twins
  }
}
