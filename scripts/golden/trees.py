"""Decision trees of scikit-learn node by node, their pruning paths and predictions, and the tables they were grown on.

Run by `make golden`: writes trees.npz and trees.json into Tests/NoemaRulesTests/Fixtures.

Where splits tie, scikit-learn's choice falls by its seed; Noema takes the lowest feature, then the lowest threshold. A
case with `seeds` was grown with that many seeds, and of the trees that come up the one is kept whose features and
thresholds, in preorder, come first: the one with all ties to the lowest. The others are grown with one seed, to be
compared up to ties.
"""

import json
import pathlib
import platform
import sys

import numpy as np
import sklearn
from sklearn import datasets
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

folder = pathlib.Path(__file__).parents[2] / "Tests/NoemaRulesTests/Fixtures"
if len(sys.argv) > 1:
    folder = pathlib.Path(sys.argv[1])
SEEDS = 200

tables = {}
for name in ["iris", "wine", "breast_cancer", "digits", "diabetes"]:
    bunch = getattr(datasets, f"load_{name}")()
    tables[name] = (bunch.data, bunch.target)
holes = tables["wine"][0].copy()
holes[np.random.default_rng(6).random(holes.shape) < 0.15] = np.nan
tables["wine_holes"] = (holes, tables["wine"][1])
# Soft targets: how near an example is to the mean of each class.
x, y = tables["iris"]
centres = np.stack([x[y == k].mean(0) for k in range(3)])
closeness = np.exp(-((x[:, None] - centres) ** 2).sum(2))
soft = np.round(closeness / closeness.sum(1, keepdims=True), 6)
soft[:, 2] = np.maximum(0, 1 - soft[:, 0] - soft[:, 1])


def weights(name):
    return np.random.default_rng(3).integers(1, 5, len(tables[name][0])) / 2


def preorder(tree, node=0):
    order, stack = [], [node]
    while stack:
        node = stack.pop()
        order.append(node)
        if tree.children_left[node] >= 0:
            stack += [tree.children_right[node], tree.children_left[node]]
    return order


def described(model):
    """The nodes in preorder."""
    tree = model.tree_
    order = preorder(tree)
    place = {node: index for index, node in enumerate(order)}
    is_leaf = tree.children_left[order] < 0
    return {
        "feature": [int(f) for f in np.where(is_leaf, -1, tree.feature[order])],
        # Infinite where the question is whether a value is missing.
        "threshold": [None if leaf or not np.isfinite(t) else float(t)
                      for leaf, t in zip(is_leaf, tree.threshold[order])],
        "left": [place.get(int(n), -1) for n in tree.children_left[order]],
        "right": [place.get(int(n), -1) for n in tree.children_right[order]],
        "missingLeft": [int(m) for m in tree.missing_go_to_left[order]],
        "impurity": [float(i) for i in tree.impurity[order]],
        "count": [int(n) for n in tree.n_node_samples[order]],
        "weight": [float(w) for w in tree.weighted_n_node_samples[order]],
        "value": [[float(v) for v in tree.value[n].ravel()] for n in order],
    }


def signature(model):
    tree = model.tree_
    order = preorder(tree)
    return [(int(tree.feature[n]), float(tree.threshold[n])) for n in order]


def grown(maker, data, target, options, seeds, fit):
    models = [maker(**options, random_state=seed).fit(data, target, **fit) for seed in range(seeds)]
    return min(models, key=signature)


cases = []


def add(name, table, seeds=1, weighted=False, **options):
    data, target = tables[table]
    maker = DecisionTreeRegressor if table == "diabetes" else DecisionTreeClassifier
    fit = {"sample_weight": weights(table)} if weighted else {}
    model = grown(maker, data, target, options, seeds, fit)
    case = {
        "name": name, "table": table, "options": {**options, "weighted": weighted}, "seeds": seeds,
        "nodes": described(model)}
    predictions = model.predict(data)
    case["predictions"] = [float(p) if table == "diabetes" else int(p) for p in predictions]
    if "ccp_alpha" not in options:
        path = maker(**options, random_state=model.random_state).cost_complexity_pruning_path(data, target, **fit)
        case["path"] = {"alphas": path.ccp_alphas.tolist(), "impurities": path.impurities.tolist()}
    cases.append(case)
    print(name, model.get_n_leaves(), "leaves,", model.get_depth(), "deep")


for table in ["iris", "wine", "breast_cancer", "digits"]:
    for criterion in ["gini", "entropy"]:
        add(f"{table} {criterion}", table, SEEDS, criterion=criterion, max_depth=4, min_samples_leaf=5)
    add(f"{table} full", table)
add("diabetes", "diabetes", SEEDS, max_depth=5, min_samples_leaf=5)
add("diabetes full", "diabetes")
add("wine weighted", "wine", SEEDS, weighted=True, max_depth=3, min_weight_fraction_leaf=0.03)
add("diabetes weighted", "diabetes", SEEDS, weighted=True, max_depth=4, min_weight_fraction_leaf=0.02)
add("breast_cancer best first", "breast_cancer", SEEDS, max_leaf_nodes=7, min_samples_leaf=3)
add("digits best first", "digits", SEEDS, max_leaf_nodes=30, min_samples_split=20)
add("breast_cancer decrease", "breast_cancer", SEEDS, min_impurity_decrease=0.01)
add("breast_cancer pruned", "breast_cancer", SEEDS, ccp_alpha=0.01, min_samples_leaf=5)
add("diabetes pruned", "diabetes", SEEDS, ccp_alpha=60.0, min_samples_leaf=5)
add("breast_cancer monotone", "breast_cancer", SEEDS, max_depth=4, min_samples_leaf=5,
    monotonic_cst=[-1 if feature < 10 else 0 for feature in range(30)])
add("diabetes monotone", "diabetes", SEEDS, max_depth=4, min_samples_leaf=5,
    monotonic_cst=[0, 0, 1, 1, 0, 0, -1, 0, 1, 0])
add("wine_holes", "wine_holes", SEEDS, max_depth=4, min_samples_leaf=4)

# An example of the shares p counts as one of each class with the weight p.
data, _ = tables["iris"]
model = grown(
    DecisionTreeClassifier, np.repeat(data, 3, 0), np.tile(np.arange(3), len(data)), {"max_depth": 3}, SEEDS,
    {"sample_weight": soft.ravel()})
cases.append({
    "name": "iris soft", "table": "iris", "options": {"max_depth": 3, "weighted": False}, "seeds": SEEDS,
    "nodes": described(model), "predictions": [int(p) for p in model.predict(data)]})

folder.mkdir(parents=True, exist_ok=True)
arrays = {}
for name, (data, target) in tables.items():
    arrays[f"{name}/x"] = data.astype(np.uint8) if name == "digits" else data
    arrays[f"{name}/y"] = target.astype(np.float64) if name == "diabetes" else target.astype(np.int64)
    arrays[f"{name}/w"] = weights(name)
arrays["iris/soft"] = soft
np.savez_compressed(folder / "trees.npz", **arrays)
made = {"sklearn": sklearn.__version__, "numpy": np.__version__, "python": platform.python_version()}
(folder / "trees.json").write_text(json.dumps({"made": made, "cases": cases}, separators=(",", ":")))
for name in ["trees.npz", "trees.json"]:
    print(name, (folder / name).stat().st_size)
