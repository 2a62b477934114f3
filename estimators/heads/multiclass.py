"""More than two classes, one logit each, exactly one class right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import tensorflow as tf

from estimators.aliases import Features, Labels, Tensor
from estimators.export.outputs import ClassificationOutput, ExportOutput, PredictOutput
from estimators.heads import _inputs, base, losses
from estimators.heads.classes import ClassNames
from estimators.heads.keys import MetricKeys, PredictionKeys, SignatureKeys
from estimators.heads.metrics import flat, flat_weights


@final
class MultiClassHead(base.Head):
    """Classifies into one of `n_classes` classes by the softmax of as many logits.

    Labels are `[batch, ..., 1]` or `[batch, ...]`: integers from 0 to `n_classes - 1`, or strings
    where there is a `label_vocabulary`.

    Args:
        n_classes: number of classes, more than 2; for two use `BinaryClassHead`.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        label_vocabulary: the names of the classes, in the order of their ids.
        loss_reduction: `sum_over_batch_size` or `sum`, see `losses.Objective`.
        loss_fn: `(labels, logits[, features, loss_reduction]) -> losses [batch, ..., 1]`, instead
            of the softmax cross entropy; labels are int64 ids.
        name: suffix of the metric keys.

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
    ) -> None:
        self._name = name
        self._owner = base.described(self)
        if n_classes is None:
            raise ValueError(f"{self._owner}: n_classes cannot be None. Pass a number above 2.")
        if n_classes <= 2:
            raise ValueError(
                f"{self._owner}: n_classes must be > 2: {n_classes}. "
                "For two classes use BinaryClassHead."
            )
        self._classes = ClassNames(self._owner, n_classes, label_vocabulary)
        self._objective = losses.Objective(
            self._owner,
            losses.softmax_cross_entropy,
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
        """The number of classes."""
        return self._classes.n_classes

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
        """Returns the scalar softmax cross entropy of the batch, or the loss of `loss_fn`."""
        logits = _inputs.float_logits(self._owner, logits, self.logits_dimension)
        label_ids = self._label_ids(labels, logits)
        return self._objective.loss(label_ids, logits, features, regularization_losses)

    def predictions(self, logits: Tensor, keys: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Returns the predictions by key.

        Args:
            logits: `[batch, ..., n_classes]`.
            keys: the keys wanted, or None for all.

        Returns:
            `logits`, `probabilities` float32 `[batch, ..., n_classes]`; `class_ids` int64 and
            `classes` string `[batch, ..., 1]`; `all_class_ids` int32 and `all_classes` string
            `[batch, ..., n_classes]`.

        Raises:
            ValueError: wrong shape, or an unknown key.
        """
        logits = _inputs.float_logits(self._owner, logits, self.logits_dimension)
        class_ids = _class_ids(logits)
        predictions = {
            PredictionKeys.LOGITS: logits,
            PredictionKeys.PROBABILITIES: tf.nn.softmax(logits),
            PredictionKeys.CLASS_IDS: class_ids,
            PredictionKeys.CLASSES: self._classes.names(class_ids),
            PredictionKeys.ALL_CLASS_IDS: self._classes.all_ids(logits),
            PredictionKeys.ALL_CLASSES: self._classes.all_names(logits),
        }
        return base.chosen(predictions, keys)

    def metrics(self, regularization_losses: Sequence[Tensor] | None = None) -> dict[str, Any]:
        """Returns new metrics by key: `average_loss` and `accuracy`, each with the head's name."""
        keys = [MetricKeys.AVERAGE_LOSS, MetricKeys.ACCURACY]
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
        """Adds a batch to the metrics; both are weighted by the weight column."""
        logits = _inputs.float_logits(self._owner, logits, self.logits_dimension)
        label_ids = self._label_ids(labels, logits)
        hits = tf.cast(tf.equal(label_ids, _class_ids(logits)), tf.float32)
        weights = flat_weights(self._objective.weights(logits, features), hits)
        example_losses = self._objective.losses(label_ids, logits, features)
        for key, values in (
            (MetricKeys.AVERAGE_LOSS, example_losses),
            (MetricKeys.ACCURACY, hits),
        ):
            eval_metrics[base.suffixed(key, self._name)].update_state(flat(values), weights)
        base.update_regularization(eval_metrics, self._name, regularization_losses)
        return eval_metrics

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

    def check_labels(self, labels: Labels) -> None:
        """Raises `ValueError` naming the first label that is not a class."""
        self._ids(_inputs.dense_labels(self._owner, labels))

    def _label_ids(self, labels: Labels, logits: Tensor) -> Tensor:
        labels = _inputs.dense_labels(self._owner, labels)
        return self._ids(_inputs.aligned(self._owner, "labels", labels, logits, (1,)))

    def _ids(self, labels: Tensor) -> Tensor:
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


def _class_ids(logits: Tensor) -> Tensor:
    return tf.argmax(logits, axis=-1)[..., tf.newaxis]
