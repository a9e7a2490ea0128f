/// What a clause asks of one feature: a set of values, and whether a missing value will do.
///
/// All terms of one feature in a conjunction come to one condition: the greatest lower and the least upper bound,
/// or the levels in all of the sets.
public struct Condition: Sendable, Hashable {
  /// A set of present values.
  public enum Values: Sendable, Hashable {
    /// Every value.
    case all
    /// No value.
    case none
    /// The values above one number (or −∞) and at most another (or +∞).
    case interval(above: Double, atMost: Double)
    /// Some levels.
    case levels(LevelSet)
  }

  /// The index of the feature.
  public let feature: Int
  /// The values that satisfy the condition.
  public let values: Values
  /// Whether a missing value satisfies it.
  public let admitsMissing: Bool

  /// Makes a condition in its simplest form: an interval without bounds is ``Values/all``, an empty one
  /// ``Values/none``.
  public init(_ feature: Int, _ values: Values, admitsMissing: Bool = false) {
    self.feature = feature
    self.values = Condition.simplest(values)
    self.admitsMissing = admitsMissing
  }

  /// Makes the condition that one term states.
  public init(_ term: Term) {
    let values: Values =
      switch term {
      case .atMost(_, let threshold, _): .interval(above: -.infinity, atMost: threshold)
      case .above(_, let threshold, _): .interval(above: threshold, atMost: .infinity)
      case .isIn(_, let levels, _): .levels(levels)
      case .isMissing: .none
      case .isPresent: .all
      }
    self.init(term.feature, values, admitsMissing: term.admitsMissing)
  }

  private static func simplest(_ values: Values) -> Values {
    switch values {
    case .interval(let lower, let upper):
      if !(lower < upper) { return .none }
      if lower == -.infinity, upper == .infinity { return .all }
      // A zero without a sign prints and compares in one way.
      return .interval(above: lower + 0, atMost: upper + 0)
    case .levels(let levels): return levels.isEmpty ? .none : values
    case .all, .none: return values
    }
  }

  /// Whether nothing satisfies the condition, whatever the feature.
  public var isContradictory: Bool { values == .none && !admitsMissing }

  /// Whether everything satisfies it, so that it says nothing.
  public var isTrivial: Bool { values == .all && admitsMissing }

  /// Whether a value satisfies the condition; NaN is a missing value.
  @inline(__always)
  public func admits(_ value: Double) -> Bool {
    if value.isNaN { return admitsMissing }
    switch values {
    case .interval(let lower, let upper): return value > lower && value <= upper
    case .levels(let levels): return levels.contains(value: value)
    case .all: return true
    case .none: return false
    }
  }

  /// The rows of a column whose values satisfy the condition.
  func admittedRows(_ column: UnsafeBufferPointer<Double>, among candidates: [Int]?) -> [Int] {
    // Bounds are taken out of the loop; a missing value fails both comparisons.
    guard case .interval(let lower, let upper) = values else {
      return Condition.select(column, candidates) { admits($0) }
    }
    return admitsMissing
      ? Condition.select(column, candidates) { ($0 > lower && $0 <= upper) || $0.isNaN }
      : Condition.select(column, candidates) { $0 > lower && $0 <= upper }
  }

  @inline(__always)
  private static func select(
    _ column: UnsafeBufferPointer<Double>, _ candidates: [Int]?, _ test: (Double) -> Bool
  ) -> [Int] {
    guard let candidates else { return column.indices.filter { test(column[$0]) } }
    return candidates.filter { test(column[$0]) }
  }

  /// The condition as terms, lower bound first; none when it is trivial.
  public var terms: [Term] {
    switch values {
    case .all: return admitsMissing ? [] : [.isPresent(feature)]
    case .none: return admitsMissing ? [.isMissing(feature)] : [.isIn(feature, [])]
    case .levels(let levels): return [.isIn(feature, levels, orMissing: admitsMissing)]
    case .interval(let lower, let upper):
      var terms: [Term] = []
      if lower > -.infinity { terms.append(.above(feature, lower, orMissing: admitsMissing)) }
      if upper < .infinity { terms.append(.atMost(feature, upper, orMissing: admitsMissing)) }
      return terms
    }
  }
}

// MARK: Algebra
extension Condition {
  /// What satisfies both conditions on the feature.
  public func intersection(_ other: Condition) -> Condition {
    Condition(
      feature, Condition.intersection(values, other.values),
      admitsMissing: admitsMissing && other.admitsMissing)
  }

  /// What satisfies either condition, or nil when that is not one condition: two intervals with a gap between.
  public func union(_ other: Condition) -> Condition? {
    guard let values = Condition.union(values, other.values) else { return nil }
    return Condition(feature, values, admitsMissing: admitsMissing || other.admitsMissing)
  }

  /// Whether everything that satisfies this condition satisfies the other one.
  ///
  /// Between an interval without end and a set of levels the answer is *false*: how many levels there are is not
  /// known here. ``canonical(in:)`` leaves such pairs only where the levels have gaps.
  public func isSubset(of other: Condition) -> Bool {
    (!admitsMissing || other.admitsMissing) && Condition.isSubset(values, of: other.values)
  }

  private static func intersection(_ a: Values, _ b: Values) -> Values {
    switch (a, b) {
    case (.none, _), (_, .none): .none
    case (.all, _): b
    case (_, .all): a
    case (.interval(let l1, let u1), .interval(let l2, let u2)):
      .interval(above: max(l1, l2), atMost: min(u1, u2))
    case (.levels(let first), .levels(let second)): .levels(first.intersection(second))
    case (.levels(let levels), .interval(let lower, let upper)),
      (.interval(let lower, let upper), .levels(let levels)):
      .levels(LevelSet(levels.levels.filter { Double($0) > lower && Double($0) <= upper }))
    }
  }

  private static func union(_ a: Values, _ b: Values) -> Values? {
    switch (a, b) {
    case (.none, _): return b
    case (_, .none): return a
    case (.all, _), (_, .all): return .all
    case (.interval(let l1, let u1), .interval(let l2, let u2)):
      return max(l1, l2) <= min(u1, u2) ? .interval(above: min(l1, l2), atMost: max(u1, u2)) : nil
    case (.levels(let first), .levels(let second)): return .levels(first.union(second))
    default: return isSubset(a, of: b) ? b : isSubset(b, of: a) ? a : nil
    }
  }

  private static func isSubset(_ a: Values, of b: Values) -> Bool {
    switch (a, b) {
    case (.none, _), (_, .all): return true
    case (_, .none), (.all, _): return false
    case (.interval(let l1, let u1), .interval(let l2, let u2)): return l1 >= l2 && u1 <= u2
    case (.levels(let first), .levels(let second)): return first.isSubset(of: second)
    case (.levels(let levels), .interval(let lower, let upper)):
      return levels.levels.allSatisfy { Double($0) > lower && Double($0) <= upper }
    case (.interval(let lower, let upper), .levels(let levels)):
      // Levels begin at 0.
      guard upper <= Double(LevelSet.maximumLevel) else { return false }
      let (first, last) = (max(0, lower.rounded(.down) + 1), upper.rounded(.down))
      return first > last || (Int(first)...Int(last)).allSatisfy { levels.contains($0) }
    }
  }
}

// MARK: Knowing the feature
extension Condition {
  /// The same condition in the one form that its feature allows: whole bounds for whole values, no bounds beyond
  /// the levels, an interval for neighbouring ordinal levels, ``Values/all`` instead of a set of all levels.
  ///
  /// Equal sets of values then have equal conditions.
  public func canonical(in feature: Feature) -> Condition {
    guard feature.isDiscrete else { return self }
    guard let count = feature.levels?.count else {
      guard case .interval(let lower, let upper) = values else { return self }
      return with(.interval(above: lower.rounded(.down), atMost: upper.rounded(.down)))
    }
    let all = LevelSet(all: count)
    guard case .levels(let levels) = Condition.intersection(.levels(all), values), !levels.isEmpty else {
      return with(.none)
    }
    if levels == all { return with(.all) }
    let list = levels.levels
    guard feature.isOrdered, list[list.count - 1] - list[0] == list.count - 1 else {
      return with(.levels(levels))
    }
    return with(
      .interval(
        above: list[0] == 0 ? -.infinity : Double(list[0] - 1),
        atMost: list[list.count - 1] == count - 1 ? .infinity : Double(list[list.count - 1])))
  }

  private func with(_ values: Values) -> Condition {
    Condition(feature, values, admitsMissing: admitsMissing)
  }
}
