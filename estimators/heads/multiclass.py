"""More than two classes, one logit each, exactly one class right."""

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
from estimators.heads.metrics import hits
from estimators.heads.single import MetricMakers, Observations, SingleHead


@final
class MultiClassHead(SingleHead):
    """Classifies into one of `n_classes` classes by the softmax of as many logits.

    Labels are `[batch, ..., 1]` or `[batch, ...]`: integers from 0 to `n_classes - 1`, or strings
    where there is a `label_vocabulary`.

    Predictions: `logits`, `probabilities` float32 `[batch, ..., n_classes]`; `class_ids` int64 and
    `classes` string `[batch, ..., 1]`; `all_class_ids` int32 and `all_classes` string
    `[batch, ..., n_classes]`.

    Metrics: average loss and accuracy, both weighted.

    Args:
        n_classes: number of classes, more than 2; for two use `BinaryClassHead`.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        label_vocabulary: the names of the classes, in the order of their ids.
        loss_reduction: `sum_over_batch_size` or `sum`, see `losses.Objective`.
        loss_fn: `(labels, logits[, features, loss_reduction]) -> losses [batch, ..., 1]`, instead
            of the softmax cross entropy; labels are int64 ids.
        name: suffix of the metric keys.
        classes_for_class_based_metrics: ids or names of classes for which precision, recall and F1
            are also measured: under `precision`, `recall` and `f1` with `/class<id>` or `/<name>`.

    Raises:
        ValueError: an argument is out of its range.
        TypeError: `weight_column` is neither a name nor a numeric column.

    >>> head = MultiClassHead(n_classes=3)
    >>> head.predictions([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])["class_ids"].numpy().tolist()
    [[0], [2]]
    >>> round(float(head.loss([[1], [1]], [[10.0, 0.0, 0.0], [0.0, 10.0, 0.0]])), 3)
    5.0
    """

    def __init__(
        self,
        n_classes: int,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        loss_reduction: str = losses.SUM_OVER_BATCH_SIZE,
        loss_fn: Callable[..., Tensor] | None = None,
        name: str | None = None,
        *,
        classes_for_class_based_metrics: Sequence[int | str] | None = None,
    ) -> None:
        owner = described(MultiClassHead, name)
        if n_classes is None:
            raise ValueError(f"{owner}: n_classes cannot be None. Pass a number above 2.")
        if n_classes <= 2:
            raise ValueError(
                f"{owner}: n_classes must be > 2: {n_classes}. For two classes use BinaryClassHead."
            )
        objective = losses.Objective(
            owner,
            losses.softmax_cross_entropy,
            width=1,
            weight_column=weight_column,
            reduction=loss_reduction,
            loss_fn=loss_fn,
        )
        super().__init__(name, n_classes, objective)
        self._classes = ClassNames(owner, n_classes, label_vocabulary)
        self._measured = ClassMetrics.of(owner, self._classes, classes_for_class_based_metrics)

    @property
    def output_names(self) -> tuple[str | int, ...]:
        """The classes."""
        return self._classes.output_names()

    def export_outputs(self, predictions: Mapping[str, Tensor]) -> dict[str, ExportOutput]:
        """Returns `serving_default`, `classification` and `predict`."""
        classification = ClassificationOutput(
            scores=predictions[PredictionKeys.PROBABILITIES],
            classes=predictions[PredictionKeys.ALL_CLASSES],
        )
        return {
            SignatureKeys.DEFAULT: classification,
            SignatureKeys.CLASSIFICATION: classification,
            SignatureKeys.PREDICT: PredictOutput(predictions),
        }

    def _label_values(self, labels: Tensor) -> Tensor:
        if self._classes.vocabulary is not None or labels.dtype == tf.string:
            return self._classes.ids(labels)
        if not labels.dtype.is_integer:
            raise ValueError(
                f"{self._owner}: Labels dtype should be integer. Instead got {labels.dtype.name}. "
                "Cast them in the input_fn, for instance with tf.cast(labels, tf.int64)."
            )
        ids = tf.cast(labels, tf.int64)
        return _inputs.checked(
            ids,
            ok=(ids >= 0) & (ids < self._classes.n_classes),
            shown=labels,
            message=(
                f"{self._owner}: labels must be class ids in [0, {self._classes.n_classes - 1}], "
                f"n_classes being {self._classes.n_classes}."
            ),
        )

    def _predictions(self, logits: Tensor) -> dict[str, Tensor]:
        class_ids = _class_ids(logits)
        return {
            PredictionKeys.LOGITS: logits,
            PredictionKeys.PROBABILITIES: tf.nn.softmax(logits),
            PredictionKeys.CLASS_IDS: class_ids,
            PredictionKeys.CLASSES: self._classes.names(class_ids),
            PredictionKeys.ALL_CLASS_IDS: self._classes.all_ids(logits),
            PredictionKeys.ALL_CLASSES: self._classes.all_names(logits),
        }

    def _metric_makers(self) -> MetricMakers:
        return {MetricKeys.ACCURACY: keras.metrics.Mean, **self._measured.metric_makers()}

    def _observations(self, labels: Tensor, logits: Tensor) -> Observations:
        class_ids = _class_ids(logits)
        return {
            MetricKeys.ACCURACY: (hits(labels, class_ids),),
            **self._measured.observations(
                lambda index: hits(labels, index), lambda index: hits(class_ids, index)
            ),
        }


def _class_ids(logits: Tensor) -> Tensor:
    return tf.argmax(logits, axis=-1)[..., tf.newaxis]
