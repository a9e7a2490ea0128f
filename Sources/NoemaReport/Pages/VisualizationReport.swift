public import NoemaData

/// The report of pictures that were made for units, directions or classes: one page, its figures and a notebook.
public struct VisualizationReport: Sendable {
  /// The page's title.
  public var title: String
  /// The numbers.
  public var record: VisualizationRecord
  /// The pictures of each target; none for arrays.
  public var pictures: [[Image]]
  /// The arrays of each target; none for pictures.
  public var arrays: [[Float]] = []
  /// Names of an array's elements; numbers when empty.
  public var featureNames: [String] = []
  /// For each target the real inputs of the record, as pictures; none where nothing is known.
  public var examples: [[Image]] = []
  /// Settings and hashes, in the order to show.
  public var settings: [(name: String, value: String)] = []
  public var hashes: [(name: String, value: String)] = []
  /// The command that repeats the run; may be empty.
  public var commandLine = ""

  /// Collects what is reported.
  public init(title: String, record: VisualizationRecord, pictures: [[Image]]) {
    (self.title, self.record, self.pictures) = (title, record, pictures)
  }

  /// The figures by file name.
  public var figures: [NamedFigure] {
    var figures: [NamedFigure] = []
    if let grid { figures.append(NamedFigure(name: "grid", figure: grid)) }
    figures += bars
    if let traces { figures.append(NamedFigure(name: "traces", figure: traces)) }
    return figures
  }

  private var grid: PictureGrid? {
    guard pictures.contains(where: { !$0.isEmpty }) else { return nil }
    let rows = zip(record.targets, pictures).map { target, images in
      PictureGrid.Row(
        name: target.name,
        cells: zip(images, target.pictures).map { image, picture in
          PictureGrid.Cell(image, caption: "\(NumberText.compact(picture.end))")
        })
    }
    return PictureGrid(
      title: "What excites \(record.layer)",
      description:
        "Pictures that were made to make each target's value, below the picture, as great as possible.",
      rows: rows)
  }

  private var bars: [NamedFigure] {
    zip(record.targets, arrays).prefix(Self.mostBars).enumerated().map { index, pair in
      let names = pair.1.indices.map { featureNames.indices.contains($0) ? featureNames[$0] : "\($0)" }
      return NamedFigure(
        name: "array-\(index + 1)",
        figure: SignedBars(
          title: pair.0.name, description: "The elements of the input that excites \(pair.0.name) most.",
          names: names, values: pair.1.map { MeasuredValue(Double($0)) }))
    }
  }

  /// The objective over the steps, as the mean of each stretch.
  private var traces: LineChart? {
    let shown = record.targets.prefix(Self.mostSeries).filter { $0.pictures.first?.trace.isEmpty == false }
    guard let steps = shown.first?.pictures[0].trace.count, steps > 1 else { return nil }
    let points = min(steps, 24)
    let ends = (1...points).map { $0 * steps / points }
    let series = shown.map { target in
      Series(
        name: target.name,
        values: ends.indices.map { place in
          let stretch = target.pictures[0].trace[(place == 0 ? 0 : ends[place - 1])..<ends[place]]
          return MeasuredValue(stretch.reduce(0, +) / Double(stretch.count))
        })
    }
    let values = series.flatMap { $0.values.compactMap { $0?.value } }.filter(\.isFinite)
    let low = min(0, values.min() ?? 0), high = max(values.max() ?? 1, low + 1e-9)
    return LineChart(
      title: "How the objective rose",
      description: "The target's value of the views, averaged over some steps each.",
      categoryTitle: "step", valueTitle: "value of the target",
      range: low...(high + 0.05 * (high - low)), categories: ends.map(String.init), series: series)
  }

  private static let mostSeries = 6, mostBars = 12

  /// The page as one self-contained HTML file.
  public func html() -> String {
    var body: [HTML?] = [
      ReportProvenance.header(
        kicker: "Activation maximisation · \(title)", question: "What does the network look for?",
        answers: answers),
      ReportProvenance.warnings(record.warnings),
    ]
    func figure(_ name: String) -> [HTML] {
      figures.filter { $0.name.hasPrefix(name) }.map {
        .figure($0.figure, identifier: $0.name, caption: $0.figure.title + ".")
      }
    }
    if grid != nil { body.append(HTML.section("Pictures", Self.pictureGuide, figure("grid"))) }
    if !arrays.isEmpty {
      body.append(
        HTML.section("Inputs", Self.arrayGuide, [.element("div", ["class": "figures"], figure("array-"))]))
    }
    if !comparisons.isEmpty {
      body.append(HTML.section("Beside real inputs", Self.exampleGuide, comparisons))
    }
    body.append(HTML.section("Numbers", Self.numberGuide, [table]))
    if traces != nil {
      body.append(
        HTML.section(
          "The way uphill", Self.traceGuide, [.element("div", ["class": "figures"], figure("traces"))]))
    }
    body.append(
      ReportProvenance(settings: settings, hashes: hashes, commandLine: commandLine).section)
    return HTMLDocument(title: title, body: body.compactMap { $0 }).source
  }

  private var answers: [String] {
    let count = record.targets.reduce(0) { $0 + $1.pictures.count }
    let things = arrays.isEmpty ? "picture" : "input"
    let made =
      "\(count) \(things)\(count == 1 ? "" : "s") for \(record.targets.count) "
      + "target\(record.targets.count == 1 ? "" : "s") at \(record.layer)."
    let exceeding = record.targets.compactMap(\.exceeds)
    guard let least = exceeding.min() else { return [made] }
    let share = NumberText.fixed(100 * least, least < 1 ? 1 : 0)
    return [made, "Each excites its target more than at least \(share) % of the real inputs do."]
  }

  private var comparisons: [HTML] {
    guard examples.count == record.targets.count else { return [] }
    return record.targets.indices.prefix(40).flatMap { index -> [HTML] in
      let target = record.targets[index]
      let made = pictures[index].prefix(1).map {
        ExplanationThumbnails.Picture($0, name: NumberText.compact(target.pictures[0].end), note: "made")
      }
      let real = zip(examples[index], target.examples ?? []).map {
        ExplanationThumbnails.Picture($0, name: NumberText.compact($1.value), note: $1.name)
      }
      return [ExplanationThumbnails(title: target.name, pictures: made + real).html]
    }
  }

  private var table: HTML {
    let rows = record.targets.map { target -> [String] in
      [
        target.name, NumberText.compact(target.pictures.first?.start ?? .nan),
        NumberText.compact(target.best),
        target.examples?.first.map { NumberText.compact($0.value) } ?? "–",
        target.exceeds.map { NumberText.fixed(100 * $0, 1) + " %" } ?? "–",
        target.similarity.map { NumberText.fixed($0, 2) } ?? "–",
      ]
    }
    let header = ["target", "noise", "picture", "best real input", "exceeds", "similarity"]
    return .table(
      header: header.map { .text($0) }, numeric: [1, 2, 3, 4, 5], rows: rows.map { $0.map { .text($0) } })
  }

  private static let pictureGuide =
    "Each picture began as noise and was changed step by step so that its target responds more, while the network saw "
    + "it shifted, turned and scaled. The number is the target's value of the whole picture."
  private static let arrayGuide =
    "The input of a bounded length that makes the target respond most; bars are its elements."
  private static let exampleGuide =
    "The first picture is made, the others are the real inputs to which the target responds most. A made picture shows "
    + "what would excite a target, real inputs what does; people often predict better from real ones "
    + "(Borowski et al. 2021)."
  private static let numberGuide =
    "A made picture that does not exceed real inputs is no optimum: add steps. Similarity is that of the pictures of "
    + "one target, to the layer."
  private static let traceGuide = "A curve that still rises at its end asks for more steps."

  /// The notebook that shows the arrays again with numpy and matplotlib alone.
  ///
  /// - Parameter pngs: PNG files of the figures by name, as far as they could be made.
  public func notebook(pngs: [String: [UInt8]] = [:]) throws -> String {
    var notebook = Notebook(title: title, answers: answers, reading: "`result.json` and `pictures.npy`")
    let lines = record.targets.map { target in
      "\(Notebook.flat(target.name)): \(NumberText.compact(target.best))\n"
    }
    notebook.code(Self.loadCode, outputs: [.text(lines.joined())])
    notebook.section(
      "## What was made", arrays.isEmpty ? Self.pictureCode : Self.arrayCode,
      figures.filter { $0.name != "traces" }, pngs: pngs)
    notebook.section("## The way uphill", Self.traceCode, figures.filter { $0.name == "traces" }, pngs: pngs)
    return try notebook.json()
  }

  private static let loadCode = """
    import json
    import numpy as np

    result = json.load(open("result.json"))
    pictures = np.load("pictures.npy")
    for target in result["targets"]:
        print(f"{target['name']}: {max(float(p['end']) for p in target['pictures']):.3g}")
    """

  private static let pictureCode = """
    import matplotlib.pyplot as plt

    rows, columns = len(result["targets"]), max(len(t["pictures"]) for t in result["targets"])
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=(3 * columns, 3 * rows))
    for row, target in zip(axes, result["targets"]):
        for axis in row:
            axis.set_axis_off()
        for axis, picture in zip(row, target["pictures"]):
            axis.imshow(pictures[picture["row"]].transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=1)
            axis.set_title(target["name"], fontsize=9)
    plt.show()
    """

  private static let arrayCode = """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(result["targets"]), 1, squeeze=False, figsize=(7, 2.5 * len(result["targets"])))
    for axis, target in zip(axes[:, 0], result["targets"]):
        values = pictures[target["pictures"][0]["row"]].ravel()
        axis.bar(range(len(values)), values)
        axis.set_title(target["name"], fontsize=9)
    plt.show()
    """

  private static let traceCode = """
    import matplotlib.pyplot as plt

    for target in result["targets"]:
        plt.plot([float(v) for v in target["pictures"][0]["trace"]], label=target["name"])
    plt.xlabel("step"), plt.ylabel("value of the target"), plt.legend()
    plt.show()
    """
}

extension VisualizationReport {
  /// Writes numbers, page, figures and notebook; pictures and arrays are the caller's.
  ///
  /// - Throws: `ReportError` when the folder cannot be written.
  public func write(into folder: ResultFolder, run: some Encodable) throws {
    let drawings = figures
    let export = PNGExport.isAvailable ? PNGExport.Batch(drawings.map(\.svg)) : nil
    try folder.write(try JSONText.of(RecordWithRun(record: record, run: run)), to: "result.json")
    try folder.write(html(), to: "report.html")
    let pngs = try folder.write(drawings, pngs: export)
    try folder.write(try notebook(pngs: pngs), to: "report.ipynb")
  }
}
