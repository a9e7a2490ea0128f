/// A dendrogram without the splits that only let a few points fall out of a cluster.
///
/// Going down from the root, λ = 1/height grows. Where a cluster splits into two of at least the minimum size, two
/// clusters are born; otherwise the smaller part's points leave, and the cluster lives on.
///
/// - Source: Campello, Moulavi and Sander, PAKDD 2013, section 3.
struct CondensedTree: Sendable {
  /// A cluster, born at a split.
  struct Cluster: Sendable {
    var parent: Int?
    var children: [Int] = []
    /// λ where it was born; 0 for the root.
    var birth: Double
    /// `Σ_p (λ_p − birth)`; infinite when duplicates never leave.
    var stability = 0.0
    /// The largest λ at which a point leaves or the cluster splits.
    var death = 0.0
  }

  /// The clusters in the order of their birth from the root, cluster 0, breadth first.
  private(set) var clusters: [Cluster]
  /// The cluster that each point leaves last.
  private(set) var owners: [Int]
  /// λ where it leaves.
  private(set) var lambdas: [Double]

  /// Condenses the tree of two or more points.
  ///
  /// - Parameter minimumSize: of a cluster, at least 2.
  init(_ tree: Dendrogram, minimumSize: Int) {
    let n = tree.pointCount
    clusters = [Cluster(parent: nil, birth: 0)]
    owners = Array(repeating: 0, count: n)
    lambdas = Array(repeating: 0, count: n)
    func size(_ node: Int) -> Int { node < n ? 1 : tree.merges[node - n].size }
    // Nodes of the dendrogram that live on, with their cluster.
    var queue = [(node: 2 * n - 2, cluster: 0)]
    var next = 0
    while next < queue.count {
      let (node, cluster) = queue[next]
      next += 1
      let merge = tree.merges[node - n]
      let lambda = merge.height > 0 ? 1 / merge.height : .infinity
      let parts = [merge.first, merge.second]
      let isSplit = parts.allSatisfy { size($0) >= minimumSize }
      for part in parts {
        if isSplit {
          let child = clusters.count
          clusters[cluster].leave(lambda, count: size(part))
          clusters[cluster].children.append(child)
          clusters.append(Cluster(parent: cluster, birth: lambda))
          queue.append((part, child))
        } else if size(part) >= minimumSize {
          queue.append((part, cluster))
        } else {
          for point in Self.points(below: part, tree) { leave(point, cluster, at: lambda) }
        }
      }
    }
  }

  private mutating func leave(_ point: Int, _ cluster: Int, at lambda: Double) {
    owners[point] = cluster
    lambdas[point] = lambda
    clusters[cluster].leave(lambda, count: 1)
  }

  /// The points below a node, breadth first.
  private static func points(below node: Int, _ tree: Dendrogram) -> [Int] {
    var (queue, points) = ([node], [Int]())
    var next = 0
    while next < queue.count {
      let node = queue[next]
      next += 1
      if node < tree.pointCount {
        points.append(node)
      } else {
        let merge = tree.merges[node - tree.pointCount]
        queue += [merge.first, merge.second]
      }
    }
    return points
  }
}

extension CondensedTree.Cluster {
  /// Points leave, or go to a child.
  fileprivate mutating func leave(_ lambda: Double, count: Int) {
    // Infinity less infinity would be no number: what is born of duplicates and never leaves gains nothing.
    if lambda > birth { stability += (lambda - birth) * Double(count) }
    death = max(death, lambda)
  }
}
