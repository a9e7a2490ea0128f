/// A conjunction of terms in normal form: at most one condition a feature.
///
/// ```swift
/// let clause = Clause([.above(0, 1.5), .above(0, 2), .atMost(1, 7)])   // feature 0 above 2, feature 1 at most 7
/// ```
///
/// Clauses over the same features that admit the same examples are equal after ``canonical(in:)``.
public struct Clause: Sendable, Hashable {
  /// One condition for each feature spoken about, by ascending feature; none is trivial.
  public let conditions: [Condition]

  /// The clause without terms, which always holds.
  public static let always = Clause(sorted: [])

  /// Makes the conjunction of terms.
  public init(_ terms: [Term] = []) { self.init(conditions: terms.map { Condition($0) }) }

  /// Makes the conjunction of conditions.
  public init(conditions: [Condition]) {
    var merged: [Condition] = []
    for condition in conditions.sorted(by: { $0.feature < $1.feature }) {
      if let last = merged.last, last.feature == condition.feature {
        merged[merged.count - 1] = last.intersection(condition)
      } else {
        merged.append(condition)
      }
    }
    self.init(sorted: merged)
  }

  /// - Precondition: features ascend.
  private init(sorted conditions: [Condition]) { self.conditions = conditions.filter { !$0.isTrivial } }

  /// The terms, by feature, lower bounds first.
  public var terms: [Term] { conditions.flatMap(\.terms) }

  /// The number of terms.
  public var termCount: Int { conditions.reduce(0) { $0 + $1.terms.count } }

  /// The condition on a feature; nil when the clause does not speak about it.
  public func condition(on feature: Int) -> Condition? { conditions.first { $0.feature == feature } }

  // MARK: Evaluation

  /// Whether an example satisfies the clause.
  ///
  /// - Parameter values: one value a feature, NaN where missing.
  public func holds(_ values: [Double]) -> Bool { conditions.allSatisfy { $0.admits(values[$0.feature]) } }

  /// Whether a row of a table satisfies the clause.
  public func holds(row: Int, of table: RuleTable) -> Bool {
    conditions.allSatisfy { $0.admits(table[row, $0.feature]) }
  }

  /// The rows of a table that satisfy the clause, ascending.
  ///
  /// - Parameter candidates: the only rows asked; all when nil.
  public func coveredRows(of table: RuleTable, among candidates: [Int]? = nil) -> [Int] {
    var rows = candidates
    table.values.withUnsafeBufferPointer { values in
      for condition in conditions where rows?.isEmpty != true {
        let start = condition.feature * table.rowCount
        rows = condition.admittedRows(
          UnsafeBufferPointer(rebasing: values[start..<(start + table.rowCount)]), among: rows)
      }
    }
    return rows ?? Array(0..<table.rowCount)
  }

  // MARK: Algebra

  /// Whether some condition admits nothing, whatever the features are.
  public var isContradictory: Bool { conditions.contains(where: \.isContradictory) }

  /// Whether some example of these features satisfies the clause: no empty interval, no integer feature without
  /// an integer between its bounds, no set without a level that exists.
  public func isSatisfiable(in features: [Feature]) -> Bool {
    conditions.allSatisfy { !$0.canonical(in: features[$0.feature]).isContradictory }
  }

  /// Whether every example that satisfies the other clause satisfies this one, so that in a disjunction the other
  /// one is redundant.
  ///
  /// Exact for clauses in canonical form, but for the pairs that ``Condition/isSubset(of:)`` names.
  public func subsumes(_ other: Clause) -> Bool {
    if other.isContradictory { return true }
    return conditions.allSatisfy { mine in other.condition(on: mine.feature)?.isSubset(of: mine) ?? false }
  }

  /// What satisfies both clauses.
  public func intersection(_ other: Clause) -> Clause { Clause(conditions: conditions + other.conditions) }

  /// The one clause that admits exactly what either of the two admits, if there is one: one subsumes the other, or
  /// they agree on all features but one, where they touch or overlap.
  public func union(_ other: Clause) -> Clause? {
    if subsumes(other) { return self }
    if other.subsumes(self) { return other }
    guard conditions.count == other.conditions.count else { return nil }
    var merged = conditions
    var differs = false
    for (index, (mine, theirs)) in zip(conditions, other.conditions).enumerated() where mine != theirs {
      guard mine.feature == theirs.feature, !differs, let union = mine.union(theirs) else { return nil }
      merged[index] = union
      differs = true
    }
    return Clause(sorted: merged)
  }

  /// The clause without its condition on a feature.
  public func removing(feature: Int) -> Clause { Clause(sorted: conditions.filter { $0.feature != feature }) }

  /// The clause without one of its terms.
  ///
  /// Of a condition with two bounds the other bound stays.
  public func removing(_ term: Term) -> Clause { Clause(terms.filter { $0 != term }) }

  /// The clause with every condition in the one form that its feature allows.
  public func canonical(in features: [Feature]) -> Clause {
    Clause(sorted: conditions.map { $0.canonical(in: features[$0.feature]) })
  }

  /// The clauses that together admit exactly what this one does not, and no two of which meet.
  public func complement(in features: [Feature]) -> [Clause] {
    if isContradictory { return [.always] }
    var result: [Clause] = []
    var before = Clause.always
    for term in terms {
      let clause = before.intersection(Clause([term.negated(in: features)]))
      if clause.isSatisfiable(in: features) { result.append(clause) }
      before = before.intersection(Clause([term]))
    }
    return result
  }
}
