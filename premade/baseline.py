"""Baselines: models that look at labels only, which every other model must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from estimators import Head, RegressionHead, RunConfig
from estimators.heads.losses import SUM_OVER_BATCH_SIZE
from premade import optimizers
from premade.linear import class_head
from premade.model_fn import Tower
from premade.network_estimator import NetworkEstimator
from premade.networks import BaselineModel


class BaselineEstimator(NetworkEstimator):
    """One bias for each logit, under any head; of the features only their number of rows matters.

    Args:
        head: says what the logits mean.
        model_dir: see `Estimator`.
        optimizer: a name (learning rate 0.3), or what `estimators.optimizers.get` takes.
        config: see `Estimator`.

    Raises:
        ValueError: `optimizer` is None, or an unknown name.

    Example:
        >>> from estimators import MultiClassHead
        >>> estimator = BaselineEstimator(MultiClassHead(n_classes=3))
        >>> data = lambda: tf.data.Dataset.from_tensors(({"x": [[1.0]]}, [[2]]))
        >>> estimator.train(data, steps=1).get_variable_value("baseline/bias").shape
        (3,)
    """

    def __init__(
        self,
        head: Head,
        model_dir: str | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
    ) -> None:
        tower = Tower(BaselineModel, optimizers.for_baseline(optimizer))
        super().__init__(head, [tower], model_dir, config)


class BaselineClassifier(BaselineEstimator):
    """Learns how frequent each class is, and predicts that for every row.

    Args:
        model_dir: see `Estimator`.
        n_classes: number of classes.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        label_vocabulary: the classes, when labels are strings.
        optimizer: see `BaselineEstimator`.
        config: see `Estimator`.
        loss_reduction: `sum_over_batch_size` or `sum`.

    Example:
        >>> from estimators import inputs
        >>> data = inputs.numpy_input_fn(
        ...     {"x": np.zeros(4, np.float32)}, np.array([0, 1, 1, 1]), shuffle=False,
        ...     num_epochs=None, batch_size=4)
        >>> classifier = BaselineClassifier(optimizer="SGD").train(data, steps=100)
        >>> next(classifier.predict(data))["probabilities"].round(2).tolist()
        [0.25, 0.75]
    """

    def __init__(
        self,
        model_dir: str | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        loss_reduction: str = SUM_OVER_BATCH_SIZE,
    ) -> None:
        head = class_head(n_classes, weight_column, label_vocabulary, loss_reduction)
        super().__init__(head, model_dir, optimizer, config)


class BaselineRegressor(BaselineEstimator):
    """Learns the mean of the labels, weighted if examples are, and predicts it for every row.

    Args:
        model_dir: see `Estimator`.
        label_dimension: numbers per label.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        optimizer: see `BaselineEstimator`.
        config: see `Estimator`.
        loss_reduction: `sum_over_batch_size` or `sum`.

    Example:
        >>> data = lambda: tf.data.Dataset.from_tensors(
        ...     ({"x": [[0.0], [0.0]]}, [[1.0], [4.0]])).repeat()
        >>> regressor = BaselineRegressor(optimizer="SGD").train(data, steps=50)
        >>> round(float(next(regressor.predict(data))["predictions"][0]), 3)
        2.5
    """

    def __init__(
        self,
        model_dir: str | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        loss_reduction: str = SUM_OVER_BATCH_SIZE,
    ) -> None:
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        super().__init__(head, model_dir, optimizer, config)
