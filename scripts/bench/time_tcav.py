"""A concept study with Captum as it ships: time_tcav.py DATA TARGET THREADS. Prints the scores as JSON.

DATA holds `class`, `concepts/NAME` and `sets/N` with images. The layers are those of models.STUDIED_BLOCKS.
"""

import json
import os
import sys
import tempfile

import numpy as np
import torch
from captum.concept import TCAV, Concept
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import models


class Folder(Dataset):
    def __init__(self, path):
        self.paths = [os.path.join(path, name) for name in sorted(os.listdir(path))]

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        pixels = np.asarray(Image.open(self.paths[index]).convert("RGB"), np.float32)
        return torch.from_numpy((pixels.transpose(2, 0, 1) - 127) / 128)


def main():
    data, target, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(7)
    np.random.seed(7)

    def concepts(folder, first):
        names = sorted(os.listdir(os.path.join(data, folder)))
        return [
            Concept(first + i, name, DataLoader(Folder(os.path.join(data, folder, name)), batch_size=24))
            for i, name in enumerate(names)]

    studied, counterparts = concepts("concepts", 0), concepts("sets", 100)
    images = Folder(os.path.join(data, "class"))
    inputs = torch.stack([images[i] for i in range(len(images))])
    layers = [f"blocks.{index}" for index in models.STUDIED_BLOCKS]
    with tempfile.TemporaryDirectory() as cache:
        network = models.make("efficientnet-lite0").requires_grad_(True)
        tcav = TCAV(network, layers, save_path=cache)
        pairs = [[concept, other] for concept in studied for other in counterparts]
        results = tcav.interpret(inputs, pairs, target=target)
    print(json.dumps({
        key: {layer: float(value["sign_count"][0]) for layer, value in by_layer.items()}
        for key, by_layer in results.items()}))


main()
