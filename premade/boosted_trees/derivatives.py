"""Losses as trees see them: the first and second derivatives by the logits, row by row."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, final

import tensorflow as tf

from estimators.heads import losses

Tensor = Any


@dataclasses.dataclass(frozen=True, eq=False)
class Looked:
    """What trees learn of the rows of a shard.

    Attributes:
        g: for each output, float32 `[rows]`: first derivatives times weights.
        h: for each output, float32 `[rows]`: second derivatives times weights, not negative.
        total: float64 scalar, sum of the weighted losses.
        count: float64 scalar, number of losses whose weight is not 0.
    """

    g: tuple[Tensor, ...]
    h: tuple[Tensor, ...]
    total: Tensor
    count: Tensor


class Loss(abc.ABC):
    """What a forest makes small: a loss of the logits of each row, summed over the rows."""

    is_compiled = True
    """Whether XLA can compile `look`."""

    @abc.abstractmethod
    def look(self, labels: Any, logits: tuple[Tensor, ...], weights: Tensor) -> tuple[Any, ...]:
        """Returns the parts of `Looked`, in their order.

        Args:
            labels: of the rows of a shard, as `Objective.targets` gave them.
            logits: for each output, float32 `[rows]`.
            weights: float32 `[rows]` or `[rows, outputs]`; 0 where rows only fill a block.
        """


class KnownLoss(Loss):
    """A loss whose derivatives are formulas. Arguments are of the shapes that heads have.

    A call is `values`, so that it can be the `loss_fn` of a head.
    """

    quantile: float | None = None
    """Where leaves are a quantile of what is left to explain, which one; else None."""

    @abc.abstractmethod
    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """Returns the losses, `[batch, outputs]`, or `[batch, 1]` where all outputs have one."""

    @abc.abstractmethod
    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the first and second derivatives by the logits, float32 of their shape.

        Args:
            labels: float32, of the shape of the logits, unless the loss says otherwise.
            logits: float32 `[batch, outputs]`.
        """

    def __call__(self, labels: Tensor, logits: Tensor) -> Tensor:
        """See `values`."""
        return self.values(labels, logits)

    def look(self, labels: Any, logits: tuple[Tensor, ...], weights: Tensor) -> tuple[Any, ...]:
        """See `Loss`."""
        of_rows = tf.stack(logits, axis=-1)
        labels, weights = _as_columns(labels), _as_columns(weights)
        g, h = self.derivatives(labels, of_rows)
        values = self.values(labels, of_rows)
        total = tf.reduce_sum(tf.cast(values * weights, tf.float64))
        # A row whose weight is 0 may be one that fills a block; it counts for nothing.
        counted = tf.reduce_sum(tf.cast(weights > 0.0, tf.int32))
        losses_of_weight = max(1, values.shape[-1] // weights.shape[-1])
        by_output = (tuple(tf.unstack(x * weights, axis=-1)) for x in (g, h))
        return *by_output, total, losses_of_weight * tf.cast(counted, tf.float64)


@final
@dataclasses.dataclass(frozen=True)
class Logistic(KnownLoss):
    """Sigmoid cross-entropy: p - label and p (1 - p), with p = sigmoid(logit).

    Example:
        >>> g, h = Logistic().derivatives(tf.constant([1.0]), tf.constant([0.0]))
        >>> g.numpy().tolist(), h.numpy().tolist()
        ([-0.5], [0.25])
    """

    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """See `KnownLoss`."""
        return losses.sigmoid_cross_entropy(labels, logits)

    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """See `KnownLoss`."""
        p = tf.sigmoid(logits)
        return p - labels, p * (1.0 - p)


@final
@dataclasses.dataclass(frozen=True)
class Squared(KnownLoss):
    """The squared error: 2 (logit - label) and 2.

    Example:
        >>> g, h = Squared().derivatives(tf.constant([1.0]), tf.constant([3.0]))
        >>> g.numpy().tolist(), h.numpy().tolist()
        ([4.0], [2.0])
    """

    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """See `KnownLoss`."""
        return losses.squared_error(labels, logits)

    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """See `KnownLoss`."""
        return 2.0 * (logits - labels), tf.fill(tf.shape(logits), 2.0)


@final
@dataclasses.dataclass(frozen=True)
class Softmax(KnownLoss):
    """Softmax cross-entropy of K classes: p - 1[class = label] and K / (K - 1) p (1 - p).

    Labels are class ids, float32 `[batch, 1]`.

    The second derivative by one logit is p (1 - p), but the logits of all classes move in one
    step, and only their differences count. The factor makes up for that: with two classes, whose
    trees are mirror images, the step is that of one logit. It is the one of Friedman, "Greedy
    Function Approximation" (2001), algorithm 6, and of LightGBM; XGBoost takes 2 for all K.

    Example:
        >>> g, h = Softmax().derivatives(tf.constant([[1.0]]), tf.constant([[0.0, 0.0]]))
        >>> g.numpy().tolist(), h.numpy().tolist()
        ([[0.5, -0.5]], [[0.5, 0.5]])
    """

    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """See `KnownLoss`."""
        return losses.softmax_cross_entropy(tf.cast(labels, tf.int32), logits)

    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """See `KnownLoss`."""
        classes = logits.shape[-1]
        is_label = tf.equal(tf.cast(labels, tf.int32), tf.range(classes))
        p = tf.nn.softmax(logits)
        return p - tf.cast(is_label, tf.float32), classes / (classes - 1.0) * p * (1.0 - p)


@final
@dataclasses.dataclass(frozen=True)
class Poisson(KnownLoss):
    """Counts, whose rate is exp(logit): rate - label and, up to the label, the rate.

    Where the label is above the rate, a step by the second derivative, which is the rate, would go
    far beyond the label, up to infinity: from 1 to exp(999) for a label of 1000. What is taken
    there is the second derivative of the parabola that touches the loss at the logit and is
    lowest where the loss is, at log(label): (label - rate) / (log(label) - logit). (XGBoost and
    LightGBM take exp(logit + 0.7) everywhere for the same reason.)

    Attributes:
        is_full: whether the values have the part that no training changes.

    Example:
        >>> g, h = Poisson().derivatives(tf.constant([0.0, 1000.0]), tf.constant([0.0, 0.0]))
        >>> g.numpy().tolist(), [round(float(x), 3) for x in -g / h]
        ([1.0, -999.0], [-1.0, 6.908])
    """

    is_full: bool = True

    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """See `KnownLoss`."""
        of = losses.full_poisson_loss if self.is_full else losses.poisson_loss
        return of(labels, logits)

    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """See `KnownLoss`."""
        rate = tf.exp(logits)
        way = tf.math.log(tf.maximum(labels, rate)) - logits
        # Near the label the quotient is one of rounding errors, and the rate is it.
        is_far = way > 1e-3
        secant = (labels - rate) / tf.where(is_far, way, tf.ones_like(way))
        return rate - labels, tf.where(is_far, secant, rate)


def _as_columns(x: Tensor) -> Tensor:
    """Returns `[rows]` as `[rows, 1]`; what has columns already, as it is."""
    return x if x.shape.rank == 2 else x[:, tf.newaxis]
