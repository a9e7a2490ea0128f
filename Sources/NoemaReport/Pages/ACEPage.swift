internal import NoemaConcepts

/// The report of concepts that were found: one HTML page, its figures as files, and a notebook.
public struct ACEPage: Sendable {
  /// The figures, to be written as `figures/<name>.svg` and, where possible, `.png`.
  public var figures: [NamedFigure] { sections.all }
  private let report: ACEReport
  private let sections: ACEFigures

  /// Lays out the page.
  public init(_ report: ACEReport) {
    self.report = report
    sections = ACEFigures(report)
  }

  /// The page as one self-contained HTML file; pictures that cannot be encoded are left out.
  public func html() -> String {
    var body: [HTML?] = [
      ReportProvenance.header(
        kicker: "Concept discovery · \(report.title)", question: report.question,
        answers: report.answers.isEmpty ? report.derivedAnswers : report.answers),
      ReportProvenance.warnings(report.allWarnings),
    ]
    for index in report.record.layers.indices { body += layer(index) }
    body += [
      HTML.section("How to read this", "", ACEGuide.paragraphs(significance: report.significance)), search,
      ReportProvenance(settings: report.settings, hashes: report.hashes, commandLine: report.commandLine)
        .section,
    ]
    var document = HTMLDocument(title: report.title, body: body.compactMap { $0 })
    document.style = ACEStrips.style
    return document.source
  }

  /// The notebook that draws the numbers again with numpy and matplotlib alone.
  ///
  /// - Parameter pngs: PNG files of the figures by name, as far as they could be made.
  /// - Throws: what the JSON encoder throws.
  public func notebook(pngs: [String: [UInt8]] = [:]) throws -> String {
    try ACENotebook(report: report, figures: sections, pngs: pngs).notebook.json()
  }

  // MARK: Layers

  private func layer(_ index: Int) -> [HTML?] {
    let layer = report.record.layers[index]
    let place = report.record.layers.count > 1 ? " at \(layer.layer)" : ""
    guard !layer.concepts.isEmpty else {
      return [
        HTML.section(
          "Concepts\(place)", "",
          [.element("p", text: "No cluster of patches was kept as a concept: \(fates(layer)).")])
      ]
    }
    let strips = ACEStrips(
      layer: layer, sights: report.sights.indices.contains(index) ? report.sights[index] : [])
    let maps = report.maps.indices.contains(index) ? report.maps[index] : []
    return [
      HTML.section(
        "Concepts\(place)", report.record.kind == "image" ? ACEGuide.strips : ACEGuide.others, strips.html),
      section("Which are important\(place)?", "", grid(sections.importance[index])),
      section("Are they enough\(place)?", accuracy(layer), grid(sections.curves[index])),
      section("Where they are\(place)", ACEGuide.maps, ACEStrips.maps(maps)),
      HTML.section("All numbers\(place)", ACEGuide.table, [table(layer)]),
    ]
  }

  private func section(_ title: String, _ lead: String, _ content: [HTML]) -> HTML? {
    content.isEmpty ? nil : HTML.section(title, lead, content)
  }

  private func grid(_ figures: [NamedFigure]) -> [HTML] {
    guard !figures.isEmpty else { return [] }
    return [
      .element(
        "div", ["class": "figures"],
        figures.map {
          .figure(
            $0.figure, identifier: $0.name, caption: "\($0.figure.title). \($0.figure.description)")
        })
    ]
  }

  private func accuracy(_ layer: ACERecord.Layer) -> String {
    guard let curves = layer.curves else { return "" }
    var parts: [String] = []
    if let accuracy = layer.accuracy, curves.measure == "accuracy" {
      parts.append(
        "The network answers the class for \(NumberText.fixed(100 * accuracy, 0)) % of the held-out examples."
      )
    }
    for (name, curve) in [("Shown by themselves", curves.sufficient), ("Taken away", curves.destroying)] {
      let random = curve.randomConcepts.map { "\(NumberText.equation("p", $0.p)) against random segments, " }
      parts.append(
        "\(name): \(random ?? "")\(NumberText.equation("p", curve.randomOrders.p)) against random orders.")
    }
    return parts.joined(separator: " ")
  }

  private func table(_ layer: ACERecord.Layer) -> HTML {
    let hasShares = layer.concepts.contains { $0.shapley != nil }
    let shares: [String] = hasShares ? ["completeness"] : []
    let first: [String] = [
      "", "concept", "patches", "of examples", "score", "p adj.", "AUC", "total index", "loss of accuracy",
      "loss of output",
    ]
    let header: [String] = first + shares + ["stable over seeds", "over examples", "verdict"]
    let rows = layer.concepts.map { concept -> [HTML] in
      func number(_ value: Double?, _ digits: Int) -> String { NumberText.fixed(value ?? .nan, digits) }
      var texts = [
        "\(concept.rank)", concept.name, "\(concept.size)", "\(concept.exampleCount)",
        number(concept.score, 2), NumberText.pValue(concept.pPermutationAdjusted ?? .nan),
        number(concept.auc, 2), number(concept.totalIndex, 3), number(concept.loss?.accuracy, 3),
        number(concept.loss?.output, 3),
      ]
      if hasShares { texts.append(number(concept.shapley, 3)) }
      texts += [
        number(concept.stability?.seeds, 2), number(concept.stability?.examples, 2),
        concept.verdict ?? "not tested",
      ]
      return texts.map(HTML.text)
    }
    return .table(
      header: header.map(HTML.text), numeric: Set(2..<header.count - 1), className: "dense",
      rows: rows)
  }

  // MARK: The search

  private func fates(_ layer: ACERecord.Layer) -> String {
    let parts = ClusterFilter.Verdict.allCases.compactMap { verdict -> String? in
      let count = layer.clusters.count { $0.verdict == verdict }
      return count > 0 ? "\(count) \(verdict.rawValue)" : nil
    }
    return parts.isEmpty
      ? "there were no patches" : "of \(layer.clusters.count), " + parts.joined(separator: ", ")
  }

  private var search: HTML {
    let record = report.record
    let counts = record.patchCounts.map(String.init).joined(separator: " + ")
    var rows: [[String]] = [
      [
        "examples",
        "\(record.examples.search.count) searched, \(record.examples.heldOut.count) held out for everything measured",
      ],
      ["patches", counts.isEmpty ? "none" : "\(counts), the coarsest resolution first"],
    ]
    for layer in record.layers {
      let name = record.layers.count > 1 ? "\(layer.layer): " : ""
      rows.append(["\(name)clusters", fates(layer)])
      if let fit = layer.dictionary.fit {
        rows.append([
          "\(name)\(layer.dictionary.kind)",
          "holds \(NumberText.fixed(100 * fit.explainedVariance, 0)) % of the variance of patches over "
            + "\(layer.dictionary.featureCount) features",
        ])
      }
      if let completeness = layer.completeness {
        rows.append(["\(name)completeness", NumberText.fixed(completeness, 2)])
      }
    }
    return HTML.section(
      "The search", "What concepts were made of, and which were dropped.",
      [
        .table(
          header: [.text("What"), .text("How many")], className: "settings",
          rows: rows.map { $0.map(HTML.text) })
      ])
  }
}
