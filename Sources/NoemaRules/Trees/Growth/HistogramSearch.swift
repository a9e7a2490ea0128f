/// Searches the bounds of bins: a node's examples are summed up bin by bin, and the sums are scanned.
final class HistogramSearch: SplitSearch, @unchecked Sendable {
  // Safe because threads work at different nodes or features, whose positions differ.

  /// Nodes with fewer examples sort them, which is then quicker than to go through all bins.
  private static let sortingLimit = 48

  let columns: ColumnRows
  let groupCount = 256
  private let binned: BinnedColumns
  private let targets: TargetColumns
  private let limits: GrowthLimits

  init(_ binned: BinnedColumns, _ targets: TargetColumns, _ limits: GrowthLimits, _ workers: Workers) {
    self.binned = binned
    self.targets = targets
    self.limits = limits
    columns = ColumnRows(targets.rows, tableRowCount: binned.rowCount)
  }

  var featureCount: Int { binned.features.count }

  func best(_ feature: Int, of node: OpenNode, _ scratch: SplitScratch) -> FeatureSplit? {
    binned.codes.withUnsafeBufferPointer { codes in
      let codes = codes.baseAddress! + feature * binned.rowCount
      let rows = columns.rows(node.range)
      let isOrdered = binned.features[feature].isOrdered
      if isOrdered, rows.count < HistogramSearch.sortingLimit {
        let entries = sorted(rows, codes, scratch)
        return SortedScan(targets: targets, limits: limits, node: node, scratch: scratch)
          .best(entries, nearTies: nil, feature: feature)
      }
      let bins = binned.bounds[feature].count
      fill(rows, codes, bins, mean: node.statistics.mean, scratch.groups)
      let missing = Int(BinnedColumns.missing)
      return best(
        feature, isOrdered, node, (0..<bins).filter { scratch.groups.counts[$0] > 0 },
        missing: scratch.groups.counts[missing] > 0 ? missing : nil, scratch)
    }
  }

  private func best(
    _ feature: Int, _ isOrdered: Bool, _ node: OpenNode, _ occupied: [Int], missing: Int?,
    _ scratch: SplitScratch
  ) -> FeatureSplit? {
    let scan = GroupScan(targets: targets, limits: limits, node: node, scratch: scratch)
    guard isOrdered else {
      return CategoryOrder.best(scan, codes: occupied, missing: missing, feature: feature)
    }
    let division = scan.cut(occupied, missing: missing, limits.monotonicity(feature))
    guard division.score > -.infinity else { return nil }
    let length = division.left.count
    let test: FeatureSplit.Test =
      length == occupied.count
      ? .present : .atMost(UInt32(occupied[length - 1]), next: UInt32(occupied[length]))
    return FeatureSplit(
      feature: feature, score: division.score, test: test,
      missingLeft: missing == nil ? nil : division.missingLeft)
  }

  /// A few examples by code, then by row.
  private func sorted(
    _ rows: UnsafeBufferPointer<UInt32>, _ codes: UnsafePointer<UInt8>, _ scratch: SplitScratch
  ) -> UnsafeBufferPointer<ColumnEntry> {
    let entries = scratch.entries
    for (index, row) in rows.enumerated() {
      let code = codes[Int(row)]
      let entry = ColumnEntry(
        code: code == BinnedColumns.missing ? ColumnEntry.missing : UInt32(code), row: row)
      var place = index
      while place > 0, entries[place - 1].code > entry.code {
        entries[place] = entries[place - 1]
        place -= 1
      }
      entries[place] = entry
    }
    return UnsafeBufferPointer(start: entries, count: rows.count)
  }

  private func fill(
    _ rows: UnsafeBufferPointer<UInt32>, _ codes: UnsafePointer<UInt8>, _ bins: Int, mean: Double,
    _ groups: GroupSums
  ) {
    groups.reset(bins)
    // The missing values' bin stands last.
    let missing = Int(BinnedColumns.missing)
    groups.counts[missing] = 0
    groups.weights[missing] = 0
    (groups.sums + missing * groups.width).update(repeating: 0, count: groups.width)
    switch targets.scoring {
    case .mean, .sums:
      for row in rows { groups.add(Int(row), to: Int(codes[Int(row)]), targets, mean: mean) }
    case .twoCounts, .counts: count(rows, codes, bins, mean: mean, groups)
    }
  }

  /// Counted classes need one addition an example.
  private func count(
    _ rows: UnsafeBufferPointer<UInt32>, _ codes: UnsafePointer<UInt8>, _ bins: Int, mean: Double,
    _ groups: GroupSums
  ) {
    let classes = targets.classCount
    let labels = UnsafePointer(targets.labels!)
    let tallies = groups.tallies
    let missing = Int(BinnedColumns.missing)
    tallies.update(repeating: 0, count: bins * classes)
    (tallies + missing * classes).update(repeating: 0, count: classes)
    for row in rows { tallies[Int(codes[Int(row)]) * classes + Int(labels[Int(row)])] += 1 }
    func finish(_ bin: Int) {
      let here = tallies + bin * classes
      var total: UInt32 = 0
      for k in 0..<classes { total += here[k] }
      groups.counts[bin] = Double(total)
      groups.weights[bin] = Double(total)
      if groups.width == 1 {
        groups.sums[bin] = Double(here[1]) - mean * Double(total)
      } else {
        for k in 0..<classes { groups.sums[bin * classes + k] = Double(here[k]) }
      }
    }
    for bin in 0..<bins { finish(bin) }
    finish(missing)
  }

  func mark(_ split: FeatureSplit, of node: OpenNode) {
    binned.codes.withUnsafeBufferPointer { codes in
      let codes = codes.baseAddress! + split.feature * binned.rowCount
      for row in columns.rows(node.range) {
        let code = codes[Int(row)]
        let wide = code == BinnedColumns.missing ? ColumnEntry.missing : UInt32(code)
        columns.flags[Int(row)] = split.goesLeft(wide) ? 1 : 0
      }
    }
  }

  func partition(_ feature: Int, of node: OpenNode, _ scratch: SplitScratch) {}

  func question(_ split: FeatureSplit) -> Term {
    let bounds = binned.bounds[split.feature]
    switch split.test {
    case .present: return .isPresent(split.feature)
    case .atMost(let code, let next):
      return .atMost(
        split.feature, SortedColumns.threshold(bounds[Int(code)].upperBound, bounds[Int(next)].lowerBound))
    case .among(let codes):
      return .isIn(split.feature, LevelSet(codes.levels.map { Int(bounds[$0].lowerBound) }))
    }
  }
}
