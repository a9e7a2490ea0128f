"""Noema and the tools one would otherwise use, on the same machine, the same work and the same number of threads.

networks: forward pass and input gradient of four networks against PyTorch and ONNX Runtime.
latency:  the same for one example at a time, forward only.
tcav:     a concept study (3 concepts, 4 random sets, 2 layers of EfficientNet-Lite0) against Captum, end to end.
attribution: relevance (EpsilonPlusFlat) against zennit, DeepLIFT and integrated gradients against Captum, per image.
study:    a large study (500 runs, 199 pseudo-concepts) by Noema alone.

Each measurement is a process of its own and sides alternate, so that a slow spell of the machine meets both. This
process imports nothing large: Linux counts the memory of the process that starts another into the other's peak.
Prints a table and writes Benchmarks/results/*.json.
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
from importlib import metadata
from statistics import median

import images

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, ".build/bench")
STUDY = os.path.join(WORK, "study")
NOEMA = os.environ.get("NOEMA", os.path.join(ROOT, ".build/release/noema"))
PARTS = ["networks", "latency", "attribution", "tcav", "study"]
NETWORKS = ["resnet50", "efficientnet-lite0", "vit-4", "minilm"]
BATCH, TARGET = 8, 7


def measured(command, threads):
    """(standard output, wall seconds, peak resident MiB) of a command; exits with its complaint if it fails."""
    environment = dict(os.environ) | {
        name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    start = time.perf_counter()
    with open(os.path.join(WORK, "output.txt"), "w+") as output, open(os.path.join(WORK, "errors.txt"), "w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, env=environment, cwd=HERE)
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
        shutil.rmtree(STUDY, ignore_errors=True)
        # Every other round runs backwards, so that no side always follows the same neighbour.
        for name in sorted(sides, reverse=index % 2 == 1):
            results[name].append(measured(sides[name], threads))
    return results


def networks(options):
    return timings(options, BATCH, [("forward", "forwardSeconds"), ("gradient", "gradientSeconds")], options.runs)


def latency(options):
    return timings(options, 1, [("forward", "forwardSeconds")], 4 * options.runs)


def timings(options, batch, works, runs):
    """One row for each network, work and side that measures it."""
    rows = []
    for name in NETWORKS:
        path = exported(name)
        gradient = ["--gradient"] if len(works) > 1 and name != "minilm" else []
        sides = {
            "Noema": [NOEMA, "inspect", path, "--time", str(runs), "--batch", str(batch), *gradient, "--json"],
            "ONNX Runtime": peer("time_network.py", "onnxruntime", name, path, batch, runs, options.threads),
            "PyTorch": peer("time_network.py", "torch", name, path, batch, runs, options.threads),
        }
        results = alternate(sides, options.rounds, options.threads)
        for work, key in works:
            for side, measurements in results.items():
                reports = [json.loads(output) for output, _, _ in measurements]
                if reports[0].get(key):
                    rows.append({
                        "work": f"{name} {work}, batch {batch}", "side": side,
                        "seconds": median(median(report[key]) for report in reports),
                        "rounds": [median(report[key]) for report in reports],
                        "peakMiB": median(peak for _, _, peak in measurements)})
    return rows


def attribution(options):
    """Seconds per image of methods on networks; Noema's include reading the images and nothing of the start."""
    rows = []
    methods = [("lrp", "lrp-epsilon-plus-flat", "zennit", 32), ("deeplift", "deeplift", "Captum", 32),
               ("integrated-gradients", "integrated-gradients", "Captum", 2)]
    for name in ["resnet18", "resnet50", "efficientnet-lite0"]:
        path = exported(name)
        for method, own, side, count in methods:
            if method == "integrated-gradients" and name == "resnet18":
                continue
            images_file = os.path.join(WORK, f"images-{count}.npy")
            if not os.path.exists(images_file):
                measured(peer("models.py", "--images", str(count), images_file), threads=2)
            out = os.path.join(WORK, "explained")
            batch, runs = (1, 2) if count == 2 else (BATCH, options.runs)
            sides = {
                "Noema": [NOEMA, "explain", "--model", path, "--data", images_file, "--method", own, "--target", "0",
                          "--pictures", "0", "--json", "-o", out],
                side: peer("time_attribution.py", method, name, batch, runs, options.threads)}
            for measured_side, measurements in alternate(sides, options.rounds, options.threads).items():
                reports = [json.loads(output) for output, _, _ in measurements]
                if measured_side == "Noema":
                    seconds = [report["methods"][0]["seconds"] / count for report in reports]
                else:
                    seconds = [median(report["seconds"]) for report in reports]
                rows.append({
                    "work": f"{own}, {name}, per image", "side": measured_side, "seconds": median(seconds),
                    "rounds": seconds, "peakMiB": median(peak for _, _, peak in measurements)})
    return rows


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
    images.draw(os.path.join(WORK, "images"))
    sides = {
        "Captum": peer("time_tcav.py", os.path.join(WORK, "images"), TARGET, options.threads),
        "Noema": study_command(4, 0, "sets"),
    }
    return [
        whole_process("TCAV, 3 concepts × 4 sets × 2 layers", side, measurements)
        for side, measurements in alternate(sides, options.rounds, options.threads).items()]


def study(options):
    images.draw(os.path.join(WORK, "images"))
    sides = {"Noema": study_command(500, 199, "pool")}
    measurements = alternate(sides, options.rounds, options.threads)["Noema"]
    return [whole_process("TCAV, 500 runs, 199 pseudo-concepts", "Noema", measurements)]


def whole_process(work, side, measurements):
    return {
        "work": work, "side": side, "seconds": median(wall for _, wall, _ in measurements),
        "rounds": [wall for _, wall, _ in measurements], "peakMiB": median(peak for _, _, peak in measurements)}


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
    packages = ["torch", "captum", "zennit", "onnxruntime", "onnx", "numpy", "scikit-learn"]
    git = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"noema": git.stdout.strip(), "python": platform.python_version()} | {
        name: metadata.version(name) for name in packages}


def print_table(rows):
    noema = {row["work"]: row["seconds"] for row in rows if row["side"] == "Noema"}
    cells = [["work", "side", "seconds", "times Noema", "peak MiB"]]
    for row in rows:
        ratio = f"{row['seconds'] / noema[row['work']]:.2f}" if row["work"] in noema else ""
        cells.append([row["work"], row["side"], f"{row['seconds']:.4f}", ratio, f"{row['peakMiB']:.0f}"])
    widths = [max(map(len, column)) for column in zip(*cells)]
    for line in cells:
        print("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="processes a side (3)")
    parser.add_argument("--runs", type=int, default=5, help="runs in each process of `networks` (5)")
    parser.add_argument("--threads", type=int, default=2, help="threads of every side (2)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if not os.access(NOEMA, os.X_OK):
        raise SystemExit(f"bench: no command at {NOEMA}; run `make build`")
    os.makedirs(WORK, exist_ok=True)

    started = datetime.datetime.now(datetime.timezone.utc)
    report = {"date": started.isoformat(timespec="seconds")}
    report |= {"machine": machine(options.threads), "versions": versions()}
    rows, failures = [], []
    for part in options.parts or PARTS:
        print(f"bench: {part}", file=sys.stderr)
        try:
            rows += globals()[part](options)
        except RuntimeError as error:
            failures.append({"part": part, "error": str(error).replace(ROOT + "/", "")})
            print(f"bench: {error}", file=sys.stderr)
    report |= {"results": rows, "failures": failures}
    print_table(rows)
    folder = os.path.join(ROOT, "Benchmarks/results")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{started:%Y-%m-%d-%H%M%S}.json")
    with open(path, "w") as file:
        json.dump(report, file, indent=2)
        file.write("\n")
    print(f"bench: wrote {os.path.relpath(path, ROOT)}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
