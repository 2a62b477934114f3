"""Predictions that only rise, or only fall, with a feature.

A split by such a feature must send the smaller values to the child of the smaller weight; and all
that grows below keeps to its side of the middle between the two weights, so that no later split can
turn them round. These are the constraints that XGBoost and LightGBM call basic: others would bind
less, and cost another pass over the tree for each split.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias, final

import numpy as np
import tensorflow as tf

from premade.boosted_trees.column_readers import TreeFeature
from premade.boosted_trees.splits import Regularization, Splits
from premade.boosted_trees.sums import Scale

Tensor = Any
Pair: TypeAlias = tuple[Tensor, Tensor]


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Monotone:
    """Which features predictions must follow, and what that leaves to the nodes of a level.

    Limits are float64 `[2, nodes]`: the least and the greatest weight of a node.

    Attributes:
        directions: float64 `[features]`: 1 to rise with a feature, -1 to fall, 0 for no matter.
        regularization: says what a weight is worth.
    """

    directions: np.ndarray[Any, Any]
    regularization: Regularization

    @classmethod
    def of(
        cls,
        asked: Mapping[str, int],
        features: Sequence[TreeFeature],
        regularization: Regularization,
    ) -> Self | None:
        """Returns what a user asks for by column; None if nothing.

        Raises:
            ValueError: a column is unknown, of categories, or the direction is not -1, 0 or 1.
        """
        known = {each.column for each in features if each.categories is None}
        for column, direction in asked.items():
            if column not in known:
                raise ValueError(
                    f"monotone names {column!r}, which is not among the columns of numbers, "
                    f"{sorted(known)}. Categories have no order."
                )
            if direction not in (-1, 0, 1):
                raise ValueError(
                    f"monotone gives {column!r} the direction {direction!r}; it must be 1 "
                    "(rising), -1 (falling) or 0."
                )
        directions = np.array([asked.get(each.column, 0) for each in features], np.float64)
        return cls(directions, regularization) if directions.any() else None

    def start(self, nodes: int) -> Tensor:
        """Returns the limits of nodes that have none."""
        return tf.tile(tf.constant([[-np.inf], [np.inf]], tf.float64), [1, nodes])

    def weights(self, g: Tensor, h: Tensor, limits: Tensor) -> Tensor:
        """Returns the best weights within limits, float64 of the shape of the derivatives."""
        weight = self.regularization.weight(g, h)
        return tf.minimum(tf.maximum(weight, limits[0]), limits[1])

    def gain(self, left: Pair, right: Pair, whole: Pair, limits: Tensor) -> Tensor:
        """Returns by how much (twice) splits lower the loss; -1 for those of the wrong direction.

        Args:
            left: first and second derivatives of the left child, float64 `[features, bins, nodes]`.
            right: of the right child.
            whole: of the node, `[nodes]`.
            limits: of the nodes.
        """
        sums: list[Pair] = [left, right, whole]
        weights = [self.weights(g, h, limits) for g, h in sums]
        worths = [self._worth(g, h, w) for (g, h), w in zip(sums, weights, strict=True)]
        rises = weights[1] - weights[0]
        is_right = self.directions[:, np.newaxis, np.newaxis] * rises >= 0.0
        gain = worths[0] + worths[1] - worths[2]
        return tf.where(is_right, gain, -tf.ones_like(gain))

    def of_children(self, splits: Splits, sums: Tensor, limits: Tensor, scale: Scale) -> Tensor:
        """Returns the limits of the next level, `[2, 2 nodes]`.

        Args:
            splits: of the nodes.
            sums: packed derivatives of the nodes.
            limits: of the nodes.
            scale: unit of the derivatives.
        """
        left, right = scale.unpack(splits.left_sums), scale.unpack(sums - splits.left_sums)
        middle = (self.weights(*left, limits) + self.weights(*right, limits)) / 2.0
        direction = tf.gather(tf.constant(self.directions), splits.feature)
        rises, falls = (splits.is_split & (sign * direction > 0.0) for sign in (1.0, -1.0))
        low, high = limits[0], limits[1]
        both = [
            (tf.where(falls, middle, low), tf.where(rises, middle, low)),
            (tf.where(rises, middle, high), tf.where(falls, middle, high)),
        ]
        return tf.stack([tf.reshape(tf.stack(each, axis=1), [-1]) for each in both])

    def _worth(self, g: Tensor, h: Tensor, weight: Tensor) -> Tensor:
        """Returns by how much (twice) a leaf of this weight lowers the loss."""
        worth = self.regularization
        penalised = (h + worth.l2) * tf.square(weight) + 2.0 * worth.l1 * tf.abs(weight)
        return -2.0 * g * weight - penalised
