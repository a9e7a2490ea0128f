internal import NoemaTensor

/// Examples between an example and one of those nearest to it, so that what ties features together stays.
///
/// Distances are squared differences of numbers over their variance; another level, or a value that only one of both
/// has, counts as much as two random numbers differ.
struct NeighbourMixes: Sendable {
  /// Of more examples than this, so many are drawn first: finding neighbours takes the square of their number.
  static let exampleLimit = 4_000

  private let examples: RuleTable
  /// For each example those nearest to it; itself when it is the only one.
  private let nearest: [[Int]]

  init(_ examples: RuleTable, neighbours: Int, seed: UInt64) {
    var examples = examples
    if examples.rowCount > NeighbourMixes.exampleLimit {
      var random = RandomNumbers(seed: seed).split(0)
      let chosen = random.sample(NeighbourMixes.exampleLimit, below: examples.rowCount)
      examples = examples.subset(rows: chosen.sorted())
    }
    self.examples = examples
    let count = examples.rowCount
    let points = NeighbourMixes.points(examples)
    let isOrdered = examples.features.map(\.isOrdered)
    nearest = Workers().map(count) { row in
      var best: [(distance: Double, row: Int)] = []
      for other in 0..<count where other != row {
        let distance = NeighbourMixes.distance(points, row, other, isOrdered)
        guard best.count < neighbours || distance < best[best.count - 1].distance else { continue }
        if best.count == neighbours { best.removeLast() }
        best.insert((distance, other), at: best.firstIndex { $0.distance > distance } ?? best.count)
      }
      return best.isEmpty ? [row] : best.map(\.row)
    }
  }

  /// Row after row, ordered features divided by their standard deviations.
  private static func points(_ examples: RuleTable) -> [Double] {
    let scales = examples.features.indices.map { feature in
      let deviation = Statistics.standardDeviation(examples.column(feature).filter { !$0.isNaN })
      return deviation > 0 && deviation.isFinite ? deviation : 1
    }
    return (0..<examples.rowCount).flatMap { row in
      examples.features.indices.map { feature in
        examples[row, feature] / (examples.features[feature].isOrdered ? scales[feature] : 1)
      }
    }
  }

  private static func distance(_ points: [Double], _ a: Int, _ b: Int, _ isOrdered: [Bool]) -> Double {
    var sum = 0.0
    for feature in isOrdered.indices {
      let (x, y) = (points[a * isOrdered.count + feature], points[b * isOrdered.count + feature])
      if isOrdered[feature], !x.isNaN, !y.isNaN {
        sum += (x - y) * (x - y)
      } else if x != y, !(x.isNaN && y.isNaN) {
        sum += 2
      }
    }
    return sum
  }

  func draw(_ count: Int, seed: UInt64) -> RuleTable {
    var random = RandomNumbers(seed: seed).split(1)
    let ways = (0..<count).map { _ in
      let row = random.index(below: examples.rowCount)
      return (row, nearest[row][random.index(below: nearest[row].count)], random.uniform())
    }
    let values = examples.features.enumerated().flatMap { index, feature in
      ways.map { NeighbourMixes.mix(examples[$0, index], examples[$1, index], $2, feature) }
    }
    return RuleTable(unchecked: examples.features, rowCount: count, values: values)
  }

  private static func mix(_ a: Double, _ b: Double, _ share: Double, _ feature: Feature) -> Double {
    guard feature.isOrdered, !a.isNaN, !b.isNaN else { return share < 0.5 ? a : b }
    let value = min(max(a, b), max(min(a, b), a * (1 - share) + b * share))
    return feature.isDiscrete ? value.rounded() + 0 : value
  }
}
