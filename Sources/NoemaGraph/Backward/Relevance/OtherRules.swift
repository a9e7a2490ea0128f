internal import NoemaTensor

/// Relevance as it is, to operand 0 or to the only one that depends on data.
struct PassRelevance: BackwardRule {
  var name: String { "pass" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let relevance = cotangents[0] else { return node.operands.map { _ in nil } }
    let carrier = node.operands.firstIndex { graph.constants[$0] == nil } ?? 0
    var parts = [Value?](repeating: nil, count: node.operands.count)
    parts[carrier] = try graph.reduce(relevance, toShapeOf: node.operands[carrier])
    return parts
  }
}

/// Nothing passes.
struct BlockRelevance: BackwardRule {
  var name: String { "block" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { node.operands.map { _ in nil } }
}

/// The epsilon rule for nodes that are linear in all operands together: sums, means, interpolations, normalisations by
/// stored statistics. What constants contribute they keep.
struct ProportionalRelevance: BackwardRule {
  var epsilon: Double
  var constants = BiasShare.kept

  var name: String { "proportional" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let relevance = cotangents[0] else { return node.operands.map { _ in nil } }
    var z = node.results[0]
    if constants == .ignored, let normalization = node.operation as? BatchNormalization {
      z = try graph.apply(Binary(.sub), z, normalization.shift(node, in: &graph))
    }
    let s = try graph.quotient(relevance, by: z, epsilon: epsilon)
    let slopes = try node.operation.pullback(of: [s], through: node, in: &graph)
    var parts: [Value?] = []
    for (operand, slope) in zip(node.operands, slopes) {
      guard let slope, graph.constants[operand] == nil, graph.type(of: operand).element.isFloat else {
        parts.append(nil)
        continue
      }
      parts.append(try graph.apply(Binary(.mul), operand, slope))
    }
    return parts
  }
}

/// The parts of a sum by their magnitudes, which never cancel: `|a| / (|a| + |b|)`.
struct AbsoluteSumRelevance: BackwardRule {
  var name: String { "absolute" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let relevance = cotangents[0] else { return node.operands.map { _ in nil } }
    var sizes: [Value] = []
    for operand in node.operands { sizes.append(try graph.apply(Unary(.abs), operand)) }
    var total = sizes[0]
    for size in sizes.dropFirst() { total = try graph.apply(Binary(.add), total, size) }
    let s = try graph.quotient(relevance, by: total, epsilon: LinearRelevance.stabilizer)
    var parts: [Value?] = []
    for (operand, size) in zip(node.operands, sizes) {
      guard graph.constants[operand] == nil else {
        parts.append(nil)
        continue
      }
      parts.append(try graph.reduce(graph.apply(Binary(.mul), size, s), toShapeOf: operand))
    }
    return parts
  }
}

/// A product of two values that both depend on data: the signal takes all where the other one is a gate, and each takes
/// half where there is no telling.
///
/// - Source: Arras et al., "Explaining Recurrent Neural Network Predictions in Sentiment Analysis", 2017, section 3.1;
///   Achtibat et al., "AttnLRP", 2024, proposition 3.3 for halves.
struct ProductRelevance: BackwardRule {
  /// The operand that takes all; nil for halves.
  var signal: Int?

  var name: String { signal == nil ? "halves" : "signal takes all" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let relevance = cotangents[0] else { return node.operands.map { _ in nil } }
    if let signal {
      var parts = [Value?](repeating: nil, count: node.operands.count)
      parts[signal] = try graph.reduce(relevance, toShapeOf: node.operands[signal])
      return parts
    }
    let half = try graph.apply(Binary(.mul), relevance, graph.addScalar(0.5, like: relevance))
    var parts: [Value?] = []
    for operand in node.operands { parts.append(try graph.reduce(half, toShapeOf: operand)) }
    return parts
  }
}

/// A matrix product of two values that both depend on data.
///
/// - Source: Achtibat et al., "AttnLRP", 2024, equation 9; Ali et al., "XAI for Transformers", 2022, section 4.2, where
///   one operand, the attention, is taken as constant.
struct MatrixProductRelevance: BackwardRule {
  /// The operand that takes all; nil for halves.
  var signal: Int?
  var epsilon: Double

  var name: String { signal == nil ? "halves" : "signal takes all" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let relevance = cotangents[0] else { return node.operands.map { _ in nil } }
    var s = try graph.quotient(relevance, by: node.results[0], epsilon: epsilon)
    if signal == nil { s = try graph.apply(Binary(.mul), s, graph.addScalar(0.5, like: s)) }
    let slopes = try node.operation.pullback(of: [s], through: node, in: &graph)
    var parts = [Value?](repeating: nil, count: node.operands.count)
    for index in 0..<2 where signal == nil || signal == index {
      guard let slope = slopes[index] else { continue }
      parts[index] = try graph.apply(Binary(.mul), node.operands[index], slope)
    }
    return parts
  }
}

/// A softmax within the network: the first-order term about its operand, `x (R − y Σ R)`, which does not conserve.
///
/// - Source: Achtibat et al., "AttnLRP", 2024, equation 8.
struct SoftmaxRelevance: BackwardRule {
  var name: String { "softmax" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let relevance = cotangents[0], let softmax = node.operation as? Softmax, !softmax.isLogarithmic
    else {
      throw GraphError(.unsupported("no relevance rule covers a logarithm of a softmax inside the network"))
    }
    let y = node.results[0], x = node.operands[0]
    let total = try graph.apply(Reduction(.sum, axes: [softmax.axis], keepsAxes: true), relevance)
    let rest = try graph.apply(Binary(.sub), relevance, graph.apply(Binary(.mul), y, total))
    // Where masks leave nothing, x may be −∞ or nearly: 0 there.
    let isSilent = try graph.apply(Comparison(function: .equal), y, graph.addScalar(0, like: y))
    let safe = try graph.apply(Select(), isSilent, graph.addScalar(0, like: x), x)
    return [try graph.apply(Binary(.mul), safe, rest)]
  }
}

/// A normalisation by a layer's own statistics, whose deviation is taken as constant: what is left is linear.
///
/// - Source: Ali et al., "XAI for Transformers", 2022, section 4.3.
struct NormalizationRelevance: BackwardRule {
  var epsilon: Double
  var constants = BiasShare.kept

  var name: String { "constant deviation" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let relevance = cotangents[0], let norm = node.operation as? LayerNormalization else {
      return node.operands.map { _ in nil }
    }
    var z = node.results[0]
    if constants == .ignored, norm.hasBias {
      var plain = norm
      plain.hasBias = false
      z = try graph.add(plain, Array(node.operands.dropLast()), name: node.name)[0]
    }
    var s = try graph.quotient(relevance, by: z, epsilon: epsilon)
    if norm.hasScale { s = try graph.apply(Binary(.mul), s, node.operands[1]) }
    let slope = try norm.slopeOfConstantDeviation(s, at: node.operands[0], in: &graph)
    return [try graph.apply(Binary(.mul), node.operands[0], slope)]
      + node.operands.dropFirst().map { _ in nil }
  }
}

/// A named block: relevance goes through its parts.
struct ExpandedRelevance: BackwardRule {
  let rules: BackwardRules

  var name: String { "parts" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let relevance = cotangents[0], let block = node.operation as? any Block else {
      return node.operands.map { _ in nil }
    }
    let start = graph.nodes.count
    let y = try block.expand(node.operands, in: &graph)
    let targets = Set(node.operands.filter { graph.constants[$0] == nil })
    let arrived = try graph.passBackward(
      [y: relevance], through: Array(graph.nodes[start...]), to: targets, rules: rules)
    return node.places(of: arrived, targets)
  }
}
