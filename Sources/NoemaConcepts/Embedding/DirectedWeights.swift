/// A weight for each point and each of its neighbours; what points give each other need not be the same.
struct DirectedWeights {
  private var starts: [Int]
  private var targets: [Int32]
  private var values: [Double]

  /// Weighs neighbours.
  ///
  /// - Precondition: as many values as neighbours, in their order.
  init(_ neighbors: NearestNeighbors, _ values: [Double]) {
    precondition(values.count == neighbors.indices.count, "one weight a neighbour")
    starts = (0...neighbors.count).map { $0 * neighbors.k }
    targets = neighbors.indices
    self.values = values
  }

  /// The weights that points are given, by their sources in ascending order.
  private var transposed: DirectedWeights {
    var result = self
    result.starts = Array(repeating: 0, count: starts.count)
    for target in targets { result.starts[Int(target) + 1] += 1 }
    for i in 1..<starts.count { result.starts[i] += result.starts[i - 1] }
    var free = result.starts
    for source in 0..<(starts.count - 1) {
      for place in starts[source]..<starts[source + 1] {
        let target = Int(targets[place])
        result.targets[free[target]] = Int32(source)
        result.values[free[target]] = values[place]
        free[target] += 1
      }
    }
    return result
  }

  /// Makes one weight of the two that a pair gives each other, 0 for none.
  ///
  /// - Parameter combine: symmetric in its arguments, also in rounding.
  func joined(_ combine: (Double, Double) -> Double) -> SparseSymmetricMatrix {
    let backward = transposed
    // Transposed twice, targets ascend.
    let forward = backward.transposed
    var (rowStarts, columns, weights) = ([0], [Int32](), [Double]())
    for i in 0..<(starts.count - 1) {
      var (a, b) = (forward.starts[i], backward.starts[i])
      let (endA, endB) = (forward.starts[i + 1], backward.starts[i + 1])
      while a < endA || b < endB {
        let left = a < endA ? forward.targets[a] : Int32.max
        let right = b < endB ? backward.targets[b] : Int32.max
        columns.append(min(left, right))
        weights.append(combine(left <= right ? forward.values[a] : 0, right <= left ? backward.values[b] : 0))
        if left <= right { a += 1 }
        if right <= left { b += 1 }
      }
      rowStarts.append(columns.count)
    }
    return SparseSymmetricMatrix(
      count: starts.count - 1, rowStarts: rowStarts, columns: columns, values: weights)
  }
}
