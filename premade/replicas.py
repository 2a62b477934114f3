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


def local_index(local: int) -> int:
    """Returns which of the replicas of its process this one is.

    Args:
        local: how many its process has; each process has as many.

    >>> local_index(1)
    0
    """
    if local == 1:
        return 0
    context = tf.distribute.get_replica_context()
    replica = tf.get_static_value(tf.convert_to_tensor(context.replica_id_in_sync_group))
    return int(replica) % local


def _is_alone() -> bool:
    return tf.distribute.get_strategy().num_replicas_in_sync == 1
