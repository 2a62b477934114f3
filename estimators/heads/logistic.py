"""Probabilities, one logit each."""

from __future__ import annotations

from typing import Any, final

import tensorflow as tf

from estimators.aliases import Tensor
from estimators.heads import _inputs, losses
from estimators.heads.base import described
from estimators.heads.linked import LinkedHead


@final
class LogisticRegressionHead(LinkedHead):
    """Predicts a probability, or another share of 1, by the sigmoid of one logit.

    `BinaryClassHead` has the same loss; this head answers a number instead of a class.

    Labels are numbers from 0 to 1, `[batch, ..., 1]` or `[batch, ...]`.

    Predictions: `predictions` and `logits`, float32 `[batch, ..., 1]`.

    Metrics: average loss, means of labels and predictions, weighted.

    Args:
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        loss_reduction: `sum_over_batch_size` or `sum`, see `losses.Objective`.
        name: suffix of the metric keys.

    Raises:
        ValueError: an argument is out of its range.
        TypeError: `weight_column` is neither a name nor a numeric column.

    >>> head = LogisticRegressionHead()
    >>> head.predictions([[0.0]])["predictions"].numpy().tolist()
    [[0.5]]
    >>> round(float(head.loss([[0.4]], [[0.0]])), 4)
    0.6931
    """

    def __init__(
        self,
        weight_column: Any = None,
        loss_reduction: str = losses.SUM_OVER_BATCH_SIZE,
        name: str | None = None,
    ) -> None:
        objective = losses.Objective(
            described(LogisticRegressionHead, name),
            losses.sigmoid_cross_entropy,
            width=1,
            weight_column=weight_column,
            reduction=loss_reduction,
        )
        super().__init__(name, objective, tf.sigmoid)

    def _label_values(self, labels: Tensor) -> Tensor:
        values = _inputs.float_values(self._owner, "labels", labels)
        return _inputs.checked(
            values,
            ok=(values >= 0.0) & (values <= 1.0),
            shown=labels,
            message=(
                f"{self._owner}: Labels must be in range [0, 1]. For other numbers use "
                "RegressionHead."
            ),
        )
