internal import NoemaTensor

/// How a number of clusters, and the gap of the eigenvalues after it, vary over random parts of the examples.
public struct EigengapVariation: Sendable, Hashable, Codable {
  /// The number of clusters that each part suggests.
  public let clusterCounts: [Int]
  /// The share of parts with the number of the whole.
  public let agreement: Double
  /// The smallest and the largest number among the middle 95 % of the parts.
  public let clusterCountInterval: [Int]
  /// A 95 % interval of the gap after the number of the whole. The spread of parts that share examples is widened by
  /// `√(f / (1 − f))` for parts of a share f (the delete-d jackknife of Shao and Wu, Annals of Statistics 1989).
  public let gapInterval: [Double]

  /// Compares parts with the whole.
  ///
  /// - Parameters:
  ///   - parts: the number of clusters of each part, and its gap after as many eigenvalues as the whole has clusters;
  ///     not empty.
  ///   - clusterCount: the number of the whole.
  ///   - gap: the gap of the whole.
  ///   - share: of the examples in a part; nil for draws with replacement.
  init(_ parts: [(count: Int, gap: Double)], clusterCount: Int, gap: Double, share: Double?) {
    clusterCounts = parts.map { $0.count }
    agreement = Double(parts.count { $0.count == clusterCount }) / Double(parts.count)
    clusterCountInterval = Bootstrap.percentiles(of: clusterCounts.map { Double($0) }).map {
      Int($0.rounded())
    }
    let gaps = parts.map { $0.gap }
    let mean = Statistics.mean(gaps)
    let widening = share.map { ($0 / (1 - $0)).squareRoot() } ?? 1
    gapInterval = Bootstrap.percentiles(of: gaps).map { max(0, gap + widening * ($0 - mean)) }
  }
}
