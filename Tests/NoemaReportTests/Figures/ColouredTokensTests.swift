import Foundation
import NoemaData
import NoemaReport
import Testing

@Suite struct ColouredTokensTests {
  private func words(_ tokens: [Vocabulary.Piece], _ values: [Double], limit: Double? = nil) -> ColouredTokens
  {
    ColouredTokens(
      name: "review", target: "good", tokens: tokens,
      lines: [.init(method: "gradient", values: values, limit: limit)])
  }

  /// The grounds of the words' colours, red, green and blue.
  private func grounds(_ html: String) -> [[Int]] {
    html.matches(of: /background:rgb\((\d+),(\d+),(\d+)\)/).map { match in
      [match.1, match.2, match.3].map { Int($0)! }
    }
  }

  @Test func piecesAreJoinedToWords() {
    let tokens: [Vocabulary.Piece] = [
      .init("play", startsWord: true), .init("ing", startsWord: false), .init("well", startsWord: true),
    ]
    let html = words(tokens, [1, -1, 0]).html.source
    let parsed = WellFormed(html.replacing("<br>", with: "<br/>"))
    #expect(parsed.isWellFormed && parsed.words.hasSuffix("playing well"))
    #expect(
      html.contains("title=\"1.00\"") && html.contains("title=\"−1.00\"") && html.contains("title=\"0\""))
  }

  /// Red and blue of equal strength for values of equal magnitude, white for 0.
  @Test func coloursAreSymmetricAboutZero() {
    let tokens = ["a", "b", "c", "d", "e"].map { Vocabulary.Piece($0, startsWord: true) }
    let colors = grounds(words(tokens, [2, 1, 0, -1, -2]).html.source)
    #expect(colors == [[202, 0, 32], [244, 165, 130], [247, 247, 247], [146, 197, 222], [5, 113, 176]])
    // The scale does not follow what is not symmetric, and a wider one pales all.
    #expect(grounds(words(tokens, [1, 0.5, 0, 0, 0]).html.source)[1] == [244, 165, 130])
    #expect(grounds(words(tokens, [2, 1, 0, -1, -2], limit: 4).html.source)[0] == [244, 165, 130])
    #expect(Set(grounds(words(tokens, [0, 0, .nan, 0, 0]).html.source)) == [[247, 247, 247]])
  }

  @Test func hostileTokensStayWords() {
    let hostile = "<script>alert(1)</script>\"' onmouseover='x"
    var example = words([.init(hostile, startsWord: true)], [1])
    (example.name, example.target, example.lines[0].method) = (hostile, hostile, hostile)
    let html = example.html.source
    #expect(!html.contains("<script") && !html.contains("' onmouseover"))
    #expect(html.contains("&lt;script&gt;"))
  }

  @Test func paddingIsFolded() {
    let tokens = ["good", "[PAD]", "[PAD]", "[PAD]", "[PAD]"].map { Vocabulary.Piece($0, startsWord: true) }
    let html = words(tokens, [3, 0.25, 0.25, 0.25, 0.25]).html.source
    #expect(html.contains("title=\"1.00\"") && html.contains("[PAD] × 4"))
    // A text of one word throughout is no padding.
    #expect(words(Array(tokens[1...]), [1, 1, 1, 1]).html.source.components(separatedBy: "[PAD]").count == 5)
  }

  @Test func featuresOfTokensAreSummed() {
    #expect(ColouredTokens.values([1, 2, 3, -4], shape: [2, 2], tokens: 2) == [3, -1])
    #expect(ColouredTokens.values([1, 2], shape: [2], tokens: 2) == [1, 2])
    // A number that all features share is the token's.
    #expect(ColouredTokens.values([5, 5, 5, -1, -1, -1], shape: [2, 3], tokens: 2) == [5, -1])
    #expect(ColouredTokens.values([1, 2, 3, 4], shape: [2, 2], tokens: 4) == nil)
    #expect(ColouredTokens.values([1], shape: [1, 1, 1], tokens: 1) == nil)
    #expect(ColouredTokens.values([], shape: [0, 3], tokens: 0) == nil)
  }

  @Test func reportShowsWords() {
    var report = ExplanationReport(
      title: "net", methods: [.init(name: "gradient", array: "a.npy", sums: [1], expected: nil, seconds: 0)],
      names: ["review"], targets: ["good"], outputs: [1], layer: "word")
    #expect(!report.html().contains("The words of each input"))
    report.words = [words([.init("well", startsWord: true)], [1])]
    let html = report.html()
    #expect(html.contains("The words of each input") && html.contains(">well</span>"))
  }
}
