#!/usr/bin/env python3
"""Compares `noema explain` with reference attributions of whole networks.

    scripts/golden/attributions.py MODELS GOLDEN [NAME...] [--noema .build/release/noema]

MODELS holds `.onnx` files, GOLDEN `.npz` archives with `input`, `target` and, by method, what Captum, zennit and shap
computed. Prints the largest difference as a share of the largest reference value, and what attributions should sum to
against what they do. Differences above the tolerance are marked; those of networks whose batch normalisation zennit
merges inexactly, and of DeepLIFT with max pooling, where Captum's rule is not complete, are expected.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

METHODS = {
    "gradient": "gradient", "gradient_x_input": "gradient-x-input",
    "integrated_gradients_50/gausslegendre": "integrated-gradients",
    "integrated_gradients_50/riemann_middle": "integrated-gradients --rule midpoint",
    "deeplift_rescale/zero_baseline": "deeplift",
    "guided_backprop": "guided-backprop", "deconvnet": "deconvnet",
    "guided_backprop_relu6": "guided-backprop", "deconvnet_relu6": "deconvnet",
    "lrp/epsilon_1e-6": "lrp-epsilon", "lrp/epsilon_0.25": "lrp-epsilon --epsilon 0.25", "lrp/gamma_0.25": "lrp-gamma",
    "lrp/zplus": "lrp-z-plus", "lrp/epsilon_plus": "lrp-epsilon-plus",
    "lrp/epsilon_plus_flat": "lrp-epsilon-plus-flat", "lrp/epsilon_alpha2_beta1": "lrp-epsilon-alpha2-beta1",
    "lrp/epsilon_alpha2_beta1_flat": "lrp-epsilon-alpha2-beta1-flat",
    "lrp/epsilon_gamma_box": "lrp-epsilon-gamma-box --low {low} --high 1",
    "lrp/excitation_backprop": "lrp-excitation-backprop",
    "occlusion/window4_stride2_zero": "occlusion --window 1x4x4 --stride 1x2x2",
    "shapley_exact": "shapley --references {references}", "kernel_shap_all_coalitions":
        "kernel-shap --samples 10000000 --references {references}",
}
TOLERANCE = 1e-3


def explained(noema, model, inputs, targets, words, folder):
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "targets.npy", targets.astype(np.int64))
    out = folder / "out"
    command = [noema, "explain", "--model", model, "--data", folder / "inputs.npy", "--target-file",
               folder / "targets.npy", "--pictures", "0", "--quiet", "-o", out, "--method", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip()
    method = json.loads((out / "result.json").read_text())["methods"][0]
    return np.load(out / "attributions.npy").astype(np.float64), method


def compare(noema, model, archive):
    found = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        values = {"low": "0", "references": str(folder / "references.npy")}
        if "efficientnet" in model.name:
            values["low"] = str(-127 / 128)
        if "background" in archive:
            np.save(folder / "references.npy", archive["background"])
        for key, words in METHODS.items():
            if key not in archive:
                continue
            expected, targets = archive[key].astype(np.float64), archive["target"]
            rows = len(expected)
            if key.startswith(("shapley", "kernel")):
                expected = np.stack([expected[row, :, targets[row]] for row in range(rows)])
            words = [word.format(**values) for word in words.split()]
            result, method = explained(noema, model, archive["input"][:rows], targets[:rows], words, folder)
            if result is None:
                print(f"{model.stem:30} {key:40} FAILED {method[:80]}")
                found += 1
                continue
            difference = np.abs(result - expected).max() / np.abs(expected).max()
            mark = " " if difference < TOLERANCE else "*"
            balance = f"sums off by {max(map(abs, method['errors'])):.1e}" if method.get("errors") else ""
            print(f"{model.stem:30} {key:40} {difference:9.1e} {mark} {balance}", flush=True)
            found += difference >= TOLERANCE
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("golden", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="models without .onnx; all by default")
    parser.add_argument("--noema", default=".build/release/noema", help="the command")
    options = parser.parse_args()
    above = 0
    for model in sorted(options.models.glob("*.onnx")):
        stem = model.stem
        for ending in ["_opset13", "_dynamo", "_unfolded_bn", "_folded"]:
            stem = stem.removesuffix(ending)
        archive = options.golden / f"{stem}.npz"
        if archive.exists() and (not options.names or model.stem in options.names):
            above += compare(options.noema, model, np.load(archive))
    print(f"{above} above {TOLERANCE:g} of the largest value")
    sys.exit(1 if above else 0)


if __name__ == "__main__":
    main()
