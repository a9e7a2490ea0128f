internal import NoemaRules

/// The report of extracted rules: one HTML page with an explorer of examples, its figures as files, and a notebook.
public struct RulesPage: Sendable {
  /// The figures, to be written as `figures/<name>.svg` and, where possible, `.png`.
  public var figures: [NamedFigure] { drawings.all }
  let report: RulesReport
  let drawings: RulesFigures

  /// Lays out the page.
  ///
  /// - Throws: `ReportError` of kind `input` when rules, numbers and examples do not fit together.
  public init(_ report: RulesReport) throws(ReportError) {
    try report.check()
    self.report = report
    drawings = RulesFigures(report)
  }

  /// The page as one self-contained HTML file.
  ///
  /// - Throws: `RuleError` never for a report that was checked; what the JSON encoder throws.
  public func html() throws -> String {
    let content = RulesContent(report: report, figures: drawings, shown: ShownRules(report.document))
    var document = HTMLDocument(title: report.title, body: try content.body())
    document.style = RulesExplorer.style
    document.script = RulesExplorer.script
    return document.source
  }

  /// The notebook that draws the figures again from the files beside it, with numpy and matplotlib alone.
  ///
  /// - Parameter pngs: PNG files of the figures by name, as far as they could be made.
  /// - Throws: what the JSON encoder throws.
  public func notebook(pngs: [String: [UInt8]] = [:]) throws -> String {
    try RulesNotebook(report: report, figures: drawings, pngs: pngs).notebook.json()
  }
}

/// The sections of the page, in order.
struct RulesContent {
  let report: RulesReport
  let figures: RulesFigures
  let shown: ShownRules

  var record: RulesRecord { report.record }
  var quality: RuleQuality { record.quality }

  func body() throws -> [HTML] {
    let sections: [HTML?] = [
      warnings, judgement, try concepts(), cards, drawing, usage, curve, try explorer(), mistakes, stability,
      guide,
      provenance,
    ]
    return [header] + sections.compactMap { $0 }
  }

  func figure(_ figure: NamedFigure, _ caption: String) -> HTML {
    .figure(figure.figure, identifier: figure.name, caption: caption)
  }

  private var header: HTML {
    let answers = report.answers.isEmpty ? report.derivedAnswers : report.answers
    return .element(
      "header", [:],
      [
        .element("p", ["class": "kicker"], text: "Rules · \(report.title)"),
        .element("h1", text: report.question),
        .element("div", ["class": "answer"], answers.map { .element("p", text: $0) }),
      ])
  }

  private var warnings: HTML? {
    let all = (report.warnings + report.derivedWarnings).unique
    guard !all.isEmpty else { return nil }
    return .element(
      "section", ["class": "warnings"],
      [
        .element("h2", text: "Before you rely on this"),
        .element("ul", [:], all.map { .element("li", text: $0) }),
      ])
  }

  // MARK: Judgement

  private var judgement: HTML {
    let size = record.size
    var rows = [
      ("Fidelity", RulesReport.percent(quality.fidelity), "examples with the network's class"),
      (
        "One and the same answer", RulesReport.percent(quality.majorityFidelity),
        "what the network's commonest class reaches"
      ),
      (
        "Balanced fidelity", RulesReport.percent(quality.balancedFidelity), "every class of the network alike"
      ),
      ("Kappa", RulesReport.number(quality.kappa), "0 is chance, 1 is perfect"),
    ]
    if let accuracy = quality.accuracy {
      rows.append(("Accuracy of the rules", RulesReport.percent(accuracy), "examples with the true class"))
    }
    if let own = quality.networkAccuracy {
      rows.append(("Accuracy of the network", RulesReport.percent(own), ""))
    }
    if let soft = record.softFidelity {
      rows.append(
        (
          "Divergence", "\(RulesReport.number(soft.divergence)) bits",
          "of the rules' shares from the network's probabilities; of the mean probabilities "
            + NumberText.compact(soft.baselineDivergence)
        ))
    }
    if let firing = quality.firing {
      rows.append(("Coverage", RulesReport.percent(firing.coverage), "examples for which a rule fires"))
      rows.append(("Overlap", RulesReport.number(firing.overlap), "rules that fire for an example"))
      rows.append(("Conflicts", RulesReport.percent(firing.conflictRate), "examples with different answers"))
    }
    rows += [
      (
        "Rules", "\(size.rules)",
        record.form == "tree" ? "leaves of the tree" : "beside what answers otherwise"
      ),
      (
        "Terms of a rule", "\(NumberText.fixed(size.meanTerms, 1)) on average, \(size.maximumTerms) at most",
        "\(size.uniqueTerms) different terms over \(size.features) of \(report.table.features.count) features"
      ),
    ]
    let table = HTML.table(
      header: ["Measure", "Value", "Meaning"].map(HTML.text), className: "settings",
      rows: rows.map { [.text($0.0), .text($0.1), .text($0.2)] })
    return HTML.section(
      "How well the rules stand for the network",
      "On \(record.exampleCount) test examples, with 95 % intervals.",
      [
        table,
        .element("div", ["class": "figures"], [figure(figures.confusion, "Rows are the network's classes.")]),
        perClass,
      ])
  }

  private var perClass: HTML {
    let header = ["Class of the network", "Fidelity", "Precision", "Rules"]
    let rows = quality.perClass.map { entry -> [HTML] in
      let index = record.classes.firstIndex(of: entry.name) ?? 0
      return [
        .group([swatch(index), .text(entry.name)]), .text(RulesReport.percent(entry.fidelity)),
        .text(RulesReport.percent(entry.precision)),
        .text(record.size.rulesOfClass.indices.contains(index) ? "\(record.size.rulesOfClass[index])" : "–"),
      ]
    }
    return .table(header: header.map(HTML.text), numeric: [3], rows: rows)
  }

  func swatch(_ label: Int) -> HTML {
    let paint = Paint.series(label).value(in: .inline)
    return HTML(
      trusted:
        "<svg class=\"swatch\" viewBox=\"0 0 14 14\" aria-hidden=\"true\" style=\"fill:\(paint)\">"
        + "<rect x=\"1\" y=\"2\" width=\"12\" height=\"10\"/></svg>")
  }
}
