internal import ArgumentParser
internal import Foundation
internal import Noema

struct RulesApplyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Ask rules about the rows of a table.",
    discussion: """
      Columns are found by name; those that the rules do not know are ignored. With
      --label, says how often the rules are right.

      EXAMPLES
        noema rules apply out/rules.json --data new.csv
        noema rules apply out/rules.json --data test.csv --label outcome -o applied/
      """)

  @Argument(help: "A rules.json of noema rules.") var rules: String
  @Option(help: "The table: .csv with a header.") var data: String
  @Option(help: "The column of true classes.") var label: String?
  @Flag(help: "Print the result as JSON.") var json = false
  @Flag(help: "Print nothing but errors.") var quiet = false
  @Option(
    name: [.customShort("o"), .customLong("out")], help: "Write result.json and predictions.csv here.")
  var out: String?

  func run() throws {
    let document = try RuleDocument(path: rules)
    let csv = try CSVTable(path: data)
    let examples = try self.examples(csv, document)
    let result = AppliedRules(
      rules: rules, data: data,
      predictions: try document.model.conclusions(on: examples.table).map {
        RuleText.text($0, in: document.model.classes)
      },
      firing: try document.firingNames(on: examples.table),
      truth: examples.labels.map { $0.map { document.model.classes[$0] } }
    )
    if let out {
      try ResultFolder.make(at: out) { folder in
        try folder.write(try jsonText(result), to: "result.json")
        try folder.write(result.table, to: "predictions.csv")
        try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      }
    }
    if json { return print(try jsonText(result), terminator: "") }
    if !quiet { print(result.text) }
  }

  private func examples(
    _ csv: CSVTable, _ document: RuleDocument
  ) throws -> RuleExamples {
    guard label == nil || !document.model.classes.isEmpty else {
      throw ValidationError("These rules conclude numbers, and --label names classes.")
    }
    return try RuleData.examples(csv, label, document.model.features, document.model.classes)
  }
}

/// What rules say of the rows of a table, as it is written.
private struct AppliedRules: Encodable {
  private struct Row: Encodable {
    /// From 1.
    var row: Int
    var prediction: String
    /// The rules that fire, by number, or `otherwise`.
    var firing: String
    var truth: String?
  }

  let schema = "noema.rules.apply/1"
  private let rules, data: String
  private let rows: [Row]
  /// The share of rows with the true class.
  private let accuracy: Estimate?
  private let versions = ["noema": noemaVersion]

  init(rules: String, data: String, predictions: [String], firing: [String], truth: [String]?) {
    (self.rules, self.data) = (rules, data)
    rows = predictions.indices.map {
      Row(row: $0 + 1, prediction: predictions[$0], firing: firing[$0], truth: truth?[$0])
    }
    accuracy = truth.map { truth in
      .share(zip(predictions, truth).count { $0 == $1 }, of: predictions.count)
    }
  }

  /// The rows of `predictions.csv`.
  var table: String {
    let head = accuracy == nil ? "row,prediction,firing\n" : "row,prediction,firing,truth\n"
    return head
      + rows.map { row in
        let fields = ["\(row.row)", Escape.csv(row.prediction), row.firing]
        return (fields + (row.truth.map { [Escape.csv($0)] } ?? [])).joined(separator: ",") + "\n"
      }.joined()
  }

  /// The lines of the terminal.
  var text: String {
    let hasTruth = accuracy != nil
    let lines =
      [["row", "prediction", "rules that fire"] + (hasTruth ? ["truth"] : [])]
      + rows.prefix(20).map { row in
        ["\(row.row)", row.prediction, row.firing] + (hasTruth ? [row.truth ?? ""] : [])
      }
    var parts = [alignedTable(lines, rightAligned: [0])]
    if rows.count > 20 { parts.append("and \(rows.count - 20) more; write them with --out") }
    if let accuracy {
      parts.append(
        "right about \(RuleSummary.percent(accuracy.value)) of \(accuracy.count) rows "
          + "(\(RuleSummary.percent(accuracy.lower)) to \(RuleSummary.percent(accuracy.upper)))")
    }
    return parts.joined(separator: "\n")
  }
}
