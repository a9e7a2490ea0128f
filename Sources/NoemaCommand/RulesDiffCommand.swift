internal import ArgumentParser
internal import Foundation
internal import Noema

struct RulesDiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare two files of rules: which rules differ, and whether that changes an answer.",
    discussion: """
      Rules are paired by what they ask and conclude; trees are compared leaf by leaf.
      Whether both answer alike is read from all combinations of their thresholds, or
      where these are too many, from a sample of them. The exit code is 0 in any case.

      EXAMPLE
        noema rules diff old/rules.json new/rules.json --data test.csv
      """)

  @Argument(help: "A rules.json of noema rules.") var first: String
  @Argument(help: "Another one, over the same columns and classes.") var second: String
  @Option(help: "A table to compare answers on: .csv with a header.") var data: String?
  @Option(help: "The most combinations of thresholds that are tried.") var limit = 200_000
  @Flag(help: "Print the result as JSON.") var json = false
  @Option(name: [.customShort("o"), .customLong("out")], help: "Write result.json here.") var out: String?

  func validate() throws {
    if limit < 1 { throw ValidationError("--limit must be 1 or more, found \(limit).") }
  }

  func run() throws {
    let documents = try [first, second].map { try RuleDocument(path: $0) }
    let sets = try zip(documents, [first, second]).map { document, path in
      guard let rules = document.plainRules() else {
        throw RuleError(
          .limit("the tree has more than 100,000 ways to its leaves, too many to compare"), at: path)
      }
      return rules
    }
    try check(sets)
    let table = try data.map { try RuleTable(CSVTable(path: $0), features: sets[0].features) }
    let difference = try RuleDifference(sets[0], sets[1], on: table, limit: limit)
    let result = ComparedRules(difference, sets, paths: [first, second], data: data)
    if let out {
      try ResultFolder.make(at: out) { folder in
        try folder.write(try jsonText(result), to: "result.json")
        try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      }
    }
    let text = try json ? jsonText(result) : result.text + "\n"
    print(text, terminator: "")
  }

  /// Says in which file what is missing, before rules are compared.
  private func check(_ sets: [RuleSet]) throws(RuleError) {
    let names = sets.map { $0.features.map(\.name) }
    if let name = names[0].first(where: { !names[1].contains($0) }) {
      throw RuleError(
        .missingColumn(name, suggestions: EditDistance.nearest(name, in: names[1])), at: second)
    }
    if let name = names[1].first(where: { !names[0].contains($0) }) {
      throw RuleError(.missingColumn(name, suggestions: EditDistance.nearest(name, in: names[0])), at: first)
    }
    guard sets[0].classes == sets[1].classes else {
      throw RuleError(
        .malformed("the classes are \(sets[1].classes), those of \(first) are \(sets[0].classes)"),
        at: second)
    }
  }
}

/// How two files of rules differ, as it is written.
private struct ComparedRules: Encodable {
  private struct Pair: Encodable {
    /// Numbers from 1.
    var first, second: Int
    /// What differs: `conclusion`, or the features whose conditions do; nothing of equal rules.
    var differing: [String]
    var texts: [String]
  }

  private struct Single: Encodable {
    var number: Int
    var text: String
  }

  private struct Answers: Encodable {
    /// Whether no combination of thresholds was found on which they differ, and whether all were tried.
    var areEqual, isExact: Bool
    var triedCount, differingCount: Int
    /// The upper end of the share of combinations on which they differ.
    var differingShareBound: Double
    /// An example on which they differ, by column.
    var example: [String: Field]?
    var conclusions: [String]?
  }

  /// A value as a reader knows it: a number, the name of a level, or null where it is missing.
  private enum Field: Encodable {
    case number(Double), level(String), missing

    init(_ value: Double, _ feature: Feature) {
      guard !value.isNaN else {
        self = .missing
        return
      }
      self = feature.levels.map { .level($0[Int(value)]) } ?? .number(value)
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .number(let value): try container.encode(value)
      case .level(let name): try container.encode(name)
      case .missing: try container.encodeNil()
      }
    }

    var text: String {
      switch self {
      case .number(let value): "\(value)"
      case .level(let name): name
      case .missing: "missing"
      }
    }
  }

  let schema = "noema.rules.diff/1"
  private let paths: [String]
  private let counts: [Int]
  private let common, changed: [Pair]
  private let removed, added: [Single]
  private let answers: Answers
  private let data: String?
  private let agreement: Estimate?
  /// Rows of the data on which they differ, from 1.
  private let differingRows: [Int]
  private let versions = ["noema": noemaVersion]

  init(_ difference: RuleDifference, _ sets: [RuleSet], paths: [String], data: String?) {
    let (first, second) = (sets[0], sets[1])
    func words(_ rules: RuleSet, _ index: Int) -> String {
      let rule = rules.rules[index]
      return
        "IF \(RuleText.text(rule.clause, in: rules.features)) THEN \(RuleText.text(rule.conclusion, in: rules.classes))"
    }
    func pair(_ pair: RuleDifference.Pair, _ differing: [String]) -> Pair {
      let texts = [words(first, pair.first)] + (differing.isEmpty ? [] : [words(second, pair.second)])
      return Pair(first: pair.first + 1, second: pair.second + 1, differing: differing, texts: texts)
    }
    self.paths = paths
    self.data = data
    counts = sets.map(\.rules.count)
    common = difference.common.map { pair($0, []) }
    changed = difference.changed.map { change in
      switch change.kind {
      case .conclusion: pair(change.pair, ["conclusion"])
      case .conditions(let features): pair(change.pair, features.map { first.features[$0].name })
      }
    }
    removed = difference.removed.map { Single(number: $0 + 1, text: words(first, $0)) }
    added = difference.added.map { Single(number: $0 + 1, text: words(second, $0)) }
    let equivalence = difference.equivalence
    answers = Answers(
      areEqual: equivalence.areEqual, isExact: equivalence.isExact, triedCount: equivalence.checkedCount,
      differingCount: equivalence.differingCount, differingShareBound: equivalence.differingShareBound,
      example: equivalence.difference.map { ComparedRules.values($0.values, read: sets) },
      conclusions: equivalence.difference.map { found in
        [found.first, found.second].map { RuleText.text($0, in: first.classes) }
      })
    agreement = difference.agreement
    differingRows = difference.differingRows.map { $0 + 1 }
  }

  /// The values that rules read, by column; others make no difference.
  private static func values(_ values: [Double], read sets: [RuleSet]) -> [String: Field] {
    var result: [String: Field] = [:]
    for term in sets.flatMap(\.terms) {
      let feature = sets[0].features[term.feature]
      result[feature.name] = Field(values[term.feature], feature)
    }
    return result
  }

  // MARK: Words

  /// The lines of the terminal.
  var text: String {
    var lines = [
      "\(paths[0]): \(RuleSummary.counted(counts[0]))", "\(paths[1]): \(RuleSummary.counted(counts[1]))",
      "\(common.count) the same, \(changed.count) changed, \(removed.count) only in the first, \(added.count) only in "
        + "the second", "",
    ]
    for pair in changed {
      lines.append("~ \(pair.first) → \(pair.second), \(pair.differing.joined(separator: ", "))")
      lines += pair.texts.map { "    \($0)" }
    }
    lines += removed.map { "- \($0.number)  \($0.text)" } + added.map { "+ \($0.number)  \($0.text)" }
    if lines.last != "" { lines.append("") }
    lines.append(verdict)
    if let agreement {
      let rows =
        differingRows.prefix(12).map(String.init).joined(separator: ", ")
        + (differingRows.count > 12 ? ", …" : "")
      lines.append(
        "On \(agreement.count) rows of \(data ?? "the data") they agree about "
          + "\(RuleSummary.percent(agreement.value))"
          + (differingRows.isEmpty ? "." : "; they differ on rows \(rows)."))
    }
    return lines.joined(separator: "\n")
  }

  private var verdict: String {
    if answers.areEqual {
      return answers.isExact
        ? "They answer alike on every possible row (all \(answers.triedCount) combinations of thresholds)."
        : "No difference in \(answers.triedCount) combinations of thresholds; at most "
          + "\(NumberText.compact(100 * answers.differingShareBound)) % of all differ."
    }
    let example = (answers.example ?? [:]).sorted { $0.key < $1.key }
      .map { "\($0.key) = \($0.value.text)" }.joined(separator: ", ")
    let conclusions = answers.conclusions ?? ["", ""]
    return
      "They differ on \(answers.differingCount) of \(answers.triedCount) combinations of thresholds, as for "
      + "\(example): \(conclusions[0]) and \(conclusions[1])."
  }
}
