"""Two classes, one logit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import keras
import tensorflow as tf

from estimators.aliases import Features, Labels, Tensor
from estimators.export.outputs import (
    ClassificationOutput,
    ExportOutput,
    PredictOutput,
    RegressionOutput,
)
from estimators.heads import _inputs, base, losses
from estimators.heads.classes import ClassNames
from estimators.heads.keys import MetricKeys, PredictionKeys, SignatureKeys
from estimators.heads.metrics import AccuracyBaseline, flat, flat_weights


@final
class BinaryClassHead(base.Head):
    """Classifies into two classes by the sigmoid of one logit.

    Labels are `[batch, ..., 1]` or `[batch, ...]`: numbers from 0 to 1 (0.8 means "class 1 with
    probability 0.8"), or strings where there is a `label_vocabulary`. A logit of exactly 0 is
    class 0.

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
    ) -> None:
        self._name = name
        self._owner = base.described(self)
        self._thresholds = () if thresholds is None else tuple(thresholds)
        for threshold in self._thresholds:
            if not 0.0 < threshold < 1.0:
                raise ValueError(
                    f"{self._owner}: thresholds not in (0, 1): {self._thresholds}. "
                    f"Wrong is {threshold}."
                )
        self._classes = ClassNames(self._owner, 2, label_vocabulary)
        self._objective = losses.Objective(
            self._owner,
            losses.sigmoid_cross_entropy,
            width=1,
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
        """1."""
        return 1

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
        """Returns the scalar sigmoid cross entropy of the batch, or the loss of `loss_fn`."""
        logits = _inputs.float_logits(self._owner, logits, 1)
        labels = self._probabilities_of_class_1(labels, logits)
        return self._objective.loss(labels, logits, features, regularization_losses)

    def predictions(self, logits: Tensor, keys: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Returns the predictions by key.

        Args:
            logits: `[batch, ..., 1]`.
            keys: the keys wanted, or None for all.

        Returns:
            `logits`, `logistic` float32 `[batch, ..., 1]`; `probabilities` float32
            `[batch, ..., 2]`; `class_ids` int64 and `classes` string `[batch, ..., 1]`;
            `all_class_ids` int32 and `all_classes` string `[batch, ..., 2]`.

        Raises:
            ValueError: wrong shape, or an unknown key.
        """
        logits = _inputs.float_logits(self._owner, logits, 1)
        class_ids = _class_ids(logits)
        predictions = {
            PredictionKeys.LOGITS: logits,
            PredictionKeys.LOGISTIC: tf.sigmoid(logits),
            PredictionKeys.PROBABILITIES: tf.nn.softmax(
                tf.concat([tf.zeros_like(logits), logits], axis=-1)
            ),
            PredictionKeys.CLASS_IDS: class_ids,
            PredictionKeys.CLASSES: self._classes.names(class_ids),
            PredictionKeys.ALL_CLASS_IDS: self._classes.all_ids(logits),
            PredictionKeys.ALL_CLASSES: self._classes.all_names(logits),
        }
        return base.chosen(predictions, keys)

    def metrics(self, regularization_losses: Sequence[Tensor] | None = None) -> dict[str, Any]:
        """Returns new metrics by key: the names in `MetricKeys`, each with the head's name."""
        made: dict[str, Callable[[str], Any]] = {
            MetricKeys.AVERAGE_LOSS: keras.metrics.Mean,
            MetricKeys.ACCURACY: keras.metrics.Mean,
            MetricKeys.PRECISION: lambda key: keras.metrics.Precision(name=key),
            MetricKeys.RECALL: lambda key: keras.metrics.Recall(name=key),
            MetricKeys.PREDICTION_MEAN: keras.metrics.Mean,
            MetricKeys.LABEL_MEAN: keras.metrics.Mean,
            MetricKeys.ACCURACY_BASELINE: AccuracyBaseline,
            MetricKeys.AUC: lambda key: keras.metrics.AUC(name=key),
            MetricKeys.AUC_PR: lambda key: keras.metrics.AUC(name=key, curve="PR"),
        }
        if regularization_losses:
            made[MetricKeys.REGULARIZATION_LOSS] = keras.metrics.Mean
        keys = {key: base.suffixed(key, self._name) for key in made}
        metrics = {keys[key]: make(keys[key]) for key, make in made.items()}
        for threshold in self._thresholds:
            accuracy, precision, recall = self._keys_at(threshold)
            metrics[accuracy] = keras.metrics.Mean(name=accuracy)
            metrics[precision] = keras.metrics.Precision(thresholds=threshold, name=precision)
            metrics[recall] = keras.metrics.Recall(thresholds=threshold, name=recall)
        return metrics

    def update_metrics(
        self,
        eval_metrics: Mapping[str, Any],
        features: Features | None,
        logits: Tensor,
        labels: Labels,
        mode: str | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Mapping[str, Any]:
        """Adds a batch to the metrics; every metric is weighted by the weight column."""
        logits = _inputs.float_logits(self._owner, logits, 1)
        labels = self._probabilities_of_class_1(labels, logits)
        example_losses = flat(self._objective.losses(labels, logits, features))
        weights = flat_weights(self._objective.weights(logits, features), logits)
        class_ids = flat(tf.cast(_class_ids(logits), tf.float32))
        labels, logistic = flat(labels), flat(tf.sigmoid(logits))

        def metric(key: str) -> Any:
            return eval_metrics[base.suffixed(key, self._name)]

        metric(MetricKeys.AVERAGE_LOSS).update_state(example_losses, weights)
        metric(MetricKeys.ACCURACY).update_state(_hits(labels, class_ids), weights)
        metric(MetricKeys.PRECISION).update_state(labels, class_ids, weights)
        metric(MetricKeys.RECALL).update_state(labels, class_ids, weights)
        metric(MetricKeys.PREDICTION_MEAN).update_state(logistic, weights)
        metric(MetricKeys.LABEL_MEAN).update_state(labels, weights)
        metric(MetricKeys.ACCURACY_BASELINE).update_state(labels, weights)
        metric(MetricKeys.AUC).update_state(labels, logistic, weights)
        metric(MetricKeys.AUC_PR).update_state(labels, logistic, weights)
        for threshold in self._thresholds:
            accuracy, precision, recall = self._keys_at(threshold)
            above = tf.cast(logistic > threshold, tf.float32)
            eval_metrics[accuracy].update_state(_hits(labels, above), weights)
            eval_metrics[precision].update_state(labels, logistic, weights)
            eval_metrics[recall].update_state(labels, logistic, weights)
        base.update_regularization(eval_metrics, self._name, regularization_losses)
        return eval_metrics

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

    def check_labels(self, labels: Labels) -> None:
        """Raises `ValueError` naming the first label that is not in [0, 1] or not a class name."""
        self._values(_inputs.dense_labels(self._owner, labels))

    def _probabilities_of_class_1(self, labels: Labels, logits: Tensor) -> Tensor:
        labels = _inputs.dense_labels(self._owner, labels)
        return self._values(_inputs.aligned(self._owner, "labels", labels, logits, (1,)))

    def _values(self, labels: Tensor) -> Tensor:
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

    def _keys_at(self, threshold: float) -> tuple[str, str, str]:
        accuracy, precision, recall = (
            base.suffixed(key % threshold, self._name)
            for key in (
                MetricKeys.ACCURACY_AT_THRESHOLD,
                MetricKeys.PRECISION_AT_THRESHOLD,
                MetricKeys.RECALL_AT_THRESHOLD,
            )
        )
        return accuracy, precision, recall


def _class_ids(logits: Tensor) -> Tensor:
    return tf.cast(logits > 0.0, tf.int64)


def _hits(labels: Tensor, class_ids: Tensor) -> Tensor:
    return tf.cast(tf.equal(labels, class_ids), tf.float32)
