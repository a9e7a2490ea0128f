/// Percentile bootstrap (Efron 1979).
public enum Bootstrap {
  /// The lower and upper end that hold the middle `confidence` of the resampled statistics.
  ///
  /// - Precondition: there are statistics.
  public static func percentiles(of statistics: [Double], confidence: Double = 0.95) -> [Double] {
    let sorted = statistics.sorted()
    let tail = (1 - confidence) / 2
    return [Statistics.quantile(sorted: sorted, tail), Statistics.quantile(sorted: sorted, 1 - tail)]
  }

  /// How often each of `count` items is drawn in `count` draws with replacement.
  public static func counts(_ count: Int, using random: inout RandomNumbers) -> [Double] {
    var counts = [Double](repeating: 0, count: count)
    for _ in 0..<count { counts[random.index(below: count)] += 1 }
    return counts
  }

  /// Sums over tables of one shape whose rows and columns are both resampled, the same way in all.
  ///
  /// - Parameters:
  ///   - tables: for example class inputs × runs.
  ///   - resamples: how many bootstrap tables are drawn.
  /// - Returns: for each table the sum of each resample; divide by rows × columns for a mean.
  public static func totals(
    of tables: [Matrix], resamples: Int = 1000, using random: inout RandomNumbers
  ) -> [[Double]] {
    guard let first = tables.first, first.rowCount > 0, first.columnCount > 0 else {
      return tables.map { _ in Array(repeating: .nan, count: max(1, resamples)) }
    }
    var columns = Matrix(rowCount: first.columnCount, columnCount: resamples)
    for sample in 0..<resamples {
      for (column, count) in counts(first.columnCount, using: &random).enumerated() {
        columns[column, sample] = count
      }
    }
    let rows = (0..<resamples).map { _ in counts(first.rowCount, using: &random) }
    return tables.map { table in
      let sums = table.times(columns)
      return (0..<resamples).map { sample in
        var total = 0.0
        for (row, count) in rows[sample].enumerated() where count != 0 { total += count * sums[row, sample] }
        return total
      }
    }
  }
}
