import Foundation
import NoemaData
@testable import NoemaReport
import NoemaRules
import NoemaTensor
import Testing

private let hostile = "</script><img src=x onerror=alert(1)>]]>\"'&x\u{202E}*_"

/// Features, levels and classes with names that would be markup.
private func hostileReport() throws -> RulesReport {
  let features = [
    Feature(hostile, unit: hostile), Feature("b", kind: .categorical(levels: [hostile, "red"])),
    Feature("c", kind: .integer),
  ]
  let tree = try SampleRules.tree(features, classes: [hostile, "yes"])
  var report = try SampleRules.report(.tree(tree))
  report.title = hostile
  report.question = hostile
  report.answers = [hostile]
  report.warnings = [hostile]
  report.settings = [(hostile, hostile)]
  report.hashes = [(hostile, hostile)]
  report.commandLine = hostile
  report.record.method = hostile
  report.record.remarks = [hostile]
  return report
}

private func reports() throws -> [RulesReport] {
  try SampleRules.documents().map { try SampleRules.report($0) } + [hostileReport()]
}

@Test func rulesPageFetchesNothingAndRunsOneScript() throws {
  for report in try reports() {
    let html = try RulesPage(report).html()
    let lower = html.lowercased()
    #expect(!lower.contains("http:") && !lower.contains("https:") && !lower.contains("@import"))
    #expect(html.components(separatedBy: "<script").count == 3)
    let start = try #require(html.range(of: "<script>")).upperBound
    let end = try #require(html.range(of: "</script>", range: start..<html.endIndex)).lowerBound
    let digits = Array(html[start..<end].utf8).withUnsafeBytes { SHA256.hexadecimal(of: $0) }
    let bytes = stride(from: 0, to: 64, by: 2).compactMap {
      UInt8(digits.dropFirst($0).prefix(2), radix: 16)
    }
    #expect(html.contains("script-src 'sha256-\(Data(bytes).base64EncodedString())';"))
  }
  for call in ["fetch(", "xmlhttprequest", "innerhtml", "eval(", "websocket", "import(", "document.write"] {
    #expect(!RulesExplorer.script.lowercased().contains(call))
  }
}

@Test func rulesPageIsWellFormed() throws {
  for report in try reports() {
    let html = try RulesPage(report).html().replacing("<!DOCTYPE html>", with: "")
    let closed = html.replacing(#/<(meta|img)( [^>]*)>/#) { "<\($0.output.1)\($0.output.2)/>" }
    let parsed = WellFormed(closed)
    #expect(parsed.isWellFormed)
    #expect(parsed.words.contains("How to read this"))
    #expect(!html.contains("<img src=x") && !html.contains("\u{202E}"))
  }
}

@Test func rulesFiguresAreWellFormed() throws {
  for report in try reports() {
    let figures = try RulesPage(report).figures
    #expect(Set(figures.map(\.name)).count == figures.count)
    for figure in figures {
      #expect(WellFormed(figure.svg).isWellFormed)
      #expect(!figure.svg.contains("nan") && !figure.svg.contains("inf"))
    }
  }
}

@Test func onlyRulesThatVoteHaveNoTree() throws {
  let names = try SampleRules.documents().map { document in
    try RulesPage(SampleRules.report(document)).figures.map(\.name)
  }
  #expect(names.map { $0.contains("tree") } == [true, true, false])
  let ordered = try SampleRules.set().resolved(by: .singleBest)
  #expect(
    try RulesPage(SampleRules.report(.set(ordered))).figures.map(\.name).contains("tree"))
}

/// Covers and precisions, counted by hand: a naive reading of every row.
@Test func rulesAreCountedOnTheTestTable() throws {
  let table = try SampleRules.table()
  for document in try SampleRules.documents() {
    let record = try SampleRules.record(document)
    var covers = [Int](repeating: 0, count: record.rules.count), hits = covers
    for row in 0..<table.rowCount {
      let values = table.row(row)
      let firing: [Int]
      switch document {
      case .tree(let tree):
        let leaves = [1, 3, 4]
        firing = [leaves.firstIndex(of: tree.leaf(values)) ?? -1]
      case .list(let list): firing = [list.rules.firstIndex { $0.clause.holds(values) } ?? 2]
      case .set(let rules):
        let holds = rules.rules.indices.filter { rules.rules[$0].clause.holds(values) }
        firing = holds.isEmpty ? [3] : holds
      }
      for rule in firing {
        covers[rule] += 1
        if record.rules[rule].conclusion == SampleRules.classes[SampleRules.network[row]] { hits[rule] += 1 }
      }
    }
    for (index, rule) in record.rules.enumerated() {
      #expect(rule.cover == .share(covers[index], of: 60))
      #expect(rule.precision == .share(hits[index], of: covers[index]))
    }
    #expect(record.quality.fidelity.count == 60 && record.exampleCount == 60)
  }
}

/// The conditions of a leaf hold exactly for the rows that come there, also of M-of-N questions and missing values.
@Test func shownLeavesHoldWhereTheTreeSaysSo() throws {
  let tree = try SampleRules.tree(), table = try SampleRules.table()
  let shown = ShownRules(.tree(tree))
  #expect(shown.rules.map(\.place) == [1, 3, 4])
  for row in 0..<table.rowCount {
    let values = table.row(row)
    let holding = shown.rules.indices.filter { index in
      shown.rules[index].conditions.allSatisfy { condition in
        let count = condition.literals.count { $0.admits(values[$0.feature]) }
        return (count >= condition.atLeast) != condition.isNegated
      }
    }
    let leaf = [1, 3, 4].firstIndex(of: tree.leaf(values))
    #expect(holding.count == 1 && holding.first == leaf)
  }
  #expect(shown.premise(of: shown.rules[0]) == "length <= 3 cm")
  #expect(
    shown.premise(of: shown.rules[1])
      == "(length > 3 cm or missing) AND at least 2 of {colour = red; age > 5}")
  #expect(
    shown.premise(of: shown.rules[2])
      == "(length > 3 cm or missing) AND fewer than 2 of {colour = red; age > 5}")
}

@Test func rulesPageSaysTheAnswerFirst() throws {
  let report = try SampleRules.report(.list(try SampleRules.list()))
  let html = try RulesPage(report).html()
  let order = [
    "<h1>", "2 rules say what the network says of", "Before you rely on this", "<h2>How well the rules",
    "<h2>The rules</h2>", "<h2>What the rules read", "<h2>How many rules are worth", "<h2>Which rules fire",
    "<h2>Where rules and network differ", "<h2>How to read", "<h2>How the rules came about",
  ]
  let places = order.map { html.range(of: $0)?.lowerBound ?? html.startIndex }
  #expect(places == places.sorted() && Set(places).count == order.count)
  #expect(html.contains("With 60 test examples, intervals are wide."))
}

@Test func theExplorerKnowsRulesAndRows() throws {
  for document in try SampleRules.documents() {
    let html = try RulesPage(SampleRules.report(document)).html()
    let start = try #require(html.range(of: "id=\"rule-rows\">")).upperBound
    let end = try #require(html.range(of: "</script>", range: start..<html.endIndex)).lowerBound
    let content = try #require(
      try JSONSerialization.jsonObject(with: Data(html[start..<end].utf8)) as? [String: Any])
    let rows = try #require(content["rows"] as? [[String: Any]])
    #expect(rows.map { $0["number"] as? Int } == Array(1...60))
    #expect(rows.map { $0["network"] as? Int } == SampleRules.network)
    let answers = try document.model.labels(on: SampleRules.table())
    #expect(rows.map { $0["rules"] as? Int } == answers)
    let rules = try #require(content["rules"] as? [[String: Any]])
    #expect(rules.count == ShownRules(document).rules.count)
    // Features that no rule reads are left out; the tenth row lacks its first value.
    let values = try #require(rows[9]["values"] as? [Any])
    #expect(values.count == Set(document.model.terms.map(\.feature)).count && values[0] is NSNull)
  }
}

/// The script in a document made of stand-ins, where there is Node.js: for each row it finds the rules that fire.
@Test func theScriptFindsTheRulesThatFire() throws {
  for document in try SampleRules.documents() {
    let report = try SampleRules.report(document)
    let html = try RulesPage(report).html()
    let start = try #require(html.range(of: "id=\"rule-rows\">")).upperBound
    let end = try #require(html.range(of: "</script>", range: start..<html.endIndex)).lowerBound
    let lines = try runScript(String(html[start..<end]))
    guard let lines else { return }
    let firing = try document.firingNames(on: SampleRules.table())
    #expect(lines.count == 60)
    for (line, names) in zip(lines, firing) {
      let found = line.split(separator: " ").map(String.init)
      switch document {
      // Of a list, the rule that decides comes first; others may hold too.
      case .list: #expect(found.first == names)
      case .tree, .set: #expect(found.joined(separator: " ") == names)
      }
    }
  }
}

/// Shows row after row, and returns the names of the rules that fire; nil without Node.js.
private func runScript(_ content: String) throws -> [String]? {
  let page = """
    class Element {
      constructor(name) { this.name = name; this.children = []; this.listeners = {}; this.dataset = {}; }
      append(...parts) { this.children.push(...parts); }
      replaceChildren(...parts) { this.children = parts; }
      addEventListener(name, action) { this.listeners[name] = action; }
      get textContent() {
        return this.children.map((part) => typeof part === "string" ? part : part.textContent).join("");
      }
    }
    const parts = {};
    const root = new Element("div");
    root.dataset.content = "rule-rows";
    root.querySelector = (name) => parts[name] ??= new Element("div");
    const store = new Element("script");
    store.append(\(String(decoding: try JSONEncoder().encode(content), as: UTF8.self)));
    globalThis.document = {
      createElement: (name) => new Element(name), getElementById: () => store, querySelectorAll: () => [root],
    };

    """
  let drive = """

    for (let row = 0; row < 60; row += 1) {
      const fired = parts[".tried"].children.filter((card) => card.className.includes("fires"));
      console.log(fired.map((card) => card.children[0].children[0].textContent.replace("rule ", "")).join(" "));
      parts[".next"].listeners.click();
    }
    """
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "noema-rules-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let file = folder.appendingPathComponent("page.js")
  try Data((page + RulesExplorer.script + "\n" + drive).utf8).write(to: file)
  let (process, output) = (Process(), Pipe())
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["node", file.path]
  process.standardOutput = output
  try process.run()
  let data = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  // 127: there is no such program.
  if process.terminationStatus == 127 { return nil }
  #expect(process.terminationStatus == 0)
  return String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    .dropLast().map(String.init)
}

@Test func rulesFolderHoldsTheExports() throws {
  let common = [
    ".noema-files", "figures", "predictions.csv", "report.html", "report.ipynb", "result.json",
  ]
  for (document, further) in zip(
    try SampleRules.documents(),
    [
      ["rules.dot", "tree.svg"], ["rules.dot", "tree.svg"], [],
    ])
  {
    let path = FileManager.default.temporaryDirectory.path + "/noema-rules-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var refusals: [String] = []
    try ResultFolder.make(at: path) {
      refusals = try RulesPage(SampleRules.report(document)).write(into: $0, run: ["seed": "0"])
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    let rules = ["rules.json", "rules.pmml", "rules.py", "rules.sql", "rules.txt"]
    #expect(names == (common + rules + further).sorted())
    #expect(refusals.count == (further.isEmpty ? 1 : 0))
    #expect(try RuleDocument(path: path + "/rules.json") == document)
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path + "/result.json")))
        as? [String: Any])
    #expect(json["schema"] as? String == "noema.rules.study/1")
    #expect(json["form"] as? String == document.form)
    #expect((json["run"] as? [String: String]) == ["seed": "0"])
    for key in ["quality", "size", "rules", "regions", "mistakes", "curve"] {
      #expect(json[key] != nil, "\(key)")
    }
    let lines = try String(contentsOfFile: path + "/predictions.csv", encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 61 && lines[0] == "row,network,rules,truth,firing")
    let answers = try document.model.labels(on: SampleRules.table())
    for (row, line) in lines.dropFirst().enumerated() {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      #expect(fields[0] == "\(row + 1)" && fields[1] == SampleRules.classes[SampleRules.network[row]])
      #expect(fields[2] == SampleRules.classes[answers[row]])
    }
  }
}

@Test func rulesThatDoNotFitAreNamed() throws {
  let document = RuleDocument.list(try SampleRules.list())
  let record = try SampleRules.record(document), table = try SampleRules.table()
  func message(_ report: RulesReport) -> String {
    do {
      _ = try RulesPage(report)
      return ""
    } catch { return "\(error)" }
  }
  #expect(
    message(
      RulesReport(title: "t", record: record, document: document, table: table, network: [0, 1]))
      == "2 of the network's classes for 60 test examples")
  #expect(
    message(
      RulesReport(
        title: "t", record: record, document: document, table: table, network: SampleRules.network,
        truth: SampleRules.network.map { $0 * 5 }))
      == "true classes name a class that is none of the 2 of the rules")
  #expect(
    message(
      RulesReport(
        title: "t", record: record, document: .tree(try SampleRules.tree()), table: table,
        network: SampleRules.network)) == "the numbers are those of other rules or examples")
}

@Test func rulesNotebookReadsNamesFromTheFiles() throws {
  func sources(_ report: RulesReport) throws -> [String] {
    let text = try RulesPage(report).notebook()
    let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let cells = (json["cells"] as? [[String: Any]] ?? []).filter { $0["cell_type"] as? String == "code" }
    #expect(cells.allSatisfy { ($0["outputs"] as? [Any])?.isEmpty == false })
    return cells.map { ($0["source"] as? [String] ?? []).joined() }
  }
  let plain = try sources(SampleRules.report(.tree(try SampleRules.tree())))
  #expect(plain.count == 4)
  #expect(try sources(hostileReport()) == plain)
  for line in plain.joined(separator: "\n").split(separator: "\n") where line.hasPrefix("import") {
    #expect(
      ["import csv", "import json", "import numpy as np", "import matplotlib.pyplot as plt"].contains(
        String(line)))
  }
}
