/// The notebook of a spectral relevance analysis: stored outputs, and code that draws them again from the files beside
/// it.
struct SpRAYNotebook {
  let report: SpRAYReport
  let figures: SpRAYFigures
  let pngs: [String: [UInt8]]

  var notebook: Notebook {
    var notebook = Notebook(
      title: report.title, question: report.question,
      answers: report.answers.isEmpty ? report.derivedAnswers : report.answers,
      reading: "`result.json`, `assignments.csv`, `embedding.npy` and `mean-maps.npy`")
    notebook.code(Self.load, outputs: [.text(summary)])
    notebook.section("## Eigenvalues", Self.spectra, figures.spectra, pngs: pngs)
    notebook.section("## Strategies in the plane", Self.scatters, figures.scatters, pngs: pngs)
    // The arrays have maps of one size only.
    if hasMapsOfOneSize {
      notebook.section("## Mean relevance maps", Self.maps, figures.maps, pngs: pngs)
    }
    return notebook
  }

  private var hasMapsOfOneSize: Bool {
    let maps = report.groups.flatMap { $0.galleries.compactMap(\.mean.map) }
    return Set(maps.map { [$0.height, $0.width] }).count == 1
  }

  /// What the first cell prints.
  private var summary: String {
    report.ranking.map { index in
      let result = report.record.classes[index]
      let name = Notebook.flat(result.name)
      let sizes = result.clusters.map { "\($0.size)" }.joined(separator: ", ")
      return "\(result.suspicion.rank). \(name): \(result.clusters.count) strategies of \(sizes) examples\n"
    }.joined()
  }

  /// The Python of the notebook. No name from the data stands in it: all are read from the files.
  static let load = """
    import csv
    import json
    import numpy as np
    import matplotlib.pyplot as plt

    with open("result.json", encoding="utf-8") as file:
        classes = json.load(file)["classes"]
    with open("assignments.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    row_class = np.array([int(row["classIndex"]) for row in rows])
    row_cluster = np.array([int(row["cluster"]) for row in rows])
    places = np.load("embedding.npy", allow_pickle=False)

    def number(value):
        try:
            return float(value)
        except (TypeError, ValueError):
            return float("nan")

    def plain(text):
        # matplotlib reads text between dollar signs as a formula
        return str(text).replace("$", r"\\$")

    colors = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#A59B00"]
    markers = ["o", "s", "^", "D"]
    plt.rcParams.update({
        "font.family": "sans-serif", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
        "figure.dpi": 120,
    })

    for entry in sorted(classes, key=lambda entry: entry["suspicion"]["rank"]):
        sizes = ", ".join(str(cluster["size"]) for cluster in entry["clusters"])
        name = " ".join(entry["name"].splitlines())
        print(f"{entry['suspicion']['rank']}. {name}: {len(entry['clusters'])} strategies of {sizes} examples")
    """

  static let spectra = """
    for entry in classes:
        values = np.array([number(value) for value in entry["eigenvalues"]])
        gap = entry.get("eigengap") or {}
        below = int(gap.get("clusterCount", 0))
        figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
        x = np.arange(1, len(values) + 1)
        if 0 < below < len(values):
            axes.axhspan(values[below - 1], values[below], color="#D55E00", alpha=0.14)
            axes.axvline(below + 0.5, color="#D55E00", linestyle="--", linewidth=1)
        axes.plot(x[:below], values[:below], "o", color=colors[0])
        axes.plot(x[below:], values[below:], "o", color=colors[0], markerfacecolor="white")
        axes.set_xlabel("number")
        axes.set_ylabel("eigenvalue")
        axes.set_title(plain(entry["name"]), loc="left")
        plt.show()
    """

  static let scatters = """
    for entry in classes:
        inside = row_class == entry["classIndex"]
        figure, axes = plt.subplots(figsize=(5.5, 5), layout="constrained")
        for cluster in sorted(set(row_cluster[inside])):
            chosen = places[inside & (row_cluster == cluster)]
            noise = cluster < 0
            axes.scatter(chosen[:, 0], chosen[:, 1], s=8, linewidths=0.5,
                         marker="x" if noise else markers[cluster % len(markers)],
                         color="#5b6570" if noise else colors[cluster % len(colors)],
                         label="none" if noise else f"strategy {cluster + 1}")
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(plain(entry["name"]), loc="left")
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        plt.show()
    """

  static let maps = """
    mean_maps = np.load("mean-maps.npy", allow_pickle=False)
    for entry in classes:
        found = [(index, cluster) for index, cluster in enumerate(entry["clusters"])
                 if cluster.get("meanMapIndex") is not None]
        if not found:
            continue
        figure, grid = plt.subplots(1, len(found), figsize=(2.2 * len(found), 2.6), squeeze=False,
                                    layout="constrained")
        for axes, (index, cluster) in zip(grid[0], found):
            image = mean_maps[cluster["meanMapIndex"]]
            limit = np.quantile(np.abs(image), 0.995) or 1
            axes.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
            axes.set_title(f"strategy {index + 1}, {cluster['size']}", fontsize=8)
            axes.set_axis_off()
        figure.suptitle(plain(entry["name"]), fontsize=9)
        plt.show()
    """
}
