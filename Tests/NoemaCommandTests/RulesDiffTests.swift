import Foundation
import NoemaRules
import NoemaTestSupport
import Testing

/// Files of rules that are held against each other.
@Suite struct RulesDiffTests {
  /// The planted rules with some of their text replaced.
  private func changed(_ changes: [(String, String)]) throws -> String {
    try changes.reduce(RulesScene.rules) { text, change in
      try #require(text.contains(change.0))
      return text.replacingOccurrences(of: change.0, with: change.1)
    }
  }

  private func workspace() throws -> Workspace {
    let workspace = try RulesScene.workspace()
    try workspace.write(changed([("\"value\": 3}", "\"value\": 4.5}")]), "moved.json")
    return workspace
  }

  @Test func equalRulesAreSaidToBe() throws {
    let workspace = try workspace()
    let outcome = try workspace.run(
      "rules", "diff", "planted.json", "planted.json", "--data", "test.csv", "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("2 the same, 0 changed, 0 only in the first, 0 only in the second"))
    // Two parts of x and y each, two of colours, and missing ones.
    #expect(
      outcome.output.contains("They answer alike on every possible row (all 27 combinations of thresholds).")
        && outcome.output.contains("On 150 rows of test.csv they agree about 100.0 %."))
    #expect(try workspace.entries("out") == ["result.json", "study.yaml"])
    let result = try workspace.json("out/result.json")
    #expect(result["schema"] as? String == "noema.rules.diff/1")
    let answers = try #require(result["answers"] as? [String: Any])
    #expect(answers["areEqual"] as? Bool == true && answers["isExact"] as? Bool == true)
    #expect(answers["differingCount"] as? Int == 0 && answers["example"] == nil)
    #expect((result["differingRows"] as? [Int])?.isEmpty == true)
  }

  /// An extracted tree is the same as itself, and as what the same seed extracts again.
  @Test func treesAreComparedLeafByLeaf() throws {
    let workspace = try workspace()
    for name in ["a", "b"] {
      #expect(try workspace.start(RulesScene.arguments(name, ["--quiet"])).wait().code == 0)
    }
    let outcome = try workspace.run("rules", "diff", "a/rules.json", "b/rules.json", "--json")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let result = try Workspace.object(Data(outcome.output.utf8))
    let counts = try #require(result["counts"] as? [Int])
    let leaves = try workspace.ruleCount("a/rules.json")
    #expect(counts == [leaves, leaves] && (result["common"] as? [Any])?.count == leaves)
    #expect((result["answers"] as? [String: Any])?["areEqual"] as? Bool == true)
    // What was found differs from what was planted in thresholds at most, but not in shape: a list is no tree.
    let planted = try workspace.run("rules", "diff", "planted.json", "a/rules.json", "--data", "test.csv")
    #expect(planted.code == 0 && planted.output.contains("On 150 rows of test.csv they agree about"))
  }

  @Test func changesAndTheirRowsAreNamed() throws {
    let workspace = try workspace()
    let arguments = ["rules", "diff", "planted.json", "moved.json", "--data", "test.csv"]
    let outcome = try workspace.start(arguments + ["-o", "out"]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("1 the same, 1 changed, 0 only in the first, 0 only in the second"))
    #expect(outcome.output.contains("~ 2 → 2, y"))
    let rows = RulesScene.rows(150, seed: 2)
    let expected = rows.indices.filter {
      rows[$0].colour != "red" && rows[$0].x > 5 && rows[$0].y > 3 && rows[$0].y <= 4.5
    }.map { $0 + 1 }
    #expect(!expected.isEmpty)
    let result = try workspace.json("out/result.json")
    #expect(result["differingRows"] as? [Int] == expected)
    let agreement = try #require(result["agreement"] as? [String: Any])
    #expect(agreement["value"] as? Double == Double(150 - expected.count) / 150)
    // One part of x, one of y, and what is not red or is missing.
    let answers = try #require(result["answers"] as? [String: Any])
    #expect(answers["areEqual"] as? Bool == false && answers["isExact"] as? Bool == true)
    let example = try #require(answers["example"] as? [String: Any])
    let x = try #require(example["x"] as? Double), y = try #require(example["y"] as? Double)
    #expect(x > 5 && y > 3 && y <= 4.5)
    let colour = try #require(example["colour"])
    #expect(colour is NSNull || ["blue", "green"].contains(colour as? String))
    #expect(answers["conclusions"] as? [String] == ["no", "yes"])
    let change = try #require((result["changed"] as? [[String: Any]])?.first)
    #expect(change["differing"] as? [String] == ["y"] && (change["texts"] as? [String])?.count == 2)
    // Seen from the other side.
    let turned = try workspace.run(
      "rules", "diff", "moved.json", "planted.json", "--data", "test.csv", "--json")
    #expect(try Workspace.object(Data(turned.output.utf8))["differingRows"] as? [Int] == expected)
  }

  @Test func conclusionsComeAndGo() throws {
    let workspace = try workspace()
    try workspace.write(
      changed([("{\"id\": 1, \"conclusion\": \"yes\"", "{\"id\": 1, \"conclusion\": \"no\"")]), "turned.json")
    let turned = try workspace.run("rules", "diff", "planted.json", "turned.json")
    #expect(turned.code == 0 && turned.output.contains("~ 1 → 1, conclusion"), "\(turned.errors)")
    #expect(turned.output.contains("They differ on "))
    try workspace.write(
      changed([
        ("\"feature\": \"x\", \"op\": \">\", \"value\": 5", "\"feature\": \"y\", \"op\": \">\", \"value\": 1")
      ]),
      "other.json")
    let other = try workspace.run("rules", "diff", "planted.json", "other.json", "--json")
    let result = try Workspace.object(Data(other.output.utf8))
    #expect((result["removed"] as? [[String: Any]])?.map { $0["number"] as? Int } == [2])
    #expect((result["added"] as? [[String: Any]])?.map { $0["number"] as? Int } == [2])
  }

  @Test func largeSpacesAreSampled() throws {
    let workspace = try workspace()
    let outcome = try workspace.run("rules", "diff", "planted.json", "planted.json", "--limit", "10")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("No difference in 10 combinations of thresholds; at most "))
  }

  private static let refusals = [
    RefusedCommand(66, "planted.json gone.json", "gone.json: no such file"),
    RefusedCommand(66, "planted.json moved.json --data gone.csv", "gone.csv: no such file"),
    RefusedCommand(2, "planted.json", "Missing expected argument"),
    RefusedCommand(2, "planted.json moved.json --limit 0", "--limit must be 1 or more, found 0."),
    RefusedCommand(65, "planted.json test.csv", "test.csv"),
    RefusedCommand(
      65, "planted.json renamed.json",
      "renamed.json: no column named 'colour', which the rules read; did you mean 'color'?"),
    RefusedCommand(
      65, "planted.json classes.json",
      "classes.json: the classes are [\"no\", \"aye\"], those of planted.json are [\"no\", \"yes\"]"),
    RefusedCommand(
      65, "planted.json moved.json --data unseen.csv",
      "unseen.csv: row 1, column 'colour': 'violet' is none of"),
  ]

  @Test(arguments: refusals) func whatCannotBeComparedIsExplained(_ row: RefusedCommand) throws {
    let workspace = try workspace()
    try workspace.write(changed([("\"colour\"", "\"color\"")]), "renamed.json")
    try workspace.write(changed([("\"yes\"", "\"aye\"")]), "classes.json")
    try workspace.write("x,y,colour\n1,2,violet\n", "unseen.csv")
    try row.check(in: workspace, first: ["rules", "diff"], last: ["-o", "out"])
  }
}
