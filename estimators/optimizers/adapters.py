"""Optimizers that others wrote: Keras 3 and `tf.compat.v1.train`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from estimators.aliases import Tensor, Variable
from estimators.optimizers import gradients as gradient_ops
from estimators.optimizers.interface import (
    GradientAndVariable,
    Optimizer,
    UpdateContext,
    tf_variable,
)


@dataclasses.dataclass(frozen=True, eq=False)
class KerasOptimizer(Optimizer):
    """A Keras 3 optimizer that has no equal here, made correct for repeated ids.

    Keras 3 does not sum the repeated rows of a `tf.IndexedSlices`, so its update of a looked-up
    table is wrong when an id repeats. Here it gets the dense gradient instead. That costs what the
    table holds; so does what these optimizers do anyway (weight decay, moving averages of weights,
    accumulated gradients, dense moments).

    It counts its steps in its own `iterations`.

    Attributes:
        optimizer: the Keras optimizer.

    Example:
        >>> import keras
        >>> from estimators.optimizers import KerasOptimizer
        >>> KerasOptimizer(keras.optimizers.Lion(name="lion")).name
        'lion'
    """

    optimizer: Any

    @property
    def name(self) -> str:
        """See `Optimizer.name`."""
        return str(self.optimizer.name)

    def compute_gradients(
        self, loss: Tensor, variables: Sequence[Variable], tape: Any = None
    ) -> list[GradientAndVariable]:
        """See `Optimizer.compute_gradients`."""
        scale = self.optimizer.scale_loss(1.0)
        seed = None if isinstance(scale, float) and scale == 1.0 else scale
        return gradient_ops.differentiate(loss, variables, tape=tape, seed=seed)

    def apply_gradients(
        self, gradients: Sequence[GradientAndVariable], context: UpdateContext
    ) -> None:
        """See `Optimizer.apply_gradients`."""
        del context
        dense = [
            gradient_ops.as_whole_table(gradient, tf_variable(variable))
            for gradient, variable in gradients
        ]
        # Keras sums over replicas by itself.
        self.optimizer.apply(dense, [variable for _, variable in gradients])


@dataclasses.dataclass(frozen=True, eq=False)
class V1Optimizer(Optimizer):
    """A `tf.compat.v1.train.Optimizer`, which sums repeated rows and replicas by itself.

    Attributes:
        optimizer: the old optimizer.

    Example:
        >>> import tensorflow as tf
        >>> from estimators.optimizers import V1Optimizer
        >>> V1Optimizer(tf.compat.v1.train.GradientDescentOptimizer(0.1)).name
        'GradientDescent'
    """

    optimizer: Any

    @property
    def name(self) -> str:
        """See `Optimizer.name`."""
        return str(self.optimizer.get_name())

    def compute_gradients(
        self, loss: Tensor, variables: Sequence[Variable], tape: Any = None
    ) -> list[GradientAndVariable]:
        """See `Optimizer.compute_gradients`."""
        if tape is not None:
            return gradient_ops.differentiate(loss, variables, tape=tape)
        # Through the optimizer, since wrappers (clipping, averaging) override this method.
        share = gradient_ops.share_of_replica(loss)
        options = {} if share is None else {"grad_loss": share}
        targets = [tf_variable(variable) for variable in variables]
        pairs = self.optimizer.compute_gradients(loss, var_list=targets, **options)
        found = [gradient for gradient, _ in pairs]
        return gradient_ops.only_found(found, [variable for _, variable in pairs], loss)

    def apply_gradients(
        self, gradients: Sequence[GradientAndVariable], context: UpdateContext
    ) -> None:
        """See `Optimizer.apply_gradients`."""
        del context
        self.optimizer.apply_gradients(
            [(gradient, tf_variable(variable)) for gradient, variable in gradients]
        )
