#!/usr/bin/env python3
"""Hold the command against reference values of networks: outputs, hidden layers, input gradients.

    scripts/golden/networks.py MODELS GOLDEN [--noema .build/release/noema]

MODELS holds `.onnx` files, GOLDEN `.npz` archives of the same names with `input`, `target`, `logits`,
`gradient` and hidden values `act/…/VALUE`. A `_dynamo` file is held against the archive of its twin.
Tolerances are shares of the largest reference magnitude: 1e-4 for values, 1e-3 for gradients.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

SUFFIXES = ["", "_dynamo", "_folded_dynamo", "_unfolded_bn", "_opset13"]


def run(noema, *arguments):
    result = subprocess.run([noema, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr.strip())


def error(found, expected):
    """The largest difference as a share of the largest reference magnitude."""
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def check(noema, model, golden, folder):
    data = folder / "input.npy"
    np.save(data, golden["input"])
    run(noema, "predict", "--quiet", "--model", model, "--data", data, "-o", folder / "predict")
    yield "logits", error(np.load(folder / "predict/outputs.npy"), golden["logits"]), 1e-4

    np.save(folder / "targets.npy", golden["target"].astype(np.int64))
    for method, name in [("gradient", "gradient"), ("gradient-x-input", "gradient_x_input"),
                         ("integrated-gradients", "integrated_gradients_50/gausslegendre")]:
        if name not in golden.files:
            continue
        run(noema, "explain", "--quiet", "--model", model, "--data", data, "--method", method,
            "--target-file", folder / "targets.npy", "-o", folder / name.split("/")[0])
        found = np.load(folder / name.split("/")[0] / "attributions.npy")
        yield name, error(found, golden[name]), 1e-3

    listed = json.loads(subprocess.run([noema, "inspect", str(model), "--json"], capture_output=True, text=True).stdout)
    # States over time have the examples on another axis than the first and cannot be written example by example.
    values = {layer["onnxValue"] for layer in listed["layers"] if layer["shape"][0] == 1}
    prefix = f"act/{model.stem}/"
    layers = [name for name in golden.files if name.startswith(prefix) and name[len(prefix):] in values]
    if layers:
        flags = [flag for name in layers for flag in ("--layer", name[len(prefix):])]
        run(noema, "activations", "--quiet", "--model", model, "--data", data, *flags, "-o", folder / "activations")
        manifest = json.loads((folder / "activations/manifest.json").read_text())
        files = {layer["onnxValue"]: layer["file"] for layer in manifest["layers"]}
        for name in layers:
            value = name[len(prefix):]
            # Archives may keep hidden values of the first samples only.
            found = np.load(folder / "activations" / files[value])[: len(golden[name])]
            yield value, error(found, golden[name]), 1e-4


def judge(description, check):
    """Parses the command line, runs a check on every model with reference values, prints a line for each, and exits.

    check(noema, model, golden, folder) yields (name, error, tolerance).
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("golden", type=pathlib.Path)
    parser.add_argument("--noema", default=".build/release/noema")
    options = parser.parse_args()
    failures = 0
    for archive in sorted(options.golden.glob("*.npz")):
        golden = np.load(archive)
        for suffix in SUFFIXES:
            model = options.models / f"{archive.stem}{suffix}.onnx"
            if not model.exists() or "input" not in golden.files:
                continue
            with tempfile.TemporaryDirectory() as folder:
                try:
                    rows = list(check(options.noema, model, golden, pathlib.Path(folder)))
                except Exception as failure:
                    print(f"{model.name:42s} {failure}")
                    failures += 1
                    continue
            bad = [row for row in rows if not row[1] <= row[2]]
            failures += len(bad)
            values = max((row[1] for row in rows if row[2] == 1e-4), default=0)
            gradients = max((row[1] for row in rows if row[2] == 1e-3), default=0)
            print(f"{model.name:42s} {len(rows):3d} arrays  values {values:.1e}  attributions {gradients:.1e}"
                  + "".join(f"\n    {name}: {found:.2e} > {limit:.0e}" for name, found, limit in bad))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    judge(__doc__, check)
