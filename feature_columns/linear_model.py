"""`LinearModel`: a linear function of columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Self, final

import keras
import tensorflow as tf

from feature_columns import column_lists, combiners, layer_parts
from feature_columns.aliases import Features, Tensor
from feature_columns.base import CategoricalColumn, DenseColumn, FeatureColumn, WeightSpec
from feature_columns.fused_table import FusedLayout, FusedPart
from feature_columns.transform import Transform


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """A batch as a linear model sees it: the rows of a design matrix, mostly zeros.

    Attributes:
        dense: float32 `[batch, width]`: the dense columns, in the order of their names.
        rows: int64 `[batch, k]`: which rows of the fused table an example adds up.
        values: float32 `[batch, k]`: 1, or 0 where there is no id.

    >>> Design(tf.zeros([1, 0]), tf.constant([[3]]), tf.constant([[1.0]])).rows.shape
    TensorShape([1, 1])
    """

    dense: Tensor
    rows: Tensor
    values: Tensor


@final
@keras.saving.register_keras_serializable("feature_columns")
class LinearModel(keras.layers.Layer):
    """Adds the weights of a row's categories, its numbers times their weights, and a bias.

    Categorical columns (bucketized ones too) share one variable, `categorical_weights`;
    `fused_parts` says where in it each column's weights are. Every other column has its own
    `<column name>/weights`. All start at zero.

    Args:
        columns: categorical and dense columns of different names.
        units: the number of outputs.
        sparse_combiner: 'sum', 'mean' or 'sqrtn', for several categories of one column in a row;
            see `weighted_categorical_column` for what weights do.
        name: the layer's name.
        **kwargs: those of `keras.layers.Layer`; `dtype` is float32 unless given.

    Raises:
        ValueError: names repeat, or `sparse_combiner` is unknown.

    >>> from feature_columns import categorical_column_with_identity
    >>> layer = LinearModel([categorical_column_with_identity("day", 7)], name="wide")
    >>> layer({"day": tf.constant([0, 6])}).numpy().tolist()
    [[0.0], [0.0]]
    >>> [weight.path for weight in layer.weights]
    ['wide/categorical_weights', 'wide/bias_weights']
    """

    def __init__(
        self,
        columns: FeatureColumn | Iterable[FeatureColumn],
        units: int = 1,
        sparse_combiner: str = "sum",
        name: str | None = "linear_model",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **{"dtype": "float32", **kwargs})
        combiners.check_combiner(sparse_combiner, "sparse_combiner", "the linear model")
        self._columns = column_lists.normalise(columns)
        self._units = units
        self._sparse_combiner = sparse_combiner
        self._categorical = tuple(
            column for column in self._columns if isinstance(column, CategoricalColumn)
        )
        self._dense = tuple(_dense(column) for column in self._columns if not _is_category(column))
        self._layout = FusedLayout.of(self._categorical)
        self._transform = Transform((), linear=self._columns)
        self._tables = self._transform.tables()  # Held here, so that a SavedModel has them.
        self._table: Any = None
        self._dense_weights: tuple[Any, ...] = ()
        self._column_weights: tuple[tuple[Any, ...], ...] = ()
        self._bias: Any = None

    @property
    def columns(self) -> tuple[FeatureColumn, ...]:
        """The columns, in ascending order of their names."""
        return self._columns

    @property
    def bias(self) -> Any:
        """The bias, `[units]`; None before `build`."""
        return self._bias

    @property
    def dense_weights(self) -> tuple[Any, ...]:
        """The weights of the columns that are not categorical, each `[width, units]`, by name."""
        return self._dense_weights

    def fused_parts(self) -> tuple[Any, tuple[FusedPart, ...]]:
        """Returns the table of all categorical columns, and where each column's rows are.

        Returns:
            The Keras variable `[rows, units]`, or None if there is no categorical column, and the
            parts in the order of their rows. The last row of the table is in no part: missing
            ids read it, and it stays at zero.
        """
        return self._table, self._layout.parts

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights; the columns decide their shapes."""
        del input_shape
        if self._categorical:
            self._table = _zeros("categorical_weights", self._layout.rows, self._units)
        self._column_weights = layer_parts.make_column_weights(self._dense)
        weights = []
        for column in self._dense:
            with layer_parts.column_scope(column.name):
                weights.append(_zeros("weights", column.width, self._units))
        self._dense_weights = tuple(weights)
        self._bias = _zeros("bias_weights", self._units)

    def call(self, features: Features) -> Tensor:
        """Returns the linear function of a batch.

        Args:
            features: raw or transformed features by key.

        Returns:
            float32 `[batch, units]`.
        """
        transformed = self._transform(features)
        terms = []
        if self._categorical:
            terms.append(self._categorical_logits(transformed))
        if self._dense:
            parts = layer_parts.represent(self._dense, self._column_weights, transformed)
            weights = [each.value for each in self._dense_weights]
            terms.append(tf.matmul(tf.concat(parts, axis=1), tf.concat(weights, axis=0)))
        return tf.add_n(terms) + self._bias.value

    def _categorical_logits(self, transformed: Features) -> Tensor:
        rows = transformed.get(self._layout.key)
        if rows is not None:
            return self._layout.logits_of_rows(self._table.value, rows)
        read = [layer_parts.read(column, transformed) for column in self._categorical]
        ids = [ids for ids, *_ in read]
        weights = [given[0] if given else None for _, *given in read]
        return self._layout.logits(self._table.value, ids, self._sparse_combiner, weights)

    def design(self, features: Features) -> Design:
        """Returns what `call` multiplies by the weights, for solvers that are no gradient descent.

        Args:
            features: raw or transformed features by key. The combiner is `sum`.
        """
        transformed = self._transform(features)
        parts = layer_parts.represent(self._dense, self._column_weights, transformed)
        rows = transformed.get(self._layout.key)
        if rows is None and self._categorical:
            ids = [transformed[column.transformed_key] for column in self._categorical]
            rows = self._layout.padded(ids)
        if rows is None:
            rows = tf.zeros([tf.shape(parts[0])[0], 0], tf.int64)
        rows = tf.cast(rows, tf.int64)
        dense = tf.concat(parts, axis=1) if parts else tf.zeros([tf.shape(rows)[0], 0])
        return Design(dense, rows, tf.cast(tf.not_equal(rows, self._layout.sink), tf.float32))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """Returns `(batch, units)`."""
        return (layer_parts.batch_of(input_shape), self._units)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serialized."""
        return {
            **super().get_config(),
            "columns": layer_parts.saved_columns(self._columns),
            "units": self._units,
            "sparse_combiner": self._sparse_combiner,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Makes the layer that `get_config` described."""
        return cls(**layer_parts.restored_columns(config))


def _zeros(name: str, *shape: int) -> Any:
    return layer_parts.make_weight(WeightSpec(name, shape, keras.initializers.Zeros()))


def _is_category(column: FeatureColumn) -> bool:
    # A bucketized column is both, and cheaper as a category: a lookup, not a product.
    return isinstance(column, CategoricalColumn)


def _dense(column: Any) -> DenseColumn:
    if not isinstance(column, DenseColumn):
        raise ValueError(
            "Items of feature_columns must be either a DenseColumn or CategoricalColumn; sequence "
            f"columns are for SequenceFeatures. Given: {column!r}."
        )
    return column
