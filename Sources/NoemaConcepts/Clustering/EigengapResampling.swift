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
    /// How its number of clusters, and the gap after it, vary over parts.
    public let variation: EigengapVariation
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
    let neighbors = try PartNeighbors(points, k: k, partCount: k, share: fraction) {
      (points: PointSet, k: Int) throws(ConceptError) -> NearestNeighbors in
      try NearestNeighbors.find(points, k: k, metric: metric)
    }
    // A part's spectrum has as many values as it has examples at most.
    let limit = min(maximum, size - 1)
    let estimate = try Eigengap(try spectrum(neighbors.whole), maximum: limit)
    let random = RandomNumbers(seed: seed)
    let parts = try parallelMap(draws) { draw throws(ConceptError) -> (count: Int, gap: Double) in
      var numbers = random.split(draw)
      let rows = numbers.sample(size, below: n).sorted()
      let values = try spectrum(neighbors.neighbors(in: rows, k: k))
      let gap = values[estimate.clusterCount] - values[estimate.clusterCount - 1]
      return (try Eigengap(values, maximum: limit).clusterCount, gap)
    }
    return Outcome(
      estimate: estimate,
      variation: EigengapVariation(
        parts, clusterCount: estimate.clusterCount, gap: estimate.gap, share: fraction))
  }

  private func spectrum(_ neighbors: NearestNeighbors) throws(ConceptError) -> [Double] {
    try embedding.embed(try NeighborGraph(neighbors, weighting: weighting)).eigenvalues
  }
}
