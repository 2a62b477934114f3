"""Trees as a walk wants them: all that is to be known of a node is in one number."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple, Self, final

import tensorflow as tf

from premade.boosted_trees.forest import LEAF, Forest
from premade.boosted_trees.top_levels import TopLevels

Tensor = Any

_CAPACITY = 64
"""Programs are made for numbers of trees that are this times a power of two."""

THRESHOLD = (1 << 8) - 1
MISSING_LEFT, BY_CATEGORY, IS_LEAF = 1 << 8, 1 << 9, 1 << 10
_FLAG_BITS = 11


@final
@dataclasses.dataclass(frozen=True)
class Word:
    """How the word of a node is divided: left child, feature, and flags with the threshold.

    Attributes:
        kind: its type; 32 bits are a fifth faster than 64, where they are enough.
        feature_bits: of the feature.
    """

    kind: Any
    feature_bits: int

    @classmethod
    def of(cls, nodes: int, features: int) -> Self:
        """Returns it for trees with so many nodes and features."""
        is_small = nodes <= 2**11 and features <= 2**9
        return cls(tf.int32, 9) if is_small else cls(tf.int64, 24)

    def packed(self, left: Tensor, feature: Tensor, low: Tensor) -> Tensor:
        """Returns words, of the shape of the arguments, int32 each."""
        left, feature, low = (tf.cast(x, self.kind) for x in (left, feature, low))
        left = tf.bitwise.left_shift(left, self._number(self.feature_bits))
        return tf.bitwise.left_shift(left + feature, self._number(_FLAG_BITS)) + low

    def left(self, word: Tensor) -> Tensor:
        """Returns left children, int32."""
        return tf.cast(self._from(word, _FLAG_BITS + self.feature_bits), tf.int32)

    def feature(self, word: Tensor) -> Tensor:
        """Returns features, int32."""
        return self._low(self._from(word, _FLAG_BITS), self.feature_bits)

    def low(self, word: Tensor) -> Tensor:
        """Returns flags and thresholds, int32."""
        return self._low(word, _FLAG_BITS)

    def _from(self, word: Tensor, bit: int) -> Tensor:
        return tf.bitwise.right_shift(word, self._number(bit))

    def _low(self, word: Tensor, bits: int) -> Tensor:
        return tf.cast(tf.bitwise.bitwise_and(word, self._number(2**bits - 1)), tf.int32)

    def _number(self, value: int) -> Tensor:
        return tf.constant(value, self.kind)


class PackedForest(NamedTuple):
    """Trees, with room for more.

    The nodes below the first levels come before all nodes, in their order there: where the first
    levels send a row is where its walk goes on, and mostly its leaf.

    Attributes:
        trees: int32 `[]`, how many there are.
        top: the first levels.
        is_deep: bool `[]`, whether there are splits besides those.
        word: `[room, nodes]`; see `Word`.
        value: float32 `[room, width, nodes]`.
        output: int32 `[room]`.
        left_bins: int32 `[room, nodes, words]`.
    """

    trees: Tensor
    top: TopLevels
    is_deep: Tensor
    word: Tensor
    value: Tensor
    output: Tensor
    left_bins: Tensor


def packed(forest: Forest, features: int) -> PackedForest:
    """Returns the trees of a forest of tensors, for rows with so many features.

    >>> from premade.boosted_trees.forest import layout, leaves_alone
    >>> trees = leaves_alone(100, layout(nodes=7, width=1)).items()
    >>> of_trees = packed(Forest(**{name: tf.constant(array) for name, array in trees}), 3)
    >>> int(of_trees.trees), of_trees.word.shape.as_list()
    (100, [128, 11])
    """
    trees, nodes = tf.unstack(tf.shape(forest.feature))
    top, below = TopLevels.of(forest)

    def after_those_below(array: Tensor) -> Tensor:
        return tf.concat([tf.gather(array, below, batch_dims=1), array], axis=1)

    is_split = tf.not_equal(forest.feature, LEAF)
    by_category = is_split & (forest.threshold < 0)
    # No bin is above the threshold of a leaf, whose left child is itself.
    threshold = tf.where(is_split & ~by_category, forest.threshold, THRESHOLD)
    left = tf.where(is_split, forest.left, tf.range(nodes)) + below.shape[1]
    flags = ((forest.missing_left, MISSING_LEFT), (by_category, BY_CATEGORY), (~is_split, IS_LEAF))
    low = threshold + tf.add_n([tf.cast(flag, tf.int32) * bit for flag, bit in flags])
    parts = Word.of(below.shape[1] + forest.feature.shape[1], features)
    word = parts.packed(left, tf.maximum(forest.feature, 0), low)
    room = functools.partial(_padded, spare=_spare(trees))
    return PackedForest(
        trees,
        top=TopLevels(*(room(array) for array in top)),
        is_deep=tf.reduce_any(tf.gather(is_split, below, batch_dims=1)),
        word=room(after_those_below(word)),
        value=room(tf.transpose(after_those_below(forest.value), [0, 2, 1])),
        output=room(forest.output),
        left_bins=room(after_those_below(forest.left_bins)),
    )


def _spare(trees: Tensor) -> Tensor:
    """Returns how many trees a forest lacks to fill its room."""
    shares = tf.maximum(tf.cast(trees, tf.float64) / _CAPACITY, 1.0)
    doublings = tf.math.ceil(tf.math.log(shares) / tf.math.log(tf.constant(2.0, tf.float64)))
    return _CAPACITY * tf.cast(tf.round(2.0**doublings), tf.int32) - trees


def _padded(array: Tensor, spare: Tensor) -> Tensor:
    return tf.pad(array, [[0, spare]] + [[0, 0]] * (len(array.shape) - 1))
