"""Times one peer on one network and prints JSON: time_network.py {torch,onnxruntime} NAME FILE BATCH RUNS THREADS.

The gradient is that of the first logit with respect to the input, forward pass included; parameters have none.
"""

import json
import sys
import time

import numpy as np


def timed(run, count):
    for _ in range(2):
        run()
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def main():
    peer, name, path, *numbers = sys.argv[1:]
    batch, runs, threads = map(int, numbers)
    images = np.random.default_rng(1).normal(size=(batch, 3, 224, 224)).astype(np.float32)
    if peer == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        result = {"forwardSeconds": timed(lambda: session.run(None, {"input": images}), runs)}
    else:
        import torch

        import models

        torch.set_num_threads(threads)
        network, x = models.make(name), torch.from_numpy(images)

        def forward():
            with torch.inference_mode():
                network(x)

        def gradient():
            leaf = x.detach().requires_grad_(True)
            torch.autograd.grad(network(leaf)[:, 0].sum(), leaf)

        result = {"forwardSeconds": timed(forward, runs), "gradientSeconds": timed(gradient, runs)}
    print(json.dumps(result))


main()
