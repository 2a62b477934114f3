"""The best constant logits, with which a centered forest begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, final

import numpy as np
import tensorflow as tf

from premade.boosted_trees import sums
from premade.boosted_trees.derivatives import Looked
from premade.boosted_trees.forest import Forest, Layout, leaves_alone
from premade.boosted_trees.leaf_quantiles import quantiles

Tensor = Any
_Shards: TypeAlias = Sequence[tuple[Any, Tensor]]

_MOST_STEPS = 50
_NEAR = 1e-6


@final
@dataclasses.dataclass(frozen=True)
class Bias:
    """Finds the constants; they are the same however the rows are ordered and shared.

    They are found once, outside of the steps: in a step there would be sums over all replicas in a
    loop, of which nobody knows how often it goes around.

    Attributes:
        look: takes labels, logits and weights of a shard.
        outputs: number of logits.
        quantile: the constant of the loss, where it is a quantile; else None, and it is found by
            Newton's method, by the derivatives that trees take.
        others: those who have the other rows.
    """

    look: Callable[..., Looked]
    outputs: int
    quantile: float | None
    others: sums.Others

    def found(self, labels: Sequence[Any], weights: Sequence[Tensor]) -> Tensor:
        """Returns constants, and their sums of second derivatives: float32 `[2, outputs]`.

        Args:
            labels: of each shard, as `Loss.look` takes them.
            weights: of each shard, float32 `[rows]` or `[rows, outputs]`.
        """
        shards = list(zip(labels, weights, strict=True))
        if self.quantile is None:
            values, covers = self._by_newton(shards)
        else:
            values, covers = self._quantiles(shards, self.quantile)
        return tf.stack([values, tf.cast(covers, tf.float32)])

    def _by_newton(self, shards: _Shards) -> tuple[Tensor, Tensor]:
        values = tf.zeros([self.outputs])
        for _ in range(_MOST_STEPS):
            g, h = self._sums(shards, values)
            moved = values + tf.cast(tf.math.divide_no_nan(-g, h), tf.float32)
            change = tf.reduce_max(tf.abs(moved - values) / (1.0 + tf.abs(values)))
            values = moved
            if not change > _NEAR:
                break
        return values, h

    def _sums(self, shards: _Shards, values: Tensor) -> tuple[Tensor, Tensor]:
        """Returns sums of the derivatives at constant logits, float64 `[outputs]` each."""
        packed = self._packed(shards, values)
        g, h = zip(*(scale.unpack(self._total(units)) for units, scale in packed), strict=True)
        return tf.stack(g), tf.stack(h)

    def _quantiles(self, shards: _Shards, quantile: float) -> tuple[Tensor, Tensor]:
        found = []
        for k, (units, scale) in enumerate(self._packed(shards, tf.zeros([self.outputs]))):
            of_labels = [column(labels, k) for labels, _ in shards]
            nodes = [tf.zeros_like(x, tf.int32) for x in units]
            (value,) = tf.unstack(quantiles(of_labels, units, nodes, 1, quantile, self.others))
            _, h = scale.unpack(self._total(units))
            found.append((value, h))
        values, covers = zip(*found, strict=True)
        return tf.stack(values), tf.stack(covers)

    def _total(self, packed: Sequence[Tensor]) -> Tensor:
        return self.others.total(tf.add_n([tf.reduce_sum(x) for x in packed]))

    def _packed(self, shards: _Shards, values: Tensor) -> list[tuple[list[Tensor], sums.Scale]]:
        """Returns the derivatives at constant logits, and their unit, of each output."""
        looked = [
            self.look(
                labels, tuple(tf.fill([weights.shape[0]], x) for x in tf.unstack(values)), weights
            )
            for labels, weights in shards
        ]
        return [
            sums.packed([(each.g[k], each.h[k]) for each in looked], self.others)
            for k in range(self.outputs)
        ]


def bias_trees(found: Tensor, of_tree: Layout) -> Forest:
    """Returns one tree for each output, which is a leaf; no learning rate is in it.

    Args:
        found: see `Bias.found`.
        of_tree: layout of a tree of the forest; see `forest.layout`.

    >>> from premade.boosted_trees.forest import layout
    >>> bias_trees(tf.constant([[0.5], [9.0]]), layout(nodes=1, width=1)).value.numpy().tolist()
    [[[0.5]]]
    """
    (nodes,), outputs = of_tree["feature"][1], found.shape[1]
    values, covers = (tf.pad(x[:, tf.newaxis], [[0, 0], [0, nodes - 1]]) for x in tf.unstack(found))
    arrays: dict[str, Any] = {
        **leaves_alone(outputs, of_tree),
        "value": values[:, :, tf.newaxis],
        "cover": covers,
        "output": np.arange(outputs, dtype=np.int32),
    }
    return Forest(**{name: tf.convert_to_tensor(array) for name, array in arrays.items()})


def column(labels: Tensor, output: int) -> Tensor:
    """Returns the labels of one output: of `[rows]`, which has one, or `[rows, outputs]`."""
    return labels if labels.shape.rank == 1 else labels[:, output]
