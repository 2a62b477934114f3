"""Linear models."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from estimators import BinaryClassHead, Head, MultiClassHead, RegressionHead, RunConfig
from estimators.heads.losses import SUM_OVER_BATCH_SIZE
from premade import optimizers
from premade.columns import checked_columns
from premade.model_fn import Tower, preprocess
from premade.network_estimator import NetworkEstimator
from premade.networks import LinearModel
from premade.sdca import linear_sdca
from premade.sdca.linear_sdca import LinearSDCA
from premade.weights import LinearPart


class LinearEstimator(NetworkEstimator):
    """A linear model under any head.

    Weights start at zero. A categorical column has one weight for each of its ids; a dense column
    is multiplied by a matrix.

    Args:
        head: says what the logits mean.
        feature_columns: categorical or dense columns.
        model_dir: see `Estimator`.
        optimizer: a name (learning rate 0.2), None (FTRL, the lower of 0.2 and
            1/sqrt(number of columns)), what `estimators.optimizers.get` takes, or `LinearSDCA`.
        config: see `Estimator`.
        sparse_combiner: how the weights of a row with several ids are combined: `sum`, `mean` or
            `sqrtn`.
        warm_start_from: see `Estimator`.

    Example:
        >>> import feature_columns as fc
        >>> from estimators import RegressionHead
        >>> estimator = LinearEstimator(RegressionHead(), [fc.numeric_column("x")])
        >>> estimator.model_fn is not None
        True
    """

    def __init__(
        self,
        head: Head,
        feature_columns: Iterable[Any],
        model_dir: str | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        sparse_combiner: str = "sum",
        warm_start_from: Any = None,
    ) -> None:
        columns = checked_columns(feature_columns, "feature_columns")
        network = functools.partial(LinearModel, columns, sparse_combiner=sparse_combiner)
        preprocess_fn = preprocess(head, linear=columns)
        if isinstance(optimizer, LinearSDCA):
            known = linear_sdca.solvable(head, columns, sparse_combiner, warm_start_from)
            model_fn = linear_sdca.build(optimizer, known, network)
            preprocess_fn = preprocess_fn.passing_on(optimizer.example_id_column)
            tower = Tower(network, optimizer)
        else:
            model_fn = None
            tower = Tower(network, optimizers.for_linear(optimizer, len(columns)))
        super().__init__(
            head,
            [tower],
            model_dir,
            config,
            model_fn=model_fn,
            warm_start_from=warm_start_from,
            preprocess_fn=preprocess_fn,
        )
        self.linear_part = LinearPart(tuple(columns), head)


class LinearClassifier(LinearEstimator):
    """A linear classifier: logistic regression for two classes, softmax regression for more.

    Args:
        feature_columns: categorical or dense columns.
        model_dir: see `Estimator`.
        n_classes: number of classes.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        label_vocabulary: the classes, when labels are strings.
        optimizer: see `LinearEstimator`.
        config: see `Estimator`.
        warm_start_from: see `Estimator`.
        loss_reduction: `sum_over_batch_size` or `sum`.
        sparse_combiner: see `LinearEstimator`.

    Example:
        >>> import feature_columns as fc
        >>> import numpy as np
        >>> from estimators import inputs
        >>> data = inputs.numpy_input_fn(
        ...     {"x": np.array([0.0, 1.0], np.float32)}, np.array([0, 1]), shuffle=False,
        ...     num_epochs=None, batch_size=2)
        >>> classifier = LinearClassifier([fc.numeric_column("x")]).train(data, steps=10)
        >>> round(float(classifier.evaluate(data, steps=1)["accuracy"]), 3)
        1.0
    """

    def __init__(
        self,
        feature_columns: Iterable[Any],
        model_dir: str | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = SUM_OVER_BATCH_SIZE,
        sparse_combiner: str = "sum",
    ) -> None:
        super().__init__(
            class_head(n_classes, weight_column, label_vocabulary, loss_reduction),
            feature_columns,
            model_dir,
            optimizer,
            config,
            sparse_combiner,
            warm_start_from,
        )


class LinearRegressor(LinearEstimator):
    """Linear regression by the squared error.

    Args:
        feature_columns: categorical or dense columns.
        model_dir: see `Estimator`.
        label_dimension: numbers per label.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        optimizer: see `LinearEstimator`.
        config: see `Estimator`.
        warm_start_from: see `Estimator`.
        loss_reduction: `sum_over_batch_size` or `sum`.
        sparse_combiner: see `LinearEstimator`.

    Example:
        >>> import feature_columns as fc
        >>> LinearRegressor([fc.numeric_column("x")], label_dimension=2).params
        {}
    """

    def __init__(
        self,
        feature_columns: Iterable[Any],
        model_dir: str | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        warm_start_from: Any = None,
        loss_reduction: str = SUM_OVER_BATCH_SIZE,
        sparse_combiner: str = "sum",
    ) -> None:
        super().__init__(
            RegressionHead(label_dimension, weight_column, loss_reduction),
            feature_columns,
            model_dir,
            optimizer,
            config,
            sparse_combiner,
            warm_start_from,
        )


def class_head(
    n_classes: int,
    weight_column: Any,
    label_vocabulary: Sequence[str] | None,
    loss_reduction: str,
) -> Head:
    """Returns the head of a classifier with so many classes."""
    if n_classes == 2:
        return BinaryClassHead(
            weight_column=weight_column,
            label_vocabulary=label_vocabulary,
            loss_reduction=loss_reduction,
        )
    return MultiClassHead(
        n_classes,
        weight_column=weight_column,
        label_vocabulary=label_vocabulary,
        loss_reduction=loss_reduction,
    )
