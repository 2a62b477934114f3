"""Numbers, one logit each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import tensorflow as tf

from estimators.aliases import Tensor
from estimators.heads import _inputs, losses
from estimators.heads.base import described
from estimators.heads.linked import LinkedHead, require_dimension


@final
class RegressionHead(LinkedHead):
    """Predicts `label_dimension` numbers by as many logits.

    Labels are numbers `[batch, ..., label_dimension]`; `[batch, ...]` will do for one dimension.

    Predictions: `predictions` float32 `[batch, ..., label_dimension]`, and with an inverse link
    `logits` of the same shape.

    Metrics: average loss, means of labels and predictions, weighted, over examples and dimensions.

    Args:
        label_dimension: numbers per example.
        weight_column: name of the feature that holds a weight for each example or for each
            number, or a numeric column.
        loss_reduction: `sum_over_batch_size` (divides by examples times `label_dimension`) or
            `sum`, see `losses.Objective`.
        loss_fn: `(labels, logits[, features, loss_reduction]) -> losses [batch, ...,
            label_dimension]`, instead of the squared error.
        inverse_link_fn: makes the prediction of the logit, for instance `tf.exp`. The loss still
            compares labels with logits, as it did in tf.estimator: give the `loss_fn` that
            belongs to the link. `PoissonRegressionHead` and `LogisticRegressionHead` have both.
        name: suffix of the metric keys.

    Raises:
        ValueError: an argument is out of its range.
        TypeError: `weight_column` is neither a name nor a numeric column.

    >>> head = RegressionHead()
    >>> head.predictions([[45.0], [41.0]])["predictions"].numpy().tolist()
    [[45.0], [41.0]]
    >>> float(head.loss([[43.0], [44.0]], [[45.0], [41.0]]))
    6.5
    """

    def __init__(
        self,
        label_dimension: int = 1,
        weight_column: Any = None,
        loss_reduction: str = losses.SUM_OVER_BATCH_SIZE,
        loss_fn: Callable[..., Tensor] | None = None,
        inverse_link_fn: Callable[[Tensor], Tensor] | None = None,
        name: str | None = None,
    ) -> None:
        owner = described(RegressionHead, name)
        require_dimension(owner, label_dimension)
        objective = losses.Objective(
            owner,
            losses.squared_error,
            width=label_dimension,
            weight_column=weight_column,
            reduction=loss_reduction,
            loss_fn=loss_fn,
        )
        super().__init__(name, objective, inverse_link_fn)

    def _label_values(self, labels: Tensor) -> Tensor:
        values = _inputs.float_values(self._owner, "labels", labels)
        if self._objective.loss_fn is not None:
            return values  # A loss of one's own may take NaN for "not known" and mask it.
        return _inputs.checked(
            values,
            ok=tf.math.is_finite(values),
            shown=labels,
            message=f"{self._owner}: labels must be finite numbers.",
        )
