internal import NoemaGraph
internal import NoemaTensor

extension BalanceTrace {
  /// Accounts for bias attribution: what each node received of biases, its own among them, and what it passed on.
  ///
  /// - Parameters:
  ///   - split: how layers share what their units hold.
  ///   - countsImplicit: whether implicit biases count.
  ///   - inputs: one tensor per network input, examples first.
  ///   - classes: the class explained for each example.
  /// - Throws: `GraphError` as explaining does.
  init(
    ofBiases subject: Subject, split: BiasSplit, countsImplicit: Bool, inputs: [Tensor], classes: [Int]
  ) throws {
    try self.init(subject, inputs: inputs, classes: classes) { graph throws(GraphError) in
      let network = try BiasSubject(graph, subject)
      var graph = network.graph
      let choice = graph.addInput(graph.type(of: network.explained), name: "class")
      let decomposition = try graph.addBiasDecomposition(
        of: network.explained, seed: choice, at: network.hooks, countsImplicit: countsImplicit)
      let own = Dictionary(decomposition.terms.map { ($0.result, $0.product) }) { first, _ in first }
      var steps: [BackwardStep] = []
      _ = try graph.addBiasAttribution(of: decomposition, split: split) { step in
        var step = step
        for result in step.node.results { if let term = own[result] { step.received.append((result, term)) } }
        steps.append(step)
      }
      var ledger = Ledger(graph: graph, explained: network.explained)
      try ledger.enter(steps)
      return ledger
    }
  }
}
