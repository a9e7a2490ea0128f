internal import NoemaRules

/// Where rules and network differ, and whether other runs differ from this one.
extension RulesContent {
  private static let mistakeLimit = 40

  var mistakes: HTML? {
    let regions = record.regions.filter { !$0.mistakes.isEmpty }
    guard !regions.isEmpty else {
      return HTML.section(
        "Where rules and network differ", "Nowhere on these \(record.exampleCount) examples.", [])
    }
    let numbers = Dictionary(
      shown.rules.enumerated().compactMap { index, rule in rule.place.map { ($0, index) } },
      uniquingKeysWith: { first, _ in first })
    let regionRows = regions.prefix(Self.mistakeLimit).map { region -> [HTML] in
      let index = region.rule.flatMap { numbers[$0] } ?? shown.rules.count - 1
      let name = region.rule == nil ? "otherwise" : "rule \(index + 1)"
      return [
        .element("a", ["href": "#rule-\(index + 1)"], text: name),
        .text(shown.conclusion(of: shown.rules[index])), .text("\(region.fidelity.count)"),
        .text(RulesReport.percent(region.fidelity)),
        .text(
          region.mistakes.prefix(12).map { "\($0 + 1)" }.joined(separator: ", ")
            + (region.mistakes.count > 12 ? ", …" : "")),
      ]
    }
    var content: [HTML] = [
      .table(
        header: ["Decided by", "Says", "Examples", "Fidelity", "Rows that differ"].map(HTML.text),
        numeric: [2], rows: Array(regionRows))
    ]
    if !record.mistakes.isEmpty {
      content += [
        .element("h3", text: "Why"),
        .table(
          header: ["Row", "Rules", "Network", "What would have been needed"].map(HTML.text), numeric: [0],
          rows: record.mistakes.prefix(Self.mistakeLimit).map(mistakeRow)),
      ]
    }
    return HTML.section("Where rules and network differ", "Rows count from 1 in the test table.", content)
  }

  private func mistakeRow(_ mistake: RegionAgreement.Mistake) -> [HTML] {
    let features = report.document.model.features, classes = record.classes
    let reason: String
    if let nearest = mistake.nearestRule {
      let names = mistake.failingFeatures.map { features[$0].name }
      // A tree's leaves may be several rules each, whose numbers would mislead.
      let rule = record.form == "tree" ? "the nearest leaf" : "rule \(nearest + 1)"
      reason =
        names.isEmpty
        ? "\(rule) holds and is overruled" : "\(rule) fails on \(names.joined(separator: ", "))"
    } else {
      reason = "no rule says \(classes[mistake.network])"
    }
    return [
      .text("\(mistake.row + 1)"), .text(classes[mistake.answer]), .text(classes[mistake.network]),
      .text(reason),
    ]
  }

  var stability: HTML? {
    guard !record.stability.isEmpty else { return nil }
    let rows = record.stability.map { entry -> [HTML] in
      [
        .text(entry.name), .text("\(entry.runCount)"),
        .text(
          entry.sizes[0] == entry.sizes[1] ? "\(entry.sizes[0])" : "\(entry.sizes[0]) to \(entry.sizes[1])"),
        .text(RulesReport.percent(entry.agreement)), .text(NumberText.compact(entry.behaviour)),
        .text(NumberText.compact(entry.terms)), .text(NumberText.compact(entry.features)),
      ]
    }
    let header = [
      "Rules of", "Runs", "Rules", "Agreement", "Common examples", "Common terms", "Common features",
    ]
    return HTML.section(
      "Would other runs give the same rules",
      "Means over pairs of runs. Common is intersection over union: 1 is the same, 0 nothing in common.",
      [.table(header: header.map(HTML.text), numeric: [1, 2, 3, 4, 5, 6], rows: rows)])
  }
}
