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
      var copy = try SeparateReaders(network.graph, behind: network.hooks)
      let explained = copy[network.explained], hooks = network.hooks.map { copy[$0] }
      let choice = copy.graph.addInput(copy.graph.type(of: explained), name: "class")
      var decomposition = try copy.graph.addBiasDecomposition(
        of: explained, seed: choice, at: hooks, countsImplicit: countsImplicit)
      // What every value on the way is given, instead of what arrives at the end.
      decomposition.targets = copy.steps.flatMap { $0.operands + $0.node.results }.filter {
        copy.graph.type(of: $0).element.isFloat
      }
      let given = try copy.graph.addBiasAttribution(of: decomposition, split: split)
      let held = Dictionary(zip(decomposition.targets, given)) { first, _ in first }
      let own = Dictionary(decomposition.terms.map { ($0.result, $0.product) }) { first, _ in first }
      var ledger = Ledger(graph: copy.graph, explained: explained)
      for (node, operands) in copy.steps.reversed() {
        let given = node.results.flatMap { [held[$0], own[$0]].compactMap { $0 } }
        guard let received = try ledger.total(of: given),
          let passed = try ledger.total(of: operands.compactMap { held[$0] })
        else { continue }
        ledger.accounts.append((node, "bias", received, passed))
      }
      return ledger
    }
  }
}

/// A copy of a network in which every node reads values of its own, so that what arrives at one of those is what that
/// node passed on, whoever else reads the original.
private struct SeparateReaders {
  /// The copy.
  var graph = Graph()
  /// The nodes behind the given values, with those of their operands that depend on them.
  private(set) var steps: [(node: Node, operands: [Value])] = []
  private var copies: [Value: Value] = [:]

  init(_ network: Graph, behind values: [Value]) throws(GraphError) {
    for input in network.inputs {
      copies[input] = graph.addInput(network.type(of: input), name: network.displayName(of: input))
    }
    var reached = Set(values)
    for node in network.nodes {
      var operands: [Value] = [], own: [Value] = []
      for operand in node.operands {
        if copies[operand] == nil, let tensor = network.constants[operand] {
          copies[operand] = graph.addConstant(tensor)
        }
        guard reached.contains(operand) else {
          operands.append(self[operand])
          continue
        }
        let copy = try graph.apply(Reshape(shape: network.type(of: operand).shape), self[operand])
        operands.append(copy)
        own.append(copy)
      }
      let results = try graph.add(node.operation, operands, name: node.name)
      for (result, copy) in zip(node.results, results) {
        copies[result] = copy
        for name in network.names(of: result) { graph.name(copy, name) }
      }
      guard !own.isEmpty else { continue }
      reached.formUnion(node.results)
      steps.append((graph.nodes[graph.nodes.count - 1], own))
    }
  }

  /// A value of the network in the copy.
  subscript(value: Value) -> Value { copies[value]! }
}
