"""Losses of heads: a loss per example, weighted, then reduced to the number that is minimised."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, final

import tensorflow as tf

from estimators.aliases import Features, Tensor
from estimators.heads import _inputs

SUM = "sum"
SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
_REDUCTIONS = (SUM_OVER_BATCH_SIZE, SUM, "auto")
_REQUIRED = ("labels", "logits")
_OPTIONAL = ("features", "loss_reduction")

ElementLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""`(labels, logits) -> losses`, `[batch, ..., 1]` or one loss for each logit."""


def sigmoid_cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    """Returns -label * log(p) - (1 - label) * log(1 - p), p = sigmoid(logit), same shape.

    >>> import tensorflow as tf
    >>> sigmoid_cross_entropy(tf.constant([[1.0]]), tf.constant([[-41.0]])).numpy().item()
    41.0
    """

    # TensorFlow differentiates its stable formula operation by operation, 14 of them one after the
    # other. The gradient is p - label, which is as stable and two operations.
    @tf.custom_gradient
    def stable(labels: Tensor, logits: Tensor) -> Any:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            return -logits * upstream, (tf.sigmoid(logits) - labels) * upstream

        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        return losses, gradient

    losses: Tensor = stable(labels, logits)
    return losses


def mean_sigmoid_cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    """Returns the mean over the classes of `sigmoid_cross_entropy`, `[batch, ..., 1]`.

    >>> import tensorflow as tf
    >>> labels, logits = tf.constant([[1.0, 1.0]]), tf.constant([[-50.0, 50.0]])
    >>> mean_sigmoid_cross_entropy(labels, logits).numpy().tolist()
    [[25.0]]
    """
    return tf.reduce_mean(sigmoid_cross_entropy(labels, logits), axis=-1, keepdims=True)


def softmax_cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    """Returns -log(softmax(logits)[label]), `[batch, ..., 1]`, for class ids `[batch, ..., 1]`.

    >>> import tensorflow as tf
    >>> softmax_cross_entropy(tf.constant([[1]]), tf.constant([[50.0, 0.0, 0.0]])).numpy().item()
    50.0
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.squeeze(labels, axis=-1), logits=logits
    )
    return losses[..., tf.newaxis]


def squared_error(labels: Tensor, logits: Tensor) -> Tensor:
    """Returns (label - logit)^2, same shape.

    >>> import tensorflow as tf
    >>> squared_error(tf.constant([[43.0]]), tf.constant([[45.0]])).numpy().item()
    4.0
    """
    return tf.math.squared_difference(labels, logits)


def poisson_loss(labels: Tensor, logits: Tensor) -> Tensor:
    """Returns exp(logit) - label * logit, same shape.

    The negative logarithm of the Poisson probability of `label` at the rate exp(logit), without
    the part that does not depend on the logit: McCullagh and Nelder, "Generalized Linear Models",
    section 6.2.

    >>> import tensorflow as tf
    >>> poisson_loss(tf.constant([[3.0]]), tf.constant([[0.0]])).numpy().item()
    1.0
    """
    return tf.exp(logits) - labels * logits


def full_poisson_loss(labels: Tensor, logits: Tensor) -> Tensor:
    """Returns `poisson_loss` plus log(label!), same shape.

    The logarithm is Stirling's: label * log(label) - label + log(2 * pi * label) / 2, and 0 for
    labels up to 1, where log(label!) is 0 or below.

    >>> import tensorflow as tf
    >>> full_poisson_loss(tf.constant([[1.0]]), tf.constant([[0.0]])).numpy().item()
    1.0
    """
    # Not of 0, also where the result is dropped: a search for the origin of a NaN would stop here.
    count = tf.maximum(labels, 1.0)
    stirling = count * tf.math.log(count) - count + 0.5 * tf.math.log(2.0 * math.pi * count)
    return poisson_loss(labels, logits) + tf.where(labels > 1.0, stirling, 0.0)


@final
@dataclasses.dataclass(frozen=True)
class Objective:
    """What a head minimises.

    Attributes:
        owner: the head, for messages.
        default: the loss of an element where there is no `loss_fn`.
        width: last dimension of the losses: 1, or the number of logits for a loss per logit.
        weight_column: name of the feature that holds the weights, a numeric column, or None.
        reduction: `sum_over_batch_size` (the sum of the weighted losses divided by the number
            of losses, not by the sum of the weights), `sum`, or `auto`, which means the first.
        loss_fn: the user's loss, taking `labels` and `logits`, and, if it wants them,
            `features` and `loss_reduction`.

    Raises:
        ValueError: unknown reduction, or wrong arguments of `loss_fn`.
        TypeError: the weight column is neither a name nor a numeric column.

    >>> import tensorflow as tf
    >>> objective = Objective("head", squared_error, width=1)
    >>> labels, logits = tf.constant([[43.0], [44.0]]), tf.constant([[45.0], [41.0]])
    >>> objective.loss(labels, logits, features=None).numpy().item()
    6.5
    """

    owner: str
    default: ElementLoss
    width: int
    weight_column: Any = None
    reduction: str = SUM_OVER_BATCH_SIZE
    loss_fn: Callable[..., Tensor] | None = None

    def __post_init__(self) -> None:
        if self.reduction not in _REDUCTIONS:
            raise ValueError(
                f"{self.owner}: Invalid loss_reduction: {self.reduction}. "
                f"Expected one of {_REDUCTIONS}."
            )
        _inputs.require_weight_column(self.owner, self.weight_column)
        if self.loss_fn is not None:
            _require_arguments(self.owner, _arguments(self.loss_fn))

    @property
    def feature_keys(self) -> tuple[str, ...] | None:
        """Raw features that are read; None means that a `loss_fn` may read any."""
        if self.loss_fn is not None and "features" in _arguments(self.loss_fn):
            return None
        if self.weight_column is None:
            return ()
        return (getattr(self.weight_column, "key", self.weight_column),)

    def loss(
        self,
        labels: Tensor,
        logits: Tensor,
        features: Features | None,
        regularization_losses: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Returns the scalar to minimise; regularization is added as it is, after reduction."""
        losses = self.losses(labels, logits, features)
        weights = self.weights(logits, features)
        total = tf.reduce_sum(losses if weights is None else losses * weights)
        if self.reduction != SUM:
            # no_nan: a replica may get an empty batch at the end of the data.
            total = tf.math.divide_no_nan(total, tf.cast(tf.size(losses), tf.float32))
        if regularization_losses:
            total += tf.add_n(list(regularization_losses))
        return total

    def losses(self, labels: Tensor, logits: Tensor, features: Features | None) -> Tensor:
        """Returns the loss of each element, before weighting: `[batch, ..., width]`."""
        if self.loss_fn is None:
            return self.default(labels, logits)
        offered = {"features": features, "loss_reduction": self.reduction}
        names = _arguments(self.loss_fn)
        chosen = {name: offered[name] for name in _OPTIONAL if name in names}
        losses = self.loss_fn(labels=labels, logits=logits, **chosen)
        losses = tf.cast(tf.convert_to_tensor(losses), tf.float32)
        if losses.shape.rank is not None and losses.shape.rank != logits.shape.rank:
            raise ValueError(
                f"{self.owner}: loss_fn must return Tensor of shape [batch, ..., {self.width}], "
                f"the losses before reduction. Got {losses.shape}."
            )
        return _inputs.aligned(
            self.owner, "the losses returned by loss_fn", losses, logits, (self.width,)
        )

    def weights(self, logits: Tensor, features: Features | None) -> Tensor | None:
        """Returns the weights, `[batch, ..., 1 or width]`, or None without a weight column."""
        widths = tuple(sorted({1, self.width}))
        return _inputs.example_weights(self.owner, self.weight_column, features, logits, widths)


def _arguments(loss_fn: Callable[..., Tensor]) -> tuple[str, ...]:
    bound = loss_fn.keywords if isinstance(loss_fn, functools.partial) else {}
    return tuple(name for name in inspect.signature(loss_fn).parameters if name not in bound)


def _require_arguments(owner: str, names: tuple[str, ...]) -> None:
    for name in _REQUIRED:
        if name not in names:
            raise ValueError(
                f"{owner}: loss_fn must contain argument: {name}. Given arguments: {names}"
            )
    unexpected = sorted(set(names) - {*_REQUIRED, *_OPTIONAL})
    if unexpected:
        raise ValueError(
            f"{owner}: loss_fn has unexpected args: {unexpected}. It may take "
            f"{(*_REQUIRED, *_OPTIONAL)}; bind others with functools.partial."
        )
