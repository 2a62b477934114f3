"""The `tf.summary` calls of a `model_fn` body: told when and where to write.

They write by themselves, from inside the compiled loop. TensorFlow passes those of
`tf.compat.v1.summary` on to the same writer.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from estimators.aliases import Variable


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Lets the summary calls inside write nothing.

    Without a writer they do that by themselves, but those of TensorFlow 1 warn of it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Cannot activate TF2 compatibility support")
        yield


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Lets the summary calls inside leave operations in the graph, for `writes_itself`."""
    with tempfile.TemporaryDirectory() as folder:
        with tf.init_scope():
            writer = tf.summary.create_file_writer(folder)
        with writer.as_default(step=0), tf.summary.record_if(True):
            yield
        with tf.init_scope():
            writer.close()


def writes_itself(graph: Any) -> bool:
    """Says whether a graph made inside `watched` holds summaries."""
    types = {operation.type for operation in graph.get_operations()}
    return any(type_.startswith("Write") and type_.endswith("Summary") for type_ in types)


class Recorder:
    """Where and when the summary calls of a body write.

    Args:
        folder: of the event file.
        every_steps: steps between two times; the first step is one of them.
        global_step: steps finished so far.
    """

    def __init__(self, folder: str, every_steps: int, global_step: Variable) -> None:
        self._writer = tf.summary.create_file_writer(folder)
        self._every_steps = every_steps
        self._global_step = global_step

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Enters the recorder around one step; events carry the step's number, from 1."""
        step = self._global_step.read_value()
        is_time = tf.equal(step % self._every_steps, 0)
        with self._writer.as_default(step=step + 1), tf.summary.record_if(is_time):
            yield

    def flush(self) -> None:
        """Makes everything written so far visible to readers."""
        self._writer.flush()
