/// The columns of a table with each value replaced by the number of its bin.
struct BinnedColumns: Sendable {
  let features: [Feature]
  let rowCount: Int
  /// Column after column, by row; ``missing`` of a missing value.
  let codes: [UInt8]
  /// The least and the greatest value of each bin of each feature.
  let bounds: [[ClosedRange<Double>]]

  /// The code of missing values.
  static let missing = UInt8.max

  /// Bins sorted columns: a bin a value where there are no more values than bins, else about as many examples a bin.
  ///
  /// - Throws: `RuleError.parameters` when a category has more levels than there are bins.
  init(_ columns: SortedColumns, _ bins: Int, _ workers: Workers) throws(RuleError) {
    for (feature, values) in zip(columns.features, columns.distinct)
    where !feature.isOrdered && values.count > bins {
      throw RuleError(
        .parameters(
          "'\(feature.name)' has \(values.count) levels, more than \(bins) bins; use the exact search"))
    }
    features = columns.features
    rowCount = columns.rowCount
    let count = columns.rowCount
    var bounds: [[ClosedRange<Double>]] = []
    codes = [UInt8](unsafeUninitializedCapacity: max(1, count * columns.features.count)) {
      buffer, initialised in
      nonisolated(unsafe) let base = buffer.baseAddress
      bounds = workers.map(columns.features.count) { feature in
        columns.entries.withUnsafeBufferPointer { entries in
          BinnedColumns.bin(
            UnsafeBufferPointer(rebasing: entries[(feature * count)..<((feature + 1) * count)]),
            columns.distinct[feature], bins, into: base! + feature * count)
        }
      }
      initialised = count * columns.features.count
    }
    self.bounds = bounds
  }

  /// Writes the code of each row and returns the bounds of the bins.
  private static func bin(
    _ entries: UnsafeBufferPointer<ColumnEntry>, _ distinct: [Double], _ bins: Int,
    into codes: UnsafeMutablePointer<UInt8>
  ) -> [ClosedRange<Double>] {
    // Of each distinct value, the number of examples.
    var counts = [Int](repeating: 0, count: distinct.count)
    for entry in entries where entry.code != ColumnEntry.missing { counts[Int(entry.code)] += 1 }
    var bounds: [ClosedRange<Double>] = []
    var binOfValue = [UInt8](repeating: 0, count: distinct.count)
    var (rest, open, first) = (counts.reduce(0, +), 0, 0)
    for (index, count) in counts.enumerated() {
      open += count
      // What is left is shared evenly by the bins that are left; no bin stays empty for want of values.
      let target = (rest + bins - bounds.count - 1) / max(1, bins - bounds.count)
      binOfValue[index] = UInt8(bounds.count)
      let isLast = index + 1 == counts.count
      guard distinct.count <= bins || isLast || open >= target && bounds.count + 1 < bins else { continue }
      bounds.append(distinct[first]...distinct[index])
      (rest, open, first) = (rest - open, 0, index + 1)
    }
    for entry in entries {
      (codes + Int(entry.row)).initialize(
        to: entry.code == ColumnEntry.missing ? missing : binOfValue[Int(entry.code)])
    }
    return bounds
  }
}
