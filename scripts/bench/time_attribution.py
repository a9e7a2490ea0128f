"""One peer that explains images whenever a line arrives: time_attribution.py METHOD NETWORK NUMBER THREADS.

lrp:       zennit's EpsilonPlusFlat with its canonizer of batch normalisation, NUMBER images at once. Relevance of plain
           additions goes to both sides whole, which is less work than Noema's shares.
deeplift:  Captum's (Rescale, from zero), NUMBER images at once.
integrated-gradients: Captum's, NUMBER points of one image, eight at a time.
rise:      NUMBER masks of one image, 32 at a time, in plain PyTorch.
"""

import math
import sys
import types

import models
import torch
from timing import serve
from torch.nn import functional


def without_torchvision():
    """zennit imports torchvision for the names of two blocks; a build that fits PyTorch without CUDA is not on PyPI."""
    for name in ["torchvision", "torchvision.models", "torchvision.models.resnet"]:
        sys.modules.setdefault(name, types.ModuleType(name))
    for name in ["Bottleneck", "BasicBlock"]:
        setattr(sys.modules["torchvision.models.resnet"], name, type(name, (torch.nn.Module,), {}))


def lrp(network, x, target):
    without_torchvision()
    from zennit.attribution import Gradient
    from zennit.canonizers import SequentialMergeBatchNorm
    from zennit.composites import EpsilonPlusFlat

    composite = EpsilonPlusFlat(canonizers=[SequentialMergeBatchNorm()])
    attributor = Gradient(model=network, composite=composite)
    attributor.__enter__()
    start = torch.eye(1000)[target]
    return lambda: attributor(x.clone().requires_grad_(True), start)


@torch.no_grad()
def rise(network, image, count, cells=7, shown=0.5, batch=32):
    """The map of class 0: grids of cells are enlarged bilinearly by one cell more than the image holds, and each is cut
    out at its own place."""
    side = image.shape[-1]
    cell = math.ceil(side / cells)
    total = torch.zeros(side, side)
    for start in range(0, count, batch):
        size = min(batch, count - start)
        grids = (torch.rand(size, 1, cells, cells) < shown).float()
        large = functional.interpolate(grids, size=[(cells + 1) * cell] * 2, mode="bilinear", align_corners=False)
        places = torch.randint(0, cell, (size, 2)).tolist()
        masks = torch.stack([mask[:, y : y + side, x : x + side] for mask, (y, x) in zip(large, places)])
        total += torch.tensordot(network(image * masks)[:, 0], masks[:, 0], 1)
    return total / (count * shown)


def main():
    method, name = sys.argv[1:3]
    number, threads = map(int, sys.argv[3:])
    torch.set_num_threads(threads)
    torch.manual_seed(7)
    network = models.make(name)
    batch = number if method in ("lrp", "deeplift") else 1
    x, target = models.inputs(name, batch)["input"], torch.zeros(batch, dtype=torch.long)
    if method == "lrp":
        return serve(lrp(network, x, target), batch)
    if method == "rise":
        return serve(lambda: rise(network, x, number), 1, warm=lambda: rise(network, x, 32))
    from captum import attr

    if method == "deeplift":
        explainer = attr.DeepLift(network)
        return serve(lambda: explainer.attribute(x, target=target), batch)
    explainer = attr.IntegratedGradients(network)
    serve(lambda: explainer.attribute(x, target=target, n_steps=number, internal_batch_size=8), 1)


main()
