internal import Foundation
internal import NoemaTensor

/// Greedy k-means++: each centre is the best of `2 + ⌊ln k⌋` points drawn in proportion to their squared distance from
/// the centres so far.
///
/// - Source: Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
struct CentreSeeding {
  private let rows: DistanceRows

  init(_ rows: DistanceRows) { self.rows = rows }

  /// Draws centres among the points.
  ///
  /// - Parameter count: at most the number of distinct points.
  /// - Returns: centres × coordinates.
  func centres(_ count: Int, using random: inout RandomNumbers) throws(ConceptError) -> Matrix {
    let trials = 2 + Int(log(Double(count)))
    var chosen = [random.index(below: rows.points.count)]
    var distances = try squares(to: chosen)[0]
    while chosen.count < count {
      let candidates = draw(trials, distances, using: &random)
      var options = try squares(to: candidates)
      for option in options.indices {
        for i in distances.indices { options[option][i] = min(options[option][i], distances[i]) }
      }
      let totals = options.map { $0.reduce(0, +) }
      var best = 0
      for option in totals.indices where totals[option] < totals[best] { best = option }
      chosen.append(candidates[best])
      distances = options[best]
    }
    return Matrix(
      rowCount: count, columnCount: rows.points.dimension,
      elements: chosen.flatMap { rows.points.row($0).map { Double($0) } })
  }

  /// Points drawn in proportion to their weights.
  private func draw(_ count: Int, _ weights: [Double], using random: inout RandomNumbers) -> [Int] {
    var total = 0.0
    let cumulative = weights.map { weight -> Double in
      total += weight
      return total
    }
    let last = weights.lastIndex { $0 > 0 } ?? 0
    return (0..<count).map { _ in
      let target = random.uniform() * total
      var range = 0..<cumulative.count
      while !range.isEmpty {
        let middle = range.lowerBound + range.count / 2
        range = cumulative[middle] > target ? range.lowerBound..<middle : (middle + 1)..<range.upperBound
      }
      // Rounding may carry a target to the total.
      return min(range.lowerBound, last)
    }
  }

  /// The squared distances of all points to some of them, in the scale of the rows; exactly zero for duplicates.
  private func squares(to chosen: [Int]) throws(ConceptError) -> [[Double]] {
    let (n, d, k) = (rows.points.count, rows.points.dimension, chosen.count)
    let copies = chosen.flatMap { rows.rows[($0 * d)..<(($0 + 1) * d)] }
    let size = max(1024, (n + 15) / 16)
    let parts = try parallelMap((n + size - 1) / size) { block -> [[Double]] in
      let range = (block * size)..<min((block + 1) * size, n)
      var products = [Float](repeating: 0, count: range.count * k)
      copies.withUnsafeBufferPointer { copies in
        products.withUnsafeMutableBufferPointer { products in
          rows.multiply(range, by: copies, count: k, into: products)
        }
      }
      return chosen.enumerated().map { option, point in
        range.map { i -> Double in
          let product = products[(i - range.lowerBound) * k + option]
          let norms = rows.squares[i] + rows.squares[point]
          let isClear = rows.bounds(rows.squares[i], rows.squares[point], product: product).lower > 0
          return isClear
            ? norms - 2 * Double(product) : rows.square(i, point) * rows.scale * rows.scale
        }
      }
    }
    return (0..<k).map { option in parts.flatMap { $0[option] } }
  }
}
