internal import NoemaTensor

/// The assignment of rows to columns of the greatest sum.
///
/// - Sources: Kuhn, Naval Research Logistics Quarterly 1955; Jonker and Volgenant, Computing 1987, for shortest
///   augmenting paths.
enum Assignment {
  /// The column of each row, each column once; nil for rows that are left when there are fewer columns.
  ///
  /// - Complexity: n² m for n rows and m columns, the smaller number first.
  static func greatest(_ worths: Matrix) -> [Int?] {
    guard worths.rowCount <= worths.columnCount else {
      var partners = [Int?](repeating: nil, count: worths.rowCount)
      for (column, row) in greatest(worths.transposed).enumerated() {
        if let row { partners[row] = column }
      }
      return partners
    }
    let (n, m) = (worths.rowCount, worths.columnCount)
    // Prices that make every assigned pair a cheapest one of its row. Row and column 0 stand for none.
    var (rowPrices, columnPrices) = (
      [Double](repeating: 0, count: n + 1), [Double](repeating: 0, count: m + 1)
    )
    var rowOf = [Int](repeating: 0, count: m + 1)
    for row in 1..<max(1, n + 1) {
      var (shortest, before) = (
        [Double](repeating: .infinity, count: m + 1), [Int](repeating: 0, count: m + 1)
      )
      var isDone = [Bool](repeating: false, count: m + 1)
      rowOf[0] = row
      var column = 0
      repeat {
        isDone[column] = true
        let from = rowOf[column]
        var (step, next) = (Double.infinity, 0)
        for other in 1...m where !isDone[other] {
          let cost = -worths[from - 1, other - 1] - rowPrices[from] - columnPrices[other]
          if cost < shortest[other] { (shortest[other], before[other]) = (cost, column) }
          if shortest[other] < step { (step, next) = (shortest[other], other) }
        }
        for other in 0...m {
          if isDone[other] {
            rowPrices[rowOf[other]] += step
            columnPrices[other] -= step
          } else {
            shortest[other] -= step
          }
        }
        column = next
      } while rowOf[column] != 0
      // The path is turned round.
      while column != 0 {
        rowOf[column] = rowOf[before[column]]
        column = before[column]
      }
    }
    var partners = [Int?](repeating: nil, count: n)
    for column in 1..<max(1, m + 1) where rowOf[column] > 0 { partners[rowOf[column] - 1] = column - 1 }
    return partners
  }
}
