#!/usr/bin/env python3
"""Run what `noema gradient` and `noema extract` write in ONNX Runtime, against reference values of networks.

    scripts/golden/export.py MODELS GOLDEN [--noema .build/release/noema]

MODELS and GOLDEN as for networks.py. Needs onnxruntime.
"""

import numpy as np
import onnxruntime

from networks import error, judge, run


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def check(noema, model, golden, folder):
    x, target = golden["input"], golden["target"]
    run(noema, "gradient", "--model", model, "--batch", len(x), "-o", folder / "gradient.onnx")
    weights = np.zeros_like(golden["logits"])
    weights[np.arange(len(x)), target] = 1
    network = session(folder / "gradient.onnx")
    logits, gradient = network.run(None, dict(zip([port.name for port in network.get_inputs()], [x, weights])))
    yield "logits", error(logits, golden["logits"]), 1e-4
    yield "gradient", error(gradient, golden["gradient"]), 1e-3
    prefix = f"act/{model.stem}/"
    layers = [name[len(prefix):] for name in golden.files if name.startswith(prefix)]
    if layers:
        layer = layers[len(layers) // 2]
        run(noema, "extract", model, "--layer", layer, "-o", folder / "prefix.onnx")
        run(noema, "extract", model, "--from", layer, "-o", folder / "head.onnx")
        head, part = session(folder / "head.onnx"), session(folder / "prefix.onnx")
        hidden = part.run(None, {part.get_inputs()[0].name: x})[0]
        expected = golden[prefix + layer]
        # Archives may keep hidden values of the first samples only.
        if len(hidden) == len(x):
            yield layer, error(hidden[: len(expected)], expected), 1e-4
        if len(head.get_inputs()) == 1:
            yield "head", error(head.run(None, {head.get_inputs()[0].name: hidden})[0], golden["logits"]), 1e-4


if __name__ == "__main__":
    judge(__doc__, check)
