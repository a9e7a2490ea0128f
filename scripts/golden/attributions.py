#!/usr/bin/env python3
"""Holds the command against reference values of whole networks, every array of them, and weighs what it shares out.

    scripts/golden/attributions.py MODELS GOLDEN [NAME...] [--only arrays|balances] [--noema .build/release/noema]

MODELS holds `.onnx` files, GOLDEN `.npz` archives of the same names with `input`, `target` and, by method, what
PyTorch, Captum, zennit and shap computed. One line for each array: what was measured, its limit, and a mark where it
is missed. An array is compared as its reference deserves: by the largest difference as a share of the largest
magnitude, absolutely, or by the cosine where the reference itself is off (zennit's merged normalisation in deep
networks, Captum's rule for maxima). An array that nothing here compares counts as missed, so that none is forgotten.

Balances: DeepLIFT and integrated gradients at 200 steps on every network, LRP-0, LRP-epsilon and AttnLRP on the
networks with all biases and other added parameters set to 0, where they should share out all of the output, and
relevance whose biases are spread on the networks as they are. Exits with 1 if a limit is missed. Needs NumPy, and onnx
for the networks without biases.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

# What a reference is, and not something to compare with.
GIVEN = {"input", "input_u8", "target", "label", "csv_row", "background", "background_row", "baseline_mean",
         "test_index", "source_file"}

# Flags of `noema explain`, and the largest difference as a share of the largest magnitude.
METHODS = {
    "gradient": ("gradient", 1e-3), "gradient_x_input": ("gradient-x-input", 1e-3),
    "integrated_gradients_50/gausslegendre": ("integrated-gradients", 2e-3),
    "integrated_gradients_50/riemann_middle": ("integrated-gradients --rule midpoint", 2e-3),
    "integrated_gradients_50/riemann_trapezoid": ("integrated-gradients --rule trapezoid", 2e-3),
    "integrated_gradients_50/gausslegendre_mean_baseline": ("integrated-gradients --baseline {mean}", 2e-3),
    "deeplift_rescale/zero_baseline": ("deeplift", 1e-3),
    "deeplift_rescale/mean_baseline": ("deeplift --baseline {mean}", 1e-3),
    "guided_backprop": ("guided-backprop", 1e-3), "deconvnet": ("deconvnet", 1e-3),
    "guided_backprop_relu6": ("guided-backprop", 1e-2), "deconvnet_relu6": ("deconvnet", 1e-2),
    "lrp/epsilon_1e-6": ("lrp-epsilon", 1e-2), "lrp/epsilon_0.25": ("lrp-epsilon --epsilon 0.25", 2e-3),
    "lrp/gamma_0.25": ("lrp-gamma", 2e-3), "lrp/zplus": ("lrp-z-plus", 2e-3),
    "lrp/epsilon_plus": ("lrp-epsilon-plus", 2e-3), "lrp/epsilon_plus_flat": ("lrp-epsilon-plus-flat", 2e-3),
    "lrp/epsilon_alpha2_beta1": ("lrp-epsilon-alpha2-beta1", 5e-3),
    "lrp/epsilon_alpha2_beta1_flat": ("lrp-epsilon-alpha2-beta1-flat", 5e-3),
    "lrp/epsilon_gamma_box": ("lrp-epsilon-gamma-box --low {low} --high 1", 2e-3),
    "lrp/excitation_backprop": ("lrp-excitation-backprop", 2e-3),
    "occlusion/window4_stride2_zero": ("occlusion --window 1x4x4 --stride 1x2x2", 1e-4),
    "shapley_exact": ("shapley --references {references}", 1e-5),
    "kernel_shap_all_coalitions": ("kernel-shap --samples 10000000 --references {references}", 1e-4),
}
ABSOLUTE = {"occlusion/window4_stride2_zero"}
# In a network this deep rounding opens and shuts rectifiers near their kinks, where gradients jump: PyTorch's in single
# precision are up to 6e-3 of the largest away from those in double precision, and ours as far.
KINKS = 0.9999
# Captum's weights of the trapezoid rule sum to 49/50.
TRAPEZOID = 50 / 49

# (label, flags of `noema explain`, the limit of |error| given outputs and expected sums) on the network as it is.
DIFFERENCES = [
    ("deeplift", "deeplift", lambda f, e: 1e-4 * np.maximum(1, np.maximum(abs(f), abs(f - e)))),
    ("integrated gradients, 200", "integrated-gradients --steps 200",
     lambda f, e: 0.05 * np.maximum(abs(e), 0.01 * np.maximum(abs(f), abs(f - e)))),
]
SPREAD = ("lrp, biases spread", "lrp-epsilon-conserving", lambda f, e: 1e-3 * np.maximum(1, abs(e)))
# The same on the network without biases. Denominators near 0 magnify the rounding of single precision.
SHARES = [
    ("lrp-0", "lrp-zero", lambda f, e: 1e-3 * np.maximum(1, abs(e))),
    ("lrp-epsilon", "lrp-epsilon", lambda f, e: 1e-2 * np.maximum(1, abs(e))),
    ("attnlrp", "lrp-attention", lambda f, e: 1e-2 * np.maximum(1, abs(e))),
]


class Failure(Exception):
    pass


class Command:
    def __init__(self, noema, folder):
        self.noema, self.folder = noema, folder

    def run(self, *words):
        done = subprocess.run([self.noema, *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            raise Failure((done.stderr.strip().splitlines() or ["no message"])[0])
        return done.stdout

    def data(self, inputs):
        np.save(self.folder / "inputs.npy", inputs)
        return "--data", self.folder / "inputs.npy"

    def explain(self, model, inputs, targets, words):
        """Attributions, and the method's part of the result."""
        np.save(self.folder / "targets.npy", targets.astype(np.int64))
        out = self.folder / "explained"
        self.run("explain", "--model", model, *self.data(inputs), "--target-file", self.folder / "targets.npy",
                 "--pictures", "0", "--quiet", "-o", out, "--method", *words.split())
        result = json.loads((out / "result.json").read_text())
        return np.load(out / "attributions.npy").astype(np.float64), result["methods"][0] | {
            "outputs": result["outputs"]}

    def predict(self, model, inputs):
        self.run("predict", "--quiet", "--model", model, *self.data(inputs), "-o", self.folder / "predicted")
        return np.load(self.folder / "predicted/outputs.npy").astype(np.float64)

    def layers(self, model):
        return json.loads(self.run("inspect", model, "--json"))["layers"]

    def activations(self, model, inputs, value):
        out = self.folder / "activations"
        self.run("activations", "--quiet", "--model", model, *self.data(inputs), "--layer", value, "-o", out)
        manifest = json.loads((out / "manifest.json").read_text())
        return np.load(out / manifest["layers"][0]["file"]).astype(np.float64)


def stem_of(model):
    stem = model.stem
    for ending in ["_opset13", "_dynamo", "_unfolded_bn", "_folded"]:
        stem = stem.removesuffix(ending)
    return stem


def share(found, expected):
    """The largest difference as a share of the largest reference magnitude."""
    if found.shape != expected.shape:
        raise Failure(f"found shape {found.shape}, expected {expected.shape}")
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30)


def cosine(a, b):
    return float(a.ravel() @ b.ravel() / np.sqrt((a.ravel() @ a.ravel()) * (b.ravel() @ b.ravel())))


class Comparison:
    """One network against its archive; each check gives (measured, limit, words)."""

    def __init__(self, command, model, archive):
        self.command, self.model, self.archive = command, model, archive
        self.stem = stem_of(model)
        self.input, self.target = archive["input"], archive["target"]
        folder = command.folder
        self.values = {"low": str(-127 / 128) if "efficientnet" in self.stem else "0",
                       "references": folder / "references.npy", "mean": folder / "mean.npy"}
        if "background" in archive:
            np.save(self.values["references"], archive["background"])
        if "baseline_mean" in archive:
            np.save(self.values["mean"], archive["baseline_mean"])
        self.named = command.layers(model)
        self.outputs = command.predict(model, self.input)

    def check(self, key):
        expected = self.archive[key]
        if key == "predicted":
            return np.abs(self.outputs.argmax(1) - expected).max(), 0, "classes"
        expected = expected.astype(np.float64)
        if key == "logits":
            limit = 1e-3 if self.stem == "diabetes_mlp" else 1e-4
            return np.abs(self.outputs - expected).max(), limit, "absolute"
        if key == "shapley_full_value":
            return share(self.outputs, expected), 1e-4, "of max"
        if key == "shapley_base_value":
            means = self.command.predict(self.model, self.archive["background"]).mean(0)
            return share(means, expected), 1e-4, "of max"
        if key.startswith("gradcam/"):
            return share(self.map(expected, key.endswith("_signed")), expected), 1e-3, "of max"
        if key.startswith("act"):
            return self.hidden(key, expected)
        return self.method(key, expected)

    def method(self, key, expected):
        words, limit = METHODS[key]
        rows = len(expected)
        if key.startswith(("shapley", "kernel")):
            expected = np.stack([expected[row, :, self.target[row]] for row in range(rows)])
        if key.endswith("trapezoid"):
            expected = expected * TRAPEZOID
        found, _ = self.command.explain(
            self.model, self.input[:rows], self.target[:rows], words.format(**self.values))
        if key.startswith("lrp/") and "efficientnet" in self.stem:
            return cosine(found, expected), 0.995, "cosine"
        if key.startswith(("gradient", "integrated")) and "efficientnet" in self.stem:
            return cosine(found, expected), KINKS, "cosine"
        if key.startswith("deeplift") and any(layer["operation"] == "MaxPool" for layer in self.named):
            return cosine(found, expected), 0.9, "cosine"
        if key in ABSOLUTE:
            return np.abs(found - expected).max(), limit, "absolute"
        return share(found, expected), limit, "of max"

    def map(self, expected, is_signed):
        """Grad-CAM at the last rectifier that has the map's extents."""
        extents = list(expected.shape[2:])
        layers = [layer["onnxValue"] or layer["name"] for layer in self.named
                  if layer["operation"] in ("Relu", "Clip") and layer["shape"][2:] == extents]
        layer = layers[-1]
        if not is_signed:
            found, _ = self.command.explain(self.model, self.input, self.target, f"grad-cam --layer {layer}")
            return found.reshape(expected.shape)
        slopes, _ = self.command.explain(self.model, self.input, self.target, f"gradient --layer {layer}")
        weights = slopes.mean((2, 3), keepdims=True)
        return (weights * self.command.activations(self.model, self.input, layer)).sum(1, keepdims=True)

    def hidden(self, key, expected):
        value = key.split("/", 2)[2]
        found = self.command.activations(self.model, self.input[:len(expected)], value)
        if key.startswith("act_first4channels"):
            found = found[:, :4]
        return share(found, expected), 1e-4, "of max"

    def keys(self):
        """The arrays to compare, without what is given and other files' hidden values."""
        states = {layer["onnxValue"] for layer in self.named if layer["shape"][0] != 1}
        for key in self.archive.files:
            if key in GIVEN:
                continue
            if key.startswith("act"):
                if key.split("/", 2)[1] != self.model.stem:
                    continue
                # The steps of a sequence are counted ahead of the examples, which cannot be written one by one.
                if key.split("/", 2)[2] in states:
                    yield key, "time is ahead of the examples"
                    continue
            yield key, None


def line(model, what, measured, limit, words, isMissed):
    style = "9.5f" if words == "cosine" else "9.1e"
    print(f"{model.stem:34} {what:48} {measured:{style}} {limit:{style}} {words} {'*' if isMissed else ''}".rstrip(),
          flush=True)
    return int(isMissed)


def compare(command, model, archive):
    missed = 0
    comparison = Comparison(command, model, archive)
    for key, reason in comparison.keys():
        if reason:
            print(f"{model.stem:34} {key[:48]:48} not compared: {reason}")
            continue
        try:
            measured, limit, words = comparison.check(key)
        except Failure as failure:
            print(f"{model.stem:34} {key[:48]:48} * {failure}", flush=True)
            missed += 1
            continue
        except KeyError:
            print(f"{model.stem:34} {key[:48]:48} * nothing here compares this array", flush=True)
            missed += 1
            continue
        isMissed = measured < limit if words == "cosine" else not measured <= limit
        missed += line(model, key[:48], measured, limit, words, isMissed)
    return missed


def without_biases(model, path):
    """Writes a network with all parameters that are added to data set to 0; says whether it has a softmax."""
    import onnx
    from onnx import numpy_helper

    network = onnx.load(model)
    graph = network.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    sources = {node.output[0]: node.input[0] for node in graph.node if node.op_type in ("Identity", "Expand")}
    places = {"Conv": [2], "ConvTranspose": [2], "Gemm": [2], "BatchNormalization": [2, 3], "LayerNormalization": [2],
              "LSTM": [3], "GRU": [3], "RNN": [3]}

    def silence(name):
        while name in sources:
            name = sources[name]
        # Scalars belong to functions that are written out, such as the 1 of a GELU.
        if name in tensors and tensors[name].dims:
            values = numpy_helper.to_array(tensors[name])
            if values.dtype.kind == "f":
                tensors[name].CopyFrom(numpy_helper.from_array(np.zeros_like(values), name))

    for node in graph.node:
        added = range(len(node.input)) if node.op_type in ("Add", "Sub", "Concat") else places.get(node.op_type, [])
        for place in added:
            if place < len(node.input):
                silence(node.input[place])
    onnx.save(network, path)
    return any(node.op_type == "Softmax" for node in graph.node)


def balances(command, model, archive):
    missed = 0
    inputs, targets = archive["input"], archive["target"]
    bare = command.folder / "bare.onnx"
    has_softmax = without_biases(model, bare)
    rows = [(model, row, "") for row in DIFFERENCES]
    rows.append((model, SPREAD, "class tokens keep their share" if has_softmax else
                 "shares explode where no activation follows sums" if "efficientnet" in model.stem else ""))
    for row in SHARES:
        rows.append((bare, row, "the rule of the softmax does not conserve"
                     if has_softmax and row[1] == "lrp-attention" else ""))
    for path, (label, words, bound), exemption in rows:
        label += ", no biases" if path == bare else ""
        try:
            _, method = command.explain(path, inputs, targets, words)
        except Failure as failure:
            print(f"{model.stem:34} {label:48} {'' if exemption else '*'} {failure}", flush=True)
            missed += not exemption
            continue
        errors, outputs, expected = (np.array(method[key]) for key in ("errors", "outputs", "expected"))
        limits = bound(outputs, expected)
        worst = np.argmax(np.abs(errors) / limits)
        isMissed = bool(np.abs(errors[worst]) > limits[worst] or not np.isfinite(errors).all())
        missed += line(model, label, abs(errors[worst]), limits[worst],
                       f"expected: {exemption}" if exemption and isMissed else "absolute", isMissed and not exemption)
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("golden", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="models without .onnx; all by default")
    parser.add_argument("--only", choices=["arrays", "balances"], help="half of the work")
    parser.add_argument("--noema", default=".build/release/noema", help="the command")
    options = parser.parse_args()
    if os.sep in options.noema and not os.access(options.noema, os.X_OK):
        parser.error(f"{options.noema} cannot be run; build it, or name another with --noema")
    missed, seen = 0, 0
    for model in sorted(options.models.glob("*.onnx")):
        path = options.golden / f"{stem_of(model)}.npz"
        if not path.exists() or (options.names and model.stem not in options.names):
            continue
        archive = np.load(path)
        seen += 1
        with tempfile.TemporaryDirectory() as folder:
            command = Command(options.noema, pathlib.Path(folder))
            try:
                if options.only != "balances":
                    missed += compare(command, model, archive)
                if options.only != "arrays":
                    missed += balances(command, model, archive)
            except Failure as failure:
                print(f"{model.stem:34} * {failure}", flush=True)
                missed += 1
    if not seen:
        parser.error("no model has an archive")
    print(f"{seen} networks, {missed} limits missed")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
