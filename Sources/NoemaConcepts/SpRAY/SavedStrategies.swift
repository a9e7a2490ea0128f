public import NoemaTensor

/// The strategies of a study as a later run needs them to assign further examples, beside their prepared maps.
///
/// ```swift
/// // Keep it as JSON, and beside it the maps of the findings, below each other.
/// let saved = SavedStrategies(result, preprocessing: capture.preprocessing)
/// let assigned = try saved.assigner(of: 0, maps: maps).assign(further)
/// ```
public struct SavedStrategies: Sendable, Hashable, Codable {
  /// One class.
  public struct Class: Sendable, Hashable, Codable {
    /// The class's name.
    public var name: String
    /// The class's index among the outputs; nil when not known.
    public var target: Int?
    /// What each strategy rests on, in a sentence, by labels.
    public var sentences: [String]
    /// Whether masking confirmed each strategy.
    public var isConfirmed: [Bool]
    /// How maps lie on the image; nil for vectors.
    public var grid: MapGrid?
    /// What distance means.
    public var distance: MapDistance
    /// Neighbours that vote.
    public var neighborCount: Int
    /// The known examples, in the order of their maps.
    public var examples: [RelevanceExample]
    /// By how much the map of each was moved; empty where maps stayed.
    public var offsets: [MapOffset]
    /// The strategy of each, −1 for noise.
    public var labels: [Int]
    /// The mean distance of each to its neighbours.
    public var neighborDistances: [Double]
  }

  /// How maps were prepared, and further ones have to be.
  public var preprocessing: RelevancePreprocessing
  /// The classes, in the order of their maps.
  public var classes: [Class]

  /// Takes what a study found.
  public init(_ result: SpRAYStudyResult, preprocessing: RelevancePreprocessing) {
    self.preprocessing = preprocessing
    classes = result.findings.map { finding in
      var saved = Class(finding.strategies)
      saved.sentences = finding.strategies.clusters.map { finding.sentence(of: $0.label) }
      saved.isConfirmed = finding.strategies.clusters.map {
        finding.outcome(of: $0.label)?.verdict == .confirmed
      }
      return saved
    }
  }

  /// What assigns further examples to the strategies of one class.
  ///
  /// - Parameters:
  ///   - index: the class's place.
  ///   - maps: the maps of all classes, one class after the other.
  ///
  ///     - Shapes: `[examples, values]`.
  /// - Throws: `ConceptError.mismatch` when the maps are not those of the examples, `.parameters` without such a class.
  public func assigner(of index: Int, maps: Tensor) throws(ConceptError) -> StrategyAssigner {
    guard classes.indices.contains(index) else {
      throw ConceptError(.parameters("there is no class \(index) among \(classes.count)"))
    }
    let total = classes.reduce(0) { $0 + $1.examples.count }
    let saved = classes[index]
    guard maps.rank == 2, maps.shape[0] == total, saved.labels.count == saved.examples.count,
      saved.neighborDistances.count == saved.examples.count, saved.neighborCount >= 1
    else {
      throw ConceptError(
        .mismatch(
          "maps of shape \(maps.shape) are not those of the \(total) examples whose strategies are known; both come "
            + "from one result"))
    }
    let start = classes[..<index].reduce(0) { $0 + $1.examples.count }
    let rows = maps.rows(start..<start + saved.examples.count).converted(to: .float32)
    let points = try PointSet(
      rows.elements(as: Float.self), count: saved.examples.count, dimension: maps.shape[1])
    return StrategyAssigner(
      saved,
      try RelevanceMaps(points, examples: saved.examples, grid: saved.grid, offsets: saved.offsets))
  }
}

extension SavedStrategies.Class {
  /// Takes what was found for a class, without words.
  init(_ strategies: SpRAYClass) {
    self.init(
      name: strategies.name, target: strategies.target, sentences: [], isConfirmed: [], grid: strategies.grid,
      distance: strategies.distance, neighborCount: strategies.neighborCount,
      examples: strategies.members.map { $0.example },
      offsets: strategies.grid?.isAligned == true ? strategies.members.map { $0.offset } : [],
      labels: strategies.labels,
      neighborDistances: strategies.members.map { $0.neighborDistance })
  }
}
