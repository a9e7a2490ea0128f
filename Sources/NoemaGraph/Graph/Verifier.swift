/// The rules that a valid graph obeys; passes are checked against them in tests and debug builds.
extension Graph {
  /// The first broken rule in words, or nil when the graph is valid.
  public func firstViolation() -> String? {
    var defined = Set(inputs).union(constants.keys)
    for (value, tensor) in constants where TensorType(of: tensor) != type(of: value) {
      return "constant '\(displayName(of: value))' holds \(TensorType(of: tensor)), not \(type(of: value))"
    }
    for node in nodes {
      for operand in node.operands where !defined.contains(operand) {
        return
          "node '\(node.name)' (\(node.operation.name)) reads '\(displayName(of: operand))' before it is made"
      }
      for result in node.results where !defined.insert(result).inserted {
        return "value '\(displayName(of: result))' is made twice"
      }
      guard let types = try? node.operation.resultTypes(of: node.operands.map { type(of: $0) }) else {
        return "operands of node '\(node.name)' (\(node.operation.name)) do not fit"
      }
      if types != node.results.map({ type(of: $0) }) {
        return "node '\(node.name)' (\(node.operation.name)) declares results other than inferred"
      }
    }
    for output in outputs where !defined.contains(output) {
      return "output '\(displayName(of: output))' is never made"
    }
    return nil
  }
}

extension Graph: CustomStringConvertible {
  /// One line a node: results, operator with attributes, operands.
  public var description: String {
    nodes.map { node in
      let results = node.results.map { "\(displayName(of: $0)): \(type(of: $0))" }.joined(separator: ", ")
      return
        "\(results) = \(node.operation)(\(node.operands.map { displayName(of: $0) }.joined(separator: ", ")))"
    }.joined(separator: "\n")
  }
}
