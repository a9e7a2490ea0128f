internal import NoemaGraph
internal import NoemaTensor

/// Where a backward attribution gains or loses: for each node what it received and what it passed on.
///
/// A difference is right where a bias or another constant keeps its share, and wrong elsewhere.
public struct BalanceTrace: Sendable {
  /// One node's account, for one example.
  public struct Entry: Sendable, Hashable, Codable {
    /// The node's ONNX name; the operator's where it has none.
    public var node: String
    /// The operator.
    public var operation: String
    /// The rule.
    public var rule: String
    /// The sums of what arrived and of what was passed on.
    public var received, passed: Double
    /// What the node kept; negative where it gave more than it had.
    public var kept: Double { received - passed }
  }

  /// The nodes of each example, from the output backward.
  public var examples: [[Entry]]

  /// A graph with sums that account for its nodes.
  struct Ledger {
    var graph: Graph
    /// The class outputs, for which the graph's first input behind the network's chooses.
    var explained: Value
    /// Each node with its sums, `[examples]`.
    var accounts: [(node: Node, rule: String, received: Value, passed: Value)] = []
  }

  /// Accounts for some examples; as many fit as run in one batch.
  ///
  /// - Parameters:
  ///   - inputs: one tensor per network input, examples first.
  ///   - classes: the class explained for each example.
  ///   - baselines: one example of each input behind the choice of the class.
  ///   - derive: keeps accounts of a network's graph. May be called several times.
  /// - Throws: `GraphError` as explaining does.
  init(
    _ subject: Subject, inputs: [Tensor], classes: [Int], baselines: [Tensor] = [],
    derive: (Graph) throws(GraphError) -> Ledger
  ) throws {
    var entries: [Entry] = [], classCount = 0
    let runner = try BatchRunner(
      subject.network, examples: classes.count, memory: subject.memory, maximumBatch: classes.count,
      shapes: subject.shapes
    ) { graph throws(GraphError) in
      var ledger = try derive(graph)
      classCount = ledger.graph.type(of: ledger.explained).shape[1]
      entries = ledger.accounts.map { account in
        let operation = account.node.operation.name
        return Entry(
          node: account.node.name.isEmpty ? operation : account.node.name, operation: operation,
          rule: account.rule, received: 0, passed: 0)
      }
      ledger.graph.outputs = [ledger.explained] + ledger.accounts.flatMap { [$0.received, $0.passed] }
      return ledger.graph
    }
    try checkClasses(classes, of: classCount)
    let choice = try oneHot(classes, count: classCount)
    let results = try runner.run(inputs + [choice] + baselines.map { try $0.repeated(classes.count) })
    let numbers = results.dropFirst().map { $0.converted(to: .float64).elements(as: Double.self) }
    examples = classes.indices.map { row in
      entries.enumerated().map { index, entry in
        var entry = entry
        (entry.received, entry.passed) = (numbers[2 * index][row], numbers[2 * index + 1][row])
        return entry
      }
    }
  }

  /// Accounts for a pass.
  ///
  /// - Throws: `GraphError` as explaining does.
  init(_ subject: Subject, _ pass: BackwardPass, inputs: [Tensor], classes: [Int]) throws {
    let names = try subject.attributedNames()
    try self.init(
      subject, inputs: inputs, classes: classes, baselines: pass.baselines
    ) { graph throws(GraphError) in
      var graph = graph
      let (explained, hooks) = try graph.prepare(for: subject, keeping: names)
      let (found, twins) = try pass.backward(through: graph, from: explained, at: hooks)
      // Where the pass explains a derived value, that is the output.
      var ledger = Ledger(graph: found.graph, explained: found.graph.outputs[0])
      try ledger.enter(found.steps) { quantity, value, graph throws(GraphError) in
        try pass.finish(quantity, value, twins[value], &graph)
      }
      return ledger
    }
  }
}

extension BalanceTrace.Ledger {
  /// Accounts for the steps of a pass.
  ///
  /// - Parameter finish: what is made of a quantity at a value before it is summed.
  mutating func enter(
    _ steps: [BackwardStep],
    finish: (_ quantity: Value, _ value: Value, inout Graph) throws(GraphError) -> Value = { quantity, _, _ in
      quantity
    }
  ) throws(GraphError) {
    for step in steps {
      var sums: [Value?] = []
      for pairs in [step.received, step.passed] {
        var finished: [Value] = []
        for pair in pairs { finished.append(try finish(pair.quantity, pair.value, &graph)) }
        sums.append(try total(of: finished))
      }
      if let received = sums[0], let passed = sums[1] {
        accounts.append((step.node, step.rule, received, passed))
      }
    }
  }

  /// The sum over each example of values, `[examples]`; nil when an axis of examples is missing, or there is none.
  mutating func total(of values: [Value]) throws(GraphError) -> Value? {
    let examples = graph.type(of: explained).shape[0]
    var total: Value?
    for value in values {
      let shape = graph.type(of: value).shape
      guard shape.first == examples else { return nil }
      let flat = try graph.apply(Reshape(shape: [examples, shape.dropFirst().reduce(1, *)]), value)
      let sum = try graph.apply(Reduction(.sum, axes: [1], keepsAxes: false), flat)
      total = try total.map { other throws(GraphError) in try graph.apply(Binary(.add), other, sum) } ?? sum
    }
    return total
  }
}
