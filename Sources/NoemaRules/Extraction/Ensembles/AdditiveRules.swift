internal import Glibc

/// Scores of classes as sums: an intercept, a coefficient for every rule that fires, and straight lines in numbers.
///
/// ```swift
/// let sums = try SparseRuleEnsemble().fit(network, examples: table).model
/// let probabilities = sums.probabilities(row), why = sums.ruleImportances()
/// ```
///
/// The class is that of the greatest score, the first of equals. As a model of rules it is exact; ``ruleSet(steps:)``
/// is the nearest that a set of rules with votes says.
public struct AdditiveRules: RuleModel, Hashable {
  /// What scores are.
  public enum Scale: String, Sendable, Hashable, Codable {
    /// Logarithms of probabilities, less their mean over the classes; probabilities are the softmax of scores.
    case logit
    /// Probabilities, which a sum may leave: then those below 0 count as 0, and all are divided by their sum.
    case probability
  }

  /// A rule and what it adds to each class's score where it fires.
  public struct WeightedRule: Sendable, Hashable {
    /// When the rule fires.
    public let clause: Clause
    /// What it adds to the score of each class.
    public let coefficients: [Double]
    /// The share of the examples on which it fires.
    public let share: Double
  }

  /// A number of an example, kept within bounds, times a coefficient for each class. Of a missing value nothing is
  /// added.
  public struct LinearTerm: Sendable, Hashable {
    /// The index of the feature.
    public let feature: Int
    /// Lesser values count as this one.
    public let lower: Double
    /// Greater values count as this one.
    public let upper: Double
    /// The mean of the examples' values within the bounds, which is subtracted.
    public let centre: Double
    /// The standard deviation of what is left, over the examples.
    public let deviation: Double
    /// What one unit of the feature adds to the score of each class.
    public let coefficients: [Double]

    /// What is multiplied: the value within the bounds less their mean; 0 of a missing one.
    public func value(_ value: Double) -> Double {
      value.isNaN ? 0 : min(max(value, lower), upper) - centre
    }
  }

  public let features: [Feature]
  public let classes: [String]
  /// What scores are.
  public let scale: Scale
  /// The score of each class before anything is added.
  public let intercepts: [Double]
  /// The rules that add to scores.
  public let rules: [WeightedRule]
  /// The numbers that add to scores.
  public let linearTerms: [LinearTerm]

  /// The terms of the rules; straight lines have none.
  public var terms: [Term] { rules.flatMap(\.clause.terms) }

  // MARK: Prediction

  /// The score of each class for one example.
  ///
  /// - Parameter values: one value a feature, NaN where missing.
  public func scores(_ values: [Double]) -> [Double] {
    var scores = intercepts
    for rule in rules where rule.clause.holds(values) {
      AdditiveRules.add(rule.coefficients, 1, to: &scores, at: 0)
    }
    for term in linearTerms {
      AdditiveRules.add(term.coefficients, term.value(values[term.feature]), to: &scores, at: 0)
    }
    return scores
  }

  /// The scores of each row of a table, row after row.
  ///
  /// - Throws: `RuleError` when the table's features are not the model's.
  public func scores(on table: RuleTable) throws(RuleError) -> [Double] {
    try table.check(matches: features)
    var scores = (0..<table.rowCount).flatMap { _ in intercepts }
    for rule in rules {
      for row in rule.clause.coveredRows(of: table) {
        AdditiveRules.add(rule.coefficients, 1, to: &scores, at: row * classes.count)
      }
    }
    for term in linearTerms {
      for row in 0..<table.rowCount {
        AdditiveRules.add(
          term.coefficients, term.value(table[row, term.feature]), to: &scores, at: row * classes.count)
      }
    }
    return scores
  }

  @inline(__always)
  private static func add(_ coefficients: [Double], _ value: Double, to scores: inout [Double], at place: Int)
  {
    for (label, coefficient) in coefficients.enumerated() { scores[place + label] += coefficient * value }
  }

  /// The probability of each class for one example.
  public func probabilities(_ values: [Double]) -> [Double] { probabilities(ofScores: scores(values)) }

  /// The class probabilities of each row of a table, row after row.
  ///
  /// - Throws: `RuleError` when the table's features are not the model's.
  public func probabilities(on table: RuleTable) throws(RuleError) -> [Double] {
    let scores = try scores(on: table), count = classes.count
    return (0..<table.rowCount).flatMap {
      probabilities(ofScores: Array(scores[$0 * count..<($0 + 1) * count]))
    }
  }

  private func probabilities(ofScores scores: [Double]) -> [Double] {
    let greatest = scores.max() ?? 0
    let parts = scores.map { scale == .logit ? exp($0 - greatest) : max(0, $0) }
    let sum = parts.reduce(0, +)
    return parts.map { sum > 0 ? $0 / sum : 1 / Double(parts.count) }
  }

  public func conclusion(_ values: [Double]) -> Conclusion { .label(DecisionTree.largest(scores(values))) }

  public func conclusions(on table: RuleTable) throws(RuleError) -> [Conclusion] {
    let scores = try scores(on: table), count = classes.count
    return (0..<table.rowCount).map {
      .label(DecisionTree.largest(Array(scores[$0 * count..<($0 + 1) * count])))
    }
  }
}

// MARK: Importance
extension AdditiveRules {
  /// How much each rule moves scores: `|a| √(s (1 − s))` for a rule that fires on a share `s` of the examples.
  ///
  /// - Parameter label: of one class; the mean over the classes when nil.
  public func ruleImportances(ofClass label: Int? = nil) -> [Double] {
    rules.map { size($0.coefficients, label) * ($0.share * (1 - $0.share)).squareRoot() }
  }

  /// How much each straight line moves scores: the coefficient's size times the deviation.
  ///
  /// - Parameter label: of one class; the mean over the classes when nil.
  public func linearImportances(ofClass label: Int? = nil) -> [Double] {
    linearTerms.map { size($0.coefficients, label) * $0.deviation }
  }

  /// How much each feature moves scores: the importance of its straight line, and of each rule that speaks about it the
  /// importance divided by the number of features that the rule speaks about.
  ///
  /// - Parameter label: of one class; the mean over the classes when nil.
  /// - Source: Friedman and Popescu 2008, equations 28 to 30.
  public func featureImportances(ofClass label: Int? = nil) -> [Double] {
    var result = [Double](repeating: 0, count: features.count)
    for (rule, importance) in zip(rules, ruleImportances(ofClass: label)) {
      for condition in rule.clause.conditions {
        result[condition.feature] += importance / Double(rule.clause.conditions.count)
      }
    }
    for (term, importance) in zip(linearTerms, linearImportances(ofClass: label)) {
      result[term.feature] += importance
    }
    return result
  }

  private func size(_ coefficients: [Double], _ label: Int?) -> Double {
    if let label { return coefficients.indices.contains(label) ? abs(coefficients[label]) : 0 }
    return coefficients.reduce(0) { $0 + abs($1) } / Double(max(1, coefficients.count))
  }
}

// MARK: As rules that vote
extension AdditiveRules {
  /// The sums as votes: for each class a rule whose weight is the coefficient, less the least of all classes', which
  /// changes no difference of scores and makes weights positive. Intercepts are rules that always fire.
  ///
  /// Confidences are 1, so that a vote is the weight alone. Without straight lines the set gives the class of the sums,
  /// but for scores that are equal up to rounding. A straight line becomes stairs, equally high between its bounds, and
  /// a missing value stands on the stair of the mean: a score differs by at most half a step.
  ///
  /// - Parameter steps: the stairs of a straight line.
  /// - Throws: `RuleError.parameters` for fewer than 2 steps.
  public func ruleSet(steps: Int = 10) throws(RuleError) -> RuleSet {
    try RuleError.require(steps >= 2, "a straight line needs 2 steps or more, found \(steps)")
    var (constant, votes) = (intercepts, [(clause: Clause, weights: [Double])]())
    for rule in rules { votes.append((rule.clause, rule.coefficients)) }
    for term in linearTerms {
      let height = (term.upper - term.lower) / Double(steps)
      AdditiveRules.add(term.coefficients, term.lower + height / 2 - term.centre, to: &constant, at: 0)
      for step in 1..<steps {
        let threshold = term.lower + height * Double(step)
        let clause = Clause([.above(term.feature, threshold, orMissing: term.centre > threshold)])
        votes.append((clause.canonical(in: features), term.coefficients.map { $0 * height }))
      }
    }
    votes.insert((.always, constant), at: 0)
    let voting = votes.flatMap { vote in
      let least = vote.weights.min() ?? 0
      return vote.weights.enumerated().filter { $0.element > least }.map { label, weight in
        Rule(
          vote.clause, .label(label), support: Support(cover: 0, correct: 0, weight: weight - least),
          confidence: 1)
      }
    }
    return try RuleSet(
      features: features, classes: classes, rules: voting, resolution: .confidenceVote,
      defaultConclusion: .label(0))
  }
}
