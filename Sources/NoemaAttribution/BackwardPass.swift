internal import NoemaGraph
internal import NoemaTensor

/// What a runner computes backward from the class output, besides running forward.
public struct BackwardPass: Sendable {
  /// What arrives, for messages: gradient, relevance.
  var quantity = "gradient"
  /// Whether the pass starts with the class output itself, instead of 1.
  var startsWithOutput = false
  /// One example of each network input's baseline, where the rules need the network at a baseline.
  var baselines: [Tensor] = []
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
    let (arrived, twins) = try backward(through: graph, from: explained, at: hooks)
    var graph = arrived.graph
    for (hook, cotangent) in zip(hooks, arrived.cotangents) {
      guard let cotangent else { throw graph.independent(of: hook) }
      graph.outputs.append(try finish(cotangent, hook, twins[hook], &graph))
    }
    return graph
  }

  /// The pass, and each value's counterpart at the baseline where there is one.
  func backward(
    through graph: Graph, from explained: Value, at hooks: [Value]
  ) throws(GraphError) -> (arrived: BackwardResult, twins: [Value: Value]) {
    var graph = graph
    let networkInputs = graph.inputs
    let choice = graph.addInput(graph.type(of: explained), name: "class")
    var twins: [Value: Value] = [:]
    let forward = graph
    if !baselines.isEmpty {
      let own = networkInputs.map { graph.addInput(graph.type(of: $0), name: "baseline") }
      twins = try graph.addBaseline(of: networkInputs, own)
    }
    let rules = try rules(forward, explained, twins)
    let seed = startsWithOutput ? try graph.apply(Binary(.mul), choice, explained) : choice
    return (
      try graph.backward(from: explained, seed: seed, to: hooks, through: forward.nodes, rules: rules), twins
    )
  }
}
