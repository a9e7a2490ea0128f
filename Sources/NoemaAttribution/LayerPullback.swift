public import NoemaGraph
public import NoemaTensor

/// A network from its one input up to a layer, and the derivative of any weighting of that layer with respect to the
/// input: `(x, s) ↦ (a(x), sᵀ ∂a/∂x)`.
///
/// What lies behind the layer is neither run nor differentiated.
public final class LayerPullback {
  /// The shape of the layer for one example.
  public let layerShape: [Int]
  /// The shape of the input for one example.
  public let inputShape: [Int]
  /// The number of examples that run together.
  public var batchSize: Int { backward.batchSize }
  private let layer: String?
  private let backward: BatchRunner
  private var forward: BatchRunner?
  private let makeForward: () throws(GraphError) -> BatchRunner

  /// Compiles a network.
  ///
  /// - Parameters:
  ///   - layer: the ONNX name of a value; nil for the class output before a softmax.
  ///   - opensRectifiers: whether rectifiers pass backward what arrives where they are shut: the way out of inputs at
  ///     which a unit is silent, so that its derivative is 0.
  ///   - examples: how many examples will run at most.
  /// - Throws: `GraphError` for unknown layers, for networks of several inputs or one of whole numbers, and for a layer
  ///   that does not depend on the input through derivatives.
  public init(
    _ network: Network, to layer: String?, opensRectifiers: Bool = false, examples: Int,
    memory: Int = 1 << 30,
    maximumBatch: Int = 32, shapes: [String: [Int]] = [:]
  ) throws(GraphError) {
    guard network.inputs.count == 1, network.inputs[0].element.isFloat else {
      throw GraphError(
        .input(
          "inputs are made for networks of one input of floats; this one has "
            + network.inputs.map { "\($0.name) (\($0.element))" }.joined(separator: ", ")))
    }
    let weights = SharedWeights()
    func runner(
      _ finish: (inout Graph, _ hook: Value, _ input: Value) throws(GraphError) -> Void
    ) throws(GraphError) -> BatchRunner {
      try BatchRunner(
        network, examples: examples, memory: memory, maximumBatch: maximumBatch, shapes: shapes,
        weights: weights
      ) { graph throws(GraphError) in
        var graph = graph
        let input = graph.inputs[0]
        let hook: Value
        if let layer {
          hook = try graph.values(named: [layer])[0]
        } else {
          hook = try graph.explainedOutput(scale: .logit)
        }
        graph.outputs = [hook]
        try graph.apply(Pass.canonical)
        try finish(&graph, hook, input)
        return graph
      }
    }
    backward = try runner { graph, hook, input throws(GraphError) in
      var back = try graph.backward(
        from: hook, to: [input], rules: opensRectifiers ? .openRectifiers : .gradient)
      guard let arrived = back.cotangents[0] else {
        throw GraphError(
          .notDifferentiable(
            "'\(graph.displayName(of: hook))' does not depend on the input through derivatives"))
      }
      back.graph.outputs = [hook, arrived]
      graph = back.graph
    }
    makeForward = { () throws(GraphError) in try runner { _, _, _ in } }
    self.layer = layer
    inputShape = Array(backward.inputTypes[0].shape.dropFirst())
    layerShape = Array(backward.outputTypes[0].shape.dropFirst())
    guard backward.outputTypes[0].shape.first == backward.batchSize else {
      throw GraphError(
        .input(
          "the layer has shape \(backward.outputTypes[0].shape) for \(backward.batchSize) examples; its first axis "
            + "must count them"))
    }
  }

  /// The layer for any number of examples, `[examples, …]`.
  ///
  /// - Throws: `GraphError.notFinite` that names the example.
  public func values(_ inputs: Tensor) throws -> Tensor {
    let runner = try forward ?? makeForward()
    forward = runner
    return try batches(inputs.shape[0], of: runner.batchSize) { rows in
      let results = try runner.run([inputs.rows(rows)])
      try check(results, first: rows.lowerBound)
      return results
    }[0]
  }

  /// The layer, and what arrives at the input.
  ///
  /// - Parameters:
  ///   - inputs: `[examples, …]`.
  ///   - cotangents: what starts at the layer, shaped like it.
  /// - Throws: `GraphError.notFinite` that names value and example.
  public func callAsFunction(
    _ inputs: Tensor, cotangents: Tensor
  ) throws -> (values: Tensor, gradients: Tensor) {
    let results = try batches(inputs.shape[0], of: batchSize) { rows in
      let results = try backward.run([inputs.rows(rows), cotangents.rows(rows)])
      try check(results, first: rows.lowerBound)
      return results
    }
    return (results[0], results[1])
  }

  private func check(_ results: [Tensor], first: Int) throws(GraphError) {
    let name = layer.map { "'\($0)'" } ?? "the class output"
    try checkFinite(results, ["the value of \(name)", "the gradient of \(name)"]) { first + $0 }
  }

  private func batches(
    _ count: Int, of size: Int, _ run: (Range<Int>) throws -> [Tensor]
  ) throws -> [Tensor] {
    let parts = try stride(from: 0, to: count, by: size).map { try run($0..<min($0 + size, count)) }
    guard let first = parts.first else { throw GraphError(.input("there are no inputs to run")) }
    return try first.indices.map { index in
      parts.count == 1 ? first[index] : try Tensor.stacked(parts.map { $0[index] })
    }
  }
}

/// What arrives at a rectifier passes it, open or shut.
private struct OpenRectifierRule: BackwardRule {
  var name: String { "open rectifier" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    [cotangents[0]]
  }
}

extension BackwardRules {
  /// Derivatives, but rectifiers (ReLU, clips from 0) pass all that arrives.
  static let openRectifiers = BackwardRules { node, _ in
    guard let unary = node.operation as? Unary else { return GradientRule() }
    return switch unary.function {
    case .relu, .clip(lower: 0, upper: _): OpenRectifierRule()
    default: GradientRule()
    }
  }
}
