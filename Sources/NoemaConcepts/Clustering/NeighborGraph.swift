internal import Foundation

/// The graph that joins points to their nearest neighbours, with symmetric weights.
///
/// "i is among the neighbours of j" is no symmetric relation; a weighting says what becomes of one-sided pairs.
///
/// - Source: von Luxburg, "A tutorial on spectral clustering", 2007, section 2.2.
public struct NeighborGraph: Sendable, Hashable {
  /// What weight a pair gets, given which of the two is a neighbour of the other.
  public enum Weighting: Sendable, Hashable, Codable {
    /// `(A + Aᵀ)/2`: 1 for mutual neighbours, ½ for one-sided ones.
    case mean
    /// `max(A, Aᵀ)`: 1 for both.
    case union
    /// `min(A, Aᵀ)`: 1 for mutual neighbours only. Points may be left without a neighbour.
    case mutual
    /// `exp(−d² / (σᵢ σⱼ))` for both, where σ is the distance to a point's `neighbor`-th neighbour, or to its last
    /// when there are fewer (Zelnik-Manor and Perona, NeurIPS 2004, with the 7th).
    case localScaling(neighbor: Int = 7)
    /// `exp(−d² / 2σ²)` for both, with one σ for all: a width above 0, or the median distance of points to their last
    /// neighbour when nil.
    case gaussian(width: Double? = nil)
  }

  /// The weights, points × points, with nothing on the diagonal.
  public let weights: SparseSymmetricMatrix
  /// How they were made.
  public let weighting: Weighting

  /// Finds neighbours and joins them.
  ///
  /// - Throws: as `NearestNeighbors.find`, and `init(_:weighting:)`.
  public init(
    _ points: PointSet, k: Int, metric: Metric = .euclidean, weighting: Weighting = .mean
  ) throws(ConceptError) {
    try self.init(try NearestNeighbors.find(points, k: k, metric: metric), weighting: weighting)
  }

  /// Joins neighbours.
  ///
  /// - Throws: `ConceptError.parameters` for a local scale by a neighbour before the first, or a width that is not
  ///   above 0.
  public init(_ neighbors: NearestNeighbors, weighting: Weighting = .mean) throws(ConceptError) {
    let scales = try Self.scales(neighbors, weighting)
    let pairs = Pairs(neighbors)
    var (starts, columns, values) = ([0], [Int32](), [Double]())
    for i in 0..<neighbors.count {
      pairs.forEachNeighbor(of: i) { j, distance, isMutual in
        let weight: Double
        switch weighting {
        case .mean: weight = isMutual ? 1 : 0.5
        case .union: weight = 1
        case .mutual: weight = isMutual ? 1 : 0
        case .localScaling, .gaussian:
          weight = distance == 0 ? 1 : exp(-(distance / scales[i]) * (distance / scales[j]))
        }
        guard weight > 0 else { return }
        columns.append(Int32(j))
        values.append(weight)
      }
      starts.append(columns.count)
    }
    weights = SparseSymmetricMatrix(
      count: neighbors.count, rowStarts: starts, columns: columns, values: values)
    self.weighting = weighting
  }

  /// The parts between which there is no path.
  public var components: ConnectedComponents { ConnectedComponents(weights) }

  /// σᵢ of `exp(−d² / (σᵢ σⱼ))`; none for weights that do not depend on distances.
  private static func scales(
    _ neighbors: NearestNeighbors, _ weighting: Weighting
  ) throws(ConceptError) -> [Double] {
    switch weighting {
    case .mean, .union, .mutual: return []
    case .localScaling(let neighbor):
      guard neighbor >= 1 else {
        throw ConceptError(
          .parameters("found a local scale by neighbour \(neighbor); give 1 or more, such as 7"))
      }
      return scales(neighbors, neighbor: min(neighbor, neighbors.k))
    case .gaussian(let given):
      let last = (0..<neighbors.count).map { neighbors.distances[($0 + 1) * neighbors.k - 1] }
      let width = given ?? Self.median(ofPositive: last)
      guard width > 0, width.isFinite else {
        throw ConceptError(.parameters("found a width of \(width); give one above 0, or none"))
      }
      return Array(repeating: 2.0.squareRoot() * width, count: neighbors.count)
    }
  }

  /// The distance of each point to one of its neighbours. Where duplicates make it zero, the first that is not; where
  /// all are duplicates, the median of the others.
  private static func scales(_ neighbors: NearestNeighbors, neighbor: Int) -> [Double] {
    var scales = (0..<neighbors.count).map { i in
      neighbors.distances(of: i).dropFirst(neighbor - 1).first { $0 > 0 } ?? 0
    }
    let median = median(ofPositive: scales)
    for i in scales.indices where scales[i] == 0 { scales[i] = median }
    return scales
  }

  /// The middle one of the numbers above 0; 1 without any.
  private static func median(ofPositive numbers: [Double]) -> Double {
    let positive = numbers.filter { $0 > 0 }.sorted()
    return positive.isEmpty ? 1 : positive[positive.count / 2]
  }
}

/// Who is whose neighbour, in both directions.
private struct Pairs {
  private let k: Int
  /// The neighbours of each point in ascending order of their indices.
  private var forward: [(point: Int, distance: Double)] = []
  /// The points whose neighbour each point is, ascending.
  private var backward: [(point: Int, distance: Double)] = []
  private var starts: [Int]

  init(_ neighbors: NearestNeighbors) {
    let n = neighbors.count
    k = neighbors.k
    starts = Array(repeating: 0, count: n + 1)
    for j in neighbors.indices { starts[Int(j) + 1] += 1 }
    for i in 0..<n { starts[i + 1] += starts[i] }
    var free = starts
    backward = Array(repeating: (point: 0, distance: 0.0), count: neighbors.indices.count)
    forward.reserveCapacity(neighbors.indices.count)
    for i in 0..<n {
      let row = zip(neighbors.indices(of: i), neighbors.distances(of: i))
      forward.append(contentsOf: row.sorted { $0.0 < $1.0 }.map { (point: Int($0.0), distance: $0.1) })
      for (j, distance) in row {
        backward[free[Int(j)]] = (i, distance)
        free[Int(j)] += 1
      }
    }
  }

  /// Calls `body` with each point that is joined to `i`, ascending, its distance, and whether both are neighbours of
  /// the other.
  func forEachNeighbor(of i: Int, _ body: (Int, Double, Bool) -> Void) {
    var (a, b) = (i * k, starts[i])
    let (endA, endB) = ((i + 1) * k, starts[i + 1])
    while a < endA || b < endB {
      if b == endB || (a < endA && forward[a].point < backward[b].point) {
        body(forward[a].point, forward[a].distance, false)
        a += 1
      } else if a == endA || backward[b].point < forward[a].point {
        body(backward[b].point, backward[b].distance, false)
        b += 1
      } else {
        body(forward[a].point, forward[a].distance, true)
        a += 1
        b += 1
      }
    }
  }
}
