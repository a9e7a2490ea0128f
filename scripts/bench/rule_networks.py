"""The table and networks that rules are extracted from: rule_networks.py TABLE HIDDEN NETWORK [ROWS].

TABLE gets ROWS rows (20,000) of 20 numbers and a class that three rules decide, one label in twenty turned; written
when it is not there. NETWORK is a perceptron of HIDDEN layers of 64 units that was trained on 20,000 such rows.
"""

import os
import sys

import numpy as np
import torch
from torch import nn

WIDTH, UNITS = 20, 64


def examples(rows):
    random = np.random.default_rng(3)
    x = random.random((rows, WIDTH)).astype(np.float32)
    holds = (x[:, 0] > 0.6) & (x[:, 1] > 0.3) | (x[:, 2] <= 0.2) & (x[:, 3] > 0.5) | (x[:, 4] > 0.8) & (x[:, 5] <= 0.4)
    return x, (holds ^ (random.random(rows) < 0.05)).astype(np.int64)


def write(path, x, y):
    names = ",".join([f"x{index}" for index in range(WIDTH)] + ["label"])
    np.savetxt(
        path, np.column_stack([x, y]), delimiter=",", header=names, comments="", fmt=["%.9g"] * WIDTH + ["%d"])


def train(x, y, hidden):
    torch.manual_seed(5)
    sizes = [WIDTH] + [UNITS] * hidden
    layers = [part for ends in zip(sizes, sizes[1:]) for part in (nn.Linear(*ends), nn.ReLU())]
    network = nn.Sequential(*layers, nn.Linear(UNITS, 2))
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(15):
        for rows in torch.randperm(len(x)).split(256):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimiser.step()
    return network.eval()


def main():
    table, hidden, path = sys.argv[1:4]
    x, y = examples(int(sys.argv[4]) if len(sys.argv) > 4 else 20_000)
    if not os.path.exists(table):
        write(table, x, y)
    x, y = examples(20_000)
    torch.onnx.export(
        train(x, y, int(hidden)), (torch.from_numpy(x[:2]),), path, dynamo=False, opset_version=17,
        input_names=["input"], output_names=["logits"], dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})


main()
