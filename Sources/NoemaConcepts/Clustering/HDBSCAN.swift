/// Clusters of any density: the parts of the tree of all DBSCAN clusterings that persist longest.
///
/// Distances become mutual reachabilities `max(core_a, core_b, d_ab)`, where the core distance is that of the
/// `minimumSamples`-th nearest point, the point itself counted. The minimum spanning tree over them is cut from its
/// longest edges down; splits into parts of at least `minimumClusterSize` points make a tree of clusters, of which
/// those are selected that hold the most excess of mass, or the leaves.
///
/// Conventions, labels and probabilities are those of scikit-learn's `HDBSCAN`, except where equal distances leave the
/// order of merges open; here the first points decide. The package `hdbscan` does not count the point itself: its
/// `min_samples` is one less.
///
/// - Source: Campello, Moulavi and Sander, "Density-based clustering based on hierarchical density estimates", PAKDD
///   2013.
public struct HDBSCAN: Sendable, Hashable, Codable {
  /// Which clusters of the tree are selected.
  public enum Selection: String, Sendable, Codable, CaseIterable {
    /// Those with the largest sum of stabilities, none inside another.
    case excessOfMass = "eom"
    /// Those without children: more and finer clusters.
    case leaf
  }

  /// The fewest points of a cluster, at least 2.
  public var minimumClusterSize: Int
  /// The rank of the core distance, the point itself counted; as many as points of a cluster when nil.
  public var minimumSamples: Int?
  /// What distance means.
  public var metric = Metric.euclidean
  /// Which clusters are selected.
  public var selection = Selection.excessOfMass
  /// Whether all points may be one cluster. If they are, only the points that stay to the end belong to it, the others
  /// are noise.
  public var allowsSingleCluster = false

  /// Makes a clustering.
  public init(minimumClusterSize: Int = 5, minimumSamples: Int? = nil) {
    self.minimumClusterSize = minimumClusterSize
    self.minimumSamples = minimumSamples
  }

  /// The clusters of points.
  public struct Clusters: Sendable, Hashable {
    /// The cluster of each point from 0, −1 for noise.
    public let labels: [Int]
    /// How firmly each point belongs to its cluster: λ where it leaves as a share of the cluster's last, in [0, 1]; 0
    /// for noise.
    public let probabilities: [Double]
    /// The stability of each cluster, `Σ (λ_p − λ_birth)`; infinite where enough points coincide.
    public let stabilities: [Double]
    /// The single-linkage tree of the mutual reachabilities.
    public let dendrogram: Dendrogram

    /// The number of clusters.
    public var count: Int { stabilities.count }
  }

  /// Clusters points.
  ///
  /// - Throws: `ConceptError.parameters` for a cluster size below 2 or fewer than 1 samples, and naming a point for
  ///   which the metric is undefined; `.tooFew` for fewer points than samples, or than 2.
  /// - Complexity: O(n² d) at worst, memory O(n (d + samples)).
  public func cluster(_ points: PointSet) throws(ConceptError) -> Clusters {
    let samples = minimumSamples ?? minimumClusterSize
    guard minimumClusterSize >= 2, samples >= 1 else {
      throw ConceptError(
        .parameters(
          "HDBSCAN needs clusters of 2 or more points and 1 or more samples, found \(minimumClusterSize) and \(samples)"
        ))
    }
    let needed = max(2, samples)
    guard points.count >= needed else {
      throw ConceptError(.tooFew(set: "the set of points", found: points.count, needed: needed))
    }
    var cores = [Double](repeating: 0, count: points.count)
    if samples > 1 {
      let neighbors = try NearestNeighbors.find(points, k: samples - 1, metric: metric)
      for i in cores.indices { cores[i] = neighbors.distances[(i + 1) * neighbors.k - 1] }
    }
    let spanning = MinimumSpanningTree(try DistanceRows(points, metric), cores: cores)
    return select(spanning.dendrogram)
  }

  private func select(_ dendrogram: Dendrogram) -> Clusters {
    let tree = CondensedTree(dendrogram, minimumSize: minimumClusterSize)
    let selected = selection == .leaf ? leaves(tree) : excessOfMass(tree)
    let numbers = [Int: Int](uniqueKeysWithValues: selected.enumerated().map { ($1, $0) })
    // The selected cluster that each cluster is or lies in; parents come first.
    var homes: [Int?] = []
    for (cluster, node) in tree.clusters.enumerated() {
      homes.append(numbers[cluster] != nil ? cluster : node.parent.flatMap { homes[$0] })
    }
    // What the root's points must reach to belong to a single cluster.
    let last = zip(tree.owners, tree.lambdas).reduce(0) { $1.0 == 0 ? max($0, $1.1) : $0 }
    let threshold = tree.clusters[0].children.reduce(last) { max($0, tree.clusters[$1].birth) }
    var labels = [Int](repeating: -1, count: tree.owners.count)
    var probabilities = [Double](repeating: 0, count: tree.owners.count)
    for point in labels.indices {
      guard let home = homes[tree.owners[point]], let number = numbers[home] else { continue }
      let lambda = tree.lambdas[point]
      if home == 0, lambda < threshold { continue }
      labels[point] = number
      let death = tree.clusters[home].death
      probabilities[point] = death == 0 || lambda.isInfinite ? 1 : min(lambda, death) / death
    }
    return Clusters(
      labels: labels, probabilities: probabilities, stabilities: selected.map { tree.clusters[$0].stability },
      dendrogram: dendrogram)
  }

  /// The clusters without children; none when nothing ever splits.
  private func leaves(_ tree: CondensedTree) -> [Int] {
    tree.clusters.indices.dropFirst().filter { tree.clusters[$0].children.isEmpty }
  }

  /// Bottom-up, a cluster is kept unless its descendants hold more.
  private func excessOfMass(_ tree: CondensedTree) -> [Int] {
    var isSelected = [Bool](repeating: false, count: tree.clusters.count)
    var mass = tree.clusters.map(\.stability)
    let root = allowsSingleCluster ? 0 : 1
    for cluster in tree.clusters.indices.reversed() where cluster >= root {
      let below = tree.clusters[cluster].children.reduce(0) { $0 + mass[$1] }
      if below > mass[cluster] {
        mass[cluster] = below
      } else {
        isSelected[cluster] = true
      }
    }
    // Nothing inside a selected cluster counts; parents come first.
    var isInside = [Bool](repeating: false, count: tree.clusters.count)
    for (cluster, node) in tree.clusters.enumerated() {
      guard let parent = node.parent else { continue }
      isInside[cluster] = isInside[parent] || isSelected[parent]
    }
    return isSelected.indices.filter { isSelected[$0] && !isInside[$0] }
  }
}
