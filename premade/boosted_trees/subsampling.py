"""Some of the rows and of the features for each tree.

Which ones they are depends on the seed, the tree and the row or the feature, and on nothing else: a
run that was killed draws them again, and so do workers that hold the rows in another way.
(Friedman, "Stochastic Gradient Boosting", 2002, draws rows; features are drawn for each tree as in
Chen and Guestrin, "XGBoost", 2016.)
"""

from __future__ import annotations

import dataclasses
from typing import Any, final

import tensorflow as tf

Tensor = Any

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_BITS = 24  # of a hash that are compared: as many as a float32 has


@final
@dataclasses.dataclass(frozen=True)
class Subsampling:
    """What share of the rows and of the features each tree sees.

    Attributes:
        rows: more than 0; 1 takes all.
        columns: of the features; more than 0; 1 takes all, and at least one is taken.
        seed: of the draws.
    """

    rows: float = 1.0
    columns: float = 1.0
    seed: int = 0

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

    def kept(self, hashes: Tensor, tree: Tensor) -> Tensor:
        """Returns which rows a tree is grown on, as float32 `[rows]`, 1 or 0.

        Args:
            hashes: int64 `[rows]`, of what is in the rows.
            tree: int32 scalar, which tree it is.
        """
        return _kept(hashes, tf.constant(self.seed, tf.int64), tree, tf.constant(self.rows))


@tf.function(jit_compile=True, autograph=False)
def _kept(hashes: Tensor, seed: Tensor, tree: Tensor, share: Tensor) -> Tensor:
    key = _mixed(_mixed(tf.cast(seed, tf.uint64)) + tf.cast(tree, tf.uint64))
    mixed = _mixed(tf.bitcast(hashes, tf.uint64) + key)
    upper = tf.bitwise.right_shift(mixed, tf.constant(64 - _BITS, tf.uint64))
    return tf.cast(tf.cast(upper, tf.float32) < share * 2.0**_BITS, tf.float32)


def _mixed(x: Tensor) -> Tensor:
    """Returns the numbers in a sequence of the generator SplitMix64 (Steele et al., 2014)."""
    x = (x + tf.constant(_GOLDEN, tf.uint64)) * tf.constant(_GOLDEN | 1, tf.uint64)
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        x = _shaken(x, shift) * tf.constant(factor, tf.uint64)
    return _shaken(x, 31)


def _shaken(x: Tensor, shift: int) -> Tensor:
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint64)))
