"""What `LinearSDCA` minimises: losses as functions of the prediction, and penalties."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, final

import tensorflow as tf

Tensor = Any


class SolverLoss(abc.ABC):
    """A convex loss of one number for each example; arguments are float64, `[examples]`."""

    is_quadratic: bool

    @abc.abstractmethod
    def value(self, labels: Tensor, predictions: Tensor) -> Tensor:
        """Returns the losses; also for predictions `[..., examples]`."""

    @abc.abstractmethod
    def residual(self, labels: Tensor, predictions: Tensor) -> Tensor:
        """Returns the negative derivatives by the predictions."""

    @abc.abstractmethod
    def curvature(self, labels: Tensor, predictions: Tensor) -> Tensor:
        """Returns the second derivatives by the predictions."""

    @abc.abstractmethod
    def bound(self, predictions: Tensor) -> Tensor:
        """Returns the second derivative of a parabola that touches the loss and is nowhere below.

        Of those that touch it at the predictions the one with the least.
        """


@final
class HalfSquaredLoss(SolverLoss):
    """`(prediction - label)^2 / 2`.

    >>> HalfSquaredLoss().value(tf.constant([1.0]), tf.constant([3.0])).numpy()
    array([2.], dtype=float32)
    """

    is_quadratic = True

    def value(self, labels: Tensor, predictions: Tensor) -> Tensor:
        """See `SolverLoss.value`."""
        return 0.5 * tf.math.squared_difference(labels, predictions)

    def residual(self, labels: Tensor, predictions: Tensor) -> Tensor:
        """See `SolverLoss.residual`."""
        return labels - predictions

    def curvature(self, labels: Tensor, predictions: Tensor) -> Tensor:
        """See `SolverLoss.curvature`."""
        return tf.ones_like(predictions)

    def bound(self, predictions: Tensor) -> Tensor:
        """See `SolverLoss.bound`."""
        return tf.ones_like(predictions)


@final
class LogisticLoss(SolverLoss):
    """`log(1 + exp(prediction)) - label * prediction`, for labels from 0 to 1.

    >>> LogisticLoss().value(tf.constant([1.0]), tf.constant([0.0])).numpy().round(3)
    array([0.693], dtype=float32)
    """

    is_quadratic = False

    def value(self, labels: Tensor, predictions: Tensor) -> Tensor:
        """See `SolverLoss.value`."""
        return tf.math.softplus(predictions) - labels * predictions

    def residual(self, labels: Tensor, predictions: Tensor) -> Tensor:
        """See `SolverLoss.residual`."""
        return labels - tf.sigmoid(predictions)

    def curvature(self, labels: Tensor, predictions: Tensor) -> Tensor:
        """See `SolverLoss.curvature`."""
        return tf.sigmoid(predictions) * tf.sigmoid(-predictions)

    def bound(self, predictions: Tensor) -> Tensor:
        """See `SolverLoss.bound`: Jaakkola and Jordan, Statistics and Computing 10 (2000)."""
        is_small = tf.abs(predictions) < 1e-4
        divisor = tf.where(is_small, tf.ones_like(predictions), 2.0 * predictions)
        quarter = 0.25 * tf.ones_like(predictions)
        return tf.where(is_small, quarter, tf.tanh(0.5 * predictions) / divisor)


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is minimised.

    Attributes:
        loss: of an example.
        l1: factor of the sum of the absolute weights.
        l2: factor of half the sum of their squares; above 0.

    Example:
        >>> Problem(HalfSquaredLoss(), l1=1.0, l2=0.5).shrink(tf.constant([3.0, -1.0])).numpy()
        array([ 1., -0.], dtype=float32)
    """

    loss: SolverLoss
    l1: float
    l2: float

    def shrink(self, v: Tensor) -> Tensor:
        """Returns the weights that belong to `v`, same shape."""
        if not self.l1:
            return v
        return tf.sign(v) * tf.maximum(tf.abs(v) - self.l1 / self.l2, 0.0)
