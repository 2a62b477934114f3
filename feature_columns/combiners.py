"""Several ids per row become one vector per row."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from feature_columns.aliases import Tensor

COMBINERS = ("sum", "mean", "sqrtn")


def check_combiner(combiner: Any, argument: str, owner: str) -> None:
    """Refuses a combiner that is not one of `COMBINERS`."""
    if combiner not in COMBINERS:
        raise ValueError(
            f"{argument} must be one of {', '.join(map(repr, COMBINERS))}. "
            f"Given: {combiner!r} for {owner}."
        )


def normaliser(counts: Tensor, combiner: str) -> Tensor:
    """Returns what a sum over `counts` valid ids is multiplied by.

    `1` for sum, `1 / n` for mean, `1 / sqrt(n)` for sqrtn, and 0 where n is 0.

    >>> normaliser(tf.constant([0.0, 4.0]), "sqrtn").numpy().tolist()
    [0.0, 0.5]
    """
    if combiner == "sum":
        return tf.ones_like(counts)
    return tf.math.reciprocal_no_nan(counts if combiner == "mean" else tf.sqrt(counts))


def count(ids: Tensor, num_buckets: int) -> Tensor:
    """Returns how often each id occurs in each row, float32 `[batch, num_buckets]`.

    Ids outside of `[0, num_buckets)` are not counted.

    >>> count(tf.constant([[2, 0, 2], [-1, 1, 9]]), 3).numpy().tolist()
    [[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]
    """
    if isinstance(ids, tf.RaggedTensor):
        ones = tf.one_hot(ids.values, num_buckets)
        return tf.math.unsorted_segment_sum(ones, ids.value_rowids(), ids.nrows())
    if ids.shape[1] == 1:
        return tf.one_hot(tf.squeeze(ids, axis=1), num_buckets)
    return tf.reduce_sum(tf.one_hot(ids, num_buckets), axis=1)


def combine(table: Any, ids: Tensor, combiner: str, max_norm: float | None = None) -> Tensor:
    """Looks the ids of each row up in `table` and combines their vectors.

    Args:
        table: `tf.Variable` `[num_buckets, dimension]`.
        ids: `[batch, k]`, dense with negative ids for missing ones, or ragged without these.
        combiner: one of `COMBINERS`.
        max_norm: scales longer vectors down to this L2 norm, before they are combined.

    Returns:
        float32 `[batch, dimension]`, zeros for a row without ids.

    >>> table = tf.Variable([[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]])
    >>> combine(table, tf.constant([[0, 1], [2, -1], [-1, -1]]), "mean").numpy().tolist()
    [[2.0, 3.5], [7.0, 11.0], [0.0, 0.0]]
    """
    if isinstance(ids, tf.RaggedTensor):
        rows = tf.nn.embedding_lookup(table, ids.values, max_norm=max_norm)
        sums = tf.math.unsorted_segment_sum(rows, ids.value_rowids(), ids.nrows())
        counts = tf.cast(ids.row_lengths(), tf.float32)
    else:
        valid = tf.cast(ids >= 0, tf.float32)
        # A missing id reads row 0 and is then multiplied by 0, so its gradient is 0 too.
        rows = tf.nn.embedding_lookup(table, tf.maximum(ids, 0), max_norm=max_norm)
        if ids.shape[1] == 1:
            return tf.squeeze(rows, axis=1) * valid
        sums = tf.reduce_sum(rows * valid[:, :, tf.newaxis], axis=1)
        counts = tf.reduce_sum(valid, axis=1)
    if combiner == "sum":
        return sums
    return sums * normaliser(counts, combiner)[:, tf.newaxis]
