internal import NoemaAttribution
internal import NoemaData

/// The report of explanations of single examples: one page, its figures, and a notebook.
public struct ExplanationReport: Sendable {
  /// What a method found, over all examples.
  public struct Method: Sendable {
    /// The name, as `noema methods` lists it.
    public var name: String
    /// The array's file beside the report.
    public var array: String
    /// Per example: what attributions sum to.
    public var sums: [Double]
    /// Per example: what they should sum to, where the method says.
    public var expected: [Double]?
    /// The seconds it took.
    public var seconds: Double

    /// Collects what is shown of a method.
    public init(name: String, array: String, sums: [Double], expected: [Double]?, seconds: Double) {
      (self.name, self.array, self.sums, self.expected, self.seconds) = (name, array, sums, expected, seconds)
    }

    /// The largest difference between a sum and what it should be, as a share of the largest expected one.
    public var largestError: Double? {
      guard let expected, let most = expected.map(abs).max(), most > 0 else { return nil }
      return zip(sums, expected).map { abs($0 - $1) }.max().map { $0 / most }
    }
  }

  /// The page's title.
  public var title: String
  /// The methods.
  public var methods: [Method]
  /// Names and explained classes of the examples.
  public var names, targets: [String]
  /// The outputs that are explained, one an example.
  public var outputs: [Double]
  /// The layer that received attributions.
  public var layer: String
  /// Inputs beside their maps; nil when there are no pictures to show.
  public var sheet: ExplanationSheet?
  /// Attributions of rows as bars, for inputs that are no images.
  public var bars: [SignedBars] = []
  /// The words of examples in colour, for inputs that are texts.
  public var words: [ColouredTokens] = []
  /// What channels or concepts contribute, a table for each method that says so.
  public var shares: [ExplanationShares] = []
  /// The inputs that methods compared with, and what they are; nil when there are none to show.
  public var references: (guide: String, pictures: ExplanationThumbnails)?
  /// Lines about how the run was made.
  public var provenance: [(name: String, value: String)] = []

  /// Collects what is reported.
  public init(
    title: String, methods: [Method], names: [String], targets: [String], outputs: [Double], layer: String
  ) {
    self.title = title
    self.methods = methods
    self.names = names
    self.targets = targets
    self.outputs = outputs
    self.layer = layer
  }

  /// The figures by file name.
  public var figures: [NamedFigure] {
    (sheet.map { [NamedFigure(name: "sheet", figure: $0)] } ?? [])
      + bars.enumerated().map { NamedFigure(name: "bars-\($0.offset + 1)", figure: $0.element) }
  }

  /// The page as one self-contained HTML file.
  public func html() -> String {
    var body: [HTML] = [
      .element(
        "header", [:],
        [
          .element("p", ["class": "kicker"], text: "Explanations · \(title)"),
          .element("h1", text: "What in each input speaks for the output?"),
          .element("div", ["class": "answer"], [.element("p", text: answer)]),
        ])
    ]
    if let sheet {
      body.append(
        HTML.section(
          "Inputs and their attributions", sheet.description,
          [
            .element(
              "div", ["class": "figures"], [.figure(sheet, identifier: "sheet", caption: sheet.title + ".")])
          ]))
    }
    if !words.isEmpty {
      let lines = [ColouredTokens.key] + words.map(\.html)
      body.append(HTML.section("The words of each input", Self.wordGuide, lines))
    }
    body += shares.map { HTML.section($0.title, $0.guide, [$0.table] + ($0.examples + $0.maps).map(\.html)) }
    if let references {
      body.append(
        HTML.section("What inputs were compared with", references.guide, [references.pictures.html]))
    }
    if !bars.isEmpty {
      body.append(
        HTML.section(
          "Attributions of each input",
          "Bars to the right speak for the output, bars to the left against it.",
          [
            .element(
              "div", ["class": "figures"],
              bars.enumerated().map {
                .figure($0.element, identifier: "bars-\($0.offset + 1)", caption: $0.element.title + ".")
              })
          ]))
    }
    body.append(HTML.section("Do the attributions add up?", Self.balanceGuide, [balance]))
    body.append(HTML.section("Methods", "", [methodTable]))
    let lines = provenance.map { [HTML.text($0.name), HTML.text($0.value)] }
    if !lines.isEmpty {
      body.append(
        HTML.section("How this was made", "", [.table(header: [.text("what"), .text("value")], rows: lines)]))
    }
    var document = HTMLDocument(title: title, body: body)
    if !shares.isEmpty || references != nil { document.style = ExplanationShares.style }
    return document.source
  }

  private static let wordGuide =
    "Each word stands on the colour of its attribution; point at it to read the number. A line has one scale, "
    + "symmetric about 0, which is given before it. Words may be in pieces."

  private static let balanceGuide =
    "Methods that share out the output, or its difference from a baseline, say what their attributions should sum to. "
    + "Rules in which biases keep their share fall short by that share; a path of few points misses where the "
    + "network bends."

  private var answer: String {
    "\(names.count) \(names.count == 1 ? "input" : "inputs") explained by "
      + "\(methods.count) \(methods.count == 1 ? "method" : "methods") at \(layer)."
  }

  private var balance: HTML {
    let header = ["example", "explained", "output"] + methods.map(\.name)
    // A page shows as many as one reads; all are in result.json.
    let shown = min(names.count, 50)
    let rows = (0..<shown).map { index in
      [names[index], targets[index], NumberText.compact(outputs[index])]
        + methods.map { method in
          let sum = NumberText.compact(method.sums[index])
          return method.expected.map { "\(sum) of \(NumberText.compact($0[index]))" } ?? sum
        }
    }
    return .table(
      header: header.map { .text($0) }, numeric: Set(2..<header.count),
      rows: rows.map { $0.map { .text($0) } })
  }

  private var methodTable: HTML {
    let rows = methods.map { method -> [String] in
      let known = MethodDescription.all.first { $0.name == method.name }
      return [
        method.name, known?.summary ?? "", known?.paper ?? "",
        method.largestError.map { NumberText.compact(100 * $0) + " %" } ?? "–",
        NumberText.fixed(method.seconds, 1),
      ]
    }
    return .table(
      header: ["method", "what it shows", "source", "largest error of sums", "seconds"].map { .text($0) },
      numeric: [3, 4], rows: rows.map { $0.map { .text($0) } })
  }

  /// The notebook that draws the arrays again with numpy and matplotlib alone.
  ///
  /// - Parameter pngs: PNG files of the figures by name, as far as they could be made.
  public func notebook(pngs: [String: [UInt8]] = [:]) throws -> String {
    var notebook = Notebook(title: title, answers: [answer], reading: "`result.json` and the arrays")
    notebook.code(Self.loadCode, outputs: [.text(summary)])
    let shown = figures.map {
      Notebook.Output.figure(
        svg: $0.svg, png: pngs[$0.name], description: $0.figure.title
      )
    }
    notebook.code(sheet == nil ? Self.barCode(sumsFeatures: !words.isEmpty) : Self.mapCode, outputs: shown)
    return try notebook.json()
  }

  private var summary: String {
    methods.map { "\($0.name): \($0.sums.count) examples\n" }.joined()
  }

  private static let loadCode = """
    import json
    import numpy as np

    result = json.load(open("result.json"))
    arrays = {m["name"]: np.load(m["array"]) for m in result["methods"]}
    for name, array in arrays.items():
        print(f"{name}: {len(array)} examples")
    """

  private static let mapCode = """
    import matplotlib.pyplot as plt

    count = min(6, len(result["names"]))
    maps = {name: array for name, array in arrays.items() if array.ndim > 2}
    figure, axes = plt.subplots(count, len(maps), squeeze=False, figsize=(2.2 * len(maps), 2.2 * count))
    for column, (name, array) in enumerate(maps.items()):
        axes[0, column].set_title(name, fontsize=8)
        for row in range(count):
            image = array[row] if array[row].ndim == 2 else array[row].sum(0)
            limit = np.quantile(np.abs(image), 0.995) or 1
            axes[row, column].imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
            axes[row, column].set_axis_off()
    plt.show()
    """

  private static func barCode(sumsFeatures: Bool) -> String {
    let values = sumsFeatures ? "array[0].reshape(len(array[0]), -1).sum(1)" : "array[0].ravel()"
    return """
      import matplotlib.pyplot as plt

      figure, axes = plt.subplots(len(arrays), 1, squeeze=False, figsize=(7, 3 * len(arrays)))
      for axis, (name, array) in zip(axes[:, 0], arrays.items()):
          values = \(values)
          axis.bar(range(len(values)), values, color=["#D55E00" if v > 0 else "#0072B2" for v in values])
          axis.axhline(0, color="black", linewidth=0.8)
          axis.set_title(f"{name}, {result['names'][0]}", fontsize=9)
      plt.show()
      """
  }
}

extension ExplanationReport {
  /// Writes page, figures, notebook, and the maps as pictures.
  ///
  /// - Throws: `ReportError` when the folder cannot be written.
  public func write(into folder: ResultFolder) throws {
    let drawings = figures
    let pngs = try folder.write(
      drawings, pngs: PNGExport.isAvailable ? PNGExport.Batch(drawings.map(\.svg)) : nil)
    for picture in sheet?.pictures ?? [] {
      try folder.write(try PNGFile.encode(picture.image), to: "pictures/\(picture.name)")
    }
    try folder.write(html(), to: "report.html")
    try folder.write(try notebook(pngs: pngs), to: "report.ipynb")
  }
}
