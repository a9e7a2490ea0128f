internal import NoemaRules

/// The notebook of extracted rules: stored outputs, and code that draws them again from the files beside it.
struct RulesNotebook {
  let report: RulesReport
  let figures: RulesFigures
  let pngs: [String: [UInt8]]

  var notebook: Notebook {
    var notebook = Notebook(
      title: report.title, question: report.question,
      answers: report.answers.isEmpty ? report.derivedAnswers : report.answers,
      reading: "`result.json`, `rules.json` and `predictions.csv`")
    notebook.code(Self.load, outputs: [.text(summary)])
    notebook.section("## Fidelity against size", Self.curve, [figures.curve].compactMap { $0 }, pngs: pngs)
    notebook.section(
      "## Features in use", Self.features, [figures.features].compactMap { $0 }, pngs: pngs)
    notebook.section("## What network and rules say", Self.confusion, [figures.confusion], pngs: pngs)
    return notebook
  }

  /// What the first cell prints.
  private var summary: String {
    report.record.rules.enumerated().map { index, rule in
      let share = NumberText.fixed(100 * rule.cover.value, 1)
      let text = "\(rule.premise) => \(rule.conclusion)"
      return "\(index + 1). \(Notebook.flat(text))  [\(share) % of the examples]\n"
    }.joined()
  }

  /// The Python of the notebook. No name from the data stands in it: all are read from the files.
  static let load = """
    import csv
    import json
    import numpy as np
    import matplotlib.pyplot as plt

    with open("result.json", encoding="utf-8") as file:
        result = json.load(file)
    with open("rules.json", encoding="utf-8") as file:
        document = json.load(file)
    with open("predictions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def plain(text):
        # matplotlib reads text between dollar signs as a formula
        return str(text).replace("$", r"\\$")

    plt.rcParams.update({
        "font.family": "sans-serif", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
        "figure.dpi": 120,
    })

    for index, rule in enumerate(result["rules"]):
        text = " ".join(f"{rule['premise']} => {rule['conclusion']}".splitlines())
        print(f"{index + 1}. {text}  [{100 * rule['cover']['value']:.1f} % of the examples]")
    """

  static let curve = """
    curve = result["curve"]
    sizes = np.array([point["size"] for point in curve["points"]])
    fidelity = [point["fidelity"] for point in curve["points"]]
    middle = np.array([entry["value"] for entry in fidelity])
    spread = [middle - [entry["lower"] for entry in fidelity], [entry["upper"] for entry in fidelity] - middle]
    figure, axes = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
    axes.errorbar(sizes, middle, yerr=np.abs(spread), fmt="o-", color="#0072B2", linewidth=1.4, markersize=4)
    knee = curve.get("knee")
    if knee is not None:
        axes.plot(sizes[knee], middle[knee], "s", color="#E69F00", markersize=8, label="knee")
        axes.legend(frameon=False)
    axes.set_xscale("log", base=2)
    axes.set_xlabel("rules")
    axes.set_ylabel("fidelity")
    plt.show()
    """

  static let features = """
    used = {int(index): count for index, count in result["size"]["termsOfFeature"].items()}
    order = sorted(used, key=lambda index: (-used[index], index))[:24]
    names = [plain(document["features"][index]["name"]) for index in order]
    figure, axes = plt.subplots(figsize=(5.5, 0.6 + 0.24 * len(order)), layout="constrained")
    axes.barh(names, [used[index] for index in order], color="#0072B2")
    axes.invert_yaxis()
    axes.set_xlabel("conditions")
    plt.show()
    """

  static let confusion = """
    classes = result["classes"]
    counts = np.zeros((len(classes), len(classes)), int)
    for row in rows:
        counts[classes.index(row["network"]), classes.index(row["rules"])] += 1
    figure, axes = plt.subplots(figsize=(1.8 + 0.6 * len(classes), 1.4 + 0.5 * len(classes)), layout="constrained")
    axes.imshow(counts / np.maximum(counts.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for (y, x), count in np.ndenumerate(counts):
        axes.text(x, y, count, ha="center", va="center", color="white" if count > counts[y].sum() / 2 else "black")
    axes.set_xticks(range(len(classes)), [plain(name) for name in classes], rotation=40, ha="right")
    axes.set_yticks(range(len(classes)), [plain(name) for name in classes])
    axes.set_xlabel("rules")
    axes.set_ylabel("network")
    plt.show()
    """
}
