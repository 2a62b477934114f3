"""`weighted_categorical_column`: categories, each with a weight of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, final

import keras
import tensorflow as tf

from feature_columns import base, checks
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.cache import FeatureCache, as_ragged
from feature_columns.keyed import KeyedCategoricalColumn
from feature_columns.old_columns import converted
from feature_columns.sequence_ids import SequenceCategoricalColumn


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class WeightedCategoricalColumn(base.CategoricalColumn):
    """Categories with weights; made by `weighted_categorical_column`, which says what they do."""

    categorical_column: base.CategoricalColumn
    weight_feature_key: str
    dtype: Any

    @property
    def name(self) -> str:
        """`<categorical column name>_weighted_by_<weight feature key>`."""
        return f"{self.categorical_column.name}_weighted_by_{self.weight_feature_key}"

    @property
    def parse_example_spec(self) -> ParseSpec:
        """That of the categorical column, and weights of any number."""
        weights = tf.io.VarLenFeature(self.dtype)
        return {**self.categorical_column.parse_example_spec, self.weight_feature_key: weights}

    @property
    def sources(self) -> tuple[base.SourceColumn, ...]:
        """This column, which gives the ids, and their weights."""
        return (self, CategoryWeights(self))

    @property
    def num_buckets(self) -> int:
        """That of the categorical column."""
        return self.categorical_column.num_buckets

    @property
    def ids_are_bounded(self) -> bool:
        """As of the categorical column."""
        return self.categorical_column.ids_are_bounded

    @property
    def ids_may_be_negative(self) -> bool:
        """As of the categorical column."""
        return self.categorical_column.ids_may_be_negative

    def category_names(self) -> Sequence[str | int]:
        """Returns those of the categorical column."""
        return self.categorical_column.category_names()

    def lookup(self, cache: FeatureCache) -> Tensor:
        """Returns the ids of the categorical column; ragged where the weights are sparse."""
        ids = self.categorical_column.ids(cache)
        weights = cache.raw(self.weight_feature_key, self.name)
        if isinstance(ids, tf.RaggedTensor) or isinstance(weights, tf.Tensor):
            return ids
        # Sparse weights are those of the values that are there.
        missing = self.categorical_column.missing(cache)
        if missing is None:
            return tf.RaggedTensor.from_tensor(ids)
        return tf.ragged.boolean_mask(ids, tf.logical_not(missing))

    def missing(self, cache: FeatureCache) -> Tensor | None:
        """Returns where the categorical column misses a value."""
        return self.categorical_column.missing(cache)


@final
@dataclasses.dataclass(frozen=True)
class CategoryWeights(base.SourceColumn):
    """The weights of the ids of a weighted column.

    Attributes:
        column: the weighted column.
    """

    kind: ClassVar[str] = "weights"

    column: WeightedCategoricalColumn

    @property
    def name(self) -> str:
        """That of the weighted column."""
        return self.column.name

    @property
    def parse_example_spec(self) -> ParseSpec:
        """That of the weighted column: without its ids there are no weights."""
        return self.column.parse_example_spec

    def transform(self, cache: FeatureCache) -> Tensor:
        """Returns a weight for each id that the column's `transform` gives.

        Returns:
            float32 in the form of the ids: `[batch, k]`, dense or `tf.RaggedTensor`. The weight
            of a missing id of a dense feature is undefined.

        Raises:
            ValueError: the weights are no numbers, or have another shape than the values.
            tf.errors.InvalidArgumentError: they have another shape, which shows only now.
        """
        weights = cache.raw(self.column.weight_feature_key, self.name)
        if not (weights.dtype.is_integer or weights.dtype.is_floating):
            raise ValueError(
                f"Column {self.name!r} expects numbers as weights, got {weights.dtype.name} in "
                f"feature {self.column.weight_feature_key!r}. Convert it, for instance with "
                "tf.strings.to_number, or give the key of another feature."
            )
        weights = tf.cast(weights, tf.float32)
        ids = self.column.ids(cache)
        if not isinstance(ids, tf.RaggedTensor):
            return self._checked(
                weights, weights.shape, ids.shape, tf.shape(weights), tf.shape(ids)
            )
        listed = self._listed(weights, ids, cache)
        lengths, expected = listed.row_lengths(), ids.row_lengths()
        flat = self._checked(listed.values, lengths.shape, expected.shape, lengths, expected)
        if self.column.ids_may_be_negative:
            flat = tf.boolean_mask(flat, ids.values >= 0)
        return cache.transformed(self.column).with_values(flat)

    def _listed(self, weights: Tensor, ids: Tensor, cache: FeatureCache) -> Tensor:
        """Returns the weights of ragged ids, as ragged rows."""
        if isinstance(weights, tf.SparseTensor):
            return as_ragged(weights)
        if isinstance(weights, tf.RaggedTensor):
            return weights
        inner = self.column.categorical_column
        if isinstance(inner, KeyedCategoricalColumn):
            values = cache.raw(inner.key, inner.name)
            if isinstance(values, tf.SparseTensor):  # Its rows may have gaps.
                return ids.with_values(tf.gather_nd(weights, values.indices))
        return tf.RaggedTensor.from_tensor(weights, lengths=ids.row_lengths())

    def _checked(
        self, weights: Tensor, known: Any, expected: Any, given: Tensor, needed: Tensor
    ) -> Tensor:
        """Returns the weights once `given`, whose static shape is `known`, equals `needed`."""
        key, inner = self.column.weight_feature_key, self.column.categorical_column
        message = (
            f"Column {self.name!r} needs one weight in feature {key!r} for each value of "
            f"{inner.name!r}, but their shapes differ. Give {key!r} the shape of the values; "
            "dense features may be filled up with weights of 0."
        )
        if not known.is_compatible_with(expected):
            raise ValueError(f"{message} Weights: {known}, values: {expected}.")
        # Plain equality is an error of its own, without the message, where sizes differ.
        equal = tf.raw_ops.Equal(x=given, y=needed, incompatible_shape_error=False)
        check = tf.debugging.assert_equal(tf.reduce_all(equal), True, message)
        with tf.control_dependencies([] if check is None else [check]):
            return tf.identity(weights)


def weighted_categorical_column(
    categorical_column: base.CategoricalColumn | SequenceCategoricalColumn,
    weight_feature_key: str,
    dtype: Any = tf.float32,
) -> WeightedCategoricalColumn:
    """Reads categories that have weights: how often a word occurs, how sure a tag is.

    Give it to `indicator_column`, `embedding_column` or a linear model. With the weights w of
    the values of a row and their vectors v (an indicator's are one-hot):

    - 'sum', and an indicator: the sum of w v.
    - 'mean': the sum of w v, divided by the sum of w.
    - 'sqrtn': the sum of w v, divided by the square root of the sum of w squared.

    'mean' and 'sqrtn' leave out values whose weight is not positive.

    The weights have the shape of the values, dense, sparse or ragged, and belong to the value at
    their place; the weight of a missing value is not read. Sparse or ragged weights of dense
    values are those of the values that are there, one after the other.

    Args:
        categorical_column: any categorical column. Of a sequence column, the categories of all
            steps together: `SequenceFeatures` takes no weights.
        weight_feature_key: the key of the weights.
        dtype: the type in which weights are parsed, a number.

    Returns:
        A categorical column.

    Raises:
        ValueError: `categorical_column` is not categorical or has weights already, `dtype` is no
            number, `weight_feature_key` is no string or is a key of the categories.

    >>> from feature_columns import DenseFeatures, categorical_column_with_identity
    >>> from feature_columns import indicator_column
    >>> word = weighted_categorical_column(categorical_column_with_identity("word", 3), "count")
    >>> features = {"word": tf.constant([[2, 0, 2]]), "count": tf.constant([[4.0, 1.0, 0.5]])}
    >>> DenseFeatures([indicator_column(word)])(features).numpy().tolist()
    [[1.0, 0.0, 4.5]]
    """
    inner = converted(categorical_column)
    if isinstance(inner, SequenceCategoricalColumn):
        inner = inner.categorical_column
    checks.check_categorical(inner, base.CategoricalColumn, "weighted_categorical_column")
    if isinstance(inner, WeightedCategoricalColumn):
        raise ValueError(
            f"Column {inner.name!r} has weights already. Multiply the two features first, or give "
            f"its categorical_column. Given: {inner!r}."
        )
    if not isinstance(weight_feature_key, str):
        raise ValueError(
            f"weight_feature_key must be a string. Given: {weight_feature_key!r} for column "
            f"{inner.name!r}."
        )
    dtype = None if dtype is None else tf.as_dtype(dtype)
    if dtype is None or not (dtype.is_integer or dtype.is_floating):
        raise ValueError(
            f"dtype {dtype!r} is not convertible to float. Give a number type, such as "
            f"tf.float32, for the weights {weight_feature_key!r} of column {inner.name!r}."
        )
    if weight_feature_key in inner.parse_example_spec:
        raise ValueError(
            f"weight_feature_key {weight_feature_key!r} is a key of the categories of column "
            f"{inner.name!r} themselves. Give the key of another feature."
        )
    return WeightedCategoricalColumn(inner, weight_feature_key, dtype)
