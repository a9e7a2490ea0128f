internal import Foundation
internal import NoemaTensor

/// A page with one script, which is the only one that its content policy lets run: a flaw in escaping could still send
/// or start nothing.
struct SpRAYDocument {
  var title: String
  var body: [HTML]

  /// The file's text.
  var source: String {
    let mark = "<!--body-->"
    let frame = HTMLDocument(title: title, body: [HTML(trusted: mark)]).source.components(separatedBy: mark)
    guard frame.count == 2 else { return HTMLDocument(title: title, body: body).source }
    let head = frame[0]
      .replacing(
        "default-src 'none';", with: "default-src 'none'; script-src '\(Self.digest)';", maxReplacements: 1
      )
      .replacing("</style>", with: SpRAYScript.style + "\n</style>", maxReplacements: 1)
    let tail = frame[1].replacing("</main>", with: "</main>\n<script>\(Self.script)</script>")
    return head + body.map(\.source).joined(separator: "\n") + tail
  }

  /// The script as it stands in the page; the frame of comments is for readers that take the page for XML.
  static let script = "//<![CDATA[\n\(SpRAYScript.script)\n//]]>"

  /// The script's digest as content policies name it.
  static let digest: String = {
    let digits = Array(Array(script.utf8).withUnsafeBytes { SHA256.hexadecimal(of: $0) }.utf8)
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
    return "sha256-" + Data(bytes).base64EncodedString()
  }()
}
