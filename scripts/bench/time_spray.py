"""CoRelAy on relevance maps, as its example of an analysis does it: time_spray.py MAPS STRATEGIES THREADS.

Maps are summed over channels and divided by their absolute sum; all distances, ten neighbours, 32 eigenvectors, k-means
with the number of strategies given and ten restarts, as Noema has, and t-SNE of the embedding, which is scikit-learn's.
Prints how far the clusters are the planted strategies, as the adjusted Rand index.

time_spray.py --maps COUNT FILE             writes maps of 32 × 32 with STRATEGIES planted
time_spray.py --agreement ASSIGNMENTS       prints the index for a table that Noema wrote
"""

import csv
import sys

import numpy as np

SIDE, STRATEGIES = 32, 6


def strategy(indices):
    return np.asarray(indices) % STRATEGIES


def write(count, path, block=1000):
    """Each strategy looks at a place of its own; where the object is differs, and all maps are noisy. A few lie on the
    way to the next strategy: where nothing joins strategies, CoRelAy's solver may miss zero eigenvalues."""
    random = np.random.default_rng(7)
    maps = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(count, 1, SIDE, SIDE))
    y, x = np.mgrid[:SIDE, :SIDE]

    def bumps(rows, columns, width):
        squares = (y - rows[:, None, None]) ** 2 + (x - columns[:, None, None]) ** 2
        return np.exp(-squares / (2 * width**2))

    for start in range(0, count, block):
        size = min(block, count - start)
        way = np.where(random.random(size) < 0.04, random.random(size), 0)
        angle = 2 * np.pi * (strategy(np.arange(start, start + size)) + way) / STRATEGIES
        place = SIDE / 2 + 11 * np.stack([np.sin(angle), np.cos(angle)]) + random.normal(0, 0.7, (2, size))
        object_place = SIDE / 2 + random.normal(0, 3, (2, size))
        found = 2 * bumps(*place, 2) + bumps(*object_place, 4) + random.normal(0, 0.05, (size, SIDE, SIDE))
        maps[start : start + size, 0] = found * random.uniform(0.5, 2, (size, 1, 1))


def agreement(indices, labels):
    from sklearn.metrics import adjusted_rand_score

    return adjusted_rand_score(strategy(indices), labels)


def corelay(maps, count, threads):
    from corelay.pipeline.spectral import SpectralClustering
    from corelay.processor.affinity import SparseKNN
    from corelay.processor.clustering import KMeans
    from corelay.processor.distance import SciPyPDist
    from corelay.processor.embedding import EigenDecomposition, TSNEEmbedding
    from corelay.processor.flow import Parallel

    def prepared(data):
        rows = data.sum(axis=1).reshape(len(data), -1)
        return rows / np.abs(rows).sum(axis=1, keepdims=True)

    # Its eigenvalues descend. Rows of all vectors would be parted within strategies.
    last = (slice(None), slice(-count, None))
    pipeline = SpectralClustering(
        preprocessing=prepared, pairwise_distance=SciPyPDist(metric="euclidean"),
        affinity=SparseKNN(n_neighbors=10, symmetric=True),
        embedding=EigenDecomposition(n_eigval=32, is_output=True),
        clustering=Parallel(
            [
                KMeans(n_clusters=count, index=last, kwargs={"n_init": 10, "random_state": 7}),
                TSNEEmbedding(kwargs={"random_state": 7, "n_jobs": threads}),
            ], broadcast=True, is_output=True))
    _, (labels, layout) = pipeline(maps)
    assert np.isfinite(layout).all()
    return labels


def main():
    if sys.argv[1] == "--maps":
        return write(int(sys.argv[2]), sys.argv[3])
    if sys.argv[1] == "--agreement":
        with open(sys.argv[2], newline="") as file:
            rows = list(csv.DictReader(file))
        return print(agreement([int(row["example"]) for row in rows], [row["cluster"] for row in rows]))
    maps = np.load(sys.argv[1])
    print(agreement(np.arange(len(maps)), corelay(maps, int(sys.argv[2]), int(sys.argv[3]))))


main()
