import Foundation
import NoemaConcepts
import NoemaReport
import Testing

@Test func notebookHasTheFormat() throws {
  var notebook = Notebook()
  notebook.markdown("# a\nb")
  notebook.code(
    "x = 1\n",
    outputs: [
      .text("one\n"), .figure(svg: "<svg/>", png: [1, 2, 3], description: "d"),
      .figure(svg: "<svg/>", png: nil, description: ""),
    ])
  let json = try #require(
    try JSONSerialization.jsonObject(with: Data(try notebook.json().utf8)) as? [String: Any])
  #expect(json["nbformat"] as? Int == 4 && json["nbformat_minor"] as? Int == 5)
  let cells = try #require(json["cells"] as? [[String: Any]])
  #expect(cells.map { $0["id"] as? String } == ["cell-1", "cell-2"])
  #expect(cells[0]["source"] as? [String] == ["# a\n", "b"])
  #expect(cells[0]["outputs"] == nil)
  #expect(cells[1]["source"] as? [String] == ["x = 1\n"])
  let outputs = try #require(cells[1]["outputs"] as? [[String: Any]])
  #expect(outputs.map { $0["output_type"] as? String } == ["stream", "display_data", "display_data"])
  let data = try #require(outputs[1]["data"] as? [String: Any])
  #expect(data["image/png"] as? String == "AQID")
  #expect((outputs[2]["data"] as? [String: Any])?["image/png"] == nil)
}

@Test func notebookOfAStudyCompiles() throws {
  let text = try TCAVPage(SampleStudy.report).notebook()
  let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  let cells = try #require(json["cells"] as? [[String: Any]])
  let code = cells.filter { $0["cell_type"] as? String == "code" }
  #expect(code.count == 7)
  #expect(code.allSatisfy { ($0["outputs"] as? [Any])?.isEmpty == false })
  let source = code.map { ($0["source"] as? [String] ?? []).joined() }.joined(separator: "\n\n")
  for line in source.split(separator: "\n") where line.hasPrefix("import") || line.hasPrefix("from") {
    #expect(["import json", "import numpy as np", "import matplotlib.pyplot as plt"].contains(String(line)))
  }
  try expectToCompile(source)
}

@Test func hostileNamesDoNotReachTheCode() throws {
  let plain = try codeSources(SampleStudy.report)
  var report = SampleStudy.report
  report.title = "\"\"\"\nimport os"
  for index in report.results.indices { report.results[index].target += "\"; import os #" }
  #expect(try codeSources(report) == plain)
}

private func codeSources(_ report: TCAVReport) throws -> [String] {
  let text = try TCAVPage(report).notebook()
  let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  return (json["cells"] as? [[String: Any]] ?? []).filter { $0["cell_type"] as? String == "code" }
    .map { ($0["source"] as? [String] ?? []).joined() }
}

/// Compiles the source with Python where there is one.
private func expectToCompile(_ source: String) throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "noema-notebook-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let file = folder.appendingPathComponent("cells.py")
  try Data(source.utf8).write(to: file)
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["python3", "-m", "py_compile", file.path]
  try process.run()
  process.waitUntilExit()
  // 127: there is no Python.
  #expect([0, 127].contains(process.terminationStatus))
}
