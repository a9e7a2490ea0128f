import Foundation
import NoemaRules
import NoemaTensor
import NoemaTestSupport
import Testing

/// `noema rules --concepts` over the planted network: *yes* is red and not green, and blue is not seen.
@Suite struct RulesConceptsCommandTests {
  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try PlantedConcepts.model().write(to: workspace.file("net.onnx"))
    let contents = PlantedConcepts.contents(240, seed: 1)
    try workspace.write(PlantedConcepts.pictures(contents, seed: 2), "data.npy")
    try workspace.write(
      contents.map { PlantedConcepts.classes[$0.label] }.joined(separator: "\n") + "\n", "labels.txt")
    try workspace.write("no\nyes\n", "classes.txt")
    for (index, colour) in ["red", "green", "blue"].enumerated() {
      try workspace.write(
        PlantedConcepts.examples(30, of: colour, seed: 10 + UInt64(index)), "concepts/\(colour).npy")
    }
    // Colours beside a concept are as frequent here as in its examples, or they would give it away.
    let others = PlantedConcepts.contents(60, seed: 20)
    try workspace.write(PlantedConcepts.pictures(others, seed: 21), "random.npy")
    return workspace
  }

  private static let base =
    "rules --model net.onnx --data data.npy --labels labels.txt --classes classes.txt --concepts concepts "
    + "--random random.npy --layer relu --pool mean --repeats 1 --curve 2,4"

  private func run(_ workspace: Workspace, _ more: String, base: String = Self.base) throws -> Outcome {
    try workspace.start((base + " " + more).split(separator: " ").map(String.init)).wait()
  }

  private func text(_ workspace: Workspace, _ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: workspace.file(name))), as: UTF8.self)
  }

  @Test func rulesSpeakOfConcepts() throws {
    let workspace = try workspace()
    let outcome = try run(workspace, "--binary --method list -o out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try text(workspace, "out/rules.txt").contains("IF not green AND red THEN yes"))
    #expect(outcome.output.contains("'blue' is left out: 'relu' does not represent it"), "\(outcome.output)")
    #expect(outcome.output.contains("So the concepts suffice, and the rules read them."), "\(outcome.output)")
    let result = try workspace.json("out/result.json")
    #expect(result["schema"] as? String == "noema.rules.study/1")
    let quality = try #require(result["quality"] as? [String: Any])
    let fidelity = try #require((quality["fidelity"] as? [String: Any])?["value"] as? Double)
    let accuracy = try #require((quality["accuracy"] as? [String: Any])?["value"] as? Double)
    #expect(fidelity >= 0.97 && accuracy >= 0.97)
    let concepts = try #require(result["concepts"] as? [String: Any])
    let literals = try #require(concepts["literals"] as? [[String: Any]])
    #expect(literals.map { $0["name"] as? String } == ["green", "red", "blue"])
    #expect(literals.map { $0["isLeftOut"] as? Bool } == [false, false, true])
    #expect(literals.prefix(2).allSatisfy { ($0["highest"] as? [String])?.count == 3 })
    let completeness = try #require(concepts["completeness"] as? [String: Any])
    #expect(completeness["verdict"] as? String == "the concepts suffice, and the rules read them")
    for file in ["report.html", "report.ipynb", "rules.json", "rules.sql", "predictions.csv", "study.yaml"] {
      #expect(try workspace.entries("out").contains(file), "\(file)")
    }
    let page = try text(workspace, "out/report.html")
    #expect(page.contains("Do the concepts suffice?") && page.contains("not green"))

    // The same again from the study file, and under the job's full name.
    #expect(try workspace.run("run", "out/study.yaml", "-o", "again").code == 0)
    let full = Self.base.replacingOccurrences(of: "rules --", with: "rules concepts --")
    #expect(try run(workspace, "--binary --method list -o full", base: full).code == 0)
    for other in ["again", "full"] {
      for file in ["rules.json", "scores.csv"] {
        #expect(try text(workspace, "\(other)/\(file)") == text(workspace, "out/\(file)"), "\(other)/\(file)")
      }
    }
  }

  /// Rules over concepts are applied to scores; a table without them cannot have them.
  @Test func applyTakesScoresOrSaysWhy() throws {
    let workspace = try workspace()
    #expect(try run(workspace, "--method tree -o out").code == 0)
    let applied = try workspace.run(
      "rules", "apply", "out/rules.json", "--data", "out/scores.csv", "--label", "network", "--json")
    #expect(applied.code == 0, "\(applied.errors)")
    let accuracy = try #require(try Workspace.object(Data(applied.output.utf8))["accuracy"] as? [String: Any])
    let quality = try #require(try workspace.json("out/result.json")["quality"] as? [String: Any])
    let fidelity = try #require(quality["fidelity"] as? [String: Any])
    #expect(accuracy["value"] as? Double == fidelity["value"] as? Double)
    try workspace.write("width,height\n1,2\n", "other.csv")
    try RefusedCommand(
      69, "rules apply out/rules.json --data other.csv",
      "which is no column but the concept 'green' at 'relu'; only the network can tell it"
    ).check(in: workspace)
  }

  @Test func unitsAreConceptsToo() throws {
    let workspace = try workspace()
    let outcome = try run(
      workspace, "-o out",
      base:
        "rules --model net.onnx --data data.npy --units flat --method tree --max-rules 4 --repeats 0 --curve none"
    )
    #expect(outcome.code == 0, "\(outcome.errors)")
    let document = try RuleDocument(path: workspace.file("out/rules.json"))
    #expect(document.model.features.map(\.name) == (0..<5).map { "flat[\($0)]" })
    #expect(document.model.features[1].origin == "unit 1 of 'flat' (max over positions)")
    let quality = try #require(try workspace.json("out/result.json")["quality"] as? [String: Any])
    let fidelity = try #require((quality["fidelity"] as? [String: Any])?["value"] as? Double)
    #expect(fidelity >= 0.95)
  }

  private static let refusals = [
    RefusedCommand(
      2, "rules concepts --model net.onnx --data data.npy -o out", "Give --concepts with a folder"),
    RefusedCommand(
      2, "rules --model net.onnx --data data.npy --concepts concepts --random random.npy -o out",
      "--concepts needs --layer"),
    RefusedCommand(
      2, "rules --model net.onnx --data data.npy --units flat --binary -o out", "are about --concepts"),
    RefusedCommand(
      2, "rules --model net.onnx --data data.npy --units flat --method eclaire -o out",
      "--method eclaire asks about rows that no example has"),
    RefusedCommand(
      2, "rules --model net.onnx --data data.npy --units flta -o out",
      "no layer named 'flta'; did you mean 'flat'"),
    RefusedCommand(2, base + " --layer rely -o out", "no layer named 'rely'; did you mean 'relu'"),
    RefusedCommand(
      2, base + " --concept blue -o out", "no concept is represented where it is read; try another --layer"),
    RefusedCommand(
      65, base + " --concept single -o out", "concept 'single' has 1 example, at least 5 are needed"),
    RefusedCommand(
      65, "rules --model net.onnx --data reds.npy --units flat -o out",
      "the network's answers: every row has the label '1'; rules need at least two classes"),
  ]

  @Test(arguments: refusals) func badStudiesAreExplained(_ row: RefusedCommand) throws {
    let workspace = try workspace()
    try workspace.write(PlantedConcepts.examples(1, of: "red", seed: 3), "concepts/single.npy")
    let red = PlantedConcepts.Content(red: true, green: false, blue: false)
    try workspace.write(
      PlantedConcepts.pictures(Array(repeating: red, count: 20), seed: 3), "reds.npy")
    try row.check(in: workspace)
  }
}
