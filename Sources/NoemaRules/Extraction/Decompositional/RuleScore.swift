/// How good a rule is, when some are to be left out.
///
/// - Source: Shams, Dimanov, Kola, Simidjievski, Andres Terre, Scherer, Matjašec, Abraham, Liò and Jamnik, "REM: an
///   integrative rule extraction methodology for explainable data analysis in healthcare", 2021.
public enum RuleScore: String, Sendable, Hashable, Codable, CaseIterable {
  /// All rules alike, so that later ones go first.
  case majority
  /// The share of covered examples for which the rule is right.
  case accuracy
  /// The rule's confidence.
  case confidence
  /// `(c − i)/(c + i) + c/(i + 4) + c/terms` for `c` right and `i` wrong examples.
  case hillClimb = "hill-climb"

  func value(_ rule: Rule) -> Double {
    switch self {
    case .majority: return 1
    case .accuracy: return rule.support.precision
    case .confidence: return rule.confidence
    case .hillClimb:
      let (right, all) = (rule.support.correct, rule.support.cover)
      let wrong = max(0, all - right)
      let balance = all > 0 ? (right - wrong) / all : 0
      return balance + right / (wrong + 4) + right / Double(max(1, rule.clause.termCount))
    }
  }

  /// The rules without a share of each class, the worst ones, in their order.
  func dropping(_ share: Double, of rules: [Rule]) -> [Rule] {
    guard share > 0 else { return rules }
    var gone: Set<Int> = []
    for label in Set(rules.compactMap(\.conclusion.label)) {
      let own = worstFirst(rules).filter { rules[$0].conclusion.label == label }
      gone.formUnion(own.prefix(Int(share * Double(own.count))))
    }
    return rules.indices.filter { !gone.contains($0) }.map { rules[$0] }
  }

  /// The best rules, in their order.
  func keeping(_ count: Int?, of rules: [Rule]) -> [Rule] {
    guard let count, rules.count > count else { return rules }
    return worstFirst(rules).suffix(count).sorted().map { rules[$0] }
  }

  /// Of equals the later first.
  private func worstFirst(_ rules: [Rule]) -> [Int] {
    let values = rules.map(value)
    return rules.indices.sorted { values[$0] != values[$1] ? values[$0] < values[$1] : $0 > $1 }
  }
}
