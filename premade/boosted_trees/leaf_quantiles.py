"""Leaves that are quantiles of what is left to explain of their rows, whatever their order.

A quantile is looked for as the digits of its bits, which are in the order of the floats: weights
are added up by node and digit, as integers, for the first digit, then among the rows that have it
for the second, and so on. Four passes over the rows find it, and shards and replicas only add.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, final

import tensorflow as tf

from premade import replicas
from premade.boosted_trees import sums
from premade.boosted_trees.grower import Grown

Tensor = Any

_DIGIT_BITS = 8
_DIGITS = 2**_DIGIT_BITS
_SHIFTS = (24, 16, 8, 0)
_SIGN = 2**31
_ALL_BUT_SIGN = 2**31 - 1


def renewed(
    grown: Grown,
    left: Sequence[Tensor],
    packed: Sequence[Tensor],
    quantile: float,
    learning_rate: float,
) -> Grown:
    """Returns a tree with other values: of all nodes, quantiles times the learning rate.

    Args:
        grown: a tree that was grown level by level.
        left: for each shard, float32 `[rows]`: labels minus logits.
        packed: for each shard, packed derivatives, int64 `[rows]`; the second ones are weights.
        quantile: which, in (0, 1).
        learning_rate: of the tree.
    """
    size = grown.tree.feature.shape[1]
    values = learning_rate * quantiles(left, packed, grown.nodes, size, quantile)
    tree = dataclasses.replace(grown.tree, value=values[tf.newaxis, :, tf.newaxis])
    return Grown(tree, grown.nodes, values[size // 2 :])


def quantiles(
    left: Sequence[Tensor],
    packed: Sequence[Tensor],
    nodes: Sequence[Tensor],
    size: int,
    quantile: float,
    others: sums.Others = replicas,
) -> Tensor:
    """Returns the weighted quantile of the rows of each node of a full binary tree.

    It is the smallest value of a row for which the weights of all rows up to it come to that
    share of the weights: `inverted_cdf` of Hyndman and Fan, "Sample Quantiles" (1996).

    Args:
        left: for each shard, float32 `[rows]`.
        packed: for each shard, int64 `[rows]`; its second part is the weights.
        nodes: for each shard, int32 `[rows]`: which node of the last level each row is in.
        size: nodes of the tree, those of all levels.
        quantile: which, in (0, 1).
        others: those who have the other rows.

    Returns:
        float32 `[size]`; 0 where a node has no rows.

    >>> values, weights = tf.constant([3.0, -1.0, 2.0]), tf.ones([3], tf.int64)
    >>> quantiles([values], [weights], [tf.constant([0, 0, 1])], 3, 0.5).numpy().tolist()
    [2.0, -1.0, 2.0]
    """
    keys = [_keys(each) for each in left]
    search = _Search.start(size)
    for shift in _SHIFTS:
        at = tf.constant(shift, tf.int64)
        parts = [
            _by_digit(*rows, search.prefix, at) for rows in zip(keys, nodes, packed, strict=True)
        ]
        by_digit = tf.convert_to_tensor(others.total(tf.add_n(parts)))
        if shift == _SHIFTS[0]:
            search = search.wanting(tf.reduce_sum(by_digit, axis=1), quantile)
        search = search.narrowed(by_digit)
    return search.found()


@final
@dataclasses.dataclass(frozen=True, eq=False)
class _Search:
    """What is known of the quantiles of all nodes.

    Attributes:
        prefix: int64 `[nodes]`, the first digits.
        wanted: int64 `[nodes]`, weight up to the quantile, of the rows that have these digits.
        is_there: bool `[nodes]`, whether there are rows.
    """

    prefix: Tensor
    wanted: Tensor
    is_there: Tensor

    @classmethod
    def start(cls, size: int) -> _Search:
        zeros = tf.zeros([size], tf.int64)
        return cls(zeros, zeros, tf.equal(zeros, 1))

    def wanting(self, total: Tensor, quantile: float) -> _Search:
        # A little less, so that no rounding of the product asks for one row more.
        share = quantile * tf.cast(total, tf.float64) * (1.0 - 2.0**-50)
        wanted = tf.maximum(tf.cast(tf.math.ceil(share), tf.int64), 1)
        return dataclasses.replace(self, wanted=wanted, is_there=total > 0)

    def narrowed(self, by_digit: Tensor) -> _Search:
        up_to = tf.cumsum(by_digit, axis=1)
        is_below = tf.cast(up_to < self.wanted[:, tf.newaxis], tf.int64)
        digit = tf.minimum(tf.reduce_sum(is_below, axis=1), _DIGITS - 1)
        before = tf.gather(up_to - by_digit, digit, batch_dims=1)
        return _Search(self.prefix * _DIGITS + digit, self.wanted - before, self.is_there)

    def found(self) -> Tensor:
        ordered = tf.cast(self.prefix - _SIGN, tf.int32)
        values = tf.bitcast(_turned(ordered), tf.float32)
        return tf.where(self.is_there, values, tf.zeros_like(values))


@tf.function(jit_compile=True, autograph=False)
def _keys(values: Tensor) -> Tensor:
    """Returns int64 numbers from 0 to 2^32 - 1, in the order of the floats; -0 is 0."""
    bits = tf.bitcast(tf.where(tf.equal(values, 0.0), tf.zeros_like(values), values), tf.int32)
    return tf.cast(_turned(bits), tf.int64) + _SIGN


def _turned(bits: Tensor) -> Tensor:
    # As integers, the bits of negative floats are in the reverse order. This is its own inverse.
    return tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, _ALL_BUT_SIGN), bits)


@tf.function(jit_compile=True, autograph=False)
def _by_digit(keys: Tensor, nodes: Tensor, packed: Tensor, prefix: Tensor, shift: Tensor) -> Tensor:
    """Returns the weights of rows that begin with the prefix of a node: int64 `[nodes, digits]`."""
    size = prefix.shape[0]
    weights = sums.second_units(packed)
    begins = tf.bitwise.right_shift(keys, shift + _DIGIT_BITS)
    digit = tf.cast(
        tf.bitwise.bitwise_and(tf.bitwise.right_shift(keys, shift), _DIGITS - 1), tf.int32
    )
    found = tf.zeros([size * _DIGITS], tf.int64)
    depth = (size + 1).bit_length() - 2
    for level in range(depth + 1):
        node = 2**level - 1 + tf.bitwise.right_shift(nodes, depth - level)
        counted = tf.where(tf.equal(begins, tf.gather(prefix, node)), weights, 0)
        where = (node * _DIGITS + digit)[:, tf.newaxis]
        found = tf.tensor_scatter_nd_add(found, where, counted)
    return tf.reshape(found, [size, _DIGITS])
