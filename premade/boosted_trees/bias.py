"""The best constant logits, with which a centered forest begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np
import tensorflow as tf

from premade import replicas
from premade.boosted_trees import sums
from premade.boosted_trees.derivatives import Looked
from premade.boosted_trees.forest import LEAF, Forest, Layout
from premade.boosted_trees.leaf_quantiles import quantiles
from premade.boosted_trees.table import LABELS, WEIGHTS

Tensor = Any

_MOST_STEPS = 50
_NEAR = 1e-6


@final
@dataclasses.dataclass(frozen=True)
class Bias:
    """Finds the constants; they are the same however the rows are ordered and shared.

    Attributes:
        look: takes labels, logits and weights of a shard.
        outputs: number of logits.
        layout: of a tree of the forest; see `forest.layout`.
        quantile: the constant of the loss, where it is a quantile; else None, and it is found by
            Newton's method, by the derivatives that trees take.
    """

    look: Callable[..., Looked]
    outputs: int
    layout: Layout
    quantile: float | None = None

    def trees(self, table: Mapping[str, Any]) -> Forest:
        """Returns one tree for each output, which is a leaf; no learning rate is in it."""
        if self.quantile is None:
            values, covers = self._by_newton(table)
        else:
            values, covers = self._quantiles(table, self.quantile)
        arrays: dict[str, Any] = {
            name: np.zeros([self.outputs, *shape], kind)
            for name, (kind, shape) in self.layout.items()
        }
        (nodes,) = self.layout["feature"][1]
        behind = [[0, 0], [0, nodes - 1]]
        arrays |= {
            "feature": np.full([self.outputs, nodes], LEAF, np.int32),
            "value": tf.pad(values[:, tf.newaxis], behind)[:, :, tf.newaxis],
            "cover": tf.pad(tf.cast(covers, tf.float32)[:, tf.newaxis], behind),
            "output": np.arange(self.outputs, dtype=np.int32),
        }
        return Forest(**{name: tf.convert_to_tensor(array) for name, array in arrays.items()})

    def _by_newton(self, table: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        def step(i: Tensor, values: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
            g, h = self._sums(table, values)
            moved = values + tf.cast(tf.math.divide_no_nan(-g, h), tf.float32)
            return i + 1, moved, h, tf.reduce_max(tf.abs(moved - values) / (1.0 + tf.abs(values)))

        zeros = tf.zeros([self.outputs])
        _, values, covers, _ = tf.while_loop(
            lambda i, _, __, change: (i < _MOST_STEPS) & (change > _NEAR),
            step,
            (tf.constant(0), zeros, tf.cast(zeros, tf.float64), tf.constant(np.float32(np.inf))),
        )
        return values, covers

    def _sums(self, table: Mapping[str, Any], values: Tensor) -> tuple[Tensor, Tensor]:
        """Returns sums of the derivatives at constant logits, float64 `[outputs]` each."""
        shards = self._looked(table, values)
        both = []
        for k in range(self.outputs):
            packed, scale = sums.packed([(each.g[k], each.h[k]) for each in shards])
            total = replicas.total(tf.add_n([tf.reduce_sum(x) for x in packed]))
            both.append(scale.unpack(total))
        g, h = zip(*both, strict=True)
        return tf.stack(g), tf.stack(h)

    def _quantiles(self, table: Mapping[str, Any], quantile: float) -> tuple[Tensor, Tensor]:
        shards, found = self._looked(table, tf.zeros([self.outputs])), []
        for k in range(self.outputs):
            packed, scale = sums.packed([(each.g[k], each.h[k]) for each in shards])
            labels = [column(of_shard, k) for of_shard in table[LABELS]]
            nodes = [tf.zeros_like(x, tf.int32) for x in packed]
            (value,) = tf.unstack(quantiles(labels, packed, nodes, 1, quantile))
            _, h = scale.unpack(replicas.total(tf.add_n([tf.reduce_sum(x) for x in packed])))
            found.append((value, h))
        values, covers = zip(*found, strict=True)
        return tf.stack(values), tf.stack(covers)

    def _looked(self, table: Mapping[str, Any], values: Tensor) -> list[Looked]:
        return [
            self.look(
                labels, tuple(tf.fill([weights.shape[0]], x) for x in tf.unstack(values)), weights
            )
            for labels, weights in zip(table[LABELS], table[WEIGHTS], strict=True)
        ]


def column(labels: Tensor, output: int) -> Tensor:
    """Returns the labels of one output: of `[rows]`, which has one, or `[rows, outputs]`."""
    return labels if labels.shape.rank == 1 else labels[:, output]
