internal import NoemaTensor

/// The values that each feature takes among examples, without what ties features together; examples to ask an oracle
/// about are drawn from them, also under conditions.
///
/// A number is that of a random example, moved by a Gaussian kernel as wide as the standard deviation over the square
/// root of the number of examples, and reflected at the least and the greatest; of integers the nearest whole number.
/// Levels come as often as among the examples, and values are missing as often.
///
/// ```swift
/// let old = try Marginals(of: table).draw(1000, where: Clause([.above(age, 70)]), seed: 1)
/// ```
///
/// - Source: Craven and Shavlik, *Extracting tree-structured representations of trained networks*, 1996, section 3.
public struct Marginals: Sendable {
  let columns: [FeatureMarginal]

  /// The features, in the order of a table's columns.
  public var features: [Feature] { columns.map(\.feature) }

  /// Counts the values of examples.
  ///
  /// - Throws: `RuleError.tooFew` when there are none.
  public init(of examples: RuleTable) throws(RuleError) {
    try examples.checkNotEmpty()
    columns = examples.features.enumerated().map { FeatureMarginal(examples.column($0), of: $1) }
  }

  /// The box of examples: every number between the least and the greatest, and every listed level, alike.
  init(boxAround examples: RuleTable) throws(RuleError) {
    try examples.checkNotEmpty()
    columns = examples.features.enumerated().map { FeatureMarginal(uniform: examples.column($0), of: $1) }
  }

  init(_ columns: [FeatureMarginal]) { self.columns = columns }

  /// Draws examples that satisfy a clause.
  ///
  /// Features are drawn on their own; more draws, or conditions on other features, leave a feature's first ones as
  /// they are.
  ///
  /// - Throws: `RuleError.parameters` for a negative number, and when no value that the examples suggest satisfies the
  ///   clause; `RuleError.malformed` when the clause does not fit the features.
  public func draw(
    _ count: Int, where clause: Clause = .always, seed: UInt64 = 0
  ) throws(RuleError) -> RuleTable {
    guard count >= 0 else {
      throw RuleError(.parameters("the number of queries must be 0 or more, found \(count)"))
    }
    for condition in clause.conditions { try condition.check(features, place: "the clause") }
    let portions = portions(clause)
    if let index = portions.firstIndex(where: { $0 == nil }), count > 0 {
      throw RuleError(
        .parameters(
          "no value of '\(features[index].name)' near the examples satisfies the clause; drop its condition"))
    }
    return drawn(count, portions.compactMap { $0 }, seed: seed)
  }

  private func portions(_ clause: Clause) -> [FeatureMarginal.Portion?] {
    columns.enumerated().map { $1.portion(clause.condition(on: $0)) }
  }

  private func drawn(_ count: Int, _ portions: [FeatureMarginal.Portion], seed: UInt64) -> RuleTable {
    guard count > 0 else { return RuleTable(unchecked: features, rowCount: 0, values: []) }
    let numbers = RandomNumbers(seed: seed)
    let values = Workers().map(columns.count) { feature in
      var random = numbers.split(feature)
      return (0..<count).map { _ in columns[feature].draw(portions[feature], using: &random) }
    }
    return RuleTable(unchecked: features, rowCount: count, values: Array(values.joined()))
  }
}

// MARK: Draws on a way down a tree
extension Marginals {
  /// How many tries an example may take.
  private static let tries = 20

  /// Draws examples that satisfy a clause and M-of-N tests; fewer when they are hard to find.
  ///
  /// Of each test in turn it is drawn which literals hold, given that enough of them do, and then a value of each
  /// feature within what was drawn. Of one test whose literals are of different features that is the distribution
  /// itself; of several that share features it is close.
  func draw(_ count: Int, on path: PathConstraints, seed: UInt64) -> RuleTable {
    guard !path.tests.isEmpty else {
      let portions = portions(path.clause).compactMap { $0 }
      return drawn(portions.count == columns.count ? count : 0, portions, seed: seed)
    }
    let start = columns.indices.map { path.clause.condition(on: $0) }
    let first = LiteralChances(path.tests[0], start, self)
    var random = RandomNumbers(seed: seed)
    var rows: [[Double]] = []
    for _ in 0..<(Marginals.tries * max(0, count)) where rows.count < count {
      var conditions = start
      guard first.draw(into: &conditions, using: &random),
        path.tests.dropFirst().allSatisfy({
          LiteralChances($0, conditions, self).draw(into: &conditions, using: &random)
        }), let row = drawRow(conditions, using: &random), path.tests.allSatisfy({ $0.holds(row) })
      else { continue }
      rows.append(row)
    }
    let values = columns.indices.flatMap { feature in rows.map { $0[feature] } }
    return RuleTable(unchecked: features, rowCount: rows.count, values: values)
  }

  private func drawRow(_ conditions: [Condition?], using random: inout RandomNumbers) -> [Double]? {
    var row: [Double] = []
    row.reserveCapacity(columns.count)
    for (column, condition) in zip(columns, conditions) {
      guard let portion = column.portion(condition) else { return nil }
      row.append(column.draw(portion, using: &random))
    }
    return row
  }
}

/// How likely the literals of a test are, by themselves and given that enough of the test's hold.
private struct LiteralChances {
  private let test: MOfN
  /// The opposite of each literal.
  private let opposites: [Term]
  private let chances: [Double]
  /// `tails[i][k]`: the chance that at least `k` of the literals from `i` on hold.
  private let tails: [[Double]]

  init(_ test: MOfN, _ conditions: [Condition?], _ marginals: Marginals) {
    let features = marginals.features
    self.test = test
    opposites = test.literals.map { $0.negated(in: features) }
    chances = test.literals.map { literal in
      let (column, condition) = (marginals.columns[literal.feature], conditions[literal.feature])
      let whole = column.portion(condition)?.mass ?? 0
      let part = column.portion(LiteralChances.narrowed(condition, by: literal))?.mass ?? 0
      return whole > 0 ? min(1, part / whole) : 0
    }
    let count = test.literals.count
    var tails = [[Double]](repeating: [Double](repeating: 0, count: count + 2), count: count + 1)
    tails[count][0] = 1
    for index in (0..<count).reversed() {
      tails[index][0] = 1
      for k in 1..<(count + 1) {
        tails[index][k] =
          chances[index] * tails[index + 1][k - 1] + (1 - chances[index]) * tails[index + 1][k]
      }
    }
    self.tails = tails
  }

  /// Draws which literals hold and narrows conditions by them or their opposites.
  ///
  /// - Returns: false when too few can hold.
  func draw(into conditions: inout [Condition?], using random: inout RandomNumbers) -> Bool {
    var needed = min(max(0, test.m), test.literals.count + 1)
    for (index, literal) in test.literals.enumerated() {
      let total = tails[index][needed]
      guard total > 0 else { return false }
      let holds = random.uniform() < chances[index] * tails[index + 1][max(0, needed - 1)] / total
      let term = holds ? literal : opposites[index]
      conditions[literal.feature] = LiteralChances.narrowed(conditions[literal.feature], by: term)
      if holds { needed = max(0, needed - 1) }
    }
    return needed == 0
  }

  private static func narrowed(_ condition: Condition?, by term: Term) -> Condition {
    let other = Condition(term)
    return condition?.intersection(other) ?? other
  }
}

extension RuleTable {
  /// - Throws: `RuleError.tooFew` when there is no row.
  func checkNotEmpty() throws(RuleError) {
    guard rowCount > 0 else { throw RuleError(.tooFew(set: "the table of examples", found: 0, needed: 1)) }
  }
}
