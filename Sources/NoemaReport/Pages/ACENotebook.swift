internal import NoemaConcepts

/// The notebook of concepts that were found: stored outputs, and code that draws them again from the files beside it.
struct ACENotebook {
  let report: ACEReport
  let figures: ACEFigures
  let pngs: [String: [UInt8]]

  var notebook: Notebook {
    var notebook = Notebook(
      title: report.title, question: report.question,
      answers: report.answers.isEmpty ? report.derivedAnswers : report.answers,
      reading: "`result.json` and the pictures in `patches/`")
    notebook.code(Self.load, outputs: [.text(summary)])
    notebook.section("## Patches of the first concepts", Self.patches, figures.grids, pngs: pngs)
    notebook.section("## Importance", Self.importance, figures.importance.flatMap { $0 }, pngs: pngs)
    notebook.section(
      "## Sufficient and destroying concepts", Self.curves, figures.curves.flatMap { $0 }, pngs: pngs)
    return notebook
  }

  /// What the first cell prints.
  private var summary: String {
    report.record.layers.flatMap { layer in
      [
        "\(Notebook.flat(layer.layer)): \(layer.concepts.count) of \(layer.clusters.count) clusters are concepts\n"
      ]
        + layer.concepts.map { concept in
          "\(concept.rank). \(Notebook.flat(concept.name)): \(concept.size) patches, score "
            + "\(plain(concept.score)), p \(plain(concept.pPermutationAdjusted)), \(concept.verdict ?? "not tested")\n"
        }
    }.joined()
  }

  /// As Python prints it.
  private func plain(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "nan" }
    return NumberText.fixed(value, 3).replacing("−", with: "-")
  }

  /// The Python of the notebook. No name from the data stands in it: all are read from the files.
  static let load = """
    import json
    import numpy as np
    import matplotlib.pyplot as plt

    with open("result.json", encoding="utf-8") as file:
        layers = json.load(file)["layers"]

    def number(value):
        try:
            return float(value)
        except (TypeError, ValueError):
            return float("nan")

    def plain(text):
        # matplotlib reads text between dollar signs as a formula
        return str(text).replace("$", r"\\$")

    plt.rcParams.update({
        "font.family": "sans-serif", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
        "figure.dpi": 120,
    })

    for layer in layers:
        name = " ".join(layer["layer"].splitlines())
        print(f"{name}: {len(layer['concepts'])} of {len(layer['clusters'])} clusters are concepts")
        for c in layer["concepts"]:
            title = " ".join(c["name"].splitlines())
            print(f"{c['rank']}. {title}: {c['size']} patches, score {number(c.get('score')):.3f}, "
                  f"p {number(c.get('pPermutationAdjusted')):.3f}, {c.get('verdict', 'not tested')}")
    """

  static let patches = """
    for layer in layers:
        rows = [c for c in layer["concepts"][:8] if any("picture" in e for e in c["exemplars"])]
        if not rows:
            continue
        figure, grid = plt.subplots(len(rows), 5, figsize=(7, 1.6 * len(rows)), squeeze=False)
        for c, line in zip(rows, grid):
            for axes in line:
                axes.set_axis_off()
            for axes, exemplar in zip(line, c["exemplars"]):
                axes.imshow(plt.imread(exemplar["picture"]), cmap="gray")
            line[0].set_title(plain(f"{c['rank']} · {c.get('verdict', '')}"), loc="left")
        plt.show()
    """

  static let importance = """
    for layer in layers:
        concepts = layer["concepts"]
        ranks = [str(c["rank"]) for c in concepts]
        measures = [
            ("score", [number(c.get("score")) for c in concepts]),
            ("total index", [number(c.get("totalIndex")) for c in concepts]),
            ("loss", [number(c.get("loss", {}).get("output")) for c in concepts]),
        ]
        for name, values in measures:
            if np.all(np.isnan(values)):
                continue
            figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
            used = [c.get("verdict") == "used" for c in concepts]
            axes.bar(ranks, values, color=["#0072B2" if u else "#b9c0c8" for u in used])
            if name == "score":
                axes.axhline(0.5, color="#5b6570", linestyle="--", linewidth=1)
                for place, c in enumerate(concepts):
                    if "scoreInterval" in c:
                        axes.vlines(place, *[number(v) for v in c["scoreInterval"]], color="black", linewidth=1)
            axes.set_ylabel(name)
            axes.set_xlabel("concept")
            axes.set_title(plain(layer["layer"]), loc="left")
            plt.show()
    """

  static let curves = """
    for layer in layers:
        if "curves" not in layer:
            continue
        for name in ["sufficient", "destroying"]:
            curve = layer["curves"][name]
            x = np.arange(len(curve["worths"]))
            figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
            random = curve.get("randomConcepts")
            if random:
                axes.fill_between(x, random["lower"], random["upper"], color="#b9c0c8", alpha=0.5, linewidth=0,
                                  label="random segments")
            axes.plot(x, curve["randomOrders"]["mean"], "--", color="#E69F00", label="random orders")
            axes.plot(x, curve["worths"], "o-", color="#0072B2", label="concepts by rank")
            axes.set_xlabel("concepts")
            axes.set_ylabel(layer["curves"]["measure"])
            axes.set_title(plain(f"{name}, {layer['layer']}"), loc="left")
            axes.legend(frameon=False)
            plt.show()
    """
}
