internal import Glibc

/// Grows a rule term by term, each the one that gains most information about positive rows.
///
/// A term that leaves `p` of `P` positive and `n` of `N` negative rows gains `p (log2(p/(p+n)) − log2(P/(P+N)))`. Equal
/// gains go to the lowest feature, then to *at most* before *above*, then to the lowest threshold or level.
///
/// - Source: Quinlan, "Learning logical definitions from relations", 1990 (FOIL).
struct TermSearch {
  private let problem: CoveringProblem
  /// The rows that satisfy the terms so far.
  private var rows: [Int]
  /// Those of them with a value of an ordered feature, by value.
  private var sorted: [[Int]]
  private var positive: Int

  /// Starts with the rows that a rule covers already.
  init(_ problem: CoveringProblem, _ covered: RowSet) {
    self.problem = problem
    var isCovered = [Bool](repeating: false, count: problem.table.rowCount)
    covered.forEach { isCovered[$0] = true }
    rows = isCovered.indices.filter { isCovered[$0] }
    sorted = problem.sorted.map { $0.filter { isCovered[$0] } }
    positive = rows.count { problem.isPositive[$0] }
  }

  /// Terms to add, until no negative row is left, nothing gains, or there are enough.
  mutating func grow(minimumCover: Int, limit: Int) -> [Term] {
    var terms: [Term] = []
    while terms.count < limit, positive > 0, positive < rows.count, let best = best(minimumCover) {
      keep(best)
      terms.append(best)
    }
    return terms
  }

  private mutating func keep(_ term: Term) {
    let table = problem.table
    rows.removeAll { !term.holds(row: $0, of: table) }
    for feature in sorted.indices { sorted[feature].removeAll { !term.holds(row: $0, of: table) } }
    positive = rows.count { problem.isPositive[$0] }
  }

  /// The best term so far.
  private struct Best {
    let base: Double
    let minimumCover: Int
    var gain = 0.0
    var term: Term?

    /// Takes a term if it gains more.
    mutating func offer(_ positive: Int, _ count: Int, _ term: @autoclosure () -> Term) {
      guard positive > 0, count >= minimumCover else { return }
      let gain = Double(positive) * (log2(Double(positive) / Double(count)) - base)
      // Rounding is no gain.
      guard gain > self.gain + 1e-12 * Double(positive) else { return }
      self.gain = gain
      self.term = term()
    }
  }

  private func best(_ minimumCover: Int) -> Term? {
    var best = Best(base: log2(Double(positive) / Double(rows.count)), minimumCover: minimumCover)
    for feature in problem.table.features.indices {
      if problem.table.features[feature].isOrdered {
        offerThresholds(feature, &best)
      } else {
        offerLevels(feature, &best)
      }
      offerMissing(feature, &best)
    }
    return best.term
  }

  private func offerThresholds(_ feature: Int, _ best: inout Best) {
    let order = sorted[feature]
    let total = order.count { problem.isPositive[$0] }
    for above in [false, true] {
      var below = 0
      for place in order.indices.dropLast() {
        if problem.isPositive[order[place]] { below += 1 }
        let (value, next) = (problem.table[order[place], feature], problem.table[order[place + 1], feature])
        guard value < next else { continue }
        // Halves first, lest the sum overflow; a middle that rounds to the next value would let it in.
        let middle = value / 2 + next / 2
        let threshold = middle > value && middle < next ? middle : value
        if above {
          best.offer(total - below, order.count - place - 1, .above(feature, threshold))
        } else {
          best.offer(below, place + 1, .atMost(feature, threshold))
        }
      }
    }
  }

  private func offerLevels(_ feature: Int, _ best: inout Best) {
    let count = problem.table.features[feature].levels?.count ?? 0
    var (all, positives) = ([Int](repeating: 0, count: count), [Int](repeating: 0, count: count))
    for row in rows {
      let value = problem.table[row, feature]
      guard !value.isNaN else { continue }
      all[Int(value)] += 1
      if problem.isPositive[row] { positives[Int(value)] += 1 }
    }
    for level in 0..<count where all[level] < rows.count {
      best.offer(positives[level], all[level], .isIn(feature, [level]))
    }
  }

  private func offerMissing(_ feature: Int, _ best: inout Best) {
    guard problem.hasMissing[feature] else { return }
    let missing = rows.filter { problem.table[$0, feature].isNaN }
    guard !missing.isEmpty, missing.count < rows.count else { return }
    best.offer(missing.count { problem.isPositive[$0] }, missing.count, .isMissing(feature))
  }
}
