"""What a `model_fn` gives as `train_op`: descriptions of updates, made once per step."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from estimators.aliases import Tensor, Variable
from estimators.optimizers.gradients import loss_name
from estimators.optimizers.interface import (
    DiskName,
    Optimizer,
    UpdateContext,
)
from estimators.optimizers.lookup import get


@dataclasses.dataclass(frozen=True, eq=False)
class Minimize:
    """One loss, one optimizer, and the variables to move; made by `minimize`.

    Attributes:
        loss: scalar tensor.
        optimizer: what turns gradients into updates.
        variables: what to move; None means every trainable variable of the model.
        owns_global_step: False makes the optimizer count its steps in `<scope>/iter`; Keras and v1
            optimizers count in variables of their own anyway.

    Example:
        >>> import tensorflow as tf
        >>> from estimators.optimizers import minimize
        >>> minimize(tf.constant(1.0), "Ftrl").owns_global_step
        True
    """

    loss: Tensor
    optimizer: Optimizer
    variables: tuple[Variable, ...] | None
    owns_global_step: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """Several train ops as one; made by `group`.

    Attributes:
        train_ops: descriptions, callables without arguments, or operations already made.

    Example:
        >>> from estimators.optimizers import group
        >>> group(None).train_ops
        ()
    """

    train_ops: tuple[Any, ...]


def minimize(
    loss: Tensor,
    optimizer: Any,
    variables: Iterable[Variable] | None = None,
    *,
    owns_global_step: bool = True,
) -> Minimize:
    """Describes one step of training, to be given as `EstimatorSpec(train_op=...)`.

    Nothing is computed here: the Estimator runs the description on each replica, sums the
    gradients, and counts the global step.

    Args:
        loss: scalar tensor of one replica; its gradient is divided by the number of replicas.
        optimizer: what `get` takes: a name, an optimizer of this package, of Keras 3 or of
            `tf.compat.v1.train`, or a function that returns one.
        variables: what to move; None means every trainable variable of the model.
        owns_global_step: False for all but one optimizer of a model: those count in a variable of
            their own, as in tf.estimator's checkpoints.

    Raises:
        ValueError: `optimizer` is none, or the loss is not one floating-point number.

    Example:
        >>> import tensorflow as tf
        >>> from estimators.optimizers import minimize
        >>> minimize(tf.constant(1.0), "SGD").optimizer.learning_rate
        0.01
    """
    loss = tf.convert_to_tensor(loss)
    if not loss.dtype.is_floating:
        raise ValueError(f"`loss` must be floating point to have gradients, got {loss.dtype.name}.")
    if loss.shape.rank is not None and loss.shape.num_elements() not in (1, None):
        raise ValueError(f"`loss` must be scalar, got shape {loss.shape}. Reduce it first.")
    return Minimize(
        loss=loss,
        optimizer=get(optimizer),
        variables=None if variables is None else tuple(variables),
        owns_global_step=owns_global_step,
    )


def group(*train_ops: Any) -> Group:
    """Makes one train op of several, such as one per part of a model with two optimizers.

    All gradients are computed before any variable moves.

    Args:
        *train_ops: results of `minimize` or `group`, callables, operations; None is left out.

    Example:
        >>> import tensorflow as tf
        >>> from estimators.optimizers import group, minimize
        >>> loss = tf.constant(1.0)
        >>> len(group(minimize(loss, "Ftrl"), minimize(loss, "Adagrad")).train_ops)
        2
    """
    flat: list[Any] = []
    for train_op in train_ops:
        if isinstance(train_op, Group):
            flat.extend(train_op.train_ops)
        elif train_op is not None:
            flat.append(train_op)
    return Group(tuple(flat))


def default_disk_name(variable: Variable) -> str:
    """Returns the name of a variable without the output number that TensorFlow adds."""
    return str(variable.name).removesuffix(":0")


def apply_minimize(
    description: Minimize | Group,
    *,
    step: Tensor,
    variables: Sequence[Variable] = (),
    disk_name: DiskName = default_disk_name,
    tape: Any = None,
) -> None:
    """Runs a description: differentiates, sums over replicas, updates.

    Must be called in replica context, once per step of each replica. The global step is the
    caller's: it is read here, never counted.

    Args:
        description: what `minimize` or `group` returned. Callables in a group are called after the
            updates; operations in it have run already.
        step: scalar int64 tensor or variable, the number of steps finished before this one.
        variables: trainable variables of the model, for descriptions that name none. The
            constraint of a Keras layer is kept where its Keras variable is given, here or in the
            description: the `tf.Variable` underneath does not know of it.
        disk_name: names a variable in checkpoints.
        tape: persistent `tf.GradientTape` that recorded the body, when it runs eagerly.

    Raises:
        ValueError: there is no variable to move, or the loss depends on none.

    Example:
        >>> import tensorflow as tf
        >>> from estimators.optimizers import apply_minimize, minimize
        >>> weight = tf.Variable(3.0)
        >>> with tf.GradientTape() as tape:
        ...     loss = weight * weight
        >>> step = tf.constant(0, tf.int64)
        >>> apply_minimize(minimize(loss, "SGD"), step=step, variables=[weight], tape=tape)
        >>> round(float(weight), 2)
        2.94
    """
    train_ops = group(description).train_ops
    minimizes = [train_op for train_op in train_ops if isinstance(train_op, Minimize)]
    # All before the first update: a gradient must never see a variable that has moved.
    gradients = [
        one.optimizer.compute_gradients(one.loss, _variables(one, variables), tape)
        for one in minimizes
    ]
    step = tf.convert_to_tensor(step)
    for one, scope, pairs in zip(minimizes, _scopes(minimizes), gradients, strict=True):
        one.optimizer.apply_gradients(
            pairs,
            UpdateContext(
                step=step,
                scope=scope,
                owns_global_step=one.owns_global_step,
                disk_name=disk_name,
            ),
        )
    for train_op in train_ops:
        if callable(train_op) and not isinstance(train_op, tf.Variable):
            train_op()


def _variables(description: Minimize, trainable: Sequence[Variable]) -> Sequence[Variable]:
    variables = trainable if description.variables is None else description.variables
    if not variables:
        raise ValueError(
            f"There is nothing to train: `minimize` of loss {loss_name(description.loss)} got no "
            "variables. The model_fn made no trainable variable, or `variables` is empty."
        )
    return variables


def _scopes(minimizes: Sequence[Minimize]) -> list[str]:
    """Names the folder of each optimizer: a second one of the same name gets `_1`."""
    scopes: list[str] = []
    for one in minimizes:
        scope = f"training/{one.optimizer.name}"
        count = sum(
            earlier.optimizer.name == one.optimizer.name for earlier in minimizes[: len(scopes)]
        )
        scopes.append(f"{scope}_{count}" if count else scope)
    return scopes
