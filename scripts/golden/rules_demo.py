"""The networks, tables and planted rules of `noema demo rules`.

Writes models/rules: two small networks that scikit-learn trains, as ONNX, with the tables that they were trained on and
tested by. `cancer` is scikit-learn's copy of the Wisconsin diagnostic breast cancer data (Wolberg, Mangasarian, Street
and Street 1995, CC BY 4.0). `plant` is invented: three rules decide, and `plant-rules.json` holds them.

Inputs are standardised inside the network, so that rules speak of the table's own numbers.
"""

import json
import pathlib
import platform
import sys
import warnings

import numpy as np
import onnx
import sklearn
from onnx import TensorProto, helper, numpy_helper
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

folder = pathlib.Path(__file__).parents[2] / "models/rules"
if len(sys.argv) > 1:
    folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
warnings.simplefilter("ignore", ConvergenceWarning)


def layers(model, mean, deviation):
    """Weights `[outputs, inputs]` and biases, the first layer reading raw numbers, the last one a score a class."""
    weights = [w.T for w in model.coefs_]
    biases = list(model.intercepts_)
    if len(biases[-1]) == 1:
        weights[-1] = np.concatenate([0 * weights[-1], weights[-1]])
        biases[-1] = np.array([0, biases[-1][0]])
    biases[0] = biases[0] - weights[0] @ (mean / deviation)
    weights[0] = weights[0] / deviation
    return [(w.astype(np.float32), b.astype(np.float32)) for w, b in zip(weights, biases)]


def write_network(name, parts, features):
    nodes, initialisers, value = [], [], "input"
    for index, (weight, bias) in enumerate(parts, 1):
        initialisers += [
            numpy_helper.from_array(weight, f"fc{index}.weight"), numpy_helper.from_array(bias, f"fc{index}.bias")]
        last = index == len(parts)
        out = "logits" if last else f"/fc{index}/Gemm_output_0"
        nodes.append(helper.make_node(
            "Gemm", [value, f"fc{index}.weight", f"fc{index}.bias"], [out], name=f"/fc{index}/Gemm", transB=1))
        if not last:
            value = f"/relu{index}/Relu_output_0"
            nodes.append(helper.make_node("Relu", [out], [value], name=f"/relu{index}/Relu"))
    count = len(parts[-1][1])
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", features])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", count])], initialisers)
    model = helper.make_model(
        graph, producer_name="noema scripts/golden/rules_demo.py", opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def answers(parts, x):
    value = x.astype(np.float32)
    for index, (weight, bias) in enumerate(parts):
        value = value @ weight.T + bias
        if index < len(parts) - 1:
            value = np.maximum(value, 0)
    return value.argmax(1)


def write_table(path, names, x, label, y, classes):
    lines = [",".join([*names, label])]
    lines += [",".join([*(repr(float(v)) for v in row), classes[k]]) for row, k in zip(x, y)]
    path.write_text("\n".join(lines) + "\n")


def make(name, names, x, y, label, classes, hidden, test):
    """Trains a network, writes everything, and returns the rows of the README's table."""
    xs, xt, ys, yt = train_test_split(x, y, test_size=test, random_state=7, stratify=y)
    mean, deviation = xs.mean(0), xs.std(0)
    model = MLPClassifier(hidden, random_state=7, max_iter=600, alpha=1e-3, tol=1e-6, n_iter_no_change=50)
    model.fit((xs - mean) / deviation, ys)
    parts = layers(model, mean, deviation)
    write_network(name, parts, x.shape[1])
    (folder / f"{name}.yaml").write_text(f"classes: [{', '.join(classes)}]\n")
    write_table(folder / f"{name}-train.csv", names, xs, label, ys, classes)
    write_table(folder / f"{name}-test.csv", names, xt, label, yt, classes)
    accuracy = [(answers(parts, a) == b).mean() for a, b in ((xs, ys), (xt, yt))]
    shape = "–".join(str(size) for size in [x.shape[1], *hidden, len(classes)])
    return f"| `{name}` | {shape} | {len(xs)} | {len(xt)} | {accuracy[0]:.4f} | {accuracy[1]:.4f} |"


def plant(rows):
    """A machine hall: six readings, of which three decide."""
    random = np.random.default_rng(11)
    names = ["temperature", "pressure", "vibration", "humidity", "load", "age"]
    upper = np.array([120, 8, 12, 100, 40, 15.0])
    x = np.round(random.random((rows, 6)) * upper, 2)
    stop = (x[:, 0] > 75) & (x[:, 1] <= 5)
    y = np.where(stop, 2, np.where(x[:, 2] > 9, 1, 0))
    return names, x, y


def write_plant_rules(names):
    def rule(number, conclusion, *terms):
        entry = {"confidence": 1, "conclusion": conclusion, "correct": 0, "cover": 0, "weight": 1}
        entry["terms"] = [{"feature": f, "op": op, "value": value} for f, op, value in terms]
        return entry if number is None else {"id": number, **entry}

    document = {
        "schema": "noema.rules/1", "kind": "list", "classes": ["run", "check", "stop"], "counting": "marginal",
        "features": [{"name": name, "type": "numeric"} for name in names],
        "rules": [
            rule(1, "stop", ("temperature", ">", 75), ("pressure", "<=", 5)),
            rule(2, "check", ("vibration", ">", 9)),
        ],
        "otherwise": rule(None, "run"),
    }
    (folder / "plant-rules.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")


cancer = datasets.load_breast_cancer()
rows = [make(
    "cancer", [str(n) for n in cancer.feature_names], cancer.data, cancer.target, "diagnosis",
    [str(n) for n in cancer.target_names], (16, 8), 0.3)]
names, x, y = plant(3000)
rows.append(make("plant", names, x, y, "action", ["run", "check", "stop"], (32, 16), 1000))
write_plant_rules(names)

(folder / "README.md").write_text(f"""# Networks and tables of `noema demo rules`

Written by `scripts/golden/rules_demo.py`; `make golden` repeats it. scikit-learn {sklearn.__version__}, onnx
{onnx.__version__}, NumPy {np.__version__}, Python {platform.python_version()}.

| network | layers | training rows | test rows | training accuracy | test accuracy |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

`cancer`: the Wisconsin diagnostic breast cancer data (Wolberg, Mangasarian, Street and Street 1995, CC BY 4.0), as
scikit-learn has it; 30 measurements of cell nuclei, the column `diagnosis`.

`plant`: invented readings of a machine hall, uniform and independent, the column `action`. Three rules decide, which
`plant-rules.json` holds: *stop* if temperature > 75 and pressure <= 5, else *check* if vibration > 9, else *run*.
Humidity, load and age mean nothing.

Both are perceptrons with rectifiers, standardised inside: inputs are the columns of the table in their order.
""")
print("\n".join(rows))
