"""Sums over all replicas, where there are several."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def total(value: Tensor) -> Tensor:
    """Returns the sum over all replicas; called in a replica.

    >>> total(tf.constant(3)).numpy().item()
    3
    """
    if _alone():
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def maxima(values: Tensor) -> Tensor:
    """Returns the greatest of each of the values, `[n]`, over all replicas; called in a replica.

    >>> maxima(tf.constant([3, 1])).numpy().tolist()
    [3, 1]
    """
    if _alone():
        return values
    context = tf.distribute.get_replica_context()
    return tf.reduce_max(context.all_gather(values[tf.newaxis], axis=0), axis=0)


def _alone() -> bool:
    return tf.distribute.get_strategy().num_replicas_in_sync == 1
