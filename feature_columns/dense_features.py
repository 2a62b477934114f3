"""`DenseFeatures`: the input layer of a network over columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, final

import keras
import numpy as np
import tensorflow as tf

from feature_columns import column_lists, layer_parts
from feature_columns.aliases import Features, Tensor
from feature_columns.base import DenseColumn
from feature_columns.sequence_ids import EachStepColumn
from feature_columns.transform import Transform


@final
@keras.saving.register_keras_serializable("feature_columns")
class DenseFeatures(keras.layers.Layer):
    """Concatenates dense columns, in ascending order of their names.

    Weights are named `<column name>/embedding_weights`; a shared table has a name of its own.

    Args:
        columns: dense columns of different names.
        name: the layer's name.
        **kwargs: those of `keras.layers.Layer`; `dtype` is float32 unless given.

    Raises:
        ValueError: a column is not dense, or names repeat.

    >>> from feature_columns import bucketized_column, numeric_column
    >>> age = numeric_column("age")
    >>> layer = DenseFeatures([bucketized_column(age, [18, 65]), age])
    >>> layer({"age": tf.constant([20.0, 70.0])}).numpy().tolist()
    [[20.0, 0.0, 1.0, 0.0], [70.0, 0.0, 0.0, 1.0]]
    """

    def __init__(
        self, columns: DenseColumn | Iterable[DenseColumn], name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **{"dtype": "float32", **kwargs})
        self._columns = tuple(_dense(column) for column in column_lists.normalise(columns))
        self._transform = Transform(self._columns)
        self._tables = self._transform.tables()  # Held here, so that a SavedModel has them.
        self._column_weights: tuple[tuple[Any, ...], ...] = ()

    @property
    def columns(self) -> tuple[DenseColumn, ...]:
        """The columns, in the order of the output."""
        return self._columns

    @property
    def learned_span(self) -> tuple[int, int]:
        """The first output that depends on weights, and the one after the last; (0, 0): none does.

        >>> from feature_columns import categorical_column_with_identity, embedding_column
        >>> from feature_columns import numeric_column
        >>> day = categorical_column_with_identity("day", 7)
        >>> DenseFeatures([numeric_column("age"), embedding_column(day, 2)]).learned_span
        (1, 3)
        """
        ends = np.cumsum([column.width for column in self._columns]).tolist()
        spans = [
            (end - column.width, end)
            for column, end in zip(self._columns, ends, strict=True)
            if column.weight_specs
        ]
        return (spans[0][0], spans[-1][1]) if spans else (0, 0)

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights; the columns decide their shapes."""
        del input_shape
        self._column_weights = layer_parts.make_column_weights(self._columns)

    def call(self, features: Features) -> Tensor:
        """Returns the columns of a batch side by side.

        Args:
            features: raw or transformed features by key.

        Returns:
            float32 `[batch, sum of the widths]`.
        """
        transformed = self._transform(features)
        parts = layer_parts.represent(self._columns, self._column_weights, transformed)
        return tf.concat(parts, axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """Returns `(batch, sum of the widths)`."""
        width = sum(column.width for column in self._columns)
        return (layer_parts.batch_of(input_shape), width)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serialized."""
        return {**super().get_config(), "columns": layer_parts.saved_columns(self._columns)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Makes the layer that `get_config` described."""
        return cls(**layer_parts.restored_columns(config))


def _dense(column: Any) -> DenseColumn:
    if isinstance(column, EachStepColumn):
        wrapper = column.name.rpartition("_")[2]
        raise ValueError(
            f"In {wrapper}_column: {column.name}. categorical_column must not be of type "
            "SequenceCategoricalColumn. Use SequenceFeatures for it, or make it with one of "
            f"categorical_column_with_*. Given: {column.sequence_column!r}."
        )
    if not isinstance(column, DenseColumn):
        raise ValueError(
            f"Items of feature_columns must be a {DenseColumn}. You can wrap a categorical column "
            "with an embedding_column or indicator_column; sequence columns are for "
            f"SequenceFeatures. Given: {column!r}."
        )
    return column
