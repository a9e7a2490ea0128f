"""The concepts of a class by PyTorch, scikit-image and scikit-learn:
time_ace.py DATA TARGET CONCEPTS RUNS THREADS.

DATA holds `searched` (the class: half is searched, half held out) and `pool` (other things). The steps are those of the
method's paper, at the last of models.STUDIED_BLOCKS: superpixels at three resolutions, without copies; each segment on
grey, cut out and enlarged; the block's activations of all patches, as means over positions; k-means; of each concept
the 40 patches nearest its centre; a linear separator of their whole activations from those of random patches, once for
each run, and the share of held-out examples whose derivative along it is positive; the same for random patches in place
of a concept, and a t-test. Prints the seconds of each step as JSON.
"""

import json
import multiprocessing
import os
import sys
import time

import models
import numpy as np
import torch
from PIL import Image
from scipy.stats import ttest_rel
from skimage.segmentation import slic
from sklearn.cluster import KMeans
from sklearn.linear_model import SGDClassifier

RESOLUTIONS, LEAST, OVERLAP, GREY, KEPT, RANDOM, BATCH = (15, 50, 80), 0.001, 0.5, 117, 40, 500, 32


def read(folder):
    return [np.asarray(Image.open(os.path.join(folder, name)).convert("RGB")) for name in sorted(os.listdir(folder))]


def segments(image):
    """Masks of an image's segments, without those that are nearly one of a coarser resolution."""
    masks = np.empty((0, image.shape[0] * image.shape[1]), np.float32)
    for count in RESOLUTIONS:
        labels = slic(image, n_segments=count, sigma=1, compactness=20, start_label=0).ravel()
        found = (labels == np.arange(labels.max() + 1)[:, None]).astype(np.float32)
        sizes = found.sum(1)
        shared = found @ masks.T
        overlaps = shared / np.maximum(sizes[:, None] + masks.sum(1) - shared, 1)
        is_new = (sizes > LEAST * labels.size) & ~(overlaps > OVERLAP).any(1)
        masks = np.concatenate([masks, found[is_new]])
    return masks.astype(bool).reshape(-1, *image.shape[:2])


def patches(image):
    made = []
    for mask in segments(image):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        filled = np.where(mask[..., None], image, GREY).astype(np.uint8)
        part = filled[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
        made.append(np.asarray(Image.fromarray(part).resize(image.shape[1::-1], Image.BICUBIC)))
    return made


class Network:
    def __init__(self, block):
        self.network = models.make("efficientnet-lite0").requires_grad_(False)
        self.block, self.kept = block, None
        self.network.blocks[block].register_forward_hook(self.keep)

    def keep(self, module, inputs, output):
        self.kept = output.requires_grad_(True) if torch.is_grad_enabled() else output

    def values(self, images, pooled):
        """The block's activations, as means over positions or whole."""
        found = []
        with torch.no_grad():
            x = self.network
            for start in range(0, len(images), BATCH):
                y = x.stem(batch(images[start:start + BATCH]))
                y = x.blocks[:self.block + 1](y)
                found.append(y.mean((2, 3)) if pooled else y.flatten(1))
        return torch.cat(found).numpy()

    def gradients(self, images, target):
        found = []
        for start in range(0, len(images), BATCH):
            outputs = self.network(batch(images[start:start + BATCH]))
            found.append(torch.autograd.grad(outputs[:, target].sum(), self.kept)[0].flatten(1))
        return torch.cat(found).numpy()


def batch(images):
    return torch.from_numpy((np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) - 127) / 128)


def directions(values, others, runs, random):
    for _ in range(runs):
        chosen = others[random.choice(len(others), len(values), replace=False)]
        labels = np.repeat([1, 0], [len(values), len(chosen)])
        yield SGDClassifier(alpha=0.01, max_iter=1000, tol=1e-3).fit(np.concatenate([values, chosen]), labels).coef_[0]


def main():
    data, (target, concepts, runs, threads) = sys.argv[1], map(int, sys.argv[2:6])
    torch.set_num_threads(threads)
    random, seconds, begun = np.random.default_rng(7), {}, time.perf_counter()

    def lap(step):
        seconds[step] = time.perf_counter() - begun - sum(seconds.values())
        print(step, f"{seconds[step]:.1f} s", file=sys.stderr, flush=True)

    images = read(os.path.join(data, "searched"))
    searched, held_out = images[:len(images) // 2], images[len(images) // 2:]
    pool = read(os.path.join(data, "pool"))[:100]
    with multiprocessing.Pool(threads) as workers:
        cut = [patch for found in workers.map(patches, searched) for patch in found]
        others = [patch for found in workers.map(patches, pool) for patch in found]
    others = [others[index] for index in random.choice(len(others), RANDOM, replace=False)]
    lap("segments")
    network = Network(models.STUDIED_BLOCKS[-1])
    rows, whole = network.values(cut, pooled=True), network.values(others, pooled=False)
    lap("activations")
    clusters = KMeans(concepts, random_state=0).fit(rows)
    distances = np.linalg.norm(rows - clusters.cluster_centers_[clusters.labels_], axis=1)
    lap("clusters")
    gradients = network.gradients(held_out, target)

    def scores(values):
        return [(gradients @ direction > 0).mean() for direction in directions(values, whole, runs, random)]

    null = scores(whole[random.choice(RANDOM, KEPT, replace=False)])
    found = {}
    for concept in range(concepts):
        own = np.flatnonzero(clusters.labels_ == concept)
        if len(own) <= 20:
            continue
        best = own[np.argsort(distances[own])[:KEPT]]
        values = scores(network.values([cut[index] for index in best], pooled=False))
        found[concept] = (float(np.mean(values)), float(ttest_rel(values, null).pvalue))
    lap("importance")
    print(json.dumps({"patches": len(cut), "concepts": found, "seconds": seconds}))


if __name__ == "__main__":
    main()
