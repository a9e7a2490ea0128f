/// Searches all thresholds over columns that stay sorted: a split divides each column's range in two, in order.
final class ExactSearch: SplitSearch, @unchecked Sendable {
  // Safe because threads work at different nodes or features, whose positions differ.

  let columns: ColumnRows
  let groupCount: Int
  private let sorted: SortedColumns
  private let targets: TargetColumns
  private let limits: GrowthLimits
  /// Column after column, `columns.count` each.
  private let entries: UnsafeMutablePointer<ColumnEntry>

  init(_ sorted: SortedColumns, _ targets: TargetColumns, _ limits: GrowthLimits, _ workers: Workers) {
    self.sorted = sorted
    self.targets = targets
    self.limits = limits
    let columns = ColumnRows(targets.rows, tableRowCount: sorted.rowCount)
    self.columns = columns
    groupCount =
      zip(sorted.features, sorted.distinct).map { $0.isOrdered ? 0 : $1.count + 1 }.max() ?? 0
    let count = columns.count
    let entries = UnsafeMutablePointer<ColumnEntry>.allocate(capacity: max(1, count * sorted.features.count))
    self.entries = entries
    nonisolated(unsafe) let target = entries
    workers.all(sorted.features.count) { feature in
      sorted.entries.withUnsafeBufferPointer { source in
        let first = source.baseAddress! + feature * sorted.rowCount
        let column = target + feature * count
        if count == sorted.rowCount {
          column.initialize(from: first, count: count)
        } else {
          var next = 0
          for index in 0..<sorted.rowCount where targets.weights[Int(first[index].row)] > 0 {
            (column + next).initialize(to: first[index])
            next += 1
          }
        }
      }
    }
  }

  deinit { entries.deallocate() }

  var featureCount: Int { sorted.features.count }

  private func column(_ feature: Int, _ node: OpenNode) -> UnsafeMutableBufferPointer<ColumnEntry> {
    UnsafeMutableBufferPointer(
      start: entries + feature * columns.count + node.range.lowerBound, count: node.range.count)
  }

  func best(_ feature: Int, of node: OpenNode, _ scratch: SplitScratch) -> FeatureSplit? {
    let column = UnsafeBufferPointer(column(feature, node))
    if sorted.features[feature].isOrdered {
      let ties = sorted.hasNearTies[feature] ? sorted.distinct[feature] : nil
      return SortedScan(targets: targets, limits: limits, node: node, scratch: scratch)
        .best(column, nearTies: ties, feature: feature)
    }
    guard column[0].code != column[column.count - 1].code else { return nil }
    // Examples of a level stand together; missing ones come last.
    let missing = sorted.distinct[feature].count
    let groups = scratch.groups
    groups.reset(missing + 1)
    let mean = node.statistics.mean
    var codes: [Int] = []
    for (index, entry) in column.enumerated() {
      let code = entry.code == ColumnEntry.missing ? missing : Int(entry.code)
      if code < missing, index == 0 || column[index - 1].code != entry.code { codes.append(code) }
      groups.add(Int(entry.row), to: code, targets, mean: mean)
    }
    return CategoryOrder.best(
      GroupScan(targets: targets, limits: limits, node: node, scratch: scratch), codes: codes,
      missing: groups.counts[missing] > 0 ? missing : nil, feature: feature)
  }

  func mark(_ split: FeatureSplit, of node: OpenNode) {
    for entry in column(split.feature, node) {
      columns.flags[Int(entry.row)] = split.goesLeft(entry.code) ? 1 : 0
    }
  }

  func partition(_ feature: Int, of node: OpenNode, _ scratch: SplitScratch) {
    let column = column(feature, node)
    // Below here the feature is constant and never searched, so which rows stand where does not matter.
    guard column[0].code != column[column.count - 1].code else { return }
    let source = column.baseAddress!
    let right = scratch.entries
    let flags = UnsafePointer(columns.flags)
    var (left, count) = (0, 0)
    for index in 0..<column.count {
      let entry = source[index]
      let flag = Int(flags[Int(entry.row)])
      source[left] = entry
      right[count] = entry
      left += flag
      count += 1 - flag
    }
    (source + left).update(from: right, count: count)
  }

  func question(_ split: FeatureSplit) -> Term {
    let values = sorted.distinct[split.feature]
    switch split.test {
    case .present: return .isPresent(split.feature)
    case .atMost(let code, let next):
      return .atMost(split.feature, SortedColumns.threshold(values[Int(code)], values[Int(next)]))
    case .among(let codes): return .isIn(split.feature, LevelSet(codes.levels.map { Int(values[$0]) }))
    }
  }
}
