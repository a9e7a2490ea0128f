extension BackwardRules {
  /// The relevance rules under which transformers' attention is weighed: positive contributions alone, without biases,
  /// in layers with weights; half to each side of a product of two values; the parts of a sum brought into the
  /// proportion of their totals; activations, softmax and layer normalisation pass relevance as it is.
  ///
  /// - Parameters:
  ///   - graph: a graph in canonical form.
  ///   - start: the value that is explained.
  /// - Throws: `GraphError` as those of a composite.
  /// - Source: Chefer et al., "Transformer Interpretability Beyond Attention Visualization", 2021, section 3.1; what
  ///   passes as it is, and that biases are left out, follows the authors' program.
  public static func transformerAttribution(
    for graph: Graph, from start: Value
  ) throws(GraphError) -> BackwardRules {
    let positive = RelevanceRule.alphaBeta(alpha: 1, beta: 0, ignoresBias: true)
    var composite = Composite("transformer-attribution", convolution: positive, dense: positive)
    composite.attention = .halves
    return transformerAttribution(try composite.rules(for: graph, from: start), epsilon: composite.epsilon)
  }

  private static func transformerAttribution(_ rules: BackwardRules, epsilon: Double) -> BackwardRules {
    BackwardRules { node, graph throws(GraphError) -> any BackwardRule in
      let rule = try rules.rule(for: node, in: graph)
      switch rule {
      case is SoftmaxRelevance, is NormalizationRelevance: return PassRelevance()
      case is ProportionalRelevance where node.operation is Binary:
        return BalancedSumRelevance(epsilon: epsilon)
      case is ExpandedRelevance:
        return ExpandedRelevance(rules: BackwardRules.transformerAttribution(rules, epsilon: epsilon))
      default: return rule
      }
    }
  }
}

/// A sum or difference of two values: what each contributes, `a = u R / z` and `b = R − a`, scaled for each example so
/// that the totals are in the proportion `|Σa| : |Σb|` and sum to `ΣR`. However much elements cancel, neither total
/// exceeds it.
///
/// - Source: Chefer et al., "Transformer Interpretability Beyond Attention Visualization", 2021, equation 10.
struct BalancedSumRelevance: BackwardRule {
  var epsilon: Double

  var name: String { "balanced" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let relevance = cotangents[0] else { return node.operands.map { _ in nil } }
    let axes = Array(graph.type(of: relevance).shape.indices.dropFirst())
    func total(_ value: Value, _ graph: inout Graph) throws(GraphError) -> Value {
      try graph.apply(Reduction(.sum, axes: axes, keepsAxes: true), value)
    }
    let s = try graph.quotient(relevance, by: node.results[0], epsilon: epsilon)
    let first = try graph.apply(Binary(.mul), node.operands[0], s)
    // What is left, as constants may be −∞ where masks bar tokens.
    let contributions = [first, try graph.apply(Binary(.sub), relevance, first)]
    var totals: [Value] = []
    for part in contributions { totals.append(try total(part, &graph)) }
    let size = try graph.apply(
      Binary(.add), graph.apply(Unary(.abs), totals[0]), graph.apply(Unary(.abs), totals[1]))
    let scale = try graph.quotient(total(relevance, &graph), by: size, epsilon: 0)
    var parts: [Value?] = []
    for (index, operand) in node.operands.enumerated() {
      guard graph.constants[operand] == nil else {
        parts.append(nil)
        continue
      }
      let factor = try graph.apply(Binary(.mul), graph.apply(Unary(.sign), totals[index]), scale)
      let part = try graph.apply(Binary(.mul), contributions[index], factor)
      parts.append(try graph.reduce(part, toShapeOf: operand))
    }
    return parts
  }
}
