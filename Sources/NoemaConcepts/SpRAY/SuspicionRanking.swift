public import NoemaTensor

/// Ranks the strategies of classes by how much they look like those of a Clever Hans: set apart from the others, and by
/// relevance in a place of its own.
///
/// Fisher's discriminant says how well a strategy is separated linearly. Clusters were fitted to the same maps, so it
/// is large even where there is nothing; surrogates, normal draws with the class's mean and covariance that went
/// through the same steps to the same number of clusters, say how large. All is measured along the leading principal
/// components: with more values than examples every clustering would be separable.
///
/// - Source: Anders et al., "Finding and removing Clever Hans", Information Fusion 2022, for ranking by Fisher's
///   discriminant; null and localisation are additions.
public struct SuspicionRanking: Sendable, Hashable, Codable {
  /// Surrogates of a class.
  public var surrogateCount = 20
  /// How separability is measured.
  public var discriminant = FisherDiscriminant()
  /// The most principal components; a tenth of the examples where that is less.
  public var componentLimit = 20
  /// The most examples that are looked at; a random part of larger classes.
  public var exampleLimit = 1000
  /// The share of the area of a strategy's region.
  public var area = 0.05
  /// The width of the frame around the image, as a share of its sides.
  public var frame = 0.1
  /// The least z of a suspicious strategy.
  public var threshold = 3.0
  /// The least difference of the relevance in its region from that of the others there, as shares.
  public var regionThreshold = 1.0 / 3
  /// The correction over all strategies of all classes.
  public var correction = MultipleTesting.holm
  /// The level up to which an adjusted p-value counts.
  public var significance = 0.05
  /// The seed of surrogates and parts.
  public var seed: UInt64 = 0

  /// Makes a ranking with the defaults above.
  public init() {}

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    func check(_ holds: Bool, _ text: String) throws(ConceptError) {
      if !holds { throw ConceptError(.parameters(text)) }
    }
    try check(
      surrogateCount >= 3, "3 or more surrogates are needed to know their spread, found \(surrogateCount)")
    try check(
      componentLimit >= 1 && exampleLimit >= 10,
      "1 or more components and 10 or more examples are needed, found \(componentLimit) and \(exampleLimit)")
    try check(
      significance > 0 && significance < 1, "the significance level must lie in (0, 1), found \(significance)"
    )
    try check(
      area > 0 && area < 1 && frame > 0 && frame < 0.5,
      "the area must lie in (0, 1) and the frame in (0, 0.5), found \(area) and \(frame)")
  }

  /// Measures how suspicious the strategies of a class are. `rank` the classes afterwards.
  ///
  /// - Parameters:
  ///   - strategies: what was found.
  ///   - maps: the maps in which it was found.
  ///   - spray: how it was found.
  /// - Throws: `ConceptError.mismatch` when strategies and maps are of different examples; `.parameters` for a setting
  ///   out of its range; and as the steps.
  /// - Complexity: `surrogateCount` analyses of up to `exampleLimit` examples.
  public func assess(
    _ strategies: SpRAYClass, _ maps: RelevanceMaps, by spray: SpRAY
  ) throws(ConceptError) -> ClassSuspicion {
    try validate()
    try strategies.check(maps)
    let labels = strategies.labels
    let isParted = Set(labels).count > 1 && !strategies.clusters.isEmpty
    let observed = isParted ? try separabilities(part(maps.points), labels) : Separabilities()
    let null = isParted ? try surrogates(part(maps.points), strategies, spray) : []
    let total = maps.points.mean(of: Array(0..<maps.points.count))
    var clusters: [ClusterSuspicion] = []
    for cluster in strategies.clusters where isParted {
      clusters.append(try suspicion(cluster, total, strategies, observed.clusters[cluster.label], null))
    }
    // The larger first among equals.
    clusters.sort { ($1.score, $0.label) < ($0.score, $1.label) }
    let spectrum = strategies.spectrum
    return ClassSuspicion(
      name: strategies.name, target: strategies.target, clusters: clusters, separability: observed.all,
      nullSeparabilities: null, nullMean: Statistics.mean(null),
      nullDeviation: Statistics.standardDeviation(null),
      count: spectrum.count, gap: spectrum.gap, relativeGap: spectrum.relativeGap,
      score: clusters.first?.score ?? 0,
      rank: 0, areImages: maps.grid != nil)
  }

  /// Ranks classes by their scores, corrects p-values over all of them, and says what is suspicious. Of equal scores
  /// the larger gap comes first.
  public func rank(_ classes: [ClassSuspicion]) -> [ClassSuspicion] {
    var ranked = order(classes).map { classes[$0] }
    let adjusted = correction.adjusted(ranked.flatMap { $0.clusters.map { $0.p } })
    var next = 0
    for place in ranked.indices {
      ranked[place].rank = place + 1
      for index in ranked[place].clusters.indices {
        var cluster = ranked[place].clusters[index]
        cluster.pAdjusted = adjusted[next]
        cluster.isSuspicious =
          cluster.z >= threshold && cluster.pAdjusted <= significance
          && cluster.regionShare - cluster.regionShareElsewhere >= regionThreshold
        ranked[place].clusters[index] = cluster
        next += 1
      }
    }
    return ranked
  }

  /// The places of classes, the most suspicious first.
  func order(_ classes: [ClassSuspicion]) -> [Int] {
    classes.indices.sorted { a, b in
      (classes[b].score, classes[b].relativeGap, a) < (classes[a].score, classes[a].relativeGap, b)
    }
  }

  private func suspicion(
    _ cluster: SpRAYCluster, _ total: [Double], _ strategies: SpRAYClass, _ separability: Double?,
    _ null: [Double]
  ) throws(ConceptError) -> ClusterSuspicion {
    let (n, size) = (Double(strategies.members.count), Double(cluster.size))
    let rest = zip(total, cluster.mean).map {
      Float(n > size ? ($0 * n - Double($1) * size) / (n - size) : 0)
    }
    let region = try MapRegion(of: cluster.mean, on: strategies.grid, area: area, frame: frame)
    let (here, elsewhere) = (region.share(of: cluster.mean), region.share(of: rest))
    let (z, p) = separability.map { excess($0, over: null) } ?? (z: .nan, p: .nan)
    let apart = max(0, here - elsewhere)
    return ClusterSuspicion(
      label: cluster.label, share: cluster.share, separability: separability ?? .nan, z: z, p: p,
      pAdjusted: .nan,
      region: region, regionShare: here, regionShareElsewhere: elsewhere,
      frameShare: strategies.grid?.frameShare(of: cluster.mean, width: frame) ?? .nan,
      score: z > 0 && apart > 0 ? z * apart : 0, isSuspicious: false)
  }

  /// z, and the chance of a further draw from the surrogates' normal to be as large.
  private func excess(_ separability: Double, over null: [Double]) -> (z: Double, p: Double) {
    let (mean, deviation) = (Statistics.mean(null), Statistics.standardDeviation(null))
    guard separability.isFinite else { return (.infinity, 0) }
    guard deviation > 0 else { return separability > mean ? (.infinity, 0) : (0, 1) }
    let z = (separability - mean) / deviation
    let t = z / (1 + 1 / Double(null.count)).squareRoot()
    let tail = Distributions.studentTwoSided(abs(t), degrees: Double(null.count - 1)) / 2
    return (z, t > 0 ? tail : 1 - tail)
  }
}

// MARK: Separability
extension SuspicionRanking {
  private struct Separabilities {
    var clusters: [Int: Double] = [:]
    var all = 0.0
  }

  /// The examples that are looked at.
  private func part(_ points: PointSet) throws(ConceptError) -> (points: PointSet, rows: [Int]) {
    guard points.count > exampleLimit else { return (points, Array(0..<points.count)) }
    var random = RandomNumbers(seed: seed).split(-1)
    let rows = random.sample(exampleLimit, below: points.count).sorted()
    return (try points.selecting(rows), rows)
  }

  private func separabilities(
    _ part: (points: PointSet, rows: [Int]), _ labels: [Int]
  ) throws(ConceptError) -> Separabilities {
    try separabilities(part.points, part.rows.map { labels[$0] })
  }

  /// `J` of each cluster along the leading components.
  private func separabilities(_ points: PointSet, _ labels: [Int]) throws(ConceptError) -> Separabilities {
    let names = Set(labels)
    let clusters = names.filter { $0 >= 0 }
    let clustered = labels.count { $0 >= 0 }
    guard names.count > 1, !clusters.isEmpty, clustered > clusters.count, let scores = try self.scores(points)
    else {
      return Separabilities()
    }
    do throws(ConceptError) {
      let outcome = try discriminant.analyse(scores, labels: labels)
      let pairs = outcome.contrasts.map { ($0.cluster, $0.separability) }
      return Separabilities(clusters: Dictionary(uniqueKeysWithValues: pairs), all: outcome.separability)
    } catch {
      guard case .algebra = error.kind else { throw error }
      // Nothing varies inside the clusters.
      let pairs = clusters.map { ($0, Double.infinity) }
      return Separabilities(clusters: Dictionary(uniqueKeysWithValues: pairs), all: .infinity)
    }
  }

  /// The coordinates along the leading components; nil when nothing varies.
  private func scores(_ points: PointSet) throws(ConceptError) -> PointSet? {
    let count = min(max(2, min(componentLimit, points.count / 10)), points.dimension)
    let found: Matrix
    do {
      found = try PrincipalComponents(points, count: count, route: .randomised(rank: count, seed: seed))
        .scores
    } catch let error as ConceptError {
      throw error
    } catch {
      throw ConceptError(.algebra("principal components: \(error)"))
    }
    return found.columnCount > 0 ? try PointSet(found) : nil
  }

  /// The largest `J` in each surrogate that went through the same steps; 0 where they find no clusters.
  private func surrogates(
    _ part: (points: PointSet, rows: [Int]), _ strategies: SpRAYClass, _ spray: SpRAY
  ) throws(ConceptError) -> [Double] {
    let source = GaussianSurrogates(part.points)
    let random = RandomNumbers(seed: seed)
    let (k, count) = (strategies.neighborCount, max(2, strategies.clusters.count))
    let (distance, grid) = (strategies.distance, strategies.grid)
    return try parallelMap(surrogateCount) { index throws(ConceptError) -> Double in
      let points = try source.draw(using: random.split(index))
      let neighbors = try distance.nearestNeighbors(of: points, on: grid, k: min(k, points.count - 1))
      let labels = try spray.partition(neighbors, count: count, seed: UInt64(index)).labels
      return try separabilities(points, labels).clusters.values.max() ?? 0
    }
  }
}
