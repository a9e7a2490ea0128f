/// Hierarchical clustering: the two nearest clusters are joined until one is left.
///
/// By chains of nearest neighbours, which give the same tree as joining the nearest pair each time, in O(n²) steps.
/// Single linkage goes along the minimum spanning tree and keeps no distances.
///
/// - Sources: Lance and Williams, Computer Journal 1967; Murtagh, Computer Journal 1983, for the chains.
public struct Agglomerative: Sendable, Hashable, Codable {
  /// How far apart two clusters are.
  public enum Linkage: String, Sendable, Codable, CaseIterable {
    /// The root of twice the rise in the sum of squares about the means, `√(2 ab / (a + b)) ‖μₐ − μ_b‖`; euclidean
    /// only.
    case ward
    /// The mean distance of their points.
    case average
    /// The largest distance of their points.
    case complete
    /// The smallest distance of their points.
    case single
  }

  /// How far apart two clusters are.
  public var linkage: Linkage
  /// How far apart two points are.
  public var metric: Metric
  /// The most points that are taken, but for single linkage; the memory is four bytes times their square.
  public var pointLimit = 20_000

  /// Makes a clustering.
  public init(_ linkage: Linkage = .ward, metric: Metric = .euclidean) {
    self.linkage = linkage
    self.metric = metric
  }

  /// Joins points to a tree; `cut` it for clusters.
  ///
  /// - Throws: `ConceptError.parameters` for Ward's linkage of another metric than euclidean, more points than the
  ///   limit, and naming a point for which the metric is undefined.
  public func join(_ points: PointSet) throws(ConceptError) -> Dendrogram {
    guard linkage != .ward || metric == .euclidean else {
      throw ConceptError(
        .parameters(
          "Ward's linkage needs euclidean distances, found \(metric.rawValue); take average linkage"))
    }
    let rows = try DistanceRows(points, metric)
    if linkage == .single {
      return MinimumSpanningTree(rows, cores: Array(repeating: 0, count: points.count)).dendrogram
    }
    guard points.count <= pointLimit else {
      throw ConceptError(
        .parameters(
          "\(points.count) points are more than \(pointLimit); cluster a sample of them, or take single linkage"
        ))
    }
    var chain = NeighborChain(try CondensedDistances(rows, squared: linkage == .ward), linkage)
    let joins = chain.joins().enumerated().sorted {
      ($0.element.height, $0.offset) < ($1.element.height, $1.offset)
    }
    return Dendrogram(pointCount: points.count, joins: joins.map { $0.element })
  }
}

/// The distances of all pairs of points, each once.
struct CondensedDistances: Sendable {
  let count: Int
  private(set) var values: [Double]

  /// Measures all pairs.
  ///
  /// - Parameter squared: whether squared distances are kept, of the euclidean metric.
  init(_ rows: DistanceRows, squared: Bool) throws(ConceptError) {
    let n = rows.points.count
    let size = min(256, max(32, (n + 31) / 32))
    var values = [Double](repeating: 0, count: n * (n - 1) / 2)
    try values.withUnsafeMutableBufferPointer { (buffer) throws(ConceptError) in
      // Safe because every block writes to the rows of its own points.
      nonisolated(unsafe) let target = buffer
      _ = try parallelMap((n + size - 1) / size) { (block: Int) -> Void in
        let range = (block * size)..<min((block + 1) * size, n)
        rows.forEachSquare(of: range, to: range.lowerBound..<n) { start, squares, width in
          for (offset, i) in range.enumerated() {
            let row = Self.place(i, i + 1, of: n) - i - 1
            for j in max(start, i + 1)..<max(start + width, i + 1) {
              let square = squares[offset * width + j - start]
              target[row + j] = squared ? square : rows.metric.distance(square: square)
            }
          }
        }
      }
    }
    count = n
    self.values = values
  }

  subscript(i: Int, j: Int) -> Double {
    get { values[i < j ? Self.place(i, j, of: count) : Self.place(j, i, of: count)] }
    set { values[i < j ? Self.place(i, j, of: count) : Self.place(j, i, of: count)] = newValue }
  }

  /// Where the pair of a point and a later one stands.
  private static func place(_ i: Int, _ j: Int, of count: Int) -> Int {
    i * (2 * count - i - 1) / 2 + j - i - 1
  }
}

/// Joins clusters that are each other's nearest, found by going from a cluster to its nearest until two agree.
private struct NeighborChain {
  private var distances: CondensedDistances
  private let linkage: Agglomerative.Linkage
  /// The number of points of each cluster, which goes by one of its points.
  private var sizes: [Int]
  private var active: [Int]

  init(_ distances: CondensedDistances, _ linkage: Agglomerative.Linkage) {
    self.distances = distances
    self.linkage = linkage
    sizes = Array(repeating: 1, count: distances.count)
    active = Array(0..<distances.count)
  }

  /// All joins in the order in which they are found, which is not that of their heights.
  mutating func joins() -> [(first: Int, second: Int, height: Double)] {
    var result: [(first: Int, second: Int, height: Double)] = []
    var chain: [Int] = []
    while active.count > 1 {
      if chain.isEmpty { chain.append(active[0]) }
      let last = chain[chain.count - 1]
      let before = chain.count > 1 ? chain[chain.count - 2] : nil
      let (next, distance) = nearest(to: last, before: before)
      if next == before {
        chain.removeLast(2)
        merge(min(last, next), into: max(last, next))
        let height = linkage == .ward ? max(0, distance).squareRoot() : distance
        result.append((min(last, next), max(last, next), height))
      } else {
        chain.append(next)
      }
    }
    return result
  }

  /// The nearest cluster: of equals the one before in the chain, so that it ends, and else the first.
  private func nearest(to cluster: Int, before: Int?) -> (Int, Double) {
    var (nearest, least) = (-1, Double.infinity)
    if let before { (nearest, least) = (before, distances[cluster, before]) }
    for other in active where other != cluster {
      let distance = distances[cluster, other]
      if distance < least || nearest < 0 { (nearest, least) = (other, distance) }
    }
    return (nearest, least)
  }

  /// Lance and Williams' update of the distances to all others.
  private mutating func merge(_ a: Int, into b: Int) {
    let (sizeA, sizeB, between) = (Double(sizes[a]), Double(sizes[b]), distances[a, b])
    active.removeAll { $0 == a }
    for other in active where other != b {
      let (fromA, fromB) = (distances[a, other], distances[b, other])
      switch linkage {
      case .ward:
        let size = Double(sizes[other])
        distances[b, other] =
          ((sizeA + size) * fromA + (sizeB + size) * fromB - size * between) / (sizeA + sizeB + size)
      case .average: distances[b, other] = (sizeA * fromA + sizeB * fromB) / (sizeA + sizeB)
      case .complete: distances[b, other] = max(fromA, fromB)
      case .single: distances[b, other] = min(fromA, fromB)
      }
    }
    sizes[b] += sizes[a]
  }
}
