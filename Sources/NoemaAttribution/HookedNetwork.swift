public import NoemaGraph
public import NoemaTensor

/// What is read from a network in one pass: hidden values, outputs, and gradients of a class output with
/// respect to hidden values.
///
/// Forward and backward run in one plan, so the prefix up to a layer is computed once per example.
public struct HookedNetwork {
  /// The result of one batch.
  public struct Readings {
    /// The hooked layers' values, `[examples, …]` each.
    public var activations: [Tensor]
    /// The network's output on the asked scale, `[examples, classes]`; no rows when it was not asked for.
    public var output: Tensor
    /// The gradients with respect to each hooked layer, for one explained class after the other; empty unless
    /// asked for.
    public var gradients: [Tensor]
  }

  /// The number of classes.
  public let classCount: Int
  /// The hooked layers' shapes for one example.
  public let layerShapes: [[Int]]
  /// The shape of one example of the first input.
  public var inputShape: [Int] { Array(runner.inputTypes[0].shape.dropFirst()) }
  /// The number of examples per batch.
  public var batchSize: Int { runner.batchSize }
  private let runner: BatchRunner
  private let inputNames, layerNames: [String]
  private let gradientCount: Int
  private let readsOutput: Bool

  /// Compiles a network with hooks.
  ///
  /// - Parameters:
  ///   - layers: ONNX value names of the layers, or of inputs.
  ///   - gradients: for how many class outputs per example gradients come with the activations; the forward pass
  ///     is shared.
  ///   - scale: the scale of the class output; nil for the output as the network gives it.
  ///   - readsOutput: whether the network runs to its output; without, and without gradients, it runs no further
  ///     than the layers.
  ///   - examples: how many examples will run at most.
  ///   - memory: bytes that one batch may take.
  /// - Throws: `GraphError` when a layer has no gradient or does not exist.
  public init(
    _ network: Network, layers: [String], gradients: Int = 0, scale: OutputScale? = .logit,
    output: String? = nil, readsOutput: Bool = true,
    examples: Int, memory: Int = 1 << 30, shapes: [String: [Int]] = [:], maximumBatch: Int = 32
  ) throws(GraphError) {
    inputNames = network.inputs.map(\.name)
    layerNames = layers
    gradientCount = gradients
    let readsOutput = readsOutput || gradients > 0
    self.readsOutput = readsOutput
    var classCount = 0
    runner = try BatchRunner(
      network, examples: examples, memory: memory, maximumBatch: maximumBatch, shapes: shapes
    ) { graph throws(GraphError) in
      var graph = graph
      let hooks = try graph.values(named: layers)
      let explained = try graph.explainedOutput(output, scale: scale)
      classCount = graph.type(of: explained).shape[1]
      graph.outputs = (readsOutput ? [explained] : []) + hooks
      try graph.apply(Pass.canonical)
      for _ in 0..<gradients {
        var back = try graph.backward(from: explained, to: hooks)
        for (hook, cotangent) in zip(hooks, back.cotangents) {
          guard let cotangent else {
            throw GraphError(
              .notDifferentiable(
                "the output does not depend on '\(graph.displayName(of: hook))' through derivatives"))
          }
          back.graph.outputs.append(cotangent)
        }
        graph = back.graph
      }
      return graph
    }
    let names = (readsOutput ? ["the output"] : []) + layers.map { "'\($0)'" }
    for (name, type) in zip(names, runner.outputTypes)
    where type.shape.first != runner.batchSize {
      throw GraphError(
        .input(
          "\(name) has shape \(type.shape) for \(runner.batchSize) examples; its first axis must count them"))
    }
    self.classCount = classCount
    let first = readsOutput ? 1 : 0
    layerShapes = runner.outputTypes[first..<first + layers.count].map { Array($0.shape.dropFirst()) }
  }

  /// Reads one batch.
  ///
  /// - Parameters:
  ///   - inputs: one tensor per network input, examples first.
  ///   - classes: the explained class of each example, once for each of the gradients.
  ///   - first: the index of the first example, for messages.
  /// - Throws: `GraphError.notFinite` that names layer and example.
  public func read(_ inputs: [Tensor], classes: [[Int]] = [], first: Int = 0) throws -> Readings {
    try checkFinite(inputs, inputNames) { first + $0 }
    // Data sets hold floats; tokens are whole numbers.
    var inputs = inputs
    for (index, type) in runner.inputTypes.prefix(inputs.count).enumerated() {
      inputs[index] = inputs[index].converted(to: type.element)
    }
    precondition(classes.count == gradientCount, "one list of classes for each gradient")
    for classes in classes {
      try checkClasses(classes, of: classCount)
      inputs.append(try oneHot(classes, count: classCount))
    }
    let results = try runner.run(inputs)
    let gradientNames = (0..<gradientCount).flatMap { _ in layerNames.map { "gradient at \($0)" } }
    try checkFinite(results, (readsOutput ? ["output"] : []) + layerNames + gradientNames) { first + $0 }
    let start = readsOutput ? 1 : 0
    let split = start + layerNames.count
    return Readings(
      activations: Array(results[start..<split]),
      output: readsOutput ? results[0] : Tensor(shape: [0, classCount], [Float]()),
      gradients: Array(results[split...]))
  }
}

extension Graph {
  /// Values by their ONNX names.
  func values(named names: [String]) throws(GraphError) -> [Value] {
    var table: [String: Value] = [:]
    for value in inputs + nodes.flatMap(\.results) {
      for name in self.names(of: value) { table[name] = value }
    }
    var found: [Value] = []
    for name in names {
      guard let value = table[name] else {
        throw GraphError(
          .unknownName(
            name, what: "value", suggestions: EditDistance.nearest(name, in: Array(table.keys.sorted()))))
      }
      found.append(value)
    }
    return found
  }
}
