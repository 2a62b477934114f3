"""Programs that are compiled while other things are done."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def rehearse(run: Callable[[Any], Any]) -> threading.Thread:
    """Runs operations on another thread, for what they compile, and returns the thread.

    What is compiled in a graph is found by all graphs that call the same function with the same
    shapes. (A compiled function that is called outside of any graph leaves nothing to them.)

    Args:
        run: the operations of a graph, from an int64 scalar, which is 0, and which all of them
            should depend on: what depends on constants alone, TensorFlow computes, and compiles,
            apart from everything else. What it returns is forgotten.

    Example:
        >>> double = tf.function(lambda x: 2 * x, jit_compile=True)
        >>> rehearse(lambda zero: double(tf.fill([3], zero))).join()
    """
    compiled = tf.function(run, autograph=False)

    def play() -> None:
        # Whatever it is, whoever does it in earnest will say it.
        with contextlib.suppress(tf.errors.OpError):
            compiled(tf.constant(0, tf.int64))

    thread = threading.Thread(target=play, name="rehearsal")
    thread.start()
    return thread
