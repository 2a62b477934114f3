"""The networks under the premade estimators: plain Keras models over feature columns.

Their variables have tf.estimator's names on disk: `linear/linear_model/<column>/weights`,
`dnn/hiddenlayer_0/kernel`, `baseline/bias`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

import feature_columns as fc
from premade.columns import check_named
from premade.input_dense import InputDense
from premade.saving import Network, saved

Tensor = Any


@keras.saving.register_keras_serializable("premade")
class LinearModel(Network):
    """A linear function of feature columns, `[batch, units]`.

    Args:
        feature_columns: categorical and dense columns.
        units: number of outputs.
        sparse_combiner: how the weights of a row with several ids are combined: `sum`, `mean` or
            `sqrtn`.
        name: first part of the variable names.
        **kwargs: those of `keras.Model`.

    Example:
        >>> model = LinearModel([fc.numeric_column("x")], units=2)
        >>> model({"x": tf.constant([1.0, 2.0])}).shape
        TensorShape([2, 2])
    """

    def __init__(
        self,
        feature_columns: Iterable[Any],
        units: int = 1,
        sparse_combiner: str = "sum",
        name: str = "linear",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.units = units
        self.sparse_combiner = sparse_combiner
        self.columns = fc.LinearModel(
            feature_columns, units=units, sparse_combiner=sparse_combiner, name="linear_model"
        )

    @property
    def feature_columns(self) -> tuple[Any, ...]:
        """The columns that the model reads."""
        return tuple(self.columns.columns)

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights; the columns decide their shapes."""
        self.columns.build(input_shape)

    def call(self, features: Mapping[str, Tensor]) -> Tensor:
        """Returns logits `[batch, units]` of raw or transformed features."""
        return self.columns(features)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serialized."""
        return {
            **super().get_config(),
            "feature_columns": saved(self.columns.columns),
            "units": self.units,
            "sparse_combiner": self.sparse_combiner,
        }


@keras.saving.register_keras_serializable("premade")
class DNNModel(Network):
    """A feed-forward network over dense feature columns, `[batch, units]`.

    Each hidden layer is dense, then activation, then dropout, then batch normalisation: the order
    of tf.estimator, which normalises what dropout left.

    Args:
        hidden_units: sizes of the hidden layers; none makes a linear function of the inputs.
        feature_columns: dense columns.
        units: number of outputs.
        activation: of the hidden layers.
        dropout: rate of units dropped in training; None drops none.
        batch_norm: normalise after each hidden layer.
        features_are_data: nothing before the model learns from the gradient by its features, so
            that it need not be computed; true under an input function.
        name: first part of the variable names.
        **kwargs: those of `keras.Model`.

    Example:
        >>> model = DNNModel([4], [fc.numeric_column("x")])
        >>> model({"x": tf.constant([1.0, 2.0])}).shape
        TensorShape([2, 1])
        >>> model.layers[1].kernel.path
        'dnn/hiddenlayer_0/kernel'
    """

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Iterable[Any],
        units: int = 1,
        *,
        activation: Callable[[Tensor], Tensor] | str = "relu",
        dropout: float | None = None,
        batch_norm: bool = False,
        features_are_data: bool = False,
        name: str = "dnn",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.activation = keras.activations.get(activation)
        self.features_are_data = features_are_data
        self.input_layer = fc.DenseFeatures(feature_columns, name="input_layer")
        dense = keras.layers.Dense
        first: Any = dense
        if features_are_data:
            first = functools.partial(InputDense, learned_span=self.input_layer.learned_span)
        self.hidden = [
            (dense if i else first)(size, activation=self.activation, name=f"hiddenlayer_{i}")
            for i, size in enumerate(hidden_units)
        ]
        self.dropout = None if dropout is None else keras.layers.Dropout(dropout, name="dropout")
        self.norms = [
            keras.layers.BatchNormalization(momentum=0.999, epsilon=1e-3, name=f"batchnorm_{i}")
            for i in range(len(self.hidden) if batch_norm else 0)
        ]
        self.logits = keras.layers.Dense(units, name="logits")

    @property
    def feature_columns(self) -> tuple[Any, ...]:
        """The columns that the model reads."""
        return tuple(self.input_layer.columns)

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights; the columns decide their shapes."""
        with keras.name_scope("input_from_feature_columns"):
            self.input_layer.build(input_shape)
        width = sum(column.width for column in self.input_layer.columns)
        for i, layer in enumerate(self.hidden):
            layer.build((None, width))
            width = layer.units
            if self.norms:
                with keras.name_scope(layer.name):
                    self.norms[i].build((None, width))
        self.logits.build((None, width))

    def call(self, features: Mapping[str, Tensor], training: bool = False) -> Tensor:
        """Returns logits `[batch, units]` of raw or transformed features."""
        with keras.name_scope("input_from_feature_columns"):
            net = self.input_layer(features)
        for i, layer in enumerate(self.hidden):
            net = layer(net)
            if self.dropout is not None:
                net = self.dropout(net, training=training)
            if self.norms:
                with keras.name_scope(layer.name):
                    net = self.norms[i](net, training=training)
        return self.logits(net)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serialized."""
        return {
            **super().get_config(),
            "hidden_units": [layer.units for layer in self.hidden],
            "feature_columns": saved(self.input_layer.columns),
            "units": self.logits.units,
            "activation": saved(self.activation),
            "dropout": None if self.dropout is None else self.dropout.rate,
            "batch_norm": bool(self.norms),
            "features_are_data": self.features_are_data,
        }


@keras.saving.register_keras_serializable("premade")
class WideDeepModel(Network):
    """The sum of a linear model and a deep one: Cheng et al., "Wide & Deep Learning", 2016.

    Args:
        linear: the wide part.
        dnn: the deep part.
        name: first part of the variable names.
        **kwargs: those of `keras.Model`.

    Example:
        >>> x = fc.numeric_column("x")
        >>> model = WideDeepModel(LinearModel([x]), DNNModel([4], [x]))
        >>> model({"x": tf.constant([1.0, 2.0])}).shape
        TensorShape([2, 1])
    """

    def __init__(
        self, linear: LinearModel, dnn: DNNModel, name: str = "wide_deep", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.linear = linear
        self.dnn = dnn

    @property
    def feature_columns(self) -> tuple[Any, ...]:
        """The columns that the model reads."""
        return (*self.linear.feature_columns, *self.dnn.feature_columns)

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights of both parts."""
        for part in (self.linear, self.dnn):
            if not part.built:  # one that was loaded from a file has its weights already
                part.build(input_shape)

    def call(self, features: Mapping[str, Tensor], training: bool = False) -> Tensor:
        """Returns logits `[batch, units]` of raw or transformed features."""
        return self.linear(features) + self.dnn(features, training=training)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serialized."""
        return {**super().get_config(), "linear": saved(self.linear), "dnn": saved(self.dnn)}


@keras.saving.register_keras_serializable("premade")
class BaselineModel(Network):
    """The same numbers for every row, `[batch, units]`: a bias that is learned.

    Args:
        units: number of outputs.
        name: first part of the variable name.
        **kwargs: those of `keras.Model`.

    Example:
        >>> model = BaselineModel(units=2)
        >>> model({"x": tf.constant([1.0, 2.0, 3.0])}).shape
        TensorShape([3, 2])
        >>> model.bias.path
        'baseline/bias'
    """

    def __init__(self, units: int = 1, name: str = "baseline", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.units = units
        self.bias: Any = None

    def build(self, input_shape: Any = None) -> None:
        """Makes the bias, which starts at zero."""
        del input_shape
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, features: Mapping[str, Tensor]) -> Tensor:
        """Returns logits `[batch, units]`.

        Args:
            features: of any shapes and dtypes, dense, sparse or ragged, by name.

        Raises:
            ValueError: features are no dictionary, or there is none that has rows.
            tf.errors.InvalidArgumentError: features differ in their number of rows.
        """
        return tf.tile(self.bias.value[tf.newaxis, :], [_batch_size(features), 1])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "units": self.units}


def _batch_size(features: Mapping[str, Tensor]) -> Tensor:
    check_named(features)
    rows = {key: _rows(each) for key, each in features.items() if each.shape.rank != 0}
    if not rows:
        raise ValueError(
            "A baseline needs at least one feature with rows, to know how many it answers for. "
            f"Given: {sorted(features)}. Return any feature from input_fn."
        )
    (first, size), *others = rows.items()
    for key, other in others:
        tf.debugging.assert_equal(
            other, size, f"Features must have the same number of rows: {key!r} and {first!r}."
        )
    return size


def _rows(feature: Tensor) -> Tensor:
    if isinstance(feature, tf.SparseTensor):
        return tf.cast(feature.dense_shape[0], tf.int32)
    if isinstance(feature, tf.RaggedTensor):
        return tf.cast(feature.nrows(), tf.int32)
    return tf.shape(feature)[0]
