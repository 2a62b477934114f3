"""The graph-model format of TensorFlow.js: `model.json`, and the weights in a binary file.

The format is the one that `tensorflowjs_converter` documents for `tfjs_graph_model`: the topology
is a `GraphDef` as JSON whose constants have no values, and the weights manifest names each of them
with its dtype and shape in the order of their bytes.
"""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from bridge.frozen import Frozen

_WEIGHTS = "group1-shard1of1.bin"


def write(frozen: Frozen, path: str | os.PathLike[str]) -> str:
    """Writes the folder.

    Args:
        frozen: what it computes.
        path: the folder; made if needed.

    Returns:
        The path of `model.json`.

    Raises:
        ValueError: a weight has a dtype that JavaScript has not.
    """
    folder = pathlib.Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    graph, weights = _without_values(frozen.graph)
    manifest = [
        {"name": name, "shape": list(value.shape), "dtype": str(value.dtype)}
        for name, value in weights.items()
    ]
    model = {
        "format": "graph-model",
        "generatedBy": tf.version.VERSION,
        "modelTopology": json_format.MessageToDict(graph),
        "signature": _signature(frozen),
        "weightsManifest": [{"paths": [_WEIGHTS], "weights": manifest}],
    }
    (folder / _WEIGHTS).write_bytes(b"".join(value.tobytes() for value in weights.values()))
    file = folder / "model.json"
    file.write_text(json.dumps(model))
    return str(file)


def _without_values(graph: Any) -> tuple[Any, dict[str, np.ndarray[Any, Any]]]:
    """Returns the graph with empty constants, and their values."""
    made = tf.compat.v1.GraphDef()
    made.CopyFrom(graph)
    weights = {}
    for node in made.node:
        _narrow(node)
        if node.op == "Const":
            tensor = node.attr["value"].tensor
            weights[node.name] = _value(node.name, tf.make_ndarray(tensor))
            tensor.Clear()
            tensor.dtype = tf.as_dtype(weights[node.name].dtype).as_datatype_enum
            node.attr["dtype"].type = tensor.dtype
    return made, weights


def _narrow(node: Any) -> None:
    """JavaScript has no int64: its integers are int32."""
    for attribute in node.attr.values():
        if attribute.type == tf.int64.as_datatype_enum:
            attribute.type = tf.int32.as_datatype_enum


def _value(name: str, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if value.dtype == np.int64:
        bounds = np.iinfo(np.int32)
        return np.clip(value, bounds.min, bounds.max).astype(np.int32)
    if value.dtype not in (np.float32, np.int32, np.bool_):
        raise ValueError(
            f"The constant {name!r} is {value.dtype}, and TensorFlow.js has only float32, int32 "
            "and bool. Leave out what is computed by it."
        )
    return value


def _signature(frozen: Frozen) -> dict[str, Any]:
    return {
        "inputs": {spec.name: _described(spec) for spec in frozen.inputs},
        "outputs": {key: {"name": name} for key, name in frozen.outputs.items()},
    }


def _described(spec: Any) -> dict[str, Any]:
    names = {tf.float32: "DT_FLOAT", tf.bool: "DT_BOOL"}
    sizes = [{"size": str(-1 if size is None else size)} for size in spec.shape]
    kind = names.get(spec.dtype, "DT_INT32")
    return {"name": f"{spec.name}:0", "dtype": kind, "tensorShape": {"dim": sizes}}
