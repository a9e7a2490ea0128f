public import NoemaAttribution

/// Spectral relevance analysis: which strategies a network uses for one class, by clusters of its relevance maps.
///
/// Maps are joined to their nearest neighbours; the smallest eigenvalues of the graph's normalised Laplacian say how
/// many parts it all but falls into, and its eigenvectors which. What is found comes with how far it can be trusted:
/// the same steps run again on parts of the examples.
///
/// ```swift
/// let strategies = try SpRAY().analyse(maps, name: "horse", target: 339)
/// for cluster in strategies.clusters { print(cluster.share, cluster.stability, cluster.prototypes) }
/// ```
///
/// - Sources: Lapuschkin et al., "Unmasking Clever Hans predictors and assessing what machines really learn", Nature
///   Communications 2019; Ng, Jordan and Weiss, NeurIPS 2001, for the rows of length one.
public struct SpRAY: Sendable, Hashable, Codable {
  /// Neighbours of an example; nil for a tenth of the examples, at least 5 and at most 10. A strategy of fewer examples
  /// than that cannot stand apart.
  public var neighborCount: Int?
  /// What distance between maps means.
  public var distance = MapDistance.vectors(.euclidean)
  /// What weight a pair gets of which only one is a neighbour of the other.
  public var weighting = NeighborGraph.Weighting.mean
  /// How the graph is embedded, and how many eigenvectors are kept.
  public var embedding = SpectralEmbedding(dimensions: 32)
  /// How many strategies are looked for, by clusterings that have to be told.
  public var count = StrategyCount.relativeGap
  /// The largest number of strategies that eigenvalues may suggest.
  public var maximumCount = 20
  /// The least relative gap that speaks for several strategies.
  public var minimumRelativeGap = 0.5
  /// What parts the rows of the embedding.
  public var clustering = StrategyClustering.kMeans()
  /// How the strategies are tried on parts of the examples; nil for not at all. Parts without replacement, because
  /// copies of an example would be each other's nearest neighbours.
  public var stability: ClusterStability? = ClusterStability(.part(0.8), draws: 30)
  /// The most examples of a part: what they tell is not worth more time.
  public var partLimit = 1000
  /// The pictures that are made.
  public var layouts = [StrategyLayout.tsne()]
  /// What pictures are made of.
  public var layoutSource = LayoutSource.embedding
  /// Prototypes of a strategy.
  public var prototypeCount = 8
  /// Fewer examples are too few for any statement.
  public var minimumExamples = 10
  /// The seed of all random choices, which stands in for those of the steps.
  public var seed: UInt64 = 0

  /// What pictures are made of.
  public enum LayoutSource: String, Sendable, Codable, CaseIterable {
    /// The rows of the spectral embedding, with length one.
    case embedding
    /// The maps.
    case maps
  }

  /// Makes an analysis with the defaults above.
  public init() {}

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    func check(_ holds: Bool, _ text: String) throws(ConceptError) {
      if !holds { throw ConceptError(.parameters(text)) }
    }
    try distance.validate()
    if case .gaussian(let width?) = weighting {
      try check(width > 0 && width.isFinite, "the width of weights must be above 0, found \(width)")
    }
    if case .structural = distance {
      try check(
        layouts.isEmpty || layoutSource == .embedding,
        "pictures of the maps need a distance of vectors, which structural similarity is none of; make them of the "
          + "embedding")
    }
    try check(
      (neighborCount ?? 1) >= 1, "the number of neighbours must be 1 or more, found \(neighborCount ?? 0)")
    try check(maximumCount >= 1, "the largest number of strategies must be 1 or more, found \(maximumCount)")
    if case .fixed(let count) = count {
      try check(count >= 1, "the number of strategies must be 1 or more, found \(count)")
    }
    try check(
      minimumRelativeGap > 0 && minimumRelativeGap <= 1,
      "the least relative gap must lie in (0, 1], found \(minimumRelativeGap)")
    try check(embedding.dimensions >= 2, "2 or more eigenvectors are needed, found \(embedding.dimensions)")
    try check(prototypeCount >= 0, "the number of prototypes must be 0 or more, found \(prototypeCount)")
    try check(
      minimumExamples >= 4 && partLimit >= 4,
      "examples and those of a part must be 4 or more, found \(minimumExamples) and \(partLimit)")
  }

  /// Finds the strategies of a class.
  ///
  /// - Parameters:
  ///   - maps: the prepared relevance maps of the class's examples.
  ///   - name: the class's name.
  ///   - target: the class's index among the outputs.
  /// - Throws: `ConceptError.tooFew` for fewer examples than `minimumExamples`; `.parameters` for a setting out of its
  ///   range, for no fewer neighbours or strategies than examples, and for a structural similarity of vectors or of
  ///   maps smaller than its windows; and as the steps.
  /// - Complexity: 2 n² d operations in products for n maps of d values, some 15 n² d by structural similarity; memory
  ///   O(n (d + neighbours)).
  public func analyse(
    _ maps: RelevanceMaps, name: String = "", target: Int? = nil, progress: Progress? = nil
  ) throws(ConceptError) -> SpRAYClass {
    try validate()
    let phases = ["neighbours", "spectrum", "strategies", "stability", "pictures"]
    func begin(_ phase: Int) { progress?(phases[phase], phase, phases.count) }
    do throws(ConceptError) {
      let n = maps.points.count
      try checkSize(n)
      begin(0)
      let distance = distance.fitted(to: maps.points)
      let partNeighbors = try self.neighbors(maps, by: distance)
      let neighbors = partNeighbors.whole
      begin(1)
      let graph = try NeighborGraph(neighbors, weighting: weighting)
      let coordinates = try embed(graph, dimensions: max(embedding.dimensions, fixedCount + 1))
      // Among equal maps the order of examples would make up parts.
      let areIdentical = maps.points.distinctCount(upTo: 2) == 1
      let count = areIdentical ? 1 : try chosenCount(coordinates.eigenvalues)
      var spectrum = try StrategySpectrum(coordinates, count: count, maximum: maximumCount)
      begin(2)
      let rows = try clusteringRows(of: coordinates, count: count)
      let found = areIdentical ? [Int](repeating: 0, count: n) : try self.labels(rows, count: count)
      let labels = found.rankedLabels()
      let isParted = Set(labels.filter { $0 >= 0 }).count > 1
      let silhouettes = isParted ? try ClusterQuality.silhouettes(rows, labels: labels) : nil
      begin(3)
      var stability: ClusterStability.Outcome?
      if !areIdentical, let trial = self.trial(n), labels.contains(where: { $0 >= 0 }) {
        let parts = try resample(partNeighbors, labels, spectrum, by: trial)
        spectrum.variation = parts.variation
        stability = isParted ? parts.stability : nil
      }
      begin(4)
      let pictures = try self.pictures(of: coordinates, maps.points)
      progress?("pictures", phases.count, phases.count)
      let summary = StrategySummary(
        study: self, maps: maps, neighbors: neighbors, graph: graph, spectrum: spectrum, rows: rows,
        labels: labels,
        silhouettes: silhouettes, stability: stability)
      return SpRAYClass(
        name: name, target: target, grid: maps.grid, distance: distance, neighborCount: neighbors.k,
        spectrum: spectrum,
        clusters: summary.clusters, members: summary.members, silhouette: silhouettes?.mean ?? .nan,
        stability: stability, eigenvectors: coordinates.vectors, pictures: pictures, flawed: maps.flawed,
        remarks: summary.remarks)
    } catch {
      guard error.place.isEmpty, !name.isEmpty else { throw error }
      throw ConceptError(error.kind, at: "class '\(name)'")
    }
  }
}
