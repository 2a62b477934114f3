"""An answer for each step of a sequence, by a head that knows no steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

from estimators.aliases import Features, Labels, Tensor
from estimators.export.outputs import ExportOutput
from estimators.heads import _inputs, _steps
from estimators.heads.base import Head
from estimators.heads.multi import MultiHead

_OWNER = "SequentialHeadWrapper"


@final
class SequentialHeadWrapper(Head):
    """Makes a head answer for every step of sequences of different lengths.

    A mask says which steps of the batch are there and which only fill it up. Losses and metrics are
    those of the wrapped head, to which each step that is there is an example; so
    `sum_over_batch_size` divides by the number of steps.

    Logits are `[batch, time, logits_dimension]`, and labels those of the wrapped head with the
    steps as the second dimension: dense, whatever stands where nothing is; or, with a label for
    each step that is there, sparse `[batch, time]` or ragged `[batch, (steps), ...]`.

    Predictions: those of the wrapped head, `[batch, time, ...]`, also for steps that are not there;
    and the mask, bool `[batch, time]`, under its key.

    Metrics: those of the wrapped head, over the steps that are there.

    Signatures: those of the wrapped head; `predict` also answers the mask.

    Args:
        static_head: the head to wrap; not a `MultiHead`.
        sequence_length_mask: name of the feature that holds the mask. Recurrent premade models add
            it, unless the input_fn returns one: then that one is taken.
        feature_columns: names of features with a value for each step that a `loss_fn` of the
            wrapped head reads: dense, sparse or ragged, as labels. What the head says that it
            reads, its weights, need not be named.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: the head is a `MultiHead`, or wrapped already.

    >>> import tensorflow as tf
    >>> from estimators.heads import BinaryClassHead
    >>> head = SequentialHeadWrapper(BinaryClassHead(), sequence_length_mask="mask")
    >>> logits = tf.constant([[[45.0], [-41.0]], [[45.0], [100.0]]])
    >>> features = {"mask": tf.sequence_mask([2, 1])}
    >>> round(float(head.loss(tf.ragged.constant([[1, 1], [1]]), logits, features)), 3)
    13.667
    """

    def __init__(
        self,
        static_head: Head,
        sequence_length_mask: str = "sequence_length_mask",
        feature_columns: str | Iterable[str] | None = None,
    ) -> None:
        if not isinstance(static_head, Head):
            raise TypeError(
                f"{_OWNER}: static_head must be a Head, got {type(static_head).__name__}: "
                f"{static_head!r}."
            )
        if isinstance(static_head, MultiHead | SequentialHeadWrapper):
            raise ValueError(
                f"{_OWNER}: {type(static_head).__name__} is not supported with {_OWNER}. Wrap a "
                "head of one objective."
            )
        if not isinstance(sequence_length_mask, str):
            raise TypeError(
                f"{_OWNER}: sequence_length_mask must be a string, the name of a feature. Given: "
                f"{sequence_length_mask!r}."
            )
        self._head = static_head
        self._mask_key = sequence_length_mask
        self._asked = _names(feature_columns)

    @property
    def name(self) -> str | None:
        """`<name of the wrapped head>_sequential`, or None; metric keys end with the first part."""
        return None if self._head.name is None else f"{self._head.name}_sequential"

    @property
    def input_sequence_mask_key(self) -> str:
        """Name of the feature that holds the mask."""
        return self._mask_key

    @property
    def logits_dimension(self) -> int:
        """That of the wrapped head."""
        return self._head.logits_dimension

    @property
    def loss_reduction(self) -> str:
        """That of the wrapped head."""
        return self._head.loss_reduction

    @property
    def feature_keys(self) -> tuple[str, ...]:
        """The mask, and what the wrapped head reads."""
        return (self._mask_key, *self._read)

    @property
    def output_names(self) -> tuple[str | int, ...]:
        """Those of the wrapped head."""
        return self._head.output_names

    def loss(
        self,
        labels: Labels,
        logits: Tensor,
        features: Features | None = None,
        mode: str | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Returns the scalar loss of the steps that are there.

        Raises:
            ValueError: the mask is missing, or labels, logits or features do not fit it.
        """
        labels, logits, features = self._kept(labels, logits, features)
        return self._head.loss(labels, logits, features, mode, regularization_losses)

    def predictions(self, logits: Tensor, keys: Sequence[str] | None = None) -> dict[Any, Tensor]:
        """Returns the predictions of all steps by key; the mask is added to an `EstimatorSpec`."""
        return self._head.predictions(logits, keys)

    def metrics(self, regularization_losses: Sequence[Tensor] | None = None) -> dict[str, Any]:
        """Returns new Keras metrics of the wrapped head by key."""
        return self._head.metrics(regularization_losses)

    def update_metrics(
        self,
        eval_metrics: Mapping[str, Any],
        features: Features | None,
        logits: Tensor,
        labels: Labels,
        mode: str | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Mapping[str, Any]:
        """Adds the steps that are there to the metrics."""
        labels, logits, features = self._kept(labels, logits, features)
        return self._head.update_metrics(
            eval_metrics, features, logits, labels, mode, regularization_losses
        )

    def export_outputs(self, predictions: Mapping[Any, Tensor]) -> dict[str, ExportOutput]:
        """Returns the signatures of the wrapped head."""
        return self._head.export_outputs(predictions)

    def check_labels(self, labels: Labels) -> None:
        """Raises `ValueError` naming the first label that cannot be learned, and its number.

        Only of sparse and ragged labels: of dense ones the mask alone says which are labels.
        """
        labels = _inputs.only_labels(_OWNER, labels)
        values = getattr(labels, "values", None)
        if values is not None:
            self._head.check_labels(values)

    def _spec_predictions(self, features: Features, logits: Tensor) -> dict[Any, Tensor]:
        mask = _steps.mask_of(_OWNER, self._mask_key, features)
        predictions = self.predictions(logits)
        if self._mask_key in predictions:
            raise ValueError(
                f"{_OWNER}: the mask cannot be answered under {self._mask_key!r}, which is a "
                "prediction. Give another sequence_length_mask."
            )
        return {**predictions, self._mask_key: mask}

    @property
    def _read(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self._asked, *(self._head.feature_keys or ())]))

    def _kept(self, labels: Labels, logits: Tensor, features: Any) -> Any:
        """Returns labels, logits and features of the steps that are there."""
        mask = _steps.mask_of(_OWNER, self._mask_key, features)
        missing = [key for key in self._asked if key not in features]
        if missing:
            raise ValueError(
                f"{_OWNER}: the feature_columns {missing} are not among the features: "
                f"{sorted(features)}. Add them to the features that the input_fn returns."
            )
        labels = _inputs.only_labels(_OWNER, labels)
        rows = {
            key: _steps.kept(_OWNER, f"the feature {key!r}", features[key], mask)
            for key in self._read
            if key in features
        }
        labels = _steps.kept(_OWNER, "labels", labels, mask)
        return labels, _steps.kept(_OWNER, "logits", logits, mask), rows


def _names(feature_columns: str | Iterable[str] | None) -> tuple[str, ...]:
    given: Any = () if feature_columns is None else feature_columns
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"{_OWNER}: feature_columns must be names of features. Given: {name!r}."
            )
    return names
