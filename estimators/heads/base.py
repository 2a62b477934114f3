"""The head: what stands between a network's logits and an `EstimatorSpec`."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from estimators.aliases import Features, Labels, Tensor, Variable
from estimators.export.outputs import ExportOutput
from estimators.optimizers import group, minimize
from estimators.spec import MODES, EstimatorSpec, ModeKeys


class Head(abc.ABC):
    """Says what the logits mean: loss, predictions, metrics and export signatures.

    All methods work eagerly and while a graph is traced, and keep no state. A head of your own
    implements the abstract members; `create_estimator_spec` is built on them.

    >>> from estimators.heads import RegressionHead
    >>> RegressionHead(label_dimension=3).logits_dimension
    3
    """

    @property
    @abc.abstractmethod
    def name(self) -> str | None:
        """Suffix of the metric keys, `accuracy/<name>`, or None."""

    @property
    @abc.abstractmethod
    def logits_dimension(self) -> int:
        """Last dimension of the logits."""

    @property
    @abc.abstractmethod
    def loss_reduction(self) -> str:
        """How the losses of a batch become one: `sum` or `sum_over_batch_size`."""

    @property
    def feature_keys(self) -> tuple[str, ...] | None:
        """Raw features that the head reads besides the logits; None means it may read any.

        Premade models hand on only these, and what their networks need, to the training step.
        """
        return None

    @property
    def output_names(self) -> tuple[str | int, ...]:
        """What each logit is called in a table of weights: a class, or the number of the output."""
        return tuple(range(self.logits_dimension))

    @abc.abstractmethod
    def loss(
        self,
        labels: Labels,
        logits: Tensor,
        features: Features | None = None,
        mode: str | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Returns the scalar loss of the batch: of this replica's batch, if there are several."""

    @abc.abstractmethod
    def predictions(self, logits: Tensor, keys: Sequence[str] | None = None) -> dict[Any, Tensor]:
        """Returns the predictions by key, all of them or those named in `keys`."""

    @abc.abstractmethod
    def metrics(self, regularization_losses: Sequence[Tensor] | None = None) -> dict[str, Any]:
        """Returns new Keras metrics by key."""

    @abc.abstractmethod
    def update_metrics(
        self,
        eval_metrics: Mapping[str, Any],
        features: Features | None,
        logits: Tensor,
        labels: Labels,
        mode: str | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Mapping[str, Any]:
        """Adds a batch to the metrics that `metrics` made, and returns them."""

    @abc.abstractmethod
    def export_outputs(self, predictions: Mapping[Any, Tensor]) -> dict[str, ExportOutput]:
        """Returns the export signatures by name."""

    @abc.abstractmethod
    def check_labels(self, labels: Labels) -> None:
        """Raises `ValueError` naming the first label that cannot be learned, and its row.

        For use outside a graph, on arrays or eager tensors, before training starts.
        """

    def _spec_predictions(self, features: Features, logits: Tensor) -> dict[Any, Tensor]:
        """Returns the predictions of an `EstimatorSpec`; a head may add some of the features."""
        del features
        return self.predictions(logits)

    def create_estimator_spec(
        self,
        features: Features,
        mode: str,
        logits: Tensor,
        labels: Labels = None,
        optimizer: Any = None,
        trainable_variables: Sequence[Variable] | None = None,
        train_op_fn: Callable[[Tensor], Any] | None = None,
        update_ops: Sequence[Any] | None = None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> EstimatorSpec:
        """Returns what a `model_fn` answers.

        Args:
            features: what the model read; the weights are taken from it.
            mode: a `ModeKeys` value.
            logits: `[batch, ..., logits_dimension]`.
            labels: needed in TRAIN and EVAL.
            optimizer: minimises the loss, in TRAIN; either this or `train_op_fn`.
            trainable_variables: list of what the optimizer changes; needed with `optimizer`.
            train_op_fn: takes the loss and returns the `train_op`.
            update_ops: list of what else a training step does: callables without arguments, or
                operations made in the body.
            regularization_losses: scalars added to the loss.

        Raises:
            ValueError: an argument is missing or contradicts another.
        """
        if mode not in MODES:
            raise ValueError(f"`mode` must be one of {MODES}, got {mode!r}.")
        predictions = self._spec_predictions(features, logits)
        if mode == ModeKeys.PREDICT:
            outputs = self.export_outputs(predictions)
            return EstimatorSpec(mode, predictions=predictions, export_outputs=outputs)
        loss = self.loss(labels, logits, features, mode, regularization_losses)
        if mode == ModeKeys.EVAL:
            metrics = self.metrics(regularization_losses)
            self.update_metrics(metrics, features, logits, labels, mode, regularization_losses)
            return EstimatorSpec(mode, predictions=predictions, loss=loss, eval_metric_ops=metrics)
        if update_ops is not None and not isinstance(update_ops, list | tuple):
            raise ValueError(
                f"`update_ops` must be a list, got {type(update_ops).__name__}: {update_ops!r}."
            )
        train_op = _train_op(loss, optimizer, trainable_variables, train_op_fn)
        if update_ops:
            train_op = group(train_op, *update_ops)
        return EstimatorSpec(mode, predictions=predictions, loss=loss, train_op=train_op)


def _train_op(
    loss: Tensor,
    optimizer: Any,
    trainable_variables: Sequence[Variable] | None,
    train_op_fn: Callable[[Tensor], Any] | None,
) -> Any:
    if train_op_fn is not None and optimizer is not None:
        raise ValueError("train_op_fn and optimizer cannot both be set. Remove one of them.")
    if train_op_fn is not None:
        return train_op_fn(loss)
    if optimizer is None:
        raise ValueError(
            "train_op_fn and optimizer cannot both be None. Pass, for instance, "
            "optimizer=keras.optimizers.Adam(1e-3) and trainable_variables=[...]."
        )
    if trainable_variables is None:
        raise ValueError(
            "trainable_variables cannot be None when an optimizer is given. Pass the list of "
            "variables to train, for instance model.trainable_variables."
        )
    if not isinstance(trainable_variables, list | tuple):
        raise ValueError(
            "trainable_variables should be a list or a tuple, got "
            f"{type(trainable_variables).__name__}: {trainable_variables!r}."
        )
    return minimize(loss, optimizer, variables=list(trainable_variables))


def described(kind: type, name: str | None) -> str:
    """Returns how messages name a head.

    >>> described(Head, "price")
    "Head 'price'"
    """
    return kind.__name__ if name is None else f"{kind.__name__} {name!r}"
