internal import NoemaGraph
internal import NoemaTensor

/// The scale on which a class output is explained.
public enum OutputScale: String, Sendable, Hashable, Codable, CaseIterable {
  /// The raw output: what supports the class, whatever the others do. Where a network ends in a softmax, its
  /// operand.
  case logit
  /// The logarithm of the softmax: what supports the class relative to the others.
  case logProbability = "log-probability"
  /// The softmax itself; its derivative vanishes where the network is sure.
  case probability
}

extension Graph {
  /// The value to explain: one output, `[examples, classes]`, on a scale.
  ///
  /// - Parameters:
  ///   - name: the output's name; the main output when nil.
  ///   - scale: nil for the output as the network gives it.
  /// - Throws: `GraphError` when there is no such output or it has no axis of classes.
  mutating func explainedOutput(_ name: String? = nil, scale: OutputScale?) throws(GraphError) -> Value {
    guard var output = mainOutput else { throw GraphError(.input("the network has no output")) }
    if let name {
      guard let found = outputs.first(where: { names(of: $0).contains(name) }) else {
        throw GraphError(.unknownName(name, what: "output", suggestions: outputs.map { displayName(of: $0) }))
      }
      output = found
    }
    let shape = type(of: output).shape
    guard shape.count >= 2, shape[1...].reduce(1, *) == shape[1] else {
      throw GraphError(
        .input("output '\(displayName(of: output))' has shape \(shape); expected [examples, classes]"))
    }
    if shape.count > 2 { output = try apply(Reshape(shape: Array(shape[..<2])), output) }
    // A softmax of a softmax would be another network's output.
    if scale != nil, let source = producers()[output], let softmax = nodes[source].operation as? Softmax,
      softmax.axis == 1
    {
      if scale == (softmax.isLogarithmic ? .logProbability : .probability) { return output }
      output = nodes[source].operands[0]
    }
    switch scale {
    case nil, .logit: return output
    case .logProbability: return try apply(Softmax(axis: 1, isLogarithmic: true), output)
    case .probability: return try apply(Softmax(axis: 1), output)
    }
  }
}

/// One-hot rows: the cotangents that pick a class per example.
func oneHot(_ classes: [Int], count: Int) throws -> Tensor {
  try Tensor(shape: [classes.count, count], elementType: .float32) { bytes in
    let rows = bytes.bindMemory(to: Float.self)
    rows.update(repeating: 0)
    for (row, index) in classes.enumerated() { rows[row * count + index] = 1 }
  }
}
