"""The logits of the rows that trees are grown on, kept while trees are added."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, final

import tensorflow as tf

from estimators import Hook
from premade.boosted_trees import walk
from premade.boosted_trees.forest import Forest

Tensor = Any
Variable = Any


@final
@dataclasses.dataclass(frozen=True, eq=False)
class RowLogits:
    """Those of a shard. Not saved: they are what the forest says of the rows.

    Attributes:
        values: for each output, float32 `[rows]`.

    Example:
        >>> logits = RowLogits.of(rows=2, outputs=1)
        >>> logits.assign([tf.constant([0.5, -1.0])])
        >>> [values.numpy().tolist() for values in logits.read()]
        [[0.5, -1.0]]
    """

    values: tuple[Variable, ...]

    @classmethod
    def of(cls, rows: int, outputs: int) -> Self:
        """Returns those of no trees: zeros."""
        return cls(tuple(tf.Variable(tf.zeros([rows]), trainable=False) for _ in range(outputs)))

    def read(self) -> tuple[Tensor, ...]:
        """Returns, for each output, float32 `[rows]`."""
        return tuple(variable.read_value() for variable in self.values)

    def assign(self, values: Sequence[Tensor]) -> None:
        """Has others take the place of the values."""
        for variable, value in zip(self.values, values, strict=True):
            variable.assign(value)


@final
class RowLogitsHook(Hook):
    """Has a run begin with what its forest says of its rows.

    In a step this would be a branch that most runs never take; and to trace what a forest predicts
    takes as long as to grow ten trees on a million rows.

    Args:
        scope: of the variables of the forest.
        names: of its arrays.
        bins: returns those of the rows of each shard of this process; see `walk.logits_of_bins`.
        shards: their logits.
    """

    def __init__(
        self,
        scope: str,
        names: Sequence[str],
        bins: Callable[[], Sequence[Tensor]],
        shards: Sequence[RowLogits],
    ) -> None:
        self._scope = scope
        self._names = names
        self._bins = bins
        self._shards = shards

    def begin(self, run: Any) -> None:
        """Assigns them."""
        forest = {name: run.read_variable(f"{self._scope}/{name}") for name in self._names}
        outputs = len(self._shards[0].values)
        found = _of_shards(forest, list(self._bins()), outputs)
        for shard, values in zip(self._shards, found, strict=True):
            shard.assign(values)


@tf.function(jit_compile=True, autograph=False)
def added(logits: Tensor, values: Tensor, leaf: Tensor) -> Tensor:
    """Returns logits with those of a tree, float32 `[rows]`.

    Args:
        logits: float32 `[rows]`.
        values: float32 `[leaves]`.
        leaf: int32 `[rows]`, in which leaf each row is.

    >>> added(tf.zeros([3]), tf.constant([0.5, -1.0]), tf.constant([1, 0, 1])).numpy().tolist()
    [-1.0, 0.5, -1.0]
    """
    return logits + tf.gather(values, leaf)


def _of_shards(
    forest: Mapping[str, Any], bins: list[Tensor], outputs: int
) -> list[tuple[Tensor, ...]]:
    """Returns what a forest says of the rows of shards, for each output float32 `[rows]`."""
    if not len(forest["feature"]):
        return [(tf.zeros([of_shard.shape[1]]),) * outputs for of_shard in bins]

    # In one graph, so that shards are looked at side by side.
    @tf.function(autograph=False)
    def together(arrays: dict[str, Tensor], bins: list[Tensor]) -> list[list[Tensor]]:
        trees = Forest(**arrays)
        return [tf.unstack(walk.logits_of_bins(trees, each, width=outputs)) for each in bins]

    arrays = {name: tf.constant(array) for name, array in forest.items()}
    return [tuple(values) for values in together(arrays, bins)]
