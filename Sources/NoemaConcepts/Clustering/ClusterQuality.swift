/// Numbers that say how good a clustering is, or how alike two are. A negative label is noise.
public enum ClusterQuality {
  /// How much nearer each point is to its own cluster than to the next.
  public struct Silhouettes: Sendable, Hashable {
    /// `(b − a) / max(a, b)` with the mean distance `a` to the others of the cluster and `b` to the points of the
    /// nearest other cluster, in [−1, 1]; 0 for a point that is its cluster; NaN for noise.
    public let values: [Double]
    /// The mean over all points but noise.
    public let mean: Double
    /// The mean of each cluster, in the order of their labels.
    public let clusterMeans: [Double]
  }

  /// Measures silhouettes, in blocks of distances.
  ///
  /// - Throws: `ConceptError.mismatch` when labels and points differ in number; `.parameters` for fewer than 2 clusters
  ///   and naming a point for which the metric is undefined.
  /// - Complexity: 2 n² d operations in products, memory O(n (d + clusters)).
  /// - Source: Rousseeuw, Journal of Computational and Applied Mathematics 1987.
  public static func silhouettes(
    _ points: PointSet, labels: [Int], metric: Metric = .euclidean
  ) throws(ConceptError) -> Silhouettes {
    let groups = try ClusterLabels(labels, count: points.count, needed: 2)
    let rows = try DistanceRows(points, metric)
    let n = points.count
    let size = min(256, max(32, (n + 15) / 16))
    let parts = try parallelMap((n + size - 1) / size) { block in
      silhouettes(rows, (block * size)..<min((block + 1) * size, n), groups)
    }
    let values = Array(parts.joined())
    var sums = [Double](repeating: 0, count: groups.sizes.count)
    for (point, cluster) in groups.clusters.enumerated() where cluster >= 0 { sums[cluster] += values[point] }
    return Silhouettes(
      values: values, mean: sums.reduce(0, +) / Double(groups.sizes.reduce(0, +)),
      clusterMeans: zip(sums, groups.sizes).map { $0 / Double($1) })
  }

  private static func silhouettes(
    _ rows: DistanceRows, _ queries: Range<Int>, _ groups: ClusterLabels
  ) -> [Double] {
    let count = groups.sizes.count
    var sums = [Double](repeating: 0, count: queries.count * count)
    rows.forEachSquare(of: queries, to: 0..<rows.points.count) { start, squares, width in
      for offset in 0..<queries.count where groups.clusters[queries.lowerBound + offset] >= 0 {
        for t in 0..<width {
          let cluster = groups.clusters[start + t]
          guard cluster >= 0 else { continue }
          sums[offset * count + cluster] += rows.metric.distance(square: squares[offset * width + t])
        }
      }
    }
    return queries.enumerated().map { offset, point -> Double in
      let own = groups.clusters[point]
      guard own >= 0 else { return .nan }
      guard groups.sizes[own] > 1 else { return 0 }
      let inside = sums[offset * count + own] / Double(groups.sizes[own] - 1)
      var outside = Double.infinity
      for cluster in 0..<count where cluster != own {
        outside = min(outside, sums[offset * count + cluster] / Double(groups.sizes[cluster]))
      }
      let larger = max(inside, outside)
      return larger > 0 ? (outside - inside) / larger : 0
    }
  }

  /// The mean over clusters of the worst `(sᵢ + sⱼ) / ‖cᵢ − cⱼ‖`, where s is the mean distance of a cluster's points to
  /// its mean c; the smaller the better, infinite when two means coincide. Noise is left out.
  ///
  /// - Throws: `ConceptError.mismatch` when labels and points differ in number; `.parameters` for fewer than 2
  ///   clusters.
  /// - Source: Davies and Bouldin, IEEE Transactions on Pattern Analysis and Machine Intelligence 1979.
  public static func daviesBouldin(_ points: PointSet, labels: [Int]) throws(ConceptError) -> Double {
    let groups = try ClusterLabels(labels, count: points.count, needed: 2)
    let (k, d) = (groups.sizes.count, points.dimension)
    var means = [Double](repeating: 0, count: k * d)
    for (point, cluster) in groups.clusters.enumerated() where cluster >= 0 {
      for (j, value) in points.row(point).enumerated() { means[cluster * d + j] += Double(value) }
    }
    for cluster in 0..<k { for j in 0..<d { means[cluster * d + j] /= Double(groups.sizes[cluster]) } }
    var spreads = [Double](repeating: 0, count: k)
    for (point, cluster) in groups.clusters.enumerated() where cluster >= 0 {
      let row = points.row(point)
      spreads[cluster] += sum(d) {
        let difference = Double(row[row.startIndex + $0]) - means[cluster * d + $0]
        return difference * difference
      }.squareRoot()
    }
    for cluster in 0..<k { spreads[cluster] /= Double(groups.sizes[cluster]) }
    let worst = (0..<k).map { i in
      (0..<k).reduce(0.0) { largest, j in
        guard j != i else { return largest }
        let apart = sum(d) {
          let difference = means[i * d + $0] - means[j * d + $0]
          return difference * difference
        }.squareRoot()
        return max(largest, apart > 0 ? (spreads[i] + spreads[j]) / apart : .infinity)
      }
    }
    return worst.reduce(0, +) / Double(k)
  }

  /// How far two clusterings of the same points agree on pairs, corrected for chance: 1 when they are the same but for
  /// the names of clusters, about 0 for unrelated ones. Every label counts as a cluster, that of noise too.
  ///
  /// - Throws: `ConceptError.mismatch` when they differ in number, `.tooFew` without points.
  /// - Source: Hubert and Arabie, Journal of Classification 1985, equation 5.
  public static func adjustedRand(_ a: [Int], _ b: [Int]) throws(ConceptError) -> Double {
    guard a.count == b.count else {
      throw ConceptError(
        .mismatch("found \(a.count) labels and \(b.count); compare clusterings of the same points"))
    }
    guard !a.isEmpty else { throw ConceptError(.tooFew(set: "the clustering", found: 0, needed: 1)) }
    struct Pair: Hashable { var a, b: Int }
    var (both, first, second) = ([Pair: Int](), [Int: Int](), [Int: Int]())
    for (a, b) in zip(a, b) {
      both[Pair(a: a, b: b), default: 0] += 1
      first[a, default: 0] += 1
      second[b, default: 0] += 1
    }
    // Whole numbers of pairs, so that the order of a dictionary cannot matter.
    func pairs(_ counts: some Sequence<Int>) -> Int { counts.reduce(0) { $0 + $1 * ($1 - 1) / 2 } }
    let (together, inA, inB) = (pairs(both.values), pairs(first.values), pairs(second.values))
    let all = Double(a.count) * Double(a.count - 1) / 2
    let expected = all > 0 ? Double(inA) * Double(inB) / all : 0
    let most = Double(inA + inB) / 2
    // Both all in one, or all apart.
    guard most != expected else { return 1 }
    return (Double(together) - expected) / (most - expected)
  }
}
