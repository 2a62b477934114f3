"""Programs that are compiled while other things are done."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from concurrent import futures
from typing import Any, Self, final

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


@final
class Rehearsal:
    """Runs operations on other threads, for what they compile.

    What is compiled in a graph is found by all graphs that call the same function with the same
    shapes. (A compiled function that is called outside of any graph leaves nothing to them.)

    Args:
        threads: how many there are; one processor is best left to whoever needs what is compiled.

    Example:
        >>> double = tf.function(lambda x: 2 * x, jit_compile=True)
        >>> with Rehearsal(threads=1) as rehearsal:
        ...     [run] = rehearsal(lambda nothing: double(nothing(tf.int64, 3)))
        >>> run.result()
    """

    def __init__(self, threads: int) -> None:
        self._threads = futures.ThreadPoolExecutor(threads, thread_name_prefix="rehearsal")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Takes no more runs; those it has go on."""
        self._threads.shutdown(wait=False)

    def __call__(self, *runs: Callable[[Nothing], Any]) -> list[futures.Future[None]]:
        """Has runs made, in their order, and returns what can be waited for.

        Args:
            runs: each makes the operations of a graph from what makes their arguments. What they
                return is forgotten.
        """
        # All are traced before any of them runs, and none returns tensors. Functions are numbered
        # as they are traced, by a counter that also numbers tensors; and XLA finds what an earlier
        # process compiled by name, which must not depend on who was faster.
        traced, zero = [_traced(run) for run in runs], tf.constant(0, tf.int64)
        return [self._threads.submit(_play, function, zero) for function in traced]


def _play(function: Any, zero: Tensor) -> None:
    # Whatever it is, whoever does it in earnest will say it.
    with contextlib.suppress(tf.errors.OpError):
        function(zero)


def _traced(run: Callable[[Nothing], Any]) -> Any:
    @tf.function(autograph=False)
    def rehearsed(zero: Tensor) -> None:
        # Looked at, so that TensorFlow does not leave it out; returned, it would be tensors.
        tf.raw_ops.Assert(condition=tf.equal(zero, 0), data=tf.nest.flatten(run(Nothing(zero))))

    return rehearsed.get_concrete_function(tf.TensorSpec([], tf.int64))
