"""Gradient descent, with or without momentum, by rows."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from estimators.aliases import Tensor
from estimators.optimizers.hyper_parameters import LearningRate, Scalars
from estimators.optimizers.row_wise import RowWiseOptimizer, Slots


@dataclasses.dataclass(frozen=True)
class SGD(RowWiseOptimizer):
    """`w -= learning_rate * g`; with momentum, `m = momentum * m - learning_rate * g; w += m`.

    Nesterov's form adds `momentum * m - learning_rate * g` instead of `m`. A step costs what the
    batch touches.

    Attributes:
        momentum: share of the last update that is made again, in `[0, 1]`.
        nesterov: look ahead along the momentum.
        lazy: True, as in Keras 2, moves only the rows in the batch. False also goes on moving the
            rows seen before by their momentum, as the dense gradient does (Keras 3); a step then
            costs what the table holds. Without momentum there is no difference.

    The other attributes are those of `RowWiseOptimizer`.

    Example:
        >>> from estimators.optimizers import SGD
        >>> SGD(0.1, momentum=0.9).nesterov
        False
    """

    learning_rate: LearningRate = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    lazy: bool = dataclasses.field(default=True, kw_only=True)
    name: str = dataclasses.field(default="SGD", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"`momentum` must be between 0 and 1, got {self.momentum!r}.")

    @property
    def row_wise(self) -> bool:
        """See `RowWiseOptimizer.row_wise`."""
        return self.lazy or not self.momentum

    @property
    def adds_up(self) -> bool:
        """See `RowWiseOptimizer.adds_up`."""
        return not self.momentum

    def hyper_parameters(self) -> dict[str, float]:
        """Returns the momentum, saved even when it is 0."""
        return {"momentum": self.momentum}

    def slots(self) -> dict[str, float]:
        """Returns the last update, if there is momentum."""
        return {"momentum": 0.0} if self.momentum else {}

    def update_all(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """See `RowWiseOptimizer.update_all`."""
        if not self.momentum:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=handle, alpha=scalars["learning_rate"], delta=gradient
            )
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=handle,
            accum=slots["momentum"],
            lr=scalars["learning_rate"],
            grad=gradient,
            momentum=scalars["momentum"],
            use_nesterov=self.nesterov,
        )

    def update_rows(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """See `RowWiseOptimizer.update_rows`."""
        if not self.momentum:
            tf.raw_ops.ResourceScatterSub(
                resource=handle,
                indices=gradient.indices,
                updates=gradient.values * scalars["learning_rate"],
            )
            return
        tf.raw_ops.ResourceSparseApplyKerasMomentum(
            var=handle,
            accum=slots["momentum"],
            lr=scalars["learning_rate"],
            grad=gradient.values,
            indices=gradient.indices,
            momentum=scalars["momentum"],
            use_nesterov=self.nesterov,
        )
