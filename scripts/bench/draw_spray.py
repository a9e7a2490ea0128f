"""Draws the cost of SpRAY against the number of maps: draw_spray.py RESULTS PICTURE, with a report of bench.py."""

import json
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

COLOURS = {"Noema": "#1f77b4", "CoRelAy": "#d95f02"}


def main():
    with open(sys.argv[1]) as file:
        rows = [row for row in json.load(file)["results"] if "maps" in row]
    # The same report gives the same bytes.
    pyplot.rcParams.update({"svg.hashsalt": "noema", "font.size": 9, "svg.fonttype": "none"})
    figure, (time, memory) = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for side, colour in COLOURS.items():
        points = sorted((row["maps"], row) for row in rows if row["side"] == side)
        counts = [count for count, _ in points]
        style = {"color": colour, "marker": "o", "markersize": 3.5, "linewidth": 1.2, "label": side}
        time.plot(counts, [row["seconds"] for _, row in points], **style)
        time.fill_between(
            counts, [min(row["rounds"]) for _, row in points], [max(row["rounds"]) for _, row in points], color=colour,
            alpha=0.2, linewidth=0)
        memory.plot(counts, [row["peakMiB"] for _, row in points], **style)
    for axes, title in [(time, "seconds"), (memory, "peak memory, MiB")]:
        axes.set(xscale="log", yscale="log", xlabel="relevance maps of 32 × 32", title=title)
        counts = sorted({row["maps"] for row in rows})
        axes.set_xticks(counts, [f"{count:,}" for count in counts], rotation=30)
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(True, which="major", linewidth=0.4, alpha=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    time.legend(frameon=False)
    figure.savefig(sys.argv[2], metadata={"Date": None})


main()
