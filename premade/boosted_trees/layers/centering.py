"""The constant that a forest begins with: the value of the root of its first tree."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from premade.boosted_trees.forest import Forest

Tensor = Any

_NEAR = 0.01


def moved(trees: Forest, step: Tensor) -> tuple[Forest, Tensor]:
    """Returns a forest whose first root has another value, and whether that is near enough.

    It is when the step is at most 0.01 of the value before it, as in tf.estimator.

    Args:
        trees: of tensors.
        step: float32 `[outputs]`, added to the value.

    >>> from premade.boosted_trees.forest import layout, leaves_alone
    >>> one = Forest(**leaves_alone(1, layout(nodes=1, width=1)))
    >>> trees, is_near = moved(one, tf.constant([0.5]))
    >>> trees.value.numpy().tolist(), bool(is_near)
    ([[[0.5]]], False)
    >>> bool(moved(trees, tf.constant([0.005]))[1])
    True
    """
    before = trees.value[0, 0]
    value = tf.tensor_scatter_nd_add(trees.value, [[0, 0]], [step])
    is_near = tf.reduce_all(tf.abs(step) <= _NEAR * tf.abs(before)) & tf.reduce_all(before != 0.0)
    return Forest(**{**trees.arrays(), "value": value}), is_near
