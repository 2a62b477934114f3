"""`numeric_column`: numbers as they are, or normalised."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, final

import keras
import numpy as np
import tensorflow as tf

from feature_columns import base, checks
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.cache import FeatureCache


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class NumericColumn(base.SourceColumn, base.DenseColumn):
    """Numbers; made by `numeric_column`, which documents the fields."""

    kind: ClassVar[str] = "values"

    key: str
    shape: tuple[int, ...]
    default_value: Any
    dtype: Any
    normalizer_fn: Callable[[Tensor], Tensor] | None

    @property
    def name(self) -> str:
        """The feature key."""
        return self.key

    @property
    def parse_example_spec(self) -> ParseSpec:
        """A fixed length feature."""
        return {self.key: tf.io.FixedLenFeature(self.shape, self.dtype, self.default_value)}

    @property
    def width(self) -> int:
        """The number of floats per row: the product of `shape`."""
        return int(np.prod(self.shape))

    @property
    def weight_specs(self) -> tuple[base.WeightSpec, ...]:
        """No weights."""
        return ()

    def transform(self, cache: FeatureCache) -> Tensor:
        """Returns the normalised numbers, float32 `[batch, width]`, row-major."""
        value = cache.raw(self.key, self.name)
        self._check(value)
        if self.normalizer_fn is not None:
            value = self.normalizer_fn(value)
        value = tf.cast(value, tf.float32)
        if value.shape.rank == 2 and value.shape[1] == self.width:
            return value
        # The batch size is given rather than -1: then a wrong width of unknown static shape
        # fails here, and does not turn into a wrong number of rows.
        return tf.reshape(value, [tf.shape(value)[0], self.width])

    def represent(self, transformed: Sequence[Tensor], weights: Sequence[Any]) -> Tensor:
        """Returns the numbers."""
        del weights
        (numbers,) = transformed
        return numbers

    def _check(self, value: Tensor) -> None:
        if isinstance(value, tf.SparseTensor | tf.RaggedTensor):
            raise ValueError(
                "The corresponding Tensor of numerical column must be a Tensor. "
                f"{type(value).__name__} is not supported. key: {self.key}. Make it dense first, "
                "for instance with tf.sparse.to_dense(x, default_value)."
            )
        if value.dtype == tf.string:
            raise ValueError(
                f"Column {self.name!r} expects numbers, got strings. Convert the feature with "
                "tf.strings.to_number, or read it with a categorical column."
            )
        given = value.shape[1:]
        if given.is_fully_defined() and given.num_elements() != self.width:
            raise ValueError(
                f"Column {self.name!r} expects shape [batch, {self.width}] "
                f"(shape={self.shape}), got {value.shape}. Make the column with "
                f"shape={tuple(given)}, or mend the feature."
            )


def numeric_column(
    key: str,
    shape: int | Sequence[int] = (1,),
    default_value: Any = None,
    dtype: Any = tf.float32,
    normalizer_fn: Callable[[Tensor], Tensor] | None = None,
) -> NumericColumn:
    """Reads numbers.

    Args:
        key: the feature key, and the name of the column.
        shape: the shape of one row; an int is a vector.
        default_value: what a parsed example without the feature gets: a number, or numbers of
            `shape`. None makes such an example an error.
        dtype: the type in which examples are parsed. The column gives float32.
        normalizer_fn: applied to the raw tensor `[batch, *shape]` before the cast to float32.

    Returns:
        A column of `prod(shape)` floats.

    Raises:
        ValueError: a dimension is below 1, `dtype` is not a number, `key` is not a string, or
            `default_value` has another shape.
        TypeError: a dimension is no int, `default_value` does not fit `dtype`, or
            `normalizer_fn` cannot be called.

    >>> numeric_column("price", shape=2, default_value=1.0).default_value
    (1.0, 1.0)
    """
    checks.check_key(key)
    dtype = tf.as_dtype(dtype)
    if not (dtype.is_integer or dtype.is_floating):
        raise ValueError(
            f"dtype must be convertible to float. dtype: {dtype.name}, key: {key}. Give a number "
            "type, or read the feature with a categorical column."
        )
    if normalizer_fn is not None and not callable(normalizer_fn):
        raise TypeError(f"normalizer_fn must be a callable. Given: {normalizer_fn!r}, key: {key}.")
    dims = _shape(shape, key)
    return NumericColumn(key, dims, _default(default_value, dims, dtype, key), dtype, normalizer_fn)


def _shape(shape: Any, key: str) -> tuple[int, ...]:
    dims = tuple(shape) if isinstance(shape, Sequence | np.ndarray | tf.TensorShape) else (shape,)
    for dim in dims:
        if not isinstance(dim, int | np.integer) or isinstance(dim, bool):
            raise TypeError(f"shape dimensions must be integer. shape: {shape!r}, key: {key}.")
        if dim < 1:
            raise ValueError(
                f"shape dimensions must be greater than 0. shape: {shape!r}, key: {key}."
            )
    return tuple(int(dim) for dim in dims)


def _default(default_value: Any, shape: tuple[int, ...], dtype: Any, key: str) -> Any:
    if default_value is None:
        return None
    try:
        values = np.asarray(default_value)
    except ValueError as ragged:
        raise ValueError(_wrong_default_shape(default_value, shape, key)) from ragged
    if values.dtype.kind not in "iuf" or (values.dtype.kind == "f" and dtype.is_integer):
        raise TypeError(
            f"default_value must be compatible with dtype. default_value: {default_value!r}, "
            f"dtype: {dtype.name}, key: {key}."
        )
    if values.shape not in ((), shape):
        raise ValueError(_wrong_default_shape(default_value, shape, key))
    return _as_tuples(np.broadcast_to(values, shape).astype(dtype.as_numpy_dtype).tolist())


def _wrong_default_shape(default_value: Any, shape: tuple[int, ...], key: str) -> str:
    return (
        "The shape of default_value must be equal to given shape. "
        f"default_value: {default_value!r}, shape: {shape}, key: {key}."
    )


def _as_tuples(values: Any) -> Any:
    return tuple(_as_tuples(value) for value in values) if isinstance(values, list) else values
