"""scikit-learn growing a decision tree whenever a line arrives: time_trees.py {full,depth-10} TABLE;
`time_trees.py --data TABLE` writes the table, a CSV file of 100,000 rows of 50 numbers with the column `label`.

full:     all the way down, Gini.
depth-10: ten questions deep, Gini.

A tree is grown by one thread: scikit-learn has no others for it. Reading the table is not timed, nor is it of Noema.
"""

import sys

import numpy as np
from timing import serve

ROWS, WIDTH = 100_000, 50


def write(path):
    """Three rules over eight of the columns, a tenth of the labels turned."""
    random = np.random.default_rng(0)
    table = random.normal(size=(ROWS, WIDTH)).astype(np.float32)
    # Some columns have few values, as counts and codes do.
    table[:, 40:] = np.round(table[:, 40:] * 4)
    holds = (table[:, 0] > 0.5) & (table[:, 1] <= 0.3) | (table[:, 2] > 1) & (table[:, 3] > -0.5)
    holds |= (table[:, 4] <= -1) & (table[:, 5] > 0) & (table[:, 40] > 1) & (table[:, 41] <= 3)
    label = holds ^ (random.random(ROWS) < 0.1)
    names = ",".join([f"x{index}" for index in range(WIDTH)] + ["label"])
    np.savetxt(
        path, np.column_stack([table, label]), delimiter=",", header=names, comments="", fmt=["%.9g"] * WIDTH + ["%d"])


def main():
    if sys.argv[1] == "--data":
        return write(sys.argv[2])
    from sklearn.tree import DecisionTreeClassifier

    kind, path = sys.argv[1:3]
    table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
    rows, label = np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(int)
    model = DecisionTreeClassifier(max_depth=10 if kind == "depth-10" else None, random_state=0)
    serve(lambda: model.fit(rows, label), 1, warm=lambda: model.fit(rows[:1000], label[:1000]))


main()
