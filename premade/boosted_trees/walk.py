"""What a forest predicts, compiled: many times faster than its plain operations.

Rows go down the trees in blocks that stay in the cache, tree after tree. The first levels are asked
all at once; below them a level is two look-ups for each row: of its node, and of its bin.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from premade.boosted_trees.binning import MOST_BINS, found_bins
from premade.boosted_trees.forest import Forest, is_in
from premade.boosted_trees.packed import (
    BY_CATEGORY,
    IS_LEAF,
    MISSING_LEFT,
    THRESHOLD,
    PackedForest,
    Word,
    packed,
)
from premade.boosted_trees.quads import FEATURES_IN_QUAD, bins_in
from premade.boosted_trees.top_levels import Scratch

Tensor = Any

_BLOCK = 1024


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
    trees = packed(forest, features)

    def look(block: Tensor) -> Tensor:
        return _of_numbers(block, boundaries, trees, width=width, by_category=by_category)

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
    return _of_quads(bins, packed(Forest(**arrays), features), width=width)


@functools.partial(tf.function, jit_compile=True, autograph=False)
def _of_numbers(
    numbers: Tensor,
    boundaries: Tensor,
    trees: PackedForest,
    *,
    width: int,
    by_category: Callable[..., Tensor] | None,
) -> Tensor:
    bins = found_bins(numbers, boundaries)
    if by_category is not None:
        bins = by_category(bins, numbers, boundaries, MOST_BINS)
    return _of_block(bins, trees, width=width)


@functools.partial(tf.function, jit_compile=True, autograph=False)
def _of_quads(bins: Tensor, trees: PackedForest, *, width: int) -> Tensor:
    quads, rows = bins.shape

    def block(i: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        part = tf.slice(bins, [0, i * _BLOCK], [quads, _BLOCK])
        logits = _of_block(bins_in(part), trees, width=width)
        return i + 1, xla.dynamic_update_slice(found, logits, [0, i * _BLOCK])

    start = (0, tf.zeros([width, rows]))
    _, found = tf.while_loop(lambda i, _: i * _BLOCK < rows, block, start)
    return found


def _of_block(bins: Tensor, trees: PackedForest, *, width: int) -> Tensor:
    """Returns float32 `[width, _BLOCK]`."""
    zero = tf.minimum(trees.trees, 0)

    def add(i: Tensor, logits: Tensor, scratch: Scratch) -> tuple[Tensor, Tensor, Scratch]:
        start, scratch = trees.top.places(bins, i, scratch, zero)
        # The loop alone would do: but what it reads is cut out before it, also where it never runs.
        leaf = tf.cond(trees.is_deep, lambda: _leaf(bins, trees, i, start), lambda: start)
        added = tf.gather(tf.gather(trees.value, i), leaf, axis=1)
        if trees.value.shape[1] == width:
            return i + 1, logits + added, scratch
        output = tf.gather(trees.output, i)
        row = tf.slice(logits, [output, 0], [1, _BLOCK]) + added
        return i + 1, xla.dynamic_update_slice(logits, row, [output, 0]), scratch

    start = (0, tf.zeros([width, _BLOCK]), trees.top.scratch(_BLOCK))
    _, logits, _ = tf.while_loop(lambda i, *_: i < trees.trees, add, start)
    return logits


def _leaf(bins: Tensor, trees: PackedForest, i: Tensor, start: Tensor) -> Tensor:
    """Returns the leaf of each row in one tree, int32 `[_BLOCK]`.

    Args:
        bins: uint8 `[features, _BLOCK]`.
        trees: the forest.
        i: which tree.
        start: int32 `[_BLOCK]`, a node above the leaf, or the leaf.
    """
    flat, rows = tf.reshape(bins, [-1]), tf.range(_BLOCK)
    words = tf.gather(trees.word, i)
    sets = tf.gather(trees.left_bins, i) if trees.left_bins.shape[2] else None
    parts = Word.of(words.shape[0], bins.shape[0])

    def descend(_: Tensor, node: Tensor) -> tuple[Tensor, Tensor]:
        word = tf.gather(words, node)
        low = parts.low(word)
        where = parts.feature(word) * _BLOCK + rows
        bin_of_row = tf.cast(tf.gather(flat, where), tf.int32)
        goes_right = bin_of_row > tf.bitwise.bitwise_and(low, THRESHOLD)
        if sets is not None:
            is_out = ~is_in(sets, node, bin_of_row)
            goes_right = tf.where(_has(low, BY_CATEGORY), is_out, goes_right)
        is_missing = tf.equal(bin_of_row, MOST_BINS)
        goes_right &= ~(is_missing & _has(low, MISSING_LEFT))
        child = parts.left(word) + tf.cast(goes_right, tf.int32)
        return ~tf.reduce_all(_has(low, IS_LEAF)), child

    _, leaf = tf.while_loop(lambda goes_on, _: goes_on, descend, (True, start))
    return leaf


def _has(low: Tensor, flag: int) -> Tensor:
    return tf.not_equal(tf.bitwise.bitwise_and(low, flag), 0)
