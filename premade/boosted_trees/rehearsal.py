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


def rehearse(*runs: Callable[[Nothing], Any]) -> list[threading.Thread]:
    """Runs operations on other threads, for what they compile, and returns the threads.

    What is compiled in a graph is found by all graphs that call the same function with the same
    shapes. (A compiled function that is called outside of any graph leaves nothing to them.)

    Args:
        runs: for each thread the operations of a graph, from what makes their arguments. What they
            return is forgotten.

    Example:
        >>> double = tf.function(lambda x: 2 * x, jit_compile=True)
        >>> [thread] = rehearse(lambda nothing: double(nothing(tf.int64, 3)))
        >>> thread.join()
    """
    # All are traced before any of them runs. Functions are numbered as they are traced, by a
    # counter that also numbers tensors; and XLA finds what an earlier process compiled by name,
    # which must not depend on who was faster.
    traced, zero = [_traced(run) for run in runs], tf.constant(0, tf.int64)

    def play(function: Any) -> None:
        # Whatever it is, whoever does it in earnest will say it.
        with contextlib.suppress(tf.errors.OpError):
            function(zero)

    threads = [
        threading.Thread(target=play, args=[function], name="rehearsal") for function in traced
    ]
    for thread in threads:
        thread.start()
    return threads


def _traced(run: Callable[[Nothing], Any]) -> Any:
    @tf.function(autograph=False)
    def rehearsed(zero: Tensor) -> None:
        # Looked at, so that TensorFlow does not leave it out; returned, it would be tensors.
        tf.raw_ops.Assert(condition=tf.equal(zero, 0), data=tf.nest.flatten(run(Nothing(zero))))

    return rehearsed.get_concrete_function(tf.TensorSpec([], tf.int64))
