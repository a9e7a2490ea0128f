internal import NoemaData

/// The report of a spectral relevance analysis: one HTML page that answers to pointer and keyboard, its figures as
/// files, and a notebook.
public struct SpRAYPage: Sendable {
  /// The figures, to be written as `figures/<name>.svg` and, where possible, `.png`.
  public var figures: [NamedFigure] { drawings.all }
  let report: SpRAYReport
  let drawings: SpRAYFigures

  /// Lays out the page.
  ///
  /// - Throws: `ReportError` of kind `input` when numbers and examples do not fit together.
  public init(_ report: SpRAYReport) throws(ReportError) {
    try report.check()
    self.report = report
    drawings = SpRAYFigures(report)
  }

  /// The page as one self-contained HTML file.
  ///
  /// - Throws: `ImageError` or `DataError` when an image is empty or neither grey nor RGB.
  public func html() throws -> String {
    let content = SpRAYContent(report: report, figures: drawings)
    var document = HTMLDocument(title: report.title, body: try content.body())
    document.style = ExplorerStyle.rules
    document.script = ExplorerScript.source
    return document.source
  }

  /// The notebook that draws the figures again from the files beside it, with numpy and matplotlib alone.
  ///
  /// - Parameter pngs: PNG files of the figures by name, as far as they could be made.
  /// - Throws: what the JSON encoder throws.
  public func notebook(pngs: [String: [UInt8]] = [:]) throws -> String {
    try SpRAYNotebook(report: report, figures: drawings, pngs: pngs).notebook.json()
  }
}

/// The sections of the page, in order.
private struct SpRAYContent {
  let report: SpRAYReport
  let figures: SpRAYFigures

  private var record: SpRAYRecord { report.record }

  func body() throws -> [HTML] {
    let ranked = try report.ranking.map { try classSection($0) }
    let sections: [HTML?] = [warnings, ranking] + ranked.map(Optional.some) + [guide, provenance]
    return [header] + sections.compactMap { $0 }
  }

  private var header: HTML {
    let answers = report.answers.isEmpty ? report.derivedAnswers : report.answers
    return .element(
      "header", [:],
      [
        .element("p", ["class": "kicker"], text: "Explanation strategies · \(report.title)"),
        .element("h1", text: report.question),
        .element("div", ["class": "answer"], answers.map { .element("p", text: $0) }),
      ])
  }

  private var warnings: HTML? {
    let remarks = record.classes.flatMap { result in result.remarks.map { "\(result.name): \($0)" } }
    let skipped = record.skipped.prefix(20).map { "left out: \($0)" }
    let rest = record.skipped.count - skipped.count
    let more = rest > 0 ? ["left out: \(rest) more, listed in result.json"] : []
    let all = (report.warnings + remarks + skipped + more).unique
    guard !all.isEmpty else { return nil }
    return .element(
      "section", ["class": "warnings"],
      [
        .element("h2", text: "Before you rely on this"),
        .element("ul", [:], all.map { .element("li", text: $0) }),
      ])
  }

  // MARK: Ranking

  private var ranking: HTML {
    let rows = report.ranking.map { index -> [HTML] in
      let result = record.classes[index], suspicion = result.suspicion
      return [
        .text("\(suspicion.rank)"),
        .element("a", ["href": "#class-\(index + 1)"], text: result.name),
        .text("\(result.exampleCount)"), .text("\(result.clusters.count)"), number(result.eigengap?.gap),
        number(result.silhouette), number(result.stability), number(suspicion.score), chip(result),
        .text(SpRAYReport.capitalised(result.sentence) + "."),
      ]
    }
    let header = [
      "#", "Class", "Examples", "Strategies", "Eigengap", "Silhouette", "Stability", "Suspicion", "Masking",
      "What it rests on",
    ]
    return HTML.section(
      "Which classes deserve a look", SpRAYGuide.ranking,
      [
        .table(
          header: header.map(HTML.text), numeric: [0, 2, 3, 4, 5, 6, 7], className: "ranking", rows: rows)
      ])
  }

  private func number(_ value: Double?) -> HTML { .text(NumberText.compact(value ?? .nan)) }

  private func chip(_ result: SpRAYRecord.ClassResult) -> HTML {
    let effect = result.suspicion.cluster.flatMap { index in
      result.clusters.indices.contains(index) ? result.clusters[index].maskingEffect : nil
    }
    return Self.mark(effect)
  }

  private static func mark(_ effect: SpRAYRecord.MaskingEffect?) -> HTML {
    guard let effect else { return .element("span", ["class": "chip"], text: "not tested") }
    return effect.isConfirmed
      ? .element("span", ["class": "chip unsure"], text: "confirmed")
      : .element("span", ["class": "chip"], text: "not confirmed")
  }

  // MARK: Classes

  private func classSection(_ index: Int) throws -> HTML {
    let result = record.classes[index], group = report.groups[index]
    let count = result.clusters.count
    var parts: [HTML] = [
      .element("h2", text: "\(result.name): \(count) \(count == 1 ? "strategy" : "strategies")"),
      .element("p", ["class": "lead"], text: SpRAYReport.capitalised(result.sentence) + "."),
      try SpRAYExplorer(result: result, group: group, identifier: "class-\(index + 1)").html(),
      .element("p", ["class": "lead"], text: explorerLead(group)),
      table(of: result),
      .element(
        "div", ["class": "figures"],
        [
          .figure(
            figures.spectra[index].figure, identifier: figures.spectra[index].name,
            caption: spectrumCaption(result))
        ]),
    ]
    for (number, gallery) in group.galleries.enumerated() {
      parts += try self.gallery(gallery, result.clusters[number], number: number)
    }
    return .element("section", ["id": "class-\(index + 1)"], parts)
  }

  private func explorerLead(_ group: SpRAYReport.Group) -> String {
    let shown = min(group.members.count, SpRAYExplorer.pointLimit)
    let part = shown < group.members.count ? " \(shown) of \(group.members.count) examples are shown." : ""
    return
      "\(SpRAYExplorer.guide) Laid out by \(record.embedding); strategies by \(record.clustering).\(part)"
  }

  private func spectrumCaption(_ result: SpRAYRecord.ClassResult) -> String {
    var text = "Smallest eigenvalues of the graph of similar relevance maps."
    if let gap = result.eigengap {
      text += " The largest gap, \(NumberText.compact(gap.gap)), comes after \(gap.clusterCount)"
      if let ends = gap.clusterCountInterval, ends.count == 2 {
        text += " (\(ends[0]) to \(ends[1]) in resampled data)"
      }
      text += "."
    } else {
      text += " No gap stands out."
    }
    if let count = result.componentCount, count > 1 { text += " The graph falls into \(count) parts." }
    return text
  }

  private func table(of result: SpRAYRecord.ClassResult) -> HTML {
    let rows = result.clusters.enumerated().map { index, cluster -> [HTML] in
      let effect = cluster.maskingEffect
      return [
        .group([SpRAYSwatch.html(index), .text("strategy \(index + 1)")]), .text("\(cluster.size)"),
        .text(NumberText.fixed(100 * cluster.share, 0) + " %"), number(cluster.silhouette),
        .text(interval(cluster.stability, cluster.stabilityInterval)),
        .text(cluster.region ?? "no one place"),
        number(effect?.drop), number(effect?.dropElsewhere), Self.mark(effect),
        .text(commonest(cluster.predictions)),
      ]
    }
    let header = [
      "Strategy", "Examples", "Share", "Silhouette", "Stability", "Relevance sits in", "Drop here",
      "Drop elsewhere",
      "Masking", "Predictions",
    ]
    return .table(
      header: header.map(HTML.text), numeric: [1, 2, 3, 4, 6, 7], className: "clusters", rows: rows)
  }

  private func interval(_ value: Double?, _ ends: [Double]?) -> String {
    let text = NumberText.compact(value ?? .nan)
    guard let ends, ends.count == 2, value != nil else { return text }
    return "\(text) [\(NumberText.compact(ends[0])), \(NumberText.compact(ends[1]))]"
  }

  /// The three words that occur most, with their counts.
  private func commonest(_ counts: [String: Int]) -> String {
    let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let shown = sorted.prefix(3).map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    return sorted.count > 3 ? shown + " …" : shown
  }

  // MARK: Galleries

  private func gallery(
    _ gallery: SpRAYReport.Gallery, _ cluster: SpRAYRecord.Cluster, number: Int
  ) throws -> [HTML] {
    let share = NumberText.fixed(100 * cluster.share, 0)
    let pictures = [gallery.mean] + gallery.prototypes
    let strip = try pictures.flatMap { try cells(of: $0) }
    guard !strip.isEmpty else { return [] }
    return [
      .element(
        "h3", [:],
        [
          SpRAYSwatch.html(number),
          .text(
            "Strategy \(number + 1), \(cluster.size) examples (\(share) %): mean, and those nearest to its middle"
          ),
        ]),
      .element("div", ["class": "strip"], strip),
    ]
  }

  /// The image and, beside it, relevance over the image.
  private func cells(of picture: SpRAYReport.Picture) throws -> [HTML] {
    var images: [(image: Image, words: String)] = []
    if let image = picture.image { images.append((image, picture.caption)) }
    if let map = picture.map {
      images.append((map.image(over: picture.image), "relevance of \(picture.caption)"))
    }
    return try images.map { image, words in
      let few = max(image.width, image.height) <= EmbeddedImage.fewPixels
      let address = try EmbeddedImage.address(of: image)
      return .element(
        "div", [:],
        [
          .element("img", ["src": address, "alt": words, "class": few ? "small" : "", "loading": "lazy"]),
          .element("span", ["title": words], text: words),
        ])
    }
  }

  // MARK: Frame

  private var guide: HTML {
    HTML.section("How to read this", "", SpRAYGuide.paragraphs)
  }

  private var provenance: HTML? {
    var content: [HTML] = []
    func rows(_ pairs: [(name: String, value: String)], _ style: String) -> [[HTML]] {
      pairs.map { [.text($0.name), .element("span", ["class": style], text: $0.value)] }
    }
    let made = [
      (name: "relevance", value: record.method), (name: "layer", value: record.layer),
      (name: "strategies", value: record.clustering), (name: "plane", value: record.embedding),
    ]
    content.append(
      .table(
        header: [.text("Setting"), .text("Value")], className: "settings",
        rows: rows(made + report.settings, "value") + rows(report.hashes, "hash")))
    if !report.commandLine.isEmpty {
      content += [
        .element("h3", text: "Command"), .element("pre", ["class": "command"], text: report.commandLine),
      ]
    }
    return HTML.section("Settings and hashes", "What is needed to repeat this analysis.", content)
  }
}

/// A cluster's colour and shape, small enough for a line of text.
private enum SpRAYSwatch {
  static func html(_ index: Int) -> HTML {
    let paint = Paint.series(index).value(in: .inline)
    let shape =
      switch index % 4 {
      case 0: "<circle cx=\"7\" cy=\"7\" r=\"5\"/>"
      case 1: "<rect x=\"2.6\" y=\"2.6\" width=\"8.8\" height=\"8.8\"/>"
      case 2: "<path d=\"M7 1L12.8 11H1.2Z\"/>"
      default: "<path d=\"M7 0.8L13.2 7L7 13.2L0.8 7Z\"/>"
      }
    return HTML(
      trusted:
        "<svg class=\"swatch\" viewBox=\"0 0 14 14\" aria-hidden=\"true\" style=\"fill:\(paint)\">\(shape)</svg>"
    )
  }
}
