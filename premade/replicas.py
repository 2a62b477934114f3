"""What all replicas have together; called in a replica. Alone, what is given."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def total(values: Any) -> Any:
    """Returns the sums over all replicas, in the structure of `values`.

    >>> total([tf.constant(3)])[0].numpy().item()
    3
    """
    if _is_alone():
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def gathered(values: Any) -> Any:
    """Returns the rows of all replicas, in the structure of `values`.

    Args:
        values: tensors `[n, ...]`; replicas may differ in n and in nothing else.

    >>> gathered(tf.constant([3, 1])).numpy().tolist()
    [3, 1]
    """
    if _is_alone():
        return values
    return tf.distribute.get_replica_context().all_gather(values, axis=0)


def _is_alone() -> bool:
    return tf.distribute.get_strategy().num_replicas_in_sync == 1
