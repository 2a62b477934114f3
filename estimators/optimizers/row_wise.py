"""The base of the optimizers whose step costs what the batch touches, not what the table holds."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from estimators.aliases import Tensor, Variable
from estimators.optimizers import gradients as gradient_ops
from estimators.optimizers.hyper_parameters import (
    LearningRate,
    Scalars,
    check_learning_rate,
    hyper_parameter,
    learning_rate_at,
)
from estimators.optimizers.interface import (
    GradientAndVariable,
    Optimizer,
    UpdateContext,
    tf_variable,
)

Slots: TypeAlias = Mapping[str, Tensor]
"""Resource handles of the slots of one variable by name."""


@dataclasses.dataclass(frozen=True)
class RowWiseOptimizer(Optimizer):
    """Base of `Adagrad`, `Adam`, `Ftrl`, `RMSProp` and `SGD`; subclass it to write another.

    The gradient of a table that a batch looked up is a `tf.IndexedSlices`. Its repeated rows are
    summed, then only the rows it names are updated, by TensorFlow's fused kernels.

    A number given as `learning_rate`, and the numbers in `hyper_parameters`, become variables:
    they are saved, and a run that continues goes on with the saved ones, as tf.estimator's did.

    Attributes:
        learning_rate: a `LearningRate`.
        name: folder under `training/` of this optimizer's variables in checkpoints.
        decay: the learning rate is divided by `1 + decay * step`.
        clipvalue: every gradient element is limited to `[-clipvalue, clipvalue]`, before norms.
        clipnorm: the gradient of each variable is scaled down to this L2 norm.
        global_clipnorm: all gradients are scaled down together to this L2 norm.

    Clipping sees the summed rows, so it does what it does to a dense gradient.

    Raises:
        ValueError: a number is out of range, or both norms are limited.
        TypeError: `learning_rate` is none of the things it may be.

    Example:
        >>> from estimators.optimizers import Adagrad
        >>> Adagrad(0.05, clipnorm=5.0).slots()
        {'accumulator': 0.1}
    """

    learning_rate: LearningRate = 0.001
    name: str = dataclasses.field(default="", kw_only=True)
    decay: float = dataclasses.field(default=0.0, kw_only=True)
    clipvalue: float | None = dataclasses.field(default=None, kw_only=True)
    clipnorm: float | None = dataclasses.field(default=None, kw_only=True)
    global_clipnorm: float | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_learning_rate(self.learning_rate)
        self._at_least_zero("decay")
        for field in ("clipvalue", "clipnorm", "global_clipnorm"):
            value = getattr(self, field)
            if value is not None and value <= 0:
                raise ValueError(f"`{field}` must be positive or None, got {value!r}.")
        if self.clipnorm is not None and self.global_clipnorm is not None:
            raise ValueError(
                f"Give `clipnorm` ({self.clipnorm}) or `global_clipnorm` "
                f"({self.global_clipnorm}), not both."
            )
        if not self.name:
            raise ValueError("`name` must not be empty: it names the variables in checkpoints.")

    def _at_least_zero(self, *fields: str) -> None:
        for field in fields:
            if getattr(self, field) < 0:
                raise ValueError(f"`{field}` must be >= 0, got {getattr(self, field)!r}.")

    # What a subclass says.

    @property
    def row_wise(self) -> bool:
        """Whether only the rows named by a `tf.IndexedSlices` are updated."""
        return True

    @property
    def adds_up(self) -> bool:
        """Whether updating a repeated row twice is the same as once with the sum."""
        return False

    @abc.abstractmethod
    def hyper_parameters(self) -> dict[str, float]:
        """Returns the scalars saved with the model, by name, `learning_rate` left out."""

    @abc.abstractmethod
    def slots(self) -> dict[str, float]:
        """Returns the initial value of each slot, by name."""

    def constants(self, hyper: Scalars, step: Tensor) -> Scalars:
        """Computes what the updates of one step share.

        Args:
            hyper: `learning_rate` and the `hyper_parameters`, all of one dtype.
            step: scalar int64 tensor, the number of steps finished before this one.
        """
        del step
        return hyper

    @abc.abstractmethod
    def update_all(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """Updates a whole variable; `gradient` is dense and has its shape."""

    @abc.abstractmethod
    def update_rows(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """Updates the rows named by `gradient`, a `tf.IndexedSlices` (see `adds_up`)."""

    # What the runtime calls.

    def compute_gradients(
        self, loss: Tensor, variables: Sequence[Variable], tape: Any = None
    ) -> list[GradientAndVariable]:
        """See `Optimizer.compute_gradients`."""
        return gradient_ops.differentiate(loss, variables, tape=tape)

    def apply_gradients(
        self, gradients: Sequence[GradientAndVariable], context: UpdateContext
    ) -> None:
        """See `Optimizer.apply_gradients`."""
        summed = gradient_ops.sum_over_replicas([gradient for gradient, _ in gradients])
        variables = [variable for _, variable in gradients]
        ready = [
            self._one_value_per_row(gradient, tf_variable(variable))
            for gradient, variable in zip(summed, variables, strict=True)
        ]
        step = self._count(context)
        scalars_of = self._scalars_by_dtype(context, step)
        for gradient, variable in zip(self._clip(ready), variables, strict=True):
            target = tf_variable(variable)
            slots = {
                slot: self._slot(target, slot, value, context).handle
                for slot, value in self.slots().items()
            }
            sparse = isinstance(gradient, tf.IndexedSlices)
            update = self.update_rows if sparse else self.update_all
            update(target.handle, gradient, slots, scalars_of(target.dtype))
            _keep_constraint(variable)

    def _one_value_per_row(self, gradient: Tensor, variable: Variable) -> Tensor:
        if not isinstance(gradient, tf.IndexedSlices):
            return gradient
        if not self.row_wise:
            return gradient_ops.as_whole_table(gradient, variable)
        clips = (self.clipvalue, self.clipnorm, self.global_clipnorm) != (None, None, None)
        if self.adds_up and not clips:
            return gradient
        return gradient_ops.sum_repeated_rows(gradient)

    def _clip(self, gradients: list[Tensor]) -> list[Tensor]:
        if self.clipvalue is not None:
            gradients = [
                gradient_ops.map_values(
                    lambda values: tf.clip_by_value(values, -self.clipvalue, self.clipvalue),
                    gradient,
                )
                for gradient in gradients
            ]
        if self.clipnorm is not None:
            gradients = [tf.clip_by_norm(gradient, self.clipnorm) for gradient in gradients]
        if self.global_clipnorm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.global_clipnorm)
        return gradients

    def _count(self, context: UpdateContext) -> Tensor:
        if context.owns_global_step:
            return context.step
        counter = tf.Variable(
            lambda: tf.zeros([], tf.int64), trainable=False, name=f"{context.scope}/iter"
        )
        step = tf.identity(counter)
        # On the handle: `assign_add` of a mirrored variable asks for an aggregation, and every
        # replica counts its own copy anyway.
        tf.raw_ops.AssignAddVariableOp(resource=counter.handle, value=tf.ones([], tf.int64))
        return step

    def _scalars_by_dtype(
        self, context: UpdateContext, step: Tensor
    ) -> Callable[[tf.DType], Scalars]:
        scope = context.scope
        hyper = {
            name: tf.convert_to_tensor(hyper_parameter(f"{scope}/{name}", value))
            for name, value in self.hyper_parameters().items()
        }
        # Saved always, as tf.estimator saved it, and read only when it does something.
        decay = hyper_parameter(f"{scope}/decay", self.decay)
        hyper["learning_rate"] = learning_rate_at(step, self.learning_rate, scope)
        if self.decay:
            hyper["learning_rate"] /= 1.0 + decay * tf.cast(step, tf.float32)
        cache: dict[tf.DType, Scalars] = {}

        def scalars_of(dtype: tf.DType) -> Scalars:
            if dtype not in cache:
                cast = {name: tf.cast(value, dtype) for name, value in hyper.items()}
                cache[dtype] = self.constants(cast, step)
            return cache[dtype]

        return scalars_of

    def _slot(
        self, variable: Variable, slot: str, value: float, context: UpdateContext
    ) -> Variable:
        name = f"{context.scope}/{context.disk_name(variable)}/{slot}"
        shape, dtype = variable.shape, variable.dtype
        with tf.distribute.get_strategy().extended.colocate_vars_with(variable):
            return tf.Variable(
                lambda: tf.fill(shape, tf.cast(value, dtype)), trainable=False, name=name
            )


def decay_rows(slot: Tensor, gradient: Tensor, decay: Tensor, *, power: int = 1) -> Tensor:
    """Moves the rows of a running mean of `gradient ** power` that `gradient` names.

    Args:
        slot: resource handle of the running mean.
        gradient: `tf.IndexedSlices` with distinct rows.
        decay: weight of the old mean, a scalar.
        power: 1 for the mean, 2 for the mean square.

    Returns:
        The new rows, `[rows, ...]`.
    """
    values = gradient.values if power == 1 else tf.square(gradient.values)
    old = tf.raw_ops.ResourceGather(resource=slot, indices=gradient.indices, dtype=values.dtype)
    new = decay * old + (1.0 - decay) * values
    tf.raw_ops.ResourceScatterUpdate(resource=slot, indices=gradient.indices, updates=new)
    return new


def _keep_constraint(variable: Variable) -> None:
    constraint = getattr(variable, "constraint", None)
    if constraint is None:
        return
    target = tf_variable(variable)
    tf.raw_ops.AssignVariableOp(
        resource=target.handle, value=constraint(tf.convert_to_tensor(target))
    )
