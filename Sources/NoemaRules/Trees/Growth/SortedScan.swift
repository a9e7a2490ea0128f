/// The best threshold in a sorted column of a node.
struct SortedScan {
  let targets: TargetColumns
  let limits: GrowthLimits
  let node: OpenNode
  let scratch: SplitScratch

  /// A place in a column: how many present values go left, and on which side the missing ones are.
  struct Place {
    var score = -Double.infinity
    var present = 0
    var missingLeft = false
  }

  /// Searches one column.
  ///
  /// - Parameters:
  ///   - entries: sorted, missing values last.
  ///   - distinct: the column's values when neighbours may count as equal, else nil.
  /// - Returns: nil when no split is allowed.
  func best(
    _ entries: UnsafeBufferPointer<ColumnEntry>, nearTies distinct: [Double]?, feature: Int
  ) -> FeatureSplit? {
    let count = entries.count
    guard count > 1, entries[0].code != entries[count - 1].code else { return nil }
    let present = presentCount(entries)
    let monotonicity = limits.monotonicity(feature)
    let place = best(entries, present, distinct, monotonicity)
    guard place.score > -.infinity else { return nil }
    let test: FeatureSplit.Test =
      place.present == present
      ? .present : .atMost(entries[place.present - 1].code, next: entries[place.present].code)
    return FeatureSplit(
      feature: feature, score: place.score, test: test, missingLeft: present < count ? place.missingLeft : nil
    )
  }

  private func presentCount(_ entries: UnsafeBufferPointer<ColumnEntry>) -> Int {
    guard entries[entries.count - 1].code == ColumnEntry.missing else { return entries.count }
    var (low, high) = (0, entries.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].code == ColumnEntry.missing { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private func best(
    _ entries: UnsafeBufferPointer<ColumnEntry>, _ present: Int, _ distinct: [Double]?,
    _ monotonicity: CART.Monotonicity
  ) -> Place {
    let statistics = node.statistics
    switch targets.scoring {
    case .twoCounts:
      return scan(TwoCounts(targets, statistics), entries, present, distinct, monotonicity)
    case .mean(let factor):
      return scan(MeanSums(targets, statistics, factor: factor), entries, present, distinct, monotonicity)
    case .counts(isEntropy: false):
      return scan(GiniCounts(targets, statistics, scratch), entries, present, distinct, monotonicity)
    case .counts(isEntropy: true):
      return targets.logarithms.withUnsafeBufferPointer { table in
        scan(
          EntropyCounts(targets, statistics, scratch, table.baseAddress!), entries, present, distinct,
          monotonicity)
      }
    case .sums(let isEntropy):
      return scan(
        ClassSums(targets, statistics, scratch, isEntropy: isEntropy), entries, present, distinct,
        monotonicity)
    }
  }

  /// Moves examples one by one to the left: first with the missing ones on the right, then on the left.
  private func scan<Scorer: SplitScorer>(
    _ initial: Scorer, _ entries: UnsafeBufferPointer<ColumnEntry>, _ present: Int, _ distinct: [Double]?,
    _ monotonicity: CART.Monotonicity
  ) -> Place {
    var scorer = initial
    var place = Place()
    let count = entries.count
    let tolerance = node.tolerance
    for pass in 0..<(present < count ? 2 : 1) {
      let missingLeft = pass == 1
      scorer.reset()
      var left = 0
      if missingLeft {
        for position in present..<count { scorer.moveLeft(Int(entries[position].row)) }
        left = count - present
      }
      // With the missing values on the right, all present ones may go left.
      let last = !missingLeft && present < count ? present : present - 1
      for position in 0..<max(0, last) {
        scorer.moveLeft(Int(entries[position].row))
        left += 1
        if position + 1 < present, areEqual(entries[position], entries[position + 1], distinct) { continue }
        if left < limits.minimumLeaf { continue }
        if count - left < limits.minimumLeaf { break }
        if limits.minimumLeafWeight > 0 {
          let weights = scorer.weights
          if min(weights.left, weights.right) < limits.minimumLeafWeight { continue }
        }
        if monotonicity != .free, !node.admits(scorer.means, monotonicity) { continue }
        let score = scorer.score
        if score > place.score + tolerance {
          place = Place(score: score, present: position + 1, missingLeft: missingLeft)
        }
      }
    }
    return place
  }

  @inline(__always)
  private func areEqual(_ lower: ColumnEntry, _ upper: ColumnEntry, _ distinct: [Double]?) -> Bool {
    if lower.code == upper.code { return true }
    guard let distinct else { return false }
    return SortedColumns.isNearTie(Float(distinct[Int(lower.code)]), Float(distinct[Int(upper.code)]))
  }
}
