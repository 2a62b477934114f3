"""Linear models of few weights, by sums over all examples seen.

Each example stands for a parabola: of the loss at the prediction that the example had when it was
last in a batch. The sum of the parabolas and the L2 penalty is one quadratic function of all
weights, `w (H + l2) w / 2 - b w`. A step takes the old parabolas of its examples out of H and b,
puts new ones in, and solves for the weights: Rodomanov and Kropotov, "A superlinearly-convergent
proximal Newton-type method for the optimization of finite sums", ICML 2016. For the squared error a
parabola is the loss itself, so that one pass over the data is enough; for others a few are.

A parabola with the curvature of the loss may be too flat far from where it touches. If an example
finds that its last one was, its next is one that is nowhere below the loss; so is its first, if it
lies where the loss has hardly any curvature.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from premade.sdca.batch import Examples
from premade.sdca.losses import Problem

Tensor = Any

MOST_WEIGHTS = 1024
NUMBERS = 3
_CHUNK = 1024
# A prediction of an example never seen before that is larger than this is not believed.
_SURE = 8.0


@dataclasses.dataclass(frozen=True, eq=False)
class Sums:
    """A quadratic function of the weights, without the penalty.

    Attributes:
        curvature: float64 `[weights, weights]`, H.
        slope: float64 `[weights]`, b.

    Example:
        >>> sums = Sums(tf.constant([[3.0]], tf.float64), tf.constant([8.0], tf.float64))
        >>> sums.minimum(l2=1.0).numpy()
        array([2.])
    """

    curvature: Tensor
    slope: Tensor

    def minimum(self, l2: float) -> Tensor:
        """Returns the weights where the function and the penalty are least, `[weights]`."""
        diagonal = tf.linalg.diag_part(self.curvature) + l2
        # Scaled so that the diagonal is 1: features of very different sizes would cost digits.
        scale = tf.math.rsqrt(diagonal)
        scaled = scale[:, tf.newaxis] * self.curvature * scale
        factor = tf.linalg.cholesky(tf.linalg.set_diag(scaled, tf.ones_like(scale)))
        return scale * tf.linalg.cholesky_solve(factor, (scale * self.slope)[:, tf.newaxis])[:, 0]


def absorb(
    problem: Problem, examples: Examples, weights: Tensor, numbers: Tensor, sums: Sums
) -> tuple[Tensor, Sums]:
    """Exchanges the parabolas of a batch.

    Args:
        problem: what is minimised; without l1.
        examples: different ones.
        weights: float64 `[weights]`, where the new parabolas touch the losses.
        numbers: float64 `[batch, 3]`, of the old parabolas: slope at prediction 0, curvature, and
            the prediction where they touch the losses; zeros for an example not seen before.
        sums: with the old ones in.

    Returns:
        The numbers of the new ones, and the sums.

    >>> from premade.sdca.losses import HalfSquaredLoss
    >>> x, y = tf.constant([[1.0], [2.0]], tf.float64), tf.constant([3.0, 5.0], tf.float64)
    >>> none = tf.zeros([2, 0], tf.float64)
    >>> examples = Examples(x, tf.zeros([2, 0], tf.int32), none, y, tf.ones_like(y))
    >>> problem = Problem(HalfSquaredLoss(), l1=0.0, l2=1.0)
    >>> empty = Sums(tf.zeros([1, 1], tf.float64), tf.zeros([1], tf.float64))
    >>> old = tf.zeros([2, 3], tf.float64)
    >>> _, sums = absorb(problem, examples, tf.zeros([1], tf.float64), old, empty)
    >>> sums.minimum(l2=1.0).numpy().round(6)  # x y / (x x + l2)
    array([2.166667])
    """
    batch, size = tf.shape(examples.labels)[0], tf.shape(weights)[0]

    def exchange(start: Tensor, numbers: Tensor, curvature: Tensor, slope: Tensor) -> Any:
        end = tf.minimum(start + _CHUNK, batch)
        chunk = examples.rows(start, end)
        matrix = chunk.whole_matrix(size)
        old = numbers[start:end]
        new = _parabolas(problem, chunk, tf.linalg.matvec(matrix, weights), old)
        change = new - old
        slope += tf.linalg.matvec(matrix, change[:, 0], transpose_a=True)
        curvature += tf.matmul(matrix, change[:, 1:2] * matrix, transpose_a=True)
        return end, tf.concat([numbers[:start], new, numbers[end:]], axis=0), curvature, slope

    _, numbers, curvature, slope = tf.while_loop(
        lambda start, *_: start < batch,
        exchange,
        (tf.constant(0), numbers, sums.curvature, sums.slope),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None, NUMBERS]),
            sums.curvature.shape,
            sums.slope.shape,
        ),
    )
    return numbers, Sums(curvature, slope)


def _parabolas(problem: Problem, examples: Examples, predictions: Tensor, old: Tensor) -> Tensor:
    """Returns the numbers of new parabolas, float64 `[n, 3]`."""
    loss, labels, weights = problem.loss, examples.labels, examples.weights
    _, old_curvature, before = tf.unstack(old, axis=1)
    moved = predictions - before
    # Twice as far above its tangent as the last parabola is: that was too flat.
    above = loss.value(labels, predictions) - loss.value(labels, before)
    above += loss.residual(labels, before) * moved
    was_flat = weights * above > old_curvature * tf.square(moved) + 1e-12
    is_seen = tf.reduce_any(tf.not_equal(old, 0.0), axis=1)
    is_unsafe = tf.where(is_seen, was_flat, tf.abs(predictions) > _SURE)
    own = loss.curvature(labels, predictions)
    curvature = weights * tf.where(is_unsafe, loss.bound(predictions), own)
    slope = weights * loss.residual(labels, predictions) + curvature * predictions
    return tf.stack([slope, curvature, predictions], axis=1)
