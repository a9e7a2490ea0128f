"""Times one peer on one network and prints JSON: time_network.py {torch,onnxruntime} NAME FILE BATCH RUNS THREADS.

The gradient is that of the first logit with respect to the input, forward pass included; parameters have none.
"""

import json
import sys

import models
from timing import timed


def main():
    peer, name, path, *numbers = sys.argv[1:]
    batch, runs, threads = map(int, numbers)
    inputs = models.inputs(name, batch)
    if peer == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        arrays = {key: tensor.numpy() for key, tensor in inputs.items()}
        result = {"forwardSeconds": timed(lambda: session.run(None, arrays), runs)}
    else:
        import torch

        torch.set_num_threads(threads)
        network = models.make(name)

        def forward():
            with torch.inference_mode():
                network(*inputs.values())

        def gradient():
            leaf = inputs["input"].detach().requires_grad_(True)
            torch.autograd.grad(network(leaf)[:, 0].sum(), leaf)

        result = {"forwardSeconds": timed(forward, runs)}
        # Token numbers have no gradient.
        if "input" in inputs:
            result["gradientSeconds"] = timed(gradient, runs)
    print(json.dumps(result))


main()
