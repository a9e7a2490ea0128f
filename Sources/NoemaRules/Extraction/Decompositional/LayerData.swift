/// The examples as one layer sees them, sorted once for all that is learnt over it.
struct LayerData: Sendable {
  let table: RuleTable
  let columns: SortedColumns

  init(_ table: RuleTable) throws(RuleError) {
    self.table = table
    columns = try SortedColumns(table, .double)
  }

  private init(_ table: RuleTable, _ columns: SortedColumns) { (self.table, self.columns) = (table, columns) }

  /// The same rows with some of the features.
  func selecting(_ features: [Int]) -> LayerData {
    LayerData(table.selecting(features: features), SortedColumns(columns, selecting: features))
  }

  /// The rows that a set of labels marks as one.
  func rows(_ labels: [Int], are label: Int) -> RowSet { RowSet(labels.count) { labels[$0] == label } }
}

extension SortedColumns {
  /// Some of the columns, without sorting them anew.
  init(_ all: SortedColumns, selecting chosen: [Int]) {
    let count = all.rowCount
    features = chosen.map { all.features[$0] }
    rowCount = count
    precision = all.precision
    entries = chosen.flatMap { all.entries[($0 * count)..<(($0 + 1) * count)] }
    distinct = chosen.map { all.distinct[$0] }
    hasNearTies = chosen.map { all.hasNearTies[$0] }
  }
}

/// The rows of a table that clauses cover; those of each term are found once.
struct TermRows {
  let table: RuleTable
  private var known: [Term: RowSet] = [:]
  /// Bytes of terms' rows that are remembered.
  private static let memory = 1 << 28

  init(_ table: RuleTable) { self.table = table }

  mutating func rows(_ clause: Clause) -> RowSet {
    var result: RowSet?
    for term in clause.terms {
      let rows = rows(term)
      if result == nil { result = rows } else { result?.formIntersection(rows) }
    }
    return result ?? RowSet(table.rowCount) { _ in true }
  }

  mutating func rows(_ term: Term) -> RowSet {
    if let rows = known[term] { return rows }
    let column = table.column(term.feature)
    let start = column.startIndex
    let rows = RowSet(table.rowCount) { term.admits(column[start + $0]) }
    if known.count * rows.words.count * 8 > TermRows.memory { known.removeAll() }
    known[term] = rows
    return rows
  }
}

/// When to stop.
struct TimeLimit: Sendable {
  private let end: ContinuousClock.Instant?

  /// Begins to run; never over when nil.
  init(seconds: Double?) { end = seconds.map { ContinuousClock.now + .seconds($0) } }

  var isOver: Bool { end.map { ContinuousClock.now >= $0 } ?? false }

  static func check(_ seconds: Double?) throws(RuleError) {
    try RuleError.require(
      seconds.map { $0 > 0 && $0 < 1e9 } ?? true, "the time must be above 0 seconds, found \(seconds ?? 0)")
  }
}

/// The fewest cases of a leaf, as a number or as a share of the rows.
enum CaseCount {
  /// The number: below 1 a share, rounded up.
  static func count(_ setting: Double, of rows: Int) -> Double {
    setting < 1 ? max(1, (setting * Double(rows)).rounded(.up)) : setting
  }

  static func check(_ setting: Double) throws(RuleError) {
    try RuleError.require(
      setting > 0 && setting <= 1e9,
      "the fewest cases must be 1 or more, or a share of the rows above 0 and below 1, found \(setting)")
  }
}
