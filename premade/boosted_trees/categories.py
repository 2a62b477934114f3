"""Which bin a category is in: one of its own for those that are often there.

A list of ids takes the place that the boundaries of a number have. The place of an id in the list
is its bin. Where there are more ids than bins, the list ends with the number of categories, which
is no id: it stands for all that are not listed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from premade.boosted_trees.binning import MOST_BINS

Tensor = Any
Array = np.ndarray[Any, Any]

MOST_LISTED = MOST_BINS - 1
"""Bins of a categorical feature at the most: as many as a number can have boundaries."""


def counts_of(ids: Array, categories: int) -> Array:
    """Returns how often each id is there, int64 `[categories]`; counts of parts of the rows add up.

    Args:
        ids: float32 `[rows]`; NaN is a missing category.
        categories: number of ids.

    >>> counts_of(np.array([2, np.nan, 0, 2], np.float32), 4).tolist()
    [1, 0, 2, 0]
    """
    there = ids[~np.isnan(ids)].astype(np.int64)
    return np.bincount(there, minlength=categories).astype(np.int64)


def listed(counts: Array, max_bins: int = MOST_LISTED) -> Array:
    """Returns the ids that get bins, float32, ascending.

    Args:
        counts: `[categories]`, how often each id is there. Of equally frequent ids the lower ones
            come first.
        max_bins: bins at the most, with that of the ids which are not listed.

    >>> listed(np.array([1, 0, 5, 3, 1])).tolist()
    [0.0, 2.0, 3.0, 4.0]
    >>> listed(np.array([1, 0, 5, 3, 1]), max_bins=3).tolist()
    [2.0, 3.0, 5.0]
    """
    seen = np.flatnonzero(counts)
    most = min(max_bins, MOST_LISTED)
    if len(seen) > most:
        by_frequency = np.argsort(-counts[seen], kind="stable")
        seen = np.append(np.sort(seen[by_frequency[: most - 1]]), len(counts))
    return seen.astype(np.float32)


def bins_of_ids(ids: Tensor, lists: Tensor, categories: Tensor, missing: int) -> Tensor:
    """Returns the bin of each category, int32 `[features, batch]`.

    Args:
        ids: float32 `[batch, features]`; NaN where there is none.
        lists: float32 `[features, ids]`, as `listed` gives them; filled with a number above all.
        categories: float32 `[features]`, how many there are.
        missing: the bin of NaN, and of ids that are not listed where the list is of all.

    >>> lists = tf.constant([[2.0, 3.0, 5.0], [0.0, 4.0, 1e9]])
    >>> ids = tf.constant([[2.0, 2.0], [4.0, 4.0], [np.nan, np.nan]])
    >>> bins_of_ids(ids, lists, tf.constant([5.0, 5.0]), missing=-1).numpy().tolist()
    [[0, 2, -1], [-1, 1, -1]]
    """
    by_feature = tf.transpose(ids)
    others = _place(categories[:, tf.newaxis], lists, missing)
    bins = _place(by_feature, lists, missing)
    bins = tf.where(tf.equal(bins, missing), others, bins)
    return tf.where(tf.math.is_nan(by_feature), missing, bins)


def _place(ids: Tensor, lists: Tensor, missing: int) -> Tensor:
    at = tf.minimum(tf.searchsorted(lists, ids), lists.shape[1] - 1)
    return tf.where(tf.equal(tf.gather(lists, at, batch_dims=1), ids), at, missing)
