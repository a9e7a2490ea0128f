internal import NoemaConcepts

/// The report of a concept study: one HTML page, its figures as files, and a notebook.
public struct TCAVPage: Sendable {
  /// The figures, to be written as `figures/<name>.svg` and, where possible, `.png`.
  public let figures: [NamedFigure]
  private let report: TCAVReport
  private let sections: TCAVFigures

  /// Lays out the page.
  ///
  /// - Throws: `ReportError` of kind `input` when there is no result to report.
  public init(_ report: TCAVReport) throws {
    guard !report.results.isEmpty else {
      throw ReportError(.input("a report needs at least one result; found none"))
    }
    self.report = report
    sections = TCAVFigures(report)
    figures = sections.all
  }

  /// The page as one self-contained HTML file.
  ///
  /// - Throws: `ImageError` or `DataError` when an image is empty or neither grey nor RGB.
  public func html() throws -> String {
    let content = TCAVContent(report: report, figures: sections)
    return HTMLDocument(title: report.title, body: try content.body()).source
  }

  /// The notebook that re-draws the figures from `result.json` with numpy and matplotlib alone.
  ///
  /// - Parameter pngs: PNG files of the figures by name, as far as they could be made; a notebook that a
  ///   reader has not declared trusted shows these and no SVG.
  /// - Throws: what the JSON encoder throws.
  public func notebook(pngs: [String: [UInt8]] = [:]) throws -> String {
    try TCAVNotebook(report: report, figures: sections, pngs: pngs).notebook.json()
  }
}

/// The sections of the page, in order.
private struct TCAVContent {
  let report: TCAVReport
  let figures: TCAVFigures

  func body() throws -> [HTML] {
    let images = TCAVImages(report: report)
    let sections = [
      warnings, verdicts,
      section("Scores", TCAVGuide.scores, grid(figures.scores)),
      section("Over the layers", TCAVGuide.sweeps, grid(figures.sweeps)),
      section("Are the concepts there at all?", TCAVGuide.probes, grid(figures.probes)),
      section("Could it be chance?", TCAVGuide.nulls, grid(figures.nulls)),
      section("What the concepts look like", TCAVGuide.strips, try images.strips()),
      section("How strongly do inputs react?", TCAVGuide.derivatives, grid(figures.derivatives)),
      section("Which inputs react", TCAVGuide.extremes, try images.extremes()),
      section("Can the concepts be told apart?", TCAVGuide.cosines, grid(figures.cosines)),
      section("Diagnostics", TCAVGuide.diagnostics, [diagnostics]),
      section("How to read this", "", TCAVGuide.paragraphs(significance: report.significance)),
      provenance,
    ]
    return [header] + sections.compactMap { $0 }
  }

  // MARK: Frame

  private func section(_ title: String, _ lead: String, _ content: [HTML]) -> HTML? {
    guard !content.isEmpty else { return nil }
    return HTML.section(title, lead, content)
  }

  private func grid(_ figures: [NamedFigure]) -> [HTML] {
    guard !figures.isEmpty else { return [] }
    return [
      .element(
        "div", ["class": "figures"],
        figures.map { .figure($0.figure, identifier: $0.name, caption: $0.figure.title + ".") })
    ]
  }

  private var header: HTML {
    let answers = report.answers.isEmpty ? report.derivedAnswers : report.answers
    return .element(
      "header", [:],
      [
        .element("p", ["class": "kicker"], text: "Concept study · \(report.title)"),
        .element("h1", text: report.question),
        .element("div", ["class": "answer"], answers.map { .element("p", text: $0) }),
      ])
  }

  private var warnings: HTML? {
    var places: [String: [String]] = [:]
    for result in report.results {
      let place = [result.concept, result.layer, result.target].joined(separator: ", ")
      for warning in result.diagnostics.warnings { places[warning, default: []].append(place) }
    }
    // What holds for many results is said once.
    let own = report.results.flatMap(\.diagnostics.warnings).unique.flatMap { warning in
      let found = places[warning] ?? []
      return found.count > 3
        ? ["\(warning) (\(found.count) of \(report.results.count) results)"]
        : found.map { "\($0): \(warning)" }
    }
    let all = (report.warnings + own).unique
    guard !all.isEmpty else { return nil }
    return .element(
      "section", ["class": "warnings"],
      [
        .element("h2", text: "Before you rely on this"),
        .element("ul", [:], all.map { .element("li", text: $0) }),
      ])
  }

  // MARK: Tables

  private var place: (TCAVResult) -> String {
    let hasTargets = report.targets.count > 1, hasLayers = report.orderedLayers.count > 1
    return { result in
      [hasTargets ? result.target : "", hasLayers ? result.layer : ""].filter { !$0.isEmpty }.joined(
        separator: " · ")
    }
  }

  /// Rows in reading order, those of one target and layer under a heading unless there is only one such
  /// group.
  private func rows(_ cells: (TCAVResult) -> [HTML]) -> [[HTML]] {
    var rows: [[HTML]] = []
    var last = ""
    for result in report.sortedResults {
      let place = place(result)
      if place != last { rows.append([.text(place)]) }
      last = place
      rows.append([.text(result.concept)] + cells(result))
    }
    return rows
  }

  private var verdicts: HTML? {
    let only = [
      report.targets.count == 1 ? "class \(report.targets[0])" : "",
      report.orderedLayers.count == 1 ? report.orderedLayers[0] : "",
    ].filter { !$0.isEmpty }.joined(separator: ", layer ")
    let rows = rows { result in
      [
        scoreCell(result), IntervalMark.html(report.measurement(result)),
        .text(NumberText.pValue(result.pPermutationAdjusted)), .text(NumberText.fixed(result.probe.auc, 2)),
        chip(result),
      ]
    }
    let table = HTML.table(
      header: [.text("Concept"), .text("Score"), scale, .text("p adj."), .text("AUC"), .text("Verdict")],
      numeric: [1, 2, 3, 4],
      className: "verdicts", rows: rows)
    let lead =
      "Score with 95 % interval, corrected p against random concepts, AUC of the probe."
      + (only.isEmpty ? "" : " All: \(only).")
    return section("Verdicts", lead, [table])
  }

  private var scale: HTML {
    .element("span", ["class": "scale"], ["0", "½", "1"].map { .element("span", text: $0) })
  }

  private func scoreCell(_ result: TCAVResult) -> HTML {
    var parts: [HTML] = [.text(NumberText.fixed(result.score, 2))]
    if result.scoreInterval.count == 2, result.score.isFinite {
      let ends = result.scoreInterval.map { NumberText.fixed($0, 2) }
      parts.append(.element("small", text: "\(ends[0]) – \(ends[1])"))
    }
    return .group(parts)
  }

  private func chip(_ result: TCAVResult) -> HTML {
    switch result.verdict {
    case .used:
      let isRaising = result.score > 0.5
      return .element("span", ["class": "chip used"], text: isRaising ? "used, raises ↑" : "used, lowers ↓")
    case .representedButNotUsed, .notRepresented:
      return .element("span", ["class": "chip"], text: result.verdict.rawValue)
    case .tooLittleData, .degenerate:
      return .element("span", ["class": "chip unsure"], text: result.verdict.rawValue)
    }
  }

  private var diagnostics: HTML {
    let rows = rows { result -> [HTML] in
      let facts = result.diagnostics
      let counts = "\(facts.conceptCount) / \(facts.randomCount) / \(facts.inputCount)"
      let spread = "\(NumberText.fixed(facts.nullMean, 2)) ± \(NumberText.fixed(facts.nullStd, 2))"
      let texts = [
        counts, NumberText.fixed(result.scoreStd, 3), NumberText.fixed(facts.stability, 2),
        NumberText.fixed(facts.cosineToMeanDifference, 2), NumberText.fixed(facts.gradientAlignment, 2),
        spread,
        NumberText.fixed(facts.zeroDerivatives * 100, 1) + " %", NumberText.compact(result.meanDerivative),
        NumberText.fixed(facts.meanCosine, 3), NumberText.fixed(result.positiveMass, 2),
        NumberText.fixed(result.probe.balancedAccuracy, 2), NumberText.pValue(result.pPermutation),
        NumberText.pValue(facts.pDirection),
        NumberText.pValue(result.pRunTTestAdjusted),
      ]
      return texts.map(HTML.text)
    }
    return .table(
      header: [
        "Concept", "n concept / random / inputs", "sd over runs", "CAV stability", "cos to mean difference",
        "gradient alignment", "null mean ± sd", "zero derivatives", "mean derivative", "mean cosine",
        "positive mass",
        "balanced accuracy", "p permutation", "p direction", "p t-test adj.",
      ].map(HTML.text), numeric: Set(1...14), className: "dense", rows: rows)
  }

  // MARK: Provenance

  private var provenance: HTML? {
    var content: [HTML] = []
    func rows(_ pairs: [(name: String, value: String)], _ style: String) -> [[HTML]] {
      pairs.map { [.text($0.name), .element("span", ["class": style], text: $0.value)] }
    }
    let all = rows(report.settings, "value") + rows(report.hashes, "hash")
    if !all.isEmpty {
      content.append(.table(header: [.text("Setting"), .text("Value")], className: "settings", rows: all))
    }
    if !report.commandLine.isEmpty {
      content += [
        .element("h3", text: "Command"), .element("pre", ["class": "command"], text: report.commandLine),
      ]
    }
    return section("Settings and hashes", "What is needed to repeat this study.", content)
  }
}
