/// What is needed to repeat a study, as the last section of its page.
struct ReportProvenance: Sendable {
  /// Settings and hashes, in the order to show.
  var settings: [(name: String, value: String)] = []
  var hashes: [(name: String, value: String)] = []
  /// The command that repeats the study; may be empty.
  var commandLine = ""

  var section: HTML? {
    func rows(_ pairs: [(name: String, value: String)], _ style: String) -> [[HTML]] {
      pairs.map { [.text($0.name), .element("span", ["class": style], text: $0.value)] }
    }
    var content: [HTML] = []
    let all = rows(settings, "value") + rows(hashes, "hash")
    if !all.isEmpty {
      content.append(.table(header: [.text("Setting"), .text("Value")], className: "settings", rows: all))
    }
    if !commandLine.isEmpty {
      content += [.element("h3", text: "Command"), .element("pre", ["class": "command"], text: commandLine)]
    }
    return content.isEmpty
      ? nil : HTML.section("Settings and hashes", "What is needed to repeat this study.", content)
  }

  /// What the reader should know first; nil for nothing.
  static func warnings(_ warnings: [String]) -> HTML? {
    guard !warnings.isEmpty else { return nil }
    return .element(
      "section", ["class": "warnings"],
      [
        .element("h2", text: "Before you rely on this"),
        .element("ul", [:], warnings.unique.map { .element("li", text: $0) }),
      ])
  }

  /// The top of a page.
  static func header(kicker: String, question: String, answers: [String]) -> HTML {
    .element(
      "header", [:],
      [
        .element("p", ["class": "kicker"], text: kicker), .element("h1", text: question),
        .element("div", ["class": "answer"], answers.map { .element("p", text: $0) }),
      ])
  }
}
