"""Where scalars and texts of a run go: event files, nowhere, or memory."""

from __future__ import annotations

import dataclasses
import os
import socket
import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf


class Writer(Protocol):
    """Takes values by tag and step."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one number per tag."""

    def text(self, step: int, tag: str, value: str) -> None:
        """Writes a text under a tag."""

    def summary(self, step: int, serialized: bytes) -> None:
        """Writes a serialized `tf.compat.v1.Summary` message."""

    def flush(self) -> None:
        """Makes everything written so far visible to readers."""


class NullWriter:
    """Writes nothing: the writer of workers that are not the chief."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Does nothing."""

    def text(self, step: int, tag: str, value: str) -> None:
        """Does nothing."""

    def summary(self, step: int, serialized: bytes) -> None:
        """Does nothing."""

    def flush(self) -> None:
        """Does nothing."""


class MemoryWriter:
    """Keeps what is written, for tests and notebooks.

    Example:
        >>> writer = MemoryWriter()
        >>> writer.scalars(3, {"loss": 0.5})
        >>> writer.written
        [(3, 'loss', 0.5)]
    """

    def __init__(self) -> None:
        self.written: list[tuple[int, str, Any]] = []

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Keeps one entry per tag."""
        self.written += [(step, tag, value) for tag, value in values.items()]

    def text(self, step: int, tag: str, value: str) -> None:
        """Keeps the text."""
        self.written.append((step, tag, value))

    def summary(self, step: int, serialized: bytes) -> None:
        """Keeps the message's simple values by tag."""
        for value in tf.compat.v1.Summary.FromString(serialized).value:
            self.written.append((step, value.tag, value.simple_value))

    def flush(self) -> None:
        """Does nothing."""


class EventWriter:
    """Writes the event files that TensorBoard reads, with tf.estimator's tags and value types.

    The file is created on the first write, so that asking for a writer leaves no empty files. The
    messages are `simple_value` scalars as tf.estimator wrote them: readers of old event files
    (early stopping, dashboards) look for exactly that, and `tf.summary` would write tensors.

    `tf.compat.v1.summary.FileWriter` writes the same, with a thread and an open file that outlive
    it: after a thousand evaluations a process had no more of either.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._events: Any = None

    @property
    def directory(self) -> str:
        """The folder of the event files."""
        return self._directory

    def _write(self, step: int, summary: Any) -> None:
        event = tf.compat.v1.Event(wall_time=time.time(), step=step, summary=summary)
        if self._events is None:
            self._events = self._open()
        self._events.write(event.SerializeToString())

    def _open(self) -> Any:
        """Begins a file whose name no other writer has, not even of the same second."""
        tf.io.gfile.makedirs(self._directory)
        now = time.time_ns()
        name = f"events.out.tfevents.{now // 10**9:010d}.{socket.gethostname()}.{os.getpid()}.{now}"
        events = tf.io.TFRecordWriter(os.path.join(self._directory, name))
        first = tf.compat.v1.Event(wall_time=now / 1e9, file_version="brain.Event:2")
        events.write(first.SerializeToString())
        return events

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes `simple_value` summaries."""
        summary = tf.compat.v1.Summary()
        for tag, value in values.items():
            summary.value.add(tag=tag, simple_value=float(value))
        self._write(step, summary)

    def text(self, step: int, tag: str, value: str) -> None:
        """Writes a text summary, shown by TensorBoard's text dashboard."""
        metadata = tf.compat.v1.SummaryMetadata()
        metadata.plugin_data.plugin_name = "text"
        summary = tf.compat.v1.Summary()
        summary.value.add(
            tag=tag, metadata=metadata, tensor=tf.make_tensor_proto(np.array([value], dtype=object))
        )
        self._write(step, summary)

    def summary(self, step: int, serialized: bytes) -> None:
        """Writes the message as it is."""
        self._write(step, tf.compat.v1.Summary.FromString(serialized))

    def flush(self) -> None:
        """Flushes the event file, if there is one."""
        if self._events is not None:
            self._events.flush()


@dataclasses.dataclass(frozen=True)
class MultiWriter:
    """Writes to several writers."""

    writers: tuple[Writer, ...]

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Passes the values on."""
        for writer in self.writers:
            writer.scalars(step, values)

    def text(self, step: int, tag: str, value: str) -> None:
        """Passes the text on."""
        for writer in self.writers:
            writer.text(step, tag, value)

    def summary(self, step: int, serialized: bytes) -> None:
        """Passes the message on."""
        for writer in self.writers:
            writer.summary(step, serialized)

    def flush(self) -> None:
        """Flushes all."""
        for writer in self.writers:
            writer.flush()
