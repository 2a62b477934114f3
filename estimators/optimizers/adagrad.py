"""Adagrad, by rows."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from estimators.aliases import Tensor
from estimators.optimizers.hyper_parameters import LearningRate, Scalars
from estimators.optimizers.row_wise import RowWiseOptimizer, Slots


@dataclasses.dataclass(frozen=True)
class Adagrad(RowWiseOptimizer):
    """`a += g^2; w -= learning_rate * g / (sqrt(a) + epsilon)` for every row touched.

    Formula: Duchi, Hazan and Singer, "Adaptive Subgradient Methods", JMLR 12 (2011); the place of
    epsilon is that of Keras 2. A step costs what the batch touches.

    Attributes:
        initial_accumulator_value: `a` before the first step.
        epsilon: keeps the divisor from zero.

    The other attributes are those of `RowWiseOptimizer`.

    Example:
        >>> from estimators.optimizers import Adagrad
        >>> Adagrad(0.05).initial_accumulator_value
        0.1
    """

    learning_rate: LearningRate = 0.001
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7
    name: str = dataclasses.field(default="Adagrad", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_zero("initial_accumulator_value", "epsilon")

    def hyper_parameters(self) -> dict[str, float]:
        """Returns nothing: only the learning rate is saved."""
        return {}

    def slots(self) -> dict[str, float]:
        """Returns the accumulator of squared gradients."""
        return {"accumulator": self.initial_accumulator_value}

    def update_all(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """See `RowWiseOptimizer.update_all`."""
        tf.raw_ops.ResourceApplyAdagradV2(
            var=handle,
            accum=slots["accumulator"],
            lr=scalars["learning_rate"],
            epsilon=tf.constant(self.epsilon, gradient.dtype),
            grad=gradient,
        )

    def update_rows(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """See `RowWiseOptimizer.update_rows`."""
        tf.raw_ops.ResourceSparseApplyAdagradV2(
            var=handle,
            accum=slots["accumulator"],
            lr=scalars["learning_rate"],
            epsilon=tf.constant(self.epsilon, gradient.dtype),
            grad=gradient.values,
            indices=gradient.indices,
        )
