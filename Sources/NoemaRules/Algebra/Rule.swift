internal import Glibc

/// What a rule or a leaf says.
public enum Conclusion: Sendable, Hashable {
  /// The class of this index.
  case label(Int)
  /// A number.
  case value(Double)

  /// The index of the class, nil of a number.
  public var label: Int? { if case .label(let label) = self { label } else { nil } }

  /// The number, nil of a class.
  public var value: Double? { if case .value(let value) = self { value } else { nil } }
}

/// How much data a rule rests on.
public struct Support: Sendable, Hashable, Codable {
  /// The examples that the clause covers; a sum of weights when examples have weights.
  public var cover: Double
  /// Those of them for which the conclusion is right; of a number, those within the learner's tolerance.
  public var correct: Double
  /// The rule's own weight when several rules vote, as boosting gives it.
  public var weight: Double

  /// Makes a support.
  public init(cover: Double, correct: Double, weight: Double = 1) {
    self.cover = cover
    self.correct = correct
    self.weight = weight
  }

  /// No data.
  public static let none = Support(cover: 0, correct: 0)

  /// The share of correct among covered examples; 0 of none.
  public var precision: Double { cover > 0 ? correct / cover : 0 }

  /// `(correct + 1) / (cover + 2)`, the confidence of C5.0.
  public var laplace: Double { (correct + 1) / (cover + 2) }

  /// The natural logarithm of the odds of ``laplace``: finite for every support.
  var logOdds: Double { log((correct + 1) / (max(0, cover - correct) + 1)) }
}

/// If a clause holds, then a conclusion.
public struct Rule: Sendable, Hashable {
  /// When the rule fires.
  public var clause: Clause
  /// What it then says.
  public var conclusion: Conclusion
  /// The data it rests on.
  public var support: Support
  /// How far the conclusion is to be trusted, in [0, 1].
  public var confidence: Double

  /// Makes a rule.
  ///
  /// - Parameter confidence: ``Support/laplace`` when nil.
  public init(
    _ clause: Clause, _ conclusion: Conclusion, support: Support = .none, confidence: Double? = nil
  ) {
    self.clause = clause
    self.conclusion = conclusion
    self.support = support
    self.confidence = confidence ?? support.laplace
  }
}

extension Rule {
  /// Checks that the rule speaks about these features and classes in finite numbers.
  func check(_ features: [Feature], _ classes: [String], place: String) throws(RuleError) {
    for condition in clause.conditions { try condition.check(features, place: place) }
    try conclusion.check(classes, place: place)
    guard support.cover.isFinite, support.correct.isFinite, support.weight.isFinite, confidence.isFinite,
      support.cover >= 0, support.correct >= 0, support.weight >= 0, (0...1).contains(confidence)
    else {
      throw RuleError(
        .malformed("cover, correct and weight must be finite and not negative, the confidence from 0 to 1"),
        at: place)
    }
  }
}

extension Conclusion {
  func check(_ classes: [String], place: String) throws(RuleError) {
    switch self {
    case .label(let label) where !classes.indices.contains(label):
      throw RuleError(.malformed("it concludes class \(label) of \(classes.count)"), at: place)
    case .value(let value) where !classes.isEmpty:
      throw RuleError(.malformed("it concludes the number \(value), but there are classes"), at: place)
    case .value(let value) where !value.isFinite:
      throw RuleError(.notFinite("it concludes \(value)"), at: place)
    default: return
    }
  }
}

extension Condition {
  func check(_ features: [Feature], place: String) throws(RuleError) {
    guard features.indices.contains(feature) else {
      throw RuleError(.malformed("it reads feature \(feature) of \(features.count)"), at: place)
    }
    switch values {
    case .levels(let levels):
      guard let names = features[feature].levels else {
        throw RuleError(.malformed("'\(features[feature].name)' is a number and has no levels"), at: place)
      }
      if let level = levels.levels.last, level >= names.count {
        throw RuleError(
          .malformed("'\(features[feature].name)' has \(names.count) levels, none is number \(level)"),
          at: place)
      }
    case .interval:
      guard features[feature].isOrdered else {
        throw RuleError(
          .malformed("'\(features[feature].name)' is a category and has no thresholds"), at: place)
      }
    case .all, .none: return
    }
  }
}
