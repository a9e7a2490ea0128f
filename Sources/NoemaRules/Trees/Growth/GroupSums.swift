/// Examples of a node summed up in groups: the bins of a histogram or the levels of a category.
struct GroupSums {
  /// The number of examples of each group.
  let counts: UnsafeMutablePointer<Double>
  /// Their weight.
  let weights: UnsafeMutablePointer<Double>
  /// ``TargetColumns/sumCount`` sums of each.
  let sums: UnsafeMutablePointer<Double>
  /// For histograms of counted classes.
  let tallies: UnsafeMutablePointer<UInt32>
  let width: Int
  private let owner: Memory

  /// Frees what the groups hold.
  private final class Memory {
    let pointers: [UnsafeMutableRawPointer]
    init(_ pointers: [UnsafeMutableRawPointer]) { self.pointers = pointers }
    deinit { for pointer in pointers { pointer.deallocate() } }
  }

  init(_ targets: TargetColumns, groupCount: Int) {
    width = targets.sumCount
    let groups = max(1, groupCount)
    counts = .allocate(capacity: groups)
    weights = .allocate(capacity: groups)
    sums = .allocate(capacity: groups * width)
    tallies = .allocate(capacity: groups * max(1, targets.classCount))
    owner = Memory([
      UnsafeMutableRawPointer(counts), UnsafeMutableRawPointer(weights), UnsafeMutableRawPointer(sums),
      UnsafeMutableRawPointer(tallies),
    ])
  }

  /// Empties the first groups.
  func reset(_ groups: Int) {
    counts.update(repeating: 0, count: groups)
    weights.update(repeating: 0, count: groups)
    sums.update(repeating: 0, count: groups * width)
  }

  /// Adds an example to a group.
  ///
  /// - Parameter mean: the node's, from which numbers are measured.
  @inline(__always)
  func add(_ row: Int, to group: Int, _ targets: TargetColumns, mean: Double) {
    counts[group] += 1
    let weight = targets.weights[row]
    weights[group] += weight
    let sums = sums + group * width
    if let pairs = targets.pairs {
      sums[0] += pairs[row].product - mean * weight
    } else if let labels = targets.labels {
      if width == 1 { sums[0] += Double(labels[row]) - mean } else { sums[Int(labels[row])] += weight }
    } else if let vectors = targets.vectors {
      for k in 0..<width { sums[k] += vectors[row * width + k] }
    }
  }
}

/// The best division of a node's groups into two sides.
struct GroupScan {
  let targets: TargetColumns
  let limits: GrowthLimits
  let node: OpenNode
  let scratch: SplitScratch

  /// A division of groups.
  struct Division {
    var score = -Double.infinity
    /// The groups that go left, of those that were given.
    var left: [Int] = []
    /// The number of examples on the left.
    var count = 0.0
    var missingLeft = false
  }

  private var groups: GroupSums { scratch.groups }

  private var measure: SideSums.Measure {
    switch targets.scoring {
    case .mean(let factor): .mean(factor: factor)
    case .twoCounts: .mean(factor: 2)
    case .counts(let isEntropy), .sums(let isEntropy): isEntropy ? .entropy : .gini
    }
  }

  /// Cuts a sequence of groups in two: first with the missing examples on the right, then on the left.
  ///
  /// - Parameters:
  ///   - order: groups that have examples.
  ///   - missing: the group of the missing examples; nil when there are none.
  /// - Returns: its `left` is a prefix of the order.
  func cut(_ order: [Int], missing: Int?, _ monotonicity: CART.Monotonicity) -> Division {
    var sides = SideSums(measure, node.statistics, scratch)
    var best = Division()
    var length = 0
    for pass in 0..<(missing == nil ? 1 : 2) {
      let missingLeft = pass == 1
      sides.reset()
      var count = 0.0
      if missingLeft, let missing { add(missing, to: &sides, &count) }
      let last = !missingLeft && missing != nil ? order.count : order.count - 1
      for position in 0..<max(0, last) {
        add(order[position], to: &sides, &count)
        let score = score(sides, count, monotonicity)
        guard score > best.score + node.tolerance else { continue }
        best = Division(score: score, left: [], count: count, missingLeft: missingLeft)
        length = position + 1
      }
    }
    best.left = Array(order[..<length])
    return best
  }

  /// Tries all divisions of groups in two; the first group is always on the left.
  ///
  /// - Parameter order: at most ``CategoryOrder/exhaustiveLimit`` groups that have examples.
  func anyDivision(_ order: [Int], missing: Int?) -> Division {
    var sides = SideSums(measure, node.statistics, scratch)
    var best = Division()
    for pass in 0..<(missing == nil ? 1 : 2) {
      let missingLeft = pass == 1
      // All on the left is a division when the missing examples are on the right.
      let end = 1 << (order.count - 1)
      for mask in 0..<(missing != nil && !missingLeft ? end : end - 1) {
        sides.reset()
        var count = 0.0
        if missingLeft, let missing { add(missing, to: &sides, &count) }
        add(order[0], to: &sides, &count)
        for position in 1..<order.count where mask >> (position - 1) & 1 == 1 {
          add(order[position], to: &sides, &count)
        }
        let score = score(sides, count, .free)
        guard score > best.score + node.tolerance else { continue }
        let left = order.indices.filter { $0 == 0 || mask >> ($0 - 1) & 1 == 1 }.map { order[$0] }
        best = Division(score: score, left: left, count: count, missingLeft: missingLeft)
      }
    }
    return best
  }

  private func add(_ group: Int, to sides: inout SideSums, _ count: inout Double) {
    sides.add(weight: groups.weights[group], sums: groups.sums + group * groups.width)
    count += groups.counts[group]
  }

  /// −∞ where the limits forbid the division.
  private func score(_ sides: SideSums, _ count: Double, _ monotonicity: CART.Monotonicity) -> Double {
    let minimum = Double(limits.minimumLeaf)
    guard count >= minimum, Double(node.statistics.count) - count >= minimum,
      limits.minimumLeafWeight == 0
        || min(sides.leftWeight, sides.rightWeight) >= limits.minimumLeafWeight,
      monotonicity == .free || node.admits(sides.means, monotonicity)
    else { return -.infinity }
    return sides.score
  }
}
