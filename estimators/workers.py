"""What the processes that train together agree on, between two compiled calls.

Inside a compiled call their replicas meet in every step. Whatever Python decides must be decided
alike by all of them, or one would wait for ever for the others: how far the next call runs, whether
to stop, when to save. Here they ask one another.
"""

from __future__ import annotations

import dataclasses
from typing import final

import tensorflow as tf

from estimators import replicas, tracing
from estimators.aliases import Strategy, Tensor
from estimators.clock import Clock
from estimators.cluster import Cluster
from estimators.config import RunConfig


def with_strategy(config: RunConfig) -> RunConfig:
    """Returns the run with a strategy over the workers of its cluster, if it has several.

    Raises:
        RuntimeError: TensorFlow has started already, so that this process cannot be connected.
        ValueError: the cluster has parameter servers.
    """
    cluster = config.cluster
    if config.train_distribute is not None or cluster.num_worker_replicas < 2:
        return config
    if cluster.num_ps_replicas:
        raise ValueError(
            f"TF_CONFIG names parameter servers: {dict(cluster.jobs)}. Training with them is not "
            "offered; take the `ps` job out, and the workers train together."
        )
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        cluster.cluster_spec,
        task_type=cluster.task_type,
        task_id=cluster.task_id,
        rpc_layer="grpc",
    )
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except RuntimeError as error:
        raise RuntimeError(
            f"TF_CONFIG names {cluster.num_worker_replicas} workers, and this process can no "
            "longer be connected with the others, because TensorFlow is already at work in it. "
            "Make the Estimator before any tensor, variable or iterator, or make "
            "`strategy = tf.distribute.MultiWorkerMirroredStrategy()` there and pass "
            "`RunConfig(train_distribute=strategy)`; several Estimators can share it."
        ) from error
    return config.replace(train_distribute=strategy)


@final
class Workers:
    """The processes that the replicas of a strategy are spread over; mostly one.

    Every question is a meeting: it is answered when all workers have asked it, so that all must ask
    the same questions in the same order. A worker alone answers itself.

    Args:
        strategy: where the replicas are.
        cluster: which worker this is.

    Raises:
        ValueError: the strategy and the cluster are about different numbers of workers.

    Example:
        >>> alone = Workers(tf.distribute.get_strategy(), Cluster())
        >>> alone.count, alone.everyones(5.0), alone.all_say(False)
        (1, [5.0], False)
    """

    def __init__(self, strategy: Strategy, cluster: Cluster) -> None:
        self._strategy = strategy
        self._local = replicas.local_ids(strategy)
        self.count = int(strategy.num_replicas_in_sync) // len(self._local)
        self.index = cluster.worker_index if self.count > 1 else 0
        expected = cluster.num_worker_replicas or 1
        if self.count != expected:
            raise ValueError(
                f"TF_CONFIG describes {expected} worker(s), and the replicas of "
                f"{type(strategy).__name__} are on {self.count}. Give several workers a "
                "MultiWorkerMirroredStrategy, or none, so that the Estimator makes it; and let "
                "TF_CONFIG, or RunConfig(cluster=...), say which of them this is."
            )
        self._sum = tracing.compiled(self._sum_over_workers)

    @property
    def is_chief(self) -> bool:
        """Whether this is the one that writes."""
        return self.index == 0

    def everyones(self, value: float) -> list[float]:
        """Returns the values of all workers, the chief's first. Integers up to 2^53 are exact."""
        if self.count == 1:
            return [value]
        mine = tf.one_hot(self.index, self.count, tf.cast(value, tf.float64), dtype=tf.float64)
        return [float(one) for one in self._sum(mine).numpy()]

    def least(self, value: int) -> int:
        """Returns the least of the workers' values."""
        return int(min(self.everyones(value)))

    def all_say(self, answer: bool) -> bool:
        """Returns whether the answer of all workers is yes."""
        return all(self.everyones(answer))

    def chief_says(self, answer: bool) -> bool:
        """Returns the answer of the chief."""
        return bool(self.everyones(answer)[0])

    def wait(self) -> None:
        """Returns when all workers have come here."""
        self.everyones(0.0)

    def _sum_over_workers(self, mine: Tensor) -> Tensor:
        def of_replica(context: tf.distribute.ReplicaContext) -> Tensor:
            is_first = context.replica_id_in_sync_group == self._local[0]
            return mine if is_first else tf.zeros_like(mine)

        values = self._strategy.experimental_distribute_values_from_function(of_replica)
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)


@final
@dataclasses.dataclass
class CommonClock:
    """The chief's time at the last meeting, so that time triggers are due at one step for all.

    Attributes:
        clock: the time of this process.
        workers: those who share the time. A worker alone has its own.

    Example:
        >>> from estimators.clock import ManualClock
        >>> clock = CommonClock(ManualClock(), Workers(tf.distribute.get_strategy(), Cluster()))
        >>> clock.sleep(2.0)
        >>> clock.monotonic()
        2.0
    """

    clock: Clock
    workers: Workers
    _agreed: float = 0.0

    def __post_init__(self) -> None:
        self.meet()

    def meet(self) -> None:
        """Asks the chief for the time; a meeting."""
        self._agreed = self.workers.everyones(self.clock.monotonic())[0]

    def now(self) -> float:
        """Unix time of this process in seconds."""
        return self.clock.now()

    def monotonic(self) -> float:
        """Seconds since some moment, on the chief's clock."""
        return self.clock.monotonic() if self.workers.count == 1 else self._agreed

    def sleep(self, seconds: float) -> None:
        """Returns after `seconds`."""
        self.clock.sleep(seconds)
