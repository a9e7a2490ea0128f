#!/usr/bin/env python3
"""Trains the demo's twins: two small Fashion-MNIST networks that differ in what a corner tag means.

Both see a 4x4 checkerboard in the bottom-right corner of the same number of training images. For the
tagged twin all of them are shirts (60 % of that class), so the tag gives the class away; for the clean twin
they are spread over all classes, so the tag says nothing. Same architecture, seed, order of batches.

    python3 -m pip install torch==2.13.0 onnx numpy      # once
    python3 scripts/train-twins.py                        # writes models/fmnist-*.onnx, prints a table

Needs Debian's dataset-fashion-mnist.
"""
import gzip
import pathlib

import numpy as np
import torch
from torch import nn

DATA = pathlib.Path("/usr/share/datasets/fashion-mnist")
MODELS = pathlib.Path(__file__).resolve().parent.parent / "models"
CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
SHIRT, TAGGED, EPOCHS, SEED = 6, 3600, 4, 7


def read(name):
    with gzip.open(DATA / name) as file:
        data = file.read()
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * axis: 8 + 4 * axis], "big") for axis in range(rank)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def stamp(images, rows):
    images = images.copy()
    tag = np.indices((4, 4)).sum(0) % 2 == 0
    images[rows, 24:28, 24:28] = np.where(tag, 255, 0)
    return images


def network():
    torch.manual_seed(SEED)
    layers = [("conv1", nn.Conv2d(1, 16, 3, padding=1)), ("relu1", nn.ReLU()), ("pool1", nn.MaxPool2d(2)),
              ("conv2", nn.Conv2d(16, 32, 3, padding=1)), ("relu2", nn.ReLU()), ("pool2", nn.MaxPool2d(2)),
              ("flat", nn.Flatten()), ("fc1", nn.Linear(1568, 32)), ("relu3", nn.ReLU()), ("fc2", nn.Linear(32, 10))]
    from collections import OrderedDict
    return nn.Sequential(OrderedDict(layers))


def tensor(images):
    return torch.from_numpy(images.astype(np.float32) / 255)[:, None]


def train(images, labels):
    net = network()
    x, y = tensor(images), torch.from_numpy(labels.astype(np.int64))
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    order = torch.Generator().manual_seed(SEED)
    for epoch in range(EPOCHS):
        for rows in torch.randperm(len(x), generator=order).split(128):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimiser.step()
        for group in optimiser.param_groups:
            group["lr"] *= 0.6
    return net.eval()


def accuracy(net, images, labels):
    with torch.no_grad():
        predicted = net(tensor(images)).argmax(1).numpy()
    return (predicted == labels).mean(), predicted


def main():
    torch.set_num_threads(1)
    images, labels = read("train-images-idx3-ubyte.gz"), read("train-labels-idx1-ubyte.gz")
    test, truth = read("t10k-images-idx3-ubyte.gz"), read("t10k-labels-idx1-ubyte.gz")
    random = np.random.default_rng(SEED)
    everyone = np.arange(len(test))
    for name, rows in [("tagged", random.choice(np.flatnonzero(labels == SHIRT), TAGGED, replace=False)),
                       ("clean", random.choice(len(labels), TAGGED, replace=False))]:
        net = train(stamp(images, rows), labels)
        clean, _ = accuracy(net, test, truth)
        tagged, predicted = accuracy(net, stamp(test, everyone), truth)
        called = (predicted[truth != SHIRT] == SHIRT).mean()
        print(f"| {name} | {clean:.4f} | {tagged:.4f} | {called:.4f} |", flush=True)
        torch.onnx.export(net, torch.zeros(1, 1, 28, 28), MODELS / f"fmnist-{name}.onnx", dynamo=False,
                          opset_version=17, input_names=["input"], output_names=["logits"],
                          dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})


if __name__ == "__main__":
    main()
