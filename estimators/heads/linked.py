"""What the heads that answer numbers share: a prediction is the inverse link of its logit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras

from estimators.aliases import Tensor
from estimators.export.outputs import ExportOutput, PredictOutput, RegressionOutput
from estimators.heads.keys import MetricKeys, PredictionKeys, SignatureKeys
from estimators.heads.losses import Objective
from estimators.heads.single import MetricMakers, Observations, SingleHead


class LinkedHead(SingleHead):
    """A head whose predictions are numbers. A final head adds what its labels may be.

    Args:
        name: suffix of the metric keys, or None.
        objective: what is minimised, with a loss for each logit.
        inverse_link: makes the prediction of the logit, same shape; None predicts the logit.

    >>> from estimators.heads import LogisticRegressionHead
    >>> list(LogisticRegressionHead().predictions([[0.0]]))
    ['predictions', 'logits']
    """

    def __init__(
        self,
        name: str | None,
        objective: Objective,
        inverse_link: Callable[[Tensor], Tensor] | None,
    ) -> None:
        super().__init__(name, objective.width, objective)
        self._inverse_link = inverse_link

    def export_outputs(self, predictions: Mapping[str, Tensor]) -> dict[str, ExportOutput]:
        """Returns `serving_default`, `regression` and `predict`."""
        regression = RegressionOutput(predictions[PredictionKeys.PREDICTIONS])
        return {
            SignatureKeys.DEFAULT: regression,
            SignatureKeys.REGRESSION: regression,
            SignatureKeys.PREDICT: PredictOutput(predictions),
        }

    def _predictions(self, logits: Tensor) -> dict[str, Tensor]:
        predictions = {PredictionKeys.PREDICTIONS: self.predicted(logits)}
        if self._inverse_link is not None:
            predictions[PredictionKeys.LOGITS] = logits
        return predictions

    def _metric_makers(self) -> MetricMakers:
        return {
            MetricKeys.PREDICTION_MEAN: keras.metrics.Mean,
            MetricKeys.LABEL_MEAN: keras.metrics.Mean,
        }

    def _observations(self, labels: Tensor, logits: Tensor) -> Observations:
        return {
            MetricKeys.PREDICTION_MEAN: (self.predicted(logits),),
            MetricKeys.LABEL_MEAN: (labels,),
        }

    def predicted(self, logits: Tensor) -> Tensor:
        """Returns the inverse link of logits, of their shape."""
        return logits if self._inverse_link is None else self._inverse_link(logits)


def require_dimension(owner: str, label_dimension: int) -> None:
    """Raises `ValueError` unless there is at least one number for each example.

    >>> require_dimension("RegressionHead", 0)
    Traceback (most recent call last):
    ValueError: RegressionHead: Invalid label_dimension 0. It must be at least 1.
    """
    if label_dimension < 1:
        raise ValueError(
            f"{owner}: Invalid label_dimension {label_dimension}. It must be at least 1."
        )
