internal import Foundation

/// Rules in plain words.
///
///     IF 1.5 < petal length <= 4.9 cm AND colour in {red, blue} THEN setosa  [confidence 0.93, cover 120, correct 112]
///
/// A concept that is present or absent is `grass` or `not grass` (``Feature/presence(_:origin:)``).
///
/// Line breaks and control characters of names are written as escapes, so that a rule stays on its line.
public enum RuleText {
  /// A condition, such as `1.5 < length <= 2 cm`.
  public static func text(_ condition: Condition, in features: [Feature]) -> String {
    let feature = features[condition.feature]
    let name = plain(feature.name)
    let text: String
    switch condition.canonical(in: feature).values {
    case .all: return condition.admitsMissing ? "always" : "\(name) is present"
    case .none: return condition.admitsMissing ? "\(name) is missing" : "never"
    case .levels(let levels) where feature.isPresence && levels.count == 1:
      text = levels.contains(1) ? name : "not \(name)"
    case .levels(let levels):
      let names = levels.levels.map { plain(feature.levels?[$0] ?? "\($0)") }
      text = names.count == 1 ? "\(name) = \(names[0])" : "\(name) in {\(names.joined(separator: ", "))}"
    case .interval(let lower, let upper): text = interval(lower, upper, name, feature)
    }
    return condition.admitsMissing ? "(\(text) or missing)" : text
  }

  private static func interval(_ lower: Double, _ upper: Double, _ name: String, _ feature: Feature) -> String
  {
    func bound(_ value: Double) -> String {
      guard let levels = feature.levels else { return DecimalText.shortest(value) }
      return levels.indices.contains(Int(value)) ? plain(levels[Int(value)]) : DecimalText.shortest(value)
    }
    let unit = feature.unit.map { " " + plain($0) } ?? ""
    if lower == -.infinity { return "\(name) <= \(bound(upper))\(unit)" }
    if upper == .infinity { return "\(name) > \(bound(lower))\(unit)" }
    return "\(bound(lower)) < \(name) <= \(bound(upper))\(unit)"
  }

  /// A term, such as `length > 1.5 cm`.
  public static func text(_ term: Term, in features: [Feature]) -> String {
    text(Condition(term), in: features)
  }

  /// A clause, its conditions joined by AND; `always` without conditions.
  public static func text(_ clause: Clause, in features: [Feature]) -> String {
    clause.conditions.isEmpty
      ? "always" : clause.conditions.map { text($0, in: features) }.joined(separator: " AND ")
  }

  /// A conclusion: the name of the class, or the number.
  public static func text(_ conclusion: Conclusion, in classes: [String]) -> String {
    switch conclusion {
    case .label(let label): plain(classes[label])
    case .value(let value): DecimalText.shortest(value)
    }
  }

  /// A rule on one line, with confidence and support.
  public static func text(_ rule: Rule, in model: some RuleModel) -> String {
    "IF \(text(rule.clause, in: model.features)) THEN \(text(rule.conclusion, in: model.classes))  \(support(rule))"
  }

  private static func support(_ rule: Rule) -> String {
    let weight = rule.support.weight == 1 ? "" : ", weight \(short(rule.support.weight))"
    return "[confidence \(String(format: "%.3f", rule.confidence)), cover \(short(rule.support.cover)), "
      + "correct \(short(rule.support.correct))\(weight)]"
  }

  /// A count or weight in at most six digits.
  static func short(_ value: Double) -> String { String(format: "%.6g", value) }

  /// Text without line breaks and control characters, which become escapes.
  static func plain(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension RuleSet {
  /// The rules in plain words, one a line, the default last.
  public var text: String {
    let head = "\(rules.count) rules, conflicts by \(resolution.rawValue)"
    let lines = rules.map { RuleText.text($0, in: self) }
    return ([head] + lines + ["OTHERWISE \(RuleText.text(defaultConclusion, in: classes))"])
      .joined(separator: "\n") + "\n"
  }
}

extension RuleList {
  /// The rules in plain words, in their order, one a line.
  public var text: String {
    let counts = counting == .marginal ? "all they cover" : "what earlier rules leave"
    let lines = rules.enumerated().map { ($0 > 0 ? "ELSE " : "") + RuleText.text($1, in: self) }
    return (["\(rules.count) rules, first match; counts are of \(counts)"] + lines + [last]).joined(
      separator: "\n")
      + "\n"
  }

  private var last: String {
    let text = RuleText.text(otherwise, in: self)
    return "ELSE " + text.dropFirst("IF always THEN ".count)
  }
}

extension DecisionTree {
  /// The tree in plain words, one question or leaf a line, deeper ones further right.
  public var text: String {
    var lines: [String] = []
    var open: [(node: Int, depth: Int, edge: String)] = [(0, 0, "")]
    while let (index, depth, edge) = open.popLast() {
      let node = nodes[index]
      let margin = String(repeating: "  ", count: min(depth, 100)) + edge
      guard let split = node.split else {
        lines.append("\(margin)\(RuleText.text(conclusion(atNode: index), in: classes))  \(counts(node))")
        continue
      }
      lines.append("\(margin)\(question(split))?")
      for (position, child) in node.children.enumerated().reversed() {
        let isDefault = position == node.defaultChild && split.asksValues && missingPolicy == .defaultChild
        open.append((child, depth + 1, answer(position, split) + (isDefault ? " or missing: " : ": ")))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A question in words.
  func question(_ split: Split) -> String {
    switch split {
    case .term(let term): RuleText.text(term, in: features)
    case .groups(let feature, _): RuleText.plain(features[feature].name)
    case .mOfN(let test):
      "at least \(test.m) of {\(test.literals.map { RuleText.text($0, in: features) }.joined(separator: "; "))}"
    }
  }

  /// The answer that leads to a child, in words.
  func answer(_ position: Int, _ split: Split) -> String {
    guard case .groups(let feature, let groups) = split else { return position == 0 ? "yes" : "no" }
    return groups[position].levels.map { RuleText.plain(features[feature].levels?[$0] ?? "\($0)") }
      .joined(separator: ", ")
  }

  private func counts(_ node: Node) -> String {
    let parts = zip(classes, node.distribution).filter { $0.1 > 0 }
      .map { "\(RuleText.plain($0)) \(RuleText.short($1))" }
    return
      "[weight \(RuleText.short(node.weight))\(parts.isEmpty ? "" : ": " + parts.joined(separator: ", "))]"
  }
}

extension DecisionTree.Split {
  /// Whether a missing value leaves the question open.
  var asksValues: Bool {
    switch self {
    case .groups: true
    case .mOfN, .term(.isMissing), .term(.isPresent): false
    case .term: true
    }
  }
}
