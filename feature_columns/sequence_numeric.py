"""`sequence_numeric_column`: numbers, one after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, final

import keras
import numpy as np
import tensorflow as tf

from feature_columns import base
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.cache import FeatureCache
from feature_columns.numeric import numeric_column
from feature_columns.sequence_base import SequenceDenseColumn, last_steps


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class SequenceNumericColumn(base.SourceColumn, SequenceDenseColumn):
    """Numbers of each step; made by `sequence_numeric_column`, which documents the fields."""

    kind: ClassVar[str] = "values"

    key: str
    shape: tuple[int, ...]
    default_value: float
    dtype: Any
    normalizer_fn: Callable[[Tensor], Tensor] | None

    @property
    def name(self) -> str:
        """The feature key."""
        return self.key

    @property
    def parse_example_spec(self) -> ParseSpec:
        """A feature of any length."""
        return {self.key: tf.io.VarLenFeature(self.dtype)}

    @property
    def width(self) -> int:
        """The number of floats per step: the product of `shape`."""
        return int(np.prod(self.shape))

    @property
    def weight_specs(self) -> tuple[base.WeightSpec, ...]:
        """No weights."""
        return ()

    def transform(self, cache: FeatureCache) -> Tensor:
        """Returns the normalised numbers, and which steps have any.

        Returns:
            float32 `[batch, time, width + 1]`: the last number of a step is 1 if it has values,
            and 0 where the batch is filled up.
        """
        value = cache.raw(self.key, self.name)
        if value.dtype == tf.string:
            raise ValueError(
                f"Column {self.name!r} expects numbers, got strings. Convert the feature with "
                "tf.strings.to_number, or read it with a sequence_categorical_column_with_*."
            )
        numbers, present = self._dense(value)
        present = tf.reduce_any(self._as_steps(present), axis=2, keepdims=True)
        return tf.concat([self._as_steps(numbers), tf.cast(present, tf.float32)], axis=2)

    def represent(self, transformed: Sequence[Tensor], weights: Sequence[Any]) -> Tensor:
        """Returns the numbers."""
        del weights
        (steps,) = transformed
        return steps[:, :, : self.width]

    def lengths(self, transformed: Tensor) -> Tensor:
        """Returns one more than the last step that has a value."""
        return last_steps(transformed[:, :, self.width] > 0)

    def _dense(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Returns float32 numbers, filled up, and bool: which of them were given."""
        if isinstance(value, tf.SparseTensor):
            given = self._normalise(value.values)
            numbers = tf.SparseTensor(value.indices, given, value.dense_shape)
            there = tf.SparseTensor(value.indices, tf.ones_like(given, tf.bool), value.dense_shape)
            return (
                tf.sparse.to_dense(numbers, self.default_value),
                tf.sparse.to_dense(there, False),
            )
        if isinstance(value, tf.RaggedTensor):
            given = self._normalise(value.flat_values)
            there = value.with_flat_values(tf.ones_like(given, tf.bool))
            return value.with_flat_values(given).to_tensor(self.default_value), there.to_tensor()
        given = self._normalise(value)
        return given, tf.ones_like(given, tf.bool)

    def _normalise(self, values: Tensor) -> Tensor:
        if self.normalizer_fn is not None:
            values = self.normalizer_fn(values)
        return tf.cast(values, tf.float32)

    def _as_steps(self, values: Tensor) -> Tensor:
        """Returns `[batch, time * width]` or `[batch, time, ...]` as `[batch, time, width]`."""
        shape = tf.shape(values)
        if values.shape.rank > 2:
            self._check(values.shape[2:].num_elements(), tf.reduce_prod(shape[2:]), values)
            steps = tf.reshape(values, [shape[0], shape[1], self.width])
            return tf.ensure_shape(steps, [*values.shape[:2], self.width])
        if self.width == 1:
            return values[:, :, tf.newaxis]
        numbers = values.shape[1]
        self._check(_rest(numbers, self.width), shape[1] % self.width + self.width, values)
        return tf.reshape(values, [shape[0], shape[1] // self.width, self.width])

    def _check(self, known: int | None, given: Tensor, values: Tensor) -> None:
        message = (
            f"Column {self.name!r} expects [batch, time * {self.width}] or [batch, time, "
            f"*{self.shape}] (shape={self.shape}), got {values.shape}. Give each step "
            f"{self.width} numbers, or mend the shape of the column."
        )
        if known is not None and known != self.width:
            raise ValueError(message)
        tf.debugging.assert_equal(given, self.width, message)


def _rest(numbers: int | None, width: int) -> int | None:
    """Returns `width` where whole steps are known to be given."""
    return None if numbers is None else numbers % width + width


def sequence_numeric_column(
    key: str,
    shape: int | Sequence[int] = (1,),
    default_value: float = 0.0,
    dtype: Any = tf.float32,
    normalizer_fn: Callable[[Tensor], Tensor] | None = None,
) -> SequenceNumericColumn:
    """Reads sequences of numbers, for `SequenceFeatures`.

    The feature is `[batch, time * prod(shape)]` or `[batch, time, *shape]`. A sparse or ragged
    one may hold sequences of different lengths; in a dense one every step counts.

    Args:
        key: the feature key, and the name of the column.
        shape: the shape of one step; an int is a vector.
        default_value: the number that fills up short sequences, and gaps.
        dtype: the type in which examples are parsed. The column gives float32.
        normalizer_fn: applied to the numbers that are there before the cast to float32: `[n]`
            of a sparse or ragged feature, all of a dense one. It must treat each alike.

    Returns:
        A sequence column of `prod(shape)` floats per step.

    Raises:
        ValueError: a dimension is below 1, `dtype` is not a number, or `key` is not a string.
        TypeError: a dimension is no int, `default_value` is no number, or `normalizer_fn`
            cannot be called.

    >>> import feature_columns as fc
    >>> layer = fc.SequenceFeatures([sequence_numeric_column("price")])
    >>> steps, lengths = layer({"price": tf.ragged.constant([[10.0, 5.0], [2.0]])})
    >>> steps.numpy().tolist(), lengths.numpy().tolist()
    ([[[10.0], [5.0]], [[2.0], [0.0]]], [2, 1])
    """
    checked = numeric_column(key, shape, dtype=dtype, normalizer_fn=normalizer_fn)
    if isinstance(default_value, bool) or not isinstance(default_value, int | float | np.number):
        raise TypeError(
            f"default_value must be a number, which fills up short sequences. default_value: "
            f"{default_value!r}, key: {key}."
        )
    return SequenceNumericColumn(
        key, checked.shape, float(default_value), checked.dtype, normalizer_fn
    )
