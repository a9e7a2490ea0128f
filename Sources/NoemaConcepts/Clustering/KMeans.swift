public import NoemaTensor

/// k-means: centres that leave the least squared distance from points to their nearest centre.
///
/// Every restart seeds its centres by greedy k-means++ and moves them by Lloyd's iteration. Distances go through
/// products of blocks in float32; points for which rounding could choose the centre are measured in float64, so
/// labels are exact and results do not depend on threads. A cluster that runs empty is given the point farthest from
/// its centre.
///
/// - Sources: Lloyd, IEEE Transactions on Information Theory 1982; Arthur and Vassilvitskii, SODA 2007.
public struct KMeans: Sendable, Hashable, Codable {
  /// The number of clusters.
  public var clusterCount: Int
  /// How often to start anew; the result with the least inertia is kept.
  public var restarts = 10
  /// The most iterations of a restart.
  public var iterationLimit = 300
  /// A restart ends when no label changes, or when the centres' squared moves sum to no more than this times the mean
  /// variance of the coordinates.
  public var tolerance = 1e-4
  /// The seed of all restarts.
  public var seed: UInt64 = 0

  /// Makes a clustering.
  public init(_ clusterCount: Int, restarts: Int = 10, seed: UInt64 = 0) {
    self.clusterCount = clusterCount
    self.restarts = restarts
    self.seed = seed
  }

  /// Clusters points.
  ///
  /// - Throws: `ConceptError.parameters` for counts below 1 or a negative tolerance; `.tooFew` when there are fewer
  ///   points, or fewer that differ, than clusters.
  /// - Complexity: 2 n d k operations an iteration, in products.
  public func fit(_ points: PointSet) throws(ConceptError) -> KMeansModel {
    guard clusterCount >= 1, restarts >= 1, iterationLimit >= 1, tolerance >= 0 else {
      throw ConceptError(
        .parameters(
          "k-means needs 1 or more clusters, restarts and iterations and a tolerance of 0 or more, found "
            + "\(clusterCount), \(restarts), \(iterationLimit) and \(tolerance)"))
    }
    let distinct = points.distinctCount(upTo: clusterCount)
    guard distinct >= clusterCount else {
      throw ConceptError(.tooFew(set: "the set of distinct points", found: distinct, needed: clusterCount))
    }
    let rows = try DistanceRows(points, .euclidean)
    // The copy is centred and scaled; so is the variance behind its squares.
    let variance =
      rows.squares.reduce(0, +) / (rows.scale * rows.scale) / Double(points.count * points.dimension)
    let random = RandomNumbers(seed: seed)
    let runs = try parallelMap(restarts) { restart throws(ConceptError) in
      try run(rows, stopAt: tolerance * variance, random.split(restart))
    }
    // The first of equals.
    var best = 0
    for index in runs.indices where runs[index].inertia < runs[best].inertia { best = index }
    return KMeansModel(
      centres: runs[best].centres, labels: runs[best].labels, inertia: runs[best].inertia,
      inertias: runs.map(\.inertia), iterations: runs[best].iterations)
  }

  private struct Run: Sendable {
    var centres: Matrix
    var labels: [Int]
    var inertia: Double
    var iterations: Int
  }

  private func run(
    _ rows: DistanceRows, stopAt limit: Double, _ random: RandomNumbers
  ) throws(ConceptError) -> Run {
    var random = random
    var centres = try CentreSeeding(rows).centres(clusterCount, using: &random)
    var assignment = try CentreAssignment(rows, centres)
    var iterations = 1
    var hasSettled = false
    while iterations < iterationLimit, !hasSettled || assignment.counts.contains(0) {
      let next = assignment.means(rows, centres)
      let moved = zip(next.elements, centres.elements).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      let labels = assignment.labels
      centres = next
      assignment = try CentreAssignment(rows, centres)
      hasSettled = assignment.labels == labels || moved <= limit
      iterations += 1
    }
    let labels = assignment.labels
    let inertia = centres.elements.withUnsafeBufferPointer { places in
      labels.indices.reduce(0) {
        $0 + rows.square($1, to: places.baseAddress! + labels[$1] * centres.columnCount)
      }
    }
    return Run(centres: centres, labels: labels, inertia: inertia, iterations: iterations)
  }
}

/// The centres that k-means found.
public struct KMeansModel: Sendable, Hashable {
  /// The centres, clusters × coordinates.
  public let centres: Matrix
  /// The cluster of each point, from 0; the nearest centre, the first of equals.
  public let labels: [Int]
  /// The sum of the squared distances of points to their centres.
  public let inertia: Double
  /// The inertia of every restart. Restarts that differ much say that there is no clear clustering.
  public let inertias: [Double]
  /// The assignments that the best restart took.
  public let iterations: Int

  /// The nearest centre of further points.
  ///
  /// - Throws: `ConceptError.mismatch` when they have another number of coordinates.
  public func assign(_ points: PointSet) throws(ConceptError) -> [Int] {
    guard points.dimension == centres.columnCount else {
      throw ConceptError(
        .mismatch(
          "points of \(points.dimension) coordinates do not fit centres of \(centres.columnCount); give the same "
            + "features as to the fit"))
    }
    return try CentreAssignment(try DistanceRows(points, .euclidean), centres).labels
  }
}
