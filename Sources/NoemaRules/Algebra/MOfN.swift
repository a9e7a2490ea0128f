/// A test that holds when at least `m` of its literals do: 1 of N is *or*, N of N is *and*.
///
/// - Source: Craven and Shavlik, "Extracting tree-structured representations of trained networks", 1996.
public struct MOfN: Sendable, Hashable {
  /// How many literals must hold.
  public var m: Int
  /// The literals, over any features.
  public var literals: [Term]

  /// Makes a test.
  public init(_ m: Int, of literals: [Term]) {
    self.m = m
    self.literals = literals
  }

  /// Whether an example satisfies the test; a missing value fails its literals, unless they say `orMissing`.
  public func holds(_ values: [Double]) -> Bool {
    literals.reduce(0) { $0 + ($1.holds(values) ? 1 : 0) } >= m
  }

  /// Whether a row of a table satisfies the test.
  public func holds(row: Int, of table: RuleTable) -> Bool {
    literals.reduce(0) { $0 + ($1.holds(row: row, of: table) ? 1 : 0) } >= m
  }

  /// The test that holds exactly where this one does not: at least `N − m + 1` of the negated literals.
  public func negated(in features: [Feature]) -> MOfN {
    MOfN(literals.count - m + 1, of: literals.map { $0.negated(in: features) })
  }

  /// The number of clauses of ``clauses(limit:)`` before reduction: `N` over `m`; nil when beyond `Int`.
  public var clauseCount: Int? {
    guard m > 0 else { return 1 }
    guard m <= literals.count else { return 0 }
    var result = 1
    for step in 1...m {
      // The product of `step` consecutive numbers is divisible by `step!`.
      let (product, overflow) = result.multipliedReportingOverflow(by: literals.count - m + step)
      if overflow { return nil }
      result = product / step
    }
    return result
  }

  /// The test as a disjunction: one clause for each choice of `m` literals, without those that cannot hold.
  ///
  /// - Throws: `RuleError.limit` when there would be more than `limit` clauses.
  public func clauses(limit: Int = 1_000) throws(RuleError) -> [Clause] {
    if m <= 0 { return [.always] }
    if m > literals.count { return [] }
    guard let count = clauseCount, count <= limit else {
      throw RuleError(
        .limit(
          "\(m) of \(literals.count) literals are more than \(limit) clauses; keep the tree, or raise the limit"
        )
      )
    }
    var result: [Clause] = []
    var chosen = Array(0..<m)
    while true {
      let clause = Clause(chosen.map { literals[$0] })
      if !clause.isContradictory, !result.contains(clause) { result.append(clause) }
      // The next choice in lexicographic order.
      guard let place = chosen.indices.last(where: { chosen[$0] < literals.count - m + $0 }) else {
        return result
      }
      chosen[place] += 1
      for later in (place + 1)..<max(place + 1, m) { chosen[later] = chosen[later - 1] + 1 }
    }
  }
}
