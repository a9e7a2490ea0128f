/// Rules in an order: the first that holds decides, the last entry is *else*.
public struct RuleList: RuleModel, Hashable {
  /// What the supports of a list's rules count.
  public enum Counting: String, Sendable, Hashable, Codable {
    /// All examples that a rule covers, whatever came before it.
    case marginal
    /// The examples that a rule covers and no earlier rule does.
    case conditional
  }

  public let features: [Feature]
  public let classes: [String]
  /// The rules, first match first.
  public let rules: [Rule]
  /// The conclusion when no rule holds, with the data it rests on.
  public let otherwise: Rule
  /// What the supports count.
  public let counting: Counting

  /// The conclusion when no rule holds.
  public var defaultConclusion: Conclusion { otherwise.conclusion }

  /// Makes a rule list.
  ///
  /// - Parameter otherwise: the last entry; its clause is taken as always true.
  /// - Throws: `RuleError` as ``RuleSet/init(features:classes:rules:resolution:defaultConclusion:)``.
  public init(
    features: [Feature], classes: [String], rules: [Rule], otherwise: Rule, counting: Counting = .marginal
  ) throws(RuleError) {
    try Feature.check(features)
    try RuleSet.check(classes)
    for (index, rule) in rules.enumerated() { try rule.check(features, classes, place: "rule \(index + 1)") }
    try otherwise.check(features, classes, place: "the last rule")
    self.init(unchecked: features, classes: classes, rules: rules, otherwise: otherwise, counting: counting)
  }

  /// Makes a rule list of parts that were checked before.
  init(unchecked features: [Feature], classes: [String], rules: [Rule], otherwise: Rule, counting: Counting) {
    self.features = features
    self.classes = classes
    self.rules = rules
    self.otherwise = Rule(
      .always, otherwise.conclusion, support: otherwise.support, confidence: otherwise.confidence)
    self.counting = counting
  }

  public var terms: [Term] { rules.flatMap(\.clause.terms) }

  /// The rule that decides for an example; nil when it is the last entry.
  public func decidingRule(_ values: [Double]) -> Int? { rules.firstIndex { $0.clause.holds(values) } }

  public func conclusion(_ values: [Double]) -> Conclusion {
    decidingRule(values).map { rules[$0].conclusion } ?? defaultConclusion
  }

  public func conclusions(on table: RuleTable) throws(RuleError) -> [Conclusion] {
    try decidingRules(on: table).map { $0.map { rules[$0].conclusion } ?? defaultConclusion }
  }

  /// For each row of a table, the rule that decides; nil when it is the last entry.
  ///
  /// - Throws: `RuleError` when the table's features are not those of the rules.
  public func decidingRules(on table: RuleTable) throws(RuleError) -> [Int?] {
    try table.check(matches: features)
    var result = [Int?](repeating: nil, count: table.rowCount)
    var rest = Array(0..<table.rowCount)
    for (index, rule) in rules.enumerated() where !rest.isEmpty {
      for row in rule.clause.coveredRows(of: table, among: rest) { result[row] = index }
      rest.removeAll { result[$0] != nil }
    }
    return result
  }
}
