/// The script of plots that answer to pointer and keyboard: one function a part, in the order in which they use each
/// other. Names from data reach the page as text nodes only, and nothing is fetched.
enum ExplorerScript {
  /// The parts in one scope of their own.
  static let source = """
    "use strict";
    (() => {
    \(indented(parts))
    })();
    """

  private static let parts = [marks, places, drawing, cards, selection, controls]

  private static func indented(_ parts: [String]) -> String {
    parts.joined(separator: "\n\n").split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.isEmpty ? "" : "  " + $0 }.joined(separator: "\n")
  }
}
