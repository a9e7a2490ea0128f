import Foundation
@testable import NoemaReport
import NoemaTensor
import Testing

@Suite struct HTMLDocumentTests {
  private let hostile = "</script><img src=x onerror=alert(1)></style>"

  @Test func aPlainPageRunsNothing() {
    let source = HTMLDocument(title: hostile, body: [.element("p", text: hostile)]).source
    #expect(
      source.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri"))
    #expect(!source.contains("<script") && !source.contains("<img") && !source.contains("script-src"))
    #expect(source.contains("</main>\n</body>") && source.contains("\n</style>\n</head>"))
  }

  @Test func theScriptIsTheOnlyOneThatThePolicyLetsRun() throws {
    var document = HTMLDocument(title: "t", body: [.element("p", text: hostile)])
    document.script = "let a = 1 < 2 && 2 > 1;"
    document.style = "p { color: red; }"
    let source = document.source
    let scripts = source.components(separatedBy: "<script>")
    #expect(scripts.count == 2)
    let content = try #require(scripts.last?.components(separatedBy: "</script>").first)
    let digest = Data(Array(content.utf8).withUnsafeBytes { SHA256.digest(of: $0) }).base64EncodedString()
    #expect(source.contains("default-src 'none'; script-src 'sha256-\(digest)'; style-src"))
    #expect(source.contains("p { color: red; }\n</style>"))
    #expect(source.hasSuffix("</script>\n</body>\n</html>\n"))
    // The frame keeps the page well-formed for readers of XML.
    let page = source.replacing("<!DOCTYPE html>", with: "").replacing(#/<meta( [^>]*)>/#) {
      "<meta\($0.output.1)/>"
    }
    #expect(WellFormed(page).isWellFormed)
  }

  @Test func digestsAreThoseOfTheStandard() {
    let digest = Array("abc".utf8).withUnsafeBytes { SHA256.digest(of: $0) }
    #expect(digest.count == 32 && digest.prefix(4) == [0xba, 0x78, 0x16, 0xbf])
  }

  @Test func notebooksOfAllReportsBeginAlike() throws {
    var notebook = Notebook(
      title: "a*b", question: "why?", answers: ["one", "two"], reading: "`x.json`")
    notebook.section("## Nothing", "x = 1", [], pngs: [:])
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(try notebook.json().utf8)) as? [String: Any])
    let cells = try #require(json["cells"] as? [[String: Any]])
    #expect(cells.count == 1)
    let text = (cells[0]["source"] as? [String] ?? []).joined()
    #expect(
      text == "# a&#42;b\n\n**why?**\n\none\n\ntwo\n\nThe cells read `x.json` beside this notebook; "
        + "they need numpy and matplotlib.")
    #expect(Notebook.flat("a\r\nb\nc") == "a b c")
  }
}
