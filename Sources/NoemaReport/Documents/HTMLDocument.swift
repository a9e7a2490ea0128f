/// One HTML file that needs nothing else: style, drawings and images are inside, nothing is fetched.
public struct HTMLDocument: Sendable {
  /// The title in the browser's tab.
  public var title: String
  /// What stands on the page.
  public var body: [HTML]

  /// Makes a document.
  public init(title: String, body: [HTML] = []) {
    self.title = title
    self.body = body
  }

  /// The file's text.
  ///
  /// The content policy forbids scripts and every request, so that even a flaw in escaping could not send
  /// anything.
  public var source: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" \
    content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'none'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="generator" content="Noema">
    <title>\(Escape.markup(title))</title>
    <style>
    \(Stylesheet.text)
    </style>
    </head>
    <body>
    <main>
    \(body.map(\.source).joined(separator: "\n"))
    </main>
    </body>
    </html>

    """
  }
}
