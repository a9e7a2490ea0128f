internal import NoemaGraph
internal import NoemaTensor

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
    let attributed = try subject.attributedNames()
    var inputNames: [String] = [], names: [String] = [], classCount = 0
    runner = try BatchRunner(
      subject.network, examples: subject.examples, memory: subject.memory, maximumBatch: subject.maximumBatch,
      shapes: subject.shapes
    ) { graph throws(GraphError) in
      var graph = graph
      let hooks = try graph.values(named: attributed)
      let explained = try graph.explainedOutput(subject.output, scale: subject.scale)
      let batch = graph.type(of: explained).shape[0]
      classCount = graph.type(of: explained).shape[1]
      for (hook, name) in zip(hooks, attributed) where graph.type(of: hook).shape.first != batch {
        throw GraphError(
          .input(
            "'\(name)' has shape \(graph.type(of: hook).shape) for \(batch) examples; its first axis must count them"
          ))
      }
      graph.outputs = [explained] + hooks
      try graph.apply(Pass.canonical)
      inputNames = graph.inputs.map { graph.displayName(of: $0) }
      let network = graph
      let choice = graph.addInput(graph.type(of: explained), name: "class")
      let decomposition = try graph.addBiasDecomposition(
        of: explained, seed: choice, at: hooks, countsImplicit: countsImplicitBiases)
      let added = try add(&graph, network, decomposition)
      names = added.map(\.name)
      graph.outputs = [explained] + added.map(\.value)
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
    if let bad = classes.first(where: { !(0..<classCount).contains($0) }) {
      throw GraphError(.input("class \(bad) does not exist; the network has classes 0 to \(classCount - 1)"))
    }
    try checkFinite(inputs, inputNames)
    let results = try runner.run(inputs + [oneHot(classes, count: classCount)])
    try checkFinite(results, ["output"] + names)
    return (picked(results[0], classes), results.dropFirst().map { $0.converted(to: .float32) })
  }

  private func checkFinite(_ tensors: [Tensor], _ names: [String]) throws(GraphError) {
    for (tensor, name) in zip(tensors, names) {
      guard let offset = tensor.firstNonFinite(), let rows = tensor.shape.first else { continue }
      throw GraphError(.notFinite(value: name, example: offset / max(tensor.count / rows, 1)))
    }
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
