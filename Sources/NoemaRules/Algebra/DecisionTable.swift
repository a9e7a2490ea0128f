/// Rules as a table: a column for each feature in use, a row for each rule, a cell for each condition.
public struct DecisionTable: Sendable, Hashable {
  /// One row.
  public struct Row: Sendable, Hashable {
    /// The condition in each column; nil where the rule does not ask.
    public let cells: [Condition?]
    /// What the row concludes.
    public let rule: Rule
  }

  /// All features of the rules.
  public let features: [Feature]
  /// The classes; empty when conclusions are numbers.
  public let classes: [String]
  /// The features that head the columns, by index, ascending.
  public let columns: [Int]
  /// The rows, first match first.
  public let rows: [Row]
  /// What holds when no row matches.
  public let defaultConclusion: Conclusion

  /// Makes the table of a list; conditions are in the canonical form of their features.
  public init(_ list: RuleList) {
    self.init(
      features: list.features, classes: list.classes, rules: list.rules, otherwise: list.defaultConclusion)
  }

  /// Makes the table of a rule set; rules that vote are ``RuleSet/flattened(limit:)`` first.
  ///
  /// - Throws: `RuleError.limit` when that takes too many parts.
  public init(_ rules: RuleSet, limit: Int = 10_000) throws(RuleError) {
    if let list = rules.list {
      self.init(list)
    } else {
      let flat = try rules.flattened(limit: limit)
      self.init(
        features: flat.features, classes: flat.classes, rules: flat.rules, otherwise: flat.defaultConclusion)
    }
  }

  private init(features: [Feature], classes: [String], rules: [Rule], otherwise: Conclusion) {
    let clauses = rules.map { $0.clause.canonical(in: features) }
    let columns = Set(clauses.flatMap { $0.conditions.map(\.feature) }).sorted()
    self.features = features
    self.classes = classes
    self.columns = columns
    defaultConclusion = otherwise
    rows = zip(rules, clauses).map { rule, clause in
      var rule = rule
      rule.clause = clause
      return Row(cells: columns.map { clause.condition(on: $0) }, rule: rule)
    }
  }

  /// The pairs of rows, by index, that some example matches both and that conclude differently, so that the order of
  /// rows decides.
  public var conflicts: [(first: Int, second: Int)] {
    var result: [(first: Int, second: Int)] = []
    for first in rows.indices {
      for second in rows.indices.dropFirst(first + 1) {
        let (a, b) = (rows[first].rule, rows[second].rule)
        if a.conclusion != b.conclusion, a.clause.intersection(b.clause).isSatisfiable(in: features) {
          result.append((first, second))
        }
      }
    }
    return result
  }

  /// What no row matches, as clauses that do not overlap; empty when the table is complete.
  ///
  /// - Throws: `RuleError.limit` when the search needs more than `limit` clauses.
  public func gaps(limit: Int = 10_000) throws(RuleError) -> [Clause] {
    var open: [Clause] = [.always]
    for row in rows {
      let outside = row.rule.clause.complement(in: features)
      open = open.flatMap { part -> [Clause] in
        guard part.intersection(row.rule.clause).isSatisfiable(in: features) else { return [part] }
        return outside.map { part.intersection($0) }.filter { $0.isSatisfiable(in: features) }
      }
      guard open.count <= limit else {
        throw RuleError(
          .limit(
            "what the rows leave open takes more than \(limit) clauses; simplify them, or raise the limit"))
      }
    }
    return open.map { $0.canonical(in: features) }
  }
}
