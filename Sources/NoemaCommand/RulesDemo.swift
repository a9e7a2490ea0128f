internal import ArgumentParser
internal import Foundation
internal import Noema

struct RulesDemo: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules",
    abstract: "Extract the rules of a medical network, and find the three rules planted in another.",
    discussion: """
      The first network tells benign from malignant tumours by 30 measurements of
      cells. The second was trained on a table in which three rules decide; the
      demonstration compares what it finds with them. It runs `noema rules` on both,
      and `noema rules diff` on the second.

      EXAMPLE
        noema demo rules -o demo-rules
      """)

  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out = "demo-rules"
  @Option(help: "The folder of models/rules; found beside the package by default.") var models: String?
  @Option(help: "How rules are extracted.", transform: RuleMethod.named) var method = RuleMethod.tree
  @Option(help: "The seed of all random choices.") var seed: UInt64 = 7
  @Flag(help: "Print nothing but errors.") var quiet = false

  /// The networks, with the columns of their labels.
  private static let studies = [(name: "cancer", label: "diagnosis"), (name: "plant", label: "action")]

  func run() throws {
    let start = ContinuousClock().now
    let folder = try models ?? "\(DemoModels.folder(nil))/rules"
    try ResultFolder.make(at: out) { target in
      for (name, label) in Self.studies {
        func arguments(_ place: String) -> [String] {
          [
            "--model", "\(folder)/\(name).onnx", "--data", "\(folder)/\(name)-train.csv", "--test",
            "\(folder)/\(name)-test.csv", "--label", label, "--method", method.rawValue, "--seed",
            String(seed), "-o", "\(place)/\(name)",
          ]
        }
        // What repeats the study speaks of the final place.
        StudyFile.override = ["rules"] + arguments(out)
        let command = try RulesExtractCommand.parse(
          arguments(target.stagingPath) + (quiet ? ["--quiet"] : []))
        let found = try command.study(isPrinting: false)
        guard !quiet else { continue }
        print("\(name)\n\(RuleSummary(report: found).text)\n")
        if name == "plant" {
          print(try PlantedRules(path: "\(folder)/plant-rules.json").text(found) + "\n")
        }
      }
      guard !quiet else { return }
      print(String(format: "%.1f s, peak memory %d MiB", seconds(since: start), peakMemory() >> 20))
      print("reports: \(out)/cancer/report.html, \(out)/plant/report.html")
    }
  }
}

/// The rules that a table was made by, beside those that were found.
private struct PlantedRules {
  private let rules: any RuleModel

  init(path: String) throws { rules = try RuleDocument(path: path).model }

  /// The share of examples with the same class, and for each planted threshold the nearest one that was found.
  func text(_ report: RulesReport) throws -> String {
    let (planted, found) = (
      try rules.labels(on: report.table), try report.document.model.labels(on: report.table)
    )
    let agreement = Estimate.share(zip(planted, found).count { $0 == $1 }, of: planted.count)
    var rows = [["planted threshold", "nearest found", "distance, of the range"]]
    for term in rules.terms {
      guard let threshold = term.threshold else { continue }
      let name = rules.features[term.feature].name
      let nearest = report.document.model.terms.filter { $0.feature == term.feature }.compactMap(\.threshold)
        .min { abs($0 - threshold) < abs($1 - threshold) }
      let column = report.table.column(term.feature)
      let range = (column.max() ?? 1) - (column.min() ?? 0)
      rows.append([
        "\(name) \(NumberText.compact(threshold))", nearest.map(NumberText.compact) ?? "none",
        nearest.map { RuleSummary.percent(abs($0 - threshold) / range) } ?? "–",
      ])
    }
    return
      "The rules found say what the planted ones say of \(RuleSummary.percent(agreement.value)) of "
      + "\(agreement.count) test examples.\n" + alignedTable(rows, rightAligned: [1, 2])
  }
}
