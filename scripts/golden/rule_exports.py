#!/usr/bin/env python3
"""Holds the exports of rules against each other: scripts/golden/rule_exports.py --noema COMMAND TABLE FOLDER...

Each FOLDER is a result of `noema rules`, or holds some; TABLE is a .csv with the columns of their rules. What
`rules.sql` says in SQLite, `rules.py` in Python and `rules.pmml` in PMML4S (by pypmml, which needs Java; left out and
said so where it is not installed) must be what `noema rules apply` says, for every row of the table, for rows moved
onto each threshold and one float64 to either side, and for rows that lack values. Prints the rows and the
disagreements of each form; ends with 1 when there is one, or when a form that was written does not run. Where classes
have equal votes the standard takes the first one, and PMML4S another; such rows are counted apart.
"""

import argparse
import csv
import json
import math
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

try:
    from pypmml import Model
except ImportError:
    Model = None

MISSING = {"", "na", "n/a", "nan", "null", "?"}
MISSING_NUMBERS = MISSING | {"none", "-", "."}
#: Rows that are drawn for each threshold, and rows that lack values, for each column that rules read.
PER_THRESHOLD, PER_COLUMN = 3, 10


def read_table(path, features):
    """The rows of a table as dictionaries of floats, words and None."""
    def value(text, feature):
        text = text.strip()
        if "levels" in feature:
            return text if text in feature["levels"] or text.lower() not in MISSING else None
        return None if text.lower() in MISSING_NUMBERS else float(text)

    with open(path, encoding="utf-8-sig", newline="") as file:
        return [{f["name"]: value(row[f["name"]], f) for f in features} for row in csv.DictReader(file)]


def terms(node):
    """All questions in a document, wherever they stand."""
    if isinstance(node, dict):
        if "op" in node or "groups" in node:
            yield node
        for child in node.values():
            yield from terms(child)
    elif isinstance(node, list):
        for child in node:
            yield from terms(child)


def drawn(rows, document, seed=7):
    """Further rows: on thresholds and beside them, and without values."""
    generator = random.Random(seed)
    kinds = {feature["name"]: feature["type"] for feature in document["features"]}
    result = []
    asked = list(terms(document))
    for name, threshold in sorted({(t["feature"], t["value"]) for t in asked if "value" in t}):
        if kinds[name] == "numeric":
            values = [threshold, math.nextafter(threshold, math.inf), math.nextafter(threshold, -math.inf)]
        else:
            values = [math.floor(threshold), math.floor(threshold) + 1]
        for value in values:
            result += [generator.choice(rows) | {name: float(value)} for _ in range(PER_THRESHOLD)]
    names = sorted({t["feature"] for t in asked}) or sorted(kinds)
    for name in names:
        result += [generator.choice(rows) | {name: None} for _ in range(PER_COLUMN)]
        result.append(generator.choice(rows) | dict.fromkeys(names))
    return result


def applied(command, folder, rows, features):
    """The answers of `noema rules apply`, and which rules fire."""
    with tempfile.TemporaryDirectory() as scratch:
        table = pathlib.Path(scratch) / "rows.csv"
        with open(table, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([f["name"] for f in features])
            for row in rows:
                # A blank line would be no row where there is one column.
                writer.writerow(
                    ["?" if row[f["name"]] is None else
                     row[f["name"]] if "levels" in f else repr(row[f["name"]]) for f in features])
        answer = subprocess.run(
            command + ["rules", "apply", str(folder / "rules.json"), "--data", str(table), "--json"],
            capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(f"rule_exports.py: {folder}: {answer.stderr.strip()}")
    answers = json.loads(answer.stdout)["rows"]
    return [row["prediction"] for row in answers], [row["firing"] for row in answers]


# What each form says of some rows.


def by_sql(text, rows, features):
    database = sqlite3.connect(":memory:")

    def quoted(name):
        return '"' + name.replace('"', '""') + '"'

    columns = ", ".join(f"{quoted(f['name'])} {'TEXT' if 'levels' in f else 'REAL'}" for f in features)
    database.execute(f"CREATE TABLE data ({columns})")
    marks = ", ".join("?" * len(features))
    database.executemany(
        f"INSERT INTO data VALUES ({marks})", [[row[f["name"]] for f in features] for row in rows])
    return [row[-1] for row in database.execute(text)]


def by_python(text, rows, _):
    space = {}
    exec(compile(text, "rules.py", "exec"), space)
    return [space["predict"](row) for row in rows]


def by_pmml(text, rows, _):
    model = Model.fromString(text)
    return [model.predict(row)["predicted_prediction"] for row in rows]


FORMS = [("rules.sql", by_sql), ("rules.py", by_python)] + ([("rules.pmml", by_pmml)] if Model else [])


def same(found, expected, is_number):
    return float(found) == float(expected) if is_number else found == expected


def have_equal_votes(pmml, document, firing):
    """Whether the rules that fire give two classes the same sum of weights, by the weights of the PMML."""
    root = ElementTree.fromstring(pmml)
    rules = root.findall(".//{*}SimpleRule")
    selection = root.find(".//{*}RuleSelectionMethod")
    numbers = [int(word) - 1 for word in re.findall(r"\d+", firing)]
    # Rules without a vote are left out, after which numbers say nothing.
    if selection is None or selection.get("criterion") != "weightedSum" or len(rules) != len(document["rules"]):
        return False
    sums = {}
    for rule in (rules[number] for number in numbers):
        sums[rule.get("score")] = sums.get(rule.get("score"), 0.0) + float(rule.get("weight"))
    return len(sums) > 1 and sorted(sums.values())[-1] == sorted(sums.values())[-2]


def compare(command, folder, table):
    """Prints a line for each form; returns rows and disagreements."""
    document = json.loads((folder / "rules.json").read_text(encoding="utf-8"))
    features = document["features"]
    rows = read_table(table, features)
    rows += drawn(rows, document)
    expected, firing = applied(command, folder, rows, features)
    count, faults = 0, 0
    for name, ask in FORMS:
        path = folder / name
        if not path.exists():
            print(f"{folder}\t{name}\tnot written")
            continue
        text = path.read_text(encoding="utf-8")
        try:
            found = ask(text, rows, features)
        except Exception as error:
            print(f"{folder}\t{name}\tdoes not run: {str(error).splitlines()[0]}")
            faults += 1
            continue
        pairs = list(zip(found, expected, strict=True))
        wrong = [i for i, (a, b) in enumerate(pairs) if not same(a, b, not document["classes"])]
        ties = [i for i in wrong if name == "rules.pmml" and have_equal_votes(text, document, firing[i])]
        wrong = [i for i in wrong if i not in ties]
        remark = f", {len(ties)} where votes are equal" if ties else ""
        print(f"{folder}\t{name}\t{len(pairs)} rows\t{len(wrong)} disagree{remark}")
        for index in wrong[:3]:
            print(f"    {name} says {found[index]}, noema {expected[index]} of {rows[index]}")
        count, faults = count + len(pairs), faults + len(wrong)
    return count, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--noema", default="noema", help="the command, with words in front where it needs some")
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("folders", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()
    if not Model:
        print("pypmml is not installed, so rules.pmml is not read", file=sys.stderr)
    count, faults = 0, 0
    for root in arguments.folders:
        results = sorted(path.parent for path in root.glob("**/rules.json"))
        if not results:
            raise SystemExit(f"rule_exports.py: there is no rules.json in {root}")
        for folder in results:
            more = compare(arguments.noema.split(), folder, arguments.table)
            count, faults = count + more[0], faults + more[1]
    print(f"{count} answers, {faults} disagreements")
    sys.exit(1 if faults else 0)


main()
