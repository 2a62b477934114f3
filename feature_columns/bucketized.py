"""`bucketized_column`: ranges of a number as categories."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, final

import keras
import numpy as np
import tensorflow as tf

from feature_columns import base, combiners
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.cache import FeatureCache
from feature_columns.numeric import NumericColumn
from feature_columns.old_columns import converted


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class BucketizedColumn(base.DenseColumn, base.CategoricalColumn):
    """Ranges of a number; made by `bucketized_column`, which documents the fields."""

    source_column: NumericColumn
    boundaries: tuple[float, ...]

    @property
    def name(self) -> str:
        """`<source name>_bucketized`."""
        return f"{self.source_column.name}_bucketized"

    @property
    def parse_example_spec(self) -> ParseSpec:
        """That of the source column."""
        return self.source_column.parse_example_spec

    @property
    def num_buckets(self) -> int:
        """`(len(boundaries) + 1) * dimension of the source`."""
        return self._buckets_per_number * self.source_column.width

    @property
    def width(self) -> int:
        """One float per bucket."""
        return self.num_buckets

    @property
    def weight_specs(self) -> tuple[base.WeightSpec, ...]:
        """No weights."""
        return ()

    @property
    def ids_are_bounded(self) -> bool:
        """Always."""
        return True

    @property
    def ids_may_be_negative(self) -> bool:
        """Never."""
        return False

    def category_names(self) -> Sequence[str | int]:
        """Returns `[30, 40)` for a bucket; with several numbers `1: [30, 40)` for the second."""
        edges = ["-inf", *(_short(edge) for edge in self.boundaries), "inf"]
        names = [f"[{left}, {right})" for left, right in itertools.pairwise(edges)]
        names[0] = names[0].replace("[", "(", 1)
        if self.source_column.width == 1:
            return names
        return [f"{i}: {name}" for i in range(self.source_column.width) for name in names]

    def lookup(self, cache: FeatureCache) -> Tensor:
        """Returns int64 `[batch, dimension]`: bucket + dimension index * buckets per number."""
        values = cache.transformed(self.source_column)
        buckets = tf.cast(
            tf.raw_ops.Bucketize(input=values, boundaries=list(self.boundaries)), tf.int64
        )
        if self.source_column.width == 1:
            return buckets
        starts = np.arange(self.source_column.width, dtype=np.int64) * self._buckets_per_number
        return buckets + starts

    def missing(self, cache: FeatureCache) -> None:
        """A number always has a bucket."""
        del cache

    def represent(self, transformed: Sequence[Tensor], weights: Sequence[Any]) -> Tensor:
        """Returns one-hot floats, the buckets of the first number first."""
        del weights
        (ids,) = transformed
        return combiners.count(ids, self.num_buckets)

    @property
    def _buckets_per_number(self) -> int:
        return len(self.boundaries) + 1


def _short(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)


def bucketized_column(
    source_column: NumericColumn, boundaries: Sequence[float]
) -> BucketizedColumn:
    """Puts numbers into ranges: `(-inf, b0), [b0, b1), ..., [bk, inf)`.

    As a dense column it is one-hot; a linear model and a cross read it as categories.

    Args:
        source_column: a one-dimensional `numeric_column`.
        boundaries: strictly increasing numbers.

    Returns:
        A column of `(len(boundaries) + 1) * dimension` buckets.

    Raises:
        ValueError: `source_column` is of another kind or has two dimensions; `boundaries` is
            empty or does not increase.

    >>> from feature_columns import numeric_column
    >>> bucketized_column(numeric_column("age"), [18, 25, 30]).num_buckets
    4
    """
    source_column = converted(source_column)
    if not isinstance(source_column, NumericColumn):
        raise ValueError(
            "source_column must be a column generated with numeric_column(). "
            f"Given: {source_column!r}."
        )
    if len(source_column.shape) > 1:
        raise ValueError(
            f"source_column must be one-dimensional column. Given: {source_column.name!r} with "
            f"shape={source_column.shape}. Flatten the feature and its shape."
        )
    edges = _edges(boundaries, source_column.name)
    if not all(left < right for left, right in itertools.pairwise(edges)):
        raise ValueError(
            "boundaries must be a sorted list. Each must be greater than the one before. "
            f"Given: {list(boundaries)} for {source_column.name!r}."
        )
    return BucketizedColumn(source_column, edges)


def _edges(boundaries: Any, name: str) -> tuple[float, ...]:
    if not isinstance(boundaries, list | tuple | np.ndarray) or len(boundaries) == 0:
        raise ValueError(
            f"boundaries must not be empty. Given: {boundaries!r} for {name!r}. Give a list of at "
            "least one number."
        )
    try:
        edges = tuple(float(boundary) for boundary in boundaries)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"boundaries must be numbers. Given: {boundaries!r} for {name!r}. Categories that are "
            "no ranges of numbers are for categorical_column_with_*."
        ) from error
    if any(edge != edge for edge in edges):
        raise ValueError(f"boundaries must be numbers. Given: {boundaries!r} for {name!r}: NaN.")
    return edges
