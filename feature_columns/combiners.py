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


def normaliser(masses: Tensor, combiner: str) -> Tensor:
    """Returns what a weighted sum of vectors is multiplied by.

    `1` for sum, `1 / m` for mean, `1 / sqrt(m)` for sqrtn, and 0 where m is 0.

    Args:
        masses: sums of `mass`; of ids without weights, their number.
        combiner: one of `COMBINERS`.

    >>> normaliser(tf.constant([0.0, 4.0]), "sqrtn").numpy().tolist()
    [0.0, 0.5]
    """
    if combiner == "sum":
        return tf.ones_like(masses)
    return tf.math.reciprocal_no_nan(masses if combiner == "mean" else tf.sqrt(masses))


def mass(weights: Tensor, combiner: str) -> Tensor:
    """Returns what each id adds to the sum that `normaliser` takes, given its weight."""
    return tf.square(weights) if combiner == "sqrtn" else weights


def effective(weights: Tensor, combiner: str) -> Tensor:
    """Returns the weights that count: means are of positive weights only.

    >>> effective(tf.constant([2.0, -1.0]), "mean").numpy().tolist()
    [2.0, 0.0]
    """
    return weights if combiner == "sum" else tf.maximum(weights, 0.0)


def count(ids: Tensor, num_buckets: int, weights: Tensor | None = None) -> Tensor:
    """Returns how often each id occurs in each row, float32 `[batch, num_buckets]`.

    Ids outside of `[0, num_buckets)` are not counted. With weights, the sum of the weights of
    each id.

    Args:
        ids: `[batch, k]`, dense or ragged.
        num_buckets: the number of ids.
        weights: in the form of `ids`.

    >>> count(tf.constant([[2, 0, 2], [-1, 1, 9]]), 3).numpy().tolist()
    [[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]
    >>> count(tf.constant([[2, 0, 2]]), 3, tf.constant([[0.5, -1.0, 2.0]])).numpy().tolist()
    [[-1.0, 0.0, 2.5]]
    """
    if isinstance(ids, tf.RaggedTensor):
        ones = tf.one_hot(ids.values, num_buckets)
        if weights is not None:
            ones *= weights.values[:, tf.newaxis]
        return tf.math.unsorted_segment_sum(ones, ids.value_rowids(), ids.nrows())
    if ids.shape[1] == 1 and weights is None:
        return tf.one_hot(tf.squeeze(ids, axis=1), num_buckets)
    ones = tf.one_hot(ids, num_buckets)
    if weights is not None:
        ones *= weights[:, :, tf.newaxis]
    return tf.reduce_sum(ones, axis=1)


def combine(
    table: Any,
    ids: Tensor,
    combiner: str,
    max_norm: float | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """Looks the ids of each row up in `table` and combines their vectors.

    Args:
        table: `tf.Variable` `[num_buckets, dimension]`.
        ids: `[batch, k]`, dense with negative ids for missing ones, or ragged without these.
        combiner: one of `COMBINERS`.
        max_norm: scales longer vectors down to this L2 norm, before they are combined.
        weights: of the ids, float32 in their form; all 1 if None.

    Returns:
        float32 `[batch, dimension]`, zeros for a row without ids.

    >>> table = tf.Variable([[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]])
    >>> combine(table, tf.constant([[0, 1], [2, -1], [-1, -1]]), "mean").numpy().tolist()
    [[2.0, 3.5], [7.0, 11.0], [0.0, 0.0]]
    """
    make = _combine_ragged if isinstance(ids, tf.RaggedTensor) else _combine_dense
    return make(table, ids, combiner, max_norm, weights)


def _combine_ragged(
    table: Any, ids: Tensor, combiner: str, max_norm: float | None, weights: Tensor | None
) -> Tensor:
    rows = tf.nn.embedding_lookup(table, ids.values, max_norm=max_norm)
    owners, batch = ids.value_rowids(), ids.nrows()
    if weights is None:
        masses = tf.cast(ids.row_lengths(), tf.float32)
    else:
        counted = effective(weights.values, combiner)
        rows *= counted[:, tf.newaxis]
        masses = tf.math.unsorted_segment_sum(mass(counted, combiner), owners, batch)
    return _normalised(tf.math.unsorted_segment_sum(rows, owners, batch), masses, combiner)


def _combine_dense(
    table: Any, ids: Tensor, combiner: str, max_norm: float | None, weights: Tensor | None
) -> Tensor:
    counted = tf.cast(ids >= 0, tf.float32)
    # A missing id reads row 0 and is then multiplied by 0, so its gradient is 0 too.
    rows = tf.nn.embedding_lookup(table, tf.maximum(ids, 0), max_norm=max_norm)
    if weights is not None:
        counted *= effective(weights, combiner)
    elif ids.shape[1] == 1:
        return tf.squeeze(rows, axis=1) * counted
    masses = tf.reduce_sum(mass(counted, combiner), axis=1)
    return _normalised(tf.reduce_sum(rows * counted[:, :, tf.newaxis], axis=1), masses, combiner)


def _normalised(sums: Tensor, masses: Tensor, combiner: str) -> Tensor:
    return sums if combiner == "sum" else sums * normaliser(masses, combiner)[:, tf.newaxis]
