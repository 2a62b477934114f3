"""Two classes, one logit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import keras
import tensorflow as tf

from estimators.aliases import Tensor
from estimators.export.outputs import (
    ClassificationOutput,
    ExportOutput,
    PredictOutput,
    RegressionOutput,
)
from estimators.heads import _inputs, losses
from estimators.heads.base import described
from estimators.heads.class_metrics import ClassMetrics
from estimators.heads.classes import ClassNames
from estimators.heads.keys import MetricKeys, PredictionKeys, SignatureKeys
from estimators.heads.metrics import (
    AccuracyBaseline,
    area_under_pr,
    area_under_roc,
    hits,
    precision,
    recall,
)
from estimators.heads.single import MetricMakers, Observations, SingleHead
from estimators.heads.thresholds import Thresholds


@final
class BinaryClassHead(SingleHead):
    """Classifies into two classes by the sigmoid of one logit.

    Labels are `[batch, ..., 1]` or `[batch, ...]`: numbers from 0 to 1 (0.8 means "class 1 with
    probability 0.8"), or strings where there is a `label_vocabulary`. A logit of exactly 0 is
    class 0.

    Predictions: `logits`, `logistic` float32 `[batch, ..., 1]`; `probabilities` float32
    `[batch, ..., 2]`; `class_ids` int64 and `classes` string `[batch, ..., 1]`; `all_class_ids`
    int32 and `all_classes` string `[batch, ..., 2]`.

    Metrics: average loss, accuracy and its baseline, precision, recall, areas under the ROC and
    the precision-recall curve, means of labels and predictions; all weighted.

    Args:
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        thresholds: probabilities in (0, 1) for which accuracy, precision and recall are also
            measured.
        label_vocabulary: the names of class 0 and class 1.
        loss_reduction: `sum_over_batch_size` or `sum`, see `losses.Objective`.
        loss_fn: `(labels, logits[, features, loss_reduction]) -> losses [batch, ..., 1]`, instead
            of the sigmoid cross entropy.
        name: suffix of the metric keys.
        classes_for_class_based_metrics: ids or names of classes for which precision, recall and F1
            are also measured: under `precision`, `recall` and `f1` with `/class<id>` or `/<name>`.
            As for precision and recall, a label above 0 counts as class 1.

    Raises:
        ValueError: an argument is out of its range.
        TypeError: `weight_column` is neither a name nor a numeric column.

    >>> head = BinaryClassHead(label_vocabulary=["no", "yes"])
    >>> predictions = head.predictions([[0.3], [-0.4]])
    >>> predictions["class_ids"].numpy().tolist(), predictions["classes"].numpy().tolist()
    ([[1], [0]], [[b'yes'], [b'no']])
    >>> round(float(head.loss([["yes"], ["yes"]], [[45.0], [-41.0]])), 3)
    20.5
    """

    def __init__(
        self,
        weight_column: Any = None,
        thresholds: Sequence[float] | None = None,
        label_vocabulary: Sequence[str] | None = None,
        loss_reduction: str = losses.SUM_OVER_BATCH_SIZE,
        loss_fn: Callable[..., Tensor] | None = None,
        name: str | None = None,
        *,
        classes_for_class_based_metrics: Sequence[int | str] | None = None,
    ) -> None:
        objective = losses.Objective(
            described(BinaryClassHead, name),
            losses.sigmoid_cross_entropy,
            width=1,
            weight_column=weight_column,
            reduction=loss_reduction,
            loss_fn=loss_fn,
        )
        super().__init__(name, 1, objective)
        self._classes = ClassNames(self._owner, 2, label_vocabulary)
        self._thresholds = Thresholds.of(self._owner, thresholds)
        chosen = classes_for_class_based_metrics
        self._measured = ClassMetrics.of(self._owner, self._classes, chosen)

    @property
    def output_names(self) -> tuple[str | int, ...]:
        """The second class: the only logit is what speaks for it."""
        return self._classes.output_names()[1:]

    def export_outputs(self, predictions: Mapping[str, Tensor]) -> dict[str, ExportOutput]:
        """Returns `serving_default`, `classification`, `regression` and `predict`."""
        classification = ClassificationOutput(
            scores=predictions[PredictionKeys.PROBABILITIES],
            classes=predictions[PredictionKeys.ALL_CLASSES],
        )
        return {
            SignatureKeys.DEFAULT: classification,
            SignatureKeys.CLASSIFICATION: classification,
            SignatureKeys.REGRESSION: RegressionOutput(predictions[PredictionKeys.LOGISTIC]),
            SignatureKeys.PREDICT: PredictOutput(predictions),
        }

    def _label_values(self, labels: Tensor) -> Tensor:
        if self._classes.vocabulary is not None or labels.dtype == tf.string:
            return tf.cast(self._classes.ids(labels), tf.float32)
        values = tf.cast(labels, tf.float32)
        return _inputs.checked(
            values,
            ok=(values >= 0.0) & (values <= 1.0),
            shown=labels,
            message=(
                f"{self._owner}: labels must be in [0, 1], class ids 0 and 1 or probabilities of "
                "class 1. For more classes use MultiClassHead (n_classes=...)."
            ),
        )

    def _predictions(self, logits: Tensor) -> dict[str, Tensor]:
        class_ids = tf.cast(logits > 0.0, tf.int64)
        both_logits = tf.concat([tf.zeros_like(logits), logits], axis=-1)
        return {
            PredictionKeys.LOGITS: logits,
            PredictionKeys.LOGISTIC: tf.sigmoid(logits),
            PredictionKeys.PROBABILITIES: tf.nn.softmax(both_logits),
            PredictionKeys.CLASS_IDS: class_ids,
            PredictionKeys.CLASSES: self._classes.names(class_ids),
            PredictionKeys.ALL_CLASS_IDS: self._classes.all_ids(logits),
            PredictionKeys.ALL_CLASSES: self._classes.all_names(logits),
        }

    def _metric_makers(self) -> MetricMakers:
        return {
            MetricKeys.ACCURACY: keras.metrics.Mean,
            MetricKeys.PRECISION: precision,
            MetricKeys.RECALL: recall,
            MetricKeys.PREDICTION_MEAN: keras.metrics.Mean,
            MetricKeys.LABEL_MEAN: keras.metrics.Mean,
            MetricKeys.ACCURACY_BASELINE: AccuracyBaseline,
            MetricKeys.AUC: area_under_roc,
            MetricKeys.AUC_PR: area_under_pr,
            **self._thresholds.metric_makers(),
            **self._measured.metric_makers(),
        }

    def _observations(self, labels: Tensor, logits: Tensor) -> Observations:
        logistic = tf.sigmoid(logits)
        class_1 = tf.cast(logits > 0.0, tf.float32)
        return {
            MetricKeys.ACCURACY: (hits(labels, class_1),),
            MetricKeys.PRECISION: (labels, class_1),
            MetricKeys.RECALL: (labels, class_1),
            MetricKeys.PREDICTION_MEAN: (logistic,),
            MetricKeys.LABEL_MEAN: (labels,),
            MetricKeys.ACCURACY_BASELINE: (labels,),
            MetricKeys.AUC: (labels, logistic),
            MetricKeys.AUC_PR: (labels, logistic),
            **self._thresholds.observations(labels, logistic),
            **self._measured.observations(
                lambda index: hits(tf.cast(labels > 0.0, tf.float32), float(index)),
                lambda index: hits(class_1, float(index)),
            ),
        }
