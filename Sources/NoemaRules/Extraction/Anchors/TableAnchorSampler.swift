public import NoemaTensor

/// A row of a table to be explained by terms: on which side of each threshold its numbers lie, and its levels.
///
/// Thresholds divide each ordered feature into bins of about equally many examples: quartiles unless told otherwise.
/// A drawn row is that of a random example; where it breaks a fixed term, the feature takes the value of another random
/// example that satisfies all fixed terms on it. So features stay together as far as the terms allow.
///
/// - Source: Ribeiro, Singh and Guestrin, AAAI 2018, and its implementation for tables.
public struct TableAnchorSampler: AnchorSampler {
  /// The terms, each a statement; all hold of the row.
  public let terms: [Term]
  /// The class that the network gives the row.
  public let label: Int
  private let values: [Double]
  private let oracle: any TableOracle
  private let bins: AnchorBins

  /// Takes a row.
  ///
  /// - Parameters:
  ///   - oracle: what is explained.
  ///   - examples: rows from which others are drawn.
  ///   - values: the row, one value a feature, NaN where missing.
  ///   - bins: the bins of a feature, 2 to 255.
  /// - Throws: `RuleError` when the examples or the row do not fit the oracle, for bins out of range and no examples,
  ///   and what asking throws.
  public init(
    _ oracle: any TableOracle, examples: RuleTable, values: [Double], bins: Int = 4
  ) throws {
    try examples.check(matches: oracle.features)
    let row = try RuleTable(features: oracle.features, rows: [values])
    let label = try OracleAnswers(of: oracle, on: row).labels[0]
    self.init(oracle, try AnchorBins(examples, count: bins), values: values, label: label)
  }

  init(_ oracle: any TableOracle, _ bins: AnchorBins, values: [Double], label: Int) {
    (self.oracle, self.bins, self.values, self.label) = (oracle, bins, values, label)
    terms = bins.terms(of: values)
  }

  /// The number of statements: terms.
  public var predicateCount: Int { terms.count }

  /// A statement in words.
  public func text(_ predicate: Int) -> String {
    RuleText.text(terms[predicate], in: bins.examples.features)
  }

  /// The other terms that hold wherever this one does.
  public func consequences(of predicate: Int) -> [Int] {
    let term = terms[predicate]
    let condition = Condition(term)
    return terms.indices.filter {
      $0 != predicate && terms[$0].feature == term.feature && condition.isSubset(of: Condition(terms[$0]))
    }
  }

  /// Draws rows of which some statements hold, and the others as chance has it.
  public func draw(
    _ count: Int, fixing predicates: [Int], using random: inout RandomNumbers
  ) -> [[Double]] {
    let conditions = clause(predicates).conditions
    return (0..<count).map { _ in
      var row = bins.examples.row(random.index(below: bins.examples.rowCount))
      for condition in conditions where !condition.admits(row[condition.feature]) {
        row[condition.feature] = bins.draw(condition, using: &random) ?? values[condition.feature]
      }
      return row
    }
  }

  /// Whether a statement holds of a drawn row.
  public func holds(_ predicate: Int, of sample: [Double]) -> Bool { terms[predicate].holds(sample) }

  /// The class that the network gives each drawn row; throws what asking throws.
  public func labels(of samples: [[Double]]) throws -> [Int] {
    let features = bins.examples.features
    let table = RuleTable(
      unchecked: features, rowCount: samples.count,
      values: features.indices.flatMap { feature in samples.map { $0[feature] } })
    return try OracleAnswers(of: oracle, on: table).labels
  }

  /// The conjunction of some statements.
  public func clause(_ predicates: [Int]) -> Clause { Clause(predicates.map { terms[$0] }) }
}
