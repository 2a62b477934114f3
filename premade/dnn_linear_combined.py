"""Wide & deep: a linear model and a feed-forward network, trained together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from estimators import Head, RegressionHead, RunConfig
from estimators.heads.losses import SUM_OVER_BATCH_SIZE
from premade import optimizers
from premade.columns import checked_columns
from premade.linear import class_head
from premade.model_fn import Tower, preprocess
from premade.network_estimator import NetworkEstimator
from premade.networks import DNNModel, LinearModel
from premade.weights import LinearPart


class DNNLinearCombinedEstimator(NetworkEstimator):
    """A linear model and a feed-forward network whose logits are added, under any head.

    Each part has its own optimizer, which minimises the whole loss over that part's variables:
    Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016.

    Args:
        head: says what the logits mean.
        model_dir: see `Estimator`.
        linear_feature_columns: columns of the wide part.
        linear_optimizer: a name (learning rate: the lower of 0.005 and 1/sqrt(number of columns))
            or what `estimators.optimizers.get` takes.
        dnn_feature_columns: dense columns of the deep part.
        dnn_optimizer: a name (learning rate 0.001) or what `estimators.optimizers.get` takes.
        dnn_hidden_units: sizes of the hidden layers.
        dnn_activation_fn: of the hidden layers.
        dnn_dropout: rate of units dropped in training; None drops none.
        config: see `Estimator`.
        batch_norm: normalise after each hidden layer.
        linear_sparse_combiner: see `LinearEstimator`.
        warm_start_from: see `Estimator`.

    Raises:
        ValueError: there are no columns at all, or a deep part without hidden units.

    Example:
        >>> import feature_columns as fc
        >>> from estimators import RegressionHead
        >>> x = fc.numeric_column("x")
        >>> estimator = DNNLinearCombinedEstimator(
        ...     RegressionHead(), linear_feature_columns=[x],
        ...     dnn_feature_columns=[x], dnn_hidden_units=[4])
        >>> estimator.model_fn is not None
        True
    """

    def __init__(
        self,
        head: Head,
        model_dir: str | None = None,
        linear_feature_columns: Iterable[Any] | None = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Iterable[Any] | None = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Callable[[Any], Any] = tf.nn.relu,
        dnn_dropout: float | None = None,
        config: RunConfig | None = None,
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
        warm_start_from: Any = None,
    ) -> None:
        wide = _columns(linear_feature_columns, "linear_feature_columns")
        deep = _columns(dnn_feature_columns, "dnn_feature_columns")
        if not wide and not deep:
            raise ValueError(
                "Either linear_feature_columns or dnn_feature_columns must be defined."
            )
        if deep and not dnn_hidden_units:
            raise ValueError(
                "dnn_hidden_units must be defined when dnn_feature_columns is specified."
            )
        towers = []
        if deep:
            network = functools.partial(
                DNNModel,
                list(dnn_hidden_units or ()),
                deep,
                activation=dnn_activation_fn,
                dropout=dnn_dropout,
                batch_norm=batch_norm,
                features_are_data=True,
            )
            towers.append(Tower(network, optimizers.for_deep_part(dnn_optimizer)))
        if wide:
            linear = functools.partial(LinearModel, wide, sparse_combiner=linear_sparse_combiner)
            towers.append(Tower(linear, optimizers.for_wide_part(linear_optimizer, len(wide))))
        super().__init__(
            head,
            towers,
            model_dir,
            config,
            warm_start_from=warm_start_from,
            preprocess_fn=preprocess(head, linear=wide, dense=deep),
        )
        self.linear_part = LinearPart(tuple(wide), head)


def _columns(columns: Iterable[Any] | None, argument: str) -> list[Any]:
    """Returns columns as a list; none when nothing was given."""
    columns = list(columns or ())
    return checked_columns(columns, argument) if columns else []


class DNNLinearCombinedClassifier(DNNLinearCombinedEstimator):
    """A wide & deep classifier.

    Args:
        model_dir: see `Estimator`.
        linear_feature_columns: see `DNNLinearCombinedEstimator`.
        linear_optimizer: see `DNNLinearCombinedEstimator`.
        dnn_feature_columns: see `DNNLinearCombinedEstimator`.
        dnn_optimizer: see `DNNLinearCombinedEstimator`.
        dnn_hidden_units: sizes of the hidden layers.
        dnn_activation_fn: of the hidden layers.
        dnn_dropout: rate of units dropped in training; None drops none.
        n_classes: number of classes.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        label_vocabulary: the classes, when labels are strings.
        config: see `Estimator`.
        warm_start_from: see `Estimator`.
        loss_reduction: `sum_over_batch_size` or `sum`.
        batch_norm: normalise after each hidden layer.
        linear_sparse_combiner: see `LinearEstimator`.

    Example:
        >>> import feature_columns as fc
        >>> x = fc.numeric_column("x")
        >>> DNNLinearCombinedClassifier(linear_feature_columns=[x]).params
        {}
    """

    def __init__(
        self,
        model_dir: str | None = None,
        linear_feature_columns: Iterable[Any] | None = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Iterable[Any] | None = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Callable[[Any], Any] = tf.nn.relu,
        dnn_dropout: float | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = SUM_OVER_BATCH_SIZE,
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
    ) -> None:
        super().__init__(
            class_head(n_classes, weight_column, label_vocabulary, loss_reduction),
            model_dir,
            linear_feature_columns,
            linear_optimizer,
            dnn_feature_columns,
            dnn_optimizer,
            dnn_hidden_units,
            dnn_activation_fn,
            dnn_dropout,
            config,
            batch_norm,
            linear_sparse_combiner,
            warm_start_from,
        )


class DNNLinearCombinedRegressor(DNNLinearCombinedEstimator):
    """A wide & deep regression by the squared error.

    Args:
        model_dir: see `Estimator`.
        linear_feature_columns: see `DNNLinearCombinedEstimator`.
        linear_optimizer: see `DNNLinearCombinedEstimator`.
        dnn_feature_columns: see `DNNLinearCombinedEstimator`.
        dnn_optimizer: see `DNNLinearCombinedEstimator`.
        dnn_hidden_units: sizes of the hidden layers.
        dnn_activation_fn: of the hidden layers.
        dnn_dropout: rate of units dropped in training; None drops none.
        label_dimension: numbers per label.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        config: see `Estimator`.
        warm_start_from: see `Estimator`.
        loss_reduction: `sum_over_batch_size` or `sum`.
        batch_norm: normalise after each hidden layer.
        linear_sparse_combiner: see `LinearEstimator`.

    Example:
        >>> import feature_columns as fc
        >>> x = fc.numeric_column("x")
        >>> DNNLinearCombinedRegressor(linear_feature_columns=[x]).params
        {}
    """

    def __init__(
        self,
        model_dir: str | None = None,
        linear_feature_columns: Iterable[Any] | None = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Iterable[Any] | None = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Callable[[Any], Any] = tf.nn.relu,
        dnn_dropout: float | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = SUM_OVER_BATCH_SIZE,
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
    ) -> None:
        super().__init__(
            RegressionHead(label_dimension, weight_column, loss_reduction),
            model_dir,
            linear_feature_columns,
            linear_optimizer,
            dnn_feature_columns,
            dnn_optimizer,
            dnn_hidden_units,
            dnn_activation_fn,
            dnn_dropout,
            config,
            batch_norm,
            linear_sparse_combiner,
            warm_start_from,
        )
