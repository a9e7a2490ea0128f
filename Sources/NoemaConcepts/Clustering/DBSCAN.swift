/// Clusters as regions that are dense everywhere, and the rest as noise.
///
/// A point is core when at least `minimumPoints` points, itself among them, lie within `radius`. Core points within
/// the radius of each other are of one cluster; another point within the radius of a core point is on the border of
/// its cluster, of the first such cluster; what is left is noise. Clusters are numbered by their first core points.
///
/// - Source: Ester, Kriegel, Sander and Xu, KDD 1996.
public struct DBSCAN: Sendable, Hashable, Codable {
  /// How far points reach; a distance equal to it counts.
  public var radius: Double
  /// How many points make a point core, itself included.
  public var minimumPoints: Int
  /// What distance means.
  public var metric: Metric

  /// Makes a clustering.
  public init(radius: Double, minimumPoints: Int = 5, metric: Metric = .euclidean) {
    self.radius = radius
    self.minimumPoints = minimumPoints
    self.metric = metric
  }

  /// The clusters of points.
  public struct Clusters: Sendable, Hashable, Codable {
    /// The cluster of each point from 0, −1 for noise.
    public let labels: [Int]
    /// Whether each point is core.
    public let isCore: [Bool]
    /// The number of clusters.
    public let count: Int
  }

  /// Clusters points.
  ///
  /// - Throws: `ConceptError.parameters` unless the radius is positive and finite and the minimum 1 or more, and naming
  ///   a point for which the metric is undefined.
  /// - Complexity: 4 n² d operations in products, memory O(n (d + processors)).
  public func cluster(_ points: PointSet) throws(ConceptError) -> Clusters {
    guard radius > 0, radius.isFinite, minimumPoints >= 1 else {
      throw ConceptError(
        .parameters(
          "DBSCAN needs a positive radius and a minimum of 1 or more points, found \(radius) and \(minimumPoints)"
        ))
    }
    let rows = try DistanceRows(points, metric)
    let n = points.count
    let size = min(512, max(32, (n + 15) / 16))
    let blocks = (n + size - 1) / size
    let counts = try parallelMap(blocks) { block -> [Int] in
      let queries = (block * size)..<min((block + 1) * size, n)
      var counts = [Int](repeating: 0, count: queries.count)
      rows.forEachPair(of: queries, within: radius) { i, _ in counts[i - queries.lowerBound] += 1 }
      return counts
    }
    let isCore = counts.joined().map { $0 >= minimumPoints }
    let parts = try parallelMap(blocks) { block in
      Links(rows, (block * size)..<min((block + 1) * size, n), within: radius, isCore)
    }
    return assemble(parts, isCore)
  }

  /// Numbers the sets of linked core points, and adds border points to the first cluster that reaches them.
  private func assemble(_ parts: [Links], _ isCore: [Bool]) -> Clusters {
    var sets = DisjointSets(isCore.count)
    for part in parts { for (a, b) in part.cores { sets.join(Int(a), Int(b)) } }
    var labels = [Int](repeating: -1, count: isCore.count)
    var numbers: [Int: Int] = [:]
    for point in isCore.indices where isCore[point] {
      let root = sets.root(of: point)
      let label = numbers[root] ?? numbers.count
      numbers[root] = label
      labels[point] = label
    }
    for part in parts {
      for (point, core) in part.borders {
        let label = labels[Int(core)]
        if labels[Int(point)] < 0 || label < labels[Int(point)] { labels[Int(point)] = label }
      }
    }
    return Clusters(labels: labels, isCore: isCore, count: numbers.count)
  }
}

/// What the points of a block are linked to.
private struct Links: Sendable {
  /// Pairs of core points that join all that the block's core points reach.
  private(set) var cores: [(Int32, Int32)] = []
  /// The core points that reach each other point; fewer than make it core.
  private(set) var borders: [(point: Int32, core: Int32)] = []

  init(_ rows: DistanceRows, _ queries: Range<Int>, within radius: Double, _ isCore: [Bool]) {
    var joined = DisjointSets(rows.points.count)
    var (cores, borders) = ([(Int32, Int32)](), [(point: Int32, core: Int32)]())
    rows.forEachPair(of: queries, within: radius) { i, j in
      guard isCore[j] else { return }
      if !isCore[i] {
        borders.append((Int32(i), Int32(j)))
      } else if joined.join(i, j) {
        cores.append((Int32(i), Int32(j)))
      }
    }
    self.cores = cores
    self.borders = borders
  }
}

extension DistanceRows {
  /// Calls `body` with each point of a block and each point within a radius of it, itself among them.
  func forEachPair(of queries: Range<Int>, within radius: Double, _ body: (Int, Int) -> Void) {
    let limit = metric.square(distance: radius) * scale * scale
    // The limit itself is rounded.
    let (surely, never) = (limit * (1 - 1e-12), limit * (1 + 1e-12))
    forEachProduct(of: queries) { start, products, width in
      for (offset, i) in queries.enumerated() {
        let square = squares[i]
        let row = products + offset * width
        let bound = Float(never + slack - (1 - share) * square).nextUp
        for t in 0..<width where bases[start + t] - 2 * row[t] <= bound {
          let range = bounds(square, squares[start + t], product: row[t])
          if range.upper <= surely
            || (range.lower <= never && (i == start + t || distance(i, start + t) <= radius))
          {
            body(i, start + t)
          }
        }
      }
    }
  }
}
