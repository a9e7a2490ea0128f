internal import NoemaGraph
internal import NoemaTensor

/// A hidden layer as rules see it: one feature a unit.
struct HiddenLayer: Sendable, Hashable {
  /// The name that it is asked by.
  let name: String
  /// The ONNX name of the value.
  let value: String
  /// The number of units.
  let unitCount: Int
  /// Whether the value is averaged over positions.
  let isPooled: Bool
  /// Whether units stand last, behind positions: of sequences.
  let hasUnitsLast: Bool
}

extension HiddenLayer {
  /// The layers that a user names, from input to output.
  ///
  /// - Parameter queries: names or patterns, as `noema inspect` lists them; `mean(…)` around one for the mean over
  ///   positions.
  /// - Throws: `RuleError` for a layer with positions that is not pooled or without units; `GraphError` for names that
  ///   do not exist or stand for several layers.
  static func named(_ queries: [String], in graph: Graph) throws -> [HiddenLayer] {
    let layers = graph.layers()
    var found: [(order: Int, layer: HiddenLayer)] = []
    for query in queries {
      let isPooled = query.hasPrefix("mean(") && query.hasSuffix(")")
      let name = isPooled ? String(query.dropFirst(5).dropLast()) : query
      let matches = try layers.matching(name)
      let isPattern = name.contains("*") || name.contains("?")
      guard matches.count == 1 || isPattern else {
        throw GraphError(.ambiguousName(name, candidates: matches.map(\.onnxValue)))
      }
      for match in matches {
        let title = isPattern ? match.name : name
        let layer = try HiddenLayer(
          match, name: isPooled ? "mean(\(title))" : title, isPooled: isPooled, in: graph)
        guard !found.contains(where: { $0.layer.value == layer.value }) else {
          throw RuleError(.malformed("two names stand for one layer; leave one out"), at: "layer '\(title)'")
        }
        found.append((layers.firstIndex(of: match) ?? 0, layer))
      }
    }
    return found.sorted { $0.order < $1.order }.map(\.layer)
  }

  private init(_ layer: Layer, name: String, isPooled: Bool, in graph: Graph) throws(RuleError) {
    let shape = layer.shape.dropFirst()
    let hasUnitsLast = isPooled && shape.count == 2 && !graph.isConvolved(layer.value)
    let units = (hasUnitsLast ? shape.last : shape.first) ?? 1
    let positions = shape.reduce(1, *) / max(1, units)
    guard isPooled || positions == 1 else {
      throw RuleError(
        .parameters(
          "its activations \(Array(shape)) have positions, each of which would be a feature; ask for 'mean(\(name))', "
            + "the mean over positions"),
        at: "layer '\(name)'")
    }
    let examples = graph.exampleCount
    guard layer.shape.first == examples, units > 0 else {
      throw RuleError(
        .malformed("its shape \(layer.shape) for \(examples) examples does not begin with an axis of them"),
        at: "layer '\(name)'")
    }
    (self.name, value, unitCount, self.isPooled) = (name, layer.onnxValue, units, isPooled)
    self.hasUnitsLast = hasUnitsLast
  }

  /// The results of the activations that follow dense layers, from input to output, without those that the output is
  /// made of; where there is no activation, the results of the dense layers but the last.
  ///
  /// - Parameter output: the ONNX name of the output.
  static func automatic(in network: Graph, output: String) throws -> [HiddenLayer] {
    var graph = network
    let layers = network.layers()
    // Activations that are written in several nodes become one.
    try graph.apply(Pass.canonical)
    var values = graph.activationsOfDenseLayers(output: output)
    if values.isEmpty { values = graph.denseLayers(output: output) }
    return try values.compactMap { value in
      try layers.first { $0.value == value }.map {
        try HiddenLayer($0, name: $0.name, isPooled: false, in: network)
      }
    }
  }

  /// The units' values, `[examples, …]` as the network gives them, column after column.
  func columns(_ tensor: Tensor) -> [Double] {
    let elements = tensor.converted(to: .float64).elements(as: Double.self)
    let rows = tensor.shape[0]
    let positions = max(1, elements.count / max(1, rows * unitCount))
    var result = [Double](repeating: 0, count: rows * unitCount)
    for row in 0..<rows {
      for unit in 0..<unitCount {
        var sum = 0.0
        for position in 0..<positions {
          let place = hasUnitsLast ? position * unitCount + unit : unit * positions + position
          sum += elements[row * unitCount * positions + place]
        }
        result[unit * rows + row] = sum / Double(positions)
      }
    }
    return result
  }
}

extension Graph {
  /// The number of examples of a batch.
  fileprivate var exampleCount: Int { inputs.first.flatMap { type(of: $0).shape.first } ?? 1 }

  /// Whether a convolution made a value, and since then nothing with weights but products with one number a channel.
  fileprivate func isConvolved(_ value: Value) -> Bool {
    let producers = producers()
    var value = value
    while let index = producers[value] {
      if nodes[index].operation is Convolution { return true }
      guard !(nodes[index].operation is MatMul),
        let operand = nodes[index].operands.first(where: { constants[$0] == nil })
      else { return false }
      value = operand
    }
    return false
  }

  /// For each value whether a linear operator with weights lies behind it on a way to the output.
  private func feedsLinear(output: String) -> Set<Value> {
    var live = Set(outputs.filter { names(of: $0).contains(output) }), feeding: Set<Value> = []
    for node in nodes.reversed() where node.results.contains(where: live.contains) {
      live.formUnion(node.operands)
      if node.operation.relevanceRole == .linear || node.results.contains(where: feeding.contains) {
        feeding.formUnion(node.operands)
      }
    }
    return feeding
  }

  fileprivate func activationsOfDenseLayers(output: String) -> [Value] {
    let feeding = feedsLinear(output: output)
    // Values that a dense layer made, and nothing but a bias, a normalisation or a new shape since.
    var dense: Set<Value> = []
    var found: [Value] = []
    for node in nodes {
      guard let result = node.results.first else { continue }
      switch node.operation.relevanceRole {
      case .linear where node.operation is MatMul:
        if isWeighted(node) { dense.insert(result) }
      case .addition, .normalisation, .movement, .product:
        let read = node.operands.filter { constants[$0] == nil }
        if read.count == 1, dense.contains(read[0]) { dense.insert(result) }
      case .activation:
        if dense.contains(node.operands[0]), type(of: result).rank == 2, feeding.contains(result) {
          found.append(result)
        }
      default: continue
      }
    }
    return found
  }

  fileprivate func denseLayers(output: String) -> [Value] {
    let feeding = feedsLinear(output: output)
    let consumers = consumers()
    return nodes.compactMap { node in
      guard node.operation is MatMul, isWeighted(node), var result = node.results.first,
        type(of: result).rank == 2
      else { return nil }
      // With its bias.
      while let readers = consumers[result], readers.count == 1, case let reader = nodes[readers[0]],
        reader.operation.relevanceRole == .addition,
        reader.operands.allSatisfy({ $0 == result || constants[$0] != nil }), let sum = reader.results.first
      { result = sum }
      return feeding.contains(result) ? result : nil
    }
  }

  /// Whether a product is one with weights, and not of two values.
  private func isWeighted(_ node: Node) -> Bool {
    node.operands.count { constants[$0] == nil } == 1
  }

  /// Whether missing values may be put in: every way from an input leads through movements to a tree, or to a question
  /// whose answer chooses what stands in their place.
  var acceptsMissing: Bool {
    var missing = Set(inputs)
    for node in nodes where node.operands.contains(where: missing.contains) {
      switch node.operation {
      case is TreeEnsemble, is Comparison, is Select: continue
      case is Cast: missing.formUnion(node.results)
      default:
        guard node.operation.relevanceRole == .movement else { return false }
        missing.formUnion(node.results)
      }
    }
    return outputs.allSatisfy { !missing.contains($0) }
  }

  /// The value of an ONNX name.
  func value(named name: String) -> Value? {
    for node in nodes { for result in node.results where names(of: result).contains(name) { return result } }
    return inputs.first { names(of: $0).contains(name) }
  }
}
