"""Numbers, one logit each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import tensorflow as tf

from estimators.aliases import Features, Labels, Tensor
from estimators.export.outputs import ExportOutput, PredictOutput, RegressionOutput
from estimators.heads import _inputs, base, losses
from estimators.heads.keys import MetricKeys, PredictionKeys, SignatureKeys
from estimators.heads.metrics import flat, flat_weights


@final
class RegressionHead(base.Head):
    """Predicts `label_dimension` numbers by as many logits.

    Labels are numbers `[batch, ..., label_dimension]`; `[batch, ...]` will do for one dimension.

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
            belongs to the link.
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
        self._name = name
        self._owner = base.described(self)
        if label_dimension < 1:
            raise ValueError(
                f"{self._owner}: Invalid label_dimension {label_dimension}. It must be at least 1."
            )
        self._inverse_link = inverse_link_fn
        self._objective = losses.Objective(
            self._owner,
            losses.squared_error,
            width=label_dimension,
            weight_column=weight_column,
            reduction=loss_reduction,
            loss_fn=loss_fn,
        )

    @property
    def name(self) -> str | None:
        """Suffix of the metric keys, or None."""
        return self._name

    @property
    def logits_dimension(self) -> int:
        """The number of numbers per example."""
        return self._objective.width

    @property
    def loss_reduction(self) -> str:
        """How the losses of a batch become one."""
        return self._objective.reduction

    def loss(
        self,
        labels: Labels,
        logits: Tensor,
        features: Features | None = None,
        mode: str | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Returns the scalar squared error of the batch, or the loss of `loss_fn`."""
        logits = _inputs.float_logits(self._owner, logits, self.logits_dimension)
        labels = self._numbers(labels, logits)
        return self._objective.loss(labels, logits, features, regularization_losses)

    def predictions(self, logits: Tensor, keys: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Returns the predictions by key.

        Args:
            logits: `[batch, ..., label_dimension]`.
            keys: the keys wanted, or None for all.

        Returns:
            `predictions` float32 `[batch, ..., label_dimension]`, and, with an inverse link,
            `logits` of the same shape.

        Raises:
            ValueError: wrong shape, or an unknown key.
        """
        logits = _inputs.float_logits(self._owner, logits, self.logits_dimension)
        predictions = {PredictionKeys.PREDICTIONS: self._predicted(logits)}
        if self._inverse_link is not None:
            predictions[PredictionKeys.LOGITS] = logits
        return base.chosen(predictions, keys)

    def metrics(self, regularization_losses: Sequence[Tensor] | None = None) -> dict[str, Any]:
        """Returns new metrics by key: `average_loss`, `prediction/mean`, `label/mean`."""
        keys = [MetricKeys.AVERAGE_LOSS, MetricKeys.PREDICTION_MEAN, MetricKeys.LABEL_MEAN]
        return base.means(keys, self._name, regularization_losses)

    def update_metrics(
        self,
        eval_metrics: Mapping[str, Any],
        features: Features | None,
        logits: Tensor,
        labels: Labels,
        mode: str | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Mapping[str, Any]:
        """Adds a batch to the metrics: weighted means over examples and dimensions."""
        logits = _inputs.float_logits(self._owner, logits, self.logits_dimension)
        labels = self._numbers(labels, logits)
        weights = flat_weights(self._objective.weights(logits, features), logits)
        for key, values in (
            (MetricKeys.AVERAGE_LOSS, self._objective.losses(labels, logits, features)),
            (MetricKeys.PREDICTION_MEAN, self._predicted(logits)),
            (MetricKeys.LABEL_MEAN, labels),
        ):
            eval_metrics[base.suffixed(key, self._name)].update_state(flat(values), weights)
        base.update_regularization(eval_metrics, self._name, regularization_losses)
        return eval_metrics

    def export_outputs(self, predictions: Mapping[str, Tensor]) -> dict[str, ExportOutput]:
        """Returns `serving_default`, `regression` and `predict`."""
        regression = RegressionOutput(predictions[PredictionKeys.PREDICTIONS])
        return {
            SignatureKeys.DEFAULT: regression,
            SignatureKeys.REGRESSION: regression,
            SignatureKeys.PREDICT: PredictOutput(predictions),
        }

    def check_labels(self, labels: Labels) -> None:
        """Raises `ValueError` naming the first label that is NaN or infinite."""
        labels = _inputs.dense_labels(self._owner, labels)
        values = _inputs.float_values(self._owner, "labels", labels)
        _inputs.checked(
            values,
            ok=tf.math.is_finite(values),
            shown=labels,
            message=f"{self._owner}: labels must be finite numbers.",
        )

    def _numbers(self, labels: Labels, logits: Tensor) -> Tensor:
        labels = _inputs.dense_labels(self._owner, labels)
        values = _inputs.float_values(self._owner, "labels", labels)
        return _inputs.aligned(self._owner, "labels", values, logits, (self.logits_dimension,))

    def _predicted(self, logits: Tensor) -> Tensor:
        return logits if self._inverse_link is None else self._inverse_link(logits)
