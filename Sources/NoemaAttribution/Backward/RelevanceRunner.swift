internal import NoemaGraph
internal import NoemaTensor

/// A hidden layer whose relevance is told apart by channels.
struct ChannelLayer {
  /// The layer's value and its name.
  let value: Value
  let name: String
  /// The extents, examples first.
  let shape: [Int]
  /// The axis of channels.
  let axis: Int

  /// The number of channels.
  var count: Int { shape[axis] }
  /// The axes that count neither examples nor channels.
  var positions: [Int] { shape.indices.dropFirst().filter { $0 != axis } }

  /// The shape of one number for each channel, or each channel of each example.
  func channelShape(examples: Int = 1) -> [Int] {
    var result = Array(repeating: 1, count: shape.count)
    (result[0], result[axis]) = (examples, count)
    return result
  }
}

/// Relevance on its way from a class output down, by way of hidden layers.
struct RelevancePath {
  /// The pass, which begins at the output.
  var pass: ConditionalPass
  /// The output, `[examples, classes]`.
  let explained: Value
  /// The hidden layers.
  let layers: [ChannelLayer]
  /// The values that relevance is passed down to.
  let targets: [Value]
  /// The names of the network's inputs.
  let inputNames: [String]
  /// The nodes of the network, and their rules.
  let nodes: [Node]
  let rules: BackwardRules

  /// Prepares a subject's graph; an input for the choice of a class comes behind the network's.
  ///
  /// - Throws: `GraphError` for unknown names, values without examples or channels, and parameters of rules out of
  ///   range.
  init(
    _ graph: Graph, _ subject: Subject, by way: RelevanceWay, at layers: [String], to targets: [String]
  ) throws(GraphError) {
    var graph = graph
    let hooks = try graph.values(named: layers), lowest = try graph.values(named: targets)
    explained = try graph.explainedOutput(subject.output, scale: subject.scale)
    let type = graph.type(of: explained)
    var found: [ChannelLayer] = []
    for (hook, name) in zip(hooks, layers) {
      found.append(try graph.channelLayer(hook, name, way.layout, examples: type.shape[0]))
    }
    for (value, name) in zip(lowest, targets) where graph.type(of: value).shape.first != type.shape[0] {
      throw GraphError(
        .input(
          "'\(name)' has shape \(graph.type(of: value).shape) for \(type.shape[0]) examples; its first axis "
            + "must count them"))
    }
    graph.outputs = [explained] + hooks + lowest
    try graph.apply(Pass.canonical)
    graph.outputs = [explained]
    inputNames = graph.inputs.map { graph.displayName(of: $0) }
    (nodes, rules) = (graph.nodes, try way.composite.rules(for: graph, from: explained))
    let choice = graph.addInput(type, name: "class")
    let seed = way.start == .output ? try graph.apply(Binary(.mul), choice, explained) : choice
    pass = ConditionalPass(
      in: graph, through: nodes, from: explained, seed: seed, to: lowest,
      excludesParallel: way.excludesParallel, rules: rules)
    (self.layers, self.targets) = (found, lowest)
  }
}

/// Runs a network forward, and relevance backward by way of hidden layers.
struct RelevanceRunner {
  /// The number of examples that run together.
  var batchSize: Int { runner.batchSize }
  /// The layers.
  let layers: [ChannelLayer]
  private let runner: BatchRunner
  private let inputNames, names: [String]
  private let classCount: Int
  private let bounds: BoundsCheck

  /// Compiles a subject's network.
  ///
  /// - Parameters:
  ///   - layers: ONNX names of the layers.
  ///   - targets: ONNX names of the values that relevance is passed down to.
  ///   - add: adds what is read to the path; each has examples first, and a name for messages. May be called several
  ///     times.
  /// - Throws: `GraphError` for unknown names, other scales than that of logits, and as `add` does.
  init(
    _ subject: Subject, by way: RelevanceWay, at layers: [String], to targets: [String],
    add: (inout RelevancePath) throws(GraphError) -> [(name: String, value: Value)]
  ) throws {
    try subject.requireLogit()
    var inputNames: [String] = [], names: [String] = [], found: [ChannelLayer] = [], classCount = 0
    runner = try BatchRunner(
      subject.network, examples: subject.examples, memory: subject.memory, maximumBatch: subject.maximumBatch,
      shapes: subject.shapes
    ) { graph throws(GraphError) in
      var path = try RelevancePath(graph, subject, by: way, at: layers, to: targets)
      let added = try add(&path)
      (inputNames, names, found) = (path.inputNames, added.map(\.name), path.layers)
      classCount = path.pass.graph.type(of: path.explained).shape[1]
      path.pass.graph.outputs = [path.explained] + added.map(\.value)
      return path.pass.graph
    }
    bounds = try BoundsCheck(subject, way.composite, to: targets)
    self.layers = found
    (self.inputNames, self.names, self.classCount) = (inputNames, names, classCount)
  }

  /// Runs up to `batchSize` examples, the first of which has a place in a data set.
  ///
  /// - Returns: the class output of each example, and what was added, floats in single precision.
  /// - Throws: `GraphError`, also for values that are not finite, with their name and the example, and for inputs
  ///   outside the bounds of a box rule.
  func callAsFunction(
    _ inputs: [Tensor], classes: [Int], first: Int
  ) throws -> (outputs: [Double], added: [Tensor]) {
    try checkClasses(classes, of: classCount)
    try checkFinite(inputs, inputNames)
    try bounds(inputs, first: first)
    let results = try runner.run(inputs + [oneHot(classes, count: classCount)]).map {
      $0.elementType.isFloat ? $0.converted(to: .float32) : $0
    }
    try checkFinite(results, ["output"] + names)
    return (picked(results[0], classes), Array(results.dropFirst()))
  }
}

/// How relevance gets from the output to a layer, and on from there.
struct RelevanceWay {
  var composite: Composite
  var start: LayerwiseRelevance.Start
  var excludesParallel: Bool
  var layout: MapLayout
}

extension ConditionalPass {
  /// Passes down to a layer.
  ///
  /// - Throws: `GraphError.notDifferentiable` when nothing arrives there.
  mutating func relevance(at layer: ChannelLayer) throws(GraphError) -> Value {
    guard let relevance = try reach(layer.value) else {
      throw GraphError(
        .notDifferentiable(
          "no relevance on the way to what is attributed passes '\(layer.name)'; concepts are conditions on layers "
            + "behind the attributed ones, and several on layers that lie one behind the other"))
    }
    return relevance
  }

  /// What arrives at values, with names for messages.
  ///
  /// - Throws: `GraphError.notDifferentiable` when nothing arrives at one of them.
  mutating func readings(
    at targets: [Value], under condition: String
  ) throws(GraphError) -> [(name: String, value: Value)] {
    var found: [(name: String, value: Value)] = []
    for (target, relevance) in zip(targets, try arrivals(at: targets)) {
      let name = graph.displayName(of: target)
      guard let relevance else {
        throw GraphError(.notDifferentiable("'\(name)' passes no relevance on to \(condition)"))
      }
      found.append(("relevance at '\(name)'", relevance))
    }
    return found
  }
}

extension Graph {
  /// A layer with its channels.
  ///
  /// - Throws: `GraphError.input` for values that have none, or no floats.
  fileprivate func channelLayer(
    _ value: Value, _ name: String, _ layout: MapLayout, examples: Int
  ) throws(GraphError) -> ChannelLayer {
    let type = type(of: value), rank = type.rank
    guard rank >= 2, type.shape[0] == examples, type.count > 0, type.element.isFloat else {
      throw GraphError(
        .input(
          "'\(name)' has shape \(type.shape) of \(type.element) for \(examples) examples; concepts are conditions on "
            + "floats with examples first and an axis of channels"))
    }
    let isConvolved = nodes.contains { $0.operation is Convolution && $0.operands[0] == value }
    let isLast =
      switch layout {
      case .automatic: !isConvolved && isChannelsLast(value)
      case .channelsFirst: false
      case .channelsLast, .tokens: true
      }
    return ChannelLayer(value: value, name: name, shape: type.shape, axis: isLast ? rank - 1 : 1)
  }
}
