"""Which rows go where: from the nodes of one level to those of the next.

XLA compiles each function for the shape of a shard, a part of the rows that one thread works on.
"""

from __future__ import annotations

import dataclasses
from typing import Any, final

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from premade.boosted_trees.binning import MOST_BINS
from premade.boosted_trees.bits import BITS, bits_of, count_before, count_set, flags_of
from premade.boosted_trees.forest import is_in
from premade.boosted_trees.quads import bin_in, quad_of

Tensor = Any

BLOCK = 8192
"""Rows of a block; shards are whole blocks."""

MISSING_BIN = MOST_BINS
"""The bin of missing values in a table."""

_FEATURE_BITS = 11
_MISSING_LEFT, _IS_SPLIT, _SMALL_IS_RIGHT = 1 << 8, 1 << 9, 1 << 10
_THRESHOLD = (1 << 8) - 1


def node_words(
    feature: Tensor, threshold: Tensor, missing_left: Tensor, is_split: Tensor, small_right: Tensor
) -> Tensor:
    """Returns what is to be known of each node, in one number: int32 `[nodes]`.

    Args:
        feature: int32 `[nodes]`, which splits the node.
        threshold: int32 `[nodes]`, the last bin that goes left.
        missing_left: bool `[nodes]`.
        is_split: bool `[nodes]`; all rows of a node without a split go left.
        small_right: bool `[nodes]`, whether the right child is the smaller one.
    """
    flags = ((missing_left, _MISSING_LEFT), (is_split, _IS_SPLIT), (small_right, _SMALL_IS_RIGHT))
    words = tf.bitwise.left_shift(feature, _FEATURE_BITS) + threshold
    return words + tf.add_n([tf.cast(flag, tf.int32) * bit for flag, bit in flags])


@tf.function(jit_compile=True, autograph=False)
def descend(bins: Tensor, node: Tensor, blocks: Tensor, words: Tensor, left_bins: Tensor) -> Tensor:
    """Sends rows to the children of their nodes.

    Args:
        bins: see `Shard`.
        node: int32 `[rows]`, counted from 0 in each level.
        blocks: see `Shard`.
        words: see `node_words`.
        left_bins: int32 `[nodes, words]`, see `Splits`; if there are words, they say it all.

    Returns:
        int32 `[rows]`: the children of node i are 2 i and 2 i + 1.
    """

    def block(start: Tensor, child: Tensor) -> tuple[Tensor]:
        of_block, _ = _moved(bins, node, words, left_bins, start)
        return (put(child, of_block, start),)

    (child,) = for_each_block(blocks, block, (tf.zeros_like(node),))
    return child


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Shard:
    """Rows that one thread works on.

    Attributes:
        bins: int32 `[quads, rows]`, of whole blocks; see `quads`.
        sums: int64 `[rows]`, packed derivatives.
        blocks: int32 scalar, how many of them there are rows in; what is behind means nothing.
    """

    bins: Tensor
    sums: Tensor
    blocks: Tensor


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Moved:
    """Rows of a shard in the next level.

    Attributes:
        child: int32 `[rows]`, the node of each row.
        small: int32 `[rows + BLOCK]`, the rows that are in the smaller child of a split, ascending;
            those behind the last mean nothing.
        count: int32 scalar, how many there are.
    """

    child: Tensor
    small: Tensor
    count: Tensor


def moved(bins: Tensor, node: Tensor, blocks: Tensor, words: Tensor, left_bins: Tensor) -> Moved:
    """Does what `descend` does, and brings the rows of the smaller children together.

    Called inside of a compiled function. In two loops over the blocks, not in one: where the body
    of a loop has more than eight operations, XLA runs those that do not need each other on several
    threads, and waking a thread takes longer than what it does for a block.
    """

    def flag(start: Tensor, child: Tensor, is_small: Tensor) -> tuple[Tensor, Tensor]:
        of_block, is_small_of_block = _moved(bins, node, words, left_bins, start)
        bits = bits_of(is_small_of_block)
        return put(child, of_block, start), put(is_small, bits, start // BITS)

    none = tf.zeros([node.shape[0] // BITS], tf.int32)
    child, is_small = for_each_block(blocks, flag, (tf.zeros_like(node), none))
    return Moved(child, *rows_with(is_small, blocks))


def rows_with(flags: Tensor, blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Brings the rows that have a flag together.

    Args:
        flags: int32 `[rows / BITS]`, of the rows; see `bits_of`.
        blocks: int32 scalar, those of the rows that are looked at.

    Returns:
        int32 `[rows + BLOCK]`, the rows, ascending, and behind the last what means nothing; and
        int32 scalar, how many there are.
    """
    counted, of_blocks = _counted(flags)

    def gather(start: Tensor, found: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        of_block, counted_of_block = (
            tf.slice(x, [start // BITS], [BLOCK // BITS]) for x in (flags, counted)
        )
        place = tf.repeat(counted_of_block, BITS) + count_before(of_block)
        # Each row adds itself, or nothing, at its place among those that have the flag.
        row = flags_of(of_block) * (start + tf.range(BLOCK))
        part = tf.tensor_scatter_nd_add(tf.zeros([BLOCK], tf.int32), place[:, tf.newaxis], row)
        return put(found, part, before), before + tf.gather(of_blocks, start // BLOCK)

    none = tf.zeros([BITS * flags.shape[0] + BLOCK], tf.int32)
    found, total = for_each_block(blocks, gather, (none, tf.constant(0)))
    return found, total


def for_each_block(blocks: Tensor, body: Any, start: tuple[Tensor, ...]) -> Any:
    """Returns what the last of `body(first row, *state) -> state` returned."""

    def step(i: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return i + 1, *body(i * BLOCK, *state)

    _, *state = tf.while_loop(lambda i, *_: i < blocks, step, (0, *start))
    return state


def _moved(
    bins: Tensor, node: Tensor, words: Tensor, left_bins: Tensor, start: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns the child of each row of a block, and whether that is the smaller one of a split."""
    parent = tf.slice(node, [start], [BLOCK])
    word = tf.gather(words, parent)
    goes_right = _goes_right(bins, start, parent, word, left_bins)
    is_small = _has(word, _IS_SPLIT) & tf.equal(goes_right, _has(word, _SMALL_IS_RIGHT))
    return 2 * parent + tf.cast(goes_right, tf.int32), is_small


def _goes_right(
    bins: Tensor, start: Tensor, node: Tensor, word: Tensor, left_bins: Tensor
) -> Tensor:
    """Returns bool `[BLOCK]`, for the rows of a block, their nodes and the words of these."""
    feature = tf.bitwise.right_shift(word, _FEATURE_BITS)
    at = quad_of(feature) * bins.shape[1] + start + tf.range(BLOCK)
    bin_of_row = bin_in(tf.gather(tf.reshape(bins, [-1]), at), feature)
    if left_bins.shape[1]:
        return ~is_in(left_bins, node, bin_of_row)
    is_above = bin_of_row > tf.bitwise.bitwise_and(word, _THRESHOLD)
    is_missing = tf.equal(bin_of_row, MISSING_BIN)
    goes_right = tf.where(is_missing, ~_has(word, _MISSING_LEFT), is_above)
    return goes_right & _has(word, _IS_SPLIT)


def _has(word: Tensor, flag: int) -> Tensor:
    return tf.not_equal(tf.bitwise.bitwise_and(word, flag), 0)


def put(into: Tensor, part: Tensor, start: Tensor) -> Tensor:
    """Returns a tensor with a part of it, from `start` on, replaced; both of one dimension.

    In place, if what is read is not what is written: XLA would copy it all at each block.
    """
    return xla.dynamic_update_slice(into, part, [start])


def _counted(flags: Tensor) -> tuple[Tensor, Tensor]:
    """Counts flags that are set.

    By products of matrices, which are exact for such small numbers: XLA's own cumulative sum goes
    over its numbers again and again.

    Args:
        flags: int32 `[rows / BITS]`, see `bits_of`.

    Returns:
        int32 `[rows / BITS]`, of each number those before it in its block; and int32 `[blocks]`.
    """
    words = BLOCK // BITS
    counts = tf.cast(tf.reshape(count_set(flags), [-1, words]), tf.float32)
    before = tf.matmul(counts, np.triu(np.ones([words] * 2, np.float32), 1))
    of_blocks = tf.reduce_sum(counts, axis=1)
    return tf.reshape(tf.cast(before, tf.int32), [-1]), tf.cast(of_blocks, tf.int32)
