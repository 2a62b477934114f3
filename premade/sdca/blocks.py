"""Dual coordinate ascent on linear models, by blocks of examples, each solved as a whole.

The problem: minimise over w::

    sum_i  weight_i * loss_i(x_i w)  +  l2 / 2 * |w|^2  +  l1 * |w|_1

Each example i has a dual variable c_i, how much of x_i is in the solution. With
`v = sum_i c_i x_i / l2` the weights are `w = shrink(v)`: every weight of v moved towards 0 by
`l1 / l2`. At the optimum `c_i = -weight_i * loss_i'(x_i w)`: Shalev-Shwartz and Zhang, "Accelerated
Proximal Stochastic Dual Coordinate Ascent", Mathematical Programming 155 (2016), section 2.

They change one c at a time. Here those of a block change together: with all other examples fixed,
what is left is a problem in as many unknowns as there are examples in the block, whatever the
number of features. Newton's method solves it, with the matrix kept well conditioned as in Rasmussen
and Williams, "Gaussian Processes for Machine Learning" (2006), algorithm 3.1. There is no learning
rate, and the order of the arithmetic is fixed, so that a run repeats bit for bit. (TensorFlow's own
`SdcaOptimizerV2` goes through a batch in an order drawn from the random device.)
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from premade.sdca.batch import Examples
from premade.sdca.losses import Problem, SolverLoss

Tensor = Any

BLOCK_SIZE = 256
_MOST_NEWTON_STEPS = 12
_TOLERANCE = 1e-9
_STEP_LENGTHS = (1.0, 0.5, 0.25, 0.0625, 0.0)


def ascend(
    problem: Problem, examples: Examples, v: Tensor, duals: Tensor, block_size: int = BLOCK_SIZE
) -> tuple[Tensor, Tensor]:
    """Solves for the dual variables of a batch, block after block.

    Args:
        problem: what is minimised.
        examples: different ones.
        v: float64 `[weights]`: see the module.
        duals: float64 `[batch]`.
        block_size: examples that are solved for together.

    Returns:
        The new `v` and `duals`.

    >>> from premade.sdca.losses import HalfSquaredLoss
    >>> x, y = tf.constant([[1.0], [2.0]], tf.float64), tf.constant([3.0, 5.0], tf.float64)
    >>> none = tf.zeros([2, 0], tf.float64)
    >>> examples = Examples(x, tf.zeros([2, 0], tf.int32), none, y, tf.ones_like(y))
    >>> problem = Problem(HalfSquaredLoss(), l1=0.0, l2=1.0)
    >>> v, _ = ascend(problem, examples, tf.zeros([1], tf.float64), tf.zeros([2], tf.float64))
    >>> v.numpy().round(6)  # x y / (x x + l2)
    array([2.166667])
    """
    batch, size = tf.shape(examples.labels)[0], tf.shape(v)[0]

    def solve(start: Tensor, v: Tensor, duals: Tensor) -> Any:
        end = tf.minimum(start + block_size, batch)
        block = examples.rows(start, end)
        which, matrix = block.matrix(size)
        own, of_block = _solved(problem, block, matrix, tf.gather(v, which), duals[start:end])
        v = tf.tensor_scatter_nd_update(v, which[:, tf.newaxis], own)
        return end, v, tf.concat([duals[:start], of_block, duals[end:]], axis=0)

    unknown = tf.TensorShape([None])
    _, v, duals = tf.while_loop(
        lambda start, *_: start < batch,
        solve,
        (tf.constant(0), v, duals),
        shape_invariants=(tf.TensorShape([]), unknown, unknown),
    )
    return v, duals


def _solved(
    problem: Problem, block: Examples, matrix: Tensor, v: Tensor, duals: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns the new `v` and `duals` of one block; `matrix` is `[examples, weights]`."""
    gram = tf.matmul(matrix, matrix, transpose_b=True) / problem.l2
    is_exact = problem.loss.is_quadratic and not problem.l1
    most = 1 if is_exact else _MOST_NEWTON_STEPS

    def newton(i: Tensor, _: Tensor, v: Tensor, duals: Tensor) -> Any:
        # Shrinking is bounded by the identity, so that v moves as if there were no l1: a step that
        # is a little short and never too long. Without l1 it is Newton's own.
        predictions = tf.linalg.matvec(matrix, problem.shrink(v))
        step = _newton_step(problem.loss, block, gram, predictions, duals)
        moved = tf.reduce_max(tf.abs(tf.linalg.matvec(gram, step)))
        v += tf.linalg.matvec(matrix, step, transpose_a=True) / problem.l2
        largest = tf.reduce_max(tf.abs(predictions))
        return i + 1, moved > _TOLERANCE * (1.0 + largest), v, duals + step

    _, _, v, duals = tf.while_loop(
        lambda i, goes_on, *_: tf.logical_and(goes_on, i < most),
        newton,
        (tf.constant(0), tf.constant(True), v, duals),
    )
    return v, duals


def _newton_step(
    loss: SolverLoss, block: Examples, gram: Tensor, predictions: Tensor, duals: Tensor
) -> Tensor:
    """Returns how the duals of a block move, float64 `[examples]`.

    The block minimises `sum weight * loss(p) + c gram c / 2`, with predictions
    `p = predictions + gram (c - duals)`.
    """
    own = tf.linalg.matvec(gram, duals)
    curvature = block.weights * loss.curvature(block.labels, predictions)
    target = curvature * own + block.weights * loss.residual(block.labels, predictions)
    root = tf.sqrt(curvature)
    # Eigenvalues are at least 1, also where two examples are equal or a curvature vanishes.
    identity = tf.eye(tf.size(root), dtype=gram.dtype)
    factor = tf.linalg.cholesky(identity + root[:, tf.newaxis] * gram * root)
    inner = root * tf.linalg.matvec(gram, target)
    solution = tf.linalg.cholesky_solve(factor, inner[:, tf.newaxis])[:, 0]
    step = target - root * solution - duals
    if loss.is_quadratic:
        return step
    # Far from the solution a whole step may overshoot: take the best of a few lengths.
    lengths = tf.constant(_STEP_LENGTHS, gram.dtype)[:, tf.newaxis]
    along = tf.linalg.matvec(gram, step)
    losses = loss.value(block.labels, predictions + lengths * along) * block.weights
    penalties = 0.5 * (duals + lengths * step) * (own + lengths * along)
    best = tf.argmin(tf.reduce_sum(losses + penalties, axis=1))
    return step * lengths[best]
