import Foundation
@testable import NoemaConcepts
import NoemaData
import NoemaReport
import Testing

private let hostile = "</script><img src=x onerror=alert(1)>\"'&$x$`*_"

private var hostileReport: TCAVReport {
  var report = SampleStudy.report
  for index in report.results.indices {
    report.results[index].concept = hostile + report.results[index].concept
    report.results[index].layer = hostile + report.results[index].layer
    report.results[index].target = hostile + report.results[index].target
    report.results[index].diagnostics.warnings = [hostile]
    report.results[index].diagnostics.entanglement = [hostile: 0.2, hostile + "striped": 0.3]
  }
  report.title = hostile
  report.question = hostile
  report.answers = [hostile]
  report.layers = []
  report.warnings = [hostile]
  report.settings = [(hostile, hostile)]
  report.hashes = [(hostile, hostile)]
  report.commandLine = hostile
  let image = Image(width: 2, height: 2, channelCount: 1, pixels: [0, 1, 2, 3])
  report.strips = [.init(concept: hostile, images: [image])]
  report.extremes = [
    .init(
      layer: hostile, target: hostile, concept: hostile,
      most: [.init(image: image, derivative: .nan, caption: hostile)], least: [])
  ]
  return report
}

@Test func pageFetchesNothing() throws {
  for report in [SampleStudy.report, hostileReport] {
    let html = try TCAVPage(report).html().lowercased()
    #expect(!html.contains("http:") && !html.contains("https:") && !html.contains("//cdn"))
    #expect(!html.contains("@import") && !html.contains("<link") && !html.contains("<script"))
    #expect(html.contains("default-src 'none'"))
    #expect(
      html.components(separatedBy: "src=\"").dropFirst().allSatisfy { $0.hasPrefix("data:image/") }
    )
  }
}

@Test func hostileNamesStayWords() throws {
  let page = try TCAVPage(hostileReport)
  #expect(try !page.html().contains("<img src=x"))
  #expect(try page.html().contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"))
  for figure in page.figures {
    #expect(WellFormed(figure.svg).isWellFormed)
    #expect(figure.name.utf8.allSatisfy { $0 != UInt8(ascii: "/") } && !figure.name.hasPrefix("."))
  }
  #expect(Set(page.figures.map { $0.name.lowercased() }).count == page.figures.count)
}

@Test func pageIsWellFormed() throws {
  // As XML the page must only close its void elements and drop what HTML alone has.
  for report in [SampleStudy.report, hostileReport] {
    let html = try TCAVPage(report).html().replacing("<!DOCTYPE html>", with: "")
    let closed = html.replacing(#/<(meta|img)( [^>]*)>/#) { "<\($0.output.1)\($0.output.2)/>" }
    let parsed = WellFormed(closed)
    #expect(parsed.isWellFormed)
    #expect(parsed.words.contains("How to read this"))
  }
}

@Test func pageSaysTheAnswerFirst() throws {
  let html = try TCAVPage(SampleStudy.report).html()
  let order = [
    "stripes to recognise zebras", "raises the zebra output for 94 %", "<h2>Verdicts", "<h2>Scores",
    "<h2>Settings",
  ]
  let places = order.map { html.range(of: $0)?.lowerBound ?? html.startIndex }
  #expect(places == places.sorted() && Set(places).count == order.count)
}

@Test func answersAreDerivedFromVerdicts() throws {
  var report = SampleStudy.report
  report.answers = []
  report.results = [
    SampleStudy.result(concept: "striped"), SampleStudy.result(concept: "dotted", score: 0.1),
    SampleStudy.result(concept: "dotted", layer: "layer3", score: 0.2),
    SampleStudy.result(concept: "furry", target: "cab", verdict: .representedButNotUsed),
  ]
  let html = try TCAVPage(report).html()
  #expect(html.contains("The output zebra is raised by striped; lowered by dotted."))
  #expect(html.contains("No tested concept was shown to move the output cab more than random directions do."))
  #expect(html.contains("used, lowers ↓") && html.contains("represented but not used"))
}

@Test func undefinedScoresAreShownAsSuch() throws {
  var report = SampleStudy.report
  var result = SampleStudy.result(score: .nan, auc: .nan, p: .nan, verdict: .degenerate)
  result.scoreInterval = []
  report.results = [result]
  let page = try TCAVPage(report)
  #expect(try page.html().contains("degenerate"))
  #expect(try !page.html().lowercased().contains(">nan"))
  for figure in page.figures { #expect(!figure.svg.contains("nan")) }
}

@Test func warningsAreSaidOnce() throws {
  var report = SampleStudy.report
  for index in report.results.indices { report.results[index].diagnostics.warnings = ["few inputs"] }
  report.results[0].diagnostics.warnings.append("dead layer")
  let html = try TCAVPage(report).html()
  #expect(html.components(separatedBy: "few inputs").count == 2)
  #expect(html.contains("few inputs (30 of 30 results)"))
  #expect(html.contains("striped, /layer2/layer2.3/Relu_2, zebra: dead layer"))
}

@Test func noResultsIsAnError() {
  var report = SampleStudy.report
  report.results = []
  #expect(throws: ReportError(.input("a report needs at least one result; found none"))) {
    try TCAVPage(report)
  }
}

@Test func figuresAreThoseOfTheStudy() throws {
  let names = try TCAVPage(SampleStudy.report).figures.map(\.name)
  #expect(names.filter { $0.hasPrefix("scores-") }.count == 3)
  #expect(names.filter { $0.hasPrefix("layers-") } == ["layers-zebra", "layers-tiger-Panthera-tigris"])
  #expect(names.filter { $0.hasPrefix("null-") }.count == 6)
  #expect(names.filter { $0.hasPrefix("cosines-") }.count == 3)
  #expect(names.contains("probe-quality"))
}

/// Writes the sample's folder to a place for looking at it when `NOEMA_SAMPLE_REPORT` names one.
@Test func sampleFolderIsComplete() throws {
  let chosen = ProcessInfo.processInfo.environment["NOEMA_SAMPLE_REPORT"]
  let path = chosen ?? FileManager.default.temporaryDirectory.path + "/noema-sample-\(UUID().uuidString)"
  defer { if chosen == nil { try? FileManager.default.removeItem(atPath: path) } }
  let page = try TCAVPage(SampleStudy.report)
  try ResultFolder.make(at: path) { folder in
    var pngs: [String: [UInt8]] = [:]
    for figure in page.figures {
      try folder.write(figure.svg, to: "figures/\(figure.name).svg")
      guard chosen != nil, PNGExport.isAvailable else { continue }
      pngs[figure.name] = try PNGExport.png(of: figure.svg)
      try folder.write(pngs[figure.name]!, to: "figures/\(figure.name).png")
    }
    let results = try JSONEncoder().encode(SampleStudy.results)
    try folder.write(
      "{\"schema\": \"noema.tcav/1\", \"results\": \(String(decoding: results, as: UTF8.self))}",
      to: "result.json")
    try folder.write(try page.html(), to: "report.html")
    try folder.write(try page.notebook(pngs: pngs), to: "report.ipynb")
  }
  let content = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  #expect(content == [".noema-files", "figures", "report.html", "report.ipynb", "result.json"])
}
