"""Counts, one logit each."""

from __future__ import annotations

from typing import Any, final

import tensorflow as tf

from estimators.aliases import Tensor
from estimators.heads import _inputs, losses
from estimators.heads.base import described
from estimators.heads.linked import LinkedHead, require_dimension


@final
class PoissonRegressionHead(LinkedHead):
    """Predicts `label_dimension` counts, or rates, by the exponential of as many logits.

    Labels are numbers from 0, `[batch, ..., label_dimension]`; `[batch, ...]` will do for one
    dimension. They need not be whole.

    Predictions: `predictions` and `logits`, float32 `[batch, ..., label_dimension]`.

    Metrics: average loss, means of labels and predictions, weighted, over examples and dimensions.

    Args:
        label_dimension: numbers per example.
        weight_column: name of the feature that holds a weight for each example or for each
            number, or a numeric column.
        loss_reduction: `sum_over_batch_size` (divides by examples times `label_dimension`) or
            `sum`, see `losses.Objective`.
        compute_full_loss: add the part of the loss that no training changes, so that it is the
            negative logarithm of a probability: see `losses.full_poisson_loss`.
        name: suffix of the metric keys.

    Raises:
        ValueError: an argument is out of its range.
        TypeError: `weight_column` is neither a name nor a numeric column.

    >>> head = PoissonRegressionHead()
    >>> head.predictions([[0.0]])["predictions"].numpy().tolist()
    [[1.0]]
    >>> float(head.loss([[1.0]], [[0.0]]))
    1.0
    """

    def __init__(
        self,
        label_dimension: int = 1,
        weight_column: Any = None,
        loss_reduction: str = losses.SUM_OVER_BATCH_SIZE,
        compute_full_loss: bool = True,
        name: str | None = None,
    ) -> None:
        owner = described(PoissonRegressionHead, name)
        require_dimension(owner, label_dimension)
        objective = losses.Objective(
            owner,
            losses.full_poisson_loss if compute_full_loss else losses.poisson_loss,
            width=label_dimension,
            weight_column=weight_column,
            reduction=loss_reduction,
        )
        super().__init__(name, objective, tf.exp)

    def _label_values(self, labels: Tensor) -> Tensor:
        values = _inputs.float_values(self._owner, "labels", labels)
        # Below 0 the loss has no minimum: training would run to minus infinity.
        return _inputs.checked(
            values,
            ok=tf.math.is_finite(values) & (values >= 0.0),
            shown=labels,
            message=(
                f"{self._owner}: labels must be finite and not below 0. For other numbers use "
                "RegressionHead."
            ),
        )
