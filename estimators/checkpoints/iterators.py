"""The position of a `tf.data` iterator, in a file.

What is saved is the iterator itself with the content of its shuffle and prefetch buffers, so a
restored one gives the very elements that the saved one would have given. Pipelines through Python
(`from_generator`, `py_function`, `numpy_function`) and those with random ops that keep their own
counter cannot be saved; TensorFlow says so at the first attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeAlias

import tensorflow as tf

from estimators.errors import CheckpointError, IncompatibleCheckpointError

Iterator: TypeAlias = Any
"""A plain `tf.data.Iterator`; `DistributedIterator` cannot be saved."""


class IteratorNotSaveableError(CheckpointError):
    """The position of this iterator cannot be saved."""


def save_iterator(iterator: Iterator, prefix: str) -> None:
    """Writes the position of `iterator` to `<prefix>.index` and its data file.

    Raises:
      IteratorNotSaveableError: the pipeline keeps state that TensorFlow cannot save.

    >>> import tempfile, os
    >>> numbers = tf.data.Dataset.range(100).shuffle(10, seed=1)
    >>> saved = iter(numbers)
    >>> _ = next(saved)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_iterator(saved, os.path.join(folder, "input"))
    ...     again = iter(numbers)
    ...     restore_iterator(again, os.path.join(folder, "input"))
    >>> [int(x) for x in saved] == [int(x) for x in again]
    True
    """
    try:
        with _quietly():
            tf.train.Checkpoint(iterator=iterator).write(prefix)
    except _NOT_SAVEABLE as error:
        raise _not_saveable(error) from error


def restore_iterator(iterator: Iterator, prefix: str) -> None:
    """Puts `iterator` where the saved one was; it must come from the same pipeline.

    Raises:
      IncompatibleCheckpointError: the pipeline is not the one that was saved. The iterator must not
        be used then: make a new one.

    >>> import os, tempfile
    >>> iterator = iter(tf.data.Dataset.range(3))
    >>> int(next(iterator))
    0
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_iterator(iterator, os.path.join(folder, "input"))
    ...     again = iter(tf.data.Dataset.range(3))
    ...     restore_iterator(again, os.path.join(folder, "input"))
    >>> int(next(again))
    1
    """
    try:
        tf.train.Checkpoint(iterator=iterator).read(prefix).assert_consumed()
    except (tf.errors.OpError, AssertionError, ValueError) as error:
        raise IncompatibleCheckpointError(
            f"The input position in {prefix} does not fit the dataset that `input_fn` returns now: "
            f"{_first_sentence(error)}. Go back to the input_fn that wrote it."
        ) from error


def iterator_sidecar(iterator: Iterator) -> Callable[[str], None]:
    """What to give as a sidecar to `CheckpointStore.commit` or `write_sidecar`.

    >>> import tempfile
    >>> from estimators.checkpoints.store import CheckpointStore
    >>> iterator = iter(tf.data.Dataset.range(3))
    >>> with tempfile.TemporaryDirectory() as model_dir:
    ...     store = CheckpointStore(model_dir)
    ...     _ = store.commit(1, {"w": tf.zeros(2)}, sidecars={"input": iterator_sidecar(iterator)})
    ...     restore_iterator(iterator, store.latest().sidecar("input"))
    """

    def write(prefix: str) -> None:
        save_iterator(iterator, prefix)

    return write


# FailedPrecondition: a stateful op in the pipeline. Unimplemented: a dataset without saving code.
_NOT_SAVEABLE = (tf.errors.FailedPreconditionError, tf.errors.UnimplementedError)


@contextmanager
def _quietly() -> Generator[None, None, None]:
    """Keeps TensorFlow from logging, at each save, how long it took to decide on one file."""
    logger = logging.getLogger("absl")

    def worth_reading(record: logging.LogRecord) -> bool:
        return "Sharding callback duration" not in str(record.msg)

    logger.addFilter(worth_reading)
    try:
        yield
    finally:
        logger.removeFilter(worth_reading)


def _not_saveable(error: Exception) -> IteratorNotSaveableError:
    return IteratorNotSaveableError(
        f"The input pipeline cannot be saved: {_first_sentence(error)}. Replace Python functions "
        "and unseeded random ops in it by TensorFlow's stateless ones."
    )


def _first_sentence(error: Exception) -> str:
    message = getattr(error, "message", "") or str(error)
    return message.rpartition("}} ")[2].splitlines()[0].split(" [Op:")[0].rstrip(". ")
