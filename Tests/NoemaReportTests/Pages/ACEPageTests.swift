import Foundation
import NoemaConcepts
import NoemaData
@testable import NoemaReport
import Testing

@Suite struct ACEPageTests {
  private let hostile = "</script><img src=x onerror=alert(1)>]]>\"'&x\u{202E}*_$"

  /// A report in which every text from outside is hostile.
  private var hostileReport: ACEReport {
    var report = SampleACE.report
    (report.title, report.question, report.warnings) = (hostile, hostile, [hostile])
    (report.settings, report.hashes) = ([(hostile, hostile)], [(hostile, hostile)])
    report.commandLine = hostile
    report.record.target.name = hostile
    report.record.examples = .init(search: [hostile], heldOut: [hostile])
    (report.record.warnings, report.record.skipped) = ([hostile], [hostile])
    for layer in report.record.layers.indices {
      report.record.layers[layer].layer = hostile
      report.record.layers[layer].warnings = [hostile]
      report.record.layers[layer].dictionary.kind = hostile
      for concept in report.record.layers[layer].concepts.indices {
        report.record.layers[layer].concepts[concept].name = hostile
        for exemplar in report.record.layers[layer].concepts[concept].exemplars.indices {
          report.record.layers[layer].concepts[concept].exemplars[exemplar].example = hostile
        }
      }
    }
    report.maps[0][0].name = hostile
    report.sights[0][1] = [
      .words([.init(text: hostile, isMarked: true), .init(text: hostile, isMarked: false)]),
      .columns([.init(name: hostile, value: 2)]), .signal([0, 1, 2], [1..<2]),
    ]
    return report
  }

  @Test func pageFetchesAndRunsNothing() throws {
    for report in [SampleACE.report, hostileReport] {
      let html = ACEPage(report).html()
      let lower = html.lowercased()
      #expect(!lower.contains("http:") && !lower.contains("https:") && !lower.contains("//cdn"))
      #expect(!lower.contains("<script") && !lower.contains("@import") && !lower.contains("<link"))
      #expect(html.components(separatedBy: "src=\"").dropFirst().allSatisfy { $0.hasPrefix("data:image/") })
      #expect(html.contains("default-src 'none'"))
    }
  }

  @Test func pageAndFiguresAreWellFormed() throws {
    for report in [SampleACE.report, hostileReport] {
      let page = ACEPage(report)
      let html = page.html().replacing("<!DOCTYPE html>", with: "")
      let closed = html.replacing(#/<(meta|img)( [^>]*)>/#) { "<\($0.output.1)\($0.output.2)/>" }
      let parsed = WellFormed(closed)
      #expect(parsed.isWellFormed)
      #expect(parsed.words.contains("How to read this"))
      for figure in page.figures {
        #expect(WellFormed(figure.svg).isWellFormed, "\(figure.name)")
        #expect(!figure.name.contains("/") && !figure.name.isEmpty)
      }
      #expect(Set(page.figures.map { $0.name.lowercased() }).count == page.figures.count)
    }
  }

  @Test func hostileNamesStayWords() throws {
    let html = ACEPage(hostileReport).html()
    #expect(!html.contains("<img src=x") && !html.contains("\u{202E}"))
    #expect(html.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"))
    let notebook = try ACEPage(hostileReport).notebook()
    let object = try JSONSerialization.jsonObject(with: Data(notebook.utf8)) as? [String: Any]
    let cells = try #require(object?["cells"] as? [[String: Any]])
    for cell in cells where cell["cell_type"] as? String == "markdown" {
      #expect(!((cell["source"] as? [String]) ?? []).joined().contains("<img"))
    }
    // Code comes from the program alone.
    for cell in cells where cell["cell_type"] as? String == "code" {
      #expect(!((cell["source"] as? [String]) ?? []).joined().contains("onerror"))
    }
  }

  @Test func pageSaysTheAnswerFirst() throws {
    let html = ACEPage(SampleACE.report).html()
    let order = [
      "1 of 2 concepts is used: 1 (score 0.94, p = 0.004).", "Before you rely on this",
      "<h2>Concepts at layer3", "<h2>Which are important at layer3?", "<h2>Are they enough at layer3?",
      "<h2>Where they are",
      "<h2>All numbers", "<h2>Concepts at layer4", "<h2>How to read this", "<h2>The search", "<h2>Settings",
    ]
    let places = order.map { html.range(of: $0)?.lowerBound ?? html.startIndex }
    #expect(places == places.sorted() && Set(places).count == order.count)
    // Two pictures an exemplar, three exemplars each of two concepts; an image with two maps.
    #expect(html.components(separatedBy: "<img ").count - 1 == 2 * 3 * 2 + 3)
    #expect(html.contains("used, raises ↑") && html.contains("represented but not used"))
    #expect(html.contains("zebra_01-s1") && html.contains("left out: broken.jpg: no image"))
  }

  @Test func answersSayWhatTheNumbersSay() throws {
    var report = SampleACE.report
    #expect(
      report.derivedAnswers == [
        "At layer3, 1 of 2 concepts is used: 1 (score 0.94, p = 0.004).",
        "At layer3, shown by themselves in their order, concepts bring the class back faster than as many random "
          + "segments: mean height 0.75 against 0.50, p = 0.050.",
        "At layer4, none of 0 clusters of patches was kept as a concept.",
      ])
    report.record.layers.removeLast()
    report.record.layers[0].concepts[0].verdict = "represented but not used"
    report.record.layers[0].curves?.sufficient.randomConcepts?.p = 0.3
    #expect(
      report.derivedAnswers == [
        "2 concepts were found, and none can be said to be used beyond what random image patches do.",
        "Shown by themselves in their order, concepts bring the class back no faster than random segments do: mean "
          + "height 0.75 against 0.50, p = 0.300.",
      ])
    for concept in 0..<2 { report.record.layers[0].concepts[concept].verdict = nil }
    report.record.layers[0].curves = nil
    #expect(
      report.derivedAnswers == ["2 concepts were found; whether the network uses them was not tested."])
  }

  @Test func emptyListsMakeAPage() throws {
    var report = SampleACE.report
    (report.sights, report.maps, report.settings, report.hashes) = ([], [], [], [])
    report.commandLine = ""
    report.record.layers[0].concepts = []
    report.record.layers[0].curves = nil
    report.record.patchCounts = []
    (report.record.warnings, report.record.skipped) = ([], [])
    for layer in 0..<2 { report.record.layers[layer].warnings = [] }
    let page = ACEPage(report)
    #expect(page.figures.isEmpty)
    let html = page.html()
    #expect(html.contains("No cluster of patches was kept as a concept: there were no patches."))
    #expect(!html.contains("Before you rely on this") && !html.contains("<h2>Settings"))
    _ = try page.notebook()
    report.record.layers = []
    #expect(ACEPage(report).html().contains("How to read this"))
    // What was not asked leaves no bars, and no word of a verdict.
    var bare = SampleACE.report
    bare.record.layers = [bare.record.layers[0]]
    bare.record.layers[0].concepts = [
      .init(name: "a", atom: 0, rank: 1, size: 3, exampleCount: 1),
      .init(name: "b", atom: 1, rank: 2, size: 2, exampleCount: 2),
    ]
    bare.sights = []
    let bareFigures = ACEPage(bare).figures.map(\.name)
    #expect(bareFigures == ["sufficient", "destroying"])
    #expect(ACEPage(bare).html().contains("3 patches of 1 example<"))
  }

  @Test func otherKindsAreShownInTheirWay() throws {
    var report = SampleACE.report
    report.record.kind = "text"
    report.sights = [
      [
        [
          .words([.init(text: " the", isMarked: false), .init(text: " best", isMarked: true)]),
          .columns([.init(name: "income", value: 62), .init(name: "age", value: 40)]),
          .signal([0, 1, 0, -1], [1..<3]),
        ]
      ]
    ]
    let html = ACEPage(report).html()
    #expect(html.contains("the<mark> best</mark>"))
    #expect(html.contains("income = 62.0, age = 40.0"))
    #expect(html.components(separatedBy: "<polyline points=\"2,").count > 1)
    #expect(!html.contains("the patch as the network saw it"))
  }

  @Test func bandChartDrawsTheBandAndTheLine() throws {
    let chart = BandChart(
      title: "t", countTitle: "shown", valueTitle: "accuracy", name: "by rank", values: [0, 0.5, 1],
      bands: [
        .init(name: "random", mean: [0, 0.2, 1], lower: [0, 0.1, 1], upper: [0, 0.3, 1]),
        .init(name: "orders", mean: [0, 0.4, 1], lower: [0, 0.4, 1], upper: [0, 0.4, 1]),
      ], notes: ["0 %", "30 %", "80 %"], noteTitle: "share")
    let svg = chart.svg(.standalone, identifier: "b")
    #expect(WellFormed(svg).isWellFormed)
    // One filled band; two steps of a dashed line for each of two means, one in the legend.
    #expect(svg.components(separatedBy: "fill-opacity=\"0.5\"").count == 2)
    #expect(svg.components(separatedBy: "stroke-dasharray").count - 1 == 2 * 2 + 1)
    #expect(svg.contains("1: 0.500; random 0.100 to 0.300; 30 %"))
    #expect(svg.contains(">shown, share<"))
    // Counts without bands, and none at all.
    let bare = BandChart(title: "", countTitle: "n", valueTitle: "v", name: "x", values: [1])
    #expect(WellFormed(bare.svg(.inline, identifier: "c")).isWellFormed)
    let empty = BandChart(title: "", countTitle: "n", valueTitle: "v", name: "x", values: [])
    #expect(WellFormed(empty.svg(.inline, identifier: "d")).isWellFormed)
  }
}
