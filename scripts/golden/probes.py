#!/usr/bin/env python3
"""Writes Tests/NoemaConceptsTests/Probes/ProbeGoldens.swift: reference values for probes, tests and similarities.

The references are scikit-learn and SciPy at tight tolerances. Where a solver could have stopped early (support
vector machines, logistic regression), the result is checked here against the optimality conditions before it is
written. Needs scikit-learn and SciPy.
"""

import os
import platform

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.svm import SVC, LinearSVC

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUTPUT = os.path.join(ROOT, "Tests/NoemaConceptsTests/Probes/ProbeGoldens.swift")
EXAMPLES, DIMENSIONS, SEED = 24, 6, 20240607


def require(condition, text):
    if not condition:
        raise SystemExit(f"probes.py: {text}")


def data():
    """Overlapping classes of 9 and 15 examples; rounded, so that the literals are exact."""
    random = np.random.default_rng(SEED)
    labels = np.array([1] * 9 + [0] * 15)
    features = random.normal(size=(EXAMPLES, DIMENSIONS)) * np.array([1, 2, 0.5, 1, 3, 1]) + [0.3, -1, 0, 2, 0, 0.1]
    features[labels == 1] += np.array([0.9, 0, 0.4, -0.6, 0, 0.5])
    order = random.permutation(EXAMPLES)
    weights = np.round(random.uniform(0.2, 2.5, EXAMPLES), 2)
    return np.round(features[order], 4), labels[order], weights


def linear(model):
    return np.ravel(model.coef_), float(np.ravel(model.intercept_)[0])


def ridge(x, y, alpha, weights=None):
    return linear(Ridge(alpha=alpha, solver="cholesky").fit(x, y, sample_weight=weights))


def leave_one_out(x, y, alpha):
    rows = np.arange(len(y))
    return np.array([
        Ridge(alpha=alpha, solver="cholesky").fit(x[rows != i], y[rows != i]).predict(x[i : i + 1])[0] for i in rows])


def logistic(x, labels, c, weights=None):
    model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    w, b = linear(model.fit(x, labels, sample_weight=weights))
    residual = (1 / (1 + np.exp(-(x @ w + b))) - labels) * (1 if weights is None else weights)
    gradient = np.append(w + c * x.T @ residual, c * residual.sum())
    require(np.abs(gradient).max() < 1e-9, f"logistic regression with C = {c} is not at its optimum: {gradient}")
    return w, b


def svm(x, labels, c):
    """The hinge loss. libsvm keeps its kernel in float32, so only the active set is taken from it: the solution is
    computed from that in closed form and checked against the optimality conditions."""
    model = SVC(kernel="linear", C=c, tol=1e-10).fit(x, labels)
    w, b = linear(model)
    y = 2.0 * labels - 1
    alpha = np.zeros(len(y))
    alpha[model.support_] = np.abs(model.dual_coef_[0])
    free, bound = (alpha > 1e-7) & (alpha < c - 1e-7), alpha >= c - 1e-7
    require(free.any(), "no support vector is free, so the intercept is not determined")
    kernel = x @ x.T * np.outer(y, y)
    count = free.sum()
    system = np.zeros((count + 1, count + 1))
    system[:count, :count] = kernel[np.ix_(free, free)]
    system[:count, count] = system[count, :count] = y[free]
    right = np.append(1 - c * kernel[np.ix_(free, bound)].sum(1), -c * y[bound].sum())
    solution = np.linalg.lstsq(system, right, rcond=None)[0]
    exact = np.where(bound, c, 0.0)
    exact[free] = solution[:count]
    exact_w, exact_b = x.T @ (exact * y), solution[count]
    require(max(np.abs(exact_w - w).max(), abs(exact_b - b)) < 1e-5, "libsvm disagrees with its own active set")
    margins = y * (x @ exact_w + exact_b)
    optimal = (
        np.abs(margins[free] - 1).max() < 1e-9 and (margins[bound] < 1).all() and (margins[~free & ~bound] > 1).all()
        and (exact >= 0).all() and (exact <= c).all() and abs(exact @ y) < 1e-9)
    require(optimal, f"the support vector machine with C = {c} is not at its optimum")
    return exact_w, float(exact_b)


def squared_hinge_svm(x, labels, c):
    """The intercept is penalised like a weight; from liblinear's result Newton's method takes the last steps."""
    model = LinearSVC(C=c, loss="squared_hinge", dual=False, tol=1e-12, max_iter=1_000_000, intercept_scaling=1)
    start = np.append(*linear(model.fit(x, labels)))
    y, z = 2.0 * labels - 1, np.column_stack([x, np.ones(len(x))])
    solution = start.copy()
    for _ in range(20):
        active = y * (z @ solution) < 1
        gradient = solution - 2 * c * z[active].T @ (y[active] - z[active] @ solution)
        solution -= np.linalg.solve(np.eye(z.shape[1]) + 2 * c * z[active].T @ z[active], gradient)
    require(np.abs(gradient).max() < 1e-10, "the squared-hinge machine is not at its optimum")
    require(np.abs(solution - start).max() < 1e-6, "liblinear disagrees with Newton's method")
    return solution[:-1], float(solution[-1])


def holm(p):
    order, adjusted, running = np.argsort(p, kind="stable"), np.empty(len(p)), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = running
    return adjusted


def benjamini_hochberg(p):
    order, adjusted, running = np.argsort(p, kind="stable"), np.empty(len(p)), 1.0
    for rank in range(len(p) - 1, -1, -1):
        index = order[rank]
        running = min(running, len(p) / (rank + 1) * p[index])
        adjusted[index] = running
    return adjusted


def centred(matrix):
    return matrix - matrix.mean(0)


def linear_cka(a, b):
    a, b = centred(a), centred(b)
    return np.linalg.norm(b.T @ a) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))


def hsic_unbiased(k, l):
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    return (np.trace(k @ l) + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k @ l).sum()) / (n * (n - 3))


def unbiased_cka(a, b):
    k, l = a @ a.T, b @ b.T
    return hsic_unbiased(k, l) / np.sqrt(hsic_unbiased(k, k) * hsic_unbiased(l, l))


def svcca(a, b, kept):
    """Mean canonical correlation of the fewest directions that hold a share of the variance."""
    def directions(matrix):
        u, s, _ = np.linalg.svd(centred(matrix), full_matrices=False)
        share = np.cumsum(s**2) / (s**2).sum()
        return u[:, : int(np.searchsorted(share, kept) + 1)]

    return np.linalg.svd(directions(a).T @ directions(b), compute_uv=False).mean()


def effective_rank(matrix):
    squares = np.linalg.svd(centred(matrix), compute_uv=False) ** 2
    p = squares / squares.sum()
    return np.exp(-(p * np.log(p)).sum())


class Writer:
    def __init__(self):
        self.lines = []

    def text(self, value):
        if isinstance(value, (np.ndarray, list, tuple)):
            return "[" + ", ".join(self.text(v) for v in value) + "]"
        return str(int(value)) if isinstance(value, (int, np.integer)) else repr(float(value))

    def value(self, name, value, type, comment):
        if isinstance(value, (np.ndarray, list, tuple)) and not np.isscalar(value[0]):
            body = "[\n" + "".join(f"    {self.text(row)},\n" for row in value) + "  ]"
        elif isinstance(value, (np.ndarray, list, tuple)):
            body = "[\n" + "".join(
                "    " + ", ".join(self.text(v) for v in value[i : i + 5]) + ",\n" for i in range(0, len(value), 5)
            ) + "  ]"
        else:
            body = self.text(value)
        self.lines.append(f"  /// {comment}\n  static let {name}: {type} = {body}\n")

    def model(self, name, fitted, comment):
        coefficients, intercept = fitted
        rows = "".join(
            "      " + ", ".join(self.text(v) for v in coefficients[i : i + 3]) + ",\n"
            for i in range(0, len(coefficients), 3))
        self.lines.append(
            f"  /// {comment}\n  static let {name} = Linear(\n    coefficients: [\n{rows}    ],\n"
            f"    intercept: {self.text(intercept)})\n")


def write():
    x, labels, weights = data()
    targets = 2.0 * labels - 1
    out = Writer()
    out.value("features", x, "[[Double]]", f"{EXAMPLES} examples, {DIMENSIONS} features.")
    out.value("labels", labels, "[Int]", "0 or 1; ridge regression takes `2 · label − 1`.")
    out.value("weights", weights, "[Double]", "Weights of the examples, where a comment says weighted.")

    for alpha, name in [(0.5, "Half"), (10, "Ten")]:
        out.model(f"ridge{name}", ridge(x, targets, alpha), f"Ridge, α = {alpha}; the intercept is not penalised.")
        out.model(f"ridge{name}Weighted", ridge(x, targets, alpha, weights), f"Ridge, α = {alpha}, weighted.")
    loo = leave_one_out(x, targets, 0.5)
    out.value("ridgeHalfLeaveOneOut", loo, "[Double]", "Ridge, α = 0.5: each example predicted by a fit to the others.")

    for c, name in [(0.3, "03"), (2, "2")]:
        out.model(f"logistic{name}", logistic(x, labels, c), f"½|w|² + C Σ log-loss, C = {c}; free intercept.")
        out.model(f"logistic{name}Weighted", logistic(x, labels, c, weights), f"The same with C = {c}, weighted.")
    for c, name in [(1, "1"), (0.1, "01")]:
        out.model(f"svm{name}", svm(x, labels, c), f"½|w|² + C Σ hinge, C = {c}; free intercept.")
    squared = squared_hinge_svm(x, labels, 1)
    out.model("squaredHinge1", squared, "½(|w|² + b²) + C Σ hinge², C = 1; the intercept is penalised.")

    fitted = svm(x, labels, 1)
    decision = x @ fitted[0] + fitted[1]
    out.value("svm1Decisions", decision, "[Double]", "Decision values of `svm1` on the features.")
    out.value("svm1AUC", roc_auc_score(labels, decision), "Double", "ROC AUC of `svm1Decisions`.")
    accuracy = balanced_accuracy_score(labels, decision > 0)
    out.value("svm1BalancedAccuracy", accuracy, "Double", "Balanced accuracy of `svm1Decisions > 0`.")
    tied = np.round(decision / 1.5)
    out.value("tiedScores", tied, "[Double]", "The decisions in coarse steps, so that many tie.")
    out.value("tiedAUC", roc_auc_score(labels, tied), "Double", "ROC AUC of `tiedScores`.")

    statistics(out)
    similarities(out)
    return "\n".join(out.lines)


def statistics(out):
    random = np.random.default_rng(SEED + 1)
    a, b = np.round(random.normal(0.62, 0.08, 11), 3), np.round(random.normal(0.5, 0.2, 7), 3)
    c = np.round(random.normal(0.5, 0.02, 5), 3)
    out.value("samples", [a, b, c], "[[Double]]", "Three samples for t tests.")
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        test = stats.ttest_ind([a, b, c][i], [a, b, c][j], equal_var=False)
        row = [test.statistic, test.df, test.pvalue]
        out.value(f"welch{i}{j}", row, "[Double]", f"Welch's test of samples {i} and {j}: t, degrees of freedom, p.")
    for i, sample in enumerate([a, b, c]):
        test = stats.ttest_1samp(sample, 0.5)
        row = [test.statistic, test.df, test.pvalue]
        out.value(f"oneSample{i}", row, "[Double]", f"Sample {i} against 0.5: t, degrees of freedom, p.")
    rows = [[t, df, stats.t.cdf(t, df)] for t, df in [
        (0.0, 3.0), (1.0, 1.0), (-2.5, 2.0), (0.3, 4.7), (-1.2, 9.0), (2.0, 18.3), (-6.5, 12.0), (12.0, 5.5),
        (-40.0, 3.0), (1.96, 1e6)]]
    out.value("studentCDF", rows, "[[Double]]", "t, degrees of freedom, distribution function.")
    p = np.array([0.004, 0.3, 0.01, 0.01, 0.6, 0.02, 0.9, 0.0005])
    out.value("pValues", p, "[Double]", "p-values to adjust.")
    out.value("bonferroni", np.minimum(1, len(p) * p), "[Double]", "`pValues` adjusted after Bonferroni.")
    out.value("holm", holm(p), "[Double]", "`pValues` adjusted after Holm.")
    bh = benjamini_hochberg(p)
    require(np.allclose(bh, stats.false_discovery_control(p)), "Benjamini-Hochberg disagrees with SciPy")
    out.value("benjaminiHochberg", bh, "[Double]", "`pValues` adjusted after Benjamini and Hochberg.")


def similarities(out):
    random = np.random.default_rng(SEED + 2)
    first = np.round(random.normal(size=(12, 5)) * [3, 1, 1, 0.5, 0.15], 3)
    mix = random.normal(size=(5, 4))
    second = np.round(first @ mix + 0.8 * random.normal(size=(12, 4)) + 1, 3)
    out.value("firstRepresentation", first, "[[Double]]", "12 examples, 5 features.")
    out.value("secondRepresentation", second, "[[Double]]", "The same examples, 4 features.")
    out.value("linearCKA", linear_cka(first, second), "Double", "Linear CKA of the two, biased.")
    out.value("unbiasedCKA", unbiased_cka(first, second), "Double", "Linear CKA with Song's unbiased HSIC.")
    for kept, name in [(0.99, "99"), (0.9, "90")]:
        value = svcca(first, second, kept)
        out.value(f"svcca{name}", value, "Double", f"Mean canonical correlation, {kept:.0%} of the variance kept.")
    comment = "exp(entropy) of the centred {} representation's squared singular values."
    out.value("effectiveRankFirst", effective_rank(first), "Double", comment.format("first"))
    out.value("effectiveRankSecond", effective_rank(second), "Double", comment.format("second"))


def main():
    versions = f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}, NumPy {np.__version__}"
    header = f"""// Generated by scripts/golden/probes.py ({versions}, Python {platform.python_version()}).
// Do not edit; run `make golden`. All values hold to about 1e-9, relative.

/// Reference values for probes, significance tests and similarities of representations.
enum ProbeGoldens {{
  /// A linear decision function.
  struct Linear {{
    var coefficients: [Double]
    var intercept: Double
  }}

"""
    os.makedirs(os.path.dirname(OUTPUT), exist_ok=True)
    with open(OUTPUT, "w") as file:
        file.write(header + write() + "}\n")
    print(f"{os.path.relpath(OUTPUT, ROOT)}: {os.path.getsize(OUTPUT)} bytes")


if __name__ == "__main__":
    main()
