public import NoemaData
public import NoemaGraph
public import NoemaTensor

/// How the positions of a layer are brought together before a concept method sees them.
public enum Pooling: String, Sendable, Hashable, Codable, CaseIterable {
  /// Every position is a feature of its own.
  case none
  /// The mean over positions; a derivative along a pooled direction is the sum over positions.
  case mean
  /// The maximum over positions; derivatives are summed over positions, which is approximate.
  case max
}

/// Progress of a long piece of work: what is done, how many examples of how many.
public typealias Progress = (_ phase: String, _ done: Int, _ total: Int) -> Void

/// What was read of a set of examples.
public struct Captured {
  /// Indices of the examples that were read, in order; fewer than asked for when bad ones were skipped.
  public var indices: [Int]
  /// Activations, one feature matrix a layer; rows follow `indices`.
  public var activations: [any FeatureMatrix & Sendable]
  /// Gradients, for each explained class one feature matrix a layer.
  public var gradients: [[any FeatureMatrix & Sendable]]
  /// The network's outputs, `[examples, classes]`; no rows when they were not kept.
  public var outputs: Tensor
  /// Examples that were skipped.
  public var bad: [BatchReader.BadExample]
}

/// Streams a data set through a hooked network and keeps features of its layers.
public struct Capture {
  /// The network.
  public var network: Network
  /// ONNX value names of the layers.
  public var layers: [String]
  /// How positions are brought together; not those of inputs, of which little would be left.
  public var pooling = Pooling.none
  /// The scale of explained outputs; nil for the outputs as the network gives them.
  public var scale: OutputScale?
  /// Input shapes where the file leaves them open.
  public var shapes: [String: [Int]] = [:]
  /// Bytes that one batch may take.
  public var batchMemory = 1 << 30
  /// Where features go that are not to be held in memory; nil to hold them.
  public var scratchFolder: String?
  /// Whether unreadable examples are left out.
  public var skipsBad = false
  /// The largest batch.
  public var maximumBatch = 32

  /// Names what is to be read.
  public init(_ network: Network, layers: [String]) {
    self.network = network
    self.layers = layers
  }

  /// Reads activations, gradients, or both.
  ///
  /// - Parameters:
  ///   - source: the examples.
  ///   - classes: the classes whose outputs are differentiated, each for all examples; none for activations alone.
  ///   - keepsActivations: whether activations are kept.
  ///   - keepsOutputs: whether outputs are kept; without, and without classes, the network runs no further than
  ///     the layers.
  /// - Throws: `GraphError` for wrong shapes and values that are not finite, `DataError` for unreadable examples.
  public func callAsFunction(
    _ source: any ExampleSource, classes: [Int] = [], keepsActivations: Bool = true,
    keepsOutputs: Bool = true,
    phase: String = "", progress: Progress? = nil
  ) throws -> Captured {
    let hooked = try HookedNetwork(
      network, layers: layers, gradients: classes.count, scale: scale, readsOutput: keepsOutputs,
      examples: source.count, memory: batchMemory, shapes: shapes, maximumBatch: maximumBatch)
    try check(source, expected: hooked.inputShape)
    let widths = hooked.layerShapes.enumerated().map { pooledShape($1, layer: $0).reduce(1, *) }
    func store(_ width: Int) throws -> GrowingFeatures {
      try GrowingFeatures(columnCount: width, expectedRows: source.count, in: scratchFolder)
    }
    let activations = try keepsActivations ? widths.map(store) : []
    let gradients = try classes.map { _ in try widths.map(store) }
    var outputs: [Float] = []
    var indices: [Int] = []
    let reader = BatchReader(source, batchSize: hooked.batchSize, skipsBad: skipsBad)
    while let batch = try reader.read() {
      let rows = batch.indices.count
      let readings: HookedNetwork.Readings
      do {
        readings = try hooked.read([batch.inputs], classes: classes.map { Array(repeating: $0, count: rows) })
      } catch let error as GraphError {
        throw error.naming { source.name(of: batch.indices[min($0, rows - 1)]) }
      }
      for (layer, features) in activations.enumerated() {
        try features.append(pooled(readings.activations[layer], layer: layer))
      }
      for (target, features) in gradients.enumerated() {
        for (layer, features) in features.enumerated() {
          try features.append(summed(readings.gradients[target * layers.count + layer], layer: layer))
        }
      }
      readings.output.withElements(as: Float.self) { outputs.append(contentsOf: $0) }
      indices += batch.indices
      progress?(phase, indices.count + reader.bad.count, source.count)
    }
    if indices.isEmpty, let first = reader.bad.first {
      throw DataError(
        .malformed("none of the \(reader.bad.count) examples can be read"),
        at: first.name)
    }
    return Captured(
      indices: indices, activations: activations, gradients: gradients,
      outputs: Tensor(shape: [outputs.count / hooked.classCount, hooked.classCount], outputs), bad: reader.bad
    )
  }

  /// Streams activations without keeping them.
  ///
  /// - Parameters:
  ///   - finished: examples to leave out at the front, because an earlier run has them. The batches are those of a
  ///     whole run all the same: where an example stands in its batch may decide the last bits of its activations.
  ///   - body: takes the layers' pooled activations of one batch, and how many examples are done.
  /// - Throws: as reading does, and what the body throws.
  public func stream(
    _ source: any ExampleSource, after finished: Int = 0, _ body: ([Tensor], Int) throws -> Void
  ) throws {
    let hooked = try HookedNetwork(
      network, layers: layers, scale: scale, readsOutput: false, examples: source.count, memory: batchMemory,
      shapes: shapes, maximumBatch: maximumBatch)
    try check(source, expected: hooked.inputShape)
    let start = finished / hooked.batchSize * hooked.batchSize
    let reader = BatchReader(
      ExampleSubset(source, Array(start..<source.count)), batchSize: hooked.batchSize, skipsBad: skipsBad)
    var done = start
    while let batch = try reader.read() {
      do {
        let readings = try hooked.read([batch.inputs])
        let known = max(0, finished - done)
        done += batch.indices.count
        let activations = readings.activations.enumerated().map { pooled($1, layer: $0) }
        try body(known == 0 ? activations : activations.map { $0.rows(known..<$0.shape[0]) }, done)
      } catch let error as GraphError {
        throw error.naming { source.name(of: start + batch.indices[min($0, batch.indices.count - 1)]) }
      }
    }
  }

  /// The shape of one example's activation at each layer, after pooling.
  ///
  /// - Throws: `GraphError` for layers that do not exist and shapes that do not fit.
  public func shapesAfterPooling() throws(GraphError) -> [[Int]] {
    let graph = try network.graph(batch: network.fixedBatch ?? 1, shapes: shapes)
    return try graph.values(named: layers).enumerated().map { layer, value in
      pooledShape(Array(graph.type(of: value).shape.dropFirst()), layer: layer)
    }
  }

  /// Features per example at each layer, after pooling.
  ///
  /// - Throws: `GraphError` for layers that do not exist and shapes that do not fit.
  public func widths() throws(GraphError) -> [Int] {
    try shapesAfterPooling().map { $0.reduce(1, *) }
  }

  /// Refuses examples that the network does not take.
  ///
  /// - Throws: `GraphError.input`.
  public func check(_ source: any ExampleSource) throws(GraphError) {
    let graph = try network.graph(batch: network.fixedBatch ?? 1, shapes: shapes)
    try check(source, expected: graph.inputs.first.map { Array(graph.type(of: $0).shape.dropFirst()) } ?? [])
  }

  private func check(_ source: any ExampleSource, expected: [Int]) throws(GraphError) {
    guard network.inputs.count == 1 else {
      throw GraphError(
        .input("the network has \(network.inputs.count) inputs; data sets feed networks of one"))
    }
    guard source.exampleShape == expected else {
      throw GraphError(
        .input(
          "the network takes examples of shape \(expected), the data has \(source.exampleShape); "
            + "set the input size in the model card or with --input-size"))
    }
  }

  private func pooling(at layer: Int) -> Pooling {
    network.inputs.contains { $0.name == layers[layer] } ? .none : pooling
  }

  /// The shape of one example after pooling.
  private func pooledShape(_ shape: [Int], layer: Int) -> [Int] {
    guard pooling(at: layer) != .none, shape.count > 1 else { return shape }
    return [shape.count == 2 ? shape[1] : shape[0]]
  }

  /// Activations with their positions brought together.
  private func pooled(_ tensor: Tensor, layer: Int) -> Tensor {
    switch pooling(at: layer) {
    case .none: tensor
    case .mean: tensor.reducingPositions(from: 0, { $0 + $1 }, { $0 / Float($1) })
    case .max: tensor.reducingPositions(from: -.infinity, { Swift.max($0, $1) }, { value, _ in value })
    }
  }

  /// Gradients with respect to a move of all positions together.
  private func summed(_ tensor: Tensor, layer: Int) -> Tensor {
    pooling(at: layer) == .none
      ? tensor : tensor.reducingPositions(from: 0, { $0 + $1 }, { value, _ in value })
  }
}

extension Tensor {
  /// Reduces the positions of `[n, channels, …]`, or of `[n, tokens, features]`.
  fileprivate func reducingPositions(
    from start: Float, _ combine: (Float, Float) -> Float, _ finish: (Float, Int) -> Float
  ) -> Tensor {
    guard rank > 2 else { return self }
    // Sequences keep features last, images channels first.
    let (outer, positions, inner) =
      rank == 3
      ? (shape[0], shape[1], shape[2]) : (shape[0] * shape[1], shape[2...].reduce(1, *), 1)
    var result = [Float](repeating: start, count: outer * inner)
    withElements(as: Float.self) { source in
      for o in 0..<outer {
        for p in 0..<positions {
          for i in 0..<inner {
            result[o * inner + i] = combine(result[o * inner + i], source[(o * positions + p) * inner + i])
          }
        }
      }
    }
    return Tensor(
      shape: rank == 3 ? [shape[0], inner] : Array(shape[..<2]), result.map { finish($0, positions) })
  }
}
