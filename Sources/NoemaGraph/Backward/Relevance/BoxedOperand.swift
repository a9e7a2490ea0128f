internal import NoemaTensor

/// What a layer under the box rule reads, and between what bounds the rule takes it to lie.
public struct BoxedOperand: Sendable {
  /// The operand.
  public var value: Value
  /// Operator and name of the layer, as errors name it.
  public var layer: String
  /// The extents, examples first, and the axis of channels.
  public var shape: [Int], axis: Int
  /// The lowest and the highest value: one number for all channels, or one for each.
  public var low, high: [Double]
}

extension Composite {
  /// Whether some layer may get the box rule, which holds for inputs between bounds alone.
  public var hasBoxes: Bool {
    ([convolution, dense, first].compactMap { $0 } + assignments.map(\.rule)).contains { rule in
      if case .box = rule { true } else { false }
    }
  }

  /// The operands of layers under the box rule that relevance passes, in order of computation.
  ///
  /// Layers within blocks that only the pass itself expands are not among them, nor are those whose number of bounds
  /// does not fit, which the rule refuses.
  ///
  /// - Parameters:
  ///   - graph: a graph in canonical form.
  ///   - start: the value that is explained.
  ///   - targets: the values that relevance is passed down to.
  /// - Throws: `GraphError` as `rules(for:from:)` does.
  public func boxedOperands(
    in graph: Graph, from start: Value, to targets: [Value]
  ) throws(GraphError) -> [BoxedOperand] {
    let rules = try rules(for: graph, from: start), passed = graph.downstream(of: Set(targets))
    return graph.nodes.compactMap { node in
      // What no rule covers is for the pass to refuse.
      guard let linear = (try? rules.rule(for: node, in: graph)) as? LinearRelevance,
        case .box(let low, let high) = linear.rule, let map = LinearMap(node, sum: nil, in: graph),
        passed.contains(map.x)
      else { return nil }
      let shape = graph.type(of: map.x).shape, axis = map.isConvolution ? 1 : shape.count - 1
      guard shape.indices.contains(axis), low.count == 1 || low.count == shape[axis] else { return nil }
      return BoxedOperand(
        value: map.x, layer: "\(node.operation.name) node '\(node.name)'", shape: shape, axis: axis, low: low,
        high: high)
    }
  }
}
