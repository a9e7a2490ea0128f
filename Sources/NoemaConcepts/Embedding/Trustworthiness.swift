public import NoemaTensor

/// How far the neighbours that a layout shows are neighbours indeed.
///
/// `1 − 2 / (n k (2n − 3k − 1)) · Σᵢ Σⱼ max(0, r(i, j) − k)` over the k nearest places j of each i, where r(i, j) is
/// the rank of j among the neighbours of i before the layout: 1 when every shown neighbour is one, about ½ for a random
/// layout. Ties rank by index.
///
/// - Source: Venna and Kaski, ICANN 2001.
public struct Trustworthiness: Sendable, Hashable, Codable {
  /// k, less than half the points.
  public var neighborCount: Int
  /// What distance means before the layout; places have Euclidean distances.
  public var metric: Metric

  /// Makes a measure.
  public init(neighborCount: Int = 5, metric: Metric = .euclidean) {
    self.neighborCount = neighborCount
    self.metric = metric
  }

  /// Measures a layout.
  ///
  /// - Parameters:
  ///   - layout: places, points × any number of coordinates.
  ///   - points: the points that were laid out, in the same order.
  /// - Throws: `ConceptError.mismatch` when their numbers differ, `.parameters` unless `1 ≤ k < n / 2` and naming a
  ///   point for which the metric is undefined, `.notFinite` for a place.
  /// - Complexity: O(n² (d + k)).
  public func score(of layout: Matrix, for points: PointSet) throws(ConceptError) -> Double {
    let (n, k) = (points.count, neighborCount)
    guard layout.rowCount == n else {
      throw ConceptError(.mismatch("\(layout.rowCount) places are not a layout of \(n) points"))
    }
    guard k >= 1, 2 * k < n else {
      throw ConceptError(
        .parameters(
          "trustworthiness of \(n) points takes 1 neighbour or more and fewer than n / 2, found \(k)"))
    }
    let shown = try NearestNeighbors.find(try PointSet(layout), k: k)
    let rows = try DistanceRows(points, metric)
    let blocks = try parallelMap((n + 31) / 32) { block in
      rows.intrusion((block * 32)..<min((block + 1) * 32, n), shown)
    }
    let worst = Double(n * k) * Double(2 * n - 3 * k - 1) / 2
    return 1 - Double(blocks.reduce(0, +)) / worst
  }
}

extension DistanceRows {
  /// By how much the ranks of the shown neighbours of some points exceed the number shown.
  fileprivate func intrusion(_ queries: Range<Int>, _ shown: NearestNeighbors) -> Int {
    let n = points.count
    var squares = [Double](repeating: 0, count: queries.count * n)
    forEachSquare(of: queries, to: 0..<n) { start, block, width in
      for row in 0..<queries.count {
        for column in 0..<width { squares[row * n + start + column] = block[row * width + column] }
      }
    }
    return squares.withUnsafeBufferPointer { squares in
      var excess = 0
      for (row, i) in queries.enumerated() {
        for neighbor in shown.indices(of: i) {
          let (j, first) = (Int(neighbor), row * n)
          let square = squares[first + j]
          var rank = 1
          for l in 0..<j where squares[first + l] <= square { rank += 1 }
          for l in (j + 1)..<n where squares[first + l] < square { rank += 1 }
          // The point itself is at distance zero, before or at every other.
          if i < j || square > 0 { rank -= 1 }
          excess += max(0, rank - shown.k)
        }
      }
      return excess
    }
  }
}
