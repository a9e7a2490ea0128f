public import NoemaAttribution
public import NoemaData
public import NoemaGraph
public import NoemaTensor

/// A concept study of a network: what its class outputs do when hidden activations move towards concepts.
///
/// Each example passes the network once; each class gradient is computed once and shared by all concepts and
/// runs. All that follows happens in Gram space.
///
/// ```swift
/// var study = TCAVStudy(network: network, layers: try network.graph().layers().matching("layer4*"))
/// study.concepts = [.init(name: "striped", examples: stripes)]
/// study.random = .pool(others)
/// study.targets = [.init(name: "zebra", index: 340, examples: zebras)]
/// let result = try study()
/// ```
public struct TCAVStudy {
  /// A concept and its examples.
  public struct Concept: Sendable {
    /// The concept's name.
    public var name: String
    /// Examples that show it.
    public var examples: any ExampleSource

    /// Names examples.
    public init(name: String, examples: any ExampleSource) {
      self.name = name
      self.examples = examples
    }
  }

  /// The examples that concepts are held against.
  public enum RandomExamples: Sendable {
    /// A pool from which each run draws its own.
    case pool(any ExampleSource)
    /// Fixed sets, one a run.
    case sets([any ExampleSource])

    var parts: [any ExampleSource] {
      switch self {
      case .pool(let source): [source]
      case .sets(let sets): sets
      }
    }
  }

  /// A class and inputs of it.
  public struct Target: Sendable {
    /// The class's name.
    public var name: String
    /// The class's index among the outputs.
    public var index: Int
    /// Inputs whose gradients are taken.
    public var examples: any ExampleSource
    /// Targets of equal group have the same examples, which then pass the network once for all of them.
    public var group: Int

    /// Names a class.
    public init(name: String, index: Int, examples: any ExampleSource, group: Int? = nil) {
      self.name = name
      self.index = index
      self.examples = examples
      self.group = group ?? -1 - index
    }
  }

  /// The network.
  public var network: Network
  /// The layers, from input to output.
  public var layers: [Layer]
  /// The concepts.
  public var concepts: [Concept] = []
  /// Random examples; may be an empty pool for relative CAVs.
  public var random = RandomExamples.sets([])
  /// The classes.
  public var targets: [Target] = []
  /// The statistics.
  public var test = TCAV()
  /// How positions are brought together.
  public var pooling = Pooling.none
  /// The scale of the class output.
  public var scale = OutputScale.logit
  /// Bytes of memory to stay within.
  public var memory = 4 << 30
  /// Where features go that do not fit.
  public var scratchFolder = "/var/tmp"
  /// Input shapes where the file leaves them open.
  public var shapes: [String: [Int]] = [:]
  /// Whether unreadable examples, and random examples that also stand for a concept, are left out.
  public var skipsBad = false
  /// How many of the most and the least sensitive inputs are kept.
  public var extremeCount = 8

  /// Names a network and its layers.
  public init(network: Network, layers: [Layer]) {
    self.network = network
    self.layers = layers
  }

  /// Runs the study.
  ///
  /// - Throws: `ConceptError` for sets that are too small or overlap, `DataError` for unreadable examples,
  ///   `GraphError` for a network that does not take them.
  public func callAsFunction(progress: Progress? = nil) throws -> TCAVStudyResult {
    try test.validate()
    guard !layers.isEmpty else { throw ConceptError(.tooFew(set: "the list of layers", found: 0, needed: 1)) }
    guard !targets.isEmpty else {
      throw ConceptError(.tooFew(set: "the list of targets", found: 0, needed: 1))
    }
    try checkSizes()
    var skipped: [String] = []
    let parts = try poolParts(&skipped)
    let pool = try JoinedExamples(parts.map(\.examples))
    let capture = try self.capture(poolCount: pool.count)

    let pooled = try capture(
      pool, keepsOutputs: false, phase: "concept and random examples", progress: progress)
    skipped += pooled.bad.map { "\($0.name): \($0.reason)" }
    let rows = Dictionary(uniqueKeysWithValues: pooled.indices.enumerated().map { ($1, $0) })
    func kept(_ part: Int) -> [Int] { (pool.starts[part]..<pool.starts[part + 1]).compactMap { rows[$0] } }
    let conceptRows = concepts.indices.map { ConceptRows(name: concepts[$0].name, rows: kept($0)) }
    let randomParts = (concepts.count..<parts.count).map(kept)
    let randomRows: RandomRows =
      switch random {
      case .pool: .pool(randomParts.first ?? [])
      case .sets: .sets(randomParts)
      }

    let inputs = try captureTargets(capture, progress, &skipped)
    var result = TCAVStudyResult(
      results: [], layers: layers.map(\.name), cavs: [], derivatives: [], similarities: [],
      inputNames: inputs.map(\.names), inputIndices: inputs.map(\.indices), cosines: [], skipped: skipped,
      poolCount: pooled.indices.count, accuracy: inputs.map(\.accuracy))
    for (index, layer) in layers.enumerated() {
      progress?("statistics", index, layers.count)
      let features = pooled.activations[index]
      let products = try products(at: layer, features, inputs, index, pool, pooled.indices)
      var study = try test.evaluate(
        layer: layer.name, products: products, concepts: conceptRows, random: randomRows,
        targets: targets.map(\.name), hypotheses: layers.count * concepts.count * targets.count)
      let cavs = try features.combined(study.meanCAVs, memory: memory / 8).normalisedRows()
      for row in study.results.indices {
        study.results[row].cavIndex = result.cavs.count + row % concepts.count
        study.results[row].derivativeIndex = result.results.count + row
      }
      for concept in concepts.indices {
        result.cavs.append(
          .init(
            modelHash: network.hash, layer: layer.name, onnxValue: layer.onnxValue,
            concept: concepts[concept].name, pooling: pooling,
            shape: pooling == .none ? Array(layer.shape.dropFirst()) : [features.columnCount],
            direction: cavs.rows(concept..<concept + 1).elements(as: Float.self)))
      }
      result.similarities += similarities(products, study.meanCAVs)
      result.derivatives += study.derivatives
      result.results += study.results
      result.cosines.append(study.cosines)
    }
    progress?("statistics", layers.count, layers.count)
    test.settle(&result.results)
    return result
  }

  /// What must hold before the network runs.
  private func checkSizes() throws(ConceptError) {
    guard !concepts.isEmpty else {
      throw ConceptError(.tooFew(set: "the list of concepts", found: 0, needed: 1))
    }
    for concept in concepts where concept.examples.count < 2 {
      throw ConceptError(.tooFew(set: "concept '\(concept.name)'", found: concept.examples.count, needed: 2))
    }
    let names = concepts.map(\.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw ConceptError(.parameters("concept '\(twice)' is named twice"))
    }
    for target in targets where target.examples.count == 0 {
      throw ConceptError(.tooFew(set: "the inputs of class '\(target.name)'", found: 0, needed: 1))
    }
    if !test.isRelative, random.parts.reduce(0, { $0 + $1.count }) < 2 {
      throw ConceptError(
        .tooFew(set: "the random examples", found: random.parts.reduce(0) { $0 + $1.count }, needed: 2))
    }
  }

  /// Concepts and random sets, with random examples that also stand for a concept refused or left out.
  private func poolParts(_ skipped: inout [String]) throws -> [Concept] {
    var owners: [String: String] = [:]
    for concept in concepts {
      for (index, hash) in concept.examples.contentHashes().enumerated() {
        // An unreadable file is reported where it is decoded.
        if let hash {
          owners[hash] = "\(concept.examples.name(of: index)) of concept '\(concept.name)'"
        }
      }
    }
    guard !test.isRelative else { return concepts }
    var parts = concepts
    for (number, set) in random.parts.enumerated() {
      var good: [Int] = []
      for (index, hash) in set.contentHashes().enumerated() {
        if let hash, let owner = owners[hash] {
          guard skipsBad else {
            throw ConceptError(
              .parameters(
                "\(set.name(of: index)) of the random examples is the same as \(owner); remove it from one of them, "
                  + "or leave it out of the random examples with --skip-bad"))
          }
          skipped.append("\(set.name(of: index)): the same as \(owner), left out of the random examples")
        } else {
          good.append(index)
        }
      }
      parts.append(
        Concept(name: "random \(number)", examples: good.count == set.count ? set : ExampleSubset(set, good)))
    }
    return parts
  }

  /// Shares the memory between one batch, the features and the algebra.
  private func capture(poolCount: Int) throws -> Capture {
    var capture = Capture(network, layers: layers.map(\.onnxValue))
    capture.pooling = pooling
    capture.scale = scale
    capture.shapes = shapes
    capture.skipsBad = skipsBad
    capture.batchMemory = memory / 4
    let width = try capture.widths().reduce(0, +)
    // Gradients and activations of the inputs, beside the pool's activations.
    let inputRows = targets.reduce(0) { $0 + 2 * $1.examples.count }
    let bytes = 4 * width * (poolCount + inputRows)
    if bytes > memory / 3 { capture.scratchFolder = scratchFolder }
    return capture
  }

  private struct TargetInputs {
    var gradients: [any FeatureMatrix & Sendable]
    var activations: [any FeatureMatrix & Sendable]
    var names: [String]
    var indices: [Int]
    /// The share of inputs for which the target is the network's answer.
    var accuracy: Double
  }

  private func captureTargets(
    _ capture: Capture, _ progress: Progress?, _ skipped: inout [String]
  ) throws -> [TargetInputs] {
    var inputs: [TargetInputs?] = targets.map { _ in nil }
    for (first, target) in targets.enumerated() where inputs[first] == nil {
      let together = targets.indices.filter { targets[$0].group == target.group }
      let captured = try capture(
        target.examples, classes: together.map { targets[$0].index },
        phase: "inputs of " + together.map { targets[$0].name }.joined(separator: ", "), progress: progress)
      skipped += captured.bad.map { "\($0.name): \($0.reason)" }
      let answers = captured.outputs.largestIndices()
      for (position, index) in together.enumerated() {
        inputs[index] = TargetInputs(
          gradients: captured.gradients[position], activations: captured.activations,
          names: captured.indices.map(target.examples.name(of:)), indices: captured.indices,
          accuracy: answers.isEmpty
            ? 0 : Double(answers.count { $0 == targets[index].index }) / Double(answers.count))
      }
    }
    return inputs.map { $0! }
  }

  /// Gradients of all targets first, then the activations of their inputs.
  private func products(
    at layer: Layer, _ features: any FeatureMatrix & Sendable, _ inputs: [TargetInputs], _ index: Int,
    _ pool: JoinedExamples, _ rows: [Int]
  ) throws -> PoolProducts {
    do {
      return try PoolProducts(
        pool: features, others: inputs.map { $0.gradients[index] } + inputs.map { $0.activations[index] },
        memory: memory / 8)
    } catch let error as TensorError {
      guard case .notFinite(let row, _) = error.kind else { throw error }
      throw ConceptError(
        .notFinite("an activation or gradient is NaN or infinite (row \(row))"), at: layer.name)
    }
  }

  /// The cosine of each input's activation with each CAV, for each target and concept as in the results.
  private func similarities(_ products: PoolProducts, _ cavs: Matrix) -> [[Double]] {
    let lengths = (0..<cavs.columnCount).map { column in
      let alpha = (0..<cavs.rowCount).map { cavs[$0, column] }
      return max(0, zip(alpha, products.gram.times(alpha)).reduce(0) { $0 + $1.0 * $1.1 }).squareRoot()
    }
    return targets.indices.flatMap { target in
      let (rows, norms) = products.centred(targets.count + target)
      let along = rows.times(cavs)
      return (0..<cavs.columnCount).map { concept in
        norms.indices.map { row in
          let scale = norms[row] * lengths[concept]
          return scale > 0 ? along[row, concept] / scale : 0
        }
      }
    }
  }
}

/// What a concept study found, with the arrays beside the numbers.
public struct TCAVStudyResult: Sendable {
  /// A mean CAV and what it belongs to.
  public struct CAV: Sendable {
    /// The SHA-256 of the network's file.
    public var modelHash: String
    /// The layer's name and the ONNX value.
    public var layer, onnxValue: String
    /// The concept.
    public var concept: String
    /// How positions were brought together.
    public var pooling: Pooling
    /// The shape of the layer's value for one example, after pooling.
    public var shape: [Int]
    /// The unit direction, flattened in row-major order.
    public var direction: [Float]
  }

  /// The results, layer by layer; within a layer target by target.
  public var results: [TCAVResult]
  /// The layers' names.
  public var layers: [String]
  /// The mean CAVs: `cavIndex` of a result points here.
  public var cavs: [CAV]
  /// Derivatives of class inputs along the unit CAV: `derivativeIndex` points here.
  public var derivatives: [[Double]]
  /// Cosines of class inputs' activations with the mean CAV, in the order of `derivatives`: what sorts inputs by
  /// likeness to the concept.
  public var similarities: [[Double]]
  /// The names of each target's inputs.
  public var inputNames: [[String]]
  /// The indices of each target's inputs in its examples.
  public var inputIndices: [[Int]]
  /// Cosines between the concepts' mean CAVs at each layer.
  public var cosines: [Matrix]
  /// Examples that were left out, with the reason.
  public var skipped: [String]
  /// Concept and random examples that went into the study.
  public var poolCount: Int
  /// For each target: the share of its inputs for which it is the network's answer.
  public var accuracy: [Double]
}

extension Tensor {
  /// The index of the largest value of each row of a matrix.
  public func largestIndices() -> [Int] {
    let width = shape[1]
    return withElements(as: Float.self) { values in
      (0..<shape[0]).map { row in (0..<width).max { values[row * width + $0] < values[row * width + $1] } ?? 0
      }
    }
  }

  /// The rows of a float32 matrix divided by their length; zero rows stay.
  fileprivate func normalisedRows() -> Tensor {
    let width = shape[1]
    var values = elements(as: Float.self)
    for row in 0..<shape[0] {
      let range = row * width..<(row + 1) * width
      let length = values[range].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      if length > 0 { for i in range { values[i] = Float(Double(values[i]) / length) } }
    }
    return Tensor(shape: shape, values)
  }
}
