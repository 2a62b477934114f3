"""Sequences of category ids, and what an indicator or an embedding makes of each step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, final

import keras
import tensorflow as tf

from feature_columns import base, checks
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.cache import FeatureCache
from feature_columns.keyed import KeyedCategoricalColumn
from feature_columns.sequence_base import SequenceDenseColumn, last_steps

_ABSENT = -1
_UNKNOWN = -2


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class SequenceCategoricalColumn(base.SourceColumn):
    """A categorical column of each step; made by `sequence_categorical_column_with_*`."""

    kind: ClassVar[str] = "ids"

    categorical_column: KeyedCategoricalColumn

    @property
    def name(self) -> str:
        """The feature key."""
        return self.categorical_column.name

    @property
    def parse_example_spec(self) -> ParseSpec:
        """That of the categorical column: one value per step."""
        return self.categorical_column.parse_example_spec

    @property
    def num_buckets(self) -> int:
        """The number of categories of a step."""
        return self.categorical_column.num_buckets

    def transform(self, cache: FeatureCache) -> Tensor:
        """Returns the ids of every step.

        Returns:
            int64 `[batch, time, k]`: -1 where nothing is, -2 for a value outside of the
            vocabulary, which counts as a step all the same.
        """
        column = self.categorical_column
        values = cache.raw(column.key, self.name)
        checks.check_same_family(self.name, column.dtype, values.dtype)
        if isinstance(values, tf.SparseTensor):
            ids = self._assign(values.values, cache)
            ids = tf.SparseTensor(values.indices, ids, values.dense_shape)
            ids = tf.sparse.to_dense(ids, tf.constant(_ABSENT, tf.int64))
        elif isinstance(values, tf.RaggedTensor):
            ids = values.with_flat_values(self._assign(values.flat_values, cache))
            ids = ids.to_tensor(tf.constant(_ABSENT, tf.int64))
        else:
            mark = tf.cast("" if values.dtype == tf.string else -1, values.dtype)
            ids = self._assign(values, cache)
            ids = tf.where(tf.equal(values, mark), tf.constant(_ABSENT, tf.int64), ids)
        return _as_steps(ids)

    def _assign(self, values: Tensor, cache: FeatureCache) -> Tensor:
        ids = self.categorical_column.assign(values, cache)
        if not self.categorical_column.ids_may_be_negative:
            return ids
        return tf.where(ids < 0, tf.constant(_UNKNOWN, tf.int64), ids)


def _as_steps(ids: Tensor) -> Tensor:
    """Returns ids `[batch, time, ...]` as `[batch, time, k]`."""
    if ids.shape.rank == 2:
        return ids[:, :, tf.newaxis]
    if ids.shape.rank == 3:
        return ids
    shape = tf.shape(ids)
    # Not -1 for k: that cannot be told from a tensor without elements.
    return tf.reshape(ids, [shape[0], shape[1], tf.reduce_prod(shape[2:])])


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class EachStepColumn(SequenceDenseColumn):
    """A dense column over the ids of each step; made by `indicator_column`, `embedding_column`.

    Attributes:
        dense_column: what represents the ids of one step.
        sequence_column: where the ids come from.
    """

    dense_column: base.DenseColumn
    sequence_column: SequenceCategoricalColumn

    @property
    def name(self) -> str:
        """That of the dense column: `<key>_indicator` or `<key>_embedding`."""
        return self.dense_column.name

    @property
    def parse_example_spec(self) -> ParseSpec:
        """That of the sequence column."""
        return self.sequence_column.parse_example_spec

    @property
    def sources(self) -> tuple[base.SourceColumn, ...]:
        """The sequence column."""
        return (self.sequence_column,)

    @property
    def width(self) -> int:
        """That of the dense column."""
        return self.dense_column.width

    @property
    def weight_specs(self) -> tuple[base.WeightSpec, ...]:
        """Those of the dense column: all steps share them."""
        return self.dense_column.weight_specs

    def represent(self, transformed: Sequence[Tensor], weights: Sequence[Any]) -> Tensor:
        """Returns what the dense column makes of the ids of each step."""
        (of_steps,) = transformed
        shape = tf.shape(of_steps)
        # Sizes rather than -1, which an empty batch does not determine.
        ids = tf.reshape(of_steps, [shape[0] * shape[1], shape[2]])
        ids.set_shape([None, of_steps.shape[2]])
        steps = self.dense_column.represent([ids], weights)
        steps = tf.reshape(steps, [shape[0], shape[1], self.width])
        return tf.ensure_shape(steps, [*of_steps.shape[:2], self.width])

    def lengths(self, transformed: Tensor) -> Tensor:
        """Returns one more than the last step that has a value."""
        return last_steps(tf.reduce_any(tf.not_equal(transformed, _ABSENT), axis=2))
