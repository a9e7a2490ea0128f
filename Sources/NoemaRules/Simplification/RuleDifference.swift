/// What is different between two rule sets: which rules came, went or moved, and what that changes.
public struct RuleDifference: Sendable, Hashable {
  /// A rule of the first set and one of the second, by index.
  public struct Pair: Sendable, Hashable {
    /// The index in the first set.
    public let first: Int
    /// The index in the second set.
    public let second: Int
  }

  /// A rule that both have in another form.
  public struct Change: Sendable, Hashable {
    /// The two forms.
    public let pair: Pair
    /// What is different.
    public let kind: Kind

    /// How two rules differ.
    public enum Kind: Sendable, Hashable {
      /// The same clause, another conclusion.
      case conclusion
      /// The same conclusion and the same kinds of questions about the same features, other thresholds or levels; the
      /// features that changed.
      case conditions([Int])
    }
  }

  /// Rules with the same clause and conclusion.
  public let common: [Pair]
  /// Rules that changed.
  public let changed: [Change]
  /// The rules that only the first set has, by index.
  public let removed: [Int]
  /// The rules that only the second set has, by index.
  public let added: [Int]
  /// Whether the two answer alike on every possible example.
  public let equivalence: RuleEquivalence
  /// On data, the share of rows with the same class (of numbers, the same number); nil without data.
  public let agreement: Estimate?
  /// On data, `confusion[class in the first][class in the second]`; empty of numbers and without data.
  public let confusion: [[Int]]
  /// The rows of the data on which they differ.
  public let differingRows: [Int]

  /// Compares two rule sets over the same features and classes.
  ///
  /// Rules are first paired when equal in canonical form, then by clause alone, then by conclusion and questions, those
  /// that share most conditions first.
  ///
  /// - Parameters:
  ///   - table: data to compare answers on.
  ///   - limit: as in ``RuleEquivalence``.
  /// - Throws: `RuleError` when features or classes differ, also those of the table.
  public init(
    _ first: RuleSet, _ second: RuleSet, on table: RuleTable? = nil, limit: Int = 200_000
  ) throws(RuleError) {
    equivalence = try RuleEquivalence(first, second, limit: limit)
    let pairing = RulePairing(first.canonical(), second.canonical())
    common = pairing.common
    changed = pairing.changed
    removed = pairing.removed
    added = pairing.added
    guard let table else {
      (agreement, confusion, differingRows) = (nil, [], [])
      return
    }
    let (a, b) = (try first.conclusions(on: table), try second.conclusions(on: table))
    let rows = a.indices.filter { a[$0] != b[$0] }
    differingRows = rows
    agreement = .share(a.count - rows.count, of: a.count)
    let classes = first.classes.indices
    var cells = classes.map { _ in classes.map { _ in 0 } }
    for (x, y) in zip(a, b) {
      if let x = x.label, let y = y.label { cells[x][y] += 1 }
    }
    confusion = cells
  }
}

/// Pairs the rules of two sets in canonical form.
private struct RulePairing {
  private(set) var common: [RuleDifference.Pair] = []
  private(set) var changed: [RuleDifference.Change] = []
  private(set) var removed: [Int]
  private(set) var added: [Int]

  init(_ first: RuleSet, _ second: RuleSet) {
    let (a, b) = (first.rules, second.rules)
    removed = Array(a.indices)
    added = Array(b.indices)
    common = pairs(
      { RuleKey(clause: a[$0].clause, conclusion: a[$0].conclusion) },
      { RuleKey(clause: b[$0].clause, conclusion: b[$0].conclusion) })
    changed = pairs({ a[$0].clause }, { b[$0].clause }).map { .init(pair: $0, kind: .conclusion) }
    // The same questions: pair those that share most conditions.
    let groups = Dictionary(grouping: added) { Questions(b[$0]) }
    var candidates: [(shared: Int, first: Int, second: Int)] = []
    for index in removed {
      for other in groups[Questions(a[index])] ?? [] {
        let shared = zip(a[index].clause.conditions, b[other].clause.conditions).count { $0 == $1 }
        candidates.append((shared, index, other))
      }
    }
    candidates.sort { ($1.shared, $0.first, $0.second) < ($0.shared, $1.first, $1.second) }
    for candidate in candidates where removed.contains(candidate.first) && added.contains(candidate.second) {
      let features = zip(a[candidate.first].clause.conditions, b[candidate.second].clause.conditions)
        .filter { $0 != $1 }.map(\.0.feature)
      let pair = RuleDifference.Pair(first: candidate.first, second: candidate.second)
      changed.append(.init(pair: pair, kind: .conditions(features)))
      removed.removeAll { $0 == candidate.first }
      added.removeAll { $0 == candidate.second }
    }
  }

  /// Pairs what has equal keys, in order, and takes the pairs off the lists.
  private mutating func pairs<Key: Hashable>(
    _ first: (Int) -> Key, _ second: (Int) -> Key
  ) -> [RuleDifference.Pair] {
    var open: [Key: [Int]] = [:]
    for index in added.reversed() { open[second(index), default: []].append(index) }
    var result: [RuleDifference.Pair] = []
    for index in removed {
      if let partner = open[first(index)]?.popLast() { result.append(.init(first: index, second: partner)) }
    }
    let (mine, theirs) = (Set(result.map(\.first)), Set(result.map(\.second)))
    removed.removeAll { mine.contains($0) }
    added.removeAll { theirs.contains($0) }
    return result
  }

  /// What a rule concludes, and what it asks of which features, without numbers and levels.
  private struct Questions: Hashable {
    let conclusion: Conclusion
    let forms: [[Int]]

    init(_ rule: Rule) {
      conclusion = rule.conclusion
      forms = rule.clause.conditions.map { condition in
        let form: Int =
          switch condition.values {
          case .all: 0
          case .none: 1
          case .levels: 2
          case .interval(let lower, let upper): upper == .infinity ? 3 : lower == -.infinity ? 4 : 5
          }
        return [condition.feature, form, condition.admitsMissing ? 1 : 0]
      }
    }
  }
}
