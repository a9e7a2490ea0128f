/// What a sparse ensemble chooses from: clauses that are 1 or 0 on an example, and numbers within bounds.
struct EnsembleColumns {
  /// The standard deviation that numbers are scaled to: about that of a rule which fires on a share of examples drawn
  /// evenly from 0 to 1.
  static let deviation = 0.4

  let clauses: [Clause]
  /// For each clause the share of the rows on which it holds.
  let shares: [Double]
  /// Terms without coefficients.
  let lines: [AdditiveRules.LinearTerm]
  /// Whether there were more clauses than are allowed.
  let isCut: Bool

  /// Takes clauses that differ on some row of a table, and lines of its numbers.
  ///
  /// Of clauses that hold on the same rows, or one where the other does not, the first of the shortest stays, because
  /// their columns are the same to an intercept and a sign.
  ///
  /// - Parameter limit: the most clauses; the first ones stay.
  init(_ clauses: [Clause], lines: [AdditiveRules.LinearTerm], of table: RuleTable, limit: Int) {
    var seen: Set<[UInt64]> = []
    var kept: [(place: Int, share: Double)] = []
    let all = RowSet(table.rowCount) { _ in true }
    let order = clauses.indices.sorted {
      (clauses[$0].termCount, $0) < (clauses[$1].termCount, $1)
    }
    var taken: Set<Clause> = []
    for place in order where taken.insert(clauses[place]).inserted {
      let rows = EnsembleColumns.rows(clauses[place], of: table)
      var others = all
      others.subtract(rows)
      let count = rows.count
      guard count > 0, count < table.rowCount, !seen.contains(others.words), seen.insert(rows.words).inserted
      else { continue }
      kept.append((place, Double(count) / Double(table.rowCount)))
    }
    kept.sort { $0.place < $1.place }
    isCut = kept.count > limit
    kept = Array(kept.prefix(limit))
    self.clauses = kept.map { clauses[$0.place] }
    shares = kept.map(\.share)
    self.lines = lines
  }

  private static func rows(_ clause: Clause, of table: RuleTable) -> RowSet {
    var result = RowSet(table.rowCount) { _ in false }
    for row in clause.coveredRows(of: table) { result.set(row, true) }
    return result
  }

  /// What a coefficient of a scaled column is in units of the feature.
  func unit(_ line: Int) -> Double { EnsembleColumns.deviation / lines[line].deviation }

  /// The moments of clauses and then scaled lines on a table.
  func moments(_ table: RuleTable, target: [Double]) -> LeastSquaresMoments {
    let sets = clauses.map { EnsembleColumns.rows($0, of: table) }
    let numbers = lines.indices.map { line in
      table.column(lines[line].feature).map { lines[line].value($0) * unit(line) }
    }
    func sum(_ values: [Double], over rows: RowSet) -> Double {
      var sum = 0.0
      rows.forEach { sum += values[$0] }
      return sum
    }
    func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let (count, width) = (sets.count, sets.count + numbers.count)
    var products = [Double](repeating: 0, count: width * width)
    func set(_ i: Int, _ j: Int, _ value: Double) {
      products[i * width + j] = value
      products[j * width + i] = value
    }
    for (i, rows) in sets.enumerated() {
      for j in i..<count { set(i, j, Double(rows.commonCount(sets[j]))) }
      for (line, values) in numbers.enumerated() { set(i, count + line, sum(values, over: rows)) }
    }
    for (i, values) in numbers.enumerated() {
      for j in i..<numbers.count { set(count + i, count + j, product(values, numbers[j])) }
    }
    return LeastSquaresMoments(
      count: table.rowCount, sums: sets.map { Double($0.count) } + numbers.map { $0.reduce(0, +) },
      products: products,
      targetProducts: sets.map { sum(target, over: $0) } + numbers.map { product($0, target) },
      target: target)
  }
}

extension AdditiveRules.LinearTerm {
  /// Lines for the numbers of a table that vary within their bounds, without coefficients.
  ///
  /// - Parameter trim: the share of values that count as the bound on either side.
  static func lines(_ table: RuleTable, trim: Double) -> [AdditiveRules.LinearTerm] {
    table.features.indices.compactMap { feature in
      guard table.features[feature].levels == nil else { return nil }
      let present = table.column(feature).filter { !$0.isNaN }.sorted()
      guard !present.isEmpty else { return nil }
      let cut = min(Int(trim * Double(present.count)), (present.count - 1) / 2)
      let (lower, upper) = (present[cut], present[present.count - 1 - cut])
      guard lower < upper else { return nil }
      // Divided before it is added, lest the sum of great numbers overflow.
      let inside = present.map { min(max($0, lower), upper) }
      let centre = inside.reduce(0) { $0 + $1 / Double(inside.count) }
      let squares = inside.reduce(0) { $0 + ($1 - centre) * ($1 - centre) / Double(table.rowCount) }
      guard squares > 0, squares.isFinite else { return nil }
      return AdditiveRules.LinearTerm(
        feature: feature, lower: lower, upper: upper, centre: centre, deviation: squares.squareRoot(),
        coefficients: [])
    }
  }
}
