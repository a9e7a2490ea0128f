internal import Foundation
internal import NoemaTensor

/// One HTML file that needs nothing else: style, script, drawings and images are inside, nothing is fetched.
public struct HTMLDocument: Sendable {
  /// The title in the browser's tab.
  public var title: String
  /// What stands on the page.
  public var body: [HTML]
  /// Rules of this page, after those of all pages. They are trusted.
  var style = ""
  /// What this page runs; empty for nothing. It is trusted, and may hold neither `</script` nor `]]>`.
  var script = ""

  /// Makes a document.
  public init(title: String, body: [HTML] = []) {
    self.title = title
    self.body = body
  }

  /// The file's text.
  ///
  /// The content policy forbids every request, and every script but the page's own, which it knows by its digest: even
  /// a flaw in escaping could neither send nor start anything.
  public var source: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" \
    content="default-src 'none'; \(scriptPolicy)style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'none'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="generator" content="Noema">
    <title>\(Escape.markup(title))</title>
    <style>
    \(Stylesheet.text)\(style.isEmpty ? "" : "\n" + style)
    </style>
    </head>
    <body>
    <main>
    \(body.map(\.source).joined(separator: "\n"))
    </main>
    \(script.isEmpty ? "" : "<script>\(framedScript)</script>\n")</body>
    </html>

    """
  }

  /// The script as it stands in the page; the frame of comments is for readers that take the page for XML.
  private var framedScript: String { "//<![CDATA[\n\(script)\n//]]>" }

  private var scriptPolicy: String {
    guard !script.isEmpty else { return "" }
    let digest = Array(framedScript.utf8).withUnsafeBytes { SHA256.digest(of: $0) }
    return "script-src 'sha256-\(Data(digest).base64EncodedString())'; "
  }
}
