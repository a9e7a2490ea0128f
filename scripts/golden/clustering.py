#!/usr/bin/env python3
"""Writes Tests/NoemaConceptsTests/Fixtures/clustering: points, and what other tools make of them.

    scripts/golden/clustering.py [GOLDEN]

GOLDEN is a folder with `spray_fmnist_cleverhans.npz`: relevance maps of a network with a corner tag, and CoRelAy's
spectra of them. A part of the maps goes into `maps.npz`; without the folder that file stays as it is. All other points
are data sets of scikit-learn or drawn by it as its examples and tests draw them.

All references see the float32 numbers that are stored, in float64. Where a reference could be wrong by chance or by its
own shortcuts (ties among neighbours, eigenvalues of the largest magnitude), that is checked before it is written. Needs
scikit-learn, SciPy, umap-learn and CoRelAy; one thread is enough: OMP_NUM_THREADS=1.
"""

import argparse
import pathlib
import platform
import warnings
from importlib import metadata
from unittest import mock

import numpy as np
from scipy.cluster import hierarchy
from scipy.sparse import csgraph
from scipy.spatial.distance import pdist, squareform
from sklearn import cluster, datasets, metrics
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "Tests/NoemaConceptsTests/Fixtures/clustering"
PACKAGES = ["scikit-learn", "scipy", "umap-learn", "corelay", "numpy"]
LARGEST_FILE = 100_000
MAPS_OF_EITHER_KIND, EIGENVALUES = 80, 24


def require(condition, text):
    if not condition:
        raise SystemExit(f"clustering.py: {text}")


def seen(points):
    """What a test reads: float32 numbers, here in float64."""
    return np.asarray(points).astype(np.float32).astype(np.float64)


def save(name, arrays):
    """Points in the smallest type that holds them, whole numbers and probabilities in short ones, else as it is."""
    stored = {}
    for key, value in arrays.items():
        value = np.asarray(value)
        if key.endswith("points"):
            for kind in (np.uint8, np.float16, np.float32):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)
                    if (value.astype(kind).astype(np.float64) == value).all():
                        value = value.astype(kind)
                        break
            require(value.dtype != np.float64, f"{name}: {key} are no float32 numbers")
        elif value.dtype.kind == "i":
            small = value.astype(np.int16)
            require((small == value).all(), f"{name}: {key} are too large")
            value = small
        elif key.endswith("probabilities"):
            value = value.astype(np.float32)
        stored[key] = value
    np.savez_compressed(OUTPUT / f"{name}.npz", **stored)


# Relevance maps: graphs, spectra and embeddings


def distances(points):
    """Euclidean, and checked to have no ties that leave a nearest neighbour open."""
    result = squareform(pdist(points))
    ordered = np.sort(result, axis=1)[:, 1:]
    require((np.diff(ordered, axis=1)[:, :20] > 1e-9 * ordered[:, 1:21]).all(), "neighbours of a map tie")
    return result


def graph(between, k):
    """CoRelAy's, which takes the first column of an argsort for the point itself: right without duplicates."""
    from corelay.processor.affinity import SparseKNN

    found = SparseKNN(n_neighbors=k, symmetric=True)(between).tocsr()
    nearest = np.argsort(between + np.diag(np.full(len(between), np.inf)), axis=1)[:, :k]
    joined = np.zeros_like(between)
    np.put_along_axis(joined, nearest, 1, axis=1)
    require((found.toarray() == (joined + joined.T) / 2).all(), f"CoRelAy's graph of {k} neighbours is another")
    return found


def eigenvalues(weights):
    """All of the normalised Laplacian by SciPy, dense."""
    from scipy.linalg import eigvalsh

    return eigvalsh(csgraph.laplacian(weights, normed=True).toarray())


def spectral(points, k):
    """Graph, spectrum and CoRelAy's embedding, which ends at a gap so that its span is determined."""
    from corelay.pipeline.spectral import SpectralEmbedding
    from corelay.processor.affinity import SparseKNN
    from corelay.processor.embedding import EigenDecomposition

    weights = graph(distances(points), k)
    values = eigenvalues(weights)
    parts = csgraph.connected_components(weights)[0]
    require((values < 1e-9).sum() == parts, f"{parts} components, but eigenvalues {values[:parts + 2]}")
    widths = np.arange(max(2, parts), 16)
    width = int(widths[np.argmax(values[widths] - values[widths - 1])])
    require(values[width] - values[width - 1] > 1e-3, f"no gap with {k} neighbours")
    solver = EigenDecomposition(n_eigval=width, kwargs={"v0": np.ones(len(points))}, is_output=True)
    pipeline = SpectralEmbedding(affinity=SparseKNN(n_neighbors=k, symmetric=True), embedding=solver)
    found, rows = pipeline(points)
    require(np.abs(np.sort(found) - values[:width]).max() < 1e-9, "CoRelAy has other eigenvalues than the smallest")
    upper = np.triu(weights.toarray())
    pairs = np.argwhere(upper > 0)
    return {
        "pairs": pairs, "weights": upper[tuple(pairs.T)], "components": parts,
        "eigenvalues": values[:EIGENVALUES], "rows": np.asarray(rows)}


def maps(golden):
    with np.load(golden / "spray_fmnist_cleverhans.npz") as source:
        relevance = source["relevance_epsilon_plus"].astype(np.float64)
        tagged = source["has_tag"].astype(bool)
        spectra = {key: source[key] for key in source.files if key.endswith("/eigenvalues")}

    def normalised(values):
        return values / np.abs(values).sum(axis=1, keepdims=True)

    pooled = relevance.reshape(-1, 14, 2, 14, 2).sum(axis=(2, 4)).reshape(len(relevance), -1)
    whole = {
        "raw_k10": (relevance, 10), "l1_normalised_k10": (normalised(relevance), 10),
        "l1_normalised_pooled14_k15": (normalised(pooled), 15)}
    for name, (points, k) in whole.items():
        between = squareform(pdist(points.astype(np.float32).astype(np.float64)))
        expected = spectra[f"{name}/eigenvalues"]
        difference = np.abs(eigenvalues(graph(between, k))[: len(expected)] - expected).max()
        require(difference < 1e-3, f"{name}: eigenvalues differ by {difference} from those of the archive")

    chosen = np.sort(np.concatenate(
        [np.flatnonzero(tagged)[:MAPS_OF_EITHER_KIND], np.flatnonzero(~tagged)[:MAPS_OF_EITHER_KIND]]))
    # In half precision, which is enough for maps of their own.
    points = normalised(pooled)[chosen].astype(np.float16).astype(np.float64)
    arrays = {"points": points, "tagged": tagged[chosen].astype(np.int16)}
    for k in (3, 10):
        arrays |= {f"k{k}/{key}": value for key, value in spectral(points, k).items()}
    save("maps", arrays)


# Tables and digits: k-means, mixtures, measures of quality


def kmeans(points, k):
    """The least inertia of a hundred starts, each run until nothing moves, and the mean of the least of ten."""
    runs = np.array([cluster.KMeans(k, n_init=1, tol=0, random_state=seed).fit(points).inertia_ for seed in range(100)])
    return {f"kmeans-{k}/least": runs.min(), f"kmeans-{k}/tens": runs.reshape(10, 10).min(axis=1).mean()}


def mixture(points, components, shape):
    """The log-likelihood with the ridge that Noema has: a millionth of the mean variance."""
    fitted = GaussianMixture(
        components, covariance_type={"full": "full", "diagonal": "diag"}[shape], n_init=10, random_state=0, tol=1e-9,
        max_iter=20_000, reg_covar=1e-6 * points.var(axis=0).mean()).fit(points)
    require(fitted.converged_, "a mixture did not converge")
    name = f"mixture-{components}-{shape}"
    return {
        f"{name}/log-likelihood": fitted.score(points) * len(points), f"{name}/bic": fitted.bic(points),
        f"{name}/labels": fitted.predict(points)}


def tables():
    arrays = {}

    def add(name, values):
        arrays.update({f"{name}/{key}": value for key, value in values.items()})

    iris, kinds = datasets.load_iris(return_X_y=True)
    iris = seen(iris)
    labels = cluster.KMeans(3, n_init=10, random_state=0).fit_predict(iris)
    add("iris", {"points": iris, "kinds": kinds, "labels": labels})
    for k in (3, 5, 8):
        add("iris", kmeans(iris, k))
    for metric in ("euclidean", "cosine", "correlation"):
        add("iris", {f"silhouettes/{metric}": metrics.silhouette_samples(iris, labels, metric=metric)})
    noisy = np.where(np.arange(len(iris)) % 7 == 0, -1, labels)
    add("iris", {
        "davies-bouldin": metrics.davies_bouldin_score(iris, labels),
        "adjusted-rand": metrics.adjusted_rand_score(kinds, labels), "noisy": noisy,
        "adjusted-rand-noisy": metrics.adjusted_rand_score(kinds, noisy)})
    for shape in ("full", "diagonal"):
        add("iris", mixture(iris, 3, shape))

    wine, kinds = datasets.load_wine(return_X_y=True)
    wine = seen(StandardScaler().fit_transform(wine))
    add("wine", {"points": wine, "kinds": kinds} | kmeans(wine, 3) | kmeans(wine, 7) | mixture(wine, 3, "diagonal"))
    save("tables", arrays)


def digits():
    """A layout's trustworthiness depends on where it starts: t-SNE's from principal components has one value, UMAP's
    one for each seed."""
    import umap

    points, kinds = datasets.load_digits(return_X_y=True)
    few = points[:500]
    plane = seen(PCA(2, svd_solver="full").fit_transform(few))
    arrays = {"points": points, "kinds": kinds, "few/plane-points": plane} | kmeans(points, 10)
    for k in (5, 12, 100):
        arrays[f"few/trustworthiness-{k}"] = trustworthiness(few, plane, n_neighbors=k)
    for name, values, method in [("few", few, "exact"), ("all", points, "barnes_hut")]:
        layout = TSNE(method=method, random_state=0).fit_transform(values)
        arrays[f"{name}/tsne"] = trustworthiness(values, layout)
    scores = []
    for seed in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layout = umap.UMAP(random_state=seed, n_jobs=1).fit_transform(points)
        scores.append(trustworthiness(points, layout))
    save("digits", arrays | {"all/umap": scores})


# Drawn points: density, hierarchies, the graph of UMAP


def first_of_equals(edges):
    """A tree of merges for scikit-learn's HDBSCAN. Edges of equal length are common, since several are as long as one
    point's core distance. It sorts them in whatever order the processor's instructions leave, so that points change
    sides with the machine and with the algorithm; in the order in which they were found, all algorithms agree."""
    from sklearn.cluster._hdbscan._linkage import make_single_linkage

    return make_single_linkage(edges[np.argsort(edges["distance"], kind="stable")])


@mock.patch("sklearn.cluster._hdbscan.hdbscan._process_mst", first_of_equals)
def shapes():
    """The points of scikit-learn's tests and examples of HDBSCAN and DBSCAN."""
    uneven = [[1, 1], [-1, -1], [1.5, -1.5]]
    scales = [[-0.85, -0.85], [-0.85, 0.85], [3, 3], [3, -3]]
    blobs = StandardScaler().fit_transform(shuffle(datasets.make_blobs(200, random_state=10)[0], random_state=7))
    three = datasets.make_blobs(750, centers=[[1, 1], [-1, -1], [1, -1]], cluster_std=0.4, random_state=0)[0]
    points = {
        "blobs": blobs,
        "wide": StandardScaler().fit_transform(datasets.make_blobs(50, random_state=0, n_features=64)[0]),
        "three": StandardScaler().fit_transform(three),
        "uneven": datasets.make_blobs(750, centers=uneven, cluster_std=[0.4, 0.1, 0.75], random_state=0)[0],
        "scales": datasets.make_blobs(750, centers=scales, cluster_std=[0.2, 0.35, 1.35, 1.35], random_state=0)[0],
        "moons": datasets.make_moons(200, noise=0.05, random_state=0)[0],
        "unstructured": np.random.RandomState(0).rand(150, 2)}
    points = {name: seen(values) for name, values in points.items()}
    arrays = {f"{name}/points": values for name, values in points.items()}

    def hdbscan(name, size=5, samples=None, selection="eom", single=False):
        found, other = (cluster.HDBSCAN(
            min_cluster_size=size, min_samples=samples, cluster_selection_method=selection,
            allow_single_cluster=single, algorithm=algorithm, copy=True).fit(points[name])
            for algorithm in ("auto", "brute"))
        require((found.labels_ == other.labels_).all(), f"two algorithms cluster {name} differently")
        key = f"{name}/hdbscan-{size}-{samples or size}-{selection}" + ("-single" if single else "")
        arrays.update({f"{key}/labels": found.labels_, f"{key}/probabilities": found.probabilities_})

    for name in points:
        hdbscan(name)
    for size in (2, 3, 8, 15, 25, 60, 199):
        hdbscan("blobs", size)
    for size in (10, 15, 25):
        hdbscan("scales", size)
        hdbscan("scales", size, samples=4, selection="leaf")
    hdbscan("uneven", 15)
    hdbscan("uneven", 5, samples=20)
    hdbscan("moons", 10, samples=3, selection="leaf")
    hdbscan("unstructured", single=True)
    hdbscan("blobs", single=True)

    for name, radius, least in [
            ("blobs", 0.3, 10), ("three", 0.3, 10), ("moons", 0.2, 5), ("moons", 0.1, 5), ("scales", 0.3, 5)]:
        found = cluster.DBSCAN(eps=radius, min_samples=least, algorithm="brute").fit(points[name])
        arrays[f"{name}/dbscan-{radius}-{least}/labels"] = found.labels_

    arrays |= {f"scales/{key}": value for key, value in mixture(points["scales"], 4, "full").items()}
    save("shapes", arrays)
    hierarchies({name: points[name] for name in ("blobs", "moons")})


def hierarchies(points):
    arrays = {f"{name}/points": values for name, values in points.items()}
    for name in points:
        for linkage in ("ward", "average", "complete", "single"):
            arrays[f"{name}/{linkage}/heights"] = hierarchy.linkage(pdist(points[name]), linkage)[:, 2]
            for k in (2, 3, 8):
                joined = cluster.AgglomerativeClustering(k, linkage=linkage).fit(points[name])
                arrays[f"{name}/{linkage}/labels-{k}"] = joined.labels_
    save("trees", arrays | {f"blobs/umap/{key}": value for key, value in fuzzy(points["blobs"]).items()})


def fuzzy(points):
    """umap-learn's graph of few points, for which its neighbours are exact; it computes in float32."""
    from umap.umap_ import fuzzy_simplicial_set

    found = fuzzy_simplicial_set(points.astype(np.float32), 15, np.random.RandomState(0), "euclidean")[0].toarray()
    pairs = np.argwhere(np.triu(found) > 0)
    return {"pairs": pairs, "weights": found[tuple(pairs.T)]}


def describe():
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    (OUTPUT / "README.md").write_text(
        "# Clusterings and layouts by other tools\n\n"
        "Points and reference values, written by `scripts/golden/clustering.py`: never edit them.\n\n"
        f"{versions}; Python {platform.python_version()}.\n\n"
        "`maps`: relevance maps of Fashion-MNIST images by a network with a planted tag, summed to 14 × 14 and\n"
        "divided by their absolute sum. `tables` and `digits`: iris, wine and digits as scikit-learn has them;\n"
        "`shapes` and `trees`: points that it draws.\n\n"
        "Licence: as the rest of Noema. Fashion-MNIST is under the MIT licence; iris, wine and digits are of the UCI\n"
        "Machine Learning Repository, under CC BY 4.0.\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=pathlib.Path, nargs="?")
    options = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    if options.golden:
        maps(options.golden)
    tables()
    shapes()
    digits()
    describe()
    for path in sorted(OUTPUT.iterdir()):
        size = path.stat().st_size
        print(f"{size:8d} {path.name}")
        require(size <= LARGEST_FILE, f"{path.name} is over {LARGEST_FILE} bytes")


if __name__ == "__main__":
    main()
