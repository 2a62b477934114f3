"""How many replicas a strategy runs here, and which ones they are."""

from __future__ import annotations

import tensorflow as tf

from estimators import tracing
from estimators.aliases import Strategy, Tensor


def local_ids(strategy: Strategy) -> tuple[int, ...]:
    """Returns the ids, among the replicas of all workers, of those of this process.

    Must be called eagerly, in cross-replica context. The default strategy has one replica, 0.
    """
    if strategy.num_replicas_in_sync == 1:
        return (0,)
    # Compiled, because MirroredStrategy warns of every run that is not.
    run = tracing.compiled(lambda: strategy.experimental_local_results(strategy.run(_id)))
    return tuple(int(replica) for replica in run())


def _id() -> Tensor:
    context = tf.distribute.get_replica_context()
    return tf.convert_to_tensor(context.replica_id_in_sync_group)
