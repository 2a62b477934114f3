"""The processes that grow trees together, while they read their rows."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import numpy as np
import tensorflow as tf

from estimators import replicas

Array = np.ndarray[Any, Any]


@final
@dataclasses.dataclass(frozen=True)
class Peers:
    """What the workers of a strategy tell each other. All must ask alike, or they wait for ever.

    Attributes:
        strategy: where the replicas are.

    Example:
        >>> Peers(tf.distribute.get_strategy()).gathered(np.arange(2)).tolist()
        [0, 1]
    """

    strategy: Any

    @property
    def local_replicas(self) -> int:
        """How many replicas this process has."""
        return len(replicas.local_ids(self.strategy))

    def total(self, mine: Any) -> Array:
        """Returns the sum of all workers' numbers, of the shape of `mine`."""
        found: Array = self.gathered(np.asarray(mine)[np.newaxis]).sum(axis=0)
        return found

    def gathered(self, mine: Any) -> Array:
        """Returns the rows of all workers.

        Args:
            mine: the rows of this worker, `[n, ...]`; workers may differ in n and in nothing else.
        """
        mine = np.asarray(mine)
        local = replicas.local_ids(self.strategy)
        if len(local) == self.strategy.num_replicas_in_sync:
            return mine

        def of_replica(context: Any) -> Any:
            is_first = context.replica_id_in_sync_group == local[0]
            return tf.constant(mine if is_first else mine[:0])

        values = self.strategy.experimental_distribute_values_from_function(of_replica)
        return self.strategy.gather(values, axis=0).numpy()
