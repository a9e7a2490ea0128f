internal import Glibc
public import NoemaAttribution
public import NoemaConcepts
public import NoemaData
public import NoemaGraph
internal import NoemaTensor

/// Literals out of examples: for each concept and layer a probe that tells its examples from random ones, calibrated
/// and judged on examples that it was not fitted to.
///
/// ```swift
/// var fitting = ConceptFitting()
/// fitting.pooling = .mean
/// let literals = try fitting(
///   network, layers: layers, concepts: [.init(name: "striped", examples: stripes)], random: others)
/// ```
///
/// Examples are dealt into folds, each side evenly; each fold is scored by a probe of the others. These scores give the
/// quality and the calibration; the literal is the probe of all examples. Random examples that also stand for the
/// concept are left out of the other side.
public struct ConceptFitting: Sendable, Hashable, Codable {
  /// What scores look like to people.
  public enum Scale: String, Sendable, Hashable, Codable, CaseIterable {
    /// The probability of the concept rather than a random example, both being as likely.
    case probability
    /// As the probe gives it; ``ConceptTable/standardising(by:)`` them.
    case raw
  }

  /// The probe whose direction is the literal.
  public var probe = ProbeKind.ridge
  /// How positions are brought together.
  public var pooling = Pooling.none
  /// The scale of the scores.
  public var scale = Scale.probability
  /// In how many parts examples are dealt.
  public var folds = 5
  /// The least held-out AUC of a concept that is represented.
  public var minimumAUC = 0.6
  /// The most examples of the other side; more are sampled.
  public var maximumOthers = 1000
  /// The seed of folds, samples and intervals.
  public var seed: UInt64 = 7

  /// Makes a fitting with the defaults.
  public init() {}

  /// Fits all concepts at all layers, with one pass of all examples through the network.
  ///
  /// - Parameters:
  ///   - network: the network.
  ///   - layers: where concepts are read; at several, literals are named `striped (layer4)`.
  ///   - concepts: names and examples.
  ///   - random: what concepts are held against; nil for the examples of the other concepts.
  ///   - shapes: input shapes where the file leaves them open.
  ///   - memory: bytes that a batch may take.
  ///   - skipsBad: whether examples that cannot be read are left out.
  /// - Returns: the literals, concepts within layers.
  /// - Throws: `RuleError` for no concepts or layers, a concept named twice, settings out of range and sets with fewer
  ///   examples than folds; `ConceptError`, `DataError` and `GraphError` as probes, reading and running throw them.
  public func callAsFunction(
    _ network: Network, layers: [Layer], concepts: [TCAVStudy.Concept], random: (any ExampleSource)?,
    shapes: [String: [Int]] = [:], memory: Int = 1 << 30, skipsBad: Bool = false, progress: Progress? = nil
  ) throws -> [ConceptLiteral] {
    try check(layers, concepts, hasRandom: random != nil)
    let parts = concepts.map(\.examples) + (random.map { [$0] } ?? [])
    let pool = try JoinedExamples(parts)
    var capture = Capture(network, layers: layers.map(\.onnxValue))
    (capture.pooling, capture.shapes) = (pooling, shapes)
    (capture.batchMemory, capture.skipsBad) = (memory, skipsBad)
    let captured = try capture(pool, keepsOutputs: false, phase: "concept examples", progress: progress)
    let rows = Dictionary(uniqueKeysWithValues: captured.indices.enumerated().map { ($1, $0) })
    let members = parts.indices.map { part in
      (pool.starts[part]..<pool.starts[part + 1]).compactMap { rows[$0] }
    }
    // Of unreadable examples, which are not among the rows, there are no hashes.
    let hashes = pool.contentHashes()
    let sides = try concepts.indices.map {
      try side($0, concepts, members, captured.indices.map { hashes[$0] })
    }
    var literals: [ConceptLiteral] = []
    for (layer, features) in zip(layers, captured.activations) {
      let products = try PoolProducts(pool: features)
      for (concept, side) in zip(concepts, sides) {
        let name = layers.count > 1 ? "\(concept.name) (\(layer.name))" : concept.name
        literals.append(try fit(name, layer.name, side, features, products.gram))
      }
    }
    return literals
  }
}

// MARK: Sides
extension ConceptFitting {
  /// Rows of the pool: first those that show the concept.
  private struct Side {
    var rows: [Int]
    var isPositive: [Bool]
    /// The fold of each.
    var folds: [Int]
  }

  /// - Parameter hashes: of the rows of the pool.
  private func side(
    _ index: Int, _ concepts: [TCAVStudy.Concept], _ members: [[Int]], _ hashes: [String?]
  ) throws(RuleError) -> Side {
    let positives = members[index]
    var others =
      members.count > concepts.count
      ? members[concepts.count] : members.indices.filter { $0 != index }.flatMap { members[$0] }
    let own = Set(positives.compactMap { hashes[$0] })
    others = others.filter { row in hashes[row].map { !own.contains($0) } ?? true }
    for (rows, set) in [(positives, "concept '\(concepts[index].name)'"), (others, "the random examples")] {
      guard rows.count >= folds else { throw RuleError(.tooFew(set: set, found: rows.count, needed: folds)) }
    }
    var random = RandomNumbers(seed: seed).split(index)
    if others.count > maximumOthers {
      others = random.sample(maximumOthers, below: others.count).sorted().map { others[$0] }
    }
    let dealt = [positives.count, others.count].flatMap { count -> [Int] in
      var folds = [Int](repeating: 0, count: count)
      for (position, row) in random.sample(count, below: count).enumerated() {
        folds[row] = position % self.folds
      }
      return folds
    }
    return Side(
      rows: positives + others, isPositive: positives.map { _ in true } + others.map { _ in false },
      folds: dealt)
  }

  private func check(_ layers: [Layer], _ concepts: [TCAVStudy.Concept], hasRandom: Bool) throws(RuleError) {
    try RuleError.require(!layers.isEmpty, "there is no layer to read concepts at; name one or more")
    try RuleError.require(!concepts.isEmpty, "there is no concept; name one or more")
    let names = concepts.map(\.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw RuleError(.parameters("concept '\(twice)' is named twice"))
    }
    try RuleError.require(
      hasRandom || concepts.count > 1,
      "one concept and no random examples leave nothing to hold it against; give random examples or more concepts"
    )
    try RuleError.require(folds >= 2, "the folds must be 2 or more, found \(folds)")
    try RuleError.require(
      (0.5...1).contains(minimumAUC), "the least AUC must lie in [0.5, 1], found \(minimumAUC)")
    try RuleError.require(
      maximumOthers >= folds,
      "the examples of the other side must be \(folds) or more, found \(maximumOthers)")
  }
}

// MARK: Probes
extension ConceptFitting {
  private func fit(
    _ name: String, _ layer: String, _ side: Side, _ features: any FeatureMatrix & Sendable, _ gram: Matrix
  ) throws -> ConceptLiteral {
    let whole = try problem(side.rows, side.isPositive, gram)
    let tuned = try probe.probe.tuned(on: whole)
    var held = [Double](repeating: 0, count: side.rows.count)
    for fold in 0..<folds {
      let train = side.rows.indices.filter { side.folds[$0] != fold }
      let test = side.rows.indices.filter { side.folds[$0] == fold }
      let rows = train.map { side.rows[$0] }
      // The penalty is chosen without the fold, or it would know of it.
      let part = try problem(rows, train.map { side.isPositive[$0] }, gram)
      let scores = try probe.probe.tuned(on: part).fit(part)
        .scores(gram.selecting(rows: test.map { side.rows[$0] }, columns: rows))
      for (row, score) in zip(test, scores) { held[row] = score }
    }
    var direction = try self.direction(try tuned.fit(whole), side.rows, features)
    if scale == .probability {
      let scaling = PlattScaling(held, side.isPositive)
      direction.scale = .probability(slope: scaling.slope, offset: scaling.offset)
    }
    var literal = ConceptLiteral(name, at: layer, direction)
    literal.quality = try LiteralQuality(
      scores: held, isPositive: side.isPositive, minimumAUC: minimumAUC, seed: seed)
    return literal
  }

  private func problem(_ rows: [Int], _ isPositive: [Bool], _ gram: Matrix) throws(ConceptError)
    -> ProbeProblem
  {
    try ProbeProblem(
      kernel: gram.selecting(rows: rows, columns: rows), isPositive: isPositive,
      weights: ProbeProblem.balancedWeights(isPositive))
  }

  /// The probe in features: `Σ αᵢ (xᵢ − μ)·(x − μ) + b`, as products are centred by the pool's mean `μ`.
  private func direction(
    _ dual: DualProbe, _ rows: [Int], _ features: any FeatureMatrix & Sendable
  ) throws -> ConceptDirection {
    let count = features.rowCount
    var coefficients = Matrix(rowCount: count, columnCount: 2)
    let sum = dual.alpha.reduce(0, +) / Double(count)
    for row in 0..<count { (coefficients[row, 0], coefficients[row, 1]) = (-sum, 1 / Double(count)) }
    for (row, alpha) in zip(rows, dual.alpha) { coefficients[row, 0] += alpha }
    let combined = try features.combined(coefficients).elements(as: Float.self)
    let (weights, mean) = (
      Array(combined.prefix(features.columnCount)), combined.suffix(features.columnCount)
    )
    let shift = zip(weights, mean).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    return ConceptDirection(weights, intercept: dual.intercept - shift, pooling: pooling)
  }
}
