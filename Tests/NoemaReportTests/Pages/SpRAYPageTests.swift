import Foundation
import NoemaData
@testable import NoemaReport
import NoemaTensor
import Testing

private let hostile = "</script><img src=x onerror=alert(1)>]]>\"'&x\u{202E}*_"

private func hostileReport() throws -> SpRAYReport {
  var report = try SampleSpRAY.report()
  report.title = hostile
  report.question = hostile
  report.answers = [hostile]
  report.warnings = [hostile]
  report.settings = [(hostile, hostile)]
  report.hashes = [(hostile, hostile)]
  report.commandLine = hostile
  report.record.method = hostile
  report.record.embedding = hostile
  report.record.skipped = [hostile]
  for index in report.groups.indices {
    report.record.classes[index].name = hostile
    report.record.classes[index].remarks = [hostile]
    report.record.classes[index].suspicion.sentence = hostile
    report.record.classes[index].clusters[0].region = hostile
    report.record.classes[index].clusters[0].predictions = [hostile: 3]
    for member in report.groups[index].members.indices {
      report.groups[index].members[member].name = hostile
      report.groups[index].members[member].label = hostile
      report.groups[index].members[member].prediction = hostile
    }
    report.groups[index].galleries[0].prototypes[0].caption = hostile
  }
  return report
}

/// What stands between the first occurrences of two texts.
private func between(_ start: String, _ end: String, in text: String) throws -> String {
  let from = try #require(text.range(of: start)).upperBound
  let to = try #require(text.range(of: end, range: from..<text.endIndex)).lowerBound
  return String(text[from..<to])
}

@Test func sprayPageFetchesNothingAndRunsOneScript() throws {
  for report in [try SampleSpRAY.report(), try hostileReport()] {
    let html = try SpRAYPage(report).html()
    let lower = html.lowercased()
    #expect(!lower.contains("http:") && !lower.contains("https:") && !lower.contains("//cdn"))
    #expect(!lower.contains("@import") && !lower.contains("<link"))
    for call in ["fetch(", "xmlhttprequest", "innerhtml", "eval(", "websocket", "import(", "document.write"] {
      #expect(!ExplorerScript.source.lowercased().contains(call))
    }
    #expect(html.components(separatedBy: "src=\"").dropFirst().allSatisfy { $0.hasPrefix("data:image/") })
    // One script that runs, and one of data a class.
    #expect(html.components(separatedBy: "<script").count == 4)
    let script = try between("<script>", "</script>", in: html)
    let digits = Array(script.utf8).withUnsafeBytes { SHA256.hexadecimal(of: $0) }
    let bytes = stride(from: 0, to: 64, by: 2).compactMap {
      UInt8(digits.dropFirst($0).prefix(2), radix: 16)
    }
    #expect(html.contains("default-src 'none'; script-src 'sha256-\(Data(bytes).base64EncodedString())';"))
  }
}

@Test func sprayPageIsWellFormed() throws {
  for report in [try SampleSpRAY.report(), try hostileReport()] {
    let html = try SpRAYPage(report).html().replacing("<!DOCTYPE html>", with: "")
    let closed = html.replacing(#/<(meta|img)( [^>]*)>/#) { "<\($0.output.1)\($0.output.2)/>" }
    let parsed = WellFormed(closed)
    #expect(parsed.isWellFormed)
    #expect(parsed.words.contains("How to read this"))
    #expect(parsed.elements.filter { $0 == "canvas" }.count == 2)
  }
}

@Test func sprayHostileNamesStayWords() throws {
  let page = try SpRAYPage(try hostileReport())
  let html = try page.html()
  #expect(!html.contains("<img src=x") && !html.contains("\u{202E}"))
  #expect(html.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"))
  #expect(html.contains("\\u003c/script\\u003e\\u003cimg src=x"))
  for figure in page.figures {
    #expect(WellFormed(figure.svg).isWellFormed)
    #expect(figure.name.utf8.allSatisfy { $0 != UInt8(ascii: "/") })
  }
  #expect(Set(page.figures.map { $0.name.lowercased() }).count == page.figures.count)
}

@Test func sprayPageSaysTheAnswerFirst() throws {
  let html = try SpRAYPage(try SampleSpRAY.report()).html()
  let order = [
    "Class &#39;horse&#39;, strategy 3 (18 % of images)", "Before you rely on this", "<h2>Which classes",
    "<h2>horse: 3 strategies", "<h2>ship: 1 strategy", "<h2>How to read", "<h2>Settings",
  ]
  let places = order.map { html.range(of: $0)?.lowerBound ?? html.startIndex }
  #expect(places == places.sorted() && Set(places).count == order.count)
}

@Test func sentencesSayWhatMaskingFound() throws {
  var result = SampleSpRAY.record.classes[1]
  #expect(
    result.sentence
      == "class 'horse', strategy 3 (18 % of images): relevance sits in the lower left corner; masking that region "
      + "drops the score by 2.10 on these images and 0.030 elsewhere")
  #expect(
    result.sentence(about: 0)
      == "class 'horse', strategy 1 (50 % of images): relevance sits in no one place; not tested by masking")
  result.clusters[2].maskingEffect = .init(drop: -0.5, dropElsewhere: 0.25, isConfirmed: false)
  #expect(
    result.sentence.hasSuffix(
      "masking that region raises the score by 0.500 on these images and −0.250 elsewhere, which confirms nothing"
    ))
  result.suspicion.cluster = nil
  #expect(result.sentence == "class 'horse': 3 strategies, none that stands out")
  result.suspicion.sentence = "as given"
  #expect(result.sentence == "as given")
  #expect(SampleSpRAY.record.classes[0].sentence == "class 'ship': one strategy, nothing to tell apart")
}

@Test func sprayAnswersAreDerivedFromMasking() throws {
  var report = try SampleSpRAY.report()
  #expect(report.derivedAnswers.count == 1 && report.derivedAnswers[0].hasPrefix("Class 'horse', strategy 3"))
  report.record.classes[1].clusters[2].maskingEffect?.isConfirmed = false
  #expect(report.derivedAnswers == ["In the 2 analysed classes, masking confirms no suspicious strategy."])
  report.record.classes[1].clusters[2].maskingEffect = nil
  #expect(
    report.derivedAnswers == [
      "In the 2 analysed classes, no strategy was tested by masking; the ranking says which to look at."
    ])
}

@Test func thePlotKnowsEveryExample() throws {
  let html = try SpRAYPage(try SampleSpRAY.report()).html()
  let text = try between("id=\"class-2-points\">", "</script>", in: html)
  let data = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  let x = try #require(data["x"] as? [Int]), y = try #require(data["y"] as? [Int])
  #expect(x.count == 50 && x.min() == 0 && y.min() == 0 && max(x.max() ?? 0, y.max() ?? 0) == 65_535)
  // The first member lies lowest, so furthest down.
  #expect(y[0] == y.max())
  #expect(
    data["cluster"] as? [Int] == Array(repeating: 0, count: 25) + Array(repeating: 1, count: 15)
      + Array(repeating: 2, count: 9) + [-1])
  #expect((data["name"] as? [String])?.last == "horse-49.png")
  let words = try #require(data["words"] as? [String])
  #expect(words == ["horse", "cow"])
  #expect((data["prediction"] as? [Int])?.prefix(2) == [1, 0])
  let silhouettes = try #require(data["silhouette"] as? [Any])
  #expect(silhouettes.first as? Int == 50 && silhouettes.last is NSNull)
  let clusters = try #require(data["clusters"] as? [[String: Any]])
  #expect(clusters.map { $0["number"] as? Int } == [0, 1, 2, -1])
  #expect(clusters.map { $0["share"] as? String } == ["50 %", "30 %", "18 %", "2 %"])
  let sheets = try #require(data["sheets"] as? [[String: Any]])
  #expect(sheets.count == 1 && sheets[0]["columns"] as? Int == 8 && sheets[0]["count"] as? Int == 50)
  let identifier = try #require(sheets[0]["id"] as? String)
  #expect(html.contains("<img class=\"sheet\" id=\"\(identifier)\""))
}

@Test func planesKeepProportionsAndDegenerateOnesAreKept() {
  let plane = SpRAYExplorer.plane([0, 1, 2], [5, 5, 4])
  #expect(plane.x == [0, 32_768, 65_535] && plane.y == [0, 0, 32_768])
  let point = SpRAYExplorer.plane([3, 3], [1, 1])
  #expect(point.x == [0, 0] && point.y == [0, 0])
  let endless = SpRAYExplorer.plane([-Double.greatestFiniteMagnitude, .greatestFiniteMagnitude], [0, 1])
  #expect(endless.x == [0, 0])
}

@Test func thumbnailsStandInTheirCells() throws {
  var sheet = SpRAYThumbnails(capacity: 5, longestEdge: 12)
  #expect(sheet.cell == 16 && sheet.columnCount == 3)
  for index in 0..<5 { try sheet.add(SampleSpRAY.image(index, channels: 1)) }
  #expect(sheet.count == 5 && sheet.image.channelCount == 1)
  #expect(sheet.image.width == 48 && sheet.image.height == 32)
  // Picture 4 stands in the second row, second column, in the middle of its cell: 12 × 10 in 16 × 16.
  #expect(sheet.image.pixels[(16 + 3) * 48 + 16 + 2] == 28)
  #expect(sheet.image.pixels[(16 + 2) * 48 + 16 + 2] == 255)
  #expect(throws: ReportError(.input("a sheet of 5 thumbnails is full"))) {
    try sheet.add(SampleSpRAY.image(5))
  }
  #expect(try sheet.address().hasPrefix("data:image/png;base64,"))

  var large = SpRAYThumbnails(capacity: 10_000, longestEdge: 224)
  #expect(large.cell == 40 && large.columnCount == 100)
  try large.add(
    Image(width: 224, height: 112, channelCount: 3, pixels: Array(repeating: 9, count: 224 * 112 * 3)))
  // 40 × 20 in the middle of 40 × 40.
  #expect(large.image.pixels[3 * (10 * 4000 + 39)] == 9 && large.image.pixels[3 * (9 * 4000 + 39)] == 255)
  #expect(SpRAYThumbnails(capacity: 50_000, longestEdge: 28).cell == 16)
  #expect(SpRAYThumbnails(capacity: 0, longestEdge: 0).cell == 8)
}

@Test func tooManyPointsAreThinnedEvenly() {
  #expect(EvenChoice.of(3, from: 2) == [0, 1])
  #expect(EvenChoice.of(4, from: 10) == [0, 2, 5, 7])
  let rows = EvenChoice.of(SpRAYExplorer.pointLimit, from: 50_001)
  #expect(rows.count == SpRAYExplorer.pointLimit && Set(rows).count == rows.count && rows.last! < 50_001)
}

@Test func spectraMarkTheGap() throws {
  let figures = try SpRAYPage(try SampleSpRAY.report()).figures
  let horse = try #require(figures.first { $0.name == "eigenvalues-2-horse" })
  let ship = try #require(figures.first { $0.name == "eigenvalues-1-ship" })
  #expect(horse.svg.contains("gap 0.380 after 3") && !ship.svg.contains("gap 0."))
  #expect(
    figures.map(\.name).filter { $0.hasPrefix("strategies-") } == ["strategies-1-ship", "strategies-2-horse"])
  for figure in figures {
    #expect(WellFormed(figure.svg).isWellFormed)
    // Embedded pictures are letters by chance.
    guard !figure.name.hasPrefix("mean-maps") else { continue }
    #expect(!figure.svg.contains("nan") && !figure.svg.contains("inf"))
  }
}

@Test func whatDoesNotFitIsNamed() throws {
  let cases: [(String, (inout SpRAYReport) -> Void)] = [
    ("a report needs the examples of each class; found 1 for 2 classes", { $0.groups.removeLast() }),
    (
      "class 'ship': places of shape [11, 2], expected [12, 2]",
      { $0.groups[0].places = $0.groups[0].places.rows(0..<11) }
    ),
    (
      "class 'ship': the place of 'ship-1.png' is NaN or infinite",
      { $0.groups[0].places = Tensor(shape: [12, 2], (0..<24).map { $0 == 3 ? Double.nan : 0 }) }
    ),
    ("class 'ship': 'ship-4.png' is in cluster 1 of 1", { $0.groups[0].members[4].cluster = 1 }),
    ("class 'horse': 2 galleries for 3 clusters", { $0.groups[1].galleries.removeLast() }),
    (
      "class 'horse': eigenvectors of shape [3], expected [50, dimensions]",
      { $0.groups[1].eigenvectors = Tensor(shape: [3], [1.0, 2, 3]) }
    ),
  ]
  for (message, change) in cases {
    var report = try SampleSpRAY.report()
    change(&report)
    do {
      _ = try SpRAYPage(report)
      Issue.record("nothing was thrown for: \(message)")
    } catch {
      #expect("\(error)" == message)
    }
  }
}

@Test func sprayFolderHoldsTheArrays() throws {
  let path = FileManager.default.temporaryDirectory.path + "/noema-spray-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: path) }
  let page = try SpRAYPage(try SampleSpRAY.report())
  try ResultFolder.make(at: path) { try page.write(into: $0, run: ["seed": "0"]) }
  let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  #expect(
    names == [
      ".noema-files", "assignments.csv", "eigenvectors.npy", "embedding.npy", "figures", "mean-maps.npy",
      "report.html", "report.ipynb", "result.json",
    ])
  let json = try #require(
    try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path + "/result.json")))
      as? [String: Any])
  #expect(json["schema"] as? String == "noema.spray/1")
  #expect((json["run"] as? [String: String]) == ["seed": "0"])
  let classes = try #require(json["classes"] as? [[String: Any]])
  for key in ["clusters", "eigenvalues", "suspicion"] { #expect(classes.allSatisfy { $0[key] != nil }) }
  #expect(classes[1]["eigengap"] != nil && classes[0]["eigengap"] == nil)
  let clusters = try #require(classes[1]["clusters"] as? [[String: Any]])
  for key in ["size", "share", "stability", "prototypes"] { #expect(clusters.allSatisfy { $0[key] != nil }) }
  #expect((clusters[2]["maskingEffect"] as? [String: Any])?["drop"] as? Double == 2.1)
  #expect(clusters.map { $0["meanMapIndex"] as? Int } == [1, 2, 3])

  #expect(try NPYFile.read(path + "/mean-maps.npy").shape == [4, 10, 12])
  #expect(try NPYFile.read(path + "/embedding.npy").shape == [62, 2])
  let eigenvectors = try NPYFile.read(path + "/eigenvectors.npy")
  #expect(eigenvectors.shape == [62, 3])
  let first = eigenvectors.rows(0..<1).elements(as: Double.self)
  #expect(first[0] == 0.5 && first[1].isNaN && first[2].isNaN)
  let lines = try String(contentsOfFile: path + "/assignments.csv", encoding: .utf8).split(separator: "\n")
  #expect(lines.count == 63)
  #expect(lines[0] == "example,class,cluster,distance,silhouette,classIndex,name,label,prediction")
  #expect(lines[1] == "100,ship,0,0.25,0.5,2,ship-0.png,ship,cow")
  #expect(lines[62] == "149,horse,-1,,,7,horse-49.png,horse,horse")
}

@Test func sprayTablesQuoteWhatTheyMust() throws {
  var report = try SampleSpRAY.report()
  report.groups[0].members[0].name = "a,\"b\"\nc"
  let path = FileManager.default.temporaryDirectory.path + "/noema-spray-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: path) }
  let page = try SpRAYPage(report)
  try ResultFolder.make(at: path) { try page.write(into: $0, run: [String: String]()) }
  let text = try String(contentsOfFile: path + "/assignments.csv", encoding: .utf8)
  #expect(text.contains("100,ship,0,0.25,0.5,2,\"a,\"\"b\"\"\nc\",ship,cow\n"))
}

@Test func sprayNotebookReadsNamesFromTheFiles() throws {
  func cells(_ report: SpRAYReport) throws -> [[String: Any]] {
    let text = try SpRAYPage(report).notebook()
    let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    return (json["cells"] as? [[String: Any]] ?? []).filter { $0["cell_type"] as? String == "code" }
  }
  func sources(_ cells: [[String: Any]]) -> [String] {
    cells.map { ($0["source"] as? [String] ?? []).joined() }
  }
  let plain = try cells(try SampleSpRAY.report())
  #expect(plain.count == 4 && plain.allSatisfy { ($0["outputs"] as? [Any])?.isEmpty == false })
  let hostile = try cells(try hostileReport())
  #expect(sources(plain) == sources(hostile))
  for line in sources(plain).joined(separator: "\n").split(separator: "\n") where line.hasPrefix("import") {
    #expect(
      ["import csv", "import json", "import numpy as np", "import matplotlib.pyplot as plt"].contains(
        String(line)))
  }
  var report = try SampleSpRAY.report()
  for index in report.groups.indices { report.groups[index].galleries = [] }
  #expect(try cells(report).count == 3)
}
