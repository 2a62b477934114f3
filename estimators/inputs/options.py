"""What every ready-made input function is told: batch size, epochs, order, seed and shard."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from estimators.aliases import Dataset


@dataclasses.dataclass(frozen=True)
class Shard:
    """The part of the rows that one worker reads: every `count`-th, starting at `index`.

    >>> context = tf.distribute.InputContext(num_input_pipelines=3, input_pipeline_id=1)
    >>> Shard.of(context)
    Shard(index=1, count=3)
    """

    index: int = 0
    count: int = 1

    @classmethod
    def of(cls, input_context: Any) -> Shard:
        """Returns the shard named by a `tf.distribute.InputContext`; all rows for None."""
        if input_context is None:
            return cls()
        return cls(input_context.input_pipeline_id, input_context.num_input_pipelines)


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """How rows become batches.

    Attributes:
        batch_size: rows per batch and per replica.
        num_epochs: passes over the rows, one after the other, so that a batch may hold the end of
            one pass and the start of the next; None means without end.
        shuffle: whether each pass has an order of its own.
        seed: of the order; None means the `tf_random_seed` of the run, and without a run a new
            one for each call.

    Raises:
        ValueError: a number is below 1, or `shuffle` is not a bool.

    >>> ReadOptions(batch_size=0)
    Traceback (most recent call last):
      ...
    ValueError: `batch_size` must be an int >= 1, got 0.
    """

    batch_size: int = 128
    num_epochs: int | None = 1
    shuffle: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        at_least_one("batch_size", self.batch_size)
        if self.num_epochs is not None:
            at_least_one("num_epochs", self.num_epochs)
        if not isinstance(self.shuffle, bool):
            raise ValueError(
                "shuffle must be provided and explicitly set as boolean (it is recommended to set "
                f"it as True for training); got {self.shuffle}"
            )

    def seed_of(self, config: Any, shard: Shard) -> int:
        """Returns the seed of this call's order, in `[0, 2**63)`; 0 when rows are not shuffled.

        Without any seed, workers that share the rows still need one order, or their shards would
        overlap: they all take 0.
        """
        if not self.shuffle:
            return 0
        seed = self.seed
        if seed is None:
            seed = getattr(config, "tf_random_seed", None)
        if seed is None and shard.count == 1:
            seed = int(np.random.default_rng().integers(2**63))
        return (seed or 0) % 2**63


def at_least_one(name: str, value: Any) -> None:
    """Raises a ValueError that names the argument unless its value is an int >= 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"`{name}` must be an int >= 1, got {value!r}.")


def finish(dataset: Dataset, shard: Shard) -> Dataset:
    """Returns the dataset with the options that keep its order, and its shard, what they are."""
    options = tf.data.Options()
    options.deterministic = True
    if shard.count > 1:
        # Sharded here already; a second, automatic sharding would drop rows.
        policy = tf.data.experimental.AutoShardPolicy.OFF
        options.experimental_distribute.auto_shard_policy = policy
    return dataset.with_options(options)
