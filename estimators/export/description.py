"""What an export says on the console: its signatures, and a line that asks it something."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from estimators.aliases import Tensor
from estimators.export.signatures import DEFAULT, Signature


def log(
    path: str,
    step: int,
    signatures: Mapping[str, Signature],
    questions: Mapping[str, Mapping[str, Any]],
) -> None:
    """Logs the signatures of an export, and how to call one of them."""
    logging.info("Exported step %d to %s\n%s", step, path, table(signatures))
    for name in (DEFAULT, *questions):
        if name in questions:
            logging.info("Try: %s", command(path, name, questions[name]))
            return


def table(signatures: Mapping[str, Signature]) -> str:
    """Returns the signatures as lines, sorted by name."""
    rows = [("signature", "method", "inputs", "outputs")]
    for name, signature in sorted(signatures.items()):
        method = signature.method.rpartition("/")[2]
        rows.append((name, method, _tensors(signature.inputs), _tensors(signature.outputs)))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(
        "  " + "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]])
        for row in rows
    )


def _tensors(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{key} {_type(tensor)}" for key, tensor in sorted(tensors.items()))


def _type(tensor: Tensor) -> str:
    if tensor.shape.rank is None:
        return f"{tensor.dtype.name}[...]"
    sizes = ",".join("?" if size is None else str(size) for size in tensor.shape.as_list())
    return f"{tensor.dtype.name}[{sizes}]"


def command(path: str, name: str, inputs: Mapping[str, Any]) -> str:
    """Returns a command line that asks one signature about the first row of some inputs."""
    examples = {key: _as_example(value) for key, value in sorted(inputs.items())}
    arrays = [f"{k}={_literal(inputs[k])}" for k, found in examples.items() if found is None]
    options = [f"{k}=[{json.dumps(found)}]" for k, found in examples.items() if found is not None]
    words = ["saved_model_cli", "run", "--dir", path, "--tag_set", "serve"]
    words += ["--signature_def", name]
    if options:
        words += ["--input_examples", ";".join(options)]
    if arrays:
        words += ["--input_exprs", ";".join(arrays)]
    return shlex.join(words)


def _literal(value: Any) -> str:
    rows = value[:1].tolist()
    # A shell line with double quotes inside can be read.
    return json.dumps(rows) if value.dtype == np.dtype(object) else repr(rows)


def _as_example(value: Any) -> dict[str, list[Any]] | None:
    """Returns the features of the first serialized `tf.Example`; None if it is no such thing."""
    if value.dtype != np.dtype(object) or value.ndim != 1 or not isinstance(value[0], bytes):
        return None
    features = tf.train.Example.FromString(value[0]).features.feature
    found = {}
    for key in sorted(features):
        kind = features[key].WhichOneof("kind")
        values = list(getattr(features[key], kind).value)
        found[key] = [v.decode() if isinstance(v, bytes) else v for v in values]
    return found
