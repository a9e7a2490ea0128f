internal import NoemaGraph
internal import NoemaTensor

/// A network in canonical form, of which a class output is decomposed at values.
struct BiasSubject {
  let graph: Graph
  /// The output, `[examples, classes]`.
  let explained: Value
  /// The values.
  let hooks: [Value]

  /// Prepares a subject's graph.
  ///
  /// - Throws: `GraphError` for unknown layers, and those whose first axis does not count examples.
  init(_ graph: Graph, _ subject: Subject) throws(GraphError) {
    var graph = graph
    let names = try subject.attributedNames()
    hooks = try graph.values(named: names)
    explained = try graph.explainedOutput(subject.output, scale: subject.scale)
    let batch = graph.type(of: explained).shape[0]
    for (hook, name) in zip(hooks, names) where graph.type(of: hook).shape.first != batch {
      throw GraphError(
        .input(
          "'\(name)' has shape \(graph.type(of: hook).shape) for \(batch) examples; its first axis must count them"
        ))
    }
    graph.outputs = [explained] + hooks
    try graph.apply(Pass.canonical)
    self.graph = graph
  }
}

/// Runs a subject's network forward and backward, with what a method makes of its bias decomposition.
struct BiasRunner {
  /// The number of examples that run together.
  var batchSize: Int { runner.batchSize }
  private let runner: BatchRunner
  private let inputNames, names: [String]
  private let classCount: Int

  /// Compiles a subject's network.
  ///
  /// - Parameters:
  ///   - countsImplicitBiases: whether implicit biases count.
  ///   - add: adds what is read to the graph, given the network in canonical form and the decomposition of a class
  ///     output; each has examples first, and a name for messages. May be called several times.
  /// - Throws: `GraphError` for unknown layers, for those that the output does not depend on, and as `add` does.
  init(
    _ subject: Subject, countsImplicitBiases: Bool,
    add: (inout Graph, Graph, BiasDecomposition) throws(GraphError) -> [(name: String, value: Value)]
  ) throws {
    var inputNames: [String] = [], names: [String] = [], classCount = 0
    runner = try BatchRunner(
      subject.network, examples: subject.examples, memory: subject.memory, maximumBatch: subject.maximumBatch,
      shapes: subject.shapes
    ) { graph throws(GraphError) in
      let network = try BiasSubject(graph, subject)
      var graph = network.graph
      let type = graph.type(of: network.explained)
      (inputNames, classCount) = (graph.inputs.map { graph.displayName(of: $0) }, type.shape[1])
      let choice = graph.addInput(type, name: "class")
      let decomposition = try graph.addBiasDecomposition(
        of: network.explained, seed: choice, at: network.hooks, countsImplicit: countsImplicitBiases)
      let added = try add(&graph, network.graph, decomposition)
      names = added.map(\.name)
      graph.outputs = [network.explained] + added.map(\.value)
      return graph
    }
    (self.inputNames, self.names, self.classCount) = (inputNames, names, classCount)
  }

  /// Runs up to `batchSize` examples.
  ///
  /// - Returns: the class output of each example, and what was added.
  /// - Throws: `GraphError`, also for values that are not finite, with their name and the example.
  func callAsFunction(
    _ inputs: [Tensor], classes: [Int]
  ) throws -> (outputs: [Double], added: [Tensor]) {
    try checkClasses(classes, of: classCount)
    try checkFinite(inputs, inputNames)
    let results = try runner.run(inputs + [oneHot(classes, count: classCount)])
    try checkFinite(results, ["output"] + names)
    return (picked(results[0], classes), results.dropFirst().map { $0.converted(to: .float32) })
  }
}

extension Graph {
  /// The sum over each example of a value that has examples first: `[examples, 1]`.
  mutating func exampleSums(of value: Value) throws(GraphError) -> Value {
    let shape = type(of: value).shape
    let rows = try apply(Reshape(shape: [shape[0], shape.dropFirst().reduce(1, *)]), value)
    return try apply(Reduction(.sum, axes: [1], keepsAxes: true), rows)
  }

  /// A number that broadcasts against floats of the type of a value.
  mutating func addNumber(_ number: Double, like value: Value) -> Value {
    addConstant(Tensor(number).converted(to: type(of: value).element))
  }
}
