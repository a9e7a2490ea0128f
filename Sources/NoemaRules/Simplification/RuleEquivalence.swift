internal import Glibc
internal import NoemaTensor

/// Whether two models, sets, lists or trees, answer alike for every example, missing values included.
///
/// The thresholds of both cut each feature into intervals, and the level sets into groups of levels, within which
/// neither can tell examples apart: a truth table with one line for each combination. When it is short enough all of it
/// is read, and the answer is exact; else lines are drawn, and the result bounds the share of lines that differ.
public struct RuleEquivalence: Sendable, Hashable {
  /// An example on which the two differ.
  public struct Difference: Sendable, Hashable {
    /// One value a feature, NaN where missing.
    public let values: [Double]
    /// What the first model says.
    public let first: Conclusion
    /// What the second model says.
    public let second: Conclusion
  }

  /// Whether the whole truth table was read.
  public let isExact: Bool
  /// The number of lines of the truth table; infinite when beyond a double.
  public let cellCount: Double
  /// The number of lines read.
  public let checkedCount: Int
  /// The number of lines read on which the two differ.
  public let differingCount: Int
  /// The first difference found; nil when there is none.
  public let difference: Difference?

  /// Whether no difference was found; a proof when ``isExact``.
  public var areEqual: Bool { differingCount == 0 }

  /// The upper end of the share of lines that differ: exact when all were read, else at 95 % confidence.
  public var differingShareBound: Double {
    if isExact { return Double(differingCount) / Double(max(1, checkedCount)) }
    // Of no hit in n draws, `1 − 0.05^(1/n)`.
    if differingCount == 0 { return checkedCount > 0 ? -expm1(log(0.05) / Double(checkedCount)) : 1 }
    return Estimate.wilson(Double(differingCount), of: Double(checkedCount), deviate: 1.6448536269514722)
      .upper
  }

  /// Compares two models over the same features and classes.
  ///
  /// - Parameters:
  ///   - limit: the largest truth table that is read as a whole, and the number of lines drawn of a larger one.
  ///   - includingMissing: whether values may be missing.
  ///   - seed: of the draws.
  /// - Throws: `RuleError` when features or classes differ, or the limit is not positive.
  public init(
    _ first: some RuleModel, _ second: some RuleModel, limit: Int = 200_000, includingMissing: Bool = true,
    seed: UInt64 = 7
  ) throws(RuleError) {
    guard limit > 0 else {
      throw RuleError(.parameters("the limit is \(limit); give a positive number of lines"))
    }
    try RuleTable(unchecked: first.features, rowCount: 0, values: []).check(matches: second.features)
    guard first.classes == second.classes else {
      throw RuleError(.malformed("the classes are \(first.classes) and \(second.classes)"))
    }
    let cells = FeatureCells(
      first.features, terms: first.terms + second.terms, includingMissing: includingMissing)
    cellCount = cells.count
    isExact = cells.count <= Double(limit)
    checkedCount = isExact ? Int(cells.count) : limit
    var (differing, found) = (0, Difference?.none)
    var random = RandomNumbers(seed: seed)
    for line in 0..<checkedCount {
      let values = isExact ? cells.line(line) : cells.randomLine(using: &random)
      let (a, b) = (first.conclusion(values), second.conclusion(values))
      guard a != b else { continue }
      differing += 1
      found = found ?? Difference(values: values, first: a, second: b)
    }
    differingCount = differing
    difference = found
  }
}

/// One value for each part of a feature that terms tell apart.
struct FeatureCells {
  /// For each feature, a value in each part; one alone for a feature that no term reads.
  let representatives: [[Double]]

  init(_ features: [Feature], terms: [Term], includingMissing: Bool) {
    let byFeature = Dictionary(grouping: terms, by: \.feature)
    representatives = features.indices.map { feature in
      guard let terms = byFeature[feature] else { return [0] }
      let present =
        features[feature].levels.map { FeatureCells.levels($0.count, terms) }
        ?? FeatureCells.numbers(terms, isInteger: features[feature].isDiscrete)
      return present + (includingMissing ? [.nan] : [])
    }
  }

  /// The number of combinations.
  var count: Double { representatives.reduce(1) { $0 * Double($1.count) } }

  /// A combination by its number, the first feature changing fastest.
  func line(_ number: Int) -> [Double] {
    var rest = number
    return representatives.map { values in
      defer { rest /= values.count }
      return values[rest % values.count]
    }
  }

  func randomLine(using random: inout RandomNumbers) -> [Double] {
    representatives.map { $0[random.index(below: $0.count)] }
  }

  /// The thresholds, each the end of an interval, and a number beyond the last.
  private static func numbers(_ terms: [Term], isInteger: Bool) -> [Double] {
    let ends = Set(
      terms.compactMap(\.threshold).filter(\.isFinite).map { isInteger ? $0.rounded(.down) : $0 }
    )
    .sorted()
    guard let last = ends.last else { return [0] }
    let beyond = isInteger ? max(last + 1, last.nextUp) : last.nextUp
    return beyond.isFinite ? ends + [beyond] : ends
  }

  /// The first of the levels that all terms answer alike.
  private static func levels(_ count: Int, _ terms: [Term]) -> [Double] {
    var seen: Set<[Bool]> = []
    return (0..<count).map { Double($0) }.filter { level in
      seen.insert(terms.map { $0.admits(level) }).inserted
    }
  }
}
