/// Points joined two clusters at a time, from single points to one cluster of all.
public struct Dendrogram: Sendable, Hashable, Codable {
  /// Two clusters become one.
  public struct Merge: Sendable, Hashable, Codable {
    /// The clusters joined: points by their index, others by the number of points plus the index of their merge.
    public let first: Int
    /// The other one.
    public let second: Int
    /// How far apart they were.
    public let height: Double
    /// The number of points in both.
    public let size: Int
  }

  /// The number of points.
  public let pointCount: Int
  /// The merges in ascending height, one fewer than points.
  public let merges: [Merge]

  /// Makes a tree of joins in ascending height, each given by any point of the two clusters.
  init(pointCount: Int, joins: [(first: Int, second: Int, height: Double)]) {
    var sets = DisjointSets(pointCount)
    var names = Array(0..<pointCount)
    var sizes = [Int](repeating: 1, count: pointCount)
    var merges: [Merge] = []
    merges.reserveCapacity(joins.count)
    for join in joins {
      let (a, b) = (sets.root(of: join.first), sets.root(of: join.second))
      let size = sizes[a] + sizes[b]
      merges.append(Merge(first: names[a], second: names[b], height: join.height, size: size))
      sets.join(a, b)
      let root = sets.root(of: a)
      sizes[root] = size
      names[root] = pointCount + merges.count - 1
    }
    self.pointCount = pointCount
    self.merges = merges
  }

  /// The clusters when a given number is left, numbered by their first points.
  ///
  /// - Throws: `ConceptError.parameters` unless `1 ≤ clusterCount ≤ pointCount`.
  public func cut(clusterCount: Int) throws(ConceptError) -> [Int] {
    guard clusterCount >= 1, clusterCount <= pointCount else {
      throw ConceptError(
        .parameters(
          "\(clusterCount) clusters of \(pointCount) points do not exist; give from 1 to \(pointCount)"))
    }
    return labels(after: pointCount - clusterCount)
  }

  /// The clusters after all merges up to a height, itself included, numbered by their first points.
  public func cut(height: Double) -> [Int] { labels(after: merges.prefix { $0.height <= height }.count) }

  private func labels(after count: Int) -> [Int] {
    var sets = DisjointSets(pointCount + count)
    for (index, merge) in merges.prefix(count).enumerated() {
      sets.join(merge.first, pointCount + index)
      sets.join(merge.second, pointCount + index)
    }
    // Points come before merges, so their numbers do not depend on them.
    return Array(ConnectedComponents(&sets).labels.prefix(pointCount))
  }
}
