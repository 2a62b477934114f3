"""How rows of predictions are written to a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Row = Mapping[str, Any]


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it: texts, numbers, lists."""
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value.item() if isinstance(value, np.generic) else value


def _jsonl(rows: Sequence[Row]) -> bytes:
    lines = (json.dumps({k: _plain(v) for k, v in row.items()}, sort_keys=True) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _flat(row: Row) -> dict[str, Any]:
    """Returns a row with one field for each number: `probabilities_0`, `probabilities_1`."""
    fields = {}
    for key in sorted(row):
        values = np.ravel(np.asarray(row[key]))
        if np.size(row[key]) == 1:
            fields[key] = _plain(values[0])
        else:
            fields.update({f"{key}_{i}": _plain(value) for i, value in enumerate(values)})
    return fields


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    flat = [_flat(row) for row in rows]
    writer = csv.DictWriter(text, fieldnames=list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue().encode()


def _example(row: Row) -> bytes:
    features = {}
    for key, value in row.items():
        values = np.ravel(np.asarray(value))
        if values.dtype.kind in "OSU":
            kind = {"bytes_list": tf.train.BytesList(value=[tf.compat.as_bytes(v) for v in values])}
        elif values.dtype.kind in "iub":
            kind = {"int64_list": tf.train.Int64List(value=values)}
        else:
            kind = {"float_list": tf.train.FloatList(value=values)}
        features[key] = tf.train.Feature(**kind)
    message = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(message.SerializeToString(deterministic=True))


def _write_text(encode: Callable[[Sequence[Row]], bytes]) -> Callable[[str, Sequence[Row]], None]:
    def write(path: str, rows: Sequence[Row]) -> None:
        with open(path, "wb") as file:
            file.write(encode(rows))

    return write


def _write_tfrecord(path: str, rows: Sequence[Row]) -> None:
    with tf.io.TFRecordWriter(path) as file:
        for row in rows:
            file.write(_example(row))


FORMATS: Mapping[str, Callable[[str, Sequence[Row]], None]] = {
    "jsonl": _write_text(_jsonl),
    "csv": _write_text(_csv),
    "tfrecord": _write_tfrecord,
}
"""How rows are written to a file, by the ending of its name."""
