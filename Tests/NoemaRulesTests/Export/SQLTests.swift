import Testing

@testable import NoemaRules

@Suite struct SQLTests {
  /// A table of SQLite with typed columns.
  private func create(_ table: RuleTable) -> String {
    func quoted(_ text: String, _ mark: Character) -> String {
      let parts = text.split(separator: mark, omittingEmptySubsequences: false)
      return "\(mark)\(parts.joined(separator: "\(mark)\(mark)"))\(mark)"
    }
    let columns = table.features.map { "\(quoted($0.name, "\"")) \($0.levels == nil ? "REAL" : "TEXT")" }
    var text = "CREATE TABLE \"my data\" (\(columns.joined(separator: ", ")));\nBEGIN;\n"
    for row in 0..<table.rowCount {
      let values = table.features.enumerated().map { index, feature -> String in
        let value = table[row, index]
        if value.isNaN { return "NULL" }
        return feature.levels.map { quoted($0[Int(value)], "'") } ?? DecimalText.real(value)
      }
      text += "INSERT INTO \"my data\" VALUES (\(values.joined(separator: ", ")));\n"
    }
    return text + "COMMIT;\n"
  }

  @Test(.enabled(if: Tool.exists("sqlite3"))) func sqliteAnswersAlike() throws {
    let table = try ExportCases.table(seed: 1, 200)
    var sql = SQL()
    sql.table = "my data"
    let documents = try ExportCases.documents(seed: 2) + [wide()]
    var script = create(table)
    for document in documents {
      let query = try sql.statement(document).dropLast(2)
      // Exactly: classes as the bytes of their names, numbers in digits enough.
      let answer = document.model.classes.isEmpty ? "printf('%!.17g', prediction)" : "hex(prediction)"
      script += "SELECT \(answer) FROM (\(query));\n"
    }
    let result = try Tool.run("sqlite3", ["-batch", "-bail"], input: script)
    #expect(result.status == 0)
    let lines = result.output.split(separator: "\n").map(String.init)
    try #require(lines.count == documents.count * 200)
    for (index, document) in documents.enumerated() {
      let answers = try ExportCases.answers(document, table)
      let found = lines[(index * 200)..<((index + 1) * 200)]
      for (row, (line, expected)) in zip(found, answers).enumerated() {
        if document.model.classes.isEmpty {
          #expect(abs((Double(line) ?? .nan) - (Double(expected) ?? 0)) <= 1e-15 * abs(Double(expected) ?? 0))
        } else {
          let bytes = expected.utf8.map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }
          #expect(line == bytes.joined().uppercased(), "row \(table.row(row)) of document \(index)")
        }
      }
    }
  }

  /// More rules of a class than one expression may add.
  private func wide() throws -> RuleDocument {
    var source = RandomRuleSource(seed: 3)
    return .set(try source.ruleSet(1_500, .confidenceVote))
  }

  @Test func textByHand() throws {
    let rules = try RuleSet(
      features: [Feature("a \"x\""), Feature("c", kind: .categorical(levels: ["it's", "v"]))],
      classes: ["A", "B"],
      rules: [
        Rule(Clause([.above(0, 1), .atMost(0, 2.5), .isIn(1, [0], orMissing: true)]), .label(1)),
        Rule(Clause([.isMissing(0)]), .label(0)), Rule(Clause([.isPresent(1)]), .label(1)),
      ], resolution: .firstMatch, defaultConclusion: .label(0))
    var sql = SQL()
    sql.table = nil
    #expect(
      try sql.expression(.set(rules)) == #"""
        CASE
        WHEN "a ""x""" > 1.0 AND "a ""x""" <= 2.5 AND ("c" IS NULL OR "c" = 'it''s') THEN 'B'
        WHEN "a ""x""" IS NULL THEN 'A'
        WHEN "c" IS NOT NULL THEN 'B'
        ELSE 'A' END
        """#)
    #expect(throws: RuleError(.parameters("a statement needs the name of a table"))) {
      try sql.statement(.set(rules))
    }
    let zero = try RuleSet(
      features: [Feature("x")], classes: ["a\0"], rules: [], defaultConclusion: .label(0))
    #expect(throws: RuleError.self) { try sql.expression(.set(zero)) }
  }

  @Test func aTreeOfAllChildrenIsRefused() throws {
    var source = RandomRuleSource(seed: 4)
    let tree = try source.tree(depth: 3, policy: .allChildren)
    #expect(throws: RuleError.self) { try SQL().expression(.tree(tree)) }
    #expect(throws: RuleError.self) { try PythonSource().text(.tree(tree)) }
  }
}
