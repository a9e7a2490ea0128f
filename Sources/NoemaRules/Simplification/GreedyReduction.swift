/// What rules answer on data, kept up to date while single rules change or go.
///
/// A rule is never taken out of the set, so that indices stay: one that is gone fires nowhere and weighs nothing.
struct GreedyReduction {
  private var rules: RuleSet
  private let table: RuleTable
  private let reference: [Conclusion]
  private let loss: AnswerLoss
  /// For each row, the rules that fire, ascending.
  private var firings: [[Int]]
  /// For each rule, the rows that it covers, ascending.
  private var covers: [[Int]]
  private var losses: [Double]
  private var isGone: [Bool]
  private var total: Double
  private var lowest: Double
  private let allowance: Double

  /// - Parameters:
  ///   - lowest: the least mean loss met before.
  ///   - tolerance: by how much the mean loss may exceed the least one.
  /// - Precondition: the table has the rules' features, and one answer a row.
  init(
    _ rules: RuleSet, _ table: RuleTable, _ reference: [Conclusion], lowest: Double, tolerance: Double
  ) {
    self.rules = rules
    self.table = table
    self.reference = reference
    let loss = AnswerLoss(reference)
    self.loss = loss
    covers = rules.rules.map { $0.clause.coveredRows(of: table) }
    var firings = [[Int]](repeating: [], count: table.rowCount)
    for (index, rows) in covers.enumerated() { for row in rows { firings[row].append(index) } }
    self.firings = firings
    losses = (0..<table.rowCount).map { loss(rules.conclusion(firing: firings[$0]), reference[$0]) }
    isGone = rules.rules.map { _ in false }
    total = losses.reduce(0, +)
    self.lowest = min(total, lowest * Double(table.rowCount))
    allowance = tolerance * Double(table.rowCount)
  }

  /// The rules that are left.
  var result: RuleSet { rules.with(rules.rules.indices.filter { !isGone[$0] }.map { rules.rules[$0] }) }

  /// Removes rules one by one, those of smallest cover first, as long as the loss stays within the tolerance.
  mutating func removeRules() {
    var removed = true
    while removed {
      removed = false
      let order = covers.indices.filter { !isGone[$0] }.sorted {
        (covers[$0].count, $1) < (covers[$1].count, $0)
      }
      for index in order where remove(index) { removed = true }
    }
  }

  private mutating func remove(_ index: Int) -> Bool {
    // Only in a class-normalised vote does a rule weigh on rows where it does not fire.
    let spreads = rules.resolution == .classNormalisedVote && !rules.classes.isEmpty
    let candidate = spreads ? rules.withoutVote(of: index) : rules
    let conclusion = rules.rules[index].conclusion
    let rows =
      spreads
      ? firings.indices.filter { row in firings[row].contains { rules.rules[$0].conclusion == conclusion } }
      : covers[index]
    let outcomes = rows.map { row in
      loss(candidate.conclusion(firing: firings[row].filter { $0 != index }), reference[row])
    }
    guard accept(outcomes, rows) else { return false }
    if spreads { rules = candidate }
    for row in covers[index] { firings[row].removeAll { $0 == index } }
    covers[index] = []
    isGone[index] = true
    return true
  }

  /// Removes terms, in each rule the one that costs least first, as long as the loss stays within the tolerance and
  /// the rule's own pessimistic error does not rise. A rule that covers no row keeps its terms: there is nothing to
  /// go by.
  mutating func removeTerms() {
    for index in covers.indices where !isGone[index] && !covers[index].isEmpty {
      while removeTerm(of: index) {}
    }
  }

  private struct Candidate {
    let clause: Clause
    let rows: [Int]
    let outcomes: [Double]
    let change: Double
  }

  private mutating func removeTerm(of index: Int) -> Bool {
    let clause = rules.rules[index].clause
    let error = pessimisticError(index, covers[index])
    var best: Candidate?
    for term in clause.terms {
      let shorter = clause.removing(term)
      let old = covers[index]
      let rows = shorter.coveredRows(of: table)
      guard pessimisticError(index, rows) <= error else { continue }
      var position = 0
      let added = rows.filter { row in
        while position < old.count, old[position] < row { position += 1 }
        return position == old.count || old[position] != row
      }
      let outcomes = added.map { row in
        loss(rules.conclusion(firing: inserting(index, in: firings[row])), reference[row])
      }
      let change = zip(added, outcomes).reduce(0) { $0 + $1.1 - losses[$1.0] }
      if change < best?.change ?? .infinity {
        best = Candidate(clause: shorter, rows: added, outcomes: outcomes, change: change)
      }
    }
    guard let best, accept(best.outcomes, best.rows) else { return false }
    var changed = rules.rules
    changed[index].clause = best.clause
    rules = rules.with(changed)
    for row in best.rows { firings[row] = inserting(index, in: firings[row]) }
    covers[index] = (covers[index] + best.rows).sorted()
    return true
  }

  private func inserting(_ index: Int, in firing: [Int]) -> [Int] {
    var firing = firing
    firing.insert(index, at: firing.firstIndex { $0 > index } ?? firing.count)
    return firing
  }

  /// The pessimistic share of rows about which the rule is wrong.
  private func pessimisticError(_ index: Int, _ rows: [Int]) -> Double {
    let wrong = rows.reduce(0) { $0 + min(1, loss(rules.rules[index].conclusion, reference[$1])) }
    return PessimisticError().rate(cases: Double(rows.count), errors: wrong)
  }

  private mutating func accept(_ outcomes: [Double], _ rows: [Int]) -> Bool {
    let changed = zip(outcomes, rows).reduce(total) { $0 + $1.0 - losses[$1.1] }
    // Sums of squares differ in their last digits by the order of rows.
    guard changed <= lowest + allowance + 1e-9 else { return false }
    for (outcome, row) in zip(outcomes, rows) { losses[row] = outcome }
    total = changed
    lowest = min(lowest, total)
    return true
  }
}

/// How wrong an answer is: 0 or 1 of classes, the squared error over the variance of the reference of numbers.
struct AnswerLoss {
  private let scale: Double

  init(_ reference: [Conclusion]) {
    let deviation = reference.tolerance * 10
    scale = deviation > 0 ? 1 / (deviation * deviation) : 1
  }

  func callAsFunction(_ answer: Conclusion, _ reference: Conclusion) -> Double {
    switch (answer, reference) {
    case (.label(let a), .label(let b)): a == b ? 0 : 1
    case (.value(let a), .value(let b)): (a - b) * (a - b) * scale
    default: 1
    }
  }
}

extension RuleSet {
  /// The same rules, one of which weighs nothing.
  fileprivate func withoutVote(of index: Int) -> RuleSet {
    var rules = rules
    rules[index].support.weight = 0
    return with(rules)
  }
}
