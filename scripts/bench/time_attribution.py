"""Times one peer explaining images and prints JSON: time_attribution.py METHOD NAME BATCH RUNS THREADS.

Methods: lrp (zennit's EpsilonPlusFlat with its batch-normalisation canonizer), deeplift and integrated-gradients
(Captum; 50 points, eight at a time).
"""

import json
import sys
import types

import models
import torch
from time_network import timed


def without_torchvision():
    """zennit imports torchvision for the names of two blocks; a build that fits PyTorch without CUDA is not on PyPI."""
    for name in ["torchvision", "torchvision.models", "torchvision.models.resnet"]:
        sys.modules.setdefault(name, types.ModuleType(name))
    for name in ["Bottleneck", "BasicBlock"]:
        setattr(sys.modules["torchvision.models.resnet"], name, type(name, (torch.nn.Module,), {}))


def explainer(method, network, batch):
    target = torch.zeros(batch, dtype=torch.long)
    if method == "lrp":
        without_torchvision()
        from zennit.attribution import Gradient
        from zennit.canonizers import SequentialMergeBatchNorm
        from zennit.composites import EpsilonPlusFlat

        composite = EpsilonPlusFlat(canonizers=[SequentialMergeBatchNorm()])
        attributor = Gradient(model=network, composite=composite)
        attributor.__enter__()
        start = torch.eye(1000)[target]
        return lambda x: attributor(x.clone().requires_grad_(True), start)
    from captum import attr

    if method == "deeplift":
        method = attr.DeepLift(network)
        return lambda x: method.attribute(x, target=target)
    method = attr.IntegratedGradients(network)
    return lambda x: method.attribute(x, target=target, n_steps=50, internal_batch_size=8)


def main():
    method, name, *numbers = sys.argv[1:]
    batch, runs, threads = map(int, numbers)
    torch.set_num_threads(threads)
    network = models.make(name)
    run = explainer(method, network, batch)
    x = models.inputs(name, batch)["input"]
    print(json.dumps({"seconds": [second / batch for second in timed(lambda: run(x), runs)]}))


main()
