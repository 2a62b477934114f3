"""What all heads of one objective share: read the inputs, then ask the head for its own part."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from estimators.aliases import Features, Labels, Tensor
from estimators.heads import _inputs
from estimators.heads.base import Head
from estimators.heads.keys import MetricKeys
from estimators.heads.losses import ElementLoss, Objective

MetricMakers: TypeAlias = dict[str, Callable[[str], Any]]
"""For each metric key, without the head's name: makes the Keras metric of that name."""

Observations: TypeAlias = dict[str, tuple[Tensor, ...]]
"""For each metric key what `update_state` is given before the weights, `[batch, ..., width]`.

The width is that of the losses; or any, where there is one weight for each example.
"""


class SingleHead(Head):
    """A head with one objective. A final head adds five methods about labels and logits.

    Args:
        name: suffix of the metric keys, or None.
        logits_dimension: last dimension of the logits.
        objective: what is minimised.
        label_width: last dimension of the labels; None means that of the losses.
        dense_labels: takes how messages name the head, and labels as they came from the input_fn;
            returns them as one tensor.

    >>> from estimators.heads import RegressionHead
    >>> list(RegressionHead(name="price").metrics())
    ['average_loss/price', 'prediction/mean/price', 'label/mean/price']
    """

    def __init__(
        self,
        name: str | None,
        logits_dimension: int,
        objective: Objective,
        *,
        label_width: int | None = None,
        dense_labels: Callable[[str, Labels], Tensor] = _inputs.dense_labels,
    ) -> None:
        self._name = name
        self._logits_dimension = logits_dimension
        self._objective = objective
        self._label_width = label_width or objective.width
        self._dense_labels = dense_labels
        self._owner = objective.owner

    @abc.abstractmethod
    def _label_values(self, labels: Tensor) -> Tensor:
        """Returns dense labels as the objective takes them, same shape, their values checked."""

    @abc.abstractmethod
    def _predictions(self, logits: Tensor) -> dict[str, Tensor]:
        """Returns all predictions by key, of float32 logits."""

    @abc.abstractmethod
    def _metric_makers(self) -> MetricMakers:
        """Returns how to make each metric, besides those of the losses."""

    @abc.abstractmethod
    def _observations(self, labels: Tensor, logits: Tensor) -> Observations:
        """Returns what the metrics of `_metric_makers` are to be given for one batch."""

    @property
    def name(self) -> str | None:
        """Suffix of the metric keys, or None."""
        return self._name

    @property
    def logits_dimension(self) -> int:
        """Last dimension of the logits."""
        return self._logits_dimension

    @property
    def loss_reduction(self) -> str:
        """How the losses of a batch become one."""
        return self._objective.reduction

    @property
    def loss_fn(self) -> Callable[..., Tensor] | None:
        """The user's loss, instead of the usual one of the head."""
        return self._objective.loss_fn

    @property
    def usual_loss(self) -> ElementLoss:
        """The loss where there is no `loss_fn`."""
        return self._objective.default

    @property
    def feature_keys(self) -> tuple[str, ...] | None:
        """The weight column; any feature, when there is a `loss_fn` that takes them."""
        return self._objective.feature_keys

    def loss(
        self,
        labels: Labels,
        logits: Tensor,
        features: Features | None = None,
        mode: str | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Returns the scalar loss of the batch."""
        labels, logits = self._read(labels, logits)
        return self._objective.loss(labels, logits, features, regularization_losses)

    def predictions(self, logits: Tensor, keys: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Returns the predictions by key, all of them or those named in `keys`.

        Raises:
            ValueError: the logits have the wrong shape, or a key is unknown.
        """
        logits = _inputs.float_logits(self._owner, logits, self._logits_dimension)
        predictions = self._predictions(logits)
        for key in keys or ():
            if key not in predictions:
                raise ValueError(
                    f"Prediction key must be in PredictionKeys, given: {key!r}. "
                    f"{self._owner} offers {list(predictions)}."
                )
        return predictions if keys is None else {key: predictions[key] for key in keys}

    def metrics(self, regularization_losses: Sequence[Tensor] | None = None) -> dict[str, Any]:
        """Returns new Keras metrics by key, each key with the head's name."""
        makers: MetricMakers = {MetricKeys.AVERAGE_LOSS: keras.metrics.Mean}
        makers |= self._metric_makers()
        if regularization_losses:
            makers[MetricKeys.REGULARIZATION_LOSS] = keras.metrics.Mean
        return {self._full(key): make(self._full(key)) for key, make in makers.items()}

    def update_metrics(
        self,
        eval_metrics: Mapping[str, Any],
        features: Features | None,
        logits: Tensor,
        labels: Labels,
        mode: str | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Mapping[str, Any]:
        """Adds a batch to the metrics; all but the regularization are weighted."""
        labels, logits = self._read(labels, logits)
        losses = self._objective.losses(labels, logits, features)
        weights = self._objective.weights(logits, features)
        observations = {MetricKeys.AVERAGE_LOSS: (losses,)}
        observations |= self._observations(labels, logits)
        repeated: dict[int | None, Tensor] = {}  # by last dimension: most metrics share theirs
        for key, values in observations.items():
            width = values[0].shape[-1]
            if weights is not None and (width is None or width not in repeated):
                repeated[width] = _flat(weights * tf.ones_like(values[0]))
            flat = map(_flat, values)
            eval_metrics[self._full(key)].update_state(*flat, repeated.get(width))
        if regularization_losses:
            total = tf.add_n(list(regularization_losses))
            eval_metrics[self._full(MetricKeys.REGULARIZATION_LOSS)].update_state(total)
        return eval_metrics

    def check_labels(self, labels: Labels) -> None:
        """Raises `ValueError` naming the first label that cannot be learned, and its row."""
        self._label_values(self._dense_labels(self._owner, labels))

    def targets(
        self,
        labels: Labels,
        logits: Tensor,
        features: Features | None = None,
        *,
        knows_loss_fn: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Returns labels and weights of the examples, for solvers that know the loss themselves.

        Args:
            labels: as they came from the input_fn.
            logits: `[batch, ..., logits_dimension]`; only their shape matters.
            features: hold the weights.
            knows_loss_fn: whether the solver knows the `loss_fn`, should there be one.

        Returns:
            Labels as the loss takes them, `[batch, ..., 1 or width]`, class ids being int64 and
            all others float32; and float32 weights, `[batch, ..., 1]` (1 if there are none), or
            of the shape of the losses.

        Raises:
            ValueError: there is a `loss_fn` that the solver does not know.
        """
        if self._objective.loss_fn is not None and not knows_loss_fn:
            raise ValueError(f"{self._owner}: a solver with a loss of its own takes no loss_fn.")
        labels, logits = self._read(labels, logits)
        weights = self._objective.weights(logits, features)
        if weights is None:
            weights = tf.ones_like(labels[..., :1], tf.float32)
        return labels, weights

    def _read(self, labels: Labels, logits: Tensor) -> tuple[Tensor, Tensor]:
        logits = _inputs.float_logits(self._owner, logits, self._logits_dimension)
        labels = self._dense_labels(self._owner, labels)
        labels = _inputs.aligned(self._owner, "labels", labels, logits, (self._label_width,))
        return self._label_values(labels), logits

    def _full(self, key: str) -> str:
        return key if self._name is None else f"{key}/{self._name}"


def _flat(values: Tensor) -> Tensor:
    # Keras averages the values of a row before it weights the row, so per-logit weights and several
    # leading dimensions would be reduced differently; a flat list has one meaning.
    return tf.reshape(values, [-1])
