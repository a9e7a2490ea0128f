internal import NoemaGraph
internal import NoemaTensor

/// The objective of `PerceptualBall` as a graph: its value and its derivative by the input, from one pass.
struct BallObjective {
  /// What a batch of examples is held against.
  struct Start {
    let inputs: [Tensor]
    /// The class of each example, one-hot.
    let choices: Tensor
    /// The hidden layers of each example.
    let layers: [Tensor]
  }

  /// The objective at a point.
  struct Reading {
    var value, margin, distance: Double
    var gradient: UnsafeBufferPointer<Float>
  }

  private let input: Int
  private let classCount: Int
  /// Reads the hidden layers of examples; nil where there are none to hold.
  private let layers: HookedNetwork?
  private let runner: BatchRunner

  /// Compiles a subject's network.
  ///
  /// - Parameter input: the input that moves.
  /// - Throws: `GraphError` for unknown layers, and where there is no hidden layer to hold.
  init(_ method: PerceptualBall, _ subject: Subject, input name: String) throws {
    let network = subject.network
    guard let input = network.inputs.firstIndex(where: { $0.name == name }) else {
      throw GraphError(.unknownName(name, what: "input", suggestions: network.inputs.map(\.name)))
    }
    self.input = input
    let names = try method.layerNames(in: subject)
    var classCount = 0
    runner = try BatchRunner(
      network, examples: subject.examples, memory: subject.memory, maximumBatch: subject.maximumBatch,
      shapes: subject.shapes
    ) { graph throws(GraphError) in
      var graph = graph
      let hooks = try graph.values(named: names)
      let explained = try graph.explainedOutput(subject.output, scale: .logit)
      classCount = graph.type(of: explained).shape[1]
      let moving = graph.inputs[input]
      graph.outputs = [explained] + hooks
      try graph.apply(Pass.canonical)
      return try graph.addingObjective(method, explained: explained, hooks: hooks, moving: moving)
    }
    self.classCount = classCount
    layers =
      names.isEmpty
      ? nil
      : try HookedNetwork(
        network, layers: names, readsOutput: false, examples: subject.examples, memory: subject.memory,
        shapes: subject.shapes, maximumBatch: subject.maximumBatch)
  }

  /// What examples are held against.
  func start(_ inputs: [Tensor], classes: [Int]) throws -> Start {
    var read: [[Tensor]] = []
    if let layers {
      for first in stride(from: 0, to: classes.count, by: layers.batchSize) {
        let rows = first..<min(first + layers.batchSize, classes.count)
        read.append(try layers.read(inputs.map { $0.rows(rows) }, first: first).activations)
      }
    }
    let values = try (read.first ?? []).indices.map { index in try Tensor.stacked(read.map { $0[index] }) }
    return Start(inputs: inputs, choices: try oneHot(classes, count: classCount), layers: values)
  }

  /// The objective at points.
  ///
  /// - Parameters:
  ///   - points: the moving input's elements.
  ///   - examples: the example that each point belongs to.
  ///   - body: takes the reading of each point.
  /// - Throws: `GraphError.notFinite` that names the example.
  func evaluate(
    _ points: [[Float]], of examples: [Int], _ start: Start, _ body: (_ index: Int, Reading) -> Void
  ) throws {
    let shape = Array(start.inputs[input].shape.dropFirst()), width = shape.reduce(1, *)
    for first in stride(from: 0, to: points.count, by: runner.batchSize) {
      let rows = first..<min(first + runner.batchSize, points.count), owners = Array(examples[rows])
      let moved = Tensor(shape: [rows.count] + shape, rows.flatMap { points[$0] })
      var batch = try start.inputs.map { try $0.selectingRows(owners) }
      let original = batch[input]
      batch[input] = moved.converted(to: original.elementType)
      batch += [try start.choices.selectingRows(owners), original]
      batch += try start.layers.map { try $0.selectingRows(owners) }
      let results = try runner.run(batch).map { $0.converted(to: .float32) }
      for (tensor, name) in zip(results, ["objective", "margin", "distance", "gradient"]) {
        guard let offset = tensor.firstNonFinite() else { continue }
        throw GraphError(
          .notFinite(value: name, example: owners[offset / max(1, tensor.count / rows.count)]))
      }
      let numbers = results[..<3].map { $0.elements(as: Float.self) }
      results[3].withElements(as: Float.self) { gradients in
        for index in 0..<rows.count {
          body(
            first + index,
            Reading(
              value: Double(numbers[0][index]), margin: Double(numbers[1][index]),
              distance: Double(numbers[2][index]),
              gradient: UnsafeBufferPointer(rebasing: gradients[index * width..<(index + 1) * width])))
        }
      }
    }
  }
}

extension PerceptualBall {
  /// The hidden layers that stay near their values.
  fileprivate func layerNames(in subject: Subject) throws(GraphError) -> [String] {
    if !layers.isEmpty || layerWeight == 0 { return layerWeight == 0 ? [] : layers }
    let graph = try subject.network.graph(
      batch: subject.network.fixedBatch ?? 1, shapes: subject.shapes)
    let hidden = graph.layers().filter { layer in
      layer.isCut && layer.shape.count > 1 && !graph.outputs.contains(layer.value)
    }
    let rectified = hidden.filter { $0.ordinal.hasPrefix("Relu:") || $0.ordinal.hasPrefix("Clip:") }
    let candidates = rectified.isEmpty ? hidden : rectified
    guard !candidates.isEmpty else {
      throw GraphError(
        .unsupported(
          "the perceptual ball holds hidden layers, and the network has none; set the weight of layers to 0"))
    }
    let wanted = min(5, candidates.count)
    return (1...wanted).map { candidates[$0 * candidates.count / wanted - 1].onnxValue }
  }
}

extension Graph {
  /// The graph of the objective, of the margin and of the distance, all `[examples, 1]`, and of the
  /// derivative.
  ///
  /// New inputs are the classes, one-hot, the original of the moving input, and the originals of the hidden
  /// layers.
  fileprivate func addingObjective(
    _ method: PerceptualBall, explained: Value, hooks: [Value], moving: Value
  ) throws(GraphError) -> Graph {
    var graph = self
    let type = type(of: explained), count = type.shape[0]
    let choice = graph.addInput(type, name: "class")
    let original = graph.addInput(self.type(of: moving), name: "original")
    func constant(_ number: Double) -> Value {
      graph.addConstant(Tensor(number).converted(to: type.element))
    }
    func reduced(_ function: Reduction.Function, _ value: Value) throws(GraphError) -> Value {
      let axes = Array(1..<graph.type(of: value).shape.count)
      return try graph.apply(
        Reshape(shape: [count, 1]),
        graph.apply(Reduction(function, axes: axes, keepsAxes: false), value))
    }
    func distance(_ a: Value, _ b: Value) throws(GraphError) -> Value {
      let difference = try graph.apply(Binary(.sub), a, b)
      return try reduced(.mean, graph.apply(Binary(.mul), difference, difference))
    }
    var margin = try reduced(.sum, graph.apply(Binary(.mul), explained, choice))
    if type.shape[1] > 1 {
      // Far below all others, the class itself is out of the contest.
      let barred = try graph.apply(Binary(.mul), choice, constant(1e30))
      margin = try graph.apply(
        Binary(.sub), margin, reduced(.max, graph.apply(Binary(.sub), explained, barred)))
    }
    let gap = try graph.apply(Binary(.sub), margin, constant(method.margin))
    var objective = try graph.apply(Binary(.mul), gap, gap)
    objective = try graph.apply(
      Binary(.add), objective,
      graph.apply(Binary(.mul), distance(moving, original), constant(method.imageWeight)))
    var change = constant(0)
    for (index, hook) in hooks.enumerated() {
      let other = graph.addInput(self.type(of: hook), name: "layer \(index)")
      let part = try distance(hook, other)
      change = index == 0 ? part : try graph.apply(Binary(.add), change, part)
    }
    if hooks.isEmpty {
      change = try graph.apply(Binary(.mul), margin, change)
    } else {
      objective = try graph.apply(
        Binary(.add), objective, graph.apply(Binary(.mul), change, constant(method.layerWeight)))
    }
    let ones = Tensor(shape: [count, 1], repeating: Float(1)).converted(to: type.element)
    let seed = graph.addConstant(ones)
    let back = try graph.backward(from: objective, seed: seed, to: [moving])
    guard let gradient = back.cotangents[0] else { throw independent(of: moving) }
    graph = back.graph
    graph.outputs = [objective, margin, change, gradient]
    return graph
  }
}
