"""How centres move: over a whole batch, by a running mean, or every few batches."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, final

import tensorflow as tf

from premade.kmeans.distances import unit

Tensor = Any
Variable = Any

_NEVER_ZERO = 1e-6


@dataclasses.dataclass(frozen=True)
class Assigned:
    """The points of a batch, by the centre that they are nearest to.

    Attributes:
        sums: of the points, float32 `[clusters, width]`.
        counts: float32 `[clusters, 1]`.

    Example:
        >>> Assigned(tf.zeros([2, 3]), tf.zeros([2, 1])).counts.shape
        TensorShape([2, 1])
    """

    sums: Tensor
    counts: Tensor


class Rule(abc.ABC):
    """Moves centres after each batch. Its variables have the names that tf.estimator gave them."""

    @abc.abstractmethod
    def moved(self, centres: Tensor, assigned: Assigned, is_ready: Tensor) -> Tensor:
        """Returns the new centres, `[clusters, width]`.

        Args:
            centres: `[clusters, width]`.
            assigned: of all replicas.
            is_ready: scalar bool; false while centres are still being chosen: nothing that the rule
                remembers may then change.
        """


@final
@dataclasses.dataclass(frozen=True)
class FullBatch(Rule):
    """Lloyd's rule: a centre moves to the mean of its points.

    The mean is the sum divided by the count plus 1e-6, as in tf.estimator. A centre without points
    stays where it is; there it went to the origin.

    Attributes:
        is_cosine: centres are scaled to length 1.

    Example:
        >>> assigned = Assigned(tf.constant([[6.0]]), tf.constant([[2.0]]))
        >>> FullBatch(False).moved(tf.constant([[1.0]]), assigned, True).numpy().round(3)
        array([[3.]], dtype=float32)
    """

    is_cosine: bool

    def moved(self, centres: Tensor, assigned: Assigned, is_ready: Tensor) -> Tensor:
        """See `Rule.moved`."""
        means = assigned.sums / (assigned.counts + _NEVER_ZERO)
        means = unit(means) if self.is_cosine else means
        return tf.where(assigned.counts > 0.0, means, centres)


@final
@dataclasses.dataclass(frozen=True)
class RunningMean(Rule):
    """A centre moves to the mean of all points that it ever had, itself counted as one.

    Formula: Sculley, "Web-Scale K-Means Clustering", WWW 2010, for the points of a batch at once:
    `c += (sum - k * c) / (n + k)` with k new points after n, and n starting at 1.

    Example:
        >>> assigned = Assigned(tf.constant([[4.0]]), tf.constant([[1.0]]))
        >>> RunningMean().moved(tf.constant([[2.0]]), assigned, tf.constant(True)).numpy()
        array([[3.]], dtype=float32)
    """

    def moved(self, centres: Tensor, assigned: Assigned, is_ready: Tensor) -> Tensor:
        """See `Rule.moved`."""
        counts = _counts(centres, start=1)
        means, total = _running(centres, tf.identity(counts), assigned)
        _assign(counts, tf.where(is_ready, total, counts))
        return means


@final
@dataclasses.dataclass(frozen=True)
class EveryFewSteps(Rule):
    """Points are assigned to centres that stand still, and move together every few steps.

    Attributes:
        steps: how many.
        is_cosine: centres are scaled to length 1 when they move.

    Example:
        >>> EveryFewSteps(10, is_cosine=False).steps
        10
    """

    steps: int
    is_cosine: bool

    def moved(self, centres: Tensor, assigned: Assigned, is_ready: Tensor) -> Tensor:
        """See `Rule.moved`."""
        counts = _counts(centres, start=0)
        shape = centres.shape
        running = tf.Variable(lambda: tf.zeros(shape), trainable=False, name="clusters_updated")
        left = tf.Variable(
            lambda: tf.constant(self.steps, tf.int64), trainable=False, name="update_in_steps"
        )
        begins = tf.equal(left, self.steps)
        means, total = _running(
            tf.where(begins, centres, running),
            tf.where(begins, tf.zeros_like(counts), counts),
            assigned,
        )
        is_due = tf.equal(left, 1)
        after = tf.where(is_due, tf.constant(self.steps, tf.int64), left - 1)
        _assign(running, tf.where(is_ready, means, running))
        _assign(counts, tf.where(is_ready, total, counts))
        _assign(left, tf.where(is_ready, after, left))
        return tf.where(is_due, unit(means) if self.is_cosine else means, centres)


def _counts(centres: Tensor, start: int) -> Variable:
    """Returns the variable that counts points, under the name that nobody gave it in 2.15."""
    size = centres.shape[0]
    return tf.Variable(
        lambda: tf.fill([size], tf.constant(start, tf.int64)), trainable=False, name="Variable"
    )


def _running(centres: Tensor, counts: Tensor, assigned: Assigned) -> tuple[Tensor, Tensor]:
    """Returns the means with the new points in, and the counts after them, int64 `[clusters]`."""
    total = counts + tf.cast(tf.squeeze(assigned.counts, axis=1), tf.int64)
    change = assigned.sums - assigned.counts * centres
    return centres + change / tf.maximum(tf.cast(total, tf.float32), 1.0)[:, tf.newaxis], total


def _assign(variable: Variable, value: Tensor) -> None:
    # On the handle: each replica changes its own copy, and all come to the same.
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
