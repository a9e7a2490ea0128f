/// The Python of the notebook. No name from the data stands in it: all are read from `result.json`.
enum TCAVNotebookCode {
  static let load = """
    import json
    import numpy as np
    import matplotlib.pyplot as plt

    with open("result.json", encoding="utf-8") as file:
        study = json.load(file)
    results = study["results"]

    def number(value):
        try:
            return float(value)
        except (TypeError, ValueError):
            return float("nan")

    def interval(result):
        ends = result.get("scoreInterval") or []
        return [number(end) for end in ends] if len(ends) == 2 else [float("nan")] * 2

    def names(key):
        return list(dict.fromkeys(result[key] for result in results))

    def find(**wanted):
        for result in results:
            if all(result[key] == value for key, value in wanted.items()):
                return result
        return None

    def plain(text):
        # matplotlib reads text between dollar signs as a formula
        return str(text).replace("$", r"\\$")

    marks = {"represented but not used": "n.s.", "not represented": "n.r."}
    layers, targets, concepts = names("layer"), names("target"), names("concept")
    colors = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#A59B00"]
    plt.rcParams.update({
        "font.family": "sans-serif", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
        "figure.dpi": 120, "hatch.linewidth": 0.8,
    })

    header = ["concept", "target", "layer", "score", "low", "high", "p adj.", "AUC", "verdict"]
    rows = [header]
    for result in results:
        low, high = interval(result)
        values = [number(result["score"]), low, high, number(result["pPermutationAdjusted"]),
                  number(result["probe"]["auc"])]
        rows.append([result["concept"], result["target"], result["layer"]]
                    + [f"{value:.3f}" for value in values] + [result["verdict"]])
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    """

  static let scores = """
    for layer in layers:
        inches = max(5, 0.6 * len(concepts) * len(targets) + 2)
        figure, axes = plt.subplots(figsize=(inches, 3), layout="constrained")
        width = 0.75 / len(targets)
        for index, target in enumerate(targets):
            for group, concept in enumerate(concepts):
                result = find(layer=layer, target=target, concept=concept)
                if result is None or not np.isfinite(number(result["score"])):
                    continue
                score, (low, high) = number(result["score"]), interval(result)
                x = group + width * (index - (len(targets) - 1) / 2)
                color = colors[index % len(colors)]
                used = result["verdict"] == "used"
                axes.bar(x, score, width * 0.92, color=color if used else "white", edgecolor=color,
                         hatch=None if used else "/////")
                axes.plot([x, x], [low, high], color="#1d232b", linewidth=1)
                if not used:
                    mark = marks.get(result["verdict"], "n/a")
                    axes.text(x, np.nanmax([score, high]) + 0.02, mark, ha="center", fontsize=7,
                              color="#5b6570")
            axes.bar(np.nan, np.nan, color=colors[index % len(colors)], label=plain(target))
        axes.axhline(0.5, color="#5b6570", linestyle="--", linewidth=1)
        labels = [plain(concept) for concept in concepts]
        axes.set_xticks(range(len(concepts)), labels, rotation=30, ha="right")
        axes.set_ylim(0, 1.08)
        axes.set_ylabel("TCAV score")
        axes.set_title(plain(layer), loc="left")
        axes.legend(frameon=False, ncols=min(len(targets), 4), loc="lower left", bbox_to_anchor=(0, 1.08))
        plt.show()
    """

  static let sweep = """
    markers = ["o", "s", "^", "D"]
    for target in targets:
        figure, axes = plt.subplots(figsize=(max(6.5, 0.9 * len(layers) + 2), 3.2), layout="constrained")
        for index, concept in enumerate(concepts):
            color, marker = colors[index % len(colors)], markers[index % len(markers)]
            found = [find(layer=layer, target=target, concept=concept) for layer in layers]
            scores = [number(result["score"]) if result else float("nan") for result in found]
            x = np.arange(len(layers)) + 0.03 * (index - (len(concepts) - 1) / 2)
            axes.plot(x, scores, color=color, linewidth=1.3)
            for position, score, result in zip(x, scores, found):
                if result is None:
                    continue
                axes.plot([position] * 2, interval(result), color=color, linewidth=1)
                axes.plot(position, score, marker, color=color,
                          markerfacecolor=color if result["verdict"] == "used" else "white")
            axes.plot([], [], marker=marker, color=color, label=plain(concept))
        axes.axhline(0.5, color="#5b6570", linestyle="--", linewidth=1)
        axes.set_xticks(range(len(layers)), [plain(layer) for layer in layers], rotation=30, ha="right")
        axes.set_ylim(-0.02, 1.02)
        axes.set_ylabel("TCAV score")
        axes.set_title(plain(target), loc="left")
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        plt.show()
    """

  static let probes = """
    pairs = [(layer, concept) for layer in layers for concept in concepts]
    found = [next((r for r in results if r["layer"] == layer and r["concept"] == concept), None)
             for layer, concept in pairs]
    pairs = [pair for pair, result in zip(pairs, found) if result]
    found = [result for result in found if result]
    figure, axes = plt.subplots(figsize=(8, 0.28 * len(found) + 1), layout="constrained")
    y = np.arange(len(found))[::-1]
    axes.scatter([number(r["probe"]["chanceAUC"]) for r in found], y, marker="|", s=120, color="#D55E00",
                 label="95 % of random concepts (AUC)")
    axes.scatter([number(r["probe"]["balancedAccuracy"]) for r in found], y, marker="D", facecolor="white",
                 edgecolor=colors[1], label="balanced accuracy")
    axes.scatter([number(r["probe"]["auc"]) for r in found], y, color=colors[0], label="AUC")
    axes.set_yticks(y, [plain(c if len(layers) == 1 else f"{c} – {l}") for l, c in pairs])
    axes.set_xlabel("held-out value")
    axes.grid(axis="x", color="#e6e9ec")
    axes.set_axisbelow(True)
    axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    plt.show()
    """

  static let nulls = """
    for layer in layers:
        for target in targets:
            found = [r for r in results if r["layer"] == layer and r["target"] == target
                     and r["diagnostics"]["nullScores"]]
            if not found:
                continue
            figure, grid = plt.subplots(len(found), 1, figsize=(6, 0.75 * len(found) + 0.8), sharex=True,
                                        squeeze=False, layout="constrained")
            for axes, result in zip(grid[:, 0], found):
                null = np.array([number(value) for value in result["diagnostics"]["nullScores"]])
                axes.hist(null[np.isfinite(null)], bins=25, range=(0, 1), color="#b9c0c8")
                axes.axvline(number(result["score"]), color="#D55E00", linewidth=1.6)
                axes.set_yticks([])
                axes.spines["left"].set_visible(False)
                axes.set_ylabel(plain(result["concept"]), rotation=0, ha="right", va="center")
                axes.text(1.02, 0.3, f"p adj. = {number(result['pPermutationAdjusted']):.3f}",
                          transform=axes.transAxes, fontsize=8)
            grid[-1, 0].set_xlim(0, 1)
            grid[-1, 0].set_xlabel("TCAV score")
            figure.suptitle(plain(f"{target} at {layer}"), fontsize=9)
            plt.show()
    """

  static let cosines = """
    for layer in layers:
        cosines = np.full((len(concepts), len(concepts)), np.nan)
        for row, concept in enumerate(concepts):
            result = next((r for r in results if r["layer"] == layer and r["concept"] == concept), None)
            if result is None:
                continue
            cosines[row, row] = 1
            for other, value in result["diagnostics"]["entanglement"].items():
                if other in concepts:
                    cosines[row, concepts.index(other)] = number(value)
        inches = (0.55 * len(concepts) + 2, 0.45 * len(concepts) + 1.2)
        figure, axes = plt.subplots(figsize=inches, layout="constrained")
        image = axes.imshow(cosines, vmin=-1, vmax=1, cmap="RdBu")
        for row in range(len(concepts)):
            for column in range(len(concepts)):
                value = cosines[row, column]
                if np.isfinite(value):
                    axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7,
                              color="white" if abs(value) > 0.55 else "black")
        labels = [plain(concept) for concept in concepts]
        axes.set_xticks(range(len(concepts)), labels, rotation=40, ha="right")
        axes.set_yticks(range(len(concepts)), labels)
        axes.set_title(plain(layer), loc="left")
        figure.colorbar(image, label="cosine")
        plt.show()
    """

  static let derivatives = """
    derivatives = np.load("derivatives.npy", allow_pickle=False)
    for layer in layers:
        for target in targets:
            found = [r for r in results if r["layer"] == layer and r["target"] == target
                     and r["derivativeIndex"] < len(derivatives)]
            if not found:
                continue
            figure, axes = plt.subplots(figsize=(6, 0.4 * len(found) + 1), layout="constrained")
            for row, result in enumerate(found):
                values = derivatives[result["derivativeIndex"]]
                values = values[np.isfinite(values)]
                axes.plot(values, np.full(values.size, row), "|", markersize=11, markeredgewidth=0.7,
                          color=colors[0])
                if values.size:
                    used = result["verdict"] == "used"
                    axes.plot(values.mean(), row, "D", color="#D55E00",
                              markerfacecolor="#D55E00" if used else "white")
            axes.axvline(0, color="#5b6570", linewidth=1)
            axes.set_ylim(len(found) - 0.4, -0.6)
            axes.set_yticks(range(len(found)), [plain(r["concept"]) for r in found])
            axes.set_xlabel("derivative along the unit CAV")
            axes.set_title(plain(f"{target} at {layer}"), loc="left")
            plt.show()
    """
}
