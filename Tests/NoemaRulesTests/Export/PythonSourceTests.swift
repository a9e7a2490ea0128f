import Foundation
import Testing

@testable import NoemaRules

@Suite struct PythonSourceTests {
  /// Rows as Python dictionaries; every third missing value is absent, NaN or None.
  private func rows(_ table: RuleTable) -> String {
    (0..<table.rowCount).map { row in
      let items = table.features.enumerated().compactMap { index, feature -> String? in
        let (name, value) = (PythonSource.string(feature.name), table[row, index])
        if value.isNaN { return [nil, "\(name): float('nan')", "\(name): None"][row % 3] }
        return
          "\(name): \(feature.levels.map { PythonSource.string($0[Int(value)]) } ?? DecimalText.exact(value))"
      }
      return "  {\(items.joined(separator: ", "))},\n"
    }.joined()
  }

  @Test(.enabled(if: Tool.exists("python3"))) func pythonAnswersAlike() throws {
    let table = try ExportCases.table(seed: 1, 200)
    let documents = try ExportCases.documents(seed: 2) + [chain(150)]
    var script = "rows = [\n\(rows(table))]\nfunctions = []\n"
    for document in documents {
      script += try PythonSource().text(document) + "functions.append(predict)\n"
    }
    script += """
      for function in functions:
          for row in rows:
              answer = function(row)
              print(answer.encode().hex() if isinstance(answer, str) else repr(float(answer)))

      """
    let result = try Tool.run("python3", ["-"], input: script)
    #expect(result.status == 0)
    let lines = result.output.split(separator: "\n").map(String.init)
    try #require(lines.count == documents.count * 200)
    for (index, document) in documents.enumerated() {
      let answers = try ExportCases.answers(document, table)
      for (row, (line, expected)) in zip(lines[(index * 200)..<((index + 1) * 200)], answers).enumerated() {
        if document.model.classes.isEmpty {
          #expect(ExportCases.number(Double(line) ?? .nan) == expected)
        } else {
          let bytes = expected.utf8.map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }
          #expect(line == bytes.joined(), "row \(table.row(row)) of document \(index)")
        }
      }
    }
  }

  /// A tree deeper than Python may be indented.
  private func chain(_ depth: Int) throws -> RuleDocument {
    var nodes: [DecisionTree.Node] = []
    for level in 0..<depth {
      nodes.append(
        .init(
          split: .term(.atMost(0, Double(level) / 100 - 1)), children: [nodes.count + 1, nodes.count + 2],
          defaultChild: level == 70 ? 0 : 1, distribution: [1, 1, 1], weight: 3))
      nodes.append(.init(distribution: level % 2 == 0 ? [1, 0, 0] : [0, 1, 0], weight: 1))
    }
    nodes.append(.init(distribution: [0, 0, 1], weight: 1))
    return .tree(
      try DecisionTree(features: RandomRuleSource.features, classes: RandomRuleSource.classes, nodes: nodes))
  }

  @Test func namesAreEscaped() throws {
    #expect(PythonSource.string("it's \\ \n é") == #"'it\'s \\ \U0000000a \U000000e9'"#)
    var source = PythonSource()
    let rules = try RuleSet(features: [Feature("x")], classes: ["a"], rules: [], defaultConclusion: .label(0))
    for name in ["", "1x", "a b", "x;import os"] {
      source.function = name
      #expect(throws: RuleError.self) { try source.text(.set(rules)) }
    }
    source.function = "answer_2"
    #expect(try source.text(.set(rules)).hasPrefix("def answer_2(row):\n"))
  }
}
