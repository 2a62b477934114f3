"""Losses of regressions that outliers do not rule: absolute, Huber's, and those of quantiles."""

from __future__ import annotations

import dataclasses
from typing import final

import tensorflow as tf

from premade.boosted_trees.derivatives import KnownLoss, Tensor


@final
@dataclasses.dataclass(frozen=True)
class AbsoluteError(KnownLoss):
    """|label - logit|, which the median makes smallest: `loss=AbsoluteError()` of a regressor.

    Trees split by the signs of what is left to explain, each row counting 1 for the second
    derivative; then each leaf becomes the weighted median of what is left of its rows, times the
    learning rate (Friedman, "Greedy Function Approximation", 2001, algorithm 3). L1 and L2
    regularization choose splits, and do not move medians.

    Example:
        >>> g, h = AbsoluteError().derivatives(tf.constant([1.0, 5.0]), tf.constant([3.0, 3.0]))
        >>> g.numpy().tolist(), h.numpy().tolist()
        ([1.0, -1.0], [1.0, 1.0])
    """

    quantile = 0.5

    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """See `KnownLoss`."""
        return tf.abs(labels - logits)

    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """See `KnownLoss`."""
        return tf.sign(logits - labels), tf.ones_like(logits)


@final
@dataclasses.dataclass(frozen=True)
class QuantileError(KnownLoss):
    """alpha (label - logit) where the label is above, (1 - alpha) (logit - label) where below.

    The alpha-quantile of the labels makes it smallest (Koenker and Bassett, "Regression
    Quantiles", 1978). Leaves are quantiles, as those of `AbsoluteError` are medians.

    Attributes:
        quantile: alpha, in (0, 1).

    Raises:
        ValueError: alpha is out of its range.

    Example:
        >>> QuantileError(0.9).values(tf.constant([3.0, 1.0]), tf.constant([2.0, 2.0])).numpy()
        array([0.9, 0.1], dtype=float32)
    """

    quantile: float

    def __post_init__(self) -> None:
        """Checks."""
        if not 0.0 < self.quantile < 1.0:
            raise ValueError(
                f"The quantile of a QuantileError must be in (0, 1), got {self.quantile}. Give 0.9 "
                "for what nine of ten labels are below."
            )

    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """See `KnownLoss`."""
        left = labels - logits
        return tf.where(left >= 0.0, self.quantile * left, (self.quantile - 1.0) * left)

    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """See `KnownLoss`."""
        left, ones = labels - logits, tf.ones_like(logits)
        slopes = tf.where(left > 0.0, -self.quantile * ones, (1.0 - self.quantile) * ones)
        return tf.where(tf.equal(left, 0.0), tf.zeros_like(ones), slopes), ones


@final
@dataclasses.dataclass(frozen=True)
class HuberError(KnownLoss):
    """Half the squared error up to delta, and from there on a line (Huber, 1964).

    With r = logit - label: r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2).

    The second derivative is 0 on the line, where no step could be computed from it. What is taken
    is min(1, delta / |r|), the weight of a row in Huber's own iteration, whose steps never make
    the loss larger (Huber and Ronchetti, "Robust Statistics", section 7.8).

    Attributes:
        delta: where the line begins, above 0.

    Raises:
        ValueError: delta is out of its range.

    Example:
        >>> g, h = HuberError(1.0).derivatives(tf.constant([0.0, 0.0]), tf.constant([0.5, 4.0]))
        >>> g.numpy().tolist(), h.numpy().tolist()
        ([0.5, 1.0], [1.0, 0.25])
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        """Checks."""
        if not 0.0 < self.delta < float("inf"):
            raise ValueError(
                f"The delta of a HuberError must be above 0 and finite, got {self.delta}. Give the "
                "error beyond which a row is an outlier."
            )

    def values(self, labels: Tensor, logits: Tensor) -> Tensor:
        """See `KnownLoss`."""
        distance = tf.abs(logits - labels)
        near = tf.minimum(distance, self.delta)
        return near * (distance - 0.5 * near)

    def derivatives(self, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """See `KnownLoss`."""
        error = logits - labels
        clipped = tf.clip_by_value(error, -self.delta, self.delta)
        return clipped, self.delta / tf.maximum(tf.abs(error), self.delta)
