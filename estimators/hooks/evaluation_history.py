"""What former evaluations found, read from their event files."""

from __future__ import annotations

import os
from collections.abc import Iterator

import tensorflow as tf
from absl import logging

_PREFIX = "events.out.tfevents."


def read_eval_metrics(eval_dir: str | os.PathLike[str]) -> dict[int, dict[str, float]]:
    """Returns the metrics of all evaluations by global step, in the order of steps.

    A process that was killed leaves a file with half a record at its end; everything before it is
    read. Where a step was evaluated twice the later value counts.

    Args:
        eval_dir: folder of the event files, as `Estimator.eval_dir()`; it need not exist.

    Example:
        >>> read_eval_metrics("no/such/folder")
        {}
    """
    eval_dir = os.fspath(eval_dir)
    history: dict[int, dict[str, float]] = {}
    if not tf.io.gfile.isdir(eval_dir):
        return history
    for name in sorted(tf.io.gfile.listdir(eval_dir)):
        if name.startswith(_PREFIX):
            for step, metrics in _read_events(os.path.join(eval_dir, name)):
                history.setdefault(step, {}).update(metrics)
    return dict(sorted(history.items()))


def _read_events(path: str) -> Iterator[tuple[int, dict[str, float]]]:
    try:
        for record in tf.data.TFRecordDataset(path):
            event = tf.compat.v1.Event.FromString(record.numpy())
            metrics = dict(_scalars(event.summary))
            if metrics:
                yield event.step, metrics
    except (tf.errors.DataLossError, tf.errors.NotFoundError) as error:
        logging.warning("Event file %s is read up to its damage: %s", path, error.message)


def _scalars(summary: tf.compat.v1.Summary) -> Iterator[tuple[str, float]]:
    """Yields numbers by tag, as v1 (`simple_value`) or `tf.summary` (a tensor) writes them."""
    for value in summary.value:
        if value.HasField("simple_value"):
            yield value.tag, value.simple_value
        elif value.HasField("tensor"):
            array = tf.make_ndarray(value.tensor)
            if array.ndim == 0 and array.dtype.kind in "fiub":
                yield value.tag, float(array)
