"""Some of the rows and of the features for each tree.

Which ones they are depends on the seed, the tree and the row or the feature, and on nothing else: a
run that was killed draws them again, and so do workers that hold the rows in another way.
(Friedman, "Stochastic Gradient Boosting", 2002, draws rows; features are drawn for each tree as in
Chen and Guestrin, "XGBoost", 2016; and by the size of their gradients, rows are drawn as in Ke et
al., "LightGBM", 2017.)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, TypeAlias, final

import numpy as np
import tensorflow as tf

from premade import replicas

Tensor = Any
Derivatives: TypeAlias = tuple[Tensor, Tensor]
"""First and second ones, float32 `[rows]` each."""

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_BITS = 24  # of a hash that are compared: as many as a float32 has
_SIZE_SHIFT = 16
_SIZES = 2 ** (31 - _SIZE_SHIFT)
_UNLIKELY = 1e-15


@final
@dataclasses.dataclass(frozen=True)
class OneSide:
    """Gradient-based one-side sampling: all rows of great gradients, and some of the others.

    Those count for more, so that sums are right in the mean.

    Attributes:
        top: share of the rows whose gradients are the greatest.
        other: share of all rows, drawn among the others.
    """

    top: float
    other: float

    @property
    def of_others(self) -> float:
        """The share of the others that is drawn."""
        return self.other / (1.0 - self.top)


@final
@dataclasses.dataclass(frozen=True)
class Subsampling:
    """What share of the rows and of the features each tree sees.

    Attributes:
        rows: more than 0; 1 takes all.
        columns: of the features; more than 0; 1 takes all, and at least one is taken.
        one_side: draws rows by their gradients, in place of `rows`.
        seed: of the draws.
    """

    rows: float = 1.0
    columns: float = 1.0
    one_side: OneSide | None = None
    seed: int = 0

    @property
    def draws_rows(self) -> bool:
        """Whether trees do not see all rows."""
        return self.rows < 1.0 or self.one_side is not None

    def features(self, count: int, tree: Tensor) -> Tensor:
        """Returns which features a tree may split by, bool `[count]`.

        Args:
            count: of the features.
            tree: int32 scalar, which tree it is.

        >>> Subsampling(columns=0.5).features(4, tf.constant(7)).numpy().sum().item()
        2
        """
        if self.columns >= 1.0:
            return tf.ones([count], tf.bool)
        taken = max(1, round(self.columns * count))
        drawn = tf.random.stateless_uniform([count], tf.stack([self.seed, tree]))
        _, which = tf.math.top_k(drawn, taken)
        return tf.scatter_nd(which[:, tf.newaxis], tf.ones([taken], tf.bool), [count])

    def factors(
        self, hashes: Sequence[Tensor], shards: Sequence[Derivatives], tree: Tensor
    ) -> list[Tensor]:
        """Returns what derivatives are multiplied by; 0 for rows that a tree does not see.

        Args:
            hashes: for each shard, int64 `[rows]`, of what is in the rows.
            shards: the derivatives of the rows. Where both are 0, there is no row.
            tree: int32 scalar, which tree it is.

        Returns:
            For each shard, float32 `[rows]`.

        >>> derivatives = tf.constant([0.5, -2.0, 0.1]), tf.ones([3])
        >>> great = Subsampling(one_side=OneSide(top=1 / 3, other=1e-6))
        >>> hashes = tf.constant([1, 2, 3], tf.int64)
        >>> great.factors([hashes], [derivatives], tf.constant(0))[0].numpy().tolist()
        [0.0, 1.0, 0.0]
        """
        seed = tf.constant(self.seed, tf.int64)
        if self.one_side is None:
            return [
                _kept(hashes_of_shard, *shard, seed, tree, tf.constant(self.rows))
                for hashes_of_shard, shard in zip(hashes, shards, strict=True)
            ]
        counts = replicas.total(tf.add_n([_sizes_counted(*shard) for shard in shards]))
        top = _top(counts, tf.constant(self.one_side.top, tf.float64))
        share = tf.constant(self.one_side.of_others)
        return [
            _one_sided(hashes_of_shard, *shard, seed, tree, *top, share)
            for hashes_of_shard, shard in zip(hashes, shards, strict=True)
        ]

    def most_rows(self, hashes: np.ndarray[Any, Any], everyones: int) -> int:
        """Returns how many of some rows a tree sees at the most, but for one in 10^15 trees.

        By the inequality of Bernstein, as rows of one hash are drawn together.

        Args:
            hashes: of the rows, `[rows]`.
            everyones: the number of rows of all shards of all workers.

        >>> Subsampling(rows=0.5).most_rows(np.arange(1_000_000), 1_000_000)
        504168
        """
        _, counts = np.unique(hashes, return_counts=True)
        needed = -math.log(_UNLIKELY)
        first = counts.max(initial=0) * needed / 3.0
        # A draw of one share has a variance of 1/4 at the most.
        more = first + math.sqrt(first**2 + needed / 2.0 * float((counts.astype(float) ** 2).sum()))
        if self.one_side is None:
            most = self.rows * len(hashes) + more
        else:
            # All rows of great gradients may be here. Of those that are as great as the least of
            # them a share is drawn, and of the others.
            most = self.one_side.top * everyones + self.one_side.of_others * len(hashes) + 2 * more
        return min(len(hashes), math.ceil(most))


@tf.function(jit_compile=True, autograph=False)
def _kept(
    hashes: Tensor, g: Tensor, h: Tensor, seed: Tensor, tree: Tensor, share: Tensor
) -> Tensor:
    is_kept = _uniform(_draws(hashes, seed, tree), 0) < share
    return tf.cast(is_kept & _is_row(g, h), tf.float32)


@tf.function(jit_compile=True, autograph=False)
def _sizes_counted(g: Tensor, h: Tensor) -> Tensor:
    """Returns how many rows there are of each size, int64 `[_SIZES]`."""
    one = tf.cast(_is_row(g, h), tf.int64)
    none = tf.zeros([_SIZES], tf.int64)
    return tf.tensor_scatter_nd_add(none, _size(g)[:, tf.newaxis], one)


@tf.function(jit_compile=True, autograph=False)
def _top(counts: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the least size among the greatest, and the share of its rows that belong to them.

    Args:
        counts: of each size, int64 `[_SIZES]`.
        share: float64 scalar, of all rows.
    """
    wanted = share * tf.cast(tf.reduce_sum(counts), tf.float64)
    not_below = tf.cast(tf.cumsum(counts, reverse=True), tf.float64)
    least = tf.reduce_sum(tf.cast(not_below >= wanted, tf.int32)) - 1
    of_least = tf.cast(tf.gather(counts, least), tf.float64)
    above = tf.gather(not_below, least) - of_least
    part = tf.math.divide_no_nan(wanted - above, of_least)
    return least, tf.cast(part, tf.float32)


@tf.function(jit_compile=True, autograph=False)
def _one_sided(
    hashes: Tensor,
    g: Tensor,
    h: Tensor,
    seed: Tensor,
    tree: Tensor,
    least: Tensor,
    part: Tensor,
    share: Tensor,
) -> Tensor:
    draws, size = _draws(hashes, seed, tree), _size(g)
    is_top = (size > least) | (tf.equal(size, least) & (_uniform(draws, 0) < part))
    is_other = _uniform(draws, 1) < share
    factor = tf.where(is_top, 1.0, tf.where(is_other, 1.0 / share, 0.0))
    return tf.where(_is_row(g, h), factor, 0.0)


def _is_row(g: Tensor, h: Tensor) -> Tensor:
    return tf.not_equal(g, 0.0) | tf.not_equal(h, 0.0)


def _size(g: Tensor) -> Tensor:
    """Returns the first bits of absolute values, which are in their order: to about 1 in 128."""
    return tf.bitwise.right_shift(tf.bitcast(tf.abs(g), tf.int32), _SIZE_SHIFT)


def _draws(hashes: Tensor, seed: Tensor, tree: Tensor) -> Tensor:
    """Returns uint64 `[rows]`, random bits."""
    key = _mixed(_mixed(tf.cast(seed, tf.uint64)) + tf.cast(tree, tf.uint64))
    return _mixed(tf.bitcast(hashes, tf.uint64) + key)


def _uniform(draws: Tensor, which: int) -> Tensor:
    """Returns float32 `[rows]` in [0, 1), one of two."""
    upper = tf.bitwise.right_shift(draws, tf.constant(64 - _BITS * (which + 1), tf.uint64))
    bits = tf.bitwise.bitwise_and(upper, tf.constant(2**_BITS - 1, tf.uint64))
    return tf.cast(bits, tf.float32) * 2.0**-_BITS


def _mixed(x: Tensor) -> Tensor:
    """Returns the numbers in a sequence of the generator SplitMix64 (Steele et al., 2014)."""
    x = (x + tf.constant(_GOLDEN, tf.uint64)) * tf.constant(_GOLDEN | 1, tf.uint64)
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        x = _shaken(x, shift) * tf.constant(factor, tf.uint64)
    return _shaken(x, 31)


def _shaken(x: Tensor, shift: int) -> Tensor:
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint64)))
