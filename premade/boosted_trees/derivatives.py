"""Losses as trees see them: the first and second derivative by the logit, row by row."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, final

import tensorflow as tf

from estimators import BinaryClassHead, Head, RegressionHead
from estimators.heads import losses
from estimators.heads.single import SingleHead

Tensor = Any


class Loss(abc.ABC):
    """A loss of one logit, summed over the rows, each times its weight."""

    @abc.abstractmethod
    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """Returns the loss of each row; arguments as for `derivatives`."""

    @abc.abstractmethod
    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the first and second derivatives by the logits, float32 of their shape.

        Args:
            labels: float32, of the shape of the logits.
            logits: float32.
        """


@final
@dataclasses.dataclass(frozen=True)
class Logistic(Loss):
    """Sigmoid cross-entropy: p - label and p (1 - p), with p = sigmoid(logit).

    Example:
        >>> g, h = Logistic().derivatives(tf.constant([1.0]), tf.constant([0.0]))
        >>> g.numpy().tolist(), h.numpy().tolist()
        ([-0.5], [0.25])
    """

    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """See `Loss`."""
        return losses.sigmoid_cross_entropy(labels, logits)

    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """See `Loss`."""
        p = tf.sigmoid(logits)
        return p - labels, p * (1.0 - p)


@final
@dataclasses.dataclass(frozen=True)
class Squared(Loss):
    """The squared error: 2 (logit - label) and 2.

    Example:
        >>> g, h = Squared().derivatives(tf.constant([1.0]), tf.constant([3.0]))
        >>> g.numpy().tolist(), h.numpy().tolist()
        ([4.0], [2.0])
    """

    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """See `Loss`."""
        return losses.squared_error(labels, logits)

    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """See `Loss`."""
        return 2.0 * (logits - labels), tf.fill(tf.shape(logits), 2.0)


def of_head(head: Head) -> Loss:
    """Returns the loss of a head.

    Raises:
        ValueError: the head has several logits, a loss of its own, or one that is not known here.

    >>> of_head(RegressionHead())
    Squared()
    """
    kinds: tuple[tuple[type[SingleHead], Loss], ...] = (
        (BinaryClassHead, Logistic()),
        (RegressionHead, Squared()),
    )
    for kind, loss in kinds:
        if isinstance(head, kind) and head.logits_dimension == 1 and head.loss_fn is None:
            return loss
    raise ValueError(
        "Boosted trees take a BinaryClassHead, or a RegressionHead of label_dimension 1, without a "
        f"loss_fn; got {type(head).__name__} with {head.logits_dimension} logits."
    )
