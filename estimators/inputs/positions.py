"""Which row comes when: an endless walk over shuffled epochs, with two numbers of state.

`Dataset.shuffle` draws from a buffer and must save it: 8 bytes per row of the data at the least,
and a batch of indices costs one C++ iterator step per row (294 us for 512). Here the order of an
epoch is a keyed bijection on `[0, rows)` (the cipher of `tf.random.experimental.index_shuffle`), so
the row at any position is computed alone, a whole batch at once (76 us), and an iterator is saved
as (seed, position).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimators.aliases import Dataset, Tensor
from estimators.inputs.options import ReadOptions, Shard

# The default of 4 leaves the orders of two epochs correlated (18 standard errors, measured on
# 20,000 rows), and 8 leave neighbours of one order so (16, on 2,000,000). With 12 no statistic that
# was tried tells the orders of 1,000 to 5,000,000 rows from independent shuffles.
_ROUNDS = 12

# `tf.data.Dataset.range` needs an end; at 10^9 rows a second this one is 146 years away.
_ENDLESS = 2**62


def in_order(
    take: Callable[[Tensor], Any], rows: int, options: ReadOptions, *, seed: int, shard: Shard
) -> Dataset:
    """Returns the dataset of batches of rows.

    Positions run over the epochs laid end to end. A shard takes every `count`-th position, so
    the batches that all workers read at one step are, together, one batch of a single worker with
    that many times the batch size.

    Args:
        take: makes a batch of row indices, int64 `[batch]`. It is called where they are computed:
            each function that a dataset maps takes 15 ms to make.
        rows: number of rows, at least 1.
        options: batch size, epochs and whether to shuffle.
        seed: of the order, in `[0, 2**63)`. It is saved with the iterator, so that a restored one
            goes on in the order in which it began.
        shard: the part to read.

    >>> options = ReadOptions(batch_size=3, num_epochs=2)
    >>> batches = in_order(tf.identity, 5, options, seed=0, shard=Shard())
    >>> [b.tolist() for b in batches.as_numpy_iterator()]
    [[0, 1, 2], [3, 4, 0], [1, 2, 3], [4]]
    """
    epochs = options.num_epochs
    end = _ENDLESS if epochs is None else rows * epochs
    starts = tf.data.Dataset.range(shard.index, end, options.batch_size * shard.count)
    if epochs is None:
        # Never reached: it says that there is no end, so that training need not ask at each step.
        starts = starts.repeat()

    def positions(start: Tensor) -> Tensor:
        steps = tf.range(options.batch_size, dtype=tf.int64)
        if epochs is not None:
            left = (end - start + shard.count - 1) // shard.count
            steps = steps[: tf.minimum(left, options.batch_size)]
        return start + steps * shard.count

    if not options.shuffle:
        return starts.map(lambda start: take(positions(start) % rows))

    def remember_seed(seed: Tensor, start: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return seed, (seed, start)

    # A constant seed in what is mapped would not be part of the saved state: a restart that draws
    # another seed would go on in another order.
    seeded = starts.scan(tf.constant(seed, tf.int64), remember_seed)
    return seeded.map(lambda seed, start: take(_shuffled(positions(start), rows, seed)))


def batch_count(rows: int, options: ReadOptions, shard: Shard) -> int:
    """Returns how many batches `row_indices` gives; `tf.data.INFINITE_CARDINALITY` without end.

    >>> batch_count(5, ReadOptions(batch_size=3, num_epochs=2), Shard())
    4
    """
    if options.num_epochs is None:
        return int(tf.data.INFINITE_CARDINALITY)
    return len(range(shard.index, rows * options.num_epochs, options.batch_size * shard.count))


def _shuffled(positions: Tensor, rows: int, seed: Tensor) -> Tensor:
    # The Python wrapper of this op refuses one seed per index, which a batch over two epochs needs.
    return tf.raw_ops.RandomIndexShuffle(
        index=positions % rows,
        seed=_keys(seed, positions // rows),
        max_index=tf.constant(rows - 1, tf.int64),
        rounds=_ROUNDS,
    )


def _keys(seed: Tensor, epochs: Tensor) -> Tensor:
    """Returns one cipher key per position, `[batch, 3]`; `epochs` ascend."""
    distinct = tf.range(epochs[0], epochs[-1] + 1)
    keys = tf.cast(random_key(seed, distinct), tf.uint64)[:, tf.newaxis]
    keys = tf.cast(_mix(keys + tf.constant([1, 2, 3], tf.uint64)), tf.int64)
    return tf.gather(keys, epochs - epochs[0])


def random_key(seed: Tensor, epoch: Tensor) -> Tensor:
    """Returns an int64 that is as unlike for near epochs as for far ones."""
    mixed = _mix(tf.cast(seed, tf.uint64) ^ _mix(tf.cast(epoch, tf.uint64)))
    return tf.cast(mixed, tf.int64)


def _mix(value: Tensor) -> Tensor:
    """The output function of SplitMix64 (Steele, Lea and Flood, 2014), element by element."""
    value += tf.constant(0x9E3779B97F4A7C15, tf.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        value ^= tf.bitwise.right_shift(value, tf.constant(shift, tf.uint64))
        value *= tf.constant(factor, tf.uint64)
    return value ^ tf.bitwise.right_shift(value, tf.constant(31, tf.uint64))
