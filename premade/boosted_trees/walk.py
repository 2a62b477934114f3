"""What a forest predicts, compiled: many times faster than its plain operations.

Rows go down the trees in blocks that stay in the cache, tree after tree. All that is to be known of
a node is in one number, so that a level is two look-ups for each row: of its node, and of its bin.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Self, final

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from premade.boosted_trees.binning import MOST_BINS, found_bins
from premade.boosted_trees.forest import LEAF, Forest, is_in
from premade.boosted_trees.quads import FEATURES_IN_QUAD, bins_in

Tensor = Any

_BLOCK = 1024
_CAPACITY = 64
"""Programs are made for numbers of trees that are this times a power of two."""

_THRESHOLD = (1 << 8) - 1
_MISSING_LEFT, _BY_CATEGORY, _IS_LEAF = 1 << 8, 1 << 9, 1 << 10
_FLAG_BITS = 11


@final
@dataclasses.dataclass(frozen=True)
class _Word:
    """How the word of a node is divided: left child, feature, and flags with the threshold.

    Attributes:
        kind: its type; 32 bits are a fifth faster than 64, where they are enough.
        feature_bits: of the feature.
    """

    kind: Any
    feature_bits: int

    @classmethod
    def of(cls, nodes: int, features: int) -> Self:
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


def logits_of_numbers(
    forest: Forest,
    numbers: Tensor,
    boundaries: Tensor,
    width: int,
    by_category: Callable[..., Tensor] | None = None,
) -> Tensor:
    """Returns what the forest says of rows, float32 `[batch, width]`.

    Args:
        forest: of tensors.
        numbers: float32 `[batch, features]`; NaN where there is none.
        boundaries: float32 `[features, MOST_BINS - 1]`; see `binning.table_of`.
        width: number of logits.
        by_category: see there in `TreeFeatures`; None if all features are numbers.
    """
    batch, features = tf.shape(numbers)[0], numbers.shape[1]
    blocks = -(-batch // _BLOCK)
    padded = tf.pad(numbers, [[0, blocks * _BLOCK - batch], [0, 0]])
    of_forest = _packed(forest, features)

    def look(block: Tensor) -> Tensor:
        return _of_numbers(block, boundaries, *of_forest, width=width, by_category=by_category)

    found = tf.map_fn(
        look,
        tf.reshape(padded, [-1, _BLOCK, features]),
        fn_output_signature=tf.TensorSpec([width, _BLOCK], tf.float32),
    )
    return tf.reshape(tf.transpose(found, [0, 2, 1]), [-1, width])[:batch]


def logits_of_bins(forest: Forest, bins: Tensor, width: int) -> Tensor:
    """Returns what the forest says of rows of a table, float32 `[width, rows]`.

    The trees are added one after the other, as training adds them.

    Args:
        forest: of tensors.
        bins: int32 `[quads, rows]`, a whole number of blocks; see `quads`.
        width: number of logits.
    """
    return _of_table(bins, forest.arrays(), width=width)


# A graph of its own, so that all shards, and all steps that are traced, have it traced once.
@functools.partial(tf.function, autograph=False)
def _of_table(bins: Tensor, arrays: dict[str, Tensor], *, width: int) -> Tensor:
    features = FEATURES_IN_QUAD * bins.shape[0]
    return _of_quads(bins, *_packed(Forest(**arrays), features), width=width)


def _packed(forest: Forest, features: int) -> tuple[Tensor, ...]:
    """Returns the number of trees, and arrays with room for more.

    Words of the nodes, `[room, nodes]`; values, `[room, width, nodes]`; outputs and sets.
    """
    trees, nodes = tf.unstack(tf.shape(forest.feature))
    spare = _spare(trees)
    is_split = tf.not_equal(forest.feature, LEAF)
    by_category = is_split & (forest.threshold < 0)
    # No bin is above the threshold of a leaf, whose left child is itself.
    threshold = tf.where(is_split & ~by_category, forest.threshold, _THRESHOLD)
    left = tf.where(is_split, forest.left, tf.range(nodes))
    flags = (
        (forest.missing_left, _MISSING_LEFT),
        (by_category, _BY_CATEGORY),
        (~is_split, _IS_LEAF),
    )
    low = threshold + tf.add_n([tf.cast(flag, tf.int32) * bit for flag, bit in flags])
    word = _Word.of(forest.feature.shape[1], features).packed(
        left, tf.maximum(forest.feature, 0), low
    )
    values = tf.transpose(forest.value, [0, 2, 1])
    arrays = (word, values, forest.output, forest.left_bins)
    return trees, *(_padded(array, spare) for array in arrays)


def _spare(trees: Tensor) -> Tensor:
    """Returns how many trees a forest lacks to fill its room."""
    shares = tf.maximum(tf.cast(trees, tf.float64) / _CAPACITY, 1.0)
    doublings = tf.math.ceil(tf.math.log(shares) / tf.math.log(tf.constant(2.0, tf.float64)))
    return _CAPACITY * tf.cast(tf.round(2.0**doublings), tf.int32) - trees


def _padded(array: Tensor, spare: Tensor) -> Tensor:
    return tf.pad(array, [[0, spare]] + [[0, 0]] * (len(array.shape) - 1))


@functools.partial(tf.function, jit_compile=True, autograph=False)
def _of_numbers(
    numbers: Tensor,
    boundaries: Tensor,
    *of_forest: Tensor,
    width: int,
    by_category: Callable[..., Tensor] | None,
) -> Tensor:
    bins = found_bins(numbers, boundaries)
    if by_category is not None:
        bins = by_category(bins, numbers, boundaries, MOST_BINS)
    return _of_block(bins, *of_forest, width=width)


@functools.partial(tf.function, jit_compile=True, autograph=False)
def _of_quads(bins: Tensor, *of_forest: Tensor, width: int) -> Tensor:
    quads, rows = bins.shape

    def block(i: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        part = tf.slice(bins, [0, i * _BLOCK], [quads, _BLOCK])
        logits = _of_block(bins_in(part), *of_forest, width=width)
        return i + 1, xla.dynamic_update_slice(found, logits, [0, i * _BLOCK])

    start = (0, tf.zeros([width, rows]))
    _, found = tf.while_loop(lambda i, _: i * _BLOCK < rows, block, start)
    return found


def _of_block(
    bins: Tensor,
    trees: Tensor,
    words: Tensor,
    values: Tensor,
    outputs: Tensor,
    sets: Tensor,
    *,
    width: int,
) -> Tensor:
    """Returns float32 `[width, _BLOCK]`."""

    def add(i: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        of_sets = tf.gather(sets, i) if sets.shape[2] else None
        leaf = _leaf(bins, tf.gather(words, i), of_sets)
        added = tf.gather(tf.gather(values, i), leaf, axis=1)
        if values.shape[1] == width:
            return i + 1, logits + added
        output = tf.gather(outputs, i)
        row = tf.slice(logits, [output, 0], [1, _BLOCK]) + added
        return i + 1, xla.dynamic_update_slice(logits, row, [output, 0])

    start = (0, tf.zeros([width, _BLOCK]))
    _, logits = tf.while_loop(lambda i, _: i < trees, add, start)
    return logits


def _leaf(bins: Tensor, words: Tensor, sets: Tensor | None) -> Tensor:
    """Returns the leaf of each row in one tree, int32 `[_BLOCK]`.

    Args:
        bins: uint8 `[features, _BLOCK]`.
        words: `[nodes]`; see `_Word`.
        sets: int32 `[nodes, WORDS]`, of the bins that go left, or None.
    """
    flat, rows = tf.reshape(bins, [-1]), tf.range(_BLOCK)
    parts = _Word.of(words.shape[0], bins.shape[0])

    def is_on_the_way(_: Tensor, word: Tensor) -> Tensor:
        return ~tf.reduce_all(_has(parts.low(word), _IS_LEAF))

    def descend(node: Tensor, word: Tensor) -> tuple[Tensor, Tensor]:
        low = parts.low(word)
        where = parts.feature(word) * _BLOCK + rows
        bin_of_row = tf.cast(tf.gather(flat, where), tf.int32)
        goes_right = bin_of_row > tf.bitwise.bitwise_and(low, _THRESHOLD)
        if sets is not None:
            is_out = ~is_in(sets, node, bin_of_row)
            goes_right = tf.where(_has(low, _BY_CATEGORY), is_out, goes_right)
        is_missing = tf.equal(bin_of_row, MOST_BINS)
        goes_right &= ~(is_missing & _has(low, _MISSING_LEFT))
        child = parts.left(word) + tf.cast(goes_right, tf.int32)
        return child, tf.gather(words, child)

    start = (tf.zeros([_BLOCK], tf.int32), tf.fill([_BLOCK], words[0]))
    leaf, _ = tf.while_loop(is_on_the_way, descend, start)
    return leaf


def _has(low: Tensor, flag: int) -> Tensor:
    return tf.not_equal(tf.bitwise.bitwise_and(low, flag), 0)
