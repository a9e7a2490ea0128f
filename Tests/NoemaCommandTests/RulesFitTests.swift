import Foundation
import Testing

/// Trees that are learnt from a table's classes.
@Suite struct RulesFitTests {
  private static let arguments = [
    "rules", "fit", "--data", "train.csv", "--test", "test.csv", "--label", "class", "-o", "out",
  ]

  @Test(arguments: ["cart", "c45", "c45-rules"])
  func plantedClassesAreLearnt(learner: String) throws {
    let workspace = try RulesScene.workspace()
    let outcome = try workspace.start(Self.arguments + ["--learner", learner]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let result = try workspace.json("out/result.json")
    #expect(result["schema"] as? String == "noema.rules.fit/1")
    // A tenth of the test labels are turned over.
    let accuracy = try #require(result["accuracy"] as? [String: Any])
    let value = try #require(accuracy["value"] as? Double)
    #expect(value > 0.86 && value <= 0.9)
    let majority = try #require(result["majorityAccuracy"] as? Double)
    #expect(majority < value)
    let size = try #require(result["size"] as? [String: Any])
    #expect(size["rules"] as? Int == (try workspace.ruleCount("out/rules.json")))
    #expect(result["trainingCount"] as? Int == 240 && result["testCount"] as? Int == 150)
    // What is written applies.
    let applied = try workspace.run(
      "rules", "apply", "out/rules.json", "--data", "test.csv", "--label", "class", "-o", "applied")
    #expect(applied.code == 0, "\(applied.errors)")
    let again = try #require(workspace.json("applied/result.json")["accuracy"] as? [String: Any])
    #expect(again["value"] as? Double == value)
  }

  @Test func limitsHold() throws {
    let workspace = try RulesScene.workspace()
    let outcome = try workspace.start(
      Self.arguments + ["--max-leaves", "3", "--bins", "16", "--criterion", "entropy"]
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try workspace.ruleCount("out/rules.json") == 3)
    let settings = try #require(workspace.json("out/result.json")["settings"] as? [String: String])
    #expect(settings["bins"] == "16" && settings["max-leaves"] == "3" && settings["criterion"] == "entropy")
  }

  @Test(arguments: [
    RefusedCommand(
      2, "--label class --learner c45 --bins 16", "--bins, --max-leaves and --criterion are for"),
    RefusedCommand(2, "--label class --criterion luck", "gini or entropy, found 'luck'"),
    RefusedCommand(2, "--label class --mean 0,0,0 --std 1,1,1", "a tree asks about columns as they are"),
    RefusedCommand(2, "--learner cart", "Name the column of true classes with --label"),
    RefusedCommand(65, "--label klass", "no column named 'klass'"),
    RefusedCommand(2, "--label class --bins 1", "2 to 255"),
  ])
  func badRequestsAreExplained(_ refused: RefusedCommand) throws {
    let workspace = try RulesScene.workspace()
    try refused.check(in: workspace, first: ["rules", "fit", "--data", "train.csv", "-o", "out"])
  }
}
