"""Classical models of scikit-learn as skl2onnx writes them, with the answers of ONNX Runtime and of scikit-learn.

Run by `make golden`: writes Tests/NoemaGraphTests/Fixtures.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn import datasets
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, MinMaxScaler, Normalizer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

folder = pathlib.Path(__file__).parents[2] / "Tests/NoemaGraphTests/Fixtures"
if len(sys.argv) > 1:
    folder = pathlib.Path(sys.argv[1])
rows = 12


def data(name):
    """Features as float32, targets, and the names of the classes."""
    bunch = getattr(datasets, f"load_{name}")()
    x = bunch.data[:, :6].astype(np.float32)
    names = [str(n) for n in getattr(bunch, "target_names", [])]
    return x, bunch.target, np.array(names)


iris, iris_y, iris_names = data("iris")
wine, wine_y, _ = data("wine")
cancer, cancer_y, cancer_names = data("breast_cancer")
diabetes, diabetes_y, _ = data("diabetes")
diabetes_y = diabetes_y / 100
categories = np.random.default_rng(5).integers(0, 4, (120, 3)).astype(np.float32)
categories_y = (categories[:, 0] + 2 * categories[:, 1] > categories[:, 2] + 2).astype(int)
holes = iris.copy()
holes[np.random.default_rng(6).random(holes.shape) < 0.2] = np.nan

encoder = ColumnTransformer([("codes", OneHotEncoder(handle_unknown="ignore"), [0, 1])], remainder="passthrough")
models = {
    "linear_regression": (LinearRegression(), diabetes, diabetes_y),
    "linear_regression_two": (LinearRegression(), diabetes, np.stack([diabetes_y, -diabetes_y**2], 1)),
    "logistic_binary": (LogisticRegression(max_iter=5000), cancer, cancer_y),
    "logistic_text": (LogisticRegression(max_iter=500), iris, iris_names[iris_y]),
    "linear_svc": (LinearSVC(), iris, iris_y),
    "tree_binary": (DecisionTreeClassifier(max_depth=4, random_state=0), cancer, cancer_y),
    "tree_regression_two": (
        DecisionTreeRegressor(max_depth=4, random_state=0), diabetes, np.stack([diabetes_y, diabetes_y**2], 1)
    ),
    "forest_labels": (RandomForestClassifier(8, max_depth=4, random_state=0), wine, wine_y + 5),
    "forest_text": (RandomForestClassifier(5, max_depth=3, random_state=0), cancer, cancer_names[cancer_y]),
    "extra_trees": (ExtraTreesRegressor(6, max_depth=4, random_state=0), diabetes, diabetes_y),
    "boosting_binary": (GradientBoostingClassifier(n_estimators=8, random_state=0), cancer, cancer_y),
    "boosting_classes": (GradientBoostingClassifier(n_estimators=4, random_state=0), iris, iris_y),
    "boosting_regression": (GradientBoostingRegressor(n_estimators=8, random_state=0), diabetes, diabetes_y),
    "pipeline_norms": (
        make_pipeline(
            StandardScaler(), Normalizer("l2"), Normalizer("l1"), MinMaxScaler(), LogisticRegression(C=50)
        ),
        wine, wine_y,
    ),
    "pipeline_one_hot": (make_pipeline(encoder, LogisticRegression()), categories, categories_y),
    "pipeline_imputer": (make_pipeline(SimpleImputer(), Binarizer(threshold=3), LogisticRegression()), holes, iris_y),
    "svc_rbf": (SVC(gamma=0.3), iris, iris_y),
    "svc_probability": (SVC(gamma=0.3, probability=True, random_state=0), iris, iris_y),
    "svc_polynomial": (SVC(kernel="poly", degree=3, gamma=0.2, coef0=1), iris[:100], iris_names[iris_y[:100]]),
    "svr_rbf": (make_pipeline(StandardScaler(), SVR(gamma=0.2)), diabetes[:150], diabetes_y[:150]),
    "svr_sigmoid": (make_pipeline(StandardScaler(), SVR(kernel="sigmoid", gamma=0.1)), diabetes[:80], diabetes_y[:80]),
    "one_class": (OneClassSVM(gamma=0.3, nu=0.2), iris, None),
    "mlp_text": (MLPClassifier((5,), max_iter=300, random_state=0), iris, iris_names[iris_y]),
}

folder.mkdir(parents=True, exist_ok=True)
answers = {}
for name, (model, x, y) in models.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, y)
    chosen = np.random.default_rng(0).choice(len(x), rows, replace=False)
    x = x[chosen]
    onnx = to_onnx(model, x[:1], target_opset={"": 17, "ai.onnx.ml": 3})
    (folder / f"{name}.onnx").write_bytes(onnx.SerializeToString())
    session = onnxruntime.InferenceSession(onnx.SerializeToString(), providers=["CPUExecutionProvider"])
    results = session.run(None, {session.get_inputs()[0].name: x})
    scores = results[-1]
    answer = {"x": x.tolist()}
    if isinstance(scores, list):  # ZipMap: a map for each example
        answer["classes"] = [str(key) for key in scores[0]]
        scores = np.array([list(row.values()) for row in scores])
    if len(results) > 1:
        answer["labels"] = [label if isinstance(label, str) else int(label) for label in np.ravel(results[0])]
    answer["scores"] = np.asarray(scores, float).reshape(rows, -1).tolist()
    ask = getattr(model, "predict_proba", None) or getattr(model, "decision_function", None) or model.predict
    answer["sklearn"] = np.asarray(ask(x), float).reshape(rows, -1).tolist()
    answers[name] = json.loads(json.dumps(answer).replace("NaN", '"nan"'))
    spread = "" if np.shape(answer["sklearn"]) != np.shape(answer["scores"]) else np.abs(
        np.array(answer["sklearn"]) - answer["scores"]
    ).max()
    print(name, [node.op_type for node in onnx.graph.node], spread)
(folder / "classical.json").write_text(json.dumps(answers, separators=(",", ":")))
