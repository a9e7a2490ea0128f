import Foundation
import NoemaData
import NoemaReport
import Testing

/// Tables of channels and concepts, and rows of thumbnails, on the page of explanations.
@Suite struct ExplanationReportTests {
  private func report() -> ExplanationReport {
    ExplanationReport(
      title: "net", methods: [.init(name: "gradient", array: "a.npy", sums: [1], expected: nil, seconds: 0)],
      names: ["one"], targets: ["cat"], outputs: [1], layer: "layer4")
  }

  private func table(_ parts: [ExplanationShares.Part]) -> ExplanationShares {
    ExplanationShares(
      title: "Relevance of the channels of layer4", guide: "Means over all inputs.", noun: "channel",
      whole: "all channels", parts: parts)
  }

  /// The rows of the table, as the words of their cells; heads of columns and rows have their scope.
  private func rows(_ html: String) throws -> [[String]] {
    let body = try #require(
      html.firstMatch(of: /<div class="scroll shares"[\s\S]*?<tbody>([\s\S]*?)<\/tbody>/))
    return body.1.matches(of: /<tr>([\s\S]*?)<\/tr>/).map { row in
      row.1.matches(of: /<(?:th|td)[^>]*>([\s\S]*?)<\/(?:th|td)>/).map { String($0.1) }
    }
  }

  private let image = Image(width: 4, height: 4, channelCount: 1, pixels: (0..<16).map { UInt8(16 * $0) })

  /// By magnitude, ties in the order given, what is not known last; shares are of the sum of magnitudes.
  @Test func partsAreSortedByMagnitude() throws {
    var report = report()
    report.shares = [
      table([
        .init("0", relevance: 1), .init("1", relevance: -4), .init("2", relevance: .nan),
        .init("3", relevance: -1), .init("4", relevance: 2),
      ])
    ]
    let found = try rows(report.html())
    #expect(found.map { $0[0] } == ["1", "4", "0", "3", "2"])
    #expect(found.map { $0[1] } == ["−4.00", "2.00", "1.00", "−1.00", "–"])
    #expect(found.map { $0[2] } == ["−50.0 %", "25.0 %", "12.5 %", "−12.5 %", "–"])
    #expect(found.allSatisfy { $0.count == 4 })
  }

  /// Bars begin at 0, are as long as their values, and red where these are above 0; errors are lines around the end.
  @Test func barsAreProportional() throws {
    var report = report()
    report.shares = [table([.init("0", relevance: 3, standardError: 1), .init("1", relevance: -1)])]
    let html = report.html(), found = try rows(html)
    #expect(found[0][2] == "± 1.00" && found[1][2] == "–" && found[0].count == 5)
    let bars = found.compactMap { $0[4].firstMatch(of: /<rect x="([\d.]+)"[^>]* width="([\d.]+)"/) }
    #expect(bars.count == 2)
    let places = bars.map { (x: Double($0.1)!, width: Double($0.2)!) }
    // Three to one; the negative one ends where the positive one begins.
    #expect(abs(places[0].width - 3 * places[1].width) < 0.05)
    #expect(abs(places[1].x + places[1].width - places[0].x) < 0.05)
    #expect(found[0][4].contains("--fig-negative") && found[1][4].contains("--fig-positive"))
    #expect(found[0][4].contains("aria-hidden=\"true\""))
    #expect(found[0][4].components(separatedBy: "<line").count == 3)
    #expect(found[1][4].components(separatedBy: "<line").count == 2)
  }

  @Test func tablesAreAccessible() throws {
    var report = report()
    report.shares = [table([.init("0", relevance: 1)])]
    let html = report.html()
    #expect(html.contains("<caption>Relevance of the channels of layer4, by magnitude.</caption>"))
    for head in ["channel", "relevance", "share of all channels", "drawn"] {
      #expect(html.contains(">\(head)</th>"))
    }
    #expect(html.components(separatedBy: "scope=\"col\"").count == 5)
    #expect(html.components(separatedBy: "scope=\"row\"").count == 2)
    #expect(!html.contains("standard error") && html.contains("Means over all inputs."))
    let start = try #require(html.range(of: "<div class=\"scroll shares\"")),
      end = try #require(html.range(of: "</table></div>", range: start.upperBound..<html.endIndex))
    #expect(WellFormed(String(html[start.lowerBound..<end.upperBound])).isWellFormed)
  }

  /// What is left out is counted, and still part of the whole.
  @Test func longTablesAreCut() throws {
    var report = report(), long = table((0..<30).map { .init(String($0), relevance: 1) })
    long.limit = 4
    report.shares = [long]
    let found = try rows(report.html())
    #expect(found.count == 5 && found[4] == ["and 26 more of smaller magnitude"])
    #expect(found[0][2] == "3.3 %")
    report.shares[0].limit = 0
    #expect(try rows(report.html()) == [["and 30 more of smaller magnitude"]])
  }

  /// Shares of their own, as of each input's output.
  @Test func sharesMayBeGiven() throws {
    var report = report()
    report.shares = [table([.init("a", relevance: 1, share: 0.25), .init("b", relevance: 2, share: .nan)])]
    #expect(try rows(report.html()).map { $0[2] } == ["–", "25.0 %"])
    // Nothing at all is no share of anything.
    report.shares = [table([.init("a", relevance: 0)])]
    #expect(try rows(report.html())[0][1...2] == ["0", "–"])
  }

  @Test func mapsAndReferencesAreThumbnails() {
    var report = report()
    #expect(!report.html().contains("class=\"strip\"") && !report.html().contains(".shares caption"))
    var channels = table([.init("3", relevance: 1)])
    channels.maps = [
      ExplanationThumbnails(
        title: "one: by way of its strongest channels", note: "cat",
        pictures: [.init(image, name: "input"), .init(image, name: "channel 3", note: "1.00")])
    ]
    report.shares = [channels]
    report.references = (
      guide: "The reference inputs of deep-shap, all 2.",
      pictures: ExplanationThumbnails(
        title: "References", note: "refs.npy", pictures: (0..<2).map { .init(image, name: String($0)) })
    )
    let html = report.html()
    #expect(html.components(separatedBy: "class=\"strip\"").count == 3)
    #expect(html.contains("alt=\"one: by way of its strongest channels, channel 3\""))
    #expect(html.contains(">channel 3</b><span title=\"1.00\">1.00</span>"))
    #expect(html.contains("What inputs were compared with") && html.contains("of deep-shap, all 2."))
    #expect(html.contains("alt=\"References, 1\"") && html.components(separatedBy: "<img").count == 5)
    #expect(html.components(separatedBy: "data:image/png;base64,").count == 5)
  }

  @Test func hostileNamesStayWords() {
    let hostile = "<script>alert(1)</script>\"' onmouseover='x"
    var report = report(), part = table([.init(hostile, relevance: 1)])
    (part.title, part.guide, part.noun, part.whole) = (hostile, hostile, hostile, hostile)
    part.maps = [
      ExplanationThumbnails(
        title: hostile, note: hostile, pictures: [.init(image, name: hostile, note: hostile)])
    ]
    report.shares = [part]
    let html = report.html()
    #expect(!html.contains("<script") && !html.contains("' onmouseover"))
    #expect(html.contains("&lt;script&gt;"))
  }
}
