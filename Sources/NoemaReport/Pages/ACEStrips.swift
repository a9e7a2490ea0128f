internal import NoemaConcepts
internal import NoemaData

/// What concepts look like: a heading with the numbers, and patches in their examples.
struct ACEStrips {
  let layer: ACERecord.Layer
  /// By concept and exemplar.
  let sights: [[ACEReport.Sight]]

  /// Rules beside those of all pages.
  static let style = """
    .concept { border-top: 1px solid var(--rule); padding: 12px 0 8px; } .concept:first-of-type { border-top: 0; }
    .concept h3 { margin: 0 0 2px; } .concept h3 small { color: var(--muted); font-weight: 400; margin: 0 6px; }
    .concept p { color: var(--muted); font-size: 13.5px; margin-bottom: 8px; max-width: none; }
    .concept .strip div, .concept .strip img, .maps .strip div, .maps .strip img { width: 112px; }
    .concept .strip img, .maps .strip img { height: 112px; margin-bottom: 4px; }
    .context { border-left: 3px solid var(--rule); padding: 2px 10px; margin: 0 0 6px; font-size: 14.5px; }
    .context mark { background: var(--good-ground); color: inherit; font-weight: 600; }
    .signals { display: flex; flex-wrap: wrap; gap: 8px; } .signals svg { width: 210px; height: 64px; }
    """

  var html: [HTML] { layer.concepts.indices.map(card) }

  private func card(_ place: Int) -> HTML {
    let concept = layer.concepts[place]
    let seen = sights.indices.contains(place) ? sights[place] : []
    return .element(
      "div", ["class": "concept"],
      [
        .element(
          "h3", [:],
          [.text("\(concept.rank)"), .element("small", text: concept.name)] + chip(concept)),
        .element("p", text: facts(concept)),
      ] + content(concept, seen))
  }

  private func chip(_ concept: ACERecord.Concept) -> [HTML] {
    guard let verdict = concept.verdict.flatMap({ TCAVResult.Verdict(rawValue: $0) }) else { return [] }
    switch verdict {
    case .used:
      let isRaising = (concept.score ?? 0) > 0.5
      return [.element("span", ["class": "chip used"], text: isRaising ? "used, raises ↑" : "used, lowers ↓")]
    case .representedButNotUsed, .notRepresented:
      return [.element("span", ["class": "chip"], text: verdict.rawValue)]
    case .tooLittleData, .degenerate:
      return [.element("span", ["class": "chip unsure"], text: verdict.rawValue)]
    }
  }

  private func facts(_ concept: ACERecord.Concept) -> String {
    var parts = [
      "\(concept.size) patches of \(concept.exampleCount) example\(concept.exampleCount == 1 ? "" : "s")"
    ]
    if let score = concept.score {
      let ends = concept.scoreInterval?.map { NumberText.fixed($0, 2) } ?? []
      let interval = ends.count == 2 ? " (\(ends[0]) – \(ends[1]))" : ""
      parts.append(
        "score \(NumberText.fixed(score, 2))\(interval), "
          + NumberText.equation("p", concept.pPermutationAdjusted ?? .nan))
    }
    if let index = concept.totalIndex { parts.append("total index \(NumberText.fixed(index, 2))") }
    if let loss = concept.loss {
      let (value, isLoss) = (NumberText.fixed(abs(loss.output), 2), loss.output >= 0)
      parts.append("without it the class \(isLoss ? "loses" : "gains") \(value)")
    }
    if let stability = concept.stability?.examples ?? concept.stability?.seeds {
      parts.append("stability \(NumberText.fixed(stability, 2))")
    }
    return parts.joined(separator: " · ")
  }

  // MARK: Patches

  private func content(_ concept: ACERecord.Concept, _ seen: [ACEReport.Sight]) -> [HTML] {
    let named = zip(seen, concept.exemplars)
    var pictures: [HTML] = [], signals: [HTML] = [], lines: [HTML] = []
    for (sight, exemplar) in named {
      switch sight {
      case .picture(let whole, let patch):
        let images = [
          Self.image(whole, "concept \(concept.rank) in \(exemplar.example)"),
          Self.image(patch, "segment \(exemplar.segment) of \(exemplar.example)"),
        ].compactMap { $0 }
        pictures.append(
          .element(
            "div", [:], images + [.element("span", ["title": exemplar.example], text: exemplar.example)]))
      case .signal(let values, let runs):
        signals.append(Self.signal(values, runs, exemplar.example))
      case .words(let words):
        lines.append(
          .element(
            "p", ["class": "context", "title": exemplar.example],
            words.map { $0.isMarked ? HTML.element("mark", text: $0.text) : HTML.text($0.text) }))
      case .columns(let cells):
        let text = cells.map { "\($0.name) = \(NumberText.compact($0.value))" }.joined(separator: ", ")
        lines.append(.element("p", ["class": "context"], text: "\(exemplar.example): \(text)"))
      }
    }
    let label = "concept \(concept.rank)"
    var parts: [HTML] = []
    for (style, content) in [("strip", pictures), ("signals", signals)] where !content.isEmpty {
      parts.append(.element("div", ["class": style, "role": "group", "aria-label": label], content))
    }
    return parts + lines
  }

  /// A signal's first channel; what belongs to the patch is drawn strongly.
  private static func signal(
    _ values: [Float], _ runs: [Range<Int>], _ name: String
  ) -> HTML {
    let (low, high) = (Double(values.min() ?? 0), Double(values.max() ?? 1))
    let (x, y) = (
      Scale(0...Double(max(1, values.count - 1)), from: 2, to: 208), Scale(low...high, from: 60, to: 4)
    )
    func line(_ steps: Range<Int>, _ paint: Paint, _ width: Double) -> String {
      let points = steps.map {
        "\(NumberText.coordinate(x(Double($0)))),\(NumberText.coordinate(y(Double(values[$0]))))"
      }
      return "<polyline points=\"\(points.joined(separator: " "))\" style=\"fill:none;"
        + "stroke:\(paint.value(in: .inline));stroke-width:\(width)\"/>"
    }
    let parts =
      line(values.indices, .faint, 1)
      + runs.map { line($0.clamped(to: values.indices), .series(0), 2) }.joined()
    return HTML(
      trusted: "<svg viewBox=\"0 0 210 64\" role=\"img\"><title>\(Escape.markup(name))</title>\(parts)</svg>")
  }

  // MARK: Maps

  /// Whole images with the first concepts over them.
  static func maps(_ maps: [ACEReport.Mapped]) -> [HTML] {
    let rows = maps.filter { !$0.maps.isEmpty }.map { mapped -> HTML in
      var cells: [HTML] = []
      if let whole = image(mapped.image, mapped.name) {
        let name = HTML.element("span", ["title": mapped.name], text: mapped.name)
        cells.append(.element("div", [:], [whole, name]))
      }
      for (place, map) in mapped.maps.enumerated() {
        guard let picture = image(map, "concept \(place + 1) in \(mapped.name)") else { continue }
        cells.append(.element("div", [:], [picture, HTML.element("b", text: "\(place + 1)")]))
      }
      return .element("div", ["class": "strip", "role": "group", "aria-label": mapped.name], cells)
    }
    return rows.isEmpty ? [] : [.element("div", ["class": "maps"], rows)]
  }

  private static func image(_ image: Image, _ description: String) -> HTML? {
    guard let address = try? EmbeddedImage.address(of: image) else { return nil }
    // Few pixels are shown as squares rather than blurred.
    let name = max(image.width, image.height) <= EmbeddedImage.fewPixels ? "small" : ""
    return .element("img", ["src": address, "alt": description, "class": name, "loading": "lazy"])
  }
}
