internal import NoemaTensor

/// What parts the rows of a spectral embedding into strategies.
public enum StrategyClustering: Sendable, Hashable, Codable {
  /// k-means.
  case kMeans(restarts: Int = 10)
  /// A hierarchy, cut where as many clusters are left as are looked for.
  case agglomerative(Agglomerative.Linkage = .ward)
  /// A mixture of normal distributions.
  case gaussianMixture(GaussianMixture.Shape = .diagonal, restarts: Int = 5)
  /// Regions that are dense everywhere; finds its own number of clusters, and noise.
  case dbscan(radius: Double = 0.5, minimumPoints: Int = 5)
  /// Regions of any density; finds its own number of clusters, and noise.
  case hdbscan(minimumClusterSize: Int = 5)

  /// Whether it is told the number of clusters.
  public var takesCount: Bool {
    switch self {
    case .kMeans, .agglomerative, .gaussianMixture: true
    case .dbscan, .hdbscan: false
    }
  }

  /// The cluster of each row, −1 for noise.
  func labels(_ rows: PointSet, count: Int, seed: UInt64) throws(ConceptError) -> [Int] {
    switch self {
    case .kMeans(let restarts):
      return try KMeans(rows.distinctCount(upTo: count), restarts: restarts, seed: seed).fit(rows).labels
    case .agglomerative(let linkage):
      return try Agglomerative(linkage).join(rows).cut(clusterCount: min(count, rows.count))
    case .gaussianMixture(let shape, let restarts):
      let distinct = rows.distinctCount(upTo: count)
      return try GaussianMixture(distinct, shape: shape, restarts: restarts, seed: seed).fit(rows).labels
    case .dbscan(let radius, let minimumPoints):
      return try DBSCAN(radius: radius, minimumPoints: minimumPoints).cluster(rows).labels
    case .hdbscan(let minimumClusterSize):
      return try HDBSCAN(minimumClusterSize: minimumClusterSize).cluster(rows).labels
    }
  }
}

/// How many strategies are looked for.
public enum StrategyCount: Sendable, Hashable, Codable {
  /// The k of 2 or more after which eigenvalues rise by the largest share of what they rise to, if that share reaches
  /// `minimumRelativeGap`; else one. A large strategy that forms a long chain of neighbours has small eigenvalues of
  /// its own, among which the largest gap of all may lie; in proportion none is as large as that between strategies.
  case relativeGap
  /// The k with the largest gap of all (von Luxburg 2007), one included.
  case largestGap
  /// That many.
  case fixed(Int)
}

/// What two-dimensional pictures of a class are made by.
public enum StrategyLayout: Sendable, Hashable, Codable {
  /// t-distributed stochastic neighbour embedding.
  case tsne(TSNE = TSNE())
  /// Uniform manifold approximation and projection.
  case umap(UMAP = UMAP())

  /// The name under which layouts are kept.
  public var name: String {
    switch self {
    case .tsne: "tsne"
    case .umap: "umap"
    }
  }

  /// Lays out points; the seed is that of the study.
  func place(_ points: PointSet, seed: UInt64) throws(ConceptError) -> StrategyPicture {
    switch self {
    case .tsne(var settings):
      settings.seed = seed
      let layout = try settings.embed(points)
      return StrategyPicture(name: name, coordinates: layout.coordinates, remarks: layout.remarks)
    case .umap(var settings):
      settings.seed = seed
      let layout = try settings.embed(points)
      return StrategyPicture(name: name, coordinates: layout.coordinates, remarks: layout.remarks)
    }
  }
}
