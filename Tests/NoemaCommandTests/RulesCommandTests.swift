import Foundation
import NoemaRules
import NoemaTestSupport
import Testing

/// Studies of a network whose rules are known.
@Suite struct RulesCommandTests {
  @Test func thePlantedRulesAreFound() throws {
    let workspace = try RulesScene.workspace()
    let outcome = try workspace.start(RulesScene.arguments("out")).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let found = try RuleDocument(path: workspace.file("out/rules.json")).model
    let planted = try RuleDocument(path: workspace.file("planted.json")).model
    #expect(found.features == planted.features && found.classes == RulesScene.classes)
    // A threshold may lie anywhere between two values of the training table.
    let thresholds = found.terms.filter { $0.feature == 0 }.compactMap { $0.threshold }
    #expect(!thresholds.isEmpty && thresholds.contains { abs($0 - 5) < 0.1 })
    let quality = try #require(workspace.json("out/result.json")["quality"] as? [String: Any])
    #expect(try share(quality["fidelity"]) >= 0.98 && share(quality["networkAccuracy"]) == 0.9)
    #expect(outcome.output.contains("on 150 test examples"))
    #expect(outcome.output.contains("colour = red?") && outcome.output.contains("report: out/report.html"))
  }

  /// What the network takes for red stands first now.
  @Test func levelsStandInTheOrderThatIsSaid() throws {
    let workspace = try RulesScene.workspace()
    let flags = ["--levels", "colour=red,green,blue"]
    let outcome = try workspace.start(RulesScene.arguments("out", flags)).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let found = try RuleDocument(path: workspace.file("out/rules.json")).model
    #expect(found.features[2].levels == ["red", "green", "blue"])
    #expect(outcome.output.contains("colour = blue?"))
  }

  /// Few cases in a leaf give more rules than many.
  @Test(arguments: ["eclaire", "rem-d", "deepred", "tree", "rem-t"]) func casesOfALeafAreAsSaid(
    _ method: String
  ) throws {
    let workspace = try RulesScene.workspace()
    // A tree is grown on queries, too.
    let counts = try ["3", method == "tree" ? "900" : "0.4"].map { cases in
      let flags = ["--method", method, "--min-cases", cases, "--max-rules", "none", "--quiet"]
      let outcome = try workspace.start(RulesScene.arguments("out", flags)).wait()
      #expect(outcome.code == 0, "\(outcome.errors)")
      return try workspace.ruleCount("out/rules.json")
    }
    #expect(counts[0] > counts[1], "\(counts)")
  }

  private func share(_ estimate: Any?) throws -> Double {
    let estimate = try #require(estimate as? [String: Any])
    let value = try #require(estimate["value"] as? Double)
    let lower = try #require(estimate["lower"] as? Double), upper = try #require(estimate["upper"] as? Double)
    #expect(0 <= lower && lower <= value && value <= upper && upper <= 1)
    return value
  }

  @Test func allThatIsPromisedIsWritten() throws {
    let workspace = try RulesScene.workspace()
    let flags = ["--quiet", "--curve", "2,4", "--repeats", "1"]
    let outcome = try workspace.start(RulesScene.arguments("out", flags)).wait()
    #expect(outcome.code == 0 && outcome.output.isEmpty, "\(outcome.errors)\(outcome.output)")
    #expect(
      try workspace.entries("out") == [
        "figures", "predictions.csv", "report.html", "report.ipynb", "result.json", "rules.dot", "rules.json",
        "rules.pmml", "rules.py", "rules.sql", "rules.txt", "study.yaml", "tree.svg",
      ])
    let page = try workspace.text("out/report.html")
    #expect(page.contains("<!DOCTYPE html>") && page.contains("colour"))
    #expect(try workspace.text("out/rules.pmml").contains("PMML-4_4"))
    #expect(try workspace.text("out/rules.sql").contains("CASE"))
    #expect(try workspace.text("out/rules.py").hasPrefix("def predict(row):"))
    #expect(try workspace.text("out/rules.dot").hasPrefix("digraph"))
    #expect(try workspace.text("out/tree.svg").contains("<svg"))
    let notebook = try workspace.json("out/report.ipynb")
    #expect(notebook["nbformat"] as? Int == 4)
  }

  @Test func resultHoldsWhatTheSchemaPromises() throws {
    let workspace = try RulesScene.workspace()
    let flags = ["--json", "--curve", "2,4,8", "--repeats", "2", "--seed", "3"]
    let outcome = try workspace.start(RulesScene.arguments("out", flags)).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let printed = try Workspace.object(Data(outcome.output.utf8)),
      result = try workspace.json("out/result.json")
    for result in [printed, result] {
      #expect(result["schema"] as? String == "noema.rules.study/1")
      #expect(result["method"] as? String == "tree" && result["form"] as? String == "tree")
      #expect(result["classes"] as? [String] == RulesScene.classes && result["exampleCount"] as? Int == 150)
      let quality = try #require(result["quality"] as? [String: Any])
      for key in ["fidelity", "balancedFidelity", "accuracy", "networkAccuracy"] {
        _ = try share(quality[key])
      }
      let curve = try #require(result["curve"] as? [String: Any])
      let points = try #require(curve["points"] as? [[String: Any]])
      #expect(!points.isEmpty && points.count <= 3)
      let stability = try #require(result["stability"] as? [[String: Any]])
      #expect(stability.map { $0["name"] as? String } == ["other seeds", "resampled examples"])
      for entry in stability {
        #expect(entry["runCount"] as? Int == 3)
        for key in ["agreement", "behaviour", "terms", "features"] {
          #expect((0...1).contains(try #require(entry[key] as? Double)))
        }
      }
    }
    #expect(printed["run"] == nil)
    let run = try #require(result["run"] as? [String: Any])
    for key in ["model", "data", "settings", "seed", "versions", "timings", "command"] {
      #expect(run[key] != nil, "\(key)")
    }
    let settings = try #require(run["settings"] as? [String: String])
    #expect(
      settings["method"] == "tree" && settings["max-rules"] == "best" && settings["thresholds"] == "rounded")
    #expect(settings["curve"] == "2,4,8" && settings["label"] == "class")
  }

  /// Every share of the result from the table of predictions.
  @Test func figuresAreThoseOfThePredictions() throws {
    let workspace = try RulesScene.workspace()
    // One rule and what is left over, which are wrong about some.
    #expect(
      try workspace.start(RulesScene.arguments("out", ["--max-rules", "2", "--quiet"])).wait().code == 0)
    let rows = try workspace.rows("out/predictions.csv"), truth = try workspace.rows("test.csv")
    #expect(rows.map { $0["row"] } == (1...150).map { "\($0)" })
    #expect(rows.map { $0["truth"] } == truth.map { $0["class"] })
    let planted = RulesScene.rows(150, seed: 2)
    #expect(rows.map { $0["network"] } == planted.map { $0.answer })
    let result = try workspace.json("out/result.json")
    let quality = try #require(result["quality"] as? [String: Any])
    func share(_ a: String, _ b: String) -> Double { Double(rows.count { $0[a] == $0[b] }) / 150 }
    #expect(abs(try self.share(quality["fidelity"]) - share("network", "rules")) < 1e-12)
    #expect(abs(try self.share(quality["accuracy"]) - share("truth", "rules")) < 1e-12)
    #expect(abs(try self.share(quality["networkAccuracy"]) - share("truth", "network")) < 1e-12)
    let rules = try #require(result["rules"] as? [[String: Any]])
    for (index, rule) in rules.enumerated() {
      let own = rows.filter { $0["firing"] == "\(index + 1)" }
      let conclusion = try #require(rule["conclusion"] as? String)
      #expect(own.allSatisfy { $0["rules"] == conclusion })
      #expect(abs(try self.share(rule["cover"]) - Double(own.count) / 150) < 1e-12)
      let precision = Double(own.count { $0["network"] == conclusion }) / Double(max(1, own.count))
      #expect(abs(try self.share(rule["precision"]) - precision) < 1e-12)
    }
    let mistakes = try #require(result["mistakes"] as? [[String: Any]])
    let wrong = rows.indices.filter { rows[$0]["network"] != rows[$0]["rules"] }
    #expect(!wrong.isEmpty && mistakes.compactMap { $0["row"] as? Int } == wrong)
  }

  @Test func equalSeedsGiveEqualBytes() throws {
    let workspace = try RulesScene.workspace()
    let flags = ["--seed", "11", "--quiet", "--curve", "2,4", "--repeats", "1"]
    #expect(try workspace.start(RulesScene.arguments("first", flags)).wait().code == 0)
    #expect(try workspace.run("run", "first/study.yaml", "-o", "second").code == 0)
    #expect(
      try workspace.start(RulesScene.arguments("third", flags + ["--memory", "256MB"])).wait().code == 0)
    let files = [
      "predictions.csv", "rules.dot", "rules.json", "rules.pmml", "rules.py", "rules.sql", "rules.txt",
      "tree.svg",
    ]
    func numbers(_ folder: String) throws -> Data {
      try workspace.json("\(folder)/result.json").filter { $0.key != "run" }.sortedJSON
    }
    for other in ["second", "third"] {
      for file in files {
        #expect(try workspace.text("first/\(file)") == workspace.text("\(other)/\(file)"), "\(other)/\(file)")
      }
      #expect(try numbers("first") == numbers(other))
    }
  }

  // MARK: Methods

  /// Methods with the form of their rules, and the least fidelity to a network that three questions describe.
  private static let methods: [(name: String, form: String, fidelity: Double)] = [
    ("tree", "tree", 0.95), ("rules", "set", 0.9), ("trepan", "tree", 0.95), ("list", "list", 0.95),
    ("ensemble", "set", 0.9), ("anchors", "set", 0.6), ("soft-tree", "tree", 0.8), ("eclaire", "set", 0.85),
    ("rem-d", "set", 0.85), ("deepred", "set", 0.85), ("cred", "set", 0.85), ("rem-t", "set", 0.9),
  ]

  @Test(arguments: methods)
  func everyMethodFindsThem(_ method: (name: String, form: String, fidelity: Double)) throws {
    let workspace = try RulesScene.workspace()
    var flags = ["--method", method.name, "--max-rules", "none"]
    if method.name == "anchors" {
      // Every example costs it thousands of questions, so there are three of a class.
      let rows = RulesScene.rows(240, seed: 1)
      let few = RulesScene.classes.flatMap { name in rows.filter { $0.answer == name }.prefix(3) }
      try workspace.write(RulesScene.table(few), "few.csv")
      flags += ["--data", "few.csv"]
    }
    let outcome = try workspace.start(RulesScene.arguments("out", flags)).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let result = try workspace.json("out/result.json")
    #expect(result["method"] as? String == method.name && result["form"] as? String == method.form)
    let quality = try #require(result["quality"] as? [String: Any])
    #expect(try share(quality["fidelity"]) >= method.fidelity)
    // What is written answers as what was judged.
    let applied = try workspace.run("rules", "apply", "out/rules.json", "--data", "test.csv", "-o", "applied")
    #expect(applied.code == 0, "\(applied.errors)")
    #expect(
      try workspace.rows("applied/predictions.csv").map { $0["prediction"] }
        == workspace.rows("out/predictions.csv").map { $0["rules"] })
    let entries = try workspace.entries("out")
    #expect(entries.contains("soft-tree.json") == (method.name == "soft-tree"))
    // Rules that vote are no tree.
    if !entries.contains("tree.svg") {
      #expect(method.form == "set" && outcome.output.contains("note: rules.dot and tree.svg are not written"))
    }
  }

  private static let limits = [
    ("tree", 2), ("tree", 4), ("trepan", 3), ("list", 2), ("eclaire", 3), ("ensemble", 2),
  ]

  @Test(arguments: limits) func limitsAreKept(_ method: String, _ limit: Int) throws {
    let workspace = try RulesScene.workspace()
    let flags = ["--method", method, "--max-rules", "\(limit)", "--quiet"]
    #expect(try workspace.start(RulesScene.arguments("out", flags)).wait().code == 0)
    let result = try workspace.json("out/result.json")
    let size = try #require(result["size"] as? [String: Any]), count = try #require(size["rules"] as? Int)
    #expect((1...limit).contains(count))
    #expect(try workspace.ruleCount("out/rules.json") == count)
    // Two leaves do not do, so the search was cut.
    if method == "tree", limit == 2 { #expect(result["isTruncated"] as? Bool == true) }
  }

  /// The curve's choice: of points within a standard error of the best the smallest.
  @Test func theCurveChooses() throws {
    let workspace = try RulesScene.workspace()
    for (name, key) in [("best", "smallestWithinError"), ("knee", "knee")] {
      let flags = ["--curve", "2,3,4,8", "--max-rules", name, "--quiet"]
      #expect(try workspace.start(RulesScene.arguments(name, flags)).wait().code == 0)
      let count = try workspace.ruleCount("\(name)/rules.json")
      let curve = try #require(workspace.json("\(name)/result.json")["curve"] as? [String: Any])
      let points = try #require(curve["points"] as? [[String: Any]])
      let chosen = try #require(curve[key] as? Int)
      if name == "best" {
        let shares = try points.map { try share($0["fidelity"]) }
        let best = try #require(shares.max())
        // Each quarter of the training table in turn, so all its rows.
        let validation = try #require((points[0]["fidelity"] as? [String: Any])?["count"] as? Int)
        #expect(validation == 240)
        let error = (best * (1 - best) / Double(validation)).squareRoot()
        #expect(chosen == shares.firstIndex { $0 >= best - error })
      }
      let words = try #require(points[chosen]["name"] as? String).split(separator: " ")
      let limit = try #require(words.last.flatMap { Int($0) })
      #expect(count <= limit)
    }
  }

  @Test func withoutATestTableRowsAreHeldOut() throws {
    let workspace = try RulesScene.workspace()
    let outcome = try workspace.run(
      "rules", "--model", "net.onnx", "--data", "train.csv", "--label", "class", "--curve", "none",
      "--repeats", "0",
      "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("on 72 test examples"))
    #expect(outcome.output.contains("note: There was no test table; 72 of 240 rows were held out."))
  }

  @Test func columnsAreFoundByName() throws {
    let workspace = try RulesScene.workspace()
    for (name, rows) in [("train", RulesScene.rows(240, seed: 1)), ("test", RulesScene.rows(150, seed: 2))] {
      let lines = rows.enumerated().map { "\($1.colour),\($1.answer),k\($0),\($1.y),\($1.x)\n" }.joined()
      try workspace.write("colour,class,key,y,x\n" + lines, "turned-\(name).csv")
    }
    let arguments = [
      "rules", "--model", "net.onnx", "--data", "turned-train.csv", "--test", "turned-test.csv", "--label",
      "class",
      "--columns", "x,y,colour", "--curve", "none", "--repeats", "0", "--quiet", "-o", "turned",
    ]
    let outcome = try workspace.start(arguments).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try workspace.start(RulesScene.arguments("out", ["--quiet"])).wait().code == 0)
    #expect(try workspace.text("turned/rules.json") == workspace.text("out/rules.json"))
  }
}
