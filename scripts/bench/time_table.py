"""One peer that explains rows of a table whenever a line arrives:
time_table.py {shap,lime} NETWORK ROWS REFERENCES NUMBER THREADS; `time_table.py --data FOLDER` writes the arrays.

shap:  KernelExplainer with NUMBER coalitions over the references, all features kept, of the first output.
lime:  LimeTabularExplainer with NUMBER rows drawn as the references are spread, of the first class's probability.

The network runs in ONNX Runtime, from the file that Noema reads. A line explains the first 8 rows; what an explainer
learns of the references when it is made is not timed, nor is it of Noema.
"""

import os
import sys

import numpy as np
from timing import serve

ROWS = 8


def write(folder):
    """150 rows to explain, 419 to train on, and two backgrounds made of those: their mean, and the first 50."""
    from sklearn.datasets import load_breast_cancer

    table = np.random.default_rng(0).permutation(load_breast_cancer().data.astype(np.float32))
    training = table[150:]
    arrays = {
        "rows": table[:150], "training": training, "background-1": training.mean(0, keepdims=True),
        "background-50": training[:50]}
    os.makedirs(folder, exist_ok=True)
    for name, array in arrays.items():
        np.save(os.path.join(folder, f"{name}.npy"), array)


def logits(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda rows: session.run(["logits"], {"input": rows.astype(np.float32)})[0]


def main():
    if sys.argv[1] == "--data":
        return write(sys.argv[2])
    method, path, rows, references = sys.argv[1:5]
    number, threads = map(int, sys.argv[5:])
    network = logits(path, threads)
    # Both libraries compute in double precision.
    rows, references = np.load(rows)[:ROWS].astype(np.float64), np.load(references).astype(np.float64)
    np.random.seed(7)
    if method == "shap":
        import shap

        explainer = shap.KernelExplainer(lambda x: network(x)[:, 0], references)
        # By default it keeps ten features, which are no Shapley values any more; Noema keeps all.
        return serve(lambda: explainer.shap_values(rows, nsamples=number, l1_reg=False, silent=True), len(rows))
    from lime.lime_tabular import LimeTabularExplainer
    from scipy.special import softmax

    explainer = LimeTabularExplainer(references, random_state=7)

    def run():
        for row in rows:
            explainer.explain_instance(
                row, lambda x: softmax(network(x), axis=1), labels=(0,), num_features=10, num_samples=number)

    serve(run, len(rows))


main()
