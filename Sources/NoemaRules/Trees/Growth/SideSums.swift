/// The sums of the left side of a split, and what it saves.
struct SideSums {
  /// How sides compare.
  enum Measure {
    /// By their means; one sum, of distances from the node's mean. The factor makes a score of weight × impurity.
    case mean(factor: Double)
    case gini
    case entropy
  }

  let measure: Measure
  /// The number of sums.
  let width: Int
  /// The sums of the left side.
  let left: UnsafeMutablePointer<Double>
  var leftWeight = 0.0
  private let node: NodeStatistics
  /// What the undivided node contributes to the score.
  private let whole: Double

  init(_ measure: Measure, _ node: NodeStatistics, _ scratch: SplitScratch) {
    self.measure = measure
    self.node = node
    left = scratch.sums
    switch measure {
    case .mean: (width, whole) = (1, 0)
    case .gini: (width, whole) = (node.sums.count, node.sums.reduce(0) { $0 + $1 * $1 } / node.weight)
    case .entropy:
      width = node.sums.count
      whole = node.sums.reduce(-ClassImpurity.timesLog(node.weight)) { $0 + ClassImpurity.timesLog($1) }
    }
  }

  var rightWeight: Double { node.weight - leftWeight }

  mutating func reset() {
    leftWeight = 0
    for k in 0..<width { left[k] = 0 }
  }

  /// Adds sums to the left side.
  @inline(__always)
  mutating func add(weight: Double, sums: UnsafePointer<Double>) {
    leftWeight += weight
    for k in 0..<width { left[k] += sums[k] }
  }

  /// The means of the sides, or the shares of the second of two classes.
  var means: (left: Double, right: Double) {
    switch measure {
    case .mean: (node.mean + left[0] / leftWeight, node.mean - left[0] / rightWeight)
    case .gini, .entropy: (left[1] / leftWeight, (node.sums[1] - left[1]) / rightWeight)
    }
  }

  /// What the split takes off weight × impurity; −∞ when a side has no weight.
  var score: Double {
    let right = rightWeight
    guard leftWeight > 0, right > 0 else { return -.infinity }
    switch measure {
    case .mean(let factor): return factor * left[0] * left[0] * node.weight / (leftWeight * right)
    case .gini:
      var (a, b) = (0.0, 0.0)
      for k in 0..<width {
        let rest = node.sums[k] - left[k]
        a += left[k] * left[k]
        b += rest * rest
      }
      return a / leftWeight + b / right - whole
    case .entropy:
      var sum = 0.0
      for k in 0..<width {
        sum += ClassImpurity.timesLog(left[k]) + ClassImpurity.timesLog(max(0, node.sums[k] - left[k]))
      }
      return sum - (ClassImpurity.timesLog(leftWeight) + ClassImpurity.timesLog(right)) - whole
    }
  }
}

/// The memory in which one worker searches: nothing in it outlives a feature.
final class SplitScratch: @unchecked Sendable {
  // Safe because it belongs to one worker at a time.

  /// Two for each class.
  let counts: UnsafeMutablePointer<Int>
  /// One for each class, at least one.
  let sums: UnsafeMutablePointer<Double>
  /// For the half of a column that moves to the right; and for a few examples of a histogram's column.
  let entries: UnsafeMutablePointer<ColumnEntry>
  /// Sums of groups of examples.
  let groups: GroupSums

  /// - Parameters:
  ///   - rowCount: the most examples of a node.
  ///   - groupCount: the most groups of a feature.
  init(_ targets: TargetColumns, rowCount: Int, groupCount: Int) {
    let classes = max(1, targets.classCount)
    counts = .allocate(capacity: 2 * classes)
    sums = .allocate(capacity: classes)
    entries = .allocate(capacity: max(1, rowCount))
    groups = GroupSums(targets, groupCount: groupCount)
  }

  deinit {
    counts.deallocate()
    sums.deallocate()
    entries.deallocate()
  }
}
