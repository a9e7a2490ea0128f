"""Draws the cost of ECLAIRE against rows and layers: draw_rules.py RESULTS PICTURE, with a report of bench.py."""

import json
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot


def main():
    with open(sys.argv[1]) as file:
        results = [row for row in json.load(file)["results"] if "hidden" in row]
    # The same report gives the same bytes.
    pyplot.rcParams.update({"svg.hashsalt": "noema", "font.size": 9, "svg.fonttype": "none"})
    figure, panels = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    most = max(row["rows"] for row in results)
    for axes, key, label, chosen in [
        (panels[0], "rows", "rows, 3 hidden layers", [row for row in results if row["hidden"] == 3]),
        (panels[1], "hidden", f"hidden layers, {most:,} rows", [row for row in results if row["rows"] == most]),
    ]:
        chosen = sorted(chosen, key=lambda row: row[key])
        places = [row[key] for row in chosen]
        style = {"color": "#1f77b4", "marker": "o", "markersize": 3.5, "linewidth": 1.2}
        axes.plot(places, [row["seconds"] for row in chosen], **style)
        axes.fill_between(
            places, [min(row["rounds"]) for row in chosen], [max(row["rounds"]) for row in chosen], color="#1f77b4",
            alpha=0.2, linewidth=0)
        axes.set(xlabel=label, title="seconds", ylim=(0, None))
        axes.set_xticks(places, [f"{place:,}" for place in places])
        axes.grid(True, linewidth=0.4, alpha=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(sys.argv[2], metadata={"Date": None})


main()
