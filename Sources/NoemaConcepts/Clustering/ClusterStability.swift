internal import NoemaTensor

/// Whether a clustering comes out again when the examples are drawn anew.
///
/// Each draw is clustered like the whole. The adjusted Rand index compares both on the examples drawn; a cluster of
/// the whole is found again as far as the most similar cluster of the draw shares its members, by Jaccard's
/// `|A ∩ B| / |A ∪ B|`. Means of 0.75 and above speak for a cluster; below 0.6 it should not be believed.
///
/// - Source: Hennig, "Cluster-wise assessment of cluster stability", Computational Statistics & Data Analysis 2007.
public struct ClusterStability: Sendable, Hashable, Codable {
  /// How examples are drawn.
  public enum Draw: Sendable, Hashable, Codable {
    /// As many as there are, with replacement. Copies form dense spots, which density and neighbour graphs take for
    /// structure; draw parts for those.
    case bootstrap
    /// A part without replacement, of this share.
    case part(Double)
  }

  /// How examples are drawn.
  public var draw: Draw
  /// How often.
  public var draws: Int
  /// The share of the draws inside the interval.
  public var confidence = 0.95
  /// The seed of draws and of the clusterings of them.
  public var seed: UInt64

  /// Makes an assessment.
  public init(_ draw: Draw = .bootstrap, draws: Int = 100, seed: UInt64 = 0) {
    self.draw = draw
    self.draws = draws
    self.seed = seed
  }

  /// How stable a clustering is.
  public struct Outcome: Sendable, Hashable, Codable {
    /// The adjusted Rand index of each draw.
    public let adjustedRand: [Double]
    /// Its mean.
    public let mean: Double
    /// Its middle `confidence` over the draws.
    public let interval: [Double]
    /// The labels of the clusters, ascending, noise not among them.
    public let clusters: [Int]
    /// The mean Jaccard index of each cluster, over the draws that have members of it.
    public let jaccard: [Double]
    /// Its middle `confidence` for each cluster.
    public let jaccardIntervals: [[Double]]
  }

  /// Assesses a clustering.
  ///
  /// - Parameters:
  ///   - points: the examples.
  ///   - labels: their clusters; negative for noise.
  ///   - clustering: what made them. It is given a draw of the points and a seed, runs on several threads at once, and
  ///     returns a label for each point.
  /// - Throws: `ConceptError.parameters` for fewer than 2 draws, a part outside (0, 1) or a confidence outside (0, 1),
  ///   or without clusters; `.mismatch` when labels do not fit points; and what the clustering throws.
  public func assess(
    _ points: PointSet, labels: [Int],
    by clustering: @escaping @Sendable (PointSet, UInt64) throws(ConceptError) -> [Int]
  ) throws(ConceptError) -> Outcome {
    try assess(labels, of: points.count) { (rows: [Int], seed: UInt64) throws(ConceptError) -> [Int] in
      try clustering(try points.selecting(rows), seed)
    }
  }

  /// Assesses a clustering that is given the rows of each draw, ascending, in place of its points.
  ///
  /// - Throws: as with points.
  func assess(
    _ labels: [Int], of count: Int,
    by clustering: @escaping @Sendable ([Int], UInt64) throws(ConceptError) -> [Int]
  ) throws(ConceptError) -> Outcome {
    let groups = try ClusterLabels(labels, count: count, needed: 1)
    guard draws >= 2, confidence > 0, confidence < 1 else {
      throw ConceptError(
        .parameters(
          "found \(draws) draws and a confidence of \(confidence); give 2 or more, and a confidence inside (0, 1)"
        ))
    }
    if case .part(let share) = draw, !(share > 0 && share < 1) {
      throw ConceptError(.parameters("found parts of \(share) of the examples; give a share inside (0, 1)"))
    }
    let random = RandomNumbers(seed: seed)
    let runs = try parallelMap(draws) { index throws(ConceptError) -> Run in
      var numbers = random.split(index)
      let rows = drawn(count, using: &numbers)
      let found = try clustering(rows, numbers.next())
      guard found.count == rows.count else {
        throw ConceptError(
          .mismatch(
            "the clustering gave \(found.count) labels of \(rows.count) points; it must give one for each"))
      }
      return try Run(rows, found, groups)
    }
    return outcome(groups, runs)
  }

  private func drawn(_ count: Int, using random: inout RandomNumbers) -> [Int] {
    switch draw {
    case .bootstrap: return (0..<count).map { _ in random.index(below: count) }.sorted()
    case .part(let share):
      return random.sample(max(1, Int((share * Double(count)).rounded())), below: count).sorted()
    }
  }

  /// One draw compared with the whole.
  private struct Run: Sendable {
    var adjustedRand: Double
    /// Of each cluster; nil without members in the draw.
    var jaccard: [Double?]

    init(_ rows: [Int], _ found: [Int], _ groups: ClusterLabels) throws(ConceptError) {
      // Copies of an example count once, with the label of the first.
      let kept = rows.indices.filter { $0 == 0 || rows[$0] != rows[$0 - 1] }
      let before = kept.map { groups.clusters[rows[$0]] }
      let after = kept.map { found[$0] }
      adjustedRand = try ClusterQuality.adjustedRand(before, after)
      var sizes: [Int: Int] = [:]
      for label in after where label >= 0 { sizes[label, default: 0] += 1 }
      jaccard = groups.sizes.indices.map { cluster -> Double? in
        var shared: [Int: Int] = [:]
        var size = 0
        for (place, label) in after.enumerated() where before[place] == cluster {
          size += 1
          if label >= 0 { shared[label, default: 0] += 1 }
        }
        guard size > 0 else { return nil }
        return shared.reduce(0.0) { best, entry in
          max(best, Double(entry.value) / Double(size + (sizes[entry.key] ?? 0) - entry.value))
        }
      }
    }
  }

  private func outcome(_ groups: ClusterLabels, _ runs: [Run]) -> Outcome {
    let rand = runs.map(\.adjustedRand)
    let jaccard = groups.sizes.indices.map { cluster in runs.compactMap { $0.jaccard[cluster] } }
    return Outcome(
      adjustedRand: rand, mean: Statistics.mean(rand),
      interval: Bootstrap.percentiles(of: rand, confidence: confidence), clusters: groups.names,
      jaccard: jaccard.map { Statistics.mean($0) },
      jaccardIntervals: jaccard.map {
        $0.isEmpty ? [0, 0] : Bootstrap.percentiles(of: $0, confidence: confidence)
      })
  }
}
