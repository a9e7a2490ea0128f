"""Writes the node cases of the installed onnx as folders that noema-conformance reads: onnx_cases.py FOLDER.

The wheel that `make conformance` unpacks holds the cases as files; later ones only make them, those of newer operators
too. Then: noema-conformance FOLDER/node
"""

import os
import sys

import numpy as np
from onnx import SequenceProto, TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases


def message(value, info):
    """A value of a data set as the message that the file of it holds."""
    if isinstance(value, (TensorProto, SequenceProto)):
        return value
    if isinstance(value, dict):
        return numpy_helper.from_dict(value, info.name)
    if info.type.HasField("sequence_type"):
        return numpy_helper.from_list(value, info.name)
    if info.type.HasField("optional_type"):
        return numpy_helper.from_optional(value, info.name)
    return numpy_helper.from_array(value if hasattr(value, "dtype") else np.asarray(value), info.name)


def write(path, message):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(message.SerializeToString())


def main(folder):
    cases = collect_testcases(None)
    for case in cases:
        place = os.path.join(folder, "node", case.name)
        graph = case.model.graph
        write(os.path.join(place, "model.onnx"), case.model)
        for index, (inputs, outputs) in enumerate(case.data_sets):
            for kind, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
                for position, (value, info) in enumerate(zip(values, infos)):
                    name = f"test_data_set_{index}/{kind}_{position}.pb"
                    write(os.path.join(place, name), message(value, info))
    print(f"{len(cases)} cases in {folder}")


if __name__ == "__main__":
    main(sys.argv[1])
