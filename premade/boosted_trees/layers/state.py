"""What is saved between the batches, besides the forest."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Self, final

import tensorflow as tf

from premade.boosted_trees.predicting import SCOPE

Tensor = Any
Variable = Any

LAYERS, FINISHED, ATTEMPTS = "layers", "finished_trees", "attempted_layers"
BATCHES, SUMS = "batches", "batch_sums"
CENTERED, BIAS_SUMS = "is_centered", "bias_sums"

NO_TREE = -1


@final
@dataclasses.dataclass(frozen=True, eq=False)
class LayersState:
    """Where the growth of a forest is.

    Attributes:
        layers: int32 scalar, how many the last tree has; `NO_TREE` when it has all.
        finished: int32 scalar, trees that have all.
        attempts: int32 scalar, how often a layer was to be grown.
    """

    layers: Variable
    finished: Variable
    attempts: Variable

    @classmethod
    def made(cls) -> Self:
        """Makes the variables in a body."""
        return cls(scalar(LAYERS, NO_TREE), scalar(FINISHED, 0), scalar(ATTEMPTS, 0))


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Mean:
    """The mean of some batches' numbers.

    Attributes:
        count: of the batches that are in one mean.
        taken: int32 scalar, how many there are so far; None where each batch is a mean.
        sums: float32, of what they gave; None where each batch is a mean.
    """

    count: int
    taken: Variable | None = None
    sums: Variable | None = None

    @classmethod
    def made(cls, name: str, count: int, shape: Sequence[int]) -> Self:
        """Makes the variables in a body."""
        if count == 1:
            return cls(count)
        sums = tf.Variable(tf.zeros(shape), trainable=False, name=f"{SCOPE}/{name}")
        return cls(count, scalar(f"{name}_{BATCHES}", 0), sums)

    def then(self, values: Tensor, do: Any) -> None:
        """Takes a batch's numbers, and does something with the mean when there are enough.

        Args:
            values: float32.
            do: takes the mean.
        """
        if self.taken is None or self.sums is None:
            do(values)
            return
        taken, sums = self.taken, self.sums
        so_far = sums.read_value() + values / self.count
        is_enough = tf.equal(taken.read_value() + 1, self.count)

        def finish() -> tuple[Tensor, Tensor]:
            do(so_far)
            return tf.constant(0), tf.zeros_like(so_far)

        left, rest = tf.cond(is_enough, finish, lambda: (taken.read_value() + 1, so_far))
        taken.assign(left)
        sums.assign(rest)


def scalar(name: str, start: int) -> Variable:
    """Makes an integer that is saved."""
    return tf.Variable(start, trainable=False, dtype=tf.int32, name=f"{SCOPE}/{name}")
