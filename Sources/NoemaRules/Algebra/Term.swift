/// A test of one feature: the literal of clauses and the question of tree nodes.
///
/// `x ≤ t` and `x > t` are exact complements for every number. A missing value (NaN) answers a comparison or a
/// membership with *false*, unless the term says `orMissing`: so a term with `orMissing` is the complement of the
/// opposite one without, and a tree that sends missing values one way is a set of clauses without loss.
/// Features are named by their index in a table, levels by their index in the feature.
public enum Term: Sendable, Hashable {
  /// The value is at most the threshold.
  case atMost(_ feature: Int, _ threshold: Double, orMissing: Bool = false)
  /// The value is above the threshold.
  case above(_ feature: Int, _ threshold: Double, orMissing: Bool = false)
  /// The level is in a set.
  case isIn(_ feature: Int, _ levels: LevelSet, orMissing: Bool = false)
  /// The value is missing.
  case isMissing(_ feature: Int)
  /// The value is not missing.
  case isPresent(_ feature: Int)

  /// The index of the feature.
  public var feature: Int {
    switch self {
    case .atMost(let feature, _, _), .above(let feature, _, _), .isIn(let feature, _, _),
      .isMissing(let feature), .isPresent(let feature):
      feature
    }
  }

  /// The threshold of a comparison.
  public var threshold: Double? {
    switch self {
    case .atMost(_, let threshold, _), .above(_, let threshold, _): threshold
    default: nil
    }
  }

  /// Whether a missing value satisfies the term.
  public var admitsMissing: Bool {
    switch self {
    case .atMost(_, _, let orMissing), .above(_, _, let orMissing), .isIn(_, _, let orMissing): orMissing
    case .isMissing: true
    case .isPresent: false
    }
  }

  /// Whether a value of the feature satisfies the term; NaN is a missing value.
  @inline(__always)
  public func admits(_ value: Double) -> Bool {
    if value.isNaN { return admitsMissing }
    switch self {
    case .atMost(_, let threshold, _): return value <= threshold
    case .above(_, let threshold, _): return value > threshold
    case .isIn(_, let levels, _): return levels.contains(value: value)
    case .isMissing: return false
    case .isPresent: return true
    }
  }

  /// Whether an example satisfies the term.
  ///
  /// - Parameter values: one value a feature.
  public func holds(_ values: [Double]) -> Bool { admits(values[feature]) }

  /// Whether a row of a table satisfies the term.
  public func holds(row: Int, of table: RuleTable) -> Bool { admits(table[row, feature]) }

  /// The term that holds exactly where this one does not.
  ///
  /// - Parameter features: for the levels that a membership leaves out.
  public func negated(in features: [Feature]) -> Term {
    switch self {
    case .atMost(let feature, let threshold, let orMissing):
      .above(feature, threshold, orMissing: !orMissing)
    case .above(let feature, let threshold, let orMissing):
      .atMost(feature, threshold, orMissing: !orMissing)
    case .isIn(let feature, let levels, let orMissing):
      .isIn(
        feature, LevelSet(all: features[feature].levels?.count ?? 0).subtracting(levels),
        orMissing: !orMissing)
    case .isMissing(let feature): .isPresent(feature)
    case .isPresent(let feature): .isMissing(feature)
    }
  }
}
