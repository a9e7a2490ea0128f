"""Writes the node cases of the installed package `onnx` as folders, which the wheels no longer hold.

    python scripts/golden/cases.py .build/onnx-cases
    .build/release/noema-conformance .build/onnx-cases
"""

import pathlib
import sys
import warnings

import numpy as np
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases


def message(value, name):
    """The protobuf message of a value, whatever kind it is."""
    if isinstance(value, TensorProto):
        return value
    if isinstance(value, (list, tuple)):
        return numpy_helper.from_list(value, name)
    if isinstance(value, dict):
        return numpy_helper.from_dict(value, name)
    if value is None:
        return numpy_helper.from_optional(None, name)
    return numpy_helper.from_array(np.asarray(value), name)


folder = pathlib.Path(sys.argv[1])
warnings.simplefilter("ignore")
cases = collect_testcases(None)
for case in cases:
    place = folder / case.name
    place.mkdir(parents=True, exist_ok=True)
    (place / "model.onnx").write_bytes(case.model.SerializeToString())
    graph = case.model.graph
    for index, (inputs, outputs) in enumerate(case.data_sets):
        files = place / f"test_data_set_{index}"
        files.mkdir(exist_ok=True)
        for kind, values, ports in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            for number, value in enumerate(values):
                data = message(value, ports[number].name).SerializeToString()
                (files / f"{kind}_{number}.pb").write_bytes(data)
print(f"{len(cases)} cases")
