internal import NoemaTensor

/// Rules that cover the rows of one class, in the manner of RIPPER.
///
/// Each rule is grown on two thirds of the rows that no rule covers, and its last terms are cut as far as
/// `(p − n)/(p + n)` rises on the other third. Rules are added until none is more often right than wrong, or the
/// description length exceeds the least so far by 64 bits. Then every rule is put against one that is grown anew and
/// one that is grown further, both cut where the whole set errs least on the third, and the one with the shortest
/// description stays; what is left uncovered gets new rules.
///
/// - Source: Cohen, "Fast effective rule induction", 1995.
struct ClassCovering {
  /// One rule: its terms in the order in which they were found, and all rows that satisfy them.
  struct Entry {
    let terms: [Term]
    let rows: RowSet
  }

  /// The description length may exceed the least by so many bits.
  private static let excessBits = 64.0

  private let problem: CoveringProblem
  private let settings: RuleListExtractor
  /// The most rules.
  private let limit: Int
  private var random: RandomNumbers
  private(set) var rules: [Entry] = []
  /// Whether the limit on rules ended the search.
  private(set) var isTruncated = false

  /// Learns rules.
  init(_ problem: CoveringProblem, _ settings: RuleListExtractor, limit: Int, random: RandomNumbers) {
    (self.problem, self.settings, self.limit, self.random) = (problem, settings, limit, random)
    addRules()
    dropRules()
    for _ in 0..<settings.optimisationRounds where !rules.isEmpty {
      for place in rules.indices { optimise(place) }
      addRules()
      dropRules()
    }
  }

  // MARK: Adding

  private mutating func addRules() {
    var left = uncovered(rules)
    var least = bits(rules)
    while left.commonCount(problem.positives) > 0 {
      guard rules.count < limit else {
        isTruncated = true
        return
      }
      let parts = problem.divided(left, using: &random)
      let grown = grow([], on: parts.growing)
      guard !grown.isEmpty else { return }
      let entry = pruned(grown, on: parts.pruning)
      let whole = problem.counts(entry.rows.intersection(left))
      let held = problem.counts(entry.rows.intersection(parts.pruning))
      // A rule that the third does not reach is judged by all rows.
      let judged = held.positive + held.negative > 0 ? held : whole
      guard whole.positive > 0, judged.positive > judged.negative else { return }
      rules.append(entry)
      let length = bits(rules)
      guard length <= least + ClassCovering.excessBits else {
        rules.removeLast()
        return
      }
      least = min(least, length)
      left.subtract(entry.rows)
    }
  }

  private mutating func dropRules() {
    for place in rules.indices.reversed() {
      var rest = rules
      rest.remove(at: place)
      if bits(rest) < bits(rules) { rules = rest }
    }
  }

  // MARK: One rule

  /// The terms of a rule and those that are grown behind them.
  private func grow(_ terms: [Term], on rows: RowSet) -> [Term] {
    var search = TermSearch(problem, problem.rows(terms).intersection(rows))
    return terms
      + search.grow(minimumCover: settings.minimumCover, limit: max(0, settings.maximumTerms - terms.count))
  }

  /// The beginning of a rule with the greatest `(p − n)/(p + n)`, the shortest of equals.
  private func pruned(_ terms: [Term], on rows: RowSet) -> Entry {
    bestBeginning(terms) { covered in
      let (positive, negative) = problem.counts(covered.intersection(rows))
      return positive + negative > 0 ? Double(positive - negative) / Double(positive + negative) : 0
    }
  }

  /// The beginning of a rule with which, beside others, the fewest rows are wrong, the shortest of equals.
  private func pruned(_ terms: [Term], beside others: [Entry], on rows: RowSet) -> Entry {
    let covered = union(others)
    return bestBeginning(terms) { cover in
      var all = covered
      all.formUnion(cover)
      let (positive, negative) = problem.counts(all.intersection(rows))
      return Double(positive - negative)
    }
  }

  private func bestBeginning(_ terms: [Term], by value: (RowSet) -> Double) -> Entry {
    var best: (value: Double, entry: Entry)?
    for count in 1...max(1, terms.count) {
      let entry = entry(Array(terms.prefix(count)))
      let worth = value(entry.rows)
      if worth > best?.value ?? -.infinity { best = (worth, entry) }
    }
    return best?.entry ?? entry(terms)
  }

  private func entry(_ terms: [Term]) -> Entry { Entry(terms: terms, rows: problem.rows(terms)) }

  // MARK: Optimisation

  /// Puts a rule against one grown anew and one grown further.
  private mutating func optimise(_ place: Int) {
    var others = rules
    let own = others.remove(at: place)
    let parts = problem.divided(uncovered(Array(rules[..<place])), using: &random)
    var best = (bits: bits(rules), entry: own)
    for start in [[], own.terms] {
      let grown = grow(start, on: parts.growing)
      guard !grown.isEmpty else { continue }
      let variant = pruned(grown, beside: others, on: parts.pruning)
      let length = bits(others + [variant])
      if length < best.bits - 1e-9 { best = (length, variant) }
    }
    rules[place] = best.entry
  }

  // MARK: Sets of rules

  private func union(_ entries: [Entry]) -> RowSet {
    var rows = RowSet(problem.table.rowCount) { _ in false }
    for entry in entries { rows.formUnion(entry.rows) }
    return rows
  }

  private func uncovered(_ entries: [Entry]) -> RowSet {
    var rows = RowSet(problem.table.rowCount) { _ in true }
    for entry in entries { rows.subtract(entry.rows) }
    return rows
  }

  private func bits(_ entries: [Entry]) -> Double {
    problem.bits(entries.map(\.rows), sizes: entries.map(\.terms.count))
  }
}
