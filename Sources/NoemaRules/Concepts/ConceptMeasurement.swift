public import NoemaAttribution
internal import NoemaConcepts
public import NoemaData
public import NoemaGraph
internal import NoemaTensor

/// Examples through a network, once for all concepts: their scores, and what the network says.
///
/// ```swift
/// let measurement = ConceptMeasurement(network, literals: literals, classes: ["horse", "zebra"])
/// let training = try measurement(photos)
/// ```
public struct ConceptMeasurement: Sendable {
  /// The network.
  public var network: Network
  /// The concepts.
  public var literals: [ConceptLiteral]
  /// The names of the classes in the order of the outputs, of a single output those of *no* and *yes*; numbers when
  /// empty.
  public var classes: [String]
  /// The name of the output that holds the classes; the main one when nil.
  public var output: String?
  /// Input shapes where the file leaves them open.
  public var shapes: [String: [Int]] = [:]
  /// Bytes that one batch may take.
  public var memory = 1 << 30
  /// Whether examples that cannot be read are left out.
  public var skipsBad = false

  /// Names what is measured.
  public init(_ network: Network, literals: [ConceptLiteral], classes: [String] = []) {
    (self.network, self.literals, self.classes) = (network, literals, classes)
  }

  /// Measures examples; the activations of one batch at a time are in memory.
  ///
  /// - Throws: `RuleError` for no concepts or two of one name, a concept that does not fit its layer, classes that are
  ///   not as many as outputs, and scores that are not finite; `ConceptError.mismatch` for the CAV of another network;
  ///   `GraphError` for layers that do not exist and examples that the network does not take; `DataError` for examples
  ///   that cannot be read.
  public func callAsFunction(_ source: any ExampleSource, progress: Progress? = nil) throws -> ConceptTable {
    guard !literals.isEmpty else {
      throw RuleError(.parameters("there is no concept to read; name one or more"))
    }
    try Feature.check(literals.map(\.feature), at: "concepts")
    let graph = try network.graph(batch: network.fixedBatch ?? 1, shapes: shapes)
    let scores = try self.scores(graph)
    let values = try layerValues(graph)
    let hooks = values.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    try check(values, graph)
    var capture = Capture(network, layers: hooks)
    capture.shapes = shapes
    try capture.check(source)
    let hooked = try HookedNetwork(
      network, layers: hooks, scale: nil, output: scores.name, examples: source.count, memory: memory,
      shapes: shapes)

    var columns = literals.map { _ in [Double]() }
    var (outputs, indices) = ([Double](), [Int]())
    let reader = BatchReader(source, batchSize: hooked.batchSize, skipsBad: skipsBad)
    while let batch = try reader.read() {
      let readings: HookedNetwork.Readings
      do { readings = try hooked.read([batch.inputs]) } catch let error as GraphError {
        throw error.naming { source.name(of: batch.indices[min($0, batch.indices.count - 1)]) }
      }
      var batches: [String: LayerBatch] = [:]
      for (hook, tensor) in zip(hooks, readings.activations) {
        batches[hook] = try LayerBatch(tensor, at: hook)
      }
      for (column, literal) in literals.enumerated() {
        columns[column] += try batches[values[column]]?.scores(literal) ?? []
      }
      outputs += readings.output.converted(to: .float64).elements(as: Double.self)
      indices += batch.indices
      progress?("examples", indices.count + reader.bad.count, source.count)
    }
    if indices.isEmpty, let first = reader.bad.first {
      throw DataError(.malformed("none of the \(reader.bad.count) examples can be read"), at: first.name)
    }
    return try ConceptTable(
      literals, columns: columns, classes: names(scores), probabilities: scores.probabilities(outputs),
      indices: indices, skipped: reader.bad.map { "\($0.name): \($0.reason)" })
  }
}

// MARK: What is read
extension ConceptMeasurement {
  private func scores(_ graph: Graph) throws(RuleError) -> TableScores {
    guard classes.isEmpty else { return try TableScores(graph, output: output, classCount: classes.count) }
    let value =
      output.map { name in graph.outputs.first { graph.names(of: $0).contains(name) } } ?? graph.mainOutput
    let shape = value.map { graph.type(of: $0).shape } ?? []
    return try TableScores(graph, output: output, classCount: max(2, shape.count > 1 ? shape[1] : 1))
  }

  private func names(_ scores: TableScores) -> [String] {
    classes.isEmpty ? (0..<max(2, scores.width)).map(String.init) : classes
  }

  /// The ONNX value of each literal's layer.
  private func layerValues(_ graph: Graph) throws(GraphError) -> [String] {
    let layers = graph.layers()
    var known: [String: String] = [:]
    return try literals.map { literal throws(GraphError) -> String in
      if let value = known[literal.layer] { return value }
      let found = try layers.matching(literal.layer)
      guard found.count == 1 else {
        throw GraphError(.ambiguousName(literal.layer, candidates: found.map(\.onnxValue)))
      }
      known[literal.layer] = found[0].onnxValue
      return found[0].onnxValue
    }
  }

  private func check(_ values: [String], _ graph: Graph) throws {
    let shapes = Dictionary(
      graph.layers().map { ($0.onnxValue, Array($0.shape.dropFirst())) },
      uniquingKeysWith: { first, _ in first })
    for (literal, value) in zip(literals, values) {
      if case .direction(let direction) = literal.reading, let saved = direction.saved {
        try saved.check(
          model: network, onnxValue: value, pooling: direction.pooling, featureCount: direction.weights.count)
      }
      try LayerBatch.check(literal, shape: shapes[value] ?? [])
    }
  }
}
