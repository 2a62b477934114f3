"""Several objectives at once, each with a head of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import keras
import tensorflow as tf

from estimators.aliases import Features, Labels, Tensor
from estimators.export.outputs import ExportOutput, PredictOutput
from estimators.heads import _inputs
from estimators.heads.base import Head
from estimators.heads.keys import MetricKeys, SignatureKeys
from estimators.spec import ModeKeys

_OWNER = "MultiHead"


@final
class MultiHead(Head):
    """Joins heads: the loss is their sum, everything else is kept apart by their names.

    Logits are a dict of tensors by head name; or one tensor `[batch, ..., logits_dimension]` that
    holds those of the heads one after the other. Labels are a dict by head name.

    Predictions: those of each head, under `(head name, key)`.

    Metrics: those of each head, whose keys end with its name; `loss/<head name>`, the mean over the
    batches of the loss of the head, not multiplied by its weight; `regularization_loss`.

    Summaries of training: `loss/<head name>`, as the metric.

    Signatures: `serving_default`, that of the first head; `<head name>`, the default one of each
    head, and `<head name>/<signature>`, its others; `predict` answers all predictions, under
    `<head name>/<key>`.

    Args:
        heads: heads with different names, of one `loss_reduction`.
        head_weights: what the loss of each head is multiplied by in the sum; None means 1.

    Raises:
        ValueError: there are no heads, a head cannot be told from another, or they do not fit
            together.
        TypeError: an item of `heads` is no head.

    >>> from estimators.heads import BinaryClassHead, RegressionHead
    >>> head = MultiHead([RegressionHead(name="price"), BinaryClassHead(name="sold")])
    >>> head.name, head.logits_dimension
    ('price_sold', 2)
    >>> labels = {"price": [[43.0], [44.0]], "sold": [[1], [1]]}
    >>> round(float(head.loss(labels, [[45.0, 45.0], [41.0, -41.0]])), 3)
    27.0
    """

    def __init__(self, heads: Sequence[Head], head_weights: Sequence[float] | None = None) -> None:
        self._heads = _checked_heads(heads)
        weights = [1.0] * len(self._heads) if head_weights is None else list(head_weights)
        if len(weights) != len(self._heads):
            raise ValueError(
                f"{_OWNER}: heads and head_weights must have the same size. "
                f"Given {len(self._heads)} heads and {len(weights)} weights."
            )
        self._weights = dict(zip(self._heads, weights, strict=True))

    @property
    def name(self) -> str | None:
        """The names of the heads, joined by `_`."""
        return "_".join(self._heads)

    @property
    def logits_dimension(self) -> int:
        """Sum of those of the heads."""
        return sum(head.logits_dimension for head in self._heads.values())

    @property
    def loss_reduction(self) -> str:
        """That of all heads."""
        return next(iter(self._heads.values())).loss_reduction

    @property
    def feature_keys(self) -> tuple[str, ...] | None:
        """What any of the heads reads."""
        found: dict[str, None] = {}
        for head in self._heads.values():
            if head.feature_keys is None:
                return None
            found |= dict.fromkeys(head.feature_keys)
        return tuple(found)

    def loss(
        self,
        labels: Labels,
        logits: Tensor,
        features: Features | None = None,
        mode: str | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Returns the sum of the heads' losses by their weights, a scalar.

        Args:
            labels: dict by head name.
            logits: dict by head name, or one tensor.
            features: what the weights of examples are taken from.
            mode: a `ModeKeys` value; in TRAIN the loss of each head becomes a summary.
            regularization_losses: scalars, added once and as they are.

        Raises:
            ValueError: the labels or logits of a head are missing, or have the wrong shape.
        """
        losses = self._losses(labels, logits, features, mode)
        if mode == ModeKeys.TRAIN:
            for name, loss in losses.items():
                tf.summary.scalar(_loss_key(name), loss)
        weighted = [self._weights[name] * loss for name, loss in losses.items()]
        return tf.add_n([*weighted, *(regularization_losses or ())])

    def predictions(self, logits: Tensor, keys: Sequence[Any] | None = None) -> dict[Any, Tensor]:
        """Returns predictions by (head name, key).

        Args:
            logits: dict by head name, or one tensor.
            keys: which to return: pairs as in the answer, or keys of any head; None means all.

        Raises:
            ValueError: the logits of a head are missing or have the wrong shape, or no head has one
                of the keys.
        """
        parts = self._logits(logits)
        predictions = {
            (name, key): value
            for name, head in self._heads.items()
            for key, value in head.predictions(parts[name]).items()
        }
        if keys is None:
            return predictions
        for key in keys:
            if not any(key in (pair, pair[1]) for pair in predictions):
                raise ValueError(
                    f"Prediction key must be in PredictionKeys, given: {key!r}. "
                    f"{_OWNER} offers {list(predictions)}."
                )
        return {pair: v for pair, v in predictions.items() if pair in keys or pair[1] in keys}

    def metrics(self, regularization_losses: Sequence[Tensor] | None = None) -> dict[str, Any]:
        """Returns new Keras metrics of all heads by key."""
        keys = [_loss_key(name) for name in self._heads]
        if regularization_losses:
            keys.append(MetricKeys.REGULARIZATION_LOSS)
        metrics = {key: keras.metrics.Mean(key) for key in keys}
        for head in self._heads.values():
            metrics |= head.metrics()
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
        """Adds a batch to the metrics of all heads."""
        parts = self._logits(logits)
        for name, loss in self._losses(labels, parts, features, mode).items():
            eval_metrics[_loss_key(name)].update_state(loss)
        for name, head in self._heads.items():
            head.update_metrics(eval_metrics, features, parts[name], labels[name], mode)
        if regularization_losses:
            total = tf.add_n(list(regularization_losses))
            eval_metrics[MetricKeys.REGULARIZATION_LOSS].update_state(total)
        return eval_metrics

    def export_outputs(self, predictions: Mapping[Any, Tensor]) -> dict[str, ExportOutput]:
        """Returns the signatures of all heads, and `predict` for all predictions."""
        outputs: dict[str, ExportOutput] = {}
        for name, head in self._heads.items():
            own = {key: value for (owner, key), value in predictions.items() if owner == name}
            for key, output in head.export_outputs(own).items():
                outputs[name if key == SignatureKeys.DEFAULT else f"{name}/{key}"] = output
        first = next(iter(self._heads))
        return {
            SignatureKeys.DEFAULT: outputs[first],
            **outputs,
            SignatureKeys.PREDICT: PredictOutput(predictions),
        }

    def check_labels(self, labels: Labels) -> None:
        """Raises `ValueError` naming the first label that cannot be learned, its head and row."""
        for name, own in self._labels(labels).items():
            self._heads[name].check_labels(own)

    def _losses(
        self, labels: Labels, logits: Tensor, features: Features | None, mode: str | None
    ) -> dict[str, Tensor]:
        labels, parts = self._labels(labels), self._logits(logits)
        return {
            name: head.loss(labels[name], parts[name], features, mode)
            for name, head in self._heads.items()
        }

    def _labels(self, labels: Labels) -> dict[str, Any]:
        if labels is None:
            raise ValueError(
                f"{_OWNER}: You must provide a labels Tensor for each head. Given: None. The "
                "input_fn must return (features, labels) for training and evaluation."
            )
        if not isinstance(labels, Mapping):
            raise ValueError(
                f"{_OWNER}: labels must be a dict by head name, {list(self._heads)}. Got "
                f"{type(labels).__name__}. Return {{head_name: labels}} from the input_fn."
            )
        return self._by_head("labels", labels)

    def _logits(self, logits: Any) -> dict[str, Any]:
        if isinstance(logits, Mapping):
            return self._by_head("logits", logits)
        logits = _inputs.float_logits(_OWNER, logits, self.logits_dimension)
        sizes = [head.logits_dimension for head in self._heads.values()]
        return dict(zip(self._heads, tf.split(logits, sizes, axis=-1), strict=True))

    def _by_head(self, what: str, values: Mapping[str, Any]) -> dict[str, Any]:
        missing = [name for name in self._heads if name not in values]
        if missing:
            raise ValueError(
                f"{_OWNER}: {what} of the heads {missing} are missing. Given are those of "
                f"{sorted(values)}; every head needs {what} under its name."
            )
        return {name: values[name] for name in self._heads}


def _checked_heads(heads: Sequence[Head]) -> dict[str, Head]:
    """Returns the heads by name."""
    if not heads:
        raise ValueError(f"{_OWNER}: Must specify heads. Given: {heads}")
    found: dict[str, Head] = {}
    for head in heads:
        if not isinstance(head, Head) or isinstance(head, MultiHead):
            raise TypeError(
                f"{_OWNER}: items of heads must be heads of one objective, got "
                f"{type(head).__name__}: {head!r}. List the heads of a MultiHead one by one."
            )
        if not head.name:
            raise ValueError(
                f"{_OWNER}: All given heads must have name specified. Given: "
                f"{[type(head).__name__ for head in heads]}, of which a {type(head).__name__} has "
                "no name. Pass it name=..."
            )
        if head.name in (SignatureKeys.DEFAULT, SignatureKeys.PREDICT):
            raise ValueError(
                f"{_OWNER}: no head may have the name {head.name!r}, because the joined heads have "
                "a signature of this name. Give the head another name."
            )
        if head.name in found:
            raise ValueError(
                f"{_OWNER}: two heads have the name {head.name!r}. Labels, predictions and metrics "
                "are told apart by it."
            )
        found[head.name] = head
    reductions = {name: head.loss_reduction for name, head in found.items()}
    if len(set(reductions.values())) > 1:
        raise ValueError(
            f"{_OWNER}: All heads must have the same loss_reduction. Given: {reductions}"
        )
    return found


def _loss_key(name: str) -> str:
    return f"{MetricKeys.LOSS}/{name}"
