internal import Foundation
internal import NoemaRules

/// The part of the page in which a reader goes through the test examples and sees which rules fire, and which nearly
/// do.
struct RulesExplorer {
  let report: RulesReport
  let shown: ShownRules

  /// The most examples that the page holds; those on which rules and network differ are always among them.
  static let rowLimit = 2000
  /// The most rules that the page tries.
  static let ruleLimit = 1000

  static let guide = """
    Choose a row. Conditions that hold are marked ✓, others ✗; behind the rules that fire stand those that fail on \
    fewest conditions.
    """

  /// The explorer, with what its script reads.
  ///
  /// - Throws: what the JSON encoder throws.
  func html() throws -> HTML {
    let data = try SpRAYExplorer.scriptText(try content())
    return .element(
      "div", ["class": "rows", "data-content": "rule-rows"],
      [
        .element(
          "div", ["class": "tools"],
          [
            .element(
              "label", [:],
              [
                .text("Row "),
                HTML(trusted: "<input type=\"number\" class=\"row\" min=\"1\" value=\"1\"/>"),
              ]),
            .element("button", ["type": "button", "class": "previous"], text: "Previous"),
            .element("button", ["type": "button", "class": "next"], text: "Next"),
            .element("button", ["type": "button", "class": "differing"], text: "Next where they differ"),
          ]),
        .element("div", ["class": "answers", "aria-live": "polite"]),
        .element(
          "div", ["class": "parts"],
          [
            .element("div", ["class": "values"]), .element("div", ["class": "tried"]),
          ]),
        .element(
          "noscript", [:],
          text: "This part needs scripts; predictions.csv holds the rules that fire for each row."),
        HTML(trusted: "<script type=\"application/json\" id=\"rule-rows\">\(data)</script>"),
      ])
  }

  // MARK: Content

  private struct FeatureEntry: Encodable {
    var name, unit: String
    var levels: [String]?
  }

  private struct Literal: Encodable {
    var feature: Int
    var text: String
    /// Bounds of an interval; null where there is none.
    var low, high: Double?
    /// The levels that will do.
    var levels: [Int]?
    /// Whether a missing value will do.
    var missing: Bool
  }

  private struct ConditionEntry: Encodable {
    var text: String
    var literals: [Literal]
    var atLeast: Int
    var negated: Bool
  }

  private struct RuleEntry: Encodable {
    var name: String
    var conclusion: Int
    var conditions: [ConditionEntry]
    /// Whether it answers when no rule holds.
    var otherwise: Bool
  }

  private struct Row: Encodable {
    var number: Int
    /// One for each feature, null where it is missing.
    var values: [Double?]
    var network, rules: Int
    var truth: Int?
  }

  private struct Content: Encodable {
    var form: String
    var classes: [String]
    var features: [FeatureEntry]
    var rules: [RuleEntry]
    var rows: [Row]
  }

  private func content() throws -> Content {
    let features = report.document.model.features
    let answers = try report.document.model.labels(on: report.table)
    // Features that no rule reads would only hide the others.
    let read = Set(report.document.model.terms.map(\.feature)).sorted()
    let places = Dictionary(uniqueKeysWithValues: read.enumerated().map { ($1, $0) })
    return Content(
      form: report.document.isOrdered ? "list" : report.document.form,
      classes: report.document.model.classes.map(SpRAYExplorer.plain),
      features: read.map { index in
        FeatureEntry(
          name: SpRAYExplorer.plain(features[index].name),
          unit: SpRAYExplorer.plain(features[index].unit ?? ""),
          levels: features[index].levels?.map(SpRAYExplorer.plain))
      },
      rules: shown.rules.enumerated().prefix(Self.ruleLimit).map { index, rule in
        RuleEntry(
          name: rule.place == nil ? "otherwise" : "rule \(index + 1)",
          conclusion: rule.conclusion.label ?? 0,
          conditions: rule.conditions.map { entry($0, features, places) }, otherwise: rule.place == nil)
      },
      rows: rows(answers).map { row in
        Row(
          number: row + 1,
          values: read.map { report.table[row, $0].isNaN ? nil : report.table[row, $0] },
          network: report.network[row], rules: answers[row], truth: report.truth.map { $0[row] })
      })
  }

  private func rows(_ answers: [Int]) -> [Int] {
    let differing = answers.indices.filter { answers[$0] != report.network[$0] }.prefix(Self.rowLimit)
    return Set(differing).union(EvenChoice.of(Self.rowLimit - differing.count, from: answers.count)).sorted()
  }

  private func entry(
    _ condition: ShownCondition, _ features: [Feature], _ places: [Int: Int]
  ) -> ConditionEntry {
    ConditionEntry(
      text: SpRAYExplorer.plain(condition.text(in: features)),
      literals: condition.literals.map { literal in
        var entry = Literal(
          feature: places[literal.feature] ?? 0,
          text: SpRAYExplorer.plain(RuleText.text(literal, in: features)), missing: literal.admitsMissing)
        switch literal.values {
        case .all: break
        case .none: entry.levels = []
        case .levels(let levels): entry.levels = levels.levels
        case .interval(let lower, let upper):
          entry.low = lower.isFinite ? lower : nil
          entry.high = upper.isFinite ? upper : nil
        }
        return entry
      }, atLeast: condition.atLeast, negated: condition.isNegated)
  }
}

extension RuleDocument {
  /// Whether the first rule that holds decides.
  var isOrdered: Bool {
    switch self {
    case .list: true
    case .set(let rules): rules.resolution == .firstMatch
    case .tree: false
    }
  }
}
