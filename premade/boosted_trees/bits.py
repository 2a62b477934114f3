"""Flags as bits of numbers, 32 of them in each."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any

BITS = 32
_BELOW = ((np.int64(1) << np.arange(BITS)) - 1).astype(np.int32)


def bits_of(flags: Tensor) -> Tensor:
    """Returns flags, bool `[..., n]`, as int32 `[..., n / 32]`; the first is the lowest bit.

    >>> bits_of(tf.range(64)[tf.newaxis] < 34).numpy().tolist()
    [[-1, 3]]
    """
    lanes = tf.reshape(tf.cast(flags, tf.int32), [*flags.shape[:-1], -1, BITS])
    return tf.reduce_sum(tf.bitwise.left_shift(lanes, tf.range(BITS)), axis=-1)


def flags_of(bits: Tensor) -> Tensor:
    """Returns int32 `[n]`, 1 where a flag of `bits`, int32 `[n / 32]`, is set, else 0.

    >>> flags_of(tf.constant([5]))[:4].numpy().tolist()
    [1, 0, 1, 0]
    """
    lanes = tf.bitwise.right_shift(bits[:, tf.newaxis], tf.range(BITS))
    return tf.reshape(tf.bitwise.bitwise_and(lanes, 1), [-1])


def count_before(bits: Tensor) -> Tensor:
    """Returns, for each flag of `bits`, how many before it in its number are set, int32 `[n]`.

    >>> count_before(tf.constant([5]))[:4].numpy().tolist()
    [0, 1, 1, 2]
    """
    return tf.reshape(count_set(tf.bitwise.bitwise_and(bits[:, tf.newaxis], _BELOW)), [-1])


def count_set(bits: Tensor) -> Tensor:
    """Returns how many flags of each number are set, int32 of its shape.

    >>> count_set(tf.constant([5, -1])).numpy().tolist()
    [2, 32]
    """
    return tf.cast(tf.raw_ops.PopulationCount(x=bits), tf.int32)
