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

  /// The interval of a mean over rows and columns of a table that are both resampled.
  ///
  /// - Parameters:
  ///   - table: for example class inputs × runs.
  ///   - resamples: how many bootstrap tables are drawn.
  public static func interval(
    ofMean table: Matrix, resamples: Int = 1000, using random: inout RandomNumbers
  ) -> [Double] {
    guard table.rowCount > 0, table.columnCount > 0 else { return [.nan, .nan] }
    var columns = Matrix(rowCount: table.columnCount, columnCount: resamples)
    for sample in 0..<resamples {
      for (column, count) in counts(table.columnCount, using: &random).enumerated() {
        columns[column, sample] = count
      }
    }
    let sums = table.times(columns)
    let scale = Double(table.rowCount * table.columnCount)
    let means = (0..<resamples).map { sample in
      let rows = counts(table.rowCount, using: &random)
      var total = 0.0
      for row in 0..<table.rowCount where rows[row] != 0 { total += rows[row] * sums[row, sample] }
      return total / scale
    }
    return percentiles(of: means)
  }
}
