internal import NoemaGraph
internal import NoemaTensor

/// What a runner computes backward from the class output, besides running forward.
public struct BackwardPass: Sendable {
  /// What arrives, for messages: gradient, relevance.
  var quantity = "gradient"
  /// Whether the pass starts with the class output itself, instead of 1.
  var startsWithOutput = false
  /// Whether the class output is explained, and given, less the mean over all classes.
  var normalizesClasses = false
  /// One example of each network input's baseline, where the rules need the network at a baseline.
  var baselines: [Tensor] = []
  /// Whether each row brings baselines of its own instead, as inputs right behind the network's.
  var takesBaselines = false
  /// How differences from baselines pass nonlinearities.
  var differenceRule = DeepLIFTRule.rescale
  /// What is made of what arrives, given the attributed value and, where there is one, its baseline.
  var finish: @Sendable (Value, _ value: Value, _ baseline: Value?, inout Graph) throws(GraphError) -> Value =
    {
      arrived, _, _, _ in arrived
    }
  /// The rules, for a graph in canonical form, the explained value, and each value's counterpart at the baseline.
  var rules: @Sendable (Graph, Value, [Value: Value]) throws(GraphError) -> BackwardRules = { _, _, _ in
    .gradient
  }

  /// Exact derivatives of the class output.
  public static let gradient = BackwardPass()

  /// Adds the pass to a graph: a one-hot input that picks the class, inputs for baselines, and an output for each
  /// attributed value.
  func add(
    to graph: Graph, from explained: Value, at hooks: [Value]
  ) throws(GraphError) -> Graph {
    let (arrived, comparison) = try pass(through: graph, from: explained, to: hooks)
    var graph = arrived.graph
    var ofSpans = arrived.cotangents[hooks.count...]
    for (hook, cotangent) in zip(hooks, arrived.cotangents) {
      guard let cotangent else { throw graph.independent(of: hook) }
      var finished = try finish(cotangent, hook, comparison?.twins[hook], &graph)
      if let span = comparison?.spans[hook], let other = ofSpans.removeFirst() {
        finished = try graph.apply(Binary(.add), finished, finish(other, span, nil, &graph))
      }
      graph.outputs.append(finished)
    }
    return graph
  }

  /// The pass, and each value's counterpart at the baseline where there is one.
  func backward(
    through graph: Graph, from explained: Value, at hooks: [Value]
  ) throws(GraphError) -> (arrived: BackwardResult, twins: [Value: Value]) {
    let (arrived, comparison) = try pass(through: graph, from: explained, to: hooks)
    return (arrived, comparison?.twins ?? [:])
  }

  /// What arrives at the hooks, then at those of their spans that there are.
  private func pass(
    through graph: Graph, from explained: Value, to hooks: [Value]
  ) throws(GraphError) -> (arrived: BackwardResult, comparison: BaselineComparison?) {
    var graph = graph, explained = explained
    let networkInputs = graph.inputs
    if normalizesClasses {
      let mean = try graph.apply(Reduction(.mean, axes: [1], keepsAxes: true), explained)
      explained = try graph.apply(Binary(.sub), explained, mean)
      graph.outputs[0] = explained
    }
    func addBaselines() -> [Value] {
      networkInputs.map { graph.addInput(graph.type(of: $0), name: "baseline") }
    }
    var own = takesBaselines ? addBaselines() : []
    let choice = graph.addInput(graph.type(of: explained), name: "class")
    let forward = graph
    if !baselines.isEmpty { own = addBaselines() }
    var comparison: BaselineComparison?
    if !own.isEmpty { comparison = try graph.addBaseline(of: networkInputs, own, rule: differenceRule) }
    let rules = try rules(forward, explained, comparison?.twins ?? [:])
    let seed = startsWithOutput ? try graph.apply(Binary(.mul), choice, explained) : choice
    let arrived = try graph.backward(
      from: explained, seed: seed, to: hooks + hooks.compactMap { comparison?.spans[$0] },
      through: comparison?.path ?? forward.nodes, rules: rules)
    return (arrived, comparison)
  }
}
