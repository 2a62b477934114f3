"""From feature columns to the numbers that trees split."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, final

import tensorflow as tf

import feature_columns as fc
from feature_columns import column_lists
from feature_columns.bucketized import BucketizedColumn
from feature_columns.numeric import NumericColumn
from premade.boosted_trees.binning import MOST_BINS
from premade.columns import check_named, checked_columns

Tensor = Any


@final
@dataclasses.dataclass(frozen=True)
class TreeFeature:
    """One number of each row.

    Attributes:
        column: name of the column that it belongs to.
        index: which number of the column it is.
        boundaries: of its bins, where the column says them.
    """

    column: str
    index: int
    boundaries: tuple[float, ...] | None = None


@final
class TreeFeatures:
    """The numbers of some columns, in the order of the columns' names.

    Args:
        columns: numeric columns, whose bins are found in the data, and bucketized ones.

    Raises:
        ValueError: a column is of another kind, or two have one name.

    Example:
        >>> features = TreeFeatures([fc.numeric_column("x", shape=2)])
        >>> [(each.column, each.index) for each in features.all]
        [('x', 0), ('x', 1)]
        >>> features.numbers({"x": tf.constant([[1.0, 2.0]])}).numpy().tolist()
        [[1.0, 2.0]]
    """

    def __init__(self, columns: Iterable[Any]) -> None:
        named = column_lists.normalise(checked_columns(columns, "feature_columns"))
        self._sources = [_source(column) for column in named]
        self._transform = fc.Transform(self._sources)
        self.all = tuple(
            TreeFeature(column.name, i, getattr(column, "boundaries", None))
            for column, source in zip(named, self._sources, strict=True)
            for i in range(source.width)
        )
        _check_boundaries(self.all)

    def numbers(self, features: Mapping[str, Tensor]) -> Tensor:
        """Returns float32 `[batch, features]`; NaN is a missing value.

        Args:
            features: raw features by key.
        """
        check_named(features)
        transformed = self._transform(features)
        parts = [transformed[source.transformed_key] for source in self._sources]
        numbers = tf.concat(parts, axis=1)
        numbers.set_shape([None, len(self.all)])
        return numbers


def _source(column: fc.FeatureColumn) -> NumericColumn:
    """Returns the numeric column that a column reads."""
    if isinstance(column, BucketizedColumn):
        return column.source_column
    if isinstance(column, NumericColumn):
        return column
    raise ValueError(
        f"Boosted trees take numeric_column and bucketized_column, got {column.name!r}, a "
        f"{type(column).__name__}. Give the number behind the category, or a column of numbers."
    )


def _check_boundaries(features: Iterable[TreeFeature]) -> None:
    for feature in features:
        if feature.boundaries is not None and len(feature.boundaries) >= MOST_BINS:
            raise ValueError(
                f"Column {feature.column!r} has {len(feature.boundaries)} boundaries; trees take "
                f"up to {MOST_BINS - 1}. Give fewer, or the numeric column itself."
            )
