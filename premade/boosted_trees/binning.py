"""Where the bins of a number end, chosen from a sample; and which bin a number is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any
Array = np.ndarray[Any, Any]

MOST_BINS = 255
"""Bins of values at the most: rows keep them in a byte, and one number means that none is there."""

NO_BOUNDARY = float(np.finfo(np.float32).max)
"""Fills the boundaries of a feature that has fewer than others."""


def boundaries_of(values: Array, max_bins: int = MOST_BINS, counts: Array | None = None) -> Array:
    """Returns the boundaries of one number's bins.

    Bins have as nearly the same number of rows as values that are often there allow. Where there
    are no more distinct values than bins, each has a bin of its own.

    Args:
        values: float32 `[rows]`, of a sample; NaN is left out.
        max_bins: bins at the most.
        counts: int64 `[rows]`, how often each row is there; None is once.

    Returns:
        float32 `[bins - 1]`, ascending. A value is in bin i if i boundaries are not above it.

    >>> boundaries_of(np.array([3.0, 1.0, 2.0, 2.0, np.nan], np.float32))
    array([1.5, 2.5], dtype=float32)
    >>> boundaries_of(np.arange(8, dtype=np.float32), max_bins=4)
    array([1.5, 3.5, 5.5], dtype=float32)
    """
    is_there = ~np.isnan(values)
    values = values[is_there]
    if counts is None or (counts == 1).all():
        values = np.sort(values)
        before = np.arange(len(values) + 1)
    else:
        order = np.argsort(values)
        values = values[order]
        before = np.concatenate([[0], np.cumsum(counts[is_there][order])])
    is_first = np.empty(len(values), bool)
    is_first[:1] = True
    np.not_equal(values[1:], values[:-1], out=is_first[1:])
    starts = np.flatnonzero(is_first)
    if len(starts) > max_bins:
        # A bin begins with the first new value of each share; a value of many shares ends one.
        shares = np.arange(1, max_bins) * before[-1] // max_bins
        which = np.unique(np.searchsorted(before[starts], shares))
        starts = starts[which[which < len(starts)]]
    else:
        starts = starts[1:]
    return _between(values[starts - 1], values[starts])


def _between(lower: Array, upper: Array) -> Array:
    """Returns float32 numbers above `lower` and not above `upper`, halfway where there is room."""
    with np.errstate(over="ignore", invalid="ignore"):
        middle = (lower.astype(np.float64) + upper) / 2.0
    middle = np.where(np.isfinite(middle), middle, upper).astype(np.float32)
    return np.where((middle > lower) & (middle <= upper), middle, upper)


def table_of(boundaries: Sequence[Array]) -> Array:
    """Returns the boundaries of all features as one array, float32 `[features, MOST_BINS - 1]`.

    Rows are filled with the greatest finite number, which also stands for infinity: what is saved
    must be finite.

    >>> table_of([np.array([1.5], np.float32)])[0, :2]
    array([1.5000000e+00, 3.4028235e+38], dtype=float32)
    """
    table = np.full([len(boundaries), MOST_BINS - 1], NO_BOUNDARY, np.float32)
    for row, own in zip(table, boundaries, strict=True):
        row[: len(own)] = np.clip(own, -NO_BOUNDARY, NO_BOUNDARY)
    return table


def bins_of(numbers: Tensor, boundaries: Tensor, missing: int) -> Tensor:
    """Returns the bin of each number, int32 `[features, batch]`.

    Args:
        numbers: float32 `[batch, features]`; NaN where there is none.
        boundaries: float32 `[features, boundaries]`, ascending; see `table_of`.
        missing: the bin of NaN.

    >>> boundaries = tf.constant([[1.5, 2.5]])
    >>> bins_of(tf.constant([[1.0], [2.5], [np.nan]]), boundaries, -1).numpy().tolist()
    [[0, 2, -1]]
    """
    by_feature = tf.transpose(numbers)
    bins = tf.searchsorted(boundaries, by_feature, side="right")
    return tf.where(tf.math.is_nan(by_feature), missing, bins)


def found_bins(numbers: Tensor, boundaries: Tensor) -> Tensor:
    """Returns what `bins_of` does, as bytes: uint8 `[features, batch]`; fast where it is compiled.

    A branchless search: half the rest of the boundaries is passed over, or not, at each step. The
    steps are a loop of XLA: of steps that Python writes one after the other it makes one step for
    each value, every look-up of which waits for the one before, and that takes three times as long.

    >>> boundaries = tf.constant(table_of([np.array([1.5, 2.5], np.float32)]))
    >>> found_bins(tf.constant([[1.0], [2.5], [np.nan]]), boundaries).numpy().tolist()
    [[0, 2, 255]]
    """
    by_feature = tf.transpose(numbers)
    room = MOST_BINS + 1
    most = room - 2  # boundaries of a feature
    padded = tf.pad(boundaries, [[0, 0], [0, room - most]], constant_values=np.inf)
    flat = tf.reshape(padded, [-1])
    first = tf.range(tf.shape(boundaries)[0])[:, tf.newaxis] * room

    def halve(step: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        is_passed = tf.gather(flat, first + found + (step - 1)) <= by_feature
        return step // 2, tf.where(is_passed, found + step, found)

    start = tf.constant(room // 2), tf.zeros_like(by_feature, tf.int32)
    _, found = tf.while_loop(lambda step, _: step > 0, halve, start)
    # Infinity is not below any boundary, those that fill the row included.
    found = tf.minimum(found, most)
    return tf.cast(tf.where(tf.math.is_nan(by_feature), MOST_BINS, found), tf.uint8)


table_bins = tf.function(found_bins, jit_compile=True, reduce_retracing=True, autograph=False)
"""`found_bins`, compiled for each number of rows."""
