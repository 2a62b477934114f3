"""Feed-forward networks."""

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
from premade.networks import DNNModel


class DNNEstimator(NetworkEstimator):
    """A feed-forward network under any head.

    Args:
        head: says what the logits mean.
        hidden_units: sizes of the hidden layers.
        feature_columns: dense columns; wrap a categorical one in `embedding_column` or
            `indicator_column`.
        model_dir: see `Estimator`.
        optimizer: what `estimators.optimizers.get` takes; a name means the learning rate of its
            class: 0.01 for SGD, 0.001 for the others.
        activation_fn: of the hidden layers.
        dropout: rate of units dropped in training; None drops none.
        config: see `Estimator`.
        warm_start_from: see `Estimator`.
        batch_norm: normalise after each hidden layer.

    Example:
        >>> import feature_columns as fc
        >>> from estimators import RegressionHead
        >>> estimator = DNNEstimator(RegressionHead(), [8, 4], [fc.numeric_column("x")])
        >>> estimator.model_fn is not None
        True
    """

    def __init__(
        self,
        head: Head,
        hidden_units: Sequence[int],
        feature_columns: Iterable[Any],
        model_dir: str | None = None,
        optimizer: Any = "Adagrad",
        activation_fn: Callable[[Any], Any] = tf.nn.relu,
        dropout: float | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        batch_norm: bool = False,
    ) -> None:
        columns = checked_columns(feature_columns, "feature_columns")
        network = functools.partial(
            DNNModel,
            list(hidden_units),
            columns,
            activation=activation_fn,
            dropout=dropout,
            batch_norm=batch_norm,
            features_are_data=True,
        )
        super().__init__(
            head,
            [Tower(network, optimizers.for_deep(optimizer))],
            model_dir,
            config,
            warm_start_from=warm_start_from,
            preprocess_fn=preprocess(head, dense=columns),
        )


class DNNClassifier(DNNEstimator):
    """A feed-forward classifier.

    Args:
        hidden_units: sizes of the hidden layers.
        feature_columns: see `DNNEstimator`.
        model_dir: see `Estimator`.
        n_classes: number of classes.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        label_vocabulary: the classes, when labels are strings.
        optimizer: see `DNNEstimator`.
        activation_fn: of the hidden layers.
        dropout: rate of units dropped in training; None drops none.
        config: see `Estimator`.
        warm_start_from: see `Estimator`.
        loss_reduction: `sum_over_batch_size` or `sum`.
        batch_norm: normalise after each hidden layer.

    Example:
        >>> import feature_columns as fc
        >>> DNNClassifier([8, 4], [fc.numeric_column("x")], n_classes=3).params
        {}
    """

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Iterable[Any],
        model_dir: str | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Adagrad",
        activation_fn: Callable[[Any], Any] = tf.nn.relu,
        dropout: float | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = SUM_OVER_BATCH_SIZE,
        batch_norm: bool = False,
    ) -> None:
        super().__init__(
            class_head(n_classes, weight_column, label_vocabulary, loss_reduction),
            hidden_units,
            feature_columns,
            model_dir,
            optimizer,
            activation_fn,
            dropout,
            config,
            warm_start_from,
            batch_norm,
        )


class DNNRegressor(DNNEstimator):
    """A feed-forward regression by the squared error.

    Args:
        hidden_units: sizes of the hidden layers.
        feature_columns: see `DNNEstimator`.
        model_dir: see `Estimator`.
        label_dimension: numbers per label.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        optimizer: see `DNNEstimator`.
        activation_fn: of the hidden layers.
        dropout: rate of units dropped in training; None drops none.
        config: see `Estimator`.
        warm_start_from: see `Estimator`.
        loss_reduction: `sum_over_batch_size` or `sum`.
        batch_norm: normalise after each hidden layer.

    Example:
        >>> import feature_columns as fc
        >>> DNNRegressor([8, 4], [fc.numeric_column("x")], label_dimension=2).params
        {}
    """

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Iterable[Any],
        model_dir: str | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Adagrad",
        activation_fn: Callable[[Any], Any] = tf.nn.relu,
        dropout: float | None = None,
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = SUM_OVER_BATCH_SIZE,
        batch_norm: bool = False,
    ) -> None:
        super().__init__(
            RegressionHead(label_dimension, weight_column, loss_reduction),
            hidden_units,
            feature_columns,
            model_dir,
            optimizer,
            activation_fn,
            dropout,
            config,
            warm_start_from,
            batch_norm,
        )
