"""Programs that are compiled while other things are done."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable
from typing import Any, final

import tensorflow as tf

Tensor = Any


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Nothing:
    """Makes arrays of zeros, which TensorFlow does not know to be constants.

    What depends on constants alone, it computes, and compiles, apart from everything else.

    Attributes:
        zero: int64 scalar.
    """

    zero: Tensor

    def __call__(self, kind: Any, *shape: int) -> Tensor:
        """Returns an array of a type and a shape."""
        return tf.fill(shape, tf.cast(self.zero, kind))


def rehearse(run: Callable[[Nothing], Any]) -> threading.Thread:
    """Runs operations on another thread, for what they compile, and returns the thread.

    What is compiled in a graph is found by all graphs that call the same function with the same
    shapes. (A compiled function that is called outside of any graph leaves nothing to them.)

    Args:
        run: the operations of a graph, from what makes their arguments. What it returns is
            forgotten.

    Example:
        >>> double = tf.function(lambda x: 2 * x, jit_compile=True)
        >>> rehearse(lambda nothing: double(nothing(tf.int64, 3))).join()
    """
    compiled = tf.function(lambda zero: run(Nothing(zero)), autograph=False)

    def play() -> None:
        # Whatever it is, whoever does it in earnest will say it.
        with contextlib.suppress(tf.errors.OpError):
            compiled(tf.constant(0, tf.int64))

    thread = threading.Thread(target=play, name="rehearsal")
    thread.start()
    return thread
