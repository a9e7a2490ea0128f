import Foundation
import NoemaRules
import NoemaTestSupport
import Testing

/// Rules that are asked about further tables.
@Suite struct RulesApplyTests {
  /// Columns in another order, one more, and rows without some values.
  private static let rows: [(x: Double?, y: Double?, colour: String?)] =
    RulesScene.rows(60, seed: 5).enumerated().map { index, row in
      (
        index % 7 == 1 ? nil : index % 7 == 2 ? 5 : row.x, index % 5 == 1 ? nil : index % 5 == 2 ? 3 : row.y,
        index % 6 == 1 ? nil : row.colour
      )
    }

  private static var table: String {
    "note,colour,y,x\n"
      + rows.map { row in
        "–,\(row.colour ?? "NA"),\(row.y.map { "\($0)" } ?? ""),\(row.x.map { "\($0)" } ?? "?")\n"
      }.joined()
  }

  /// What the planted list says; a missing value fails a question.
  private static func answer(_ row: (x: Double?, y: Double?, colour: String?)) -> (
    name: String, firing: String
  ) {
    if row.colour == "red" { return ("yes", "1") }
    if let x = row.x, let y = row.y, x > 5, y <= 3 { return ("yes", "2") }
    return ("no", "otherwise")
  }

  @Test func answersAreThoseOfTheRules() throws {
    let workspace = try RulesScene.workspace()
    try workspace.write(Self.table, "new.csv")
    let outcome = try workspace.run("rules", "apply", "planted.json", "--data", "new.csv", "-o", "applied")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try workspace.entries("applied") == ["predictions.csv", "result.json", "study.yaml"])
    let found = try workspace.rows("applied/predictions.csv"), expected = Self.rows.map(Self.answer)
    #expect(found.map { $0["row"] } == (1...60).map { "\($0)" })
    #expect(found.map { $0["prediction"] } == expected.map { $0.name })
    #expect(found.map { $0["firing"] } == expected.map { $0.firing } && found[0]["truth"] == nil)
    let result = try workspace.json("applied/result.json")
    #expect(result["schema"] as? String == "noema.rules.apply/1" && result["accuracy"] == nil)
    let rows = try #require(result["rows"] as? [[String: Any]])
    #expect(rows.map { $0["prediction"] as? String } == expected.map { $0.name })
    // The terminal shows the first rows.
    #expect(outcome.output.contains("and 40 more; write them with --out"))
  }

  @Test func labelsSayHowOftenTheyAreRight() throws {
    let workspace = try RulesScene.workspace()
    let outcome = try workspace.run(
      "rules", "apply", "planted.json", "--data", "test.csv", "--label", "class", "-o", "applied")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("right about 90.0 % of 150 rows"))
    let accuracy = try #require(workspace.json("applied/result.json")["accuracy"] as? [String: Any])
    #expect(accuracy["value"] as? Double == 0.9 && accuracy["count"] as? Int == 150)
    let rows = try workspace.rows("applied/predictions.csv"), truth = try workspace.rows("test.csv")
    #expect(rows.map { $0["truth"] } == truth.map { $0["class"] })
    let printed = try workspace.run(
      "rules", "apply", "planted.json", "--data", "test.csv", "--label", "class", "--json")
    let (shown, written) = (
      try Workspace.object(Data(printed.output.utf8)), try workspace.json("applied/result.json")
    )
    #expect(try shown.sortedJSON == written.sortedJSON)
    let quiet = try workspace.run("rules", "apply", "planted.json", "--data", "test.csv", "--quiet")
    #expect(quiet.code == 0 && quiet.output.isEmpty)
  }

  @Test func rulesForNumbersConcludeNumbers() throws {
    let workspace = try Workspace()
    let rules = """
      {"schema": "noema.rules/1", "kind": "list", "classes": [], "counting": "marginal",
       "features": [{"name": "x", "type": "numeric"}],
       "rules": [{"id": 1, "conclusion": 2.5, "confidence": 1, "cover": 0, "correct": 0, "weight": 1,
                  "terms": [{"feature": "x", "op": "<=", "value": 0}]}],
       "otherwise": {"conclusion": -1, "confidence": 1, "cover": 0, "correct": 0, "terms": [], "weight": 1}}
      """
    try workspace.write(rules, "rules.json")
    try workspace.write("x\n0\n0.1\n\n-3\n", "data.csv")
    let outcome = try workspace.run("rules", "apply", "rules.json", "--data", "data.csv", "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let predictions = try workspace.rows("out/predictions.csv").map { Double($0["prediction"] ?? "") }
    #expect(predictions == [2.5, -1, -1, 2.5])
  }

  /// The exported function over the same rows, by Python itself, for rules of every form.
  @Test(.enabled(if: hasPython), arguments: ["tree", "list", "trepan", "eclaire", "ensemble"])
  func thePythonFunctionSaysTheSame(_ method: String) throws {
    let workspace = try RulesScene.workspace()
    #expect(
      try workspace.start(RulesScene.arguments("out", ["--method", method, "--quiet"])).wait().code == 0)
    try workspace.write(Self.table, "new.csv")
    let applied = try workspace.run("rules", "apply", "out/rules.json", "--data", "new.csv", "-o", "applied")
    #expect(applied.code == 0, "\(applied.errors)")
    let script = """
      import csv, sys
      sys.path.insert(0, "out")
      from rules import predict
      for row in csv.DictReader(open("new.csv", encoding="utf-8")):
          values = {name: float(row[name]) if row[name] not in ("", "?") else None for name in "xy"}
          print(predict(values | {"colour": None if row["colour"] == "NA" else row["colour"]}))

      """
    try workspace.write(script, "ask.py")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "ask.py"]
    process.currentDirectoryURL = URL(fileURLWithPath: workspace.path)
    let asked = try Running(process).wait()
    #expect(asked.code == 0, "\(asked.errors)")
    let answers = asked.output.split(separator: "\n").map { String($0) }
    #expect(try workspace.rows("applied/predictions.csv").map { $0["prediction"] } == answers)
  }

  private static let hasPython: Bool = {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "--version"]
    return (try? Running(process).wait())?.code == 0
  }()

  private static let refusals = [
    RefusedCommand(66, "gone.json --data new.csv", "gone.json: no such file"),
    RefusedCommand(66, "planted.json --data gone.csv", "gone.csv: no such file"),
    RefusedCommand(65, "new.csv --data new.csv", "new.csv"),
    RefusedCommand(65, "half.json --data new.csv", "half.json"),
    RefusedCommand(
      65, "planted.json --data short.csv",
      "short.csv: no column named 'colour', which the rules read; did you mean 'color'?"),
    RefusedCommand(
      65, "planted.json --data unseen.csv",
      "unseen.csv: row 2, column 'colour': 'violet' is none of the categories 'blue', 'green', 'red'"),
    RefusedCommand(
      65, "planted.json --data word.csv", "word.csv: row 1, column 'x': 'tall' is not a finite number"),
    RefusedCommand(65, "planted.json --data twice.csv", "twice.csv: two columns are named 'x'; rename one"),
    RefusedCommand(
      65, "planted.json --data test.csv --label clas",
      "no column named 'clas', which the rules read; did you mean 'class'?"),
    RefusedCommand(
      65, "planted.json --data strange.csv --label class",
      "strange.csv: column 'class': row 2: the class 'maybe' is none of 'no', 'yes'"),
    RefusedCommand(2, "planted.json", "--data"),
    RefusedCommand(2, "planted.json --data new.csv -o taken", "taken"),
  ]

  @Test(arguments: refusals) func whatDoesNotFitIsExplained(_ row: RefusedCommand) throws {
    let workspace = try RulesScene.workspace()
    try workspace.write(Self.table, "new.csv")
    try workspace.write(String(RulesScene.rules.prefix(300)), "half.json")
    try workspace.write("x,y,color\n1,2,red\n", "short.csv")
    try workspace.write("x,y,colour\n1,2,red\n1,2,violet\n", "unseen.csv")
    try workspace.write("x,y,colour\ntall,2,red\n", "word.csv")
    try workspace.write("x,y,colour,x\n1,2,red,1\n", "twice.csv")
    try workspace.write("x,y,colour,class\n1,2,red,yes\n1,2,red,maybe\n", "strange.csv")
    try workspace.write("mine", "taken/mine.txt")
    let last = row.arguments.contains("-o ") ? [] : ["-o", "out"]
    try row.check(in: workspace, first: ["rules", "apply"], last: last)
  }
}
