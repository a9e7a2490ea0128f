internal import NoemaTensor

/// How much an eigengap owes to the examples at hand: it is found again for many random parts of them.
///
/// Every part has its own neighbour graph, with as many neighbours a point as the whole.
public struct EigengapResampling: Sendable, Hashable, Codable {
  /// Neighbours a point.
  public var neighborCount: Int
  /// What distance means.
  public var metric = Metric.euclidean
  /// The weights of one-sided pairs.
  public var weighting = NeighborGraph.Weighting.mean
  /// How graphs are embedded; one eigenvalue more than clusters are looked for is enough.
  public var embedding = SpectralEmbedding(dimensions: 21)
  /// The largest number of clusters.
  public var maximum = 20
  /// The share of the examples in each part, inside (0, 1).
  public var fraction = 0.8
  /// The number of parts.
  public var draws = 100
  /// The seed of the parts.
  public var seed: UInt64 = 0

  /// Makes a resampling.
  public init(neighborCount: Int) { self.neighborCount = neighborCount }

  /// The eigengap of all examples, and how it varies.
  public struct Outcome: Sendable, Hashable, Codable {
    /// The eigengap of all examples.
    public let estimate: Eigengap
    /// The number of clusters of each part.
    public let clusterCounts: [Int]
    /// The share of parts with the number of clusters of the whole.
    public let agreement: Double
    /// The smallest and the largest number of clusters among the middle 95 % of the parts.
    public let clusterCountInterval: [Int]
    /// A 95 % interval of the gap after that many eigenvalues. The spread of the parts is widened by
    /// `√(f / (1 − f))` for a fraction f, since parts share examples (the delete-d jackknife of Shao and Wu 1989).
    public let gapInterval: [Double]
  }

  /// Finds the eigengap of points and of parts of them.
  ///
  /// - Throws: `ConceptError.parameters` for a fraction outside (0, 1), fewer than 2 draws, or parts that have no k
  ///   neighbours; and as `NeighborGraph`, `SpectralEmbedding` and `Eigengap`.
  public func measure(_ points: PointSet) throws(ConceptError) -> Outcome {
    let (n, k) = (points.count, neighborCount)
    guard fraction > 0, fraction < 1, draws >= 2 else {
      throw ConceptError(
        .parameters(
          "found a fraction of \(fraction) and \(draws) draws; give one inside (0, 1), and 2 or more"))
    }
    let size = Int((fraction * Double(n)).rounded())
    guard k >= 1, size > k, size < n else {
      throw ConceptError(
        .parameters(
          "found k = \(k), but a part has \(size) of \(n) examples; give from 1 to \(max(1, size - 1)) or more examples"
        ))
    }
    let wide = try NearestNeighbors.find(points, k: listLength(n), metric: metric)
    let all = Array(0..<n)
    guard let whole = wide.restricted(to: all, k: k) else {
      throw ConceptError(.algebra("neighbour lists of \(wide.k) hold fewer than \(k)"))
    }
    // A part's spectrum has as many values as it has examples at most.
    let limit = min(maximum, size - 1)
    let estimate = try Eigengap(try spectrum(whole), maximum: limit)
    let random = RandomNumbers(seed: seed)
    let parts = try parallelMap(draws) { draw throws(ConceptError) -> (count: Int, gap: Double) in
      var numbers = random.split(draw)
      let rows = numbers.sample(size, below: n).sorted()
      let values: [Double]
      if let neighbors = wide.restricted(to: rows, k: k) {
        values = try spectrum(neighbors)
      } else {
        // Lists that turn out too short are rare.
        values = try spectrum(NearestNeighbors.find(try points.selecting(rows), k: k, metric: metric))
      }
      let gap = values[estimate.clusterCount] - values[estimate.clusterCount - 1]
      return (try Eigengap(values, maximum: limit).clusterCount, gap)
    }
    return outcome(estimate, parts)
  }

  private func spectrum(_ neighbors: NearestNeighbors) throws(ConceptError) -> [Double] {
    try embedding.embed(try NeighborGraph(neighbors, weighting: weighting)).eigenvalues
  }

  /// So many neighbours that k of them stay in a part, six standard deviations from the expected.
  private func listLength(_ n: Int) -> Int {
    var length = neighborCount
    while length < n - 1 {
      let expected = fraction * Double(length)
      if expected - 6 * (expected * (1 - fraction)).squareRoot() >= Double(neighborCount) { break }
      length += 1
    }
    return length
  }

  private func outcome(_ estimate: Eigengap, _ parts: [(count: Int, gap: Double)]) -> Outcome {
    let counts = parts.map { $0.count }
    let gaps = parts.map { $0.gap }
    let mean = Statistics.mean(gaps)
    let widening = (fraction / (1 - fraction)).squareRoot()
    return Outcome(
      estimate: estimate, clusterCounts: counts,
      agreement: Double(counts.count { $0 == estimate.clusterCount }) / Double(counts.count),
      clusterCountInterval: Bootstrap.percentiles(of: counts.map { Double($0) }).map { Int($0.rounded()) },
      gapInterval: Bootstrap.percentiles(of: gaps).map { max(0, estimate.gap + widening * ($0 - mean)) })
  }
}
