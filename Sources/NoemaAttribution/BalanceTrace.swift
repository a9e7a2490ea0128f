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

  /// Accounts for some examples; as many fit as run in one batch.
  ///
  /// - Parameters:
  ///   - pass: what passes backward.
  ///   - inputs: one tensor per network input, examples first.
  ///   - classes: the class explained for each example.
  /// - Throws: `GraphError` as explaining does.
  init(_ subject: Subject, _ pass: BackwardPass, inputs: [Tensor], classes: [Int]) throws {
    var steps: [(node: String, operation: String, rule: String, received: Int, passed: Int)] = []
    let names = try subject.attributedNames()
    var classCount = 0
    let runner = try BatchRunner(
      subject.network, examples: classes.count, memory: subject.memory, maximumBatch: classes.count,
      shapes: subject.shapes
    ) { graph throws(GraphError) in
      var graph = graph
      let hooks = try graph.values(named: names)
      let explained = try graph.explainedOutput(subject.output, scale: subject.scale)
      classCount = graph.type(of: explained).shape[1]
      graph.outputs = [explained] + hooks
      try graph.apply(Pass.canonical)
      graph.outputs = [explained]
      let (found, twins) = try pass.backward(through: graph, from: explained, at: hooks)
      var back = found.graph
      steps = []
      for step in found.steps {
        let sums = try [step.received, step.passed].map { pairs throws(GraphError) in
          try back.total(pairs, pass, twins)
        }
        guard let received = sums[0], let passed = sums[1] else { continue }
        steps.append(
          (step.node.name, step.node.operation.name, step.rule, back.outputs.count, back.outputs.count + 1))
        back.outputs += [received, passed]
      }
      return back
    }
    let choice = try oneHot(classes, count: classCount)
    let results = try runner.run(inputs + [choice] + pass.baselines.map { try $0.repeated(classes.count) })
    let numbers = results.map { $0.converted(to: .float64).elements(as: Double.self) }
    examples = classes.indices.map { row in
      steps.map {
        Entry(
          node: $0.node.isEmpty ? $0.operation : $0.node, operation: $0.operation, rule: $0.rule,
          received: numbers[$0.received][row], passed: numbers[$0.passed][row])
      }
    }
  }
}

extension Graph {
  /// The sum over each example of what values have, `[examples]`; nil when an axis of examples is missing.
  fileprivate mutating func total(
    _ pairs: [(value: Value, quantity: Value)], _ pass: BackwardPass, _ twins: [Value: Value]
  ) throws(GraphError) -> Value? {
    let batch = type(of: outputs[0]).shape[0]
    var total: Value?
    for (value, quantity) in pairs {
      let finished = try pass.finish(quantity, value, twins[value], &self)
      let shape = type(of: finished).shape
      guard shape.first == batch else { return nil }
      let flat = try apply(Reshape(shape: [batch, shape.dropFirst().reduce(1, *)]), finished)
      let sum = try apply(Reduction(.sum, axes: [1], keepsAxes: false), flat)
      total = try total.map { other throws(GraphError) in try apply(Binary(.add), other, sum) } ?? sum
    }
    return total
  }
}
