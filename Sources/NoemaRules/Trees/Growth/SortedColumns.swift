/// One present or missing value of a sorted column.
struct ColumnEntry: Sendable {
  /// The rank of the value among the column's distinct values, from 0; ``missing`` of a missing value.
  var code: UInt32
  /// The row of the table.
  var row: UInt32

  /// The code of missing values, which come last.
  static let missing = UInt32.max
}

/// The columns of a table, each sorted by value and then by row.
///
/// Sorting is the dear part of growing a tree and does not depend on the target: trees over the same examples share
/// it.
struct SortedColumns: Sendable {
  let features: [Feature]
  let rowCount: Int
  /// How values were rounded.
  let precision: CART.Precision
  /// Column after column.
  let entries: [ColumnEntry]
  /// The distinct values of each column, ascending.
  let distinct: [[Double]]
  /// Whether some neighbours among them count as equal (``CART/Precision/single``).
  let hasNearTies: [Bool]

  /// Sorts a table.
  ///
  /// - Throws: `RuleError.notFinite` when a value is beyond the range of float32 and precision is single.
  init(_ table: RuleTable, _ precision: CART.Precision, workers: Workers = Workers()) throws(RuleError) {
    let count = table.rowCount
    features = table.features
    rowCount = count
    self.precision = precision
    var distinct = [[Double]](repeating: [], count: table.features.count)
    // Of no capacity it would write its count into the one empty array that all threads share.
    entries = [ColumnEntry](unsafeUninitializedCapacity: max(1, count * table.features.count)) {
      buffer, initialised in
      nonisolated(unsafe) let base = buffer.baseAddress
      distinct = workers.map(table.features.count) { feature in
        let column = table.column(feature)
        return SortedColumns.sort(column, precision, into: base! + feature * count)
      }
      initialised = count * table.features.count
    }
    self.distinct = distinct
    for (feature, values) in zip(table.features, distinct) where values.contains(where: \.isInfinite) {
      throw RuleError(
        .notFinite("column '\(feature.name)' has a value beyond the range of float32; use double precision"))
    }
    hasNearTies = distinct.map { values in
      precision == .single
        && zip(values, values.dropFirst()).contains { SortedColumns.isNearTie(Float($0), Float($1)) }
    }
  }

  /// Whether scikit-learn takes a value for equal to the one below it.
  @inline(__always)
  static func isNearTie(_ lower: Float, _ upper: Float) -> Bool { upper <= lower + 1e-7 }

  /// Sorts one column and returns its distinct values.
  private static func sort(
    _ column: ArraySlice<Double>, _ precision: CART.Precision, into entries: UnsafeMutablePointer<ColumnEntry>
  ) -> [Double] {
    var pairs: [RadixSort.Pair] = []
    var missing: [UInt32] = []
    pairs.reserveCapacity(column.count)
    for (row, value) in column.enumerated() {
      if value.isNaN {
        missing.append(UInt32(row))
      } else {
        // Both zeros are one value.
        let rounded = (precision == .single ? Double(Float(value)) : value) + 0
        pairs.append(RadixSort.Pair(key: RadixSort.key(rounded), row: UInt32(row)))
      }
    }
    RadixSort.sort(&pairs)
    var distinct: [Double] = []
    for (index, pair) in pairs.enumerated() {
      if index == 0 || pair.key != pairs[index - 1].key { distinct.append(RadixSort.value(pair.key)) }
      (entries + index).initialize(to: ColumnEntry(code: UInt32(distinct.count - 1), row: pair.row))
    }
    for (index, row) in missing.enumerated() {
      (entries + pairs.count + index).initialize(to: ColumnEntry(code: ColumnEntry.missing, row: row))
    }
    return distinct
  }

  /// The threshold between two values: midway, and never the upper one.
  static func threshold(_ lower: Double, _ upper: Double) -> Double {
    let middle = lower / 2 + upper / 2
    return middle >= lower && middle < upper ? middle : lower
  }
}

/// Stable sorting of numbers with their rows in time proportional to their count.
enum RadixSort {
  struct Pair {
    var key: UInt64
    var row: UInt32
  }

  /// A key that orders as the number does.
  static func key(_ value: Double) -> UInt64 {
    let bits = value.bitPattern
    return bits >> 63 == 1 ? ~bits : bits | 1 << 63
  }

  /// The number of a key.
  static func value(_ key: UInt64) -> Double {
    Double(bitPattern: key >> 63 == 1 ? key & ~(1 << 63) : ~key)
  }

  /// Sorts by key; pairs of equal keys keep their order.
  static func sort(_ pairs: inout [Pair]) {
    let count = pairs.count
    guard count > 1 else { return }
    // How often each of the 256 digits occurs at each of the 8 places.
    var occurrences = [Int](repeating: 0, count: 8 * 256)
    for pair in pairs {
      for place in 0..<8 {
        occurrences[place << 8 | Int(truncatingIfNeeded: pair.key >> (8 * place)) & 255] += 1
      }
    }
    var other = pairs
    for place in 0..<8 {
      let first = place << 8
      let shift = 8 * place
      // Where all keys agree, as in the last places of numbers that were float32, there is nothing to do.
      if occurrences[first | Int(truncatingIfNeeded: pairs[0].key >> shift) & 255] == count { continue }
      var start = 0
      for digit in first..<(first + 256) { (occurrences[digit], start) = (start, start + occurrences[digit]) }
      pairs.withUnsafeBufferPointer { source in
        other.withUnsafeMutableBufferPointer { target in
          occurrences.withUnsafeMutableBufferPointer { next in
            for pair in source {
              let digit = first | Int(truncatingIfNeeded: pair.key >> shift) & 255
              target[next[digit]] = pair
              next[digit] += 1
            }
          }
        }
      }
      swap(&pairs, &other)
    }
  }
}
