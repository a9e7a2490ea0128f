"""Noema and the tools one would otherwise use, on the same machine, the same work and the same number of threads.

networks: forward pass and input gradient of four networks against PyTorch and ONNX Runtime.
latency:  the same for one example at a time, forward only.
tcav:     a concept study (3 concepts, 4 random sets, 2 layers of EfficientNet-Lite0) against Captum, end to end.
attribution: relevance (EpsilonPlusFlat) against zennit and in forward passes, DeepLIFT and integrated gradients against
          Captum, RISE against plain PyTorch, per image; KernelSHAP against shap and LIME against lime, per row.
study:    a large study (500 runs, 199 pseudo-concepts) by Noema alone.
spray:    relevance maps of 32 × 32, from the array to clusters and t-SNE: 1,000 to 10,000 against CoRelAy with
          scikit-learn, up to 50,000 by Noema alone; beside the results, a picture of the cost.
ace:      the concepts of a class (50 images, three resolutions, 25 concepts, one layer of EfficientNet-Lite0, 50 runs)
          against the same steps by PyTorch, scikit-image and scikit-learn, end to end; what Noema adds unless told not
          to; and under memory budgets.
rules:    growing a tree on 100,000 rows of 50 numbers against scikit-learn, exactly and with histograms; ECLAIRE by
          Noema alone, up to 20,000 rows and four hidden layers, with a picture of the cost.

Sides alternate, so that a slow spell of the machine meets both, and are compared within a round: the table has medians
over rounds, and the least and the greatest. Each measurement is a process of its own, but for the peers of
`attribution`. This process imports nothing large: Linux counts the memory of the process that starts another into the
other's peak. Prints a table as it goes and writes Benchmarks/results/*.json.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from functools import partial
from importlib import metadata
from statistics import median
from typing import NamedTuple

import images

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, ".build/bench")
STUDY, SPRAY = os.path.join(WORK, "study"), os.path.join(WORK, "spray")
NOEMA = os.environ.get("NOEMA", os.path.join(ROOT, ".build/release/noema"))
PARTS = ["networks", "latency", "attribution", "tcav", "study", "spray", "ace", "rules"]
NETWORKS = ["resnet50", "efficientnet-lite0", "vit-4", "minilm"]
BATCH, TARGET = 8, 7


def environment(threads):
    return dict(os.environ) | {
        name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def measured(command, threads):
    """(standard output, wall seconds, peak resident MiB) of a command; exits with its complaint if it fails."""
    start = time.perf_counter()
    with open(os.path.join(WORK, "output.txt"), "w+") as output, open(os.path.join(WORK, "errors.txt"), "w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, env=environment(threads), cwd=HERE)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        output.seek(0), errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}\nfailed ({process.returncode}): {errors.read().strip()[-2000:]}")
        return output.read(), wall, usage.ru_maxrss / 1024


def peer(script, *arguments):
    return [sys.executable, os.path.join(HERE, script), *map(str, arguments)]


def alternate(sides, rounds, threads):
    """For each side the results of its rounds: (standard output, wall seconds, peak MiB)."""
    results = {name: [] for name in sides}
    for index in range(rounds):
        for folder in (STUDY, SPRAY):
            shutil.rmtree(folder, ignore_errors=True)
        # Every other round runs backwards, so that no side always follows the same neighbour.
        for name in sorted(sides, reverse=index % 2 == 1):
            results[name].append(measured(sides[name], threads))
    return results


def networks(options):
    return timings(options, BATCH, [("forward", "forwardSeconds"), ("gradient", "gradientSeconds")], options.runs)


def latency(options):
    return timings(options, 1, [("forward", "forwardSeconds")], 4 * options.runs)


def timings(options, batch, works, runs):
    return [partial(timing, options, name, batch, works, runs) for name in NETWORKS]


def timing(options, name, batch, works, runs):
    """One row for each work and side that measures it."""
    path = exported(name)
    gradient = ["--gradient"] if len(works) > 1 and name != "minilm" else []
    sides = {
        "Noema": [NOEMA, "inspect", path, "--time", str(runs), "--batch", str(batch), *gradient, "--json"],
        "ONNX Runtime": peer("time_network.py", "onnxruntime", name, path, batch, runs, options.threads),
        "PyTorch": peer("time_network.py", "torch", name, path, batch, runs, options.threads),
    }
    results = alternate(sides, options.rounds, options.threads)
    rows = []
    for work, key in works:
        for side, measurements in results.items():
            reports = [json.loads(output) for output, _, _ in measurements]
            if reports[0].get(key):
                rows.append(result(
                    f"{name} {work}, batch {batch}", side, [median(report[key]) for report in reports],
                    [peak for _, _, peak in measurements]))
    return rows


class Contest(NamedTuple):
    """A method on a network, and the peer that does the same work."""

    name: str
    side: str
    network: str
    method: str
    #: What the peer is told: images at once, points of a path, masks, coalitions or rows.
    number: int
    #: Noema's time is that of `count` examples less that of the `first` ones; see `steady`.
    first: int
    count: int
    flags: tuple = ()
    #: The array of references of a table, which both sides read.
    references: str = ""


TABLE = "breast_cancer_mlp"
# Noema's own batch for images of this size; zennit and Captum get as many at once.
IMAGES = 4
POINTS, MASKS, COALITIONS, DRAWN = 16, 256, 2 * 30 + 2048, 5000
CONTESTS = [
    *[Contest(f"lrp-{network}", "zennit", network, "lrp-epsilon-plus-flat", IMAGES, IMAGES, count)
      for network, count in [("resnet18", 20), ("resnet50", 12), ("efficientnet-lite0", 36)]],
    # Not on EfficientNet-Lite0: Captum's DeepLIFT takes a ReLU6 for linear, which is less work.
    *[Contest(f"deeplift-{network}", "Captum", network, "deeplift", IMAGES, IMAGES, count)
      for network, count in [("resnet18", 20), ("resnet50", 12)]],
    Contest("integrated-gradients-resnet18", "Captum", "resnet18", "integrated-gradients", POINTS, 1, 3,
            ("--steps", POINTS)),
    # From here on the whole run counts: its first batch is one of many, and KernelSHAP makes in it what rows share.
    Contest("rise-resnet18", "PyTorch", "resnet18", "rise", MASKS, 0, 1, ("--samples", MASKS)),
    Contest("kernel-shap-1", "shap", TABLE, "kernel-shap", COALITIONS, 0, 150, ("--samples", COALITIONS),
            "background-1"),
    Contest("kernel-shap-50", "shap", TABLE, "kernel-shap", COALITIONS, 0, 50, ("--samples", COALITIONS),
            "background-50"),
    Contest("lime-tabular", "lime", TABLE, "lime-tabular", DRAWN, 0, 90,
            ("--samples", DRAWN, "--output-scale", "probability"), "training"),
]


def attribution(options):
    return [partial(hold, contest, options) for contest in chosen(options.only)]


def chosen(only):
    """The contests whose names contain one of some words with commas between; all without any."""
    return [contest for contest in CONTESTS if any(word in contest.name for word in only.split(","))]


class Peer:
    """A peer that stays: starting and warming up take it longer than the work, so it does them once and then works
    whenever it is asked. Meanwhile it waits for a line, which takes no processor time."""

    def __init__(self, command, threads):
        self.command = command
        self.errors = open(os.path.join(WORK, "peer-errors.txt"), "w+")
        self.process = subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, cwd=HERE,
            env=environment(threads))

    def answer(self):
        """The next line that it prints."""
        line = self.process.stdout.readline().decode()
        if not line:
            self.errors.seek(0)
            raise RuntimeError(f"{' '.join(self.command)}\nfailed: {self.errors.read().strip()[-2000:]}")
        return line

    def seconds(self):
        """The seconds per example of one more run."""
        try:
            self.process.stdin.write(b"\n")
        except BrokenPipeError:
            pass  # Its answer says why.
        return float(self.answer())

    def end(self):
        """Ends it; returns its peak resident MiB."""
        self.process.stdin.close()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.process.stdout.close(), self.errors.close()
        return usage.ru_maxrss / 1024


def hold(contest, options):
    """The rows of a contest."""
    inputs = files(contest)
    rounds = {"Noema": [], "forward": [], contest.side: []}
    peaks = []

    def noema():
        seconds, peak = steady(contest, inputs, options.threads)
        peaks.append(peak)
        return seconds

    other = Peer(peer_command(contest, inputs, options.threads), options.threads)
    try:
        other.answer()
        turns = {"Noema": noema, contest.side: other.seconds}
        if contest.side == "zennit":
            turns["forward"] = lambda: forward_pass(inputs["model"], options.threads)
        for index in range(options.rounds):
            for side in sorted(turns, reverse=index % 2 == 1):
                rounds[side].append(turns[side]())
    finally:
        other_peak = other.end()
    work = f"{contest.name}, {'row' if contest.references else 'image'}"
    rows = [
        result(work, "Noema", rounds["Noema"], peaks), result(work, contest.side, rounds[contest.side], [other_peak])]
    if rounds["forward"]:
        work = f"{contest.name}, forward pass"
        rows += [result(work, "Noema", rounds["forward"]), result(work, "Noema's relevance", rounds["Noema"])]
    return rows


def files(contest):
    """What the sides of a contest read; made when it is not there."""
    if contest.references:
        folder = os.path.join(WORK, "table")
        if not os.path.exists(os.path.join(folder, "background-50.npy")):
            measured(peer("time_table.py", "--data", folder), threads=2)
        return {
            "model": os.path.join(ROOT, f"Tests/NoemaAttributionTests/Fixtures/{TABLE}.onnx"),
            "data": os.path.join(folder, "rows.npy"), "references": os.path.join(folder, f"{contest.references}.npy")}
    count = max(contest.count for contest in CONTESTS if not contest.references)
    path = os.path.join(WORK, f"images-{count}.npy")
    if not os.path.exists(path):
        measured(peer("models.py", "--images", count, path), threads=2)
    return {"model": exported(contest.network), "data": path}


def peer_command(contest, inputs, threads):
    if contest.references:
        paths = inputs["model"], inputs["data"], inputs["references"]
        return peer("time_table.py", contest.side, *paths, contest.number, threads)
    method = contest.name.removesuffix(f"-{contest.network}")
    return peer("time_attribution.py", method, contest.network, contest.number, threads)


def steady(contest, inputs, threads):
    """Noema's seconds per example, and its peak in MiB.

    `noema explain` counts the seconds in which a method explains: not reading files and compiling, as the start of a
    peer is not counted, nor the forward pass by which it learns the outputs, which no peer makes. The first batch
    touches memory for the first time, as a peer's warming up does; so the seconds of a run that explains only that are
    taken off where batches are few.
    """
    def explained(count):
        command = [
            NOEMA, "explain", "--model", inputs["model"], "--data", inputs["data"], "--limit", count,
            "--method", contest.method, *contest.flags, "--target", 0, "--pictures", 0, "--json",
            "-o", os.path.join(WORK, "explained")]
        if contest.references:
            command += ["--references", inputs["references"]]
        output, _, peak = measured([str(word) for word in command], threads)
        return json.loads(output)["methods"][0]["seconds"], peak

    first, _ = explained(contest.first) if contest.first else (0, 0)
    seconds, peak = explained(contest.count)
    return (seconds - first) / (contest.count - contest.first), peak


def forward_pass(model, threads):
    """Noema's seconds per image."""
    output, _, _ = measured([NOEMA, "inspect", model, "--time", "5", "--batch", str(IMAGES), "--json"], threads)
    return median(json.loads(output)["forwardSeconds"]) / IMAGES


def study_command(runs, pseudo_concepts, random_images):
    data = os.path.join(WORK, "images")
    concepts = sorted(os.listdir(os.path.join(data, "concepts")))
    return [
        NOEMA, "tcav", "--model", exported("efficientnet-lite0"), "--data", os.path.join(data, "class"),
        "--target", str(TARGET), *[word for layer in studied_layers() for word in ("--layer", layer)],
        "--concepts", os.path.join(data, "concepts"), *[word for name in concepts for word in ("--concept", name)],
        "--random", os.path.join(data, random_images), "--runs", str(runs),
        "--pseudo-concepts", str(pseudo_concepts), "--seed", "7", "-o", STUDY]


def tcav(options):
    def measure():
        images.draw(os.path.join(WORK, "images"))
        sides = {
            "Captum": peer("time_tcav.py", os.path.join(WORK, "images"), TARGET, options.threads),
            "Noema": study_command(4, 0, "sets"),
        }
        return whole_processes("TCAV, 3 concepts × 4 sets × 2 layers", sides, options)

    return [measure]


def study(options):
    def measure():
        images.draw(os.path.join(WORK, "images"))
        return whole_processes(
            "TCAV, 500 runs, 199 pseudo-concepts", {"Noema": study_command(500, 199, "pool")}, options)

    return [measure]


# CoRelAy keeps matrices of all pairs, 2.4 GB for 10,000 maps.
MAPS, MOST_OF_CORELAY, STRATEGIES = [1000, 2000, 5000, 10_000, 20_000, 50_000], 10_000, 6


def spray(options):
    """The comparison of equal work for each number of maps; for one of them also what Noema does unless told not to."""
    return [partial(cluster, count, options) for count in MAPS] + [partial(cluster_in_full, 10_000, options)]


def spray_command(maps, *flags):
    """Clusters and layout of all maps as one class; without a network nothing is masked."""
    return [NOEMA, "spray", "--from-attributions", maps, "--no-masking", *flags, "-o", SPRAY]


def cluster(count, options):
    maps = relevance_maps(count)
    # Three surrogates are the least that it takes.
    sides = {"Noema": spray_command(maps, "--bootstrap", "0", "--surrogates", "3")}
    if count <= MOST_OF_CORELAY:
        sides["CoRelAy"] = peer("time_spray.py", maps, STRATEGIES, options.threads)
    rounds = options.rounds if count <= MOST_OF_CORELAY else 1
    results = alternate(sides, rounds, options.threads)
    rows = []
    for side, measurements in results.items():
        walls, peaks = [wall for _, wall, _ in measurements], [peak for _, _, peak in measurements]
        found = agreement() if side == "Noema" else float(measurements[-1][0])
        if found < 0.9:
            raise RuntimeError(f"{side} found other strategies than those of {maps}: adjusted Rand index {found:.3f}")
        rows.append(result(f"SpRAY, {count} maps", side, walls, peaks) | {"maps": count, "agreement": found})
    return rows


def cluster_in_full(count, options):
    """With stability under resampling and surrogates, which CoRelAy does not have."""
    return whole_processes(
        f"SpRAY, {count} maps, in full", {"Noema": spray_command(relevance_maps(count))}, options)


def relevance_maps(count):
    path = os.path.join(WORK, f"maps-{count}.npy")
    if not os.path.exists(path):
        measured(peer("time_spray.py", "--maps", count, path + ".part"), threads=2)
        os.replace(path + ".part", path)
    return path


def agreement():
    """How far the clusters of Noema's last run are the planted strategies."""
    found, _, _ = measured(peer("time_spray.py", "--agreement", os.path.join(SPRAY, "assignments.csv")), threads=2)
    return float(found)


# The last of the studied blocks; concepts, runs of each.
CONCEPTS, RUNS = 25, 50


def ace(options):
    return [partial(discover, options), partial(discover_in_full, options)]


def ace_command(*flags):
    data = os.path.join(WORK, "images")
    return [
        NOEMA, "ace", "--model", exported("efficientnet-lite0"), "--data", os.path.join(data, "searched"), "--target",
        str(TARGET), "--layer", studied_layers()[-1], "--random", os.path.join(data, "pool"), "--concepts",
        str(CONCEPTS), "--runs", str(RUNS), "--seed", "7", *flags, "-o", os.path.join(WORK, "discovered")]


def discover(options):
    """The steps of the paper on both sides."""
    images.draw(os.path.join(WORK, "images"))
    exported("efficientnet-lite0")
    other = peer(
        "time_ace.py", os.path.join(WORK, "images"), TARGET, CONCEPTS, RUNS, options.threads)
    plain = ["--pseudo-concepts", "0", "--masks", "0", "--scenes", "0", "--stability", "0"]
    return whole_processes(
        "ACE, 50 images, 25 concepts", {"Noema": ace_command(*plain), "PyTorch": other}, options)


def discover_in_full(options):
    """With what the paper does not have: a valid test, indices, curves with bands, stability."""
    images.draw(os.path.join(WORK, "images"))
    return [row for budget in ("1GB", "4GB") for row in whole_processes(
        f"ACE, in full, --memory {budget}", {"Noema": ace_command("--memory", budget)}, options)]


# Rows of the table for three hidden layers, and hidden layers for all its rows.
RULES = [(2500, 3), (5000, 3), (10_000, 3), (20_000, 1), (20_000, 2), (20_000, 3), (20_000, 4)]


def rules(options):
    kinds = [("full", []), ("depth-10", ["--max-depth", "10"])]
    return [partial(grow, kind, flags, options) for kind, flags in kinds] + [
        partial(extract, rows, hidden, options) for rows, hidden in RULES]


def grow(kind, flags, options):
    """A tree, exactly and with histograms; both are held against scikit-learn's, which is exact."""
    table, test = os.path.join(WORK, "trees.csv"), os.path.join(WORK, "trees-test.csv")
    if not os.path.exists(test):
        measured(peer("time_trees.py", "--data", table), threads=2)
        with open(table) as source, open(test, "w") as head:
            head.writelines(line for _, line in zip(range(1001), source))

    def fit(*more):
        command = [NOEMA, "rules", "fit", "--data", table, "--test", test, "--label", "label", *flags, *more,
                   "--json", "-o", os.path.join(WORK, "fitted")]
        output, _, peak = measured(command, options.threads)
        peaks.append(peak)
        return json.loads(output)["seconds"]

    peaks = []
    works = {"exact": [], "histogram": ["--bins", "255"]}
    ours, theirs = {work: [] for work in works}, []
    other = Peer(peer("time_trees.py", kind, table), options.threads)
    try:
        other.answer()
        for _ in range(options.rounds):
            for work, more in works.items():
                ours[work].append(fit(*more))
            theirs.append(other.seconds())
    finally:
        other_peak = other.end()
    return [row for work, rounds in ours.items() for row in (
        result(f"tree, {kind}, {work}", "Noema", rounds, peaks),
        result(f"tree, {kind}, {work}", "scikit-learn", theirs, [other_peak]))]


def extract(rows, hidden, options):
    table, network = os.path.join(WORK, f"rules-{rows}.csv"), os.path.join(WORK, f"rules-{hidden}.onnx")
    if not (os.path.exists(table) and os.path.exists(network)):
        measured(peer("rule_networks.py", table, hidden, network, rows), threads=2)
    command = [
        NOEMA, "rules", "--model", network, "--data", table, "--label", "label", "--method", "eclaire", "--max-rules",
        "none", "--curve", "none", "--repeats", "0", "-o", os.path.join(WORK, "extracted")]
    found = whole_processes(f"ECLAIRE, {rows} rows, {hidden} hidden layers", {"Noema": command}, options)
    return [row | {"rows": rows, "hidden": hidden} for row in found]


def whole_processes(work, sides, options):
    return [
        result(work, side, [wall for _, wall, _ in measurements], [peak for _, _, peak in measurements])
        for side, measurements in alternate(sides, options.rounds, options.threads).items()]


def result(work, side, rounds, peaks=()):
    """A side's part in a work: its seconds in each round, and peaks in MiB."""
    found = {"work": work, "side": side, "seconds": median(rounds), "rounds": rounds}
    return found | ({"peakMiB": median(peaks)} if peaks else {})


def exported(name):
    """The ONNX file of a network, with the card that says how images become its input."""
    path = os.path.join(WORK, f"{name}.onnx")
    if not os.path.exists(path):
        layers, _, _ = measured(peer("models.py", name, path + ".part"), threads=2)
        with open(os.path.join(WORK, f"{name}.layers"), "w") as file:
            file.write(layers)
        with open(os.path.join(WORK, f"{name}.yaml"), "w") as card:
            card.write("input_size: [224, 224]\nresize: exact\ncolor_order: rgb\n"
                       f"scale: {1 / 128}\nmean: {127 / 128}\nstd: 1\n")
        os.replace(path + ".part", path)
    return path


def studied_layers():
    """The ONNX values that stand for the modules Captum studies."""
    exported("efficientnet-lite0")
    with open(os.path.join(WORK, "efficientnet-lite0.layers")) as file:
        return [line.strip() for line in file if line.startswith("/")]


def machine(threads):
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) // 1024
    return {
        "processor": names[0] if names else platform.machine(), "cores": os.cpu_count(), "threads": threads,
        "memoryMiB": memory, "system": platform.platform(), "loadAtStart": os.getloadavg()[0]}


def versions():
    packages = [
        "torch", "captum", "zennit", "shap", "lime", "corelay", "onnxruntime", "onnx", "numpy", "scikit-learn"]
    git = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"noema": git.stdout.strip(), "python": platform.python_version()} | {
        name: metadata.version(name) for name in packages}


HEADER = ["work", "side", "seconds", "least–greatest", "times Noema", "least–greatest", "peak MiB"]
WIDTHS = [38, 17, 8, 15, 11, 14, 8]


def print_line(cells):
    print("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, WIDTHS))), flush=True)


def print_rows(rows):
    """The rows of the works of one measurement; what is times Noema's is so within each round."""
    noema = {row["work"]: row["rounds"] for row in rows if row["side"] == "Noema"}
    for row in rows:
        times = [theirs / ours for theirs, ours in zip(row["rounds"], noema.get(row["work"], []))]
        print_line([
            row["work"], row["side"], f"{row['seconds']:.4f}", spread(row["rounds"], 4),
            f"{median(times):.2f}" if times else "", spread(times, 2),
            f"{row['peakMiB']:.0f}" if "peakMiB" in row else ""])


def spread(numbers, digits):
    return f"{min(numbers):.{digits}f}–{max(numbers):.{digits}f}" if numbers else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument(
        "--only", default="", metavar="WORDS",
        help="of `attribution` the contests whose names contain one of these, with commas between; of "
        + ", ".join(contest.name for contest in CONTESTS))
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side (3)")
    parser.add_argument("--runs", type=int, default=5, help="runs in each process of `networks` (5)")
    parser.add_argument("--threads", type=int, default=2, help="threads of every side (2)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if not chosen(options.only):
        parser.error(f"no contest {options.only}; there are {', '.join(contest.name for contest in CONTESTS)}")
    if options.only and options.parts not in ([], ["attribution"]):
        parser.error("--only is for the part attribution alone")
    if options.rounds < 1:
        parser.error(f"--rounds must be 1 or more, found {options.rounds}")
    if not os.access(NOEMA, os.X_OK):
        raise SystemExit(f"bench: no command at {NOEMA}; run `make build`")
    os.makedirs(WORK, exist_ok=True)

    started = datetime.datetime.now(datetime.timezone.utc)
    report = {"date": started.isoformat(timespec="seconds")}
    report |= {"machine": machine(options.threads), "versions": versions()}
    rows, failures = [], []
    print_line(HEADER)
    for part in ["attribution"] if options.only else options.parts or PARTS:
        begun = time.monotonic()
        for measure in globals()[part](options):
            try:
                found = measure()
                print_rows(found)
                rows += found
            except RuntimeError as error:
                failures.append({"part": part, "error": str(error).replace(ROOT + "/", "")})
                print(f"bench: {error}", file=sys.stderr)
        print(f"bench: {part} took {time.monotonic() - begun:.0f} s", file=sys.stderr)
    report |= {"results": rows, "failures": failures}
    folder = os.path.join(ROOT, "Benchmarks/results")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{started:%Y-%m-%d-%H%M%S}.json")
    with open(path, "w") as file:
        json.dump(report, file, indent=2)
        file.write("\n")
    print(f"bench: wrote {os.path.relpath(path, ROOT)}", file=sys.stderr)
    for key, part in [("maps", "spray"), ("hidden", "rules")]:
        if any(key in row for row in rows):
            picture = path.replace(".json", f"-{part}.svg")
            measured(peer(f"draw_{part}.py", path, picture), threads=2)
            print(f"bench: drew {os.path.relpath(picture, ROOT)}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
