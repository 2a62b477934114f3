"""Several classes, any number of which are right at once: one logit each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import keras
import tensorflow as tf

from estimators.aliases import Tensor
from estimators.export.outputs import ClassificationOutput, ExportOutput, PredictOutput
from estimators.heads import _inputs, losses
from estimators.heads.base import described
from estimators.heads.class_metrics import ClassMetrics
from estimators.heads.classes import ClassNames
from estimators.heads.keys import MetricKeys, PredictionKeys, SignatureKeys
from estimators.heads.metrics import area_under_pr, area_under_roc
from estimators.heads.multi_hot import MultiHot
from estimators.heads.single import MetricMakers, Observations, SingleHead
from estimators.heads.thresholds import Thresholds


@final
class MultiLabelHead(SingleHead):
    """Says of each of `n_classes` classes whether it holds, by the sigmoid of its logit.

    Labels are a dense indicator `[batch, ..., n_classes]`, numbers from 0 to 1 or booleans; or a
    sparse or ragged tensor `[batch, ..., any number]` that lists the classes of each example: ids,
    or strings where there is a `label_vocabulary`.

    Predictions: `logits`, `probabilities` float32 and `classes` string, all of the classes for each
    example, `[batch, ..., n_classes]`.

    Metrics: average loss, where the loss of an example is the mean over its classes; areas under
    the ROC and the precision-recall curve over all pairs of an example and a class; all weighted.

    Args:
        n_classes: number of classes, more than 1.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        thresholds: probabilities in (0, 1) for which accuracy, precision and recall are measured,
            over all pairs of an example and a class.
        label_vocabulary: the names of the classes, in the order of their ids.
        loss_reduction: `sum_over_batch_size` or `sum`, see `losses.Objective`.
        loss_fn: `(labels, logits[, features, loss_reduction]) -> losses [batch, ..., 1]`, instead
            of the mean sigmoid cross entropy; labels are the float32 indicator.
        classes_for_class_based_metrics: ids or names of classes for which the mean probability,
            the two areas, and at the probability 0.5 precision, recall and F1 are also measured:
            under `probability_mean`, `auc`, `auc_precision_recall`, `precision`, `recall` and `f1`
            with `/class<id>` or `/<name>`. For the last three a label above 0 is a yes.
        name: suffix of the metric keys.

    Raises:
        ValueError: an argument is out of its range.
        TypeError: `weight_column` is neither a name nor a numeric column.

    >>> head = MultiLabelHead(n_classes=2)
    >>> logits = [[-10.0, 10.0], [-15.0, 10.0]]
    >>> round(float(head.loss([[1, 0], [1, 1]], logits)), 3)
    8.75
    >>> round(float(head.loss(tf.ragged.constant([[0], [0, 1]]), logits)), 3)
    8.75
    """

    def __init__(
        self,
        n_classes: int,
        weight_column: Any = None,
        thresholds: Sequence[float] | None = None,
        label_vocabulary: Sequence[str] | None = None,
        loss_reduction: str = losses.SUM_OVER_BATCH_SIZE,
        loss_fn: Callable[..., Tensor] | None = None,
        classes_for_class_based_metrics: Sequence[int | str] | None = None,
        name: str | None = None,
    ) -> None:
        owner = described(MultiLabelHead, name)
        if n_classes is None or n_classes <= 1:
            raise ValueError(
                f"{owner}: n_classes must be > 1 for multi-label classification. "
                f"Given: {n_classes}. For one class use BinaryClassHead."
            )
        objective = losses.Objective(
            owner,
            losses.mean_sigmoid_cross_entropy,
            width=1,
            weight_column=weight_column,
            reduction=loss_reduction,
            loss_fn=loss_fn,
        )
        self._classes = ClassNames(owner, n_classes, label_vocabulary)
        super().__init__(
            name,
            n_classes,
            objective,
            label_width=n_classes,
            dense_labels=MultiHot(self._classes),
        )
        self._thresholds = Thresholds.of(owner, thresholds)
        self._measured = ClassMetrics.of(owner, self._classes, classes_for_class_based_metrics)

    def export_outputs(self, predictions: Mapping[str, Tensor]) -> dict[str, ExportOutput]:
        """Returns `serving_default`, `classification` and `predict`."""
        classification = ClassificationOutput(
            scores=predictions[PredictionKeys.PROBABILITIES],
            classes=predictions[PredictionKeys.CLASSES],
        )
        return {
            SignatureKeys.DEFAULT: classification,
            SignatureKeys.CLASSIFICATION: classification,
            SignatureKeys.PREDICT: PredictOutput(predictions),
        }

    def _label_values(self, labels: Tensor) -> Tensor:
        message = (
            f"{self._owner}: labels must be an integer indicator Tensor with values in [0, 1], "
            f"one for each of the {self._classes.n_classes} classes, or a sparse or ragged tensor "
            "of class ids or names."
        )
        if labels.dtype == tf.string:
            raise ValueError(f"{message} Got a dense tensor of strings.")
        values = tf.cast(labels, tf.float32)
        return _inputs.checked(
            values, ok=(values >= 0.0) & (values <= 1.0), shown=labels, message=message
        )

    def _predictions(self, logits: Tensor) -> dict[str, Tensor]:
        return {
            PredictionKeys.LOGITS: logits,
            PredictionKeys.PROBABILITIES: tf.sigmoid(logits),
            PredictionKeys.CLASSES: self._classes.all_names(logits),
        }

    def _metric_makers(self) -> MetricMakers:
        makers: MetricMakers = {
            MetricKeys.AUC: area_under_roc,
            MetricKeys.AUC_PR: area_under_pr,
            **self._thresholds.metric_makers(),
        }
        for end in self._measured.ids:
            makers |= {
                MetricKeys.PROBABILITY_MEAN_AT_NAME % end: keras.metrics.Mean,
                MetricKeys.AUC_AT_NAME % end: area_under_roc,
                MetricKeys.AUC_PR_AT_NAME % end: area_under_pr,
            }
        return makers | self._measured.metric_makers()

    def _observations(self, labels: Tensor, logits: Tensor) -> Observations:
        probabilities = tf.sigmoid(logits)
        observations: Observations = {
            MetricKeys.AUC: (labels, probabilities),
            MetricKeys.AUC_PR: (labels, probabilities),
            **self._thresholds.observations(labels, probabilities),
        }
        labels_of, probabilities_of = _of_class(labels), _of_class(probabilities)
        for end, index in self._measured.ids.items():
            pair = labels_of(index), probabilities_of(index)
            observations |= {
                MetricKeys.PROBABILITY_MEAN_AT_NAME % end: pair[1:],
                MetricKeys.AUC_AT_NAME % end: pair,
                MetricKeys.AUC_PR_AT_NAME % end: pair,
            }
        return observations | self._measured.observations(
            _of_class(tf.cast(labels > 0.0, tf.float32)),
            _of_class(tf.cast(probabilities > 0.5, tf.float32)),
        )


def _of_class(values: Tensor) -> Callable[[int], Tensor]:
    """Returns a function from a class id to its column of `values`, `[batch, ..., 1]`."""
    return lambda index: values[..., index, tf.newaxis]
