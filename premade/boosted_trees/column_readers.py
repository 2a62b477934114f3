"""What trees read of each kind of feature column: numbers, or one category per row."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, final

import tensorflow as tf

import feature_columns as fc
from feature_columns.bucketized import BucketizedColumn
from feature_columns.indicator import IndicatorColumn
from feature_columns.numeric import NumericColumn
from premade.boosted_trees.binning import MOST_BINS

Tensor = Any

MOST_CATEGORIES = 2**24
"""Ids up to here are float32 numbers, each another one."""


@final
@dataclasses.dataclass(frozen=True)
class TreeFeature:
    """One number, or one category, of each row.

    Attributes:
        column: name of the column that it belongs to.
        index: which number of the column it is.
        boundaries: of its bins, where the column says them.
        categories: number of ids, where the number is the id of a category.
        is_count: whether the number is how often one category is in the row.
    """

    column: str
    index: int
    boundaries: tuple[float, ...] | None = None
    categories: int | None = None
    is_count: bool = False


class Reader(abc.ABC):
    """What trees read of one column."""

    @property
    @abc.abstractmethod
    def source(self) -> fc.FeatureColumn:
        """The column that is transformed."""

    @abc.abstractmethod
    def features(self) -> list[TreeFeature]:
        """Returns a description of each number."""

    def names(self) -> Sequence[str | int] | None:
        """Returns the categories by id; None of numbers."""
        return None

    @abc.abstractmethod
    def read(self, transformed: Mapping[str, Tensor]) -> Tensor:
        """Returns float32 `[batch, features]`; NaN is a missing value.

        Args:
            transformed: what `feature_columns.Transform` gives of the source.
        """


@final
@dataclasses.dataclass(frozen=True)
class NumberReader(Reader):
    """The numbers of a numeric column, or those behind a bucketized one."""

    column: NumericColumn | BucketizedColumn

    @property
    def source(self) -> NumericColumn:
        """See `Reader`."""
        column = self.column
        return column.source_column if isinstance(column, BucketizedColumn) else column

    def features(self) -> list[TreeFeature]:
        """See `Reader`."""
        boundaries = getattr(self.column, "boundaries", None)
        if boundaries is not None and len(boundaries) >= MOST_BINS:
            raise ValueError(
                f"Column {self.column.name!r} has {len(boundaries)} boundaries; trees take up to "
                f"{MOST_BINS - 1}. Give fewer, or the numeric column itself."
            )
        return [TreeFeature(self.column.name, i, boundaries) for i in range(self.source.width)]

    def read(self, transformed: Mapping[str, Tensor]) -> Tensor:
        """See `Reader`."""
        return transformed[self.source.transformed_key]


@final
@dataclasses.dataclass(frozen=True)
class CountReader(Reader):
    """How often each category of an indicator column is in a row: a number for each."""

    column: IndicatorColumn

    @property
    def source(self) -> IndicatorColumn:
        """See `Reader`."""
        return self.column

    def features(self) -> list[TreeFeature]:
        """See `Reader`."""
        # That of the categorical column, as tf.estimator's importances say it.
        name = self.column.categorical_column.name
        return [TreeFeature(name, i, is_count=True) for i in range(self.column.width)]

    def names(self) -> Sequence[str | int]:
        """See `Reader`."""
        return self.column.categorical_column.category_names()

    def read(self, transformed: Mapping[str, Tensor]) -> Tensor:
        """See `Reader`."""
        keys = [source.transformed_key for source in self.column.sources]
        return self.column.represent([transformed[key] for key in keys], ())


@final
@dataclasses.dataclass(frozen=True)
class CategoryReader(Reader):
    """The id of the one category of each row."""

    column: fc.CategoricalColumn

    @property
    def source(self) -> fc.CategoricalColumn:
        """See `Reader`."""
        return self.column

    def features(self) -> list[TreeFeature]:
        """See `Reader`."""
        if self.column.num_buckets > MOST_CATEGORIES:
            raise ValueError(
                f"Column {self.column.name!r} has {self.column.num_buckets} categories; trees take "
                f"up to {MOST_CATEGORIES}. Give a smaller hash_bucket_size: all but the most "
                "frequent categories share a bin anyway."
            )
        return [TreeFeature(self.column.name, 0, categories=self.column.num_buckets)]

    def names(self) -> Sequence[str | int]:
        """See `Reader`."""
        return self.column.category_names()

    def read(self, transformed: Mapping[str, Tensor]) -> Tensor:
        """See `Reader`.

        Raises:
            ValueError: a row has several categories; tf.errors.InvalidArgumentError where that is
                seen only when the rows are read.
        """
        ids = self._one_of_each_row(transformed[self.column.transformed_key])
        return tf.where(ids < 0, float("nan"), tf.cast(ids, tf.float32))

    def _one_of_each_row(self, ids: Tensor) -> Tensor:
        message = (
            f"Column {self.column.name} has several categories in one row, and trees split by "
            "one. Give indicator_column of it, which counts the categories."
        )
        is_ragged = isinstance(ids, tf.RaggedTensor)
        width = None if is_ragged else ids.shape[1]
        if width == 1:
            return ids
        if width is not None:
            raise ValueError(message)
        longest = tf.reduce_max(ids.row_lengths()) if is_ragged else tf.shape(ids)[1]
        check = tf.debugging.assert_less_equal(longest, tf.ones_like(longest), message=message)
        with tf.control_dependencies([] if check is None else [check]):
            if is_ragged:
                return ids.to_tensor(tf.constant(-1, ids.dtype), shape=[None, 1])
            # Without a value in any row there is no column of values.
            return tf.pad(ids, [[0, 0], [0, 1]], constant_values=-1)[:, :1]


def reader_of(column: fc.FeatureColumn) -> Reader:
    """Returns what reads a column.

    Raises:
        ValueError: trees do not take columns of its kind.

    >>> reader_of(fc.categorical_column_with_identity("weekday", 7)).features()
    [TreeFeature(column='weekday', index=0, boundaries=None, categories=7, is_count=False)]
    """
    if isinstance(column, NumericColumn | BucketizedColumn):
        return NumberReader(column)
    if isinstance(column, IndicatorColumn):
        return CountReader(column)
    if isinstance(column, fc.CategoricalColumn) and len(column.sources) == 1:
        return CategoryReader(column)
    raise ValueError(
        "Boosted trees take numeric, bucketized, categorical and indicator columns, got "
        f"{column.name!r}, a {type(column).__name__}. Give the categorical column that is behind "
        "it, whose weights trees do not need, or indicator_column of a weighted one."
    )
