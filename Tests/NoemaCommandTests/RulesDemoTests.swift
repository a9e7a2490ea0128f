import Foundation
import NoemaRules
import Testing

/// The demonstration on the first rows of its tables.
@Suite struct RulesDemoTests {
  /// A folder with the committed networks and few rows.
  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    let folder = "\(Workspace.models)/rules"
    try workspace.write("", "few/.keep")
    for name in ["cancer.onnx", "cancer.yaml", "plant.onnx", "plant.yaml", "plant-rules.json"] {
      try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: workspace.file("few/\(name)"))
    }
    for (name, count) in [
      ("cancer-train", 80), ("cancer-test", 60), ("plant-train", 200), ("plant-test", 100),
    ] {
      let text = try String(contentsOfFile: "\(folder)/\(name).csv", encoding: .utf8)
      let lines = text.split(separator: "\n").prefix(count + 1)
      try workspace.write(lines.joined(separator: "\n") + "\n", "few/\(name).csv")
    }
    return workspace
  }

  @Test func bothStudiesAreWrittenAndThePlantedRulesComeBack() throws {
    let workspace = try workspace()
    let outcome = try workspace.run("demo", "rules", "--models", "few", "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try workspace.entries("out") == ["cancer", "plant"])
    #expect(outcome.output.contains("reports: out/cancer/report.html, out/plant/report.html"))
    for (name, count) in [("cancer", 60), ("plant", 100)] {
      let entries = try workspace.entries("out/\(name)")
      #expect(
        entries.contains("report.html") && entries.contains("rules.json") && entries.contains("study.yaml"))
      #expect(outcome.output.contains("on \(count) test examples"))
      let result = try workspace.json("out/\(name)/result.json")
      let quality = try #require(result["quality"] as? [String: Any])
      let fidelity = try #require((quality["fidelity"] as? [String: Any])?["value"] as? Double)
      #expect(fidelity >= 0.8, "\(name)")
    }
    // What is said of the planted rules, from the files.
    let rows = try workspace.rows("few/plant-test.csv"),
      found = try workspace.rows("out/plant/predictions.csv")
    func number(_ row: [String: String], _ name: String) -> Double { Double(row[name] ?? "") ?? .nan }
    let planted = rows.map { row in
      number(row, "temperature") > 75 && number(row, "pressure") <= 5
        ? "stop" : number(row, "vibration") > 9 ? "check" : "run"
    }
    let hits = zip(planted, found).count { $0 == $1["rules"] }
    #expect(hits >= 90)
    #expect(
      outcome.output.contains(
        "The rules found say what the planted ones say of \(hits).0 % of 100 test examples."))
    for threshold in ["temperature 75", "pressure 5", "vibration 9"] {
      #expect(outcome.output.contains(threshold))
    }
    // The study names the final place, and can be repeated from there.
    let again = try workspace.run("run", "out/plant/study.yaml", "-o", "again")
    #expect(again.code == 0, "\(again.errors)")
    #expect(try workspace.text("again/rules.json") == workspace.text("out/plant/rules.json"))
  }

  private static let refusals = [
    RefusedCommand(66, "--models gone -o out", "gone/cancer.onnx"),
    RefusedCommand(2, "--models few --method tre -o out", "no method named 'tre'; did you mean 'tree', "),
    RefusedCommand(2, "--models few -o few", "few"),
  ]

  @Test(arguments: refusals) func failuresLeaveNothing(_ row: RefusedCommand) throws {
    try row.check(in: workspace(), first: ["demo", "rules"])
  }
}
