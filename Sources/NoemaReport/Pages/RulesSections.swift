internal import NoemaRules

/// The drawn rules, what they read, the curve, the explorer, and how all came about.
extension RulesContent {
  var drawing: HTML? {
    guard let tree = figures.tree else { return nil }
    return HTML.section(
      record.form == "tree" ? "The tree" : "The rules in their order", "",
      [
        figure(
          tree,
          "\(tree.figure.description) The same drawing is in tree.svg, for print.")
      ])
  }

  var usage: HTML? {
    let drawn = [
      figures.features.map { figure($0, "How many conditions read each feature.") },
      figures.thresholds.map {
        figure($0, "Marks are thresholds, on the range that each feature has among the test examples.")
      },
    ].compactMap { $0 }
    guard !drawn.isEmpty else { return nil }
    let unused = report.table.features.count - record.size.features
    return HTML.section(
      "What the rules read",
      unused > 0 ? "\(unused) of \(report.table.features.count) features are not read at all." : "",
      [.element("div", ["class": "figures"], drawn)])
  }

  var curve: HTML? {
    guard let drawing = figures.curve, let curve = record.curve else { return nil }
    var words: [String] = []
    if let knee = curve.knee.map({ curve.points[$0] }) {
      words.append(
        "The knee is at \(knee.size) rules, with a fidelity of \(RulesReport.percent(knee.fidelity)).")
    }
    if let least = curve.smallestWithinError.map({ curve.points[$0] }) {
      words.append("From \(least.size) rules on, fidelity is within one standard error of the best.")
    }
    return HTML.section(
      "How many rules are worth reading", words.joined(separator: " "),
      [
        .element(
          "div", ["class": "figures"],
          [figure(drawing, "Measured on \(curve.points[0].fidelity.count) examples beside the test table.")])
      ])
  }

  func explorer() throws -> HTML {
    HTML.section(
      "Which rules fire for an example", RulesExplorer.guide,
      [try RulesExplorer(report: report, shown: shown).html()])
  }

  var guide: HTML { HTML.section("How to read this", "", RulesGuide.paragraphs) }

  var provenance: HTML {
    func rows(_ pairs: [(name: String, value: String)], _ style: String) -> [[HTML]] {
      pairs.map { [.text($0.name), .element("span", ["class": style], text: $0.value)] }
    }
    var content: [HTML] = []
    if !record.remarks.isEmpty {
      content.append(.element("ul", [:], record.remarks.map { .element("li", text: $0) }))
    }
    content.append(
      .table(
        header: [.text("Setting"), .text("Value")], className: "settings",
        rows: rows([(name: "method", value: record.method)] + report.settings, "value")
          + rows(report.hashes, "hash")))
    if !report.commandLine.isEmpty {
      content += [
        .element("h3", text: "Command"), .element("pre", ["class": "command"], text: report.commandLine),
      ]
    }
    return HTML.section("How the rules came about", "What is needed to repeat this study.", content)
  }
}
