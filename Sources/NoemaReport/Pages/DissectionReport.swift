public import NoemaData

/// The report of what units detect: one page, its figures and a notebook.
public struct DissectionReport: Sendable {
  /// A unit whose inputs are shown.
  public struct Patches: Sendable {
    /// The layer's index in the record, and the unit.
    public var layer, unit: Int
    /// The inputs that activate it most, what it responds to outlined; as many as the record has, or fewer.
    public var pictures: [Image]

    /// Makes an entry.
    public init(layer: Int, unit: Int, pictures: [Image]) {
      (self.layer, self.unit, self.pictures) = (layer, unit, pictures)
    }
  }

  /// The page's title.
  public var title: String
  /// The numbers.
  public var record: DissectionRecord
  /// Pictures of units.
  public var patches: [Patches] = []
  /// Settings and hashes, in the order to show.
  public var settings: [(name: String, value: String)] = []
  public var hashes: [(name: String, value: String)] = []
  /// The command that repeats the run; may be empty.
  public var commandLine = ""

  /// Collects what is reported.
  public init(title: String, record: DissectionRecord) {
    (self.title, self.record) = (title, record)
  }

  private var hasMasks: Bool { record.kind == "masks" }
  /// Detectors that a page lists of a layer; all are in units.csv.
  private static let mostRows = 30

  /// The figures by file name.
  public var figures: [NamedFigure] {
    let most = record.layers.map { Double(max($0.detectorCount, $0.chanceCount ?? 0)) }.max() ?? 0
    var series = [
      Series(name: "detectors", values: record.layers.map { MeasuredValue(Double($0.detectorCount)) }),
      Series(
        name: "different concepts", values: record.layers.map { MeasuredValue(Double($0.detected.count)) }),
    ]
    if record.layers.contains(where: { $0.chanceCount != nil }) {
      series.append(
        Series(
          name: "detectors by chance",
          values: record.layers.map { $0.chanceCount.map { MeasuredValue(Double($0)) } }))
    }
    let detectors = BarChart(
      title: "Detectors per layer",
      description:
        "Units that detect a concept, how many concepts these are, and how many units would by chance.",
      valueTitle: "units", range: 0...max(1, most * 1.08), groups: record.layers.map(\.layer), series: series)
    return [NamedFigure(name: "detectors", figure: detectors)] + conceptFigure
  }

  /// How many units detect each concept.
  private var conceptFigure: [NamedFigure] {
    let found = record.concepts.map(\.name).filter { name in
      record.layers.contains { $0.detected.contains(name) }
    }
    guard !found.isEmpty else { return [] }
    let shown = Array(found.prefix(40))
    let series = record.layers.prefix(6).map { layer in
      Series(
        name: layer.layer,
        values: shown.map { name in
          MeasuredValue(Double(layer.units.count { $0.isDetector && $0.concept == name }))
        })
    }
    let most = series.flatMap { $0.values.compactMap { $0?.value } }.max() ?? 1
    return [
      NamedFigure(
        name: "concepts",
        figure: BarChart(
          title: "Units per concept", description: "How many units of each layer detect each concept.",
          valueTitle: "units", range: 0...max(1, most * 1.08), groups: shown, series: Array(series)))
    ]
  }

  /// The page as one self-contained HTML file.
  public func html() -> String {
    var body: [HTML?] = [
      ReportProvenance.header(
        kicker: "Network dissection · \(title)", question: "Which units detect which concepts?",
        answers: answers),
      ReportProvenance.warnings(
        record.layers.flatMap { layer in layer.warnings.map { "\(layer.layer): \($0)" } }
          + record.skipped.prefix(20).map { "left out: \($0)" }),
      HTML.section(
        "Detectors", hasMasks ? Self.maskGuide : Self.labelGuide,
        [
          .element(
            "div", ["class": "figures"],
            figures.map { .figure($0.figure, identifier: $0.name, caption: $0.figure.title + ".") })
        ]),
    ]
    body += record.layers.indices.map { index in layerSection(index) }
    body.append(HTML.section("Concepts", "", [concepts]))
    body.append(ReportProvenance(settings: settings, hashes: hashes, commandLine: commandLine).section)
    return HTMLDocument(title: title, body: body.compactMap { $0 }).source
  }

  private var answers: [String] {
    record.layers.prefix(6).map { layer in
      let names = layer.detected
      let list =
        names.isEmpty ? "" : ": " + names.prefix(6).joined(separator: ", ") + (names.count > 6 ? ", …" : "")
      return "\(layer.detectorCount) of \(layer.units.count) units of \(layer.layer) detect a concept; "
        + "\(names.count) different \(names.count == 1 ? "one" : "ones")\(list)."
    }
  }

  private func layerSection(_ index: Int) -> HTML {
    let layer = record.layers[index]
    let own = patches.filter { $0.layer == index }
    let pictures = own.map { patch -> HTML in
      let unit = layer.units.first { $0.unit == patch.unit }
      let tops = unit?.top ?? []
      return ExplanationThumbnails(
        title: "unit \(patch.unit)", note: unit.map(note) ?? "",
        pictures: zip(patch.pictures, tops).map {
          ExplanationThumbnails.Picture($0, name: NumberText.compact($1.value), note: $1.name)
        }
      ).html
    }
    let lead =
      layer.detectors.isEmpty
      ? "No unit detects a concept; the units nearest to one are shown." : "The best first."
    var content = [table(layer)]
    if !pictures.isEmpty { content.append(.element("p", ["class": "lead"], text: Self.patchGuide)) }
    return HTML.section(layer.layer, lead, content + pictures)
  }

  private func note(_ unit: DissectionRecord.Unit) -> String {
    guard let concept = unit.concept else { return unit.isDead ? "never changes" : "no concept" }
    let number = unit.auc.map { "AUC \(NumberText.fixed($0, 2))" } ?? "IoU \(NumberText.fixed(unit.iou, 3))"
    return unit.isDetector ? "\(concept), \(number)" : "nearest: \(concept), \(number)"
  }

  private func table(_ layer: DissectionRecord.Layer) -> HTML {
    let detectors = layer.detectors
    let nearest = layer.units.sorted { ($1.rank, $0.unit) < ($0.rank, $1.unit) }
    let shown = detectors.isEmpty ? Array(nearest.prefix(5)) : Array(detectors.prefix(Self.mostRows))
    let rows = shown.map { unit -> [String] in
      let share = NumberText.fixed(100 * unit.firingRate, 1) + " %"
      return ["\(unit.unit)", unit.concept ?? "–"] + numbers(unit) + [
        share, NumberText.compact(unit.maximum),
      ]
    }
    let middle = hasMasks ? ["IoU", "held out", "by chance"] : ["AUC", "p", "IoU"]
    let header = ["unit", "concept"] + middle + ["fires", "greatest"]
    var content = [
      HTML.table(
        header: header.map { .text($0) }, numeric: [0, 2, 3, 4, 5, 6], rows: rows.map { $0.map { .text($0) } }
      )
    ]
    let hidden = layer.detectorCount - shown.count
    if hidden > 0 {
      content.append(.element("p", ["class": "lead"], text: "\(hidden) more are in units.csv."))
    }
    return .group(content)
  }

  /// What tells how well a unit fits its concept.
  private func numbers(_ unit: DissectionRecord.Unit) -> [String] {
    guard hasMasks else {
      return [
        NumberText.fixed(unit.auc ?? .nan, 3), NumberText.pValue(unit.pAdjusted ?? .nan),
        NumberText.fixed(unit.iou, 3),
      ]
    }
    // Another concept on the other half is worth a word.
    let other = unit.heldOutConcept.flatMap { $0 == unit.concept ? nil : " (\($0))" } ?? ""
    return [
      NumberText.fixed(unit.iou, 3), NumberText.fixed(unit.heldOutIoU ?? .nan, 3) + other,
      NumberText.fixed(unit.chanceIoU ?? .nan, 3),
    ]
  }

  private var concepts: HTML {
    let rows = record.concepts.map { concept -> [String] in
      let units = record.layers.map { layer in
        "\(layer.units.count { $0.isDetector && $0.concept == concept.name })"
      }
      return [concept.name, concept.category, "\(concept.shown)", "\(concept.annotated)"] + units
    }
    let header = ["concept", "category", "examples", "looked at"] + record.layers.map(\.layer)
    return .table(
      header: header.map { .text($0) }, numeric: Set(2..<header.count),
      rows: rows.map { $0.map { .text($0) } })
  }

  private static let maskGuide =
    "A unit fires at the pixels where its map lies above the value that it exceeds at a small share of all positions. "
    + "It detects a concept when these pixels and the concept's share enough (intersection over union, IoU). The "
    + "largest of many ratios is high by chance: held out means chosen on one half of the images and measured on the "
    + "other, by chance means held against the annotations of other images."
  private static let labelGuide =
    "A unit detects a label when examples that have it activate the unit more than others: AUC is the chance of that, "
    + "p its p-value, corrected over all units and labels."
  private static let patchGuide =
    "Below, the inputs that activate a unit most; where it fires is bright and outlined, and the number is its "
    + "activation."

  /// The notebook that draws the numbers again with numpy and matplotlib alone.
  ///
  /// - Parameter pngs: PNG files of the figures by name, as far as they could be made.
  public func notebook(pngs: [String: [UInt8]] = [:]) throws -> String {
    var notebook = Notebook(title: title, answers: answers, reading: "`result.json` and the arrays")
    notebook.code(
      Self.loadCode,
      outputs: [
        .text(
          record.layers.map { "\(Notebook.flat($0.layer)): \($0.detectorCount) of \($0.units.count)\n" }
            .joined())
      ])
    notebook.section("## Detectors", Self.drawCode, figures, pngs: pngs)
    return try notebook.json()
  }

  private static let loadCode = """
    import json
    import numpy as np

    result = json.load(open("result.json"))
    for layer in result["layers"]:
        print(f"{layer['layer']}: {layer['detectorCount']} of {len(layer['units'])}")
    """

  private static let drawCode = """
    import matplotlib.pyplot as plt

    names = [layer["layer"] for layer in result["layers"]]
    plt.bar(np.arange(len(names)) - 0.2, [l["detectorCount"] for l in result["layers"]], 0.4, label="detectors")
    plt.bar(np.arange(len(names)) + 0.2, [len(l["detected"]) for l in result["layers"]], 0.4, label="concepts")
    plt.xticks(range(len(names)), names), plt.legend()
    plt.show()
    for layer in result["layers"]:
        iou = np.load(layer["iouArray"])
        figure, axis = plt.subplots(figsize=(8, 4))
        axis.imshow(iou, aspect="auto")
        axis.set_xticks(range(len(result["concepts"])), [c["name"] for c in result["concepts"]], rotation=90)
        axis.set_title(layer["layer"]), axis.set_ylabel("unit")
        plt.show()
    """
}

extension DissectionReport {
  /// Writes numbers, the table of units, page, figures and notebook; arrays are the caller's.
  ///
  /// - Throws: `ReportError` when the folder cannot be written.
  public func write(into folder: ResultFolder, run: some Encodable) throws {
    let drawings = figures
    let export = PNGExport.isAvailable ? PNGExport.Batch(drawings.map(\.svg)) : nil
    try folder.write(try JSONText.of(RecordWithRun(record: record, run: run)), to: "result.json")
    try folder.write(record.csv, to: "units.csv")
    try folder.write(html(), to: "report.html")
    let pngs = try folder.write(drawings, pngs: export)
    try folder.write(try notebook(pngs: pngs), to: "report.ipynb")
  }
}
