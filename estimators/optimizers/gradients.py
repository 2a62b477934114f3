"""From a loss to the gradients an update reads: differentiate, sum over replicas, sum by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from estimators.aliases import Tensor, Variable
from estimators.optimizers.interface import GradientAndVariable, tf_variable


def replicas_in_sync() -> int:
    """Returns over how many replicas the gradients of one step are summed."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def differentiate(
    loss: Tensor, variables: Sequence[Variable], *, tape: Any = None, seed: Tensor | None = None
) -> list[GradientAndVariable]:
    """Computes the gradient of `loss / replicas`, the share of a replica in the mean loss.

    tf.estimator scaled the same way: heads reduce by `SUM_OVER_BATCH_SIZE` over the batch of one
    replica, and gradients are summed over replicas.

    Args:
        loss: scalar tensor.
        variables: `tf.Variable`s or Keras variables.
        tape: see `Optimizer.compute_gradients`.
        seed: factor on top, a scalar; `None` is 1.

    Returns:
        The pairs of variables that the loss depends on, in the order of `variables`.

    Raises:
        ValueError: the loss depends on none of the variables.
    """
    targets = [tf_variable(variable) for variable in variables]
    seed = share_of_replica(loss, seed)
    if tape is not None:
        found = tape.gradient(loss, targets, output_gradients=seed)
    else:
        found = tf.gradients(loss, targets, grad_ys=seed)
    return only_found(found, variables, loss)


def share_of_replica(loss: Tensor, factor: Tensor | None = None) -> Tensor | None:
    """Returns `factor / replicas` in the shape of the loss: the gradient to start from.

    None stands for 1. Starting from a smaller gradient is `loss / replicas` without an operation
    on one replica.
    """
    replicas = replicas_in_sync()
    if replicas == 1 and factor is None:
        return None
    share = tf.cast(1.0 if factor is None else factor, loss.dtype) / replicas
    return tf.fill(tf.shape(loss), share)


def only_found(
    gradients: Sequence[Tensor | None], variables: Sequence[Variable], loss: Tensor
) -> list[GradientAndVariable]:
    """Leaves out the variables without gradient.

    Raises:
        ValueError: none is left.
    """
    pairs = [
        (gradient, variable)
        for gradient, variable in zip(gradients, variables, strict=True)
        if gradient is not None
    ]
    if not pairs:
        raise ValueError(_no_gradient(loss, variables))
    return pairs


def loss_name(loss: Tensor) -> str:
    """Returns what to call a loss in an error: its name, or its value when it has none."""
    return f"{loss.numpy()}" if hasattr(loss, "numpy") else repr(loss.name)


def _no_gradient(loss: Tensor, variables: Sequence[Variable]) -> str:
    names = ", ".join(repr(variable.name) for variable in variables[:3])
    more = f" and {len(variables) - 3} more" if len(variables) > 3 else ""
    return (
        f"No variable has a gradient: loss {loss_name(loss)} does not depend on {names}{more}. "
        "Either it is made from labels and constants alone, or the way from the "
        "variables to it is cut by an operation without gradient (tf.argmax, tf.round, a cast to "
        "integer, tf.stop_gradient, a NumPy or py_function call)."
    )


def sum_over_replicas(gradients: Sequence[Tensor]) -> list[Tensor]:
    """Sums each gradient over all replicas; every replica gets the sums.

    Rows of `tf.IndexedSlices` are put one after another, so ids may repeat afterwards.
    """
    if replicas_in_sync() == 1:
        return list(gradients)
    context = tf.distribute.get_replica_context()
    # On the replica's device: gradients lie where their operations happened to be placed, and only
    # those that lie together are reduced together; for others each worker warns and waits apart.
    placed = tf.nest.map_structure(tf.identity, list(gradients), expand_composites=True)
    return list(context.all_reduce(tf.distribute.ReduceOp.SUM, placed))


def sum_repeated_rows(gradient: Tensor) -> Tensor:
    """Makes every row occur once, with the sum of what its occurrences hold.

    An update that squares the gradient of a row is wrong without: the square of a sum is not the
    sum of the squares.

    Args:
        gradient: `tf.IndexedSlices`; values `[ids, ...]`, indices `[ids]`.

    Returns:
        `tf.IndexedSlices`; values `[distinct ids, ...]`.
    """
    rows, position = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, position, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def as_whole_table(gradient: Tensor, variable: Variable) -> Tensor:
    """Returns the dense gradient of a table, `[rows, ...]`, with zeros for the rows not touched."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, variable.shape[0])


def map_values(function: Any, gradient: Tensor) -> Tensor:
    """Applies `function` to a gradient, or to the values of `tf.IndexedSlices`."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(function(gradient.values), gradient.indices, gradient.dense_shape)
    return function(gradient)
