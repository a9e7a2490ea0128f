internal import Glibc
internal import NoemaTensor

/// Rows of which some are to be covered and the others not, with all that is asked of them many times.
struct CoveringProblem: Sendable {
  let table: RuleTable
  /// The rows to be covered.
  let positives: RowSet
  let isPositive: [Bool]
  /// For each ordered feature the rows with a value, by value and then by row; empty of categories.
  let sorted: [[Int]]
  /// Of each feature, whether some row lacks it.
  let hasMissing: [Bool]
  /// How many terms can be told apart on the rows.
  private let possibleTerms: Double

  init(_ table: RuleTable, isPositive: [Bool]) {
    self.table = table
    self.isPositive = isPositive
    positives = RowSet(table.rowCount) { isPositive[$0] }
    let hasMissing = table.features.indices.map { table.hasMissing($0) }
    self.hasMissing = hasMissing
    var possible = 0
    sorted = table.features.indices.map { feature in
      let missing = hasMissing[feature] ? 1 : 0
      guard table.features[feature].isOrdered else {
        possible += (table.features[feature].levels?.count ?? 0) + missing
        return []
      }
      let column = Array(table.column(feature))
      let rows = column.indices.filter { !column[$0].isNaN }.sorted { (column[$0], $0) < (column[$1], $1) }
      let distinct = rows.indices.count { $0 == 0 || column[rows[$0]] != column[rows[$0 - 1]] }
      possible += 2 * max(0, distinct - 1) + missing
      return rows
    }
    possibleTerms = Double(possible)
  }

  /// The rows that satisfy all terms.
  func rows(_ terms: [Term]) -> RowSet {
    var result = RowSet(table.rowCount) { _ in false }
    for row in Clause(terms).coveredRows(of: table) { result.set(row, true) }
    return result
  }

  /// How many of some rows are positive and negative.
  func counts(_ rows: RowSet) -> (positive: Int, negative: Int) {
    let positive = rows.commonCount(positives)
    return (positive, rows.count - positive)
  }

  /// Two thirds of some rows and the rest, positive and negative ones alike.
  func divided(_ rows: RowSet, using random: inout RandomNumbers) -> (growing: RowSet, pruning: RowSet) {
    var groups: [[Int]] = [[], []]
    rows.forEach { groups[isPositive[$0] ? 0 : 1].append($0) }
    var growing = RowSet(table.rowCount) { _ in false }
    for group in groups {
      let order = random.sample(group.count, below: group.count)
      for place in order.prefix((2 * group.count + 2) / 3) { growing.set(group[place], true) }
    }
    var pruning = rows
    pruning.subtract(growing)
    return (growing, pruning)
  }
}

// MARK: Description length
extension CoveringProblem {
  /// How much the bits of rules weigh against those of exceptions, because terms repeat one another.
  private static let ruleWeight = 0.5

  /// The bits that say which rows are positive: those of the rules, and those of the rows that they get wrong.
  ///
  /// A rule of `k` terms among `n` possible ones costs `log2 k + log2 C(n, k)`, and all count half; of the rows covered
  /// and not, the wrong ones cost `log2 C(covered, false positives) + log2 C(rest, false negatives)`.
  ///
  /// - Parameters:
  ///   - covers: the rows of each rule.
  ///   - sizes: the number of its terms.
  func bits(_ covers: [RowSet], sizes: [Int]) -> Double {
    var covered = RowSet(table.rowCount) { _ in false }
    for cover in covers { covered.formUnion(cover) }
    let inside = counts(covered)
    let (coverCount, missed) = (inside.positive + inside.negative, positives.count - inside.positive)
    let exceptions =
      CoveringProblem.combinations(Double(coverCount), Double(inside.negative))
      + CoveringProblem.combinations(Double(table.rowCount - coverCount), Double(missed))
    let rules = sizes.reduce(0) { sum, size in
      let count = Double(max(1, size))
      return sum + log2(count) + CoveringProblem.combinations(max(count, possibleTerms), count)
    }
    return exceptions + CoveringProblem.ruleWeight * rules
  }

  /// `log2 C(n, k)`.
  private static func combinations(_ n: Double, _ k: Double) -> Double {
    max(0, (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)) / log(2))
  }
}
